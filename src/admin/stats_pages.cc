// /stats, /stats/prometheus, /stats/recentlookups and /reset_counters.
#include <re2/re2.h>

#include "admin/catalog.h"
#include "base/text.h"

namespace weir::admin {

namespace {

constexpr size_t kMaxFilterSize = 4096;
constexpr int64_t kMaxFilterMemory = 1 << 20;
constexpr std::string_view kModeUsage = "usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary)\n";

/// Fills the selection; an answer if a parameter is wrong.
std::optional<Response> read_selection(const Query& query, stats::Selection& selection) {
  selection.used_only = query.has("usedonly");
  if (const auto type = query.get("type"); type && !type->empty() && *type != "All") {
    if (*type == "Counters") {
      selection.kinds = stats::StatKind::kCounter;
    } else if (*type == "Gauges") {
      selection.kinds = stats::StatKind::kGauge;
    } else if (*type == "Histograms") {
      selection.kinds = stats::StatKind::kHistogram;
    } else if (*type == "TextReadouts") {
      selection.kinds = stats::StatKind::kText;
    } else {
      return Response::error(400, "invalid &type= param");
    }
  }
  if (const auto hidden = query.get("hidden");
      hidden && !hidden->empty() && *hidden != "include" && *hidden != "only" && *hidden != "exclude") {
    return Response::error(400, "usage: /stats?hidden=(include|only|exclude)\n\n");
  }
  if (const auto filter = query.get("filter"); filter && !filter->empty()) {
    RE2::Options options(RE2::Quiet);
    options.set_max_mem(kMaxFilterMemory);
    if (filter->size() > kMaxFilterSize) return Response::error(400, "Invalid re2 regex");
    selection.filter = std::make_shared<const RE2>(re2::StringPiece(filter->data(), filter->size()), options);
    if (!selection.filter->ok()) return Response::error(400, "Invalid re2 regex");
  }
  return std::nullopt;
}

/// Nothing if it is none of Envoy's modes.
std::optional<stats::HistogramMode> read_mode(const Query& query) {
  const auto mode = query.get("histogram_buckets");
  if (!mode || mode->empty() || *mode == "none") return stats::HistogramMode::kQuantiles;
  if (*mode == "cumulative") return stats::HistogramMode::kCumulative;
  if (*mode == "disjoint") return stats::HistogramMode::kDisjoint;
  if (*mode == "detailed") return stats::HistogramMode::kDetailed;
  if (*mode == "summary") return stats::HistogramMode::kSummary;
  return std::nullopt;
}

/// The text form as a page; `again_s` seconds later it is loaded again (0: it is not).
stats::Producer as_page(stats::Producer text, int again_s) {
  return [text = std::move(text), again_s, begun = false](std::string& out) mutable {
    if (!std::exchange(begun, true)) {
      out += "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Statistics</title>\n";
      if (again_s > 0) out += "<meta http-equiv=\"refresh\" content=\"" + std::to_string(again_s) + "\">\n";
      out += "<style>:root { color-scheme: light dark; } pre { font: 13px/1.5 ui-monospace, monospace; }</style>\n";
      out += "</head>\n<body>\n<form><label>filter <input name=\"filter\"></label> ";
      out += "<label><input type=\"checkbox\" name=\"usedonly\"> usedonly</label> ";
      out += "<button name=\"format\" value=\"html\">show</button></form>\n<pre>\n";
    }
    std::string piece;
    const bool more = text(piece);
    out += escaped(piece);
    if (!more) out += "</pre>\n</body>\n</html>\n";
    return more;
  };
}

}  // namespace

Response stats_page(Site& site, const Request& request) {
  const std::string_view format = request.query.get("format").value_or("text");
  if (format == "prometheus") return prometheus_page(site, request);
  if (format != "text" && format != "json" && format != "html" && format != "active-html" && !format.empty()) {
    return Response::error(400, "usage: /stats?format=(html|active-html|json|prometheus|text)\n\n");
  }
  stats::ExportOptions options;
  if (auto error = read_selection(request.query, options.selection)) return std::move(*error);
  const auto mode = read_mode(request.query);
  if (!mode) return Response::error(400, std::string(kModeUsage));
  options.histograms = *mode;
  site.subject.before_stats();
  Response response;
  if (request.query.get("hidden") == "only") return response;  // nothing is hidden
  if (format == "json") {
    response.content_type = Response::kJson;
    response.rest = stats::json_export(site.stats, std::move(options));
    return response;
  }
  response.rest = stats::text_export(site.stats, std::move(options));
  if (format == "html" || format == "active-html") {
    response.content_type = Response::kHtml;
    response.rest = as_page(std::move(response.rest), format == "active-html" ? 5 : 0);
  }
  return response;
}

Response prometheus_page(Site& site, const Request& request) {
  stats::ExportOptions options;
  if (auto error = read_selection(request.query, options.selection)) return std::move(*error);
  options.text_readouts = request.query.has("text_readouts");
  const auto mode = read_mode(request.query);
  if (!mode) return Response::error(400, std::string(kModeUsage));
  if (*mode == stats::HistogramMode::kDetailed || *mode == stats::HistogramMode::kDisjoint) {
    return Response::error(400, "unsupported prometheus histogram bucket mode");
  }
  options.histograms = request.query.get("histogram_buckets") == "none" ? stats::HistogramMode::kSummary : *mode;
  options.selection.kinds = stats::StatKinds::all();  // as in Envoy, `type` means nothing here
  site.subject.before_stats();
  Response response;
  response.rest = stats::prometheus_export(site.stats, site.tags, std::move(options));
  return response;
}

// Weir looks no name up while it works, so there is nothing to record.
Response recent_lookups_page(Site& site, const Request& request) {
  if (request.path == "/stats/recentlookups") {
    return Response::text(site.records_lookups
                              ? "   Count Lookup\n\ntotal: 0\n"
                              : "Lookup tracking is not enabled. Use /stats/recentlookups/enable to enable.\n\ntotal: 0\n");
  }
  if (request.path == "/stats/recentlookups/enable") site.records_lookups = true;
  if (request.path == "/stats/recentlookups/disable") site.records_lookups = false;
  return Response::text("OK\n");
}

Response reset_counters(Site& site, const Request&) {
  site.stats.reset_counters();
  return Response::text("OK\n");
}

}  // namespace weir::admin
