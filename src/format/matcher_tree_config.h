// xds.type.matcher.v3.Matcher becomes a MatcherTree; envoy.type.matcher.v3 conditions become values.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "format/matcher_config.h"
#include "format/matcher_tree.h"
#include "format/value_matcher.h"

namespace envoy::config::core::v3 {
class RuntimeFractionalPercent;
}
namespace envoy::type::matcher::v3 {
class FilterStateMatcher;
class MetadataMatcher;
class ValueMatcher;
}  // namespace envoy::type::matcher::v3
namespace envoy::type::v3 {
class FractionalPercent;
}
namespace google::protobuf {
class Any;
}
namespace xds::type::matcher::v3 {
class Matcher;
}

namespace weir::format {

RuntimeShare read_share(const envoy::type::v3::FractionalPercent& config);
/// Follows its key of `runtime`, if that is not null.
Fraction read_fraction(const envoy::config::core::v3::RuntimeFractionalPercent& config, RuntimeValues* runtime);
ValueMatcher read_value_matcher(const envoy::type::matcher::v3::ValueMatcher& config, const config::FieldPath& at,
                                MatcherReader& matchers);
MetadataMatcher read_metadata_matcher(const envoy::type::matcher::v3::MetadataMatcher& config, const config::FieldPath& at,
                                      MatcherReader& matchers);
FilterStateMatcher read_filter_state_matcher(const envoy::type::matcher::v3::FilterStateMatcher& config,
                                             const config::FieldPath& at, MatcherReader& matchers);

/// What the place that a matcher stands in makes of it, and what it allows there.
struct MatcherOwner {
  /// Numbers an action, which is unpacked already; nothing after reporting an error. `at` is the path of the Any.
  std::function<std::optional<uint32_t>(const google::protobuf::Any& action, const config::FieldPath& at)> read_action;
  /// Why an input cannot be used here; "" if it can. Null allows all of them.
  std::function<std::string(MatchInput::Kind)> refusal;
  bool may_keep_matching = true;
};

/// Reads a matcher that the loader has validated. Empty after reporting errors.
MatcherTree read_matcher_tree(const xds::type::matcher::v3::Matcher& config, const config::FieldPath& at, MatcherReader& matchers,
                              const MatcherOwner& owner);

/// The category of the extensions that matchers may name as actions; owners register theirs.
inline constexpr char kMatcherActions[] = "envoy.matching.action";

/// Says which inputs and conditions are implemented.
void declare_matcher_trees(config::SupportTable& table);

}  // namespace weir::format
