// Matchers of the configuration become values: RegexMatcher, StringMatcher, HeaderMatcher.
#pragma once

#include <cstdint>
#include <string>

#include "base/runtime.h"
#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "format/header_matcher.h"
#include "format/regex.h"
#include "format/text_matcher.h"

namespace envoy::config::route::v3 {
class HeaderMatcher;
}
namespace envoy::type::matcher::v3 {
class RegexMatcher;
class StringMatcher;
}  // namespace envoy::type::matcher::v3

namespace weir::stats {
class Scopes;
}

namespace weir::format {

/// What re2.max_program_size.error_level is unless the runtime says otherwise.
constexpr uint32_t kMaxRegexProgramSize = 100;

/// Reads messages that the loader has validated; a default value after reporting an error.
struct MatcherReader {
  config::Diagnostics& diagnostics;
  uint32_t max_regex_program_size = kMaxRegexProgramSize;
  RuntimeValues* runtime = nullptr;  // whose keys fractions follow
  stats::Scopes* stats = nullptr;    // where conditions find their counters; null: nobody counts

  Regex regex(const envoy::type::matcher::v3::RegexMatcher& config, const config::FieldPath& at);
  TextMatcher text(const envoy::type::matcher::v3::StringMatcher& config, const config::FieldPath& at);
  HeaderMatcher header(const envoy::config::route::v3::HeaderMatcher& config, const config::FieldPath& at);

 private:
  void error(const config::FieldPath& at, std::string message, std::string hint = {});
};

/// Says which fields of matchers are implemented.
void declare_matchers(config::SupportTable& table);

}  // namespace weir::format
