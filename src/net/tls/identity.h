// TlsIdentity: a certificate with its chain and private key, parsed and found to fit; shared by all contexts that show it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/tls/tls_info.h"
#include "net/tls/tls_spec.h"

namespace weir::net {

class KeyReader;
class OcspStaple;

class TlsIdentity {
 public:
  /// What is wrong with a certificate, and with which of its parts (a field of TlsCertificate).
  struct Problem {
    std::string field;
    std::string message;
  };
  static std::expected<TlsIdentityPtr, Problem> load(const TlsCertificateSpec& spec, KeyReader& keys);
  ~TlsIdentity();

  const std::shared_ptr<const CertificateFacts>& facts() const { return facts_; }
  /// The DNS names it answers to, as they stand in the certificate.
  const std::vector<std::string>& server_names() const { return server_names_; }
  /// Whether clients need to know ECDSA to make use of it.
  bool is_ecdsa() const { return ecdsa_; }
  /// Where it came from, for messages and /certs.
  const std::string& name() const { return name_; }
  /// Null if there is none.
  const OcspStaple* staple() const { return staple_.get(); }
  /// From when until when it holds, in seconds of Unix time; nothing if there is none.
  struct Validity {
    int64_t from_s, until_s;
  };
  std::optional<Validity> staple_validity() const;
  /// The certificate itself says that it needs one.
  bool needs_staple() const { return needs_staple_; }
  /// Facts of the certificates that stand behind it in its chain.
  const std::vector<CertificateFacts>& chain_facts() const { return chain_facts_; }

  struct Parsed;
  const Parsed& parsed() const { return *parsed_; }

 private:
  TlsIdentity();
  std::unique_ptr<Parsed> parsed_;
  std::shared_ptr<const CertificateFacts> facts_;
  std::vector<CertificateFacts> chain_facts_;
  std::vector<std::string> server_names_;
  std::string name_;
  std::unique_ptr<const OcspStaple> staple_;
  bool needs_staple_ = false;
  bool ecdsa_ = false;
};

}  // namespace weir::net
