// Reading the filters of access logs.
#include "envoy/config/accesslog/v3/accesslog.pb.h"
#include "format/matcher_config.h"
#include "format/matcher_tree_config.h"
#include "observe/access_log_config.h"

namespace weir::observe {

namespace {

using config::FieldPath;
namespace v3 = envoy::config::accesslog::v3;

RuntimeKey key(RuntimeValues* runtime, const std::string& name) { return runtime == nullptr ? RuntimeKey() : runtime->key(name); }

Comparison comparison(const v3::ComparisonFilter& config, RuntimeValues* runtime) {
  using Operator = Comparison::Operator;
  const Operator op = config.op() == v3::ComparisonFilter::GE   ? Operator::kGreaterOrEqual
                      : config.op() == v3::ComparisonFilter::LE ? Operator::kLessOrEqual
                                                                : Operator::kEqual;
  return {op, config.value().default_value(), key(runtime, config.value().runtime_key())};
}

ResponseFlagFilter response_flags(const v3::ResponseFlagFilter& config, const FieldPath& at, config::Diagnostics& diagnostics) {
  if (config.flags().empty()) return {~uint64_t{0}};
  format::ResponseFlags flags;
  for (int i = 0; i < config.flags_size(); ++i) {
    int flag = 0;
    while (flag < static_cast<int>(format::ResponseFlag::kCount) &&
           format::flag_short_name(static_cast<format::ResponseFlag>(flag)) != config.flags(i)) {
      ++flag;
    }
    if (flag < static_cast<int>(format::ResponseFlag::kCount)) {
      flags.set(static_cast<format::ResponseFlag>(flag));
    } else {
      const FieldPath list{&at, "flags"};
      diagnostics.error({{}, FieldPath{&list, {}, i}.text(), "no response flag is called '" + config.flags(i) + "'", ""});
    }
  }
  return {flags.bits()};
}

ShareFilter share(const v3::RuntimeFilter& config, RuntimeValues* runtime) {
  using Percent = envoy::type::v3::FractionalPercent;
  const Percent& percent = config.percent_sampled();
  const uint64_t denominator = percent.denominator() == Percent::MILLION        ? 1'000'000
                               : percent.denominator() == Percent::TEN_THOUSAND ? 10'000
                                                                                : 100;
  return {percent.numerator(), denominator, config.use_independent_randomness(), key(runtime, config.runtime_key())};
}

template <class Values>
uint32_t bit_set(const Values& values) {
  uint32_t bits = 0;
  for (const int value : values) bits |= uint32_t{1} << value;
  return bits;
}

template <class Filters>
std::vector<LogFilter> filters(const Filters& configs, RuntimeValues* runtime, const FieldPath& at,
                               config::Diagnostics& diagnostics) {
  std::vector<LogFilter> result;
  const FieldPath list{&at, "filters"};
  for (int i = 0; i < configs.size(); ++i)
    result.push_back(read_log_filter(configs[i], runtime, FieldPath{&list, {}, i}, diagnostics));
  return result;
}

}  // namespace

static_assert(static_cast<int>(format::LogType::kUdpSessionEnd) == envoy::data::accesslog::v3::UdpSessionEnd);

LogFilter read_log_filter(const v3::AccessLogFilter& config, RuntimeValues* runtime, const FieldPath& at,
                          config::Diagnostics& diagnostics) {
  using Filter = v3::AccessLogFilter;
  switch (config.filter_specifier_case()) {
    case Filter::kStatusCodeFilter:
      return {StatusCodeFilter{comparison(config.status_code_filter().comparison(), runtime)}};
    case Filter::kDurationFilter:
      return {DurationFilter{comparison(config.duration_filter().comparison(), runtime)}};
    case Filter::kNotHealthCheckFilter:
      return {NotHealthCheckFilter{}};
    case Filter::kTraceableFilter:
      return {TraceableFilter{}};
    case Filter::kRuntimeFilter:
      return {share(config.runtime_filter(), runtime)};
    case Filter::kAndFilter:
      return {AllOf{filters(config.and_filter().filters(), runtime, FieldPath{&at, "and_filter"}, diagnostics)}};
    case Filter::kOrFilter:
      return {AnyOf{filters(config.or_filter().filters(), runtime, FieldPath{&at, "or_filter"}, diagnostics)}};
    case Filter::kResponseFlagFilter:
      return {response_flags(config.response_flag_filter(), FieldPath{&at, "response_flag_filter"}, diagnostics)};
    case Filter::kGrpcStatusFilter:
      return {GrpcStatusFilter{bit_set(config.grpc_status_filter().statuses()), config.grpc_status_filter().exclude()}};
    case Filter::kMetadataFilter: {
      const v3::MetadataFilter& filter = config.metadata_filter();
      const bool if_missing = !filter.has_match_if_key_not_found() || filter.match_if_key_not_found().value();
      if (!filter.has_matcher()) return {FixedFilter{if_missing}};
      const FieldPath filter_at{&at, "metadata_filter"};
      format::MatcherReader matchers{diagnostics};
      return {MetadataFilter{format::read_metadata_matcher(filter.matcher(), FieldPath{&filter_at, "matcher"}, matchers),
                             if_missing}};
    }
    case Filter::kLogTypeFilter:
      return {LogTypeFilter{bit_set(config.log_type_filter().types()), config.log_type_filter().exclude()}};
    case Filter::kHeaderFilter: {
      const FieldPath filter{&at, "header_filter"};
      return {
          HeaderFilter{format::MatcherReader{diagnostics}.header(config.header_filter().header(), FieldPath{&filter, "header"})}};
    }
    case Filter::kExtensionFilter:
      diagnostics.error({{}, at.text(), "this kind of filter is not implemented", ""});
      return {};
    case Filter::FILTER_SPECIFIER_NOT_SET:
      break;
  }
  diagnostics.error({{}, at.text(), "needs one kind of filter", "such as status_code_filter"});
  return {};
}

}  // namespace weir::observe
