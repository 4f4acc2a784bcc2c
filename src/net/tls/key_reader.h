// KeyReader: reads private keys; worth keeping, because what OpenSSL needs for it takes longer to set up than a key to read.
#pragma once

#include <memory>
#include <string>

#include "net/tls/openssl.h"

namespace weir::net {

/// Not thread-safe.
class KeyReader {
 public:
  KeyReader();
  ~KeyReader();

  /// The first private key in a PEM text (PKCS #8, or as older programs write RSA and EC keys), which may be encrypted with
  /// `password`; null if there is none that can be read.
  PrivateKeyPtr read(const std::string& pem, const std::string& password);

 private:
  PrivateKeyPtr read_plain(const std::string& pem);

  struct Decoder;
  std::unique_ptr<Decoder> decoder_;  // made when first needed
};

}  // namespace weir::net
