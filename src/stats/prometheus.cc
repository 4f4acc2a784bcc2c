// The Prometheus text format, family by family, as Envoy writes it.
#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <unordered_map>

#include "base/number_text.h"
#include "stats/export.h"
#include "stats/labelled_families.h"
#include "stats/prometheus_text.h"

namespace weir::stats {

namespace {

constexpr size_t kPiece = 64 * 1024;

/// "cluster.<cluster>.<rest>", where the cluster's name is one token and the rest is so long that no tag can reach over it.
struct ClusterName {
  std::string_view cluster, rest;  // both empty if it is not one

  explicit ClusterName(std::string_view name) {
    constexpr std::string_view kStart = "cluster.";
    constexpr size_t kReach = 7;  // "_rq_200"
    if (!name.starts_with(kStart)) return;
    const size_t dot = name.find('.', kStart.size());
    if (dot == name.npos || dot == kStart.size() || name.size() - dot <= kReach) return;
    cluster = name.substr(kStart.size(), dot - kStart.size());
    rest = name.substr(dot + 1);
  }
};

/// Gathers all series of one kind, sorted into families, then writes family after family. Only numbers and label texts are kept
/// (labels once for all neighbours that share them), never composed lines.
class Families {
 public:
  explicit Families(const TagExtractor& tags) : tags_(tags), clusters_are_alike_(tags.clusters_are_alike()) {}

  void add(const Collector::Item& item, bool text_value) {
    uint64_t value = item.value;
    if (item.kind == StatKind::kHistogram) {
      value = histograms_.size();
      histograms_.emplace_back(item.name);
    }
    const ClusterName name(clusters_are_alike_ && !text_value ? item.name : std::string_view());
    Shape* const shape = name.rest.empty() ? nullptr : &this->shape(name.rest);
    Family* family = shape == nullptr ? nullptr : shape->family;
    if (family != nullptr) {
      if (name.cluster != cluster_) {
        cluster_ = name.cluster;
        cluster_label_.clear();
        append_label_value(cluster_label_, name.cluster);
      }
      ((labels_now_ = shape->before) += cluster_label_) += shape->after;
    } else {
      family = &take_apart(item.name, shape);
      if (text_value) append_label(labels_now_, "text_value", item.text);
    }
    family->series.push_back({intern(labels_now_), value});
  }

  void sort() {
    order_.clear();
    for (auto& family : families_) order_.push_back(&family);
    std::sort(order_.begin(), order_.end(), [](const Family* a, const Family* b) { return a->name < b->name; });
  }

  /// Writes the next family's next series; false when everything was written.
  template <class F>
  bool write_next(std::string& out, std::string_view type, F&& write_series) {
    if (at_ == order_.size()) return false;
    Family& family = *order_[at_];
    if (next_series_ == 0) write_type(out, family.metric, type);
    const Series& series = family.series[next_series_];
    const std::string_view labels = label(series.labels);
    write_series(out, family.metric, labels, series);
    if (++next_series_ == family.series.size()) {
      family.series = {};
      next_series_ = 0;
      ++at_;
    }
    return true;
  }

  struct Label {
    uint32_t at;
    uint32_t size;
  };
  struct Series {
    Label labels;
    uint64_t value;  // of a histogram: the index of its full name
  };
  const std::string& histogram(uint64_t index) const { return histograms_[index]; }

 private:
  struct Family {
    std::string name;    // dotted: the sorting key
    std::string metric;  // "envoy_cluster_upstream_rq_total"
    std::vector<Series> series;
    Family* usually_next = nullptr;
  };
  /// What the statistic of any cluster is that goes on like this: the same but for the cluster's name.
  struct Shape {
    std::string rest;
    Family* family = nullptr;   // null: not known yet, or each cluster's is another
    std::string before, after;  // of the labels' text around the cluster's name
    Shape* usually_next = nullptr;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  /// Leaves the labels in labels_now_ and, if there is one, fills the shape.
  Family& take_apart(std::string_view name, Shape* shape) {
    tags_.extract(name, extracted_);
    labels_now_.clear();
    size_t cluster_at = 0, cluster_end = 0;
    for (const TagExtractor::Tag& tag : extracted_.tags) {
      append_label(labels_now_, tag.name, tag.value);
      if (tag.name != "envoy.cluster_name") continue;
      cluster_label_.clear();
      append_label_value(cluster_label_, cluster_ = tag.value);
      cluster_end = labels_now_.size() - 1;
      cluster_at = cluster_end - cluster_label_.size();
    }
    Family& found = family(extracted_.name);
    if (shape != nullptr && cluster_end != 0) {
      shape->family = &found;
      shape->before = labels_now_.substr(0, cluster_at);
      shape->after = labels_now_.substr(cluster_end);
    }
    return found;
  }

  Shape& shape(std::string_view rest) {
    Shape* found = last_shape_ == nullptr ? nullptr : last_shape_->usually_next;
    if (found == nullptr || found->rest != rest) {
      auto at = shapes_.find(rest);
      if (at == shapes_.end()) {
        at = shapes_.emplace(rest, Shape()).first;
        at->second.rest = rest;
      }
      found = &at->second;
      if (last_shape_ != nullptr) last_shape_->usually_next = found;
    }
    last_shape_ = found;
    return *found;
  }

  std::string_view label(Label label) const { return std::string_view(label_text_).substr(label.at, label.size); }

  Label intern(std::string_view text) {
    if (label(last_label_) != text) {
      last_label_ = {static_cast<uint32_t>(label_text_.size()), static_cast<uint32_t>(text.size())};
      label_text_ += text;
    }
    return last_label_;
  }

  /// Sources of one sort show their statistics in one order, so the family after this one is usually the one it was last time.
  Family& family(const std::string& name) {
    Family* guess = last_ == nullptr ? nullptr : last_->usually_next;
    if (guess == nullptr || guess->name != name) {
      auto at = index_.find(name);
      if (at == index_.end()) {
        families_.push_back({name, {}, {}, nullptr});
        append_metric_name(families_.back().metric, name);
        at = index_.emplace(name, &families_.back()).first;
      }
      guess = at->second;
      if (last_ != nullptr) last_->usually_next = guess;
    }
    last_ = guess;
    return *guess;
  }

  const TagExtractor& tags_;
  const bool clusters_are_alike_;
  TagExtractor::Extracted extracted_;
  std::unordered_map<std::string, Shape, Hash, std::equal_to<>> shapes_;
  Shape* last_shape_ = nullptr;
  std::string cluster_, cluster_label_;
  std::string labels_now_;
  std::string label_text_;
  Label last_label_ = {0, 0};
  std::vector<std::string> histograms_;
  std::deque<Family> families_;
  std::unordered_map<std::string, Family*, Hash, std::equal_to<>> index_;
  Family* last_ = nullptr;
  std::vector<Family*> order_;
  size_t at_ = 0;
  size_t next_series_ = 0;
};

void write_sum_and_count(std::string& out, std::string_view metric, std::string_view labels, const Buckets& buckets) {
  ((((out += metric) += "_sum{") += labels) += "} ");
  append_digits(out, sample_sum(buckets), 32);
  out += '\n';
  write_sample(out, metric, "_count", labels, sample_count(buckets));
}

void write_extra_label(std::string& out, std::string_view metric, std::string_view suffix, std::string_view labels,
                       std::string_view label) {
  (((out += metric) += suffix) += '{') += labels;
  if (!labels.empty()) out += ',';
  (out += label) += "=\"";
}

/// The upper ends of a histogram's buckets and how they are written: nearly all histograms have the same ones.
class Bounds {
 public:
  void are(const std::vector<double>& bounds) {
    if (&bounds == bounds_) return;
    bounds_ = &bounds;
    texts_.clear();
    for (const double bound : bounds) append_digits(texts_.emplace_back(), bound, 32);
  }
  const std::vector<double>& values() const { return *bounds_; }
  const std::string& text(size_t i) const { return texts_[i]; }

 private:
  const std::vector<double>* bounds_ = nullptr;
  std::vector<std::string> texts_;
};

void write_histogram(std::string& out, std::string_view metric, std::string_view labels, const Buckets& buckets,
                     const Bounds& bounds) {
  const auto counts = counts_up_to(buckets, bounds.values());
  for (size_t i = 0; i < counts.size(); ++i) {
    write_extra_label(out, metric, "_bucket", labels, "le");
    (out += bounds.text(i)) += "\"} ";
    append_number(out, counts[i]);
    out += '\n';
  }
  write_extra_label(out, metric, "_bucket", labels, "le");
  out += "+Inf\"} ";
  append_number(out, sample_count(buckets));
  out += '\n';
  write_sum_and_count(out, metric, labels, buckets);
}

void write_summary(std::string& out, std::string_view metric, std::string_view labels, const Registry::History& history) {
  const auto values = quantiles(history.interval);
  for (size_t i = 0; i < kQuantiles.size(); ++i) {
    write_extra_label(out, metric, "", labels, "quantile");
    append_decimal(out, kQuantiles[i]);
    out += "\"} ";
    append_digits(out, values[i], 32);
    out += '\n';
  }
  write_sum_and_count(out, metric, labels, history.cumulative);
}

/// One kind after the other: gathered, then written.
class PrometheusExport {
 public:
  PrometheusExport(Registry& registry, const TagExtractor& tags, ExportOptions options)
      : registry_(registry), tags_(tags), options_(std::move(options)), labelled_(registry, tags, options_.selection) {}

  bool next(std::string& out) {
    const size_t enough = out.size() + kPiece;
    while (out.size() < enough) {
      if (families_ == nullptr && !gather()) return labelled_.next(out);
      const bool more = families_->write_next(out, type(), [this](auto&... args) { write(args...); });
      if (!more) families_.reset();
    }
    return true;
  }

 private:
  static constexpr std::array<StatKind, 4> kOrder = {StatKind::kCounter, StatKind::kGauge, StatKind::kText, StatKind::kHistogram};

  bool gather() {
    if (next_kind_ == kOrder.size()) return false;
    kind_ = kOrder[next_kind_++];
    families_ = std::make_unique<Families>(tags_);
    if (!options_.selection.kinds.has(kind_) || (kind_ == StatKind::kText && !options_.text_readouts)) return true;
    Selection selection = options_.selection;
    selection.kinds = kind_;
    Collector collector(selection, registry_);
    for (std::string& cursor : cursors_by_token()) {
      registry_.visit_next(cursor, collector);
      for (const Collector::Item& item : collector.sorted()) families_->add(item, kind_ == StatKind::kText);
      collector.clear();
    }
    families_->sort();
    return true;
  }

  /// Envoy sorts series by the tokens of their names: "cluster.a." before "cluster.a-b.".
  std::vector<std::string> cursors_by_token() const {
    std::vector<std::pair<std::string, std::string>> runs;
    for (auto& [prefix, cursor] : registry_.cursors()) runs.emplace_back(prefix, cursor);
    for (auto& [prefix, cursor] : runs) std::replace(prefix.begin(), prefix.end(), '.', '\0');
    std::sort(runs.begin(), runs.end());
    std::vector<std::string> result;
    for (auto& [prefix, cursor] : runs) result.push_back(std::move(cursor));
    return result;
  }

  std::string_view type() const {
    if (kind_ == StatKind::kHistogram) return options_.histograms == HistogramMode::kSummary ? "summary" : "histogram";
    return kind_ == StatKind::kCounter ? "counter" : "gauge";
  }

  void write(std::string& out, std::string_view metric, std::string_view labels, const Families::Series& series) {
    static const Registry::History kNothing;
    if (kind_ != StatKind::kHistogram) return write_sample(out, metric, "", labels, series.value);
    const std::string& name = families_->histogram(series.value);
    const Registry::History* history = registry_.history(name);
    if (history == nullptr) history = &kNothing;
    if (options_.histograms == HistogramMode::kSummary) {
      write_summary(out, metric, labels, *history);
    } else {
      bounds_.are(registry_.bounds_of(name));
      write_histogram(out, metric, labels, history->cumulative, bounds_);
    }
  }

  Registry& registry_;
  const TagExtractor& tags_;
  const ExportOptions options_;
  LabelledFamilies labelled_;
  size_t next_kind_ = 0;
  StatKind kind_ = StatKind::kCounter;
  std::unique_ptr<Families> families_;
  Bounds bounds_;
};

}  // namespace

Producer prometheus_export(Registry& registry, const TagExtractor& tags, ExportOptions options) {
  auto export_ = std::make_unique<PrometheusExport>(registry, tags, std::move(options));
  return [export_ = std::move(export_)](std::string& out) { return export_->next(out); };
}

}  // namespace weir::stats
