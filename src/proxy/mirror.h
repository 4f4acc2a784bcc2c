// Mirror: a copy of a request that is sent to another cluster and whose answer nobody waits for (request_mirror_policies).
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/arena.h"
#include "base/byte_queue.h"
#include "base/list.h"
#include "format/stream_info.h"
#include "http/header_map.h"
#include "loop/event_loop.h"
#include "loop/timer.h"
#include "proxy/attempt.h"
#include "route/spec.h"

namespace weir::proxy {

class Worker;

/// Tag of the list of mirrors to which a request is still being copied.
struct Copying;

/// Owned by its worker, for it may outlive the request; ends by itself. As long as the request is being copied it is in a list of
/// the router's.
class Mirror final : public loop::Disposable, public ListNode<Mirror>, public ListNode<Copying>, private AttemptEvents {
 public:
  /// A copy of `request`, changed as the policy says; `info` is what is known of the request. `timeout_ms` counts from the end of
  /// the request; 0: none. `log`: what is written about the copy, or null.
  Mirror(Worker& worker, const http::HeaderMap& request, const route::MirrorPolicy& policy, const format::StreamInfo& info,
         int64_t timeout_ms, size_t buffer_limit, std::shared_ptr<const TryLogSpec> log);

  /// The router's options hold for its mirrors, too: whether status codes and times are counted, and those of the whole cluster.
  void count_codes(bool wanted, bool of_cluster) {
    attempt_.count_codes(wanted);
    attempt_.count_codes_of_cluster(of_cluster);
  }
  /// Sends the head on its way. The mirror may have ended before this returns.
  void start(upstream::Cluster& cluster, bool end_stream);
  void copy_body(std::string_view bytes, bool end_stream);
  void copy_trailers(const http::HeaderMap& trailers);
  /// The request was given up before it was complete.
  void abandon() { end(); }

 private:
  // AttemptEvents
  upstream::Host* choose_host(upstream::Cluster& cluster) override {
    upstream::AnyEndpoint any;
    return cluster.choose(any);
  }
  http::HeaderMap& response_headers() override { return response_; }
  http::HeaderMap& response_trailers() override { return trailers_; }
  bool request_ended() const override { return request_ended_; }
  void on_connected() override;
  void on_informational() override;
  void on_headers(bool end_stream) override;
  void on_body(std::string_view bytes, bool end_stream) override;
  void on_trailers() override;
  void on_room() override {}
  void on_failure(const UpstreamFailure& failure) override;

  void request_complete();
  void on_timeout();
  void answered();
  void end();

  Worker& worker_;
  Arena memory_;
  http::HeaderMap request_{memory_}, request_trailers_{memory_}, response_{memory_}, trailers_{memory_};
  format::StreamInfo info_;
  const std::shared_ptr<const TryLogSpec> log_;
  std::optional<TryLogContext> logging_;
  Attempt attempt_;
  ByteQueue body_;             // while there is no connection
  bool interim_seen_ = false;  // only the first informational answer counts
  const size_t buffer_limit_;
  const int64_t timeout_ms_;
  loop::Timer timer_;
  bool ends_with_head_ = false;
  bool request_ended_ = false;
  bool has_trailers_ = false;
  bool ended_ = false;
};

}  // namespace weir::proxy
