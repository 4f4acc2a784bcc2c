// FilterContext: what reading a filter's configuration needs from the rest of the house.
#pragma once

#include <functional>
#include <string>

#include "base/names.h"
#include "base/runtime.h"
#include "config/diagnostic.h"
#include "config/path.h"
#include "stats/scopes.h"

namespace weir::upstream {
struct DnsCacheSpec;
}

namespace weir::filter {

/// Main thread; the references outlive all filters.
struct FilterContext {
  stats::Scopes& stats;
  /// Whose keys values may follow; null: they follow none.
  RuntimeValues* runtime = nullptr;
  /// Before the names of what the filter counts: "http.<stat_prefix of the connection manager>."; "" for what routes say.
  std::string stat_prefix = {};
  std::string service_cluster = {};  // --service-cluster or the node's
  /// False after reporting that there is a DNS cache of the same name with other settings. Null: nobody knows of any.
  std::function<bool(const upstream::DnsCacheSpec&, const config::FieldPath&, config::Diagnostics&)> check_dns_cache = {};

  RuntimeFamily runtime_family(std::string_view beginning) const {
    return runtime == nullptr ? RuntimeFamily() : runtime->family(beginning);
  }
  RuntimeKey runtime_key(std::string_view name) const { return runtime == nullptr ? RuntimeKey() : runtime->key(name); }
};

}  // namespace weir::filter
