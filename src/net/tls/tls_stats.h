// What is counted about TLS, under Envoy's names (listener.<address>.ssl.*, cluster.<name>.ssl.*).
#pragma once

#include <array>
#include <string_view>

#include "stats/cell.h"
#include "stats/visitor.h"

namespace weir::net {

/// One worker's share.
struct TlsStats {
  stats::Counter connection_error, handshake, session_reused, no_certificate, fail_verify_no_cert, fail_verify_error,
      fail_verify_san, fail_verify_cert_hash, ocsp_staple_failed, ocsp_staple_omitted, ocsp_staple_responses,
      ocsp_staple_requests, was_key_usage_invalid;

  static constexpr std::string_view kVersions[] = {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
  static constexpr std::string_view kCiphers[] = {"AES128-GCM-SHA256",
                                                  "AES128-SHA",
                                                  "AES256-GCM-SHA384",
                                                  "AES256-SHA",
                                                  "ECDHE-ECDSA-AES128-GCM-SHA256",
                                                  "ECDHE-ECDSA-AES128-SHA",
                                                  "ECDHE-ECDSA-AES256-GCM-SHA384",
                                                  "ECDHE-ECDSA-AES256-SHA",
                                                  "ECDHE-ECDSA-CHACHA20-POLY1305",
                                                  "ECDHE-RSA-AES128-GCM-SHA256",
                                                  "ECDHE-RSA-AES128-SHA",
                                                  "ECDHE-RSA-AES256-GCM-SHA384",
                                                  "ECDHE-RSA-AES256-SHA",
                                                  "ECDHE-RSA-CHACHA20-POLY1305",
                                                  "TLS_AES_128_GCM_SHA256",
                                                  "TLS_AES_256_GCM_SHA384",
                                                  "TLS_CHACHA20_POLY1305_SHA256"};
  static constexpr std::string_view kCurves[] = {"P-256", "P-384", "P-521", "X25519"};
  static constexpr std::string_view kSignatures[] = {
      "ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512", "ed25519",
      "rsa_pkcs1_sha1",         "rsa_pkcs1_sha256",       "rsa_pkcs1_sha384",       "rsa_pkcs1_sha512",
      "rsa_pss_rsae_sha256",    "rsa_pss_rsae_sha384",    "rsa_pss_rsae_sha512"};
  std::array<stats::Counter, std::size(kVersions)> versions;
  std::array<stats::Counter, std::size(kCiphers)> ciphers;
  std::array<stats::Counter, std::size(kCurves)> curves;
  std::array<stats::Counter, std::size(kSignatures)> signatures;
};

/// Shows everything under `ssl.`.
void visit(stats::StatVisitor& visitor, stats::Sharded<TlsStats>& stats);

}  // namespace weir::net
