#include "net/tls/certificate_stats.h"

namespace weir::net {

// As in Envoy, certificates without a name of their own share one, and the last of them has it.
void visit_certificates(stats::StatVisitor& visitor, const TlsContext& context) {
  if (!visitor.wants(stats::StatKind::kGauge)) return;
  const TlsCommonSpec& spec = context.common();
  const auto scope = visitor.scope("ssl.certificate.");
  if (spec.trust != nullptr && !spec.trust->authorities().empty()) {
    visitor.gauge("unnamed_ca_cert_e3b0c442.expiration_unix_time_seconds", spec.trust->authorities().front().valid_until_s);
  }
  if (!spec.identities.empty()) {
    visitor.gauge("unnamed_cert_e3b0c442.expiration_unix_time_seconds", spec.identities.back()->facts()->valid_until_s);
  }
}

}  // namespace weir::net
