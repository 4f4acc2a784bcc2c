// The text and JSON forms of /stats.
#include <array>

#include "base/json_text.h"
#include "base/number_text.h"
#include "stats/export.h"

namespace weir::stats {

namespace {

constexpr size_t kPiece = 64 * 1024;

const Registry::History& history_of(const Registry& registry, std::string_view name) {
  static const Registry::History kNothing;
  const Registry::History* history = registry.history(name);
  return history == nullptr ? kNothing : *history;
}

/// Walks all names several times, so that kinds come one after the other; keeps only its place between two pieces.
class Walk {
 public:
  Walk(Registry& registry, const Selection& selection) : registry_(registry), selection_(selection) {}

  /// Calls `write(item)` for some items; false when there are no more.
  template <class F>
  bool next(F&& write) {
    if (collector_ == nullptr) {
      if (pass_ == kPasses.size()) return false;
      if (pass_ == kLabelledPass && !labelled_done_) return next_labelled(write);
      Selection selection = selection_;
      selection.kinds = kPasses[pass_++] & selection_.kinds;
      cursor_.clear();
      if (selection.kinds.empty()) return true;
      collector_ = std::make_unique<Collector>(selection, registry_);
    }
    collector_->clear();
    if (!registry_.visit_next(cursor_, *collector_)) {
      collector_.reset();
      return true;
    }
    for (const Collector::Item& item : collector_->sorted()) write(item);
    return true;
  }

 private:
  static constexpr std::array<StatKinds, 3> kPasses = {StatKind::kText, StatKind::kCounter | StatKind::kGauge,
                                                       StatKind::kHistogram};
  static constexpr size_t kLabelledPass = 2;  // before that of histograms

  template <class F>
  bool next_labelled(F&& write) {
    labelled_done_ = !registry_.labelled().visit_next(labelled_cursor_, [&](const LabelledStats& stats) {
      for (const LabelledStats::Value& value : stats.values) {
        if (!selection_.kinds.has(value.kind)) continue;
        (name_ = stats.prefix) += value.name;
        if (selection_.admits(name_)) write(Collector::Item{name_, value.kind, value.value, {}});
      }
    });
    return true;
  }

  Registry& registry_;
  const Selection selection_;
  std::string cursor_, labelled_cursor_;
  std::string name_;
  bool labelled_done_ = false;
  size_t pass_ = 0;
  std::unique_ptr<Collector> collector_;
};

std::vector<uint64_t> disjoint(std::vector<uint64_t> counts) {
  for (size_t i = counts.size(); i-- > 1;) counts[i] -= counts[i - 1];
  return counts;
}

// ---- text ----

void write_quantiles(std::string& out, const Registry::History& history) {
  const auto interval = quantiles(history.interval);
  const auto cumulative = quantiles(history.cumulative);
  for (size_t i = 0; i < kQuantiles.size(); ++i) {
    out += i == 0 ? "P" : " P";
    append_decimal(out, kQuantiles[i] * 100);
    out += '(';
    append_decimal(out, interval[i]);
    out += ',';
    append_decimal(out, cumulative[i]);
    out += ')';
  }
}

void write_bounds(std::string& out, const Registry::History& history, const std::vector<double>& bounds, HistogramMode mode) {
  auto interval = counts_up_to(history.interval, bounds);
  auto cumulative = counts_up_to(history.cumulative, bounds);
  if (mode == HistogramMode::kDisjoint) {
    interval = disjoint(std::move(interval));
    cumulative = disjoint(std::move(cumulative));
  }
  for (size_t i = 0; i < bounds.size(); ++i) {
    out += i == 0 ? "B" : " B";
    append_digits(out, bounds[i], 6);
    out += '(';
    append_number(out, interval[i]);
    out += ',';
    append_number(out, cumulative[i]);
    out += ')';
  }
}

void write_buckets(std::string& out, const Buckets& buckets) {
  for (size_t i = 0; i < buckets.size(); ++i) {
    if (i != 0) out += ", ";
    append_decimal(out, buckets[i].low);
    out += ',';
    append_decimal(out, buckets[i].width);
    out += ':';
    append_number(out, buckets[i].count);
  }
}

void write_histogram(std::string& out, std::string_view name, const Registry::History& history, const std::vector<double>& bounds,
                     HistogramMode mode) {
  out += name;
  if (history.cumulative.empty()) {
    out += ": No recorded values";
  } else if (mode == HistogramMode::kDetailed) {
    out += ":\n  totals=";
    write_buckets(out, history.cumulative);
    out += "\n  intervals=";
    write_buckets(out, history.interval);
    out += "\n  summary=";
    write_quantiles(out, history);
  } else {
    out += ": ";
    if (mode == HistogramMode::kCumulative || mode == HistogramMode::kDisjoint) {
      write_bounds(out, history, bounds, mode);
    } else {
      write_quantiles(out, history);
    }
  }
  out += '\n';
}

// ---- JSON ----

void write_json_quantiles(std::string& out, const Registry::History& history) {
  const auto interval = quantiles(history.interval);
  const auto cumulative = quantiles(history.cumulative);
  out += '[';
  for (size_t i = 0; i < kQuantiles.size(); ++i) {
    out += i == 0 ? "{\"cumulative\":" : ",{\"cumulative\":";
    append_json_number(out, cumulative[i]);
    out += ",\"interval\":";
    append_json_number(out, interval[i]);
    out += '}';
  }
  out += ']';
}

void write_json_bounds(std::string& out, const Registry::History& history, const std::vector<double>& bounds,
                       HistogramMode mode) {
  auto interval = counts_up_to(history.interval, bounds);
  auto cumulative = counts_up_to(history.cumulative, bounds);
  if (mode == HistogramMode::kDisjoint) {
    interval = disjoint(std::move(interval));
    cumulative = disjoint(std::move(cumulative));
  }
  out += '[';
  for (size_t i = 0; i < bounds.size(); ++i) {
    out += i == 0 ? "{\"upper_bound\":" : ",{\"upper_bound\":";
    append_json_number(out, bounds[i]);
    out += ",\"interval\":";
    append_number(out, interval[i]);
    out += ",\"cumulative\":";
    append_number(out, cumulative[i]);
    out += '}';
  }
  out += ']';
}

void write_json_buckets(std::string& out, const Buckets& buckets) {
  out += '[';
  for (const Histogram::Bucket& bucket : buckets) {
    if (out.back() != '[') out += ',';
    out += "{\"lower_bound\":";
    append_json_number(out, bucket.low);
    out += ",\"width\":";
    append_json_number(out, bucket.width);
    out += ",\"count\":";
    append_number(out, bucket.count);
    out += '}';
  }
  out += ']';
}

void write_json_percentiles(std::string& out) {
  for (const double quantile : kQuantiles) {
    if (out.back() != '[') out += ',';
    append_shortest(out, quantile * 100);
  }
}

/// What stands before the first histogram; what stands after the last one.
void open_json_histograms(std::string& out, HistogramMode mode) {
  if (mode == HistogramMode::kCumulative || mode == HistogramMode::kDisjoint) {
    out += "{\"histograms\":[";
    return;
  }
  const bool detailed = mode == HistogramMode::kDetailed;
  out += detailed ? "{\"histograms\":{\"supported_percentiles\":[" : "{\"histograms\":{\"supported_quantiles\":[";
  write_json_percentiles(out);
  out += detailed ? "],\"details\":[" : "],\"computed_quantiles\":[";
}
std::string_view close_json_histograms(HistogramMode mode) {
  return mode == HistogramMode::kCumulative || mode == HistogramMode::kDisjoint ? "]}" : "]}}";
}

void write_json_histogram(std::string& out, std::string_view name, const Registry::History& history,
                          const std::vector<double>& bounds, HistogramMode mode) {
  out += "{\"name\":";
  append_json_string(out, name);
  if (mode == HistogramMode::kCumulative || mode == HistogramMode::kDisjoint) {
    out += ",\"buckets\":";
    write_json_bounds(out, history, bounds, mode);
  } else if (mode == HistogramMode::kDetailed) {
    out += ",\"totals\":";
    write_json_buckets(out, history.cumulative);
    out += ",\"intervals\":";
    write_json_buckets(out, history.interval);
    out += ",\"percentiles\":";
    write_json_quantiles(out, history);
  } else {
    out += ",\"values\":";
    write_json_quantiles(out, history);
  }
  out += '}';
}

}  // namespace

Producer text_export(Registry& registry, ExportOptions options) {
  return [&registry, walk = Walk(registry, options.selection), mode = options.histograms](std::string& out) mutable {
    const size_t enough = out.size() + kPiece;
    while (out.size() < enough) {
      const bool more = walk.next([&](const Collector::Item& item) {
        if (item.kind == StatKind::kHistogram) {
          write_histogram(out, item.name, history_of(registry, item.name), registry.bounds_of(item.name), mode);
          return;
        }
        out += item.name;
        out += ": ";
        if (item.kind == StatKind::kText) {
          ((out += '"') += item.text) += '"';
        } else {
          append_number(out, item.value);
        }
        out += '\n';
      });
      if (!more) return false;
    }
    return true;
  };
}

Producer json_export(Registry& registry, ExportOptions options) {
  return [&registry, walk = Walk(registry, options.selection), mode = options.histograms, begun = false, any = false,
          in_histograms = false](std::string& out) mutable {
    const size_t enough = out.size() + kPiece;
    if (!std::exchange(begun, true)) out += "{\"stats\":[";
    while (out.size() < enough) {
      const bool more = walk.next([&](const Collector::Item& item) {
        if (std::exchange(any, true)) out += ',';
        if (item.kind == StatKind::kHistogram) {
          if (!std::exchange(in_histograms, true)) open_json_histograms(out, mode);
          write_json_histogram(out, item.name, history_of(registry, item.name), registry.bounds_of(item.name), mode);
          return;
        }
        out += "{\"name\":";
        append_json_string(out, item.name);
        out += ",\"value\":";
        if (item.kind == StatKind::kText) {
          append_json_string(out, item.text);
        } else {
          append_number(out, item.value);
        }
        out += '}';
      });
      if (!more) {
        if (in_histograms) out += close_json_histograms(mode);
        out += "]}";
        return false;
      }
    }
    return true;
  };
}

}  // namespace weir::stats
