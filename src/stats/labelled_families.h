// LabelledFamilies: the last part of the Prometheus text: what brings its tags itself, family by family.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "stats/collector.h"
#include "stats/registry.h"
#include "stats/tags.h"

namespace weir::stats {

class LabelledFamilies {
 public:
  /// All references outlive it.
  LabelledFamilies(Registry& registry, const TagExtractor& tags, const Selection& selection)
      : registry_(registry), tags_(tags), selection_(selection) {}

  /// Appends the next family; false when nothing comes after it. Counters first, then gauges, each sorted.
  bool next(std::string& out);

 private:
  /// One thing about which is counted.
  struct Row {
    std::string prefix;  // the sorting key
    std::string labels;
  };
  struct Series {
    size_t row;
    uint64_t value;
  };
  void gather();
  void add(const LabelledStats& stats);

  Registry& registry_;
  const TagExtractor& tags_;
  const Selection& selection_;
  bool gathered_ = false;
  std::vector<Row> rows_;
  std::map<std::pair<StatKind, std::string>, std::vector<Series>> families_;  // by kind and dotted name
};

}  // namespace weir::stats
