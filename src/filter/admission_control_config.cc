// Reading admission_control.
#include "config/duration.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/extensions/filters/http/admission_control/v3/admission_control.pb.h"
#include "filter/admission_control.h"

namespace weir::filter {

namespace v3 = envoy::extensions::filters::http::admission_control::v3;
namespace core = envoy::config::core::v3;
using config::FieldPath;

FilterFactoryPtr read_admission_control(const google::protobuf::Any& configuration, const FieldPath& at,
                                        const FilterContext& context, config::Diagnostics& diagnostics) {
  v3::AdmissionControl from;
  configuration.UnpackTo(&from);
  const size_t errors = diagnostics.errors().size();
  const auto wrong = [&](const FieldPath& path, std::string message) {
    diagnostics.error({{}, path.text(), std::move(message), ""});
  };
  AdmissionControlSpec spec;
  spec.stats = admission_control_stats(context);
  if (from.has_enabled()) {
    spec.enabled = from.enabled().default_value().value();
    spec.enabled_key = context.runtime_key(from.enabled().runtime_key());
  }
  if (from.has_sampling_window()) spec.window_ms = std::max<int64_t>(config::milliseconds(from.sampling_window()), 1000);
  if (from.has_aggression()) {
    spec.aggression = from.aggression().default_value();
    spec.aggression_key = context.runtime_key(from.aggression().runtime_key());
  }
  if (from.has_sr_threshold()) {
    spec.success_percent = from.sr_threshold().default_value().value();
    spec.success_key = context.runtime_key(from.sr_threshold().runtime_key());
    if (spec.success_percent < 1) wrong(FieldPath{&at, "sr_threshold"}, "must not be less than 1 %");
  }
  if (from.has_rps_threshold()) {
    spec.least_rps = from.rps_threshold().default_value();
    spec.rps_key = context.runtime_key(from.rps_threshold().runtime_key());
  }
  if (from.has_max_rejection_probability()) {
    spec.most_rejected_percent = from.max_rejection_probability().default_value().value();
    spec.rejected_key = context.runtime_key(from.max_rejection_probability().runtime_key());
  }
  const auto& criteria = from.success_criteria();
  const FieldPath path{&at, "success_criteria"};
  if (criteria.has_http_criteria()) {
    spec.good_statuses.clear();
    for (const auto& range : criteria.http_criteria().http_success_status()) {
      if (range.start() < 100 || range.start() >= 600 || range.end() > 600 || range.start() > range.end()) {
        wrong(FieldPath{&path, "http_criteria"},
              "[" + std::to_string(range.start()) + ", " + std::to_string(range.end()) + ") is no range of statuses");
      }
      spec.good_statuses.emplace_back(range.start(), range.end());
    }
  }
  if (criteria.has_grpc_criteria()) {
    spec.good_grpc_statuses = 0;
    for (const uint32_t status : criteria.grpc_criteria().grpc_success_status()) {
      if (status > 16) wrong(FieldPath{&path, "grpc_criteria"}, std::to_string(status) + " is no status of gRPC");
      spec.good_grpc_statuses |= 1u << std::min(status, 31u);
    }
  }
  return diagnostics.errors().size() == errors ? make_admission_control(std::move(spec)) : nullptr;
}

void declare_admission_control(config::SupportTable& table) {
  table.extension<v3::AdmissionControl>(kHttpFilters, "envoy.filters.http.admission_control").all_fields();
  table.message<v3::AdmissionControl::SuccessCriteria>().all_fields();
  table.message<v3::AdmissionControl::SuccessCriteria::HttpCriteria>().all_fields();
  table.message<v3::AdmissionControl::SuccessCriteria::GrpcCriteria>().all_fields();
  table.message<core::RuntimePercent>().all_fields();
  table.message<core::RuntimeDouble>().all_fields();
  table.message<core::RuntimeUInt32>().all_fields();
  table.message<core::RuntimeFeatureFlag>().all_fields();
  table.message<envoy::type::v3::Percent>().all_fields();
  table.message<envoy::type::v3::Int32Range>().all_fields();
}

}  // namespace weir::filter
