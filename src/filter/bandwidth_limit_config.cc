// Reading bandwidth_limit.
#include "base/text.h"
#include "config/duration.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit.pb.h"
#include "filter/bandwidth_limit.h"
#include "route/route_config.h"

namespace weir::filter {

namespace v3 = envoy::extensions::filters::http::bandwidth_limit::v3;
using config::FieldPath;

namespace {

BandwidthTrailers trailers_after(std::string_view prefix) {
  const auto name = [&](std::string_view what) {
    std::string result(prefix);
    if (!prefix.empty()) result += '-';
    result += what;
    return lower(result);
  };
  return {name("bandwidth-request-delay-ms"), name("bandwidth-response-delay-ms"), name("bandwidth-request-filter-delay-ms"),
          name("bandwidth-response-filter-delay-ms")};
}

std::shared_ptr<BandwidthLimitSpec> read(const google::protobuf::Any& configuration, const FieldPath& at,
                                         const FilterContext& context, bool of_route, config::Diagnostics& diagnostics) {
  v3::BandwidthLimit from;
  configuration.UnpackTo(&from);
  if (of_route && !from.has_limit_kbps()) {
    diagnostics.error({{}, FieldPath{&at, "limit_kbps"}.text(), "a route's limit needs a number", ""});
    return nullptr;
  }
  auto spec = std::make_shared<BandwidthLimitSpec>();
  spec->stats = bandwidth_stats(context, from.stat_prefix());
  spec->requests =
      from.enable_mode() == v3::BandwidthLimit::REQUEST || from.enable_mode() == v3::BandwidthLimit::REQUEST_AND_RESPONSE;
  spec->responses =
      from.enable_mode() == v3::BandwidthLimit::RESPONSE || from.enable_mode() == v3::BandwidthLimit::REQUEST_AND_RESPONSE;
  if (from.has_fill_interval()) spec->interval_ms = config::milliseconds(from.fill_interval());
  if (from.enable_response_trailers()) spec->trailers = trailers_after(from.response_trailer_prefix());
  if (from.has_runtime_enabled()) {
    spec->enabled_key = context.runtime_key(from.runtime_enabled().runtime_key());
    spec->enabled = from.runtime_enabled().default_value().value();
  }
  const uint64_t bytes = std::min<uint64_t>(from.limit_kbps().value(), uint64_t{1} << 40) * 1024;
  const MonotonicNs now = monotonic_now();
  spec->bucket = std::make_unique<TokenBucket>(bytes, static_cast<double>(bytes), now);
  return spec;
}

}  // namespace

FilterFactoryPtr read_bandwidth_limit(const google::protobuf::Any& configuration, const FieldPath& at,
                                      const FilterContext& context, config::Diagnostics& diagnostics) {
  return make_bandwidth_limit(read(configuration, at, context, false, diagnostics));
}

route::FilterSettingsPtr read_bandwidth_limit_settings(const google::protobuf::Any& configuration, const FieldPath& at,
                                                       const FilterContext& context, config::Diagnostics& diagnostics) {
  return read(configuration, at, context, true, diagnostics);
}

void declare_bandwidth_limit(config::SupportTable& table) {
  for (const std::string_view category : {kHttpFilters, std::string_view(route::kFilterSettings)}) {
    table.extension<v3::BandwidthLimit>(category, "envoy.filters.http.bandwidth_limit")
        .fields({"stat_prefix", "enable_mode", "limit_kbps", "fill_interval", "runtime_enabled", "enable_response_trailers",
                 "response_trailer_prefix"});
  }
  table.message<envoy::config::core::v3::RuntimeFeatureFlag>().all_fields();
}

}  // namespace weir::filter
