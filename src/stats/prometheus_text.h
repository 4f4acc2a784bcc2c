// The words of the Prometheus text format.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::stats {

/// "envoy_cluster_upstream_rq_total" of "cluster.upstream_rq_total".
void append_metric_name(std::string& out, std::string_view name);
/// Escaped, without quotes.
void append_label_value(std::string& out, std::string_view value);
/// `name="value"`, after a comma if something stands before it.
void append_label(std::string& out, std::string_view name, std::string_view value);
/// `metric` and `suffix` are the metric's name; one line.
void write_sample(std::string& out, std::string_view metric, std::string_view suffix, std::string_view labels, uint64_t value);
/// The line before the first sample of a family; `type`: "counter".
void write_type(std::string& out, std::string_view metric, std::string_view type);

}  // namespace weir::stats
