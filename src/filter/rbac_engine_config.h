// Access control's rules and matchers become RbacEngines; for the filter of requests and the one of connections.
#pragma once

#include <optional>
#include <string_view>

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
  bool of_connections = false;  // there are no requests: what asks for one is refused

  /// Nothing if there are neither rules nor a matcher. After reporting errors the result is of no use.
  std::optional<RbacEngine> engine(const RbacSource& source, const config::FieldPath& at);
};

/// Says what of rules and matchers is implemented.
void declare_rbac_rules(config::SupportTable& table);

}  // namespace weir::filter
