// Scopes: counters that belong to a name rather than to whoever counts: who asks for the same name gets the same counters.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "stats/registry.h"
#include "stats/table.h"

namespace weir::stats {

/// Main thread only; the registry must outlive all counters given out.
class Scopes {
 public:
  Scopes(Registry& registry, size_t workers) : registry_(registry), workers_(workers) {}

  /// The counters `<prefix><row>`, shown for as long as somebody holds them. One prefix has one type.
  template <class T, size_t N>
  std::shared_ptr<Sharded<T>> find(const std::string& prefix, const StatTable<T, N>& table) {
    return find<T>(prefix, [&table](StatVisitor& visitor, Sharded<T>& cells) { visit(visitor, table, cells); });
  }
  /// The same with `show(StatVisitor&, Sharded<T>&)` for counters whose names are not a table.
  template <class T, class Show>
  std::shared_ptr<Sharded<T>> find(const std::string& prefix, Show show) {
    std::weak_ptr<void>& place = known_[prefix];
    if (auto held = place.lock()) return std::static_pointer_cast<Sharded<T>>(held);
    auto shown = std::make_shared<Shown<T>>(workers_);
    shown->registration = registry_.add(
        prefix, [cells = &shown->cells, show = std::move(show)](StatVisitor& visitor) mutable { show(visitor, *cells); });
    std::shared_ptr<Sharded<T>> result(shown, &shown->cells);
    place = result;
    return result;
  }

  Registry& registry() { return registry_; }
  size_t workers() const { return workers_; }

 private:
  template <class T>
  struct Shown {
    explicit Shown(size_t workers) : cells(workers) {}
    Sharded<T> cells;
    Registry::Registration registration;
  };

  Registry& registry_;
  const size_t workers_;
  std::map<std::string, std::weak_ptr<void>> known_;
};

}  // namespace weir::stats
