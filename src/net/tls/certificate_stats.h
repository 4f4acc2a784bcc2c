// Until when certificates are valid, as statistics (…ssl.certificate.<name>.expiration_unix_time_seconds).
#pragma once

#include "net/tls/context.h"
#include "stats/visitor.h"

namespace weir::net {

/// Shows those of a context, under `ssl.certificate.`.
void visit_certificates(stats::StatVisitor& visitor, const TlsContext& context);

}  // namespace weir::net
