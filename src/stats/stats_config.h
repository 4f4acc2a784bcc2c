// Reads StatsConfig: tags, which statistics exist, and histograms' bucket bounds.
#pragma once

#include <string>
#include <vector>

#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "stats/name_filter.h"
#include "stats/tags.h"

namespace envoy::config::metrics::v3 {
class StatsConfig;
}

namespace weir::stats {

struct StatsSettings {
  TagExtractor tags;
  NameFilter filter;
  std::vector<BoundsRule> bounds;
};

/// `command_line_tags` are those of --stats-tag, "name:value".
StatsSettings read_stats_config(const envoy::config::metrics::v3::StatsConfig& config,
                                const std::vector<std::string>& command_line_tags, const config::FieldPath& at,
                                config::Diagnostics& diagnostics);

/// What of it is implemented.
void declare_stats_config(config::SupportTable& table);

}  // namespace weir::stats
