// Attempt: one try to get an answer from an upstream endpoint.
#pragma once

#include <string_view>

#include "http/stream.h"
#include "stats/cell.h"
#include "upstream/cluster.h"

namespace weir::proxy {

class Pipeline;

/// How an attempt failed.
struct UpstreamFailure {
  http::Reset reason;
  std::string_view transport_reason;
  bool no_host = false;
};

/// choose endpoint ─▶ wait for a connection ─▶ send ─▶ receive. Owned by its pipeline, used again for the next attempt.
class Attempt final : private upstream::PoolWaiter, private http::StreamEvents {
 public:
  explicit Attempt(Pipeline& pipeline) : pipeline_(pipeline) {}
  ~Attempt() {
    abort();
    forget();
  }

  /// Chooses an endpoint and asks for a connection; on_upstream_connected() or on_upstream_failure() of the pipeline follows,
  /// perhaps before this returns.
  void start(upstream::Cluster& cluster, upstream::Priority priority);
  /// The stream to the endpoint; null before there is one and after it ended.
  http::Stream* stream() { return stream_; }
  upstream::Cluster* cluster() { return cluster_; }
  const upstream::Host* host() const { return host_; }

  /// The response was received in full: accounts for it.
  void complete(int status);
  /// Gives up: the stream is reset, the wish for a connection withdrawn.
  void abort();
  void count_timeout();
  /// The request is over: lets go of the cluster, whose names its log line used.
  void forget();

 private:
  void on_pool_ready(upstream::ClientConnection& connection) override;
  void on_pool_failure(const upstream::PoolFailure& failure) override;

  http::HeaderMap& incoming_headers() override;
  http::HeaderMap& incoming_trailers() override;
  void on_headers(bool end_stream) override;
  void on_informational() override;
  void on_body(std::string_view bytes, bool end_stream) override;
  void on_trailers() override;
  void on_reset(http::Reset reason, std::string_view details) override;
  void on_room() override;

  void fail(const UpstreamFailure& failure);
  void end_of_response();
  void release();

  Pipeline& pipeline_;
  upstream::Cluster* cluster_ = nullptr;
  upstream::Host* host_ = nullptr;
  upstream::Pool* pool_ = nullptr;
  http::Stream* stream_ = nullptr;
  upstream::Budget::Lease request_lease_;
  upstream::Priority priority_ = upstream::Priority::kDefault;
  bool counted_active_ = false;
};

}  // namespace weir::proxy
