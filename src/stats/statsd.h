// StatsdWriter: statistics as lines of the statsd protocol, plain, with DogStatsD's tags or with Graphite's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "stats/registry.h"
#include "stats/tags.h"

namespace weir::stats {

struct StatsdFormat {
  enum class Tags : uint8_t {
    kInNames,   // name:1|c
    kDog,       // name:1|c|#tag:value,tag:value
    kGraphite,  // name;tag=value;tag=value:1|c
  };
  Tags tags = Tags::kInNames;
  std::string prefix = "envoy";
  size_t batch_bytes = 0;       // so many bytes of lines go together; 0: each line by itself
  bool ends_with_line = false;  // whether the last line of a batch has its line end, too (streams need that)
};

/// As Envoy's sinks: every counter that was ever used with what it grew by since the last flush, every such gauge with its value.
/// Samples of histograms are sent with the flush that read them: one line for a bucket, with a rate if there are several.
class StatsdWriter {
 public:
  /// Both outlive the writer.
  StatsdWriter(Registry& registry, const TagExtractor& tags, StatsdFormat format)
      : registry_(registry), tags_(tags), format_(std::move(format)) {}

  /// Right after Registry::flush(). `send` gets one line or one batch a call, each complete in itself.
  void flush(const std::function<void(std::string_view)>& send);

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  class Batch;
  void write(Batch& batch, std::string_view name, std::string_view value);
  /// With whatever tags extracted_ has.
  void write_tagged(Batch& batch, std::string_view value);
  void flush_labelled(Batch& batch);

  Registry& registry_;
  const TagExtractor& tags_;
  const StatsdFormat format_;
  TagExtractor::Extracted extracted_;
  std::string line_;
  using Values = std::unordered_map<std::string, uint64_t, Hash, std::equal_to<>>;
  Values sent_;           // what counters were at the last flush
  Values sent_labelled_;  // only of those that are still there
};

}  // namespace weir::stats
