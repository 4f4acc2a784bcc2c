// Tables: the names of a struct's cells, written once, as constant data.
//   struct PoolStats { Counter opened, closed; Gauge open; Histogram length_ms; };
//   constexpr auto kPoolStats = stats::table<PoolStats>({{"opened", &PoolStats::opened}, {"closed", &PoolStats::closed},
//       {"open", &PoolStats::open}, {"length_ms", &PoolStats::length_ms, Unit::kMilliseconds}});
//   stats::visit(visitor, kPoolStats, sharded_pool_stats);
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "stats/cell.h"
#include "stats/histogram_summary.h"
#include "stats/visitor.h"

namespace weir::stats {

/// One row: the name under which a member of T is known (dots allowed: "circuit_breakers.default.cx_open").
template <class T>
struct StatRow {
  /// Whether a histogram is shown before its first sample.
  enum class Shown : uint8_t { kAlways, kOnceUsed };

  constexpr StatRow() : kind(StatKind::kCounter), counter(nullptr) {}
  constexpr StatRow(std::string_view name, Counter T::*member, Shown shown = Shown::kAlways)
      : name(name), kind(StatKind::kCounter), shown(shown), counter(member) {}
  constexpr StatRow(std::string_view name, Gauge T::*member, Shown shown = Shown::kAlways)
      : name(name), kind(StatKind::kGauge), shown(shown), gauge(member) {}
  constexpr StatRow(std::string_view name, Histogram T::*member, Unit unit, Shown shown = Shown::kAlways)
      : name(name), kind(StatKind::kHistogram), unit(unit), shown(shown), histogram(member) {}

  std::string_view name;
  StatKind kind;
  Unit unit = Unit::kUnspecified;
  Shown shown = Shown::kAlways;
  union {
    Counter T::*counter;
    Gauge T::*gauge;
    Histogram T::*histogram;
  };
};

template <class T, size_t N>
using StatTable = std::array<StatRow<T>, N>;

/// The rows, sorted by name (so that a visit is in order).
template <class T, size_t N>
constexpr StatTable<T, N> table(const StatRow<T> (&rows)[N]) {
  StatTable<T, N> result;
  std::copy(rows, rows + N, result.begin());
  std::sort(result.begin(), result.end(), [](const StatRow<T>& a, const StatRow<T>& b) { return a.name < b.name; });
  return result;
}

/// Shows every row, summed over what `for_each_cells(f)` passes to f: all the T& that belong together.
template <class T, size_t N, class ForEachCells>
void visit_rows(StatVisitor& visitor, const StatTable<T, N>& table, ForEachCells&& for_each_cells) {
  using Shown = typename StatRow<T>::Shown;
  struct Cells final : HistogramCells {
    Cells(ForEachCells& for_each, Histogram T::*member) : for_each(for_each), member(member) {}
    bool used() const override {
      bool result = false;
      for_each([&](T& cells) { result = result || (cells.*member).used(); });
      return result;
    }
    std::vector<Histogram::Bucket> buckets() const override {
      std::vector<Histogram::Bucket> sum;
      for_each([&](T& cells) { merge_buckets(sum, (cells.*member).buckets()); });
      return sum;
    }
    ForEachCells& for_each;
    Histogram T::*member;
  };

  for (const StatRow<T>& row : table) {
    if (!visitor.wants(row.kind)) continue;
    if (row.kind == StatKind::kCounter) {
      uint64_t sum = 0;
      bool used = false;
      const bool resets = visitor.resets_counters();
      for_each_cells([&](T& cells) {
        if (resets) (cells.*row.counter).reset();
        sum += (cells.*row.counter).value();
        used = used || (cells.*row.counter).used();
      });
      if (!resets && (used || row.shown == Shown::kAlways)) visitor.counter(row.name, sum, used);
    } else if (row.kind == StatKind::kGauge) {
      int64_t sum = 0;
      bool used = false;
      for_each_cells([&](T& cells) {
        sum += (cells.*row.gauge).value();
        used = used || (cells.*row.gauge).used();
      });
      if (used || row.shown == Shown::kAlways) visitor.gauge(row.name, sum, used);
    } else {
      const Cells cells(for_each_cells, row.histogram);
      if (row.shown == Shown::kAlways || cells.used()) visitor.histogram(row.name, cells, row.unit);
    }
  }
}

/// The cells of all workers, summed.
template <class T, size_t N>
void visit(StatVisitor& visitor, const StatTable<T, N>& table, Sharded<T>& shards) {
  visit_rows(visitor, table, [&](auto&& f) { shards.for_each_mutable(f); });
}
/// The cells of a struct inside the workers' structs: `visit(visitor, kHttp1Stats, shards, &ClusterStats::http1)`.
template <class T, size_t N, class Outer>
void visit(StatVisitor& visitor, const StatTable<T, N>& table, Sharded<Outer>& shards, T Outer::*inner) {
  visit_rows(visitor, table, [&](auto&& f) { shards.for_each_mutable([&](Outer& outer) { f(outer.*inner); }); });
}
/// Cells that exist once (for what only the main thread counts, or one worker's own).
template <class T, size_t N>
void visit(StatVisitor& visitor, const StatTable<T, N>& table, T& cells) {
  visit_rows(visitor, table, [&](auto&& f) { f(cells); });
}

}  // namespace weir::stats
