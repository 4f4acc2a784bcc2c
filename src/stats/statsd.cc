#include "stats/statsd.h"

#include <utility>

#include "base/number_text.h"
#include "stats/collector.h"

namespace weir::stats {

/// Gathers lines until enough of them are together.
class StatsdWriter::Batch {
 public:
  Batch(const StatsdFormat& format, const std::function<void(std::string_view)>& send) : format_(format), send_(send) {}
  ~Batch() { send(); }

  void add(std::string_view line) {
    const size_t size = text_.size() + 1 + line.size() + (format_.ends_with_line ? 1 : 0);
    if (!text_.empty() && size > format_.batch_bytes) send();
    if (!text_.empty()) text_ += '\n';
    text_ += line;
    if (format_.batch_bytes == 0) send();
  }

 private:
  void send() {
    if (text_.empty()) return;
    if (format_.ends_with_line) text_ += '\n';
    send_(text_);
    text_.clear();
  }

  const StatsdFormat& format_;
  const std::function<void(std::string_view)>& send_;
  std::string text_;
};

void StatsdWriter::write(Batch& batch, std::string_view name, std::string_view value) {
  using Tags = StatsdFormat::Tags;
  if (format_.tags == Tags::kInNames) {
    ((((line_ = format_.prefix) += '.') += name) += ':') += value;
    return batch.add(line_);
  }
  tags_.extract(name, extracted_);
  write_tagged(batch, value);
}

void StatsdWriter::write_tagged(Batch& batch, std::string_view value) {
  using Tags = StatsdFormat::Tags;
  ((line_ = format_.prefix) += '.') += extracted_.name;
  const bool dog = format_.tags == Tags::kDog;
  if (dog) (line_ += ':') += value;
  bool first = true;
  for (const TagExtractor::Tag& tag : extracted_.tags) {
    line_ += dog ? (std::exchange(first, false) ? "|#" : ",") : ";";
    ((line_ += tag.name) += dog ? ':' : '=') += tag.value;
  }
  if (!dog) (line_ += ':') += value;
  batch.add(line_);
}

void StatsdWriter::flush(const std::function<void(std::string_view)>& send) {
  Batch batch(format_, send);
  Collector collector({.kinds = StatKind::kCounter | StatKind::kGauge | StatKind::kHistogram, .used_only = true, .filter = {}},
                      registry_);
  std::string value;
  for (std::string cursor; registry_.visit_next(cursor, collector); collector.clear()) {
    for (const Collector::Item& item : collector.sorted()) {
      value.clear();
      if (item.kind == StatKind::kCounter) {
        auto at = sent_.find(item.name);
        if (at == sent_.end()) at = sent_.emplace(item.name, 0).first;
        const uint64_t before = std::exchange(at->second, item.value);
        append_number(value, item.value >= before ? item.value - before : item.value);  // it may have been reset
        write(batch, item.name, value += "|c");
      } else if (item.kind == StatKind::kGauge) {
        append_number(value, item.value);
        write(batch, item.name, value += "|g");
      } else if (const Registry::History* history = registry_.history(item.name)) {
        for (const Histogram::Bucket& bucket : history->interval) {
          value.clear();
          append_number(value, static_cast<uint64_t>(bucket.low + (bucket.width > 1 ? bucket.width / 2 : 0)));
          value += "|ms";
          if (bucket.count > 1) append_shortest(value += "|@", 1 / static_cast<double>(bucket.count));
          write(batch, item.name, value);
        }
      }
    }
  }
  flush_labelled(batch);
}

// Everything is sent, used or not, as Envoy does it.
void StatsdWriter::flush_labelled(Batch& batch) {
  Values before = std::exchange(sent_labelled_, {});
  std::string name, value;
  const auto send = [&](const LabelledStats& stats) {
    for (const LabelledStats::Value& each : stats.values) {
      const bool counter = each.kind == StatKind::kCounter;
      uint64_t shown = each.value;
      (name = stats.prefix) += each.name;
      if (counter) {
        const auto at = before.find(name);
        if (at != before.end() && each.value >= at->second) shown -= at->second;
        sent_labelled_.emplace(name, each.value);
      }
      value.clear();
      append_number(value, shown);
      value += counter ? "|c" : "|g";
      if (format_.tags == StatsdFormat::Tags::kInNames) {
        write(batch, name, value);
        continue;
      }
      (extracted_.name = stats.family) += each.name;
      extracted_.tags.clear();
      for (const auto& [tag, text] : tags_.fixed()) extracted_.tags.push_back({tag, text});
      for (const auto& [tag, text] : stats.tags) extracted_.tags.push_back({tag, text});
      write_tagged(batch, value);
    }
  };
  for (std::string cursor; registry_.labelled().visit_next(cursor, send);) {
  }
}

}  // namespace weir::stats
