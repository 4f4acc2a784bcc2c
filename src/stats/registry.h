// Registry: where everything that counts says so, and where everybody who wants numbers asks. Belongs to the main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "stats/histogram_summary.h"
#include "stats/labelled.h"
#include "stats/name_filter.h"
#include "stats/visitor.h"

namespace weir::stats {

/// ':' and NUL become '_' ("://" one), as Envoy writes cluster names and addresses inside statistic names.
std::string sanitize(std::string_view name);

class Registry {
 public:
  /// Shows its statistics; their names go on where the prefix ended. Must not add or remove sources.
  using Source = std::move_only_function<void(StatVisitor&)>;

 private:
  using Sources = std::multimap<std::string, Source, std::less<>>;

 public:
  Registry() = default;
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// Takes its source out when destroyed; the registry must live longer.
  class [[nodiscard]] Registration {
   public:
    Registration() = default;
    Registration(Registration&& other) noexcept;
    Registration& operator=(Registration&& other) noexcept;
    ~Registration();

   private:
    friend class Registry;
    Registration(Registry& registry, Sources::iterator at) : registry_(&registry), at_(at) {}
    Registry* registry_ = nullptr;
    Sources::iterator at_;
  };

  /// All names of the source begin with `prefix`, e.g. "cluster.web." (as it is; not empty). Two sources may show the same
  /// name; the sum is shown.
  Registration add(std::string_view prefix, Source source);

  /// Visits the sources in the order of their names, a run at a time: one source and all whose prefix begins with its prefix, so
  /// that names of different runs never interleave. `cursor` starts empty and stays good whatever is added or removed meanwhile.
  /// False when all have been visited.
  bool visit_next(std::string& cursor, StatVisitor& visitor);
  /// The cursors with which visit_next() visits each run, by the prefix of the run.
  std::map<std::string, std::string> cursors() const;
  void visit(StatVisitor& visitor);

  /// What is listed behind everything else. As in Envoy neither the filter nor reset_counters() means it.
  LabelledRegistry& labelled() { return labelled_; }

  /// From the configuration, before anybody asks: names that the filter does not admit are never shown.
  void configure(NameFilter filter, std::vector<BoundsRule> bounds);
  /// The bucket bounds with which a histogram is shown.
  const std::vector<double>& bounds_of(std::string_view histogram) const;

  void reset_counters();

  /// What a histogram held when the statistics were last flushed.
  struct History {
    Buckets cumulative;
    Buckets interval;  // what came between the last two flushes

   private:
    friend class Registry;
    Buckets next;
    uint64_t flush = 0;
  };
  /// Every stats_flush_interval: histograms are read.
  void flush();
  /// Null for a histogram without a sample at the last flush.
  const History* history(std::string_view histogram) const;

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  Sources sources_;
  NameFilter filter_;
  std::vector<BoundsRule> bounds_;
  std::unordered_map<std::string, History, Hash, std::equal_to<>> histories_;
  uint64_t flushes_ = 0;
  LabelledRegistry labelled_;
};

}  // namespace weir::stats
