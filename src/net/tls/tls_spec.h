// What the configuration says about TLS, as plain values; texts are PEM unless said otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"

namespace weir::net {

enum class TlsVersion : uint8_t { kAuto, k1_0, k1_1, k1_2, k1_3 };

/// TlsCertificate: who we are. The names say where the texts came from, for messages.
struct TlsCertificateSpec {
  std::string chain, chain_name;
  std::string key, key_name;
  std::string pkcs12;  // DER; instead of chain and key
  std::string password;
  std::string ocsp_staple, ocsp_staple_name;  // DER
};

/// SubjectAltNameMatcher.
struct SanMatcher {
  enum class Type : uint8_t { kEmail, kDns, kUri, kIp, kOtherName };
  Type type;
  std::string oid;                   // of an other name, dotted
  std::optional<std::string> exact;  // a DNS name that is compared as names are: *.example.com in the certificate covers it
  std::function<bool(std::string_view)> matches;
};

/// CertificateValidationContext: whom we believe.
struct TlsTrustSpec {
  std::string trusted_ca, trusted_ca_name;
  bool system_roots = false;
  std::string crl, crl_name;
  bool only_leaf_crl = false;
  std::vector<SanMatcher> sans;
  std::vector<std::string> certificate_hashes;  // SHA-256, 32 bytes each
  std::vector<std::string> key_hashes;          // of the SubjectPublicKeyInfo, SHA-256, 32 bytes each
  bool allow_expired = false;
  bool accept_untrusted = false;
  std::optional<uint32_t> max_depth;  // of the configuration: one more than the intermediates that are allowed

  struct TrustDomain {
    std::string name;
    std::string bundle;
  };
  std::vector<TrustDomain> spiffe;  // not empty: the SPIFFE validator takes the place of all of the above
};

class TlsIdentity;
class TlsTrust;
using TlsIdentityPtr = std::shared_ptr<const TlsIdentity>;
using TlsTrustPtr = std::shared_ptr<const TlsTrust>;

/// What both sides of a connection may be told.
struct TlsCommonSpec {
  TlsVersion min_version = TlsVersion::kAuto;
  TlsVersion max_version = TlsVersion::kAuto;
  std::vector<std::string> ciphers;     // of TLS 1.2 and below; empty: the default
  std::vector<std::string> curves;      // empty: the default
  std::vector<std::string> signatures;  // empty: the default
  std::vector<TlsIdentityPtr> identities;
  std::vector<std::string> identity_secrets;  // in the same order, the secrets that they are; "" for those that stand here
  TlsTrustPtr trust;                          // null: nobody is checked
  std::string trust_secret;                   // the same
  std::vector<std::string> alpn;
  std::string key_log;                              // a file; "" for none
  std::vector<Cidr> key_log_local, key_log_remote;  // of whose connections; empty: of all
};

/// DownstreamTlsContext.
struct TlsServerSpec : TlsCommonSpec {
  bool require_client_certificate = false;
  bool full_scan_on_sni_mismatch = false;
  bool tickets = true;                          // stateless resumption
  bool stateful_sessions = true;                // TLS 1.2 session ids
  std::vector<std::string> ticket_keys;         // 80 bytes each, the first encrypts; empty: made here
  std::optional<uint64_t> session_timeout_s;    // how long a session may be resumed
  std::vector<std::string> chain_server_names;  // of the filter chain: sessions of other names are not resumed here
  enum class Staple : uint8_t { kLenient, kStrict, kMust } staple = Staple::kLenient;
};

/// UpstreamTlsContext.
struct TlsClientSpec : TlsCommonSpec {
  std::string sni;
  size_t max_sessions = 1;
  bool allow_renegotiation = false;
  bool enforce_rsa_key_usage = false;
  bool auto_host_sni = false;            // SNI is the host name of the endpoint
  bool auto_sni_san_validation = false;  // SNI must be in the certificate
};

}  // namespace weir::net
