#include "proxy/router_config.h"

#include "config/duration.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "filter/catalog.h"
#include "proxy/access_logs_config.h"
#include "proxy/http_connection_spec.h"
#include "proxy/try_log.h"

namespace weir::proxy {

using config::FieldPath;
using envoy::extensions::filters::http::router::v3::Router;

bool is_router(const google::protobuf::Any& typed_config) { return typed_config.Is<Router>(); }

bool read_router(const google::protobuf::Any& typed_config, const FieldPath& at, const ListenerConfigContext& context,
                 config::Diagnostics& diagnostics, RouterOptions& result) {
  Router router;
  typed_config.UnpackTo(&router);
  result.suppress_envoy_headers = router.suppress_envoy_headers();
  result.dynamic_stats = !router.has_dynamic_stats() || router.dynamic_stats().value();
  result.respects_expected_timeout = router.respect_expected_rq_timeout();
  result.counts_codes_of_grpc = !router.suppress_grpc_request_failure_code_stats();
  for (const std::string& name : router.strict_check_headers()) result.strict_headers.push_back(http::header_id(name));
  if (router.upstream_log().empty()) return true;
  auto log = std::make_shared<TryLogSpec>();
  const Router::UpstreamAccessLogOptions& options = router.upstream_log_options();
  log->on_connection = options.flush_upstream_log_on_upstream_stream();
  if (options.has_upstream_log_flush_interval()) log->interval_ms = config::milliseconds(options.upstream_log_flush_interval());
  if (!read_access_logs(router.upstream_log(), FieldPath{&at, "upstream_log"}, context, diagnostics, log->logs)) return false;
  result.try_log = std::move(log);
  return true;
}

void declare_router(config::SupportTable& table) {
  table.extension<Router>(filter::kHttpFilters, "envoy.filters.http.router")
      .fields({"suppress_envoy_headers", "dynamic_stats", "respect_expected_rq_timeout", "strict_check_headers", "upstream_log",
               "upstream_log_options", "suppress_grpc_request_failure_code_stats"})
      .harmless({"start_child_span"});
  table.message<Router::UpstreamAccessLogOptions>().all_fields();
}

}  // namespace weir::proxy
