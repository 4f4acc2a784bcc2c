// Pages about the process as a whole, and those that steer it.
#include <malloc.h>

#include <cstdio>

#include "admin/catalog.h"
#include "admin/message_json.h"
#include "admin/process_memory.h"
#include "envoy/admin/v3/memory.pb.h"
#include "envoy/admin/v3/server_info.pb.h"

namespace weir::admin {

namespace {

std::string_view state_name(ServerState state) {
  switch (state) {
    case ServerState::kLive:
      return "LIVE";
    case ServerState::kDraining:
      return "DRAINING";
    case ServerState::kPreInitializing:
      return "PRE_INITIALIZING";
    case ServerState::kInitializing:
      return "INITIALIZING";
  }
  return "";
}

Response done() { return Response::text("OK\n"); }

Response unsupported(std::string_view what) {
  return Response::error(501, "The current build does not support " + std::string(what));
}

/// ?enable=y or ?enable=n; anything else is answered with how to ask.
bool asks_to_enable(const Request& request, bool& enable) {
  const auto value = request.query.get("enable");
  enable = value == "y";
  return request.query.all().size() == 1 && (value == "y" || value == "n");
}

}  // namespace

Response server_info_page(Site& site, const Request&) {
  envoy::admin::v3::ServerInfo info;
  site.subject.describe(info);
  info.set_state(static_cast<envoy::admin::v3::ServerInfo::State>(site.subject.state()));
  return Response::json(message_json(info, site.schema, {.always_print_primitives = true}));
}

Response ready_page(Site& site, const Request&) {
  const ServerState state = site.subject.state();
  return Response::error(state == ServerState::kLive ? 200 : 503, std::string(state_name(state)) + "\n");
}

Response memory_page(Site& site, const Request&) {
  const ProcessMemory memory = process_memory();
  envoy::admin::v3::Memory message;
  message.set_allocated(memory.allocated);
  message.set_heap_size(memory.heap_size);
  message.set_pageheap_unmapped(memory.unmapped);
  message.set_pageheap_free(memory.free);
  message.set_total_physical_bytes(memory.physical);
  return Response::json(message_json(message, site.schema, {.always_print_primitives = true}));
}

Response hot_restart_version_page(Site&, const Request&) { return Response::text("disabled"); }

Response contention_page(Site&, const Request&) {
  return Response::text("Mutex contention tracing is not enabled. To enable, run Envoy with flag --enable-mutex-tracing.");
}

Response init_dump_page(Site&, const Request&) { return Response::json("{}\n"); }

Response quit(Site& site, const Request&) {
  site.subject.quit();
  return done();
}

Response drain_listeners(Site& site, const Request& request) {
  const Drain drain{.graceful = request.query.has("graceful"),
                    .skip_exit = request.query.has("skip_exit"),
                    .inbound_only = request.query.has("inboundonly")};
  if (drain.skip_exit && !drain.graceful) return Response::error(400, "skip_exit requires graceful\n");
  site.subject.drain_listeners(drain);
  return done();
}

Response fail_health_check(Site& site, const Request&) {
  site.subject.fail_health_checks(true);
  return done();
}

Response pass_health_check(Site& site, const Request&) {
  site.subject.fail_health_checks(false);
  return done();
}

Response reopen_logs(Site& site, const Request&) {
  site.subject.reopen_logs();
  return done();
}

Response cpu_profiler(Site&, const Request& request) {
  bool enable;
  if (!asks_to_enable(request, enable)) return Response::error(400, "?enable=<y|n>\n");
  return enable ? Response::error(500, "failure to start the profiler") : done();
}

Response heap_profiler(Site&, const Request&) { return unsupported("heap profiler"); }

Response allocation_profiler(Site&, const Request& request) {
  bool enable;
  if (!asks_to_enable(request, enable)) return Response::error(400, "?enable=<y|n>\n");
  return unsupported("allocation profiler");
}

Response heap_dump_page(Site&, const Request&) { return unsupported("heap dump"); }

}  // namespace weir::admin
