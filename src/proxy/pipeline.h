// Pipeline: the way of one request through Weir, from its first line to its access log. Start reading at advance().
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/byte_queue.h"
#include "base/list.h"
#include "filter/exchange.h"
#include "filter/filter.h"
#include "format/stream_info.h"
#include "http/header_map.h"
#include "http/stream.h"
#include "loop/timer.h"
#include "proxy/attempt.h"
#include "proxy/request_rules.h"
#include "route/source.h"

namespace weir::proxy {

class HttpConnection;
class Worker;

/// Lives in its worker's stock and is used again for request after request; nothing in it is allocated anew.
///
///   request:   normalise ─▶ route ─▶ filters ─▶ forward ─▶ (attempt: endpoint, connection, send)
///   response:  ◀─ deliver ◀─ filters ◀─ response head (attempt, or made here)
///   finish:    statistics and access log, always exactly once
class Pipeline final : public ListNode<Pipeline>, public http::StreamEvents, public filter::Exchange, private loop::NextTurn {
 public:
  explicit Pipeline(Worker& worker);
  ~Pipeline();

  /// Takes up a new request.
  void begin(HttpConnection& connection, http::Stream& downstream);

  // --- http::StreamEvents: what the downstream codec says ---
  http::HeaderMap& incoming_headers() override { return request_headers_; }
  http::HeaderMap& incoming_trailers() override { return request_trailers_; }
  void on_headers(bool end_stream) override;
  void on_body(std::string_view bytes, bool end_stream) override;
  void on_trailers() override;
  void on_reset(http::Reset reason, std::string_view details) override;
  void on_malformed(const http::ProtocolError& error) override;
  void on_room() override;
  void on_complete() override;

  // --- filter::Exchange ---
  void proceed_later() override;
  void reply_later(int status, std::string_view body, std::string_view details) override;

  // --- what the attempt says ---
  http::HeaderMap& response_headers() { return response_headers_; }
  http::HeaderMap& response_trailers() { return response_trailers_; }
  void on_upstream_connected();
  void on_upstream_informational();
  void on_upstream_headers(bool end_stream);
  void on_upstream_body(std::string_view bytes, bool end_stream);
  void on_upstream_trailers();
  void on_upstream_room();
  /// The attempt ended without a complete response.
  void on_upstream_failure(const UpstreamFailure& failure);

  // --- what the attempt needs ---
  Worker& worker() { return worker_; }
  http::Protocol downstream_protocol() const { return protocol_; }
  bool request_ended() const { return request_ended_; }

  /// The connection is being closed by us.
  void abandon(std::string_view details);

 private:
  enum class Step : uint8_t {
    kNormalise,
    kRoute,
    kRequestFilters,
    kForward,
    kUpstream,
    kResponseFilters,
    kDeliver,
    kDelivering,
    kDone
  };
  enum class Next : uint8_t { kGoOn, kWait };

  // --- the order of things ---
  void advance();
  Next normalise();
  Next find_route();
  Next run_request_filters();
  Next forward_request();
  Next run_response_filters();
  Next deliver();

  Next refuse(const LocalReply& refusal);
  Next redirect(const route::Redirect& redirect);
  Next respond_directly(const route::DirectResponse& response);
  Next start_upstream(const route::Forward& forward);

  // --- answers made here ---
  /// Whether the route's response headers are added: so it is when the router answers, not when the connection manager does.
  enum class RouteHeaders : uint8_t { kNo, kYes };
  void reply(int status, std::string_view body, std::string_view details, RouteHeaders route_headers = RouteHeaders::kNo);
  Next reply_and_go_on(int status, std::string_view body, std::string_view details,
                       RouteHeaders route_headers = RouteHeaders::kNo);
  void give_up(std::string_view details);
  void set_reply_body(std::string_view body);
  bool envoy_headers() const;
  void count_local_upstream_code(int status);

  // --- bodies ---
  void request_body_to_upstream(std::string_view bytes, bool end_stream);
  void pause_downstream();
  void resume_downstream();
  void request_complete();
  void response_ended();

  // --- time ---
  void set_time_limits(const route::Forward& forward);
  void arm_response_timeout();
  void on_response_timeout();
  void on_idle_timeout();
  void on_request_timeout();
  void on_duration_timeout();
  void touch();

  void on_next_turn() override;
  void finish();
  void recycle();

  Worker& worker_;
  HttpConnection* connection_ = nullptr;
  http::Stream* downstream_ = nullptr;
  Arena memory_;
  http::HeaderMap request_headers_{memory_}, request_trailers_{memory_}, response_headers_{memory_}, response_trailers_{memory_};
  format::StreamInfo stream_info_;

  route::RouteTablePtr table_;
  route::Match match_;
  route::ClusterChoice choice_;
  const route::Forward* forward_ = nullptr;
  uint64_t random_value_ = 0;

  filter::Filter** filters_ = nullptr;  // in the arena, one for each of the connection manager's
  size_t filter_count_ = 0;
  size_t next_filter_ = 0;

  Attempt attempt_;
  ByteQueue waiting_body_;  // of the request, while there is no upstream connection
  size_t buffer_limit_ = 0;
  std::string_view reply_body_;

  loop::Timer response_timer_, idle_timer_;
  std::unique_ptr<loop::Timer> request_timer_, duration_timer_;
  int64_t idle_limit_ms_ = 0;
  int64_t response_limit_ms_ = 0;
  MonotonicNs last_activity_ = 0;

  http::Protocol protocol_ = http::Protocol::kHttp11;
  Step step_ = Step::kDone;
  bool advancing_ = false;
  bool upgrade_ = false;
  bool tunnel_ = false;  // the upgrade is allowed
  bool grpc_ = false;
  bool head_request_ = false;
  bool request_ended_ = false;
  bool has_request_trailers_ = false;
  bool response_started_ = false;
  bool overloaded_ = false;
  bool close_connection_ = false;
  bool upstream_headers_end_ = false;
  bool local_reply_ = false;
  bool downstream_paused_ = false;
  bool pending_reply_ = false;
  int pending_status_ = 0;
  std::string_view pending_body_, pending_details_;
};

}  // namespace weir::proxy
