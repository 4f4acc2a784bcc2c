// TlsInfo: what a TLS connection knows about itself and about who is at its two ends.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::net {

struct SanMatcher;

/// The facts of one certificate, in the words in which Envoy shows them.
struct CertificateFacts {
  std::string subject;  // RFC 2253
  std::string issuer;
  std::string serial;  // lower-case hex
  std::vector<std::string> dns_sans, uri_sans, ip_sans, email_sans, other_names;
  int64_t valid_from_s = 0, valid_until_s = 0;  // Unix time
  std::string sha256, sha1;                     // lower-case hex
};

/// Filled by the stream while the handshake goes on; the facts of certificates are computed when somebody asks.
/// Belongs to the connection's thread.
class TlsInfo {
 public:
  TlsInfo();
  ~TlsInfo();
  TlsInfo(const TlsInfo&) = delete;
  TlsInfo& operator=(const TlsInfo&) = delete;

  std::string_view version;  // "TLSv1.3"
  std::string_view cipher;   // "TLS_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"
  std::string alpn;          // "" if none was negotiated
  std::string server_name;   // SNI as it was sent
  std::string session_id;    // lower-case hex
  bool peer_validated = false;

  /// Whether the peer showed a certificate (also one that was refused).
  bool has_peer() const { return peer_certificate_ != nullptr; }
  /// Facts of the peer's certificate; empty ones without a certificate.
  const CertificateFacts& peer() const;
  /// Whether the peer's certificate has a subject alternative name of that kind that fits.
  bool peer_has(const SanMatcher& wanted) const;
  /// Our own certificate's.
  const CertificateFacts& local() const;
  /// URL-encoded PEM, as in x-forwarded-client-cert.
  const std::string& peer_pem() const;
  const std::string& peer_chain_pem() const;
  /// Of the whole chain that the peer sent, its own certificate first.
  std::vector<std::string> chain_fingerprints_256() const;
  std::vector<std::string> chain_fingerprints_1() const;
  std::vector<std::string> chain_serials() const;

 private:
  friend class TlsStream;
  friend struct TlsHandshake;
  // X509* and stack_st_X509*, which no header knows.
  void* peer_certificate_ = nullptr;
  void* peer_chain_ = nullptr;
  std::shared_ptr<const CertificateFacts> local_;
  mutable std::unique_ptr<CertificateFacts> peer_facts_;
  mutable std::string peer_pem_, peer_chain_pem_;
};

}  // namespace weir::net
