// Reading rate limits.
#include "route/rate_limit_config.h"

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/type/metadata/v3/metadata.pb.h"
#include "format/matcher_config.h"
#include "route/config_reader.h"

// Envoy still accepts its deprecated fields, so they are read here.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace weir::route {

namespace v3 = envoy::config::route::v3;
using Path = ConfigReader::Path;

namespace {

MetadataKey metadata_key(const envoy::type::metadata::v3::MetadataKey& config) {
  MetadataKey result{config.key(), {}};
  for (const auto& segment : config.path()) result.path.push_back(segment.key());
  return result;
}

RateLimitAction limit_action(format::MatcherReader& reader, const v3::RateLimit::Action& config, const Path& at) {
  using Action = v3::RateLimit::Action;
  using Kind = RateLimitAction::Kind;
  RateLimitAction result;
  switch (config.action_specifier_case()) {
    case Action::kSourceCluster:
      result.kind = Kind::kSourceCluster;
      break;
    case Action::kDestinationCluster:
      result.kind = Kind::kDestinationCluster;
      break;
    case Action::kRequestHeaders:
      result.kind = Kind::kRequestHeader;
      result.header = http::HeaderName(config.request_headers().header_name());
      result.key = config.request_headers().descriptor_key();
      result.skip_if_absent = config.request_headers().skip_if_absent();
      break;
    case Action::kQueryParameters:
      result.kind = Kind::kQueryParameter;
      result.name = config.query_parameters().query_parameter_name();
      result.key = config.query_parameters().descriptor_key();
      result.skip_if_absent = config.query_parameters().skip_if_absent();
      break;
    case Action::kRemoteAddress:
      result.kind = Kind::kRemoteAddress;
      break;
    case Action::kMaskedRemoteAddress: {
      const auto& masked = config.masked_remote_address();
      result.kind = Kind::kMaskedRemoteAddress;
      if (masked.has_v4_prefix_mask_len()) result.v4_prefix_length = static_cast<uint8_t>(masked.v4_prefix_mask_len().value());
      if (masked.has_v6_prefix_mask_len()) result.v6_prefix_length = static_cast<uint8_t>(masked.v6_prefix_mask_len().value());
      break;
    }
    case Action::kGenericKey:
      result.kind = Kind::kGenericKey;
      result.key = config.generic_key().descriptor_key();
      result.value = config.generic_key().descriptor_value();
      break;
    case Action::kHeaderValueMatch: {
      const auto& match = config.header_value_match();
      const Path here{&at, "header_value_match"};
      const Path headers{&here, "headers"};
      result.kind = Kind::kHeaderValueMatch;
      result.key = match.descriptor_key();
      result.value = match.descriptor_value();
      result.expect_match = !match.has_expect_match() || match.expect_match().value();
      for (int i = 0; i < match.headers_size(); ++i) result.headers.push_back(reader.header(match.headers(i), {&headers, {}, i}));
      break;
    }
    case Action::kQueryParameterValueMatch: {
      const auto& match = config.query_parameter_value_match();
      const Path here{&at, "query_parameter_value_match"};
      const Path parameters{&here, "query_parameters"};
      result.kind = Kind::kQueryParameterMatch;
      result.key = match.descriptor_key();
      result.value = match.descriptor_value();
      result.expect_match = !match.has_expect_match() || match.expect_match().value();
      for (int i = 0; i < match.query_parameters_size(); ++i)
        result.query_parameters.push_back(read_query_matcher(match.query_parameters(i), {&parameters, {}, i}, reader));
      break;
    }
    case Action::kDynamicMetadata:
      result.kind = Kind::kMetadata;
      result.key = config.dynamic_metadata().descriptor_key();
      result.value = config.dynamic_metadata().default_value();
      result.metadata = metadata_key(config.dynamic_metadata().metadata_key());
      break;
    case Action::kMetadata:
      result.kind = Kind::kMetadata;
      result.key = config.metadata().descriptor_key();
      result.value = config.metadata().default_value();
      result.metadata = metadata_key(config.metadata().metadata_key());
      result.from_route = config.metadata().source() == Action::MetaData::ROUTE_ENTRY;
      result.skip_if_absent = config.metadata().skip_if_absent();
      break;
    case Action::kExtension:
    case Action::ACTION_SPECIFIER_NOT_SET:
      break;  // refused by the support table, and by the constraints of the .proto file
  }
  return result;
}

}  // namespace

QueryMatcher read_query_matcher(const v3::QueryParameterMatcher& config, const Path& at, format::MatcherReader& reader) {
  QueryMatcher result;
  result.name = config.name();
  if (config.has_string_match()) result.text = reader.text(config.string_match(), {&at, "string_match"});
  if (config.query_parameter_match_specifier_case() == v3::QueryParameterMatcher::kPresentMatch)
    result.present = config.present_match();
  return result;
}

namespace {

/// What a limit has wherever it stands.
RateLimit read_limit(const v3::RateLimit& config, const Path& at, format::MatcherReader& reader) {
  RateLimit limit;
  const Path actions{&at, "actions"};
  for (int i = 0; i < config.actions_size(); ++i)
    limit.actions.push_back(limit_action(reader, config.actions(i), {&actions, {}, i}));
  limit.applies_when_stream_is_done = config.apply_on_stream_done();
  return limit;
}

void read_hits(const v3::RateLimit::HitsAddend& config, const Path& at, format::MatcherReader& reader, RateLimit& limit) {
  if (config.has_number() == !config.format().empty()) {
    return reader.diagnostics.error({{}, at.text(), "must contain either a format or a number", ""});
  }
  if (config.has_number()) {
    limit.hits = config.number().value();
    return;
  }
  auto format = format::Formatter::compile(config.format(), {});
  if (!format) return reader.diagnostics.error({{}, Path{&at, "format"}.text(), format.error().message, ""});
  limit.hits_format = std::move(*format);
}

}  // namespace

std::vector<RateLimit> read_rate_limits(const google::protobuf::RepeatedPtrField<v3::RateLimit>& config, const Path& at,
                                        format::MatcherReader reader) {
  std::vector<RateLimit> result;
  for (int i = 0; i < config.size(); ++i) {
    const Path here{&at, {}, i};
    const auto refuse = [&](std::string_view field) {
      reader.diagnostics.error({{},
                                Path{&here, field}.text(),
                                "is not supported in the limits of a filter",
                                "it is for the limits of routes and virtual hosts"});
    };
    if (config[i].has_stage()) refuse("stage");
    if (!config[i].disable_key().empty()) refuse("disable_key");
    if (config[i].has_limit()) refuse("limit");
    RateLimit& limit = result.emplace_back(read_limit(config[i], here, reader));
    limit.stage = std::nullopt;
    if (config[i].has_hits_addend()) read_hits(config[i].hits_addend(), {&here, "hits_addend"}, reader, limit);
  }
  return result;
}

std::vector<RateLimit> ConfigReader::rate_limits(const google::protobuf::RepeatedPtrField<v3::RateLimit>& config,
                                                 const Path& at) {
  format::MatcherReader reader = matchers();
  std::vector<RateLimit> result;
  for (int i = 0; i < config.size(); ++i) {
    const Path here{&at, {}, i};
    RateLimit& limit = result.emplace_back(read_limit(config[i], here, reader));
    limit.stage = config[i].stage().value();
    limit.disable_key = config[i].disable_key();
    if (!limit.disable_key.empty() && reader.runtime != nullptr) {
      limit.enabled = reader.runtime->key("ratelimit." + limit.disable_key + ".http_filter_enabled");
    }
    if (config[i].limit().has_dynamic_metadata()) limit.limit = metadata_key(config[i].limit().dynamic_metadata().metadata_key());
    if (config[i].has_hits_addend()) {
      reader.diagnostics.warning({{},
                                  Path{&here, "hits_addend"}.text(),
                                  "has no effect in the limits of routes and virtual hosts",
                                  "give the filter the limits, for example in typed_per_filter_config"});
    }
  }
  return result;
}

QueryMatcher ConfigReader::query_matcher(const v3::QueryParameterMatcher& config, const Path& at) {
  format::MatcherReader reader = matchers();
  return read_query_matcher(config, at, reader);
}

}  // namespace weir::route
