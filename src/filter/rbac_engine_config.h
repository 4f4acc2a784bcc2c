// Access control's rules and matchers become RbacEngines; for the filter of requests and the one of connections.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "base/runtime.h"
#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "filter/rbac_engine.h"

namespace envoy::config::rbac::v3 {
class RBAC;
}
namespace xds::type::matcher::v3 {
class Matcher;
}

namespace weir::filter {

/// What stands in a filter's configuration, with the names of its fields; both given: the matcher counts.
struct RbacSource {
  const envoy::config::rbac::v3::RBAC* rules = nullptr;
  const xds::type::matcher::v3::Matcher* matcher = nullptr;
  std::string_view rules_field, matcher_field;
};

/// Reads messages that the loader has validated.
struct RbacReader {
  config::Diagnostics& diagnostics;
  RuntimeValues* runtime = nullptr;
  stats::Scopes* stats = nullptr;  // where conditions find their counters
  bool of_connections = false;     // there are no requests: what asks for one is refused

  /// Nothing if there are neither rules nor a matcher. After reporting errors the result is of no use.
  std::optional<RbacEngine> engine(const RbacSource& source, const config::FieldPath& at);
  /// Both of a filter, whose message names them as the other filter's does.
  template <class Message>
  void engines(const Message& from, const config::FieldPath& at, RbacEngines& into) {
    auto enforced = engine({.rules = from.has_rules() ? &from.rules() : nullptr,
                            .matcher = from.has_matcher() ? &from.matcher() : nullptr,
                            .rules_field = "rules",
                            .matcher_field = "matcher"},
                           at);
    auto shadow = engine({.rules = from.has_shadow_rules() ? &from.shadow_rules() : nullptr,
                          .matcher = from.has_shadow_matcher() ? &from.shadow_matcher() : nullptr,
                          .rules_field = "shadow_rules",
                          .matcher_field = "shadow_matcher"},
                         at);
    if (enforced) into.enforced.emplace(std::move(*enforced));
    if (shadow) into.shadow.emplace(std::move(*shadow));
  }
};

/// Says what of rules and matchers is implemented.
void declare_rbac_rules(config::SupportTable& table);

}  // namespace weir::filter
