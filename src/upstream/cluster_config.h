// envoy.config.cluster.v3.Cluster and ClusterLoadAssignment become ClusterSpec and Assignment.
#pragma once

#include <functional>
#include <memory>

#include "base/runtime.h"
#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "upstream/spec.h"

namespace envoy::config::cluster::v3 {
class Cluster;
}
namespace envoy::config::core::v3 {
class BindConfig;
enum HealthStatus : int;
}  // namespace envoy::config::core::v3
namespace envoy::config::endpoint::v3 {
class ClusterLoadAssignment;
}

namespace envoy::extensions::transport_sockets::tls::v3 {
class UpstreamTlsContext;
}

namespace weir::upstream {

/// Makes the source of a TLS context; null after reporting an error.
using ReadClientTls = std::function<net::TlsSourcePtr(const envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext&,
                                                      const config::FieldPath&, config::Diagnostics&)>;

/// What a cluster's configuration refers to beside itself.
struct ClusterSources {
  const envoy::config::core::v3::BindConfig* bind_default = nullptr;  // ClusterManager.upstream_bind_config
  ReadClientTls read_tls = {};                                        // without it, what stands in TLS contexts is not looked at
  RuntimeValues* runtime = nullptr;
};

/// Reads a cluster that the loader has validated. Null after reporting an error; the paths of errors begin with `at`
/// (a default FieldPath for paths relative to the cluster). The caller sets `id` and `added_via_api`.
std::shared_ptr<ClusterSpec> read_cluster(const envoy::config::cluster::v3::Cluster& cluster, const config::FieldPath& at,
                                          config::Diagnostics& diagnostics, const ClusterSources& sources = {});

/// Reads endpoints: of a DNS cluster with names, otherwise with addresses. False after reporting an error.
bool read_assignment(const envoy::config::endpoint::v3::ClusterLoadAssignment& assignment, DiscoveryType discovery,
                     const config::FieldPath& at, config::Diagnostics& diagnostics, Assignment& result);

Health health_of(envoy::config::core::v3::HealthStatus status);

/// Says which fields and extensions of clusters and endpoints are implemented.
void declare_clusters(config::SupportTable& table);

}  // namespace weir::upstream
