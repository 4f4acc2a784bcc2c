// envoy.config.listener.v3.Listener and what stands in it become ListenerSpec, HttpConnectionSpec and TcpProxySpec.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/names.h"
#include "base/random.h"
#include "base/runtime.h"
#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "filter/context.h"
#include "filter/filter.h"
#include "proxy/listener_spec.h"
#include "proxy/stat_scopes.h"
#include "route/scopes.h"
#include "route/source.h"

namespace envoy::config::accesslog::v3 {
class AccessLog;
}
namespace envoy::config::core::v3 {
class ExtensionConfigSource;
}
namespace envoy::config::listener::v3 {
class Listener;
}
namespace envoy::config::route::v3 {
class RouteConfiguration;
}
namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class HttpConnectionManager;
class Rds;
class ScopedRoutes;
}  // namespace envoy::extensions::filters::network::http_connection_manager::v3
namespace envoy::extensions::transport_sockets::tls::v3 {
class DownstreamTlsContext;
}
namespace envoy::extensions::filters::network::tcp_proxy::v3 {
class TcpProxy;
}

namespace weir::upstream {
struct DnsCacheSpec;
}
namespace google::protobuf {
class Any;
}

namespace weir::proxy {

/// What reading listeners needs from the rest of the house; main fills it once. The functions report errors at the path they are
/// given, and then return null. Main thread only.
struct ListenerConfigContext {
  Names& clusters;
  StatScopes& stats;
  Random& random;  // names listeners that have none

  /// An inline `route_config`.
  std::function<route::RouteTablePtr(const envoy::config::route::v3::RouteConfiguration&, const config::FieldPath&,
                                     config::Diagnostics&)>
      read_routes;
  /// The table that RDS keeps up to date; the same for everybody who names the same resource of the same source.
  std::function<std::shared_ptr<route::TableSource>(const envoy::extensions::filters::network::http_connection_manager::v3::Rds&,
                                                    const std::string& stat_prefix, const config::FieldPath&,
                                                    config::Diagnostics&)>
      find_rds;
  /// The scopes that SRDS keeps up to date; unset: there are none.
  std::function<std::shared_ptr<route::ScopeSource>(
      const envoy::extensions::filters::network::http_connection_manager::v3::ScopedRoutes&, route::ScopeKeyBuilder,
      const std::string& stat_prefix, const config::FieldPath&, config::Diagnostics&)>
      find_scopes;
  /// An HTTP filter that ECDS keeps up to date; unset: there are none.
  std::function<filter::FilterFactoryPtr(const envoy::config::core::v3::ExtensionConfigSource&, const std::string& name,
                                         const filter::FilterContext&, const config::FieldPath&, config::Diagnostics&)>
      find_filter;
  std::function<std::shared_ptr<observe::AccessLog>(const envoy::config::accesslog::v3::AccessLog&, const config::FieldPath&,
                                                    config::Diagnostics&)>
      read_access_log;

  /// The source of a TLS context for a filter chain with these server names.
  std::function<net::TlsSourcePtr(const envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext&,
                                  const std::vector<std::string>& server_names, const config::FieldPath&, config::Diagnostics&)>
      read_tls;

  /// The bootstrap extension envoy.bootstrap.internal_listener is configured: listeners may do without sockets.
  bool internal_listeners = false;
  size_t internal_buffer = 1024 * 1024;

  /// As filter::FilterContext has it.
  std::function<bool(const upstream::DnsCacheSpec&, const config::FieldPath&, config::Diagnostics&)> check_dns_cache = {};

  std::string node_id;          // for Proxy-Status
  std::string service_cluster;  // --service-cluster or the node's, for add_user_agent
  /// Keys of the runtime that values hold; null: they never hold anything.
  RuntimeValues* runtime = nullptr;
};

/// Whether it is the configuration of a filter that only lets connections through, or not.
bool is_connection_gate(const google::protobuf::Any& configuration);
/// Null after reporting an error at `at` or below.
ConnectionGatePtr read_connection_gate(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                       ListenerConfigContext& context, config::Diagnostics& diagnostics);
void declare_connection_gates(config::SupportTable& table);

/// Reads a listener that the loader has validated. Null after reporting an error; the paths of errors begin with `at` (a default
/// FieldPath for paths relative to the listener). The caller sets `added_via_api`.
std::shared_ptr<ListenerSpec> read_listener(const envoy::config::listener::v3::Listener& listener, const config::FieldPath& at,
                                            ListenerConfigContext& context, config::Diagnostics& diagnostics);

std::shared_ptr<HttpConnectionSpec> read_http_connection(
    const envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager& manager,
    const config::FieldPath& at, ListenerConfigContext& context, config::Diagnostics& diagnostics);

std::shared_ptr<TcpProxySpec> read_tcp_proxy(const envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy& proxy,
                                             const config::FieldPath& at, ListenerConfigContext& context,
                                             config::Diagnostics& diagnostics);

/// Reports listeners of one set that have the same name, or an address in common (port 0 is never the same). `list` is the path
/// of the set, such as static_resources.listeners.
void check_listeners(const std::vector<ListenerSpecPtr>& listeners, const config::FieldPath& list,
                     config::Diagnostics& diagnostics);

/// Reads `listener_filters` and what belongs to them; false after reporting an error.
bool read_listener_filters(const envoy::config::listener::v3::Listener& listener, const config::FieldPath& at, ListenerSpec& spec,
                           ListenerConfigContext& context, config::Diagnostics& diagnostics);

/// Reads `filter_chain_matcher`; false after reporting an error.
bool read_filter_chain_matcher(const envoy::config::listener::v3::Listener& listener, const config::FieldPath& at,
                               ListenerConfigContext& context, ListenerSpec& spec, config::Diagnostics& diagnostics);

/// Say which fields and extensions are implemented; the first calls the others.
void declare_listeners(config::SupportTable& table);
void declare_http_connections(config::SupportTable& table);
void declare_listener_filters(config::SupportTable& table);
void declare_filter_chain_matcher(config::SupportTable& table);
void declare_tcp_proxies(config::SupportTable& table);

}  // namespace weir::proxy
