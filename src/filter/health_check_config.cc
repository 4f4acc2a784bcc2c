// Reading health_check.
#include "config/duration.h"
#include "envoy/extensions/filters/http/health_check/v3/health_check.pb.h"
#include "filter/health_check.h"
#include "format/matcher_config.h"

namespace weir::filter {

namespace v3 = envoy::extensions::filters::http::health_check::v3;
using config::FieldPath;

FilterFactoryPtr read_health_check(const google::protobuf::Any& configuration, const FieldPath& at, const FilterContext& context,
                                   config::Diagnostics& diagnostics) {
  v3::HealthCheck from;
  configuration.UnpackTo(&from);
  const size_t errors = diagnostics.errors().size();
  const auto error = [&](std::string_view field, std::string message) {
    diagnostics.error({{}, FieldPath{&at, field}.text(), std::move(message), ""});
  };
  HealthCheckSpec spec;
  spec.pass_through = from.pass_through_mode().value();
  spec.cache_ms = config::milliseconds(from.cache_time());
  spec.service_cluster = context.service_cluster;
  if (!spec.pass_through && spec.cache_ms > 0) error("cache_time", "has nothing to keep without pass_through_mode");
  for (const auto& [name, percent] : from.cluster_min_healthy_percentages()) {
    spec.min_healthy_percent.emplace_back(name, percent.value());
  }
  const FieldPath headers{&at, "headers"};
  format::MatcherReader matchers{.diagnostics = diagnostics, .runtime = context.runtime};
  for (int i = 0; i < from.headers_size(); ++i) spec.headers.push_back(matchers.header(from.headers(i), {&headers, {}, i}));
  return diagnostics.errors().size() == errors ? make_health_check(std::move(spec), health_check_stats(context)) : nullptr;
}

void declare_health_check(config::SupportTable& table) {
  table.extension<v3::HealthCheck>(kHttpFilters, "envoy.filters.http.health_check").all_fields();
  table.message<envoy::type::v3::Percent>().all_fields();
}

}  // namespace weir::filter
