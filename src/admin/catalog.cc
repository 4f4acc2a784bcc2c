#include "admin/catalog.h"

namespace weir::admin {

namespace {

using Kind = Parameter::Kind;

constexpr Parameter kEnable[] = {{Kind::kChoice, "enable", "start or stop it", "y, n"}};
constexpr Parameter kFormat[] = {{Kind::kChoice, "format", "how to print it", "text, json"}};
constexpr Parameter kConfigDump[] = {
    {Kind::kText, "resource", "only the elements of this list, e.g. static_clusters"},
    {Kind::kText, "mask", "only these fields (a FieldMask), of the whole or of each element of the resource"},
    {Kind::kText, "name_regex", "only what has a name that matches this regular expression"},
    {Kind::kFlag, "include_eds", "endpoints too"},
};
constexpr Parameter kDrain[] = {
    {Kind::kFlag, "graceful", "ask clients to leave during the drain time, then close"},
    {Kind::kFlag, "skip_exit", "keep the listeners after the drain time; only with graceful"},
    {Kind::kFlag, "inboundonly", "only listeners whose traffic_direction is INBOUND"},
};
constexpr Parameter kInitDump[] = {{Kind::kText, "mask", "only this component, e.g. listener (a FieldMask)"}};
constexpr Parameter kLogging[] = {
    {Kind::kText, "paths", "several loggers at once: name1:level1,name2:level2"},
    {Kind::kChoice, "level", "the level of all loggers", ", trace, debug, info, warning, error, critical, off"},
};
constexpr Parameter kStats[] = {
    {Kind::kFlag, "usedonly", "only what was ever written"},
    {Kind::kText, "filter", "only names that this regular expression (RE2) finds something in"},
    {Kind::kChoice, "format", "how to print it", "html, active-html, text, json"},
    {Kind::kChoice, "type", "only this kind", "All, Counters, Histograms, Gauges, TextReadouts"},
    {Kind::kChoice, "histogram_buckets", "how to show histograms", "cumulative, disjoint, detailed, summary"},
};
constexpr Parameter kPrometheus[] = {
    {Kind::kFlag, "usedonly", "only what was ever written"},
    {Kind::kFlag, "text_readouts", "text readouts too, as gauges of value 0 with a label"},
    {Kind::kText, "filter", "only names that this regular expression (RE2) finds something in"},
    {Kind::kChoice, "histogram_buckets", "how to show histograms", "cumulative, summary"},
};

constexpr Page kPages[] = {
    {"/", "this list, as a page", false, home_page},
    {"/allocprofiler", "profile allocations (where supported)", true, allocation_profiler, kEnable},
    {"/certs", "certificates in use and until when they are valid", false, certs_page},
    {"/clusters", "clusters and their endpoints", false, clusters_page, kFormat},
    {"/config_dump", "the configuration in use", false, config_dump_page, kConfigDump},
    {"/contention", "how long locks were waited for (where supported)", false, contention_page},
    {"/cpuprofiler", "profile the processor time (where supported)", true, cpu_profiler, kEnable},
    {"/drain_listeners", "drain and close listeners", true, drain_listeners, kDrain},
    {"/healthcheck/fail", "answer health checks with failure", true, fail_health_check},
    {"/healthcheck/ok", "answer health checks with success again", true, pass_health_check},
    {"/heap_dump", "what is on the heap (where supported)", false, heap_dump_page},
    {"/heapprofiler", "profile the heap (where supported)", true, heap_profiler, kEnable},
    {"/help", "this list", false, help_page},
    {"/hot_restart_version", "whether and with which version a hot restart is possible", false, hot_restart_version_page},
    {"/init_dump", "what start-up still waits for", false, init_dump_page, kInitDump},
    {"/listeners", "listeners and their addresses", false, listeners_page, kFormat},
    {"/logging", "show and change log levels", true, logging_page, kLogging},
    {"/memory", "memory in use", false, memory_page},
    {"/quitquitquit", "end the process", true, quit},
    {"/ready", "the state of the server; 200 if LIVE, else 503", false, ready_page},
    {"/reopen_logs", "open log files again after they were rotated", true, reopen_logs},
    {"/reset_counters", "set all counters to zero", true, reset_counters},
    {"/runtime", "runtime values", false, runtime_page},
    {"/runtime_modify", "set runtime values: ?key1=value1&key2=value2; an empty value removes what was set here", true,
     runtime_modify},
    {"/server_info", "version, state, command line and node", false, server_info_page},
    {"/stats", "all statistics", false, stats_page, kStats},
    {"/stats/prometheus", "all statistics in the Prometheus text format", false, prometheus_page, kPrometheus},
    {"/stats/recentlookups", "names of statistics that were looked up", false, recent_lookups_page},
    {"/stats/recentlookups/clear", "forget the looked-up names", true, recent_lookups_page},
    {"/stats/recentlookups/disable", "stop recording looked-up names", true, recent_lookups_page},
    {"/stats/recentlookups/enable", "record looked-up names", true, recent_lookups_page},
    {"/weir/live", "what goes on now, for the page at /", false, live_page, {}, false},
    {"/weir/requests", "requests that were just answered, for the page at /", false, requests_page, {}, false},
};

}  // namespace

std::span<const Page> pages() { return kPages; }

std::string help_text() {
  std::string text = "admin commands are:\n";
  for (const Page& page : kPages) {
    if (!page.listed) continue;
    (text += "  ") += page.path;
    ((text += page.acts ? " (POST): " : ": ") += page.help) += '\n';
    for (const Parameter& parameter : page.parameters) {
      (((text += "      ") += parameter.name) += ": ") += parameter.help;
      if (parameter.kind == Kind::kChoice) ((text += "; One of (") += parameter.choices) += ')';
      text += '\n';
    }
  }
  return text;
}

Response help_page(Site&, const Request&) { return Response::text(help_text()); }

Response answer(Site& site, const Request& request) {
  for (const Page& page : kPages) {
    if (page.path != request.path) continue;
    if (page.acts && request.method != "POST") {
      return Response::error(405, "Method " + std::string(request.method) + " not allowed, POST required.");
    }
    return page.answer(site, request);
  }
  return Response::error(404, "invalid path. " + help_text());
}

}  // namespace weir::admin
