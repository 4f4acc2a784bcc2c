// TlsTrust: whom we believe: authorities, revocations, names and hashes; parsed, and shared by all contexts that believe the
// same.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/tls/tls_info.h"
#include "net/tls/tls_spec.h"

struct x509_st;
struct ssl_st;

namespace weir::net {

/// Which of Envoy's counters a refusal belongs to.
enum class TlsRefusal : uint8_t { kNone, kUntrusted, kSan, kHash };

class TlsTrust {
 public:
  /// What is wrong, and with which field of CertificateValidationContext.
  struct Problem {
    std::string field;
    std::string message;
  };
  static std::expected<TlsTrustPtr, Problem> load(TlsTrustSpec spec);
  ~TlsTrust();

  const TlsTrustSpec& spec() const { return spec_; }
  bool checks_chain() const;
  /// Whether peers are asked for a certificate, and whether they must have one (on the server's side).
  bool asks() const;
  bool demands() const;
  /// What it believes, for /certs.
  const std::vector<CertificateFacts>& authorities() const { return authorities_; }

  struct Parsed;
  const Parsed& parsed() const { return *parsed_; }

 private:
  TlsTrust();
  TlsTrustSpec spec_;
  std::unique_ptr<Parsed> parsed_;
  std::vector<CertificateFacts> authorities_;
};

}  // namespace weir::net
