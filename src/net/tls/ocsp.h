// OcspStaple: what a certificate's issuer says of its revocation, shown by the server together with the certificate (RFC 6066
// §8).
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "net/tls/openssl.h"

namespace weir::net {

class OcspStaple {
 public:
  /// Reads an OCSP response (RFC 6960 §4.2), DER. The error says what is wrong with it.
  static std::expected<OcspStaple, std::string> parse(std::string der);

  const std::string& der() const { return der_; }
  bool is_about(X509* certificate) const { return serial_ == serial_of(certificate); }
  /// Not so any more after the time of the next update; nor if none is named.
  bool valid_at(int64_t unix_seconds) const { return unix_seconds <= valid_until_s_; }
  int64_t valid_from_s() const { return valid_from_s_; }
  int64_t valid_until_s() const { return valid_until_s_; }

 private:
  static std::string serial_of(X509* certificate);

  std::string der_;
  std::string serial_;  // of the certificate, DER
  int64_t valid_from_s_ = 0, valid_until_s_ = 0;
};

/// Whether the certificate must not be shown without a staple (RFC 7633).
bool must_be_stapled(X509* certificate);

}  // namespace weir::net
