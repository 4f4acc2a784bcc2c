// Reading adaptive_concurrency.
#include "config/duration.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency.pb.h"
#include "filter/adaptive_concurrency.h"

namespace weir::filter {

namespace v3 = envoy::extensions::filters::http::adaptive_concurrency::v3;
using config::FieldPath;
using config::milliseconds;

FilterFactoryPtr read_adaptive_concurrency(const google::protobuf::Any& configuration, const FieldPath& at,
                                           const FilterContext& context, config::Diagnostics& diagnostics) {
  v3::AdaptiveConcurrency from;
  configuration.UnpackTo(&from);
  const v3::GradientControllerConfig& gradient = from.gradient_controller_config();
  GradientSpec numbers;
  const auto share = [](const envoy::type::v3::Percent& percent) { return std::min(percent.value(), 100.0) / 100; };
  if (gradient.has_sample_aggregate_percentile()) numbers.percentile = share(gradient.sample_aggregate_percentile());
  const auto& limits = gradient.concurrency_limit_params();
  if (limits.has_max_concurrency_limit()) numbers.most = limits.max_concurrency_limit().value();
  numbers.update_ms = milliseconds(limits.concurrency_update_interval());
  const auto& measuring = gradient.min_rtt_calc_params();
  numbers.measure_ms = milliseconds(measuring.interval());
  if (measuring.has_fixed_value()) numbers.fixed_us = milliseconds(measuring.fixed_value()) * 1000;
  if (measuring.has_request_count()) numbers.measure_count = measuring.request_count().value();
  if (measuring.has_jitter()) numbers.jitter = share(measuring.jitter());
  if (measuring.has_min_concurrency()) numbers.least = measuring.min_concurrency().value();
  if (measuring.has_buffer()) numbers.buffer = share(measuring.buffer());
  if (!measuring.has_interval() && !measuring.has_fixed_value()) {
    const FieldPath config{&at, "gradient_controller_config"};
    diagnostics.error(
        {{}, FieldPath{&config, "min_rtt_calc_params"}.text(), "needs an interval or a fixed_value", "give one of them"});
    return nullptr;
  }
  AdaptiveConcurrencySpec spec;
  if (from.has_enabled()) {
    spec.enabled = from.enabled().default_value().value();
    spec.enabled_key = context.runtime_key(from.enabled().runtime_key());
  }
  if (from.concurrency_limit_exceeded_status().code() >= 400) spec.status = from.concurrency_limit_exceeded_status().code();
  spec.controller = std::make_shared<GradientController>(numbers, monotonic_now());
  spec.registration = show_gradient(context, spec.controller);
  return make_adaptive_concurrency(std::move(spec));
}

void declare_adaptive_concurrency(config::SupportTable& table) {
  using Gradient = v3::GradientControllerConfig;
  table.extension<v3::AdaptiveConcurrency>(kHttpFilters, "envoy.filters.http.adaptive_concurrency").all_fields();
  table.message<Gradient>().all_fields();
  table.message<Gradient::ConcurrencyLimitCalculationParams>().all_fields();
  table.message<Gradient::MinimumRTTCalculationParams>().all_fields();
  table.message<envoy::config::core::v3::RuntimeFeatureFlag>().all_fields();
  table.message<envoy::type::v3::Percent>().all_fields();
  table.message<envoy::type::v3::HttpStatus>().all_fields();
}

}  // namespace weir::filter
