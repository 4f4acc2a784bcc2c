// Reading local_ratelimit.
#include "config/duration.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.pb.h"
#include "filter/local_rate_limit.h"
#include "format/matcher_tree_config.h"
#include "route/config_reader.h"
#include "route/rate_limit_config.h"
#include "route/route_config.h"

namespace weir::filter {

namespace v3 = envoy::extensions::filters::http::local_ratelimit::v3;
namespace limits = envoy::extensions::common::ratelimit::v3;
using config::FieldPath;

namespace {

class Reader {
 public:
  Reader(const FieldPath& at, const FilterContext& context, config::Diagnostics& diagnostics)
      : at_(at), context_(context), diagnostics_(diagnostics) {}

  std::shared_ptr<LocalRateLimitSpec> read(const google::protobuf::Any& configuration, bool of_route) {
    configuration.UnpackTo(&from_);
    auto spec = std::make_shared<LocalRateLimitSpec>();
    const size_t errors = diagnostics_.errors().size();
    spec->stats = local_rate_limit_stats(context_, from_.stat_prefix());
    if (from_.status().code() >= 400) spec->status = from_.status().code();
    if (of_route && !from_.has_token_bucket()) error({&at_, "token_bucket"}, "a route's limit needs a token bucket");
    if (from_.has_token_bucket()) spec->buckets.usual = bucket(from_.token_bucket(), {&at_, "token_bucket"});
    descriptors(*spec);
    if (from_.has_filter_enabled()) spec->enabled = format::read_fraction(from_.filter_enabled(), context_.runtime);
    if (from_.has_filter_enforced()) spec->enforced = format::read_fraction(from_.filter_enforced(), context_.runtime);
    headers(from_.request_headers_to_add_when_not_enforced(), route::Direction::kRequest,
            {&at_, "request_headers_to_add_when_not_enforced"}, spec->request_headers);
    headers(from_.response_headers_to_add(), route::Direction::kResponse, {&at_, "response_headers_to_add"},
            spec->response_headers);
    spec->rate_limits = route::read_rate_limits(from_.rate_limits(), {&at_, "rate_limits"},
                                                {.diagnostics = diagnostics_, .runtime = context_.runtime});
    spec->stage = from_.stage();
    spec->per_connection = from_.local_rate_limit_per_downstream_connection();
    spec->tells_limits = from_.enable_x_ratelimit_headers() == limits::DRAFT_VERSION_03;
    spec->resource_exhausted = from_.rate_limited_as_resource_exhausted();
    spec->from_host = from_.vh_rate_limits() == limits::INCLUDE  ? VirtualHostLimits::kToo
                      : from_.vh_rate_limits() == limits::IGNORE ? VirtualHostLimits::kNever
                                                                 : VirtualHostLimits::kIfRouteHasNone;
    if (from_.has_always_consume_default_token_bucket()) {
      spec->buckets.always_usual = from_.always_consume_default_token_bucket().value();
    }
    if (from_.has_max_dynamic_descriptors()) spec->buckets.most_values = from_.max_dynamic_descriptors().value();
    spec->service_cluster = context_.service_cluster;
    if (diagnostics_.errors().size() != errors) return nullptr;
    spec->limits = std::make_shared<LocalLimits>(spec->buckets, monotonic_now());
    return spec;
  }

 private:
  void error(const FieldPath& at, std::string message) { diagnostics_.error({{}, at.text(), std::move(message), ""}); }

  BucketSpec bucket(const envoy::type::v3::TokenBucket& from, const FieldPath& at) {
    const int64_t fill_ms = config::milliseconds(from.fill_interval());
    if (fill_ms < 50) error({&at, "fill_interval"}, "must not be less than 50 ms");
    const uint32_t tokens = from.has_tokens_per_fill() ? from.tokens_per_fill().value() : 1;
    return {from.max_tokens(), 1000.0 * tokens / static_cast<double>(std::max<int64_t>(fill_ms, 1))};
  }

  void descriptors(LocalRateLimitSpec& spec) {
    const FieldPath list{&at_, "descriptors"};
    for (int i = 0; i < from_.descriptors_size(); ++i) {
      const FieldPath at{&list, {}, i};
      LocalLimits::DescriptorSpec& into = spec.buckets.descriptors.emplace_back();
      for (const auto& entry : from_.descriptors(i).entries()) {
        into.entries.emplace_back(entry.key(), entry.value());
      }
      into.bucket = bucket(from_.descriptors(i).token_bucket(), {&at, "token_bucket"});
      for (int j = 0; j < i; ++j) {
        if (spec.buckets.descriptors[static_cast<size_t>(j)].entries != into.entries) continue;
        error(at, "is the same descriptor as the one at " + std::to_string(j));
        break;
      }
    }
  }

  void headers(const google::protobuf::RepeatedPtrField<envoy::config::core::v3::HeaderValueOption>& from,
               route::Direction direction, const FieldPath& at, route::HeaderMutations& into) {
    for (int i = 0; i < from.size(); ++i) {
      into.add.push_back(route::read_header_addition(from[i], direction, {&at, {}, i}, diagnostics_));
    }
  }

  const FieldPath& at_;
  const FilterContext& context_;
  config::Diagnostics& diagnostics_;
  v3::LocalRateLimit from_;
};

}  // namespace

FilterFactoryPtr read_local_rate_limit(const google::protobuf::Any& configuration, const FieldPath& at,
                                       const FilterContext& context, config::Diagnostics& diagnostics) {
  auto spec = Reader(at, context, diagnostics).read(configuration, false);
  return spec == nullptr ? nullptr : make_local_rate_limit(std::move(spec));
}

route::FilterSettingsPtr read_local_rate_limit_settings(const google::protobuf::Any& configuration, const FieldPath& at,
                                                        const FilterContext& context, config::Diagnostics& diagnostics) {
  return Reader(at, context, diagnostics).read(configuration, true);
}

void declare_local_rate_limit(config::SupportTable& table) {
  for (const std::string_view category : {kHttpFilters, std::string_view(route::kFilterSettings)}) {
    table.extension<v3::LocalRateLimit>(category, "envoy.filters.http.local_ratelimit")
        .fields({"stat_prefix", "status", "token_bucket", "filter_enabled", "filter_enforced",
                 "request_headers_to_add_when_not_enforced", "response_headers_to_add", "descriptors", "stage",
                 "local_rate_limit_per_downstream_connection", "enable_x_ratelimit_headers", "vh_rate_limits",
                 "always_consume_default_token_bucket", "rate_limited_as_resource_exhausted", "rate_limits",
                 "max_dynamic_descriptors"});
  }
  table.message<limits::LocalRateLimitDescriptor>().fields({"entries", "token_bucket"});
  table.message<limits::RateLimitDescriptor::Entry>().all_fields();
  table.message<envoy::type::v3::TokenBucket>().all_fields();
  table.message<envoy::type::v3::HttpStatus>().all_fields();
}

}  // namespace weir::filter
