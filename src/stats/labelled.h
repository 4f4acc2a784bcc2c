// LabelledStats: statistics that say themselves what their tags are, as those of single endpoints do.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stats/visitor.h"

namespace weir::stats {

/// What is counted about one thing out of many. Valid while it is being shown.
struct LabelledStats {
  struct Value {
    std::string_view name;
    StatKind kind;  // a counter or a gauge
    uint64_t value;
  };
  std::string prefix;       // what stands before the names: "cluster.web.endpoint.10.0.0.1_80."
  std::string_view family;  // and where tags stand beside them: "cluster.endpoint."
  std::vector<std::pair<std::string_view, std::string_view>> tags;  // "envoy.cluster_name" and "web"
  std::span<const Value> values;
};

using LabelledVisitor = std::function<void(const LabelledStats&)>;
/// Shows all it has to the visitor; must not add or remove sources.
using LabelledSource = std::move_only_function<void(const LabelledVisitor&)>;

/// All of them, by the names under which they were added. Belongs to the main thread.
class LabelledRegistry {
  using Sources = std::multimap<std::string, LabelledSource, std::less<>>;
  struct Remove {
    Sources* sources = nullptr;
    Sources::iterator at;
    void operator()(LabelledSource*) const { sources->erase(at); }
  };

 public:
  /// Takes its source out when destroyed; the registry must live longer.
  using Registration = std::unique_ptr<LabelledSource, Remove>;

  [[nodiscard]] Registration add(std::string_view name, LabelledSource source) {
    const auto at = sources_.emplace(name, std::move(source));
    return Registration(&at->second, Remove{&sources_, at});
  }

  /// Visits the next source in the order of their names, and all of the same name. `cursor` starts empty and stays good whatever
  /// is added or removed meanwhile. False when all have been visited.
  bool visit_next(std::string& cursor, const LabelledVisitor& visitor) {
    auto at = sources_.upper_bound(cursor);
    if (at == sources_.end()) return false;
    cursor = at->first;
    for (; at != sources_.end() && at->first == cursor; ++at) at->second(visitor);
    return true;
  }

 private:
  Sources sources_;
};

}  // namespace weir::stats
