// Reading fault.
#include "config/duration.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "filter/fault.h"
#include "format/matcher_config.h"
#include "format/matcher_tree_config.h"
#include "route/route_config.h"

namespace weir::filter {

namespace v3 = envoy::extensions::filters::http::fault::v3;
namespace common = envoy::extensions::filters::common::fault::v3;
using config::FieldPath;
using config::milliseconds;

namespace {

std::string_view or_default(const std::string& key, std::string_view usual) { return key.empty() ? usual : key; }

FaultShare share(const envoy::type::v3::FractionalPercent& from, const std::string& key, std::string_view usual_key,
                 std::string_view header, const FilterContext& context) {
  return {format::read_share(from), header, context.runtime_key(or_default(key, usual_key))};
}

std::shared_ptr<FaultSpec> read(const google::protobuf::Any& configuration, const FieldPath& at, const FilterContext& context,
                                config::Diagnostics& diagnostics) {
  v3::HTTPFault from;
  configuration.UnpackTo(&from);
  auto spec = std::make_shared<FaultSpec>();
  const size_t errors = diagnostics.errors().size();
  if (from.has_delay()) {
    FaultDelay& delay = spec->delay.emplace();
    if (from.delay().has_fixed_delay()) delay.fixed_ms = milliseconds(from.delay().fixed_delay());
    delay.share = share(from.delay().percentage(), from.delay_percent_runtime(), "fault.http.delay.fixed_delay_percent",
                        from.delay().has_header_delay() ? "x-envoy-fault-delay-request-percentage" : "", context);
    delay.duration_runtime = context.runtime_key(or_default(from.delay_duration_runtime(), "fault.http.delay.fixed_duration_ms"));
  }
  if (from.has_abort()) {
    FaultAbort& abort = spec->abort.emplace();
    if (from.abort().error_type_case() == v3::FaultAbort::kHttpStatus) {
      abort.http_status = static_cast<int>(from.abort().http_status());
    }
    if (from.abort().error_type_case() == v3::FaultAbort::kGrpcStatus) {
      abort.grpc_status = static_cast<int>(from.abort().grpc_status());
    }
    abort.share = share(from.abort().percentage(), from.abort_percent_runtime(), "fault.http.abort.abort_percent",
                        from.abort().has_header_abort() ? "x-envoy-fault-abort-request-percentage" : "", context);
    abort.http_runtime = context.runtime_key(or_default(from.abort_http_status_runtime(), "fault.http.abort.http_status"));
    abort.grpc_runtime = context.runtime_key(or_default(from.abort_grpc_status_runtime(), "fault.http.abort.grpc_status"));
  }
  if (from.has_response_rate_limit()) {
    FaultRateLimit& limit = spec->rate_limit.emplace();
    const common::FaultRateLimit& rate = from.response_rate_limit();
    if (rate.has_fixed_limit()) limit.fixed_kbps = rate.fixed_limit().limit_kbps();
    limit.share = share(rate.percentage(), from.response_rate_limit_percent_runtime(), "fault.http.rate_limit.response_percent",
                        rate.has_header_limit() ? "x-envoy-fault-throughput-response-percentage" : "", context);
  }
  spec->upstream_cluster = from.upstream_cluster();
  const FieldPath headers{&at, "headers"};
  format::MatcherReader matchers{.diagnostics = diagnostics, .runtime = context.runtime};
  for (int i = 0; i < from.headers_size(); ++i) spec->headers.push_back(matchers.header(from.headers(i), {&headers, {}, i}));
  spec->downstream_nodes.assign(from.downstream_nodes().begin(), from.downstream_nodes().end());
  if (from.has_max_active_faults()) spec->max_active_faults = from.max_active_faults().value();
  spec->max_active_runtime = context.runtime_key(or_default(from.max_active_faults_runtime(), "fault.http.max_active_faults"));
  spec->count_downstream_clusters = !from.disable_downstream_cluster_stats();
  spec->of_clusters = context.runtime_family("fault.http.");
  return diagnostics.errors().size() == errors ? spec : nullptr;
}

}  // namespace

FilterFactoryPtr read_fault(const google::protobuf::Any& configuration, const FieldPath& at, const FilterContext& context,
                            config::Diagnostics& diagnostics) {
  auto spec = read(configuration, at, context, diagnostics);
  return spec == nullptr ? nullptr : make_fault(std::move(spec), fault_stats(context));
}

route::FilterSettingsPtr read_fault_settings(const google::protobuf::Any& configuration, const FieldPath& at,
                                             const FilterContext& context, config::Diagnostics& diagnostics) {
  return read(configuration, at, context, diagnostics);
}

void declare_fault(config::SupportTable& table) {
  for (const std::string_view category : {kHttpFilters, std::string_view(route::kFilterSettings)}) {
    table.extension<v3::HTTPFault>(category, "envoy.filters.http.fault")
        .fields({"delay", "abort", "upstream_cluster", "headers", "downstream_nodes", "max_active_faults", "response_rate_limit",
                 "delay_percent_runtime", "abort_percent_runtime", "delay_duration_runtime", "abort_http_status_runtime",
                 "max_active_faults_runtime", "response_rate_limit_percent_runtime", "abort_grpc_status_runtime",
                 "disable_downstream_cluster_stats"})
        .harmless({"filter_metadata"});
  }
  table.message<v3::FaultAbort>().all_fields();
  table.message<v3::FaultAbort::HeaderAbort>().all_fields();
  table.message<common::FaultDelay>().all_fields();
  table.message<common::FaultDelay::HeaderDelay>().all_fields();
  table.message<common::FaultRateLimit>().all_fields();
  table.message<common::FaultRateLimit::FixedLimit>().all_fields();
  table.message<common::FaultRateLimit::HeaderLimit>().all_fields();
  table.message<envoy::type::v3::FractionalPercent>().all_fields();
}

}  // namespace weir::filter
