// TryLog: what the router writes about each of its tries (Router.upstream_log), beside the connection manager's log of the
// request.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "format/stream_info.h"
#include "http/header_map.h"
#include "http/stream.h"
#include "loop/event_loop.h"
#include "loop/timer.h"
#include "observe/access_log.h"
#include "upstream/spec.h"

namespace weir::proxy {

/// Router.upstream_log and upstream_log_options.
struct TryLogSpec {
  std::vector<std::shared_ptr<observe::AccessLog>> logs;
  bool on_connection = false;  // also when a try has got its connection
  int64_t interval_ms = 0;     // and again and again while it lasts; 0: not
};

/// Whose tries they are. All of it outlives them.
struct TryLogContext {
  const TryLogSpec& spec;
  const http::HeaderMap& request;         // as it goes upstream
  const http::StreamTraffic* downstream;  // null: nobody waits for the answer
  Arena& arena;
  size_t worker;
};

/// The lines of one try; the last one is written when it is destroyed. It knows less than the request: not who asked, nor what
/// the client was told.
class TryLog {
 public:
  /// `shared` is where the try notes where it goes; `sent` and `received` count bytes of bodies, `traffic` all bytes of all
  /// tries.
  TryLog(const TryLogContext& context, const format::StreamInfo& shared, const upstream::ClusterSpec& cluster,
         const uint64_t& sent, const uint64_t& received, const http::StreamTraffic& traffic, loop::EventLoop& loop);
  ~TryLog() { write(format::LogType::kUpstreamEnd); }
  TryLog(const TryLog&) = delete;
  TryLog& operator=(const TryLog&) = delete;

  void on_connected();
  void on_head(const http::HeaderMap& head);
  void on_trailers(const http::HeaderMap& trailers);
  void on_failure(format::ResponseFlag flag, std::string_view transport_reason);
  void note(format::ResponseFlag flag) { own_.flags.set(flag); }

 private:
  void note_endpoint();
  void on_time();
  void write(format::LogType type);

  const TryLogContext& context_;
  const format::StreamInfo& shared_;
  const uint64_t& sent_;
  const uint64_t& received_;
  const http::StreamTraffic& traffic_;
  loop::EventLoop& loop_;
  format::StreamInfo own_;
  http::HeaderMap head_, trailers_;
  std::unique_ptr<loop::Timer> timer_;
};

}  // namespace weir::proxy
