#include "net/tls/certificate_stats.h"

#include <map>
#include <string>
#include <string_view>

namespace weir::net {

namespace {

/// A secret's name as a part of a statistic's; `otherwise` for what is none.
std::string name_of(const std::string& secret, std::string_view otherwise) {
  std::string name = secret.empty() ? std::string(otherwise) : secret;
  return name += ".expiration_unix_time_seconds";
}

}  // namespace

// As in Envoy, certificates that are no secrets share one name, and the last of them has it.
void visit_certificates(stats::StatVisitor& visitor, const TlsContext& context) {
  if (!visitor.wants(stats::StatKind::kGauge)) return;
  const TlsCommonSpec& spec = context.common();
  const auto scope = visitor.scope("ssl.certificate.");
  if (spec.trust != nullptr && !spec.trust->authorities().empty()) {
    visitor.gauge(name_of(spec.trust_secret, "unnamed_ca_cert_e3b0c442"), spec.trust->authorities().front().valid_until_s);
  }
  std::map<std::string, int64_t> until;  // by name, of the last one that has it
  for (size_t i = 0; i < spec.identities.size(); ++i) {
    const std::string secret = i < spec.identity_secrets.size() ? spec.identity_secrets[i] : "";
    until[name_of(secret, "unnamed_cert_e3b0c442")] = spec.identities[i]->facts()->valid_until_s;
  }
  for (const auto& [name, valid_until_s] : until) visitor.gauge(name, valid_until_s);
}

}  // namespace weir::net
