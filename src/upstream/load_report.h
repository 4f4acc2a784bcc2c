// LoadReport: what an endpoint says about its load in the headers or trailers of an answer (Open Request Cost Aggregation, ORCA).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/header_map.h"
#include "upstream/balancing_spec.h"

namespace weir::upstream {

struct LoadReport {
  double cpu = 0, memory = 0, application = 0;  // utilisation: 1 is all of it
  double requests_per_second = 0, errors_per_second = 0;
  std::map<std::string, double, std::less<>> named;        // named_metrics
  std::map<std::string, double, std::less<>> utilization;  // by what is utilised
};

/// From `endpoint-load-metrics` ("TEXT …", "JSON …" or "BIN …") or `endpoint-load-metrics-bin`; nothing if there is none, or it
/// is broken.
std::optional<LoadReport> read_load_report(const http::HeaderMap& headers);

/// How often an endpoint should be chosen that says so; nothing if it does not say enough.
std::optional<uint32_t> weight_of(const LoadReport& report, const ClientWeighted& spec);

}  // namespace weir::upstream
