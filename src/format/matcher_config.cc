// Reading matchers.
#include "format/matcher_config.h"

#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/type/matcher/v3/regex.pb.h"
#include "envoy/type/matcher/v3/string.pb.h"
#include "envoy/type/v3/range.pb.h"

// Envoy still accepts its deprecated fields, so they are read here.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace weir::format {

using config::FieldPath;
namespace v3 = envoy::config::route::v3;
namespace matcher = envoy::type::matcher::v3;

void MatcherReader::error(const FieldPath& at, std::string message, std::string hint) {
  diagnostics.error({{}, at.text(), std::move(message), std::move(hint)});
}

Regex MatcherReader::regex(const matcher::RegexMatcher& config, const FieldPath& at) {
  const bool own_limit = config.google_re2().has_max_program_size();
  Result<Regex> regex =
      Regex::compile(config.regex(), own_limit ? config.google_re2().max_program_size().value() : max_regex_program_size);
  if (regex) return std::move(*regex);
  error(FieldPath{&at, "regex"}, regex.error().message);
  return {};
}

TextMatcher MatcherReader::text(const matcher::StringMatcher& config, const FieldPath& at) {
  using Kind = TextMatcher::Kind;
  switch (config.match_pattern_case()) {
    case matcher::StringMatcher::kExact:
      return TextMatcher::make(Kind::kExact, config.exact(), config.ignore_case());
    case matcher::StringMatcher::kPrefix:
      return TextMatcher::make(Kind::kPrefix, config.prefix(), config.ignore_case());
    case matcher::StringMatcher::kSuffix:
      return TextMatcher::make(Kind::kSuffix, config.suffix(), config.ignore_case());
    case matcher::StringMatcher::kContains:
      return TextMatcher::make(Kind::kContains, config.contains(), config.ignore_case());
    case matcher::StringMatcher::kSafeRegex:
      if (config.ignore_case()) error({&at, "ignore_case"}, "has no effect for safe_regex", "write (?i) into the regex");
      return TextMatcher::make(regex(config.safe_regex(), {&at, "safe_regex"}));
    case matcher::StringMatcher::kCustom:
      error({&at, "custom"}, "no custom string matcher is implemented");
      return {};
    case matcher::StringMatcher::MATCH_PATTERN_NOT_SET:
      break;
  }
  error(at, "needs one of exact, prefix, suffix, contains and safe_regex");
  return {};
}

HeaderMatcher MatcherReader::header(const v3::HeaderMatcher& config, const FieldPath& at) {
  using Kind = TextMatcher::Kind;
  HeaderMatcher result;
  result.name = http::HeaderName(config.name());
  result.invert = config.invert_match();
  result.treat_missing_as_empty = config.treat_missing_header_as_empty();
  const auto set = [&](TextMatcher text) {
    result.kind = HeaderMatcher::Kind::kText;
    result.text = std::move(text);
  };
  switch (config.header_match_specifier_case()) {
    case v3::HeaderMatcher::kExactMatch:
      if (!config.exact_match().empty()) set(TextMatcher::make(Kind::kExact, config.exact_match()));
      break;  // an empty one asks for presence
    case v3::HeaderMatcher::kSafeRegexMatch:
      set(TextMatcher::make(regex(config.safe_regex_match(), {&at, "safe_regex_match"})));
      break;
    case v3::HeaderMatcher::kRangeMatch:
      result.kind = HeaderMatcher::Kind::kRange;
      result.start = config.range_match().start();
      result.end = config.range_match().end();
      break;
    case v3::HeaderMatcher::kPresentMatch:
      result.present = config.present_match();
      break;
    case v3::HeaderMatcher::kPrefixMatch:
      set(TextMatcher::make(Kind::kPrefix, config.prefix_match()));
      break;
    case v3::HeaderMatcher::kSuffixMatch:
      set(TextMatcher::make(Kind::kSuffix, config.suffix_match()));
      break;
    case v3::HeaderMatcher::kContainsMatch:
      set(TextMatcher::make(Kind::kContains, config.contains_match()));
      break;
    case v3::HeaderMatcher::kStringMatch:
      set(this->text(config.string_match(), {&at, "string_match"}));
      break;
    case v3::HeaderMatcher::HEADER_MATCH_SPECIFIER_NOT_SET:
      break;
  }
  return result;
}

void declare_matchers(config::SupportTable& table) {
  table.message<v3::HeaderMatcher>().all_fields();
  table.message<envoy::type::v3::Int64Range>().all_fields();
  table.message<matcher::RegexMatcher>().all_fields();
  table.message<matcher::RegexMatcher::GoogleRE2>().all_fields();
  table.message<matcher::StringMatcher>().fields({"exact", "prefix", "suffix", "safe_regex", "contains", "ignore_case"});
}

}  // namespace weir::format
