#include "proxy/client_certificate.h"

#include <string>

#include "net/tls/tls_info.h"

namespace weir::proxy {

namespace {

using http::HeaderId;

/// One element of the header, in Envoy's order.
std::string describe(const net::TlsInfo& tls, const ClientCertDetails& details) {
  std::string text;
  const auto add = [&text](std::string_view key, std::string_view value, std::string_view quote = "") {
    if (!text.empty()) text += ';';
    ((((text += key) += '=') += quote) += value) += quote;
  };
  const net::CertificateFacts& peer = tls.peer();
  for (const std::string& uri : tls.local().uri_sans) add("By", uri);
  add("Hash", peer.sha256);
  if (details.certificate) add("Cert", tls.peer_pem(), "\"");
  if (details.chain) add("Chain", tls.peer_chain_pem(), "\"");
  if (details.subject) add("Subject", peer.subject, "\"");
  if (details.uri) {
    for (const std::string& uri : peer.uri_sans) add("URI", uri);
    if (peer.uri_sans.empty()) add("URI", "");
  }
  if (details.dns) {
    for (const std::string& name : peer.dns_sans) add("DNS", name);
  }
  return text;
}

}  // namespace

void forward_client_certificate(http::HeaderMap& request, ClientCertMode mode, const ClientCertDetails& details,
                                const format::ConnectionInfo& connection) {
  if (mode == ClientCertMode::kAlwaysForwardOnly) return;
  const bool known = connection.tls_info != nullptr && connection.tls_info->has_peer();
  if (mode == ClientCertMode::kSanitize || !known) {
    request.remove(HeaderId::kForwardedClientCert);
    return;
  }
  if (mode == ClientCertMode::kForwardOnly) return;
  const std::string own = describe(*connection.tls_info, details);
  const std::string_view before =
      mode == ClientCertMode::kAppendForward ? request.get_joined("x-forwarded-client-cert") : std::string_view();
  request.set(HeaderId::kForwardedClientCert,
              before.empty() ? request.arena().copy(own) : request.arena().join(before, ",", own));
}

}  // namespace weir::proxy
