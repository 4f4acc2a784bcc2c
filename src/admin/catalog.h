// The catalogue of admin pages: every path that exists, what it is for and who answers.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/request.h"
#include "admin/subject.h"
#include "base/log.h"
#include "config/schema.h"
#include "observe/access_log.h"
#include "stats/registry.h"
#include "stats/tags.h"

namespace weir::admin {

/// All that pages may use.
struct Site {
  Subject& subject;
  stats::Registry& stats;
  const stats::TagExtractor& tags;
  config::Schema& schema;
  Log& log;
  std::vector<std::shared_ptr<observe::AccessLog>> access_logs = {};
  size_t log_thread = 0;             // the main thread's number among those that log
  net::AddressPtr own_address = {};  // the machine's, for x-forwarded-for behind a loopback peer
  bool records_lookups = false;      // /stats/recentlookups
};

struct Parameter {
  enum class Kind : uint8_t { kFlag, kText, kChoice };
  Kind kind;
  std::string_view name;
  std::string_view help;
  std::string_view choices = {};  // "text, json"; a leading comma allows none
};

struct Page {
  std::string_view path;
  std::string_view help;
  bool acts = false;  // changes something: POST only
  Response (*answer)(Site& site, const Request& request);
  std::span<const Parameter> parameters = {};
  bool listed = true;  // on the home page and in /help
};

/// Sorted by path.
std::span<const Page> pages();

/// Finds the page and lets it answer; 404 and 405 in Envoy's words.
Response answer(Site& site, const Request& request);

/// The list of commands that /help prints.
std::string help_text();

/// Text as it may stand in HTML.
std::string escaped(std::string_view text);

// --- the pages ---
Response live_page(Site& site, const Request& request);
Response requests_page(Site& site, const Request& request);
Response home_page(Site& site, const Request& request);
Response help_page(Site& site, const Request& request);
Response stats_page(Site& site, const Request& request);
Response prometheus_page(Site& site, const Request& request);
Response recent_lookups_page(Site& site, const Request& request);
Response reset_counters(Site& site, const Request& request);
Response clusters_page(Site& site, const Request& request);
Response listeners_page(Site& site, const Request& request);
Response config_dump_page(Site& site, const Request& request);
Response server_info_page(Site& site, const Request& request);
Response ready_page(Site& site, const Request& request);
Response memory_page(Site& site, const Request& request);
Response certs_page(Site& site, const Request& request);
Response runtime_page(Site& site, const Request& request);
Response runtime_modify(Site& site, const Request& request);
Response init_dump_page(Site& site, const Request& request);
Response contention_page(Site& site, const Request& request);
Response hot_restart_version_page(Site& site, const Request& request);
Response logging_page(Site& site, const Request& request);
Response quit(Site& site, const Request& request);
Response drain_listeners(Site& site, const Request& request);
Response fail_health_check(Site& site, const Request& request);
Response pass_health_check(Site& site, const Request& request);
Response reopen_logs(Site& site, const Request& request);
Response cpu_profiler(Site& site, const Request& request);
Response heap_profiler(Site& site, const Request& request);
Response allocation_profiler(Site& site, const Request& request);
Response heap_dump_page(Site& site, const Request& request);

}  // namespace weir::admin
