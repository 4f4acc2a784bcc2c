// How statistics are written: Envoy's text, JSON and Prometheus forms, made piece by piece.
#pragma once

#include <functional>
#include <string>

#include "stats/collector.h"
#include "stats/registry.h"
#include "stats/tags.h"

namespace weir::stats {

/// Appends the next piece (some tens of kilobytes) to `out`; false when nothing comes after it. What is added to or removed from
/// the registry between two calls does no harm.
using Producer = std::move_only_function<bool(std::string& out)>;

enum class HistogramMode : uint8_t { kQuantiles, kSummary, kCumulative, kDisjoint, kDetailed };

struct ExportOptions {
  Selection selection;
  HistogramMode histograms = HistogramMode::kQuantiles;
  bool text_readouts = false;  // Prometheus only: as gauges of value 0 with a label text_value
};

/// "name: value" lines: text readouts, then counters and gauges, then histograms, each sorted (GET /stats).
Producer text_export(Registry& registry, ExportOptions options);

/// The same as one JSON object (GET /stats?format=json).
Producer json_export(Registry& registry, ExportOptions options);

/// The Prometheus text format as Envoy writes it: counters, gauges, text readouts, histograms; families sorted by name.
/// kSummary shows histograms as summaries, everything else as histograms. `tags` must live as long as the producer.
Producer prometheus_export(Registry& registry, const TagExtractor& tags, ExportOptions options);

}  // namespace weir::stats
