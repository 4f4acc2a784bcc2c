#include "stats/labelled_families.h"

#include <algorithm>

#include "stats/prometheus_text.h"

namespace weir::stats {

bool LabelledFamilies::next(std::string& out) {
  if (!std::exchange(gathered_, true)) gather();
  if (families_.empty()) return false;
  const auto& [key, series] = *families_.begin();
  const auto& [kind, name] = key;
  std::string metric;
  append_metric_name(metric, name);
  write_type(out, metric, kind == StatKind::kCounter ? "counter" : "gauge");
  for (const Series& each : series) write_sample(out, metric, "", rows_[each.row].labels, each.value);
  families_.erase(families_.begin());
  return !families_.empty();
}

void LabelledFamilies::gather() {
  for (std::string cursor; registry_.labelled().visit_next(cursor, [this](const LabelledStats& stats) { add(stats); });) {
  }
  for (auto& [key, series] : families_) {
    std::ranges::sort(series, {}, [this](const Series& each) -> const std::string& { return rows_[each.row].prefix; });
  }
}

void LabelledFamilies::add(const LabelledStats& stats) {
  std::string name;
  bool any = false;
  for (const LabelledStats::Value& value : stats.values) {
    (name = stats.prefix) += value.name;
    if (!selection_.admits(name)) continue;
    (name = stats.family) += value.name;
    families_[{value.kind, name}].push_back({rows_.size(), value.value});
    any = true;
  }
  if (!any) return;
  Row& row = rows_.emplace_back();
  row.prefix = stats.prefix;
  for (const auto& [tag, value] : tags_.fixed()) append_label(row.labels, tag, value);
  for (const auto& [tag, value] : stats.tags) append_label(row.labels, tag, value);
}

}  // namespace weir::stats
