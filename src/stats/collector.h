// Collector: a few sources' statistics, chosen and sorted, ready to be written down.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stats/registry.h"
#include "stats/visitor.h"

namespace re2 {
class RE2;
}

namespace weir::stats {

/// Which statistics somebody wants to see.
struct Selection {
  StatKinds kinds = StatKinds::all();
  bool used_only = false;                  // only what was ever written
  std::shared_ptr<const re2::RE2> filter;  // must match somewhere in the full name

  bool admits(std::string_view name) const;
};

class Collector final : public StatVisitor {
 public:
  struct Item {
    std::string_view name;
    StatKind kind;
    uint64_t value;         // counters and gauges
    std::string_view text;  // text readouts
  };

  /// `registry` knows which histograms have been read at a flush; as in Envoy, only those count as used.
  Collector(Selection selection, const Registry& registry)
      : StatVisitor(selection.kinds), selection_(std::move(selection)), registry_(registry) {}

  /// What was visited since the last clear(), sorted by name, equal names summed. Valid until the next visit.
  const std::vector<Item>& sorted();
  void clear();

 private:
  struct Entry {
    size_t at;
    uint32_t name_size;
    uint32_t text_size;
    StatKind kind;
    uint64_t value;
  };
  void on_counter(std::string_view name, uint64_t value, bool used) override { keep(name, StatKind::kCounter, value, used); }
  void on_gauge(std::string_view name, uint64_t value, bool used) override { keep(name, StatKind::kGauge, value, used); }
  void on_histogram(std::string_view name, const HistogramCells& cells, Unit unit) override {
    keep(name, StatKind::kHistogram, 0, !selection_.used_only || registry_.history(name) != nullptr);
  }
  void on_text(std::string_view name, std::string_view value) override { keep(name, StatKind::kText, 0, true, value); }
  void keep(std::string_view name, StatKind kind, uint64_t value, bool used, std::string_view text = {});

  Selection selection_;
  const Registry& registry_;
  std::string characters_;
  std::vector<Entry> entries_;
  std::vector<Item> items_;
};

}  // namespace weir::stats
