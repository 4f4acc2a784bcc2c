// Pipeline: the way of one request through Weir, from its first line to its access log. Start reading at advance().
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/list.h"
#include "filter/exchange.h"
#include "filter/filter.h"
#include "format/stream_info.h"
#include "http/header_map.h"
#include "http/stream.h"
#include "loop/timer.h"
#include "proxy/internal_redirect.h"
#include "proxy/lane.h"
#include "proxy/request_rules.h"
#include "proxy/router.h"
#include "route/source.h"

namespace weir::proxy {

enum class TraceReason : uint8_t;

class HttpConnection;
class Worker;

/// Who answers in the upstream's place. The router also says how many tries there were, where the virtual host wants that; a try
/// does not, but gives the headers of an upstream's answer that cannot be passed on whole.
enum class Answerer : uint8_t { kPipeline, kRouter, kTry };

/// Lives in its worker's stock and is used again for request after request; nothing in it is allocated anew.
///
///   request:   normalise ─▶ route ─▶ filters ─▶ forward ─▶ (router: endpoint, connection, send)
///   response:  ◀─ deliver ◀─ filters ◀─ response head (router, or made here)
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
  void on_metadata(std::string_view block) override;
  void on_reset(http::Reset reason, std::string_view details) override;
  void on_malformed(const http::ProtocolError& error) override;
  void on_room() override;
  void on_complete() override;

  // --- filter::Exchange ---
  void proceed_later() override;
  void reply_later(const filter::Reply& reply) override;
  bool request_ends_with_head() const override { return request_ended_with_head_; }
  bool response_ends_with_head() const override { return upstream_headers_end_; }
  void pass_request_body(const filter::Filter& from, std::string_view bytes, bool end_stream) override;
  void pass_request_trailers(const filter::Filter& from) override;
  void pass_response_body(const filter::Filter& from, std::string_view bytes, bool end_stream) override;
  void pass_response_trailers(const filter::Filter& from) override;
  void hold_request(const filter::Filter& filter, bool full) override;
  void hold_response(const filter::Filter& filter, bool full) override;
  size_t buffer_limit() const override;
  void count_too_large() override;
  upstream::Cluster* cluster(std::string_view name) override;
  std::shared_ptr<void>& kept_for_connection(std::string_view name) override;
  std::shared_ptr<upstream::DnsCache> dns_cache(std::string_view name) override;
  void tell(const filter::CallSpec& spec, std::string_view message) override;
  std::unique_ptr<filter::Call> call(const filter::CallSpec& spec, std::string_view message, filter::CallEvents& events) override;
  bool fails_health_checks() const override;
  http::HeaderMap& trailers_of_response() override { return response_trailers_; }
  uint64_t chance() const override { return random_value_; }

  // --- what the router says ---
  void relay_informational();
  void relay_headers(bool end_stream);
  void relay_body(std::string_view bytes, bool end_stream);
  void relay_trailers();
  void relay_metadata(std::string_view block);
  /// An answer made here. Its head goes through the response filters like any other.
  void reply(int status, std::string_view body, std::string_view details, Answerer answerer = Answerer::kPipeline);
  /// The response has begun and cannot be finished.
  void give_up(std::string_view details);
  /// Whether an internal redirect may be followed; if so, the request's head is that of the next one.
  bool may_redirect(const route::InternalRedirectPolicy& policy);
  /// The request, which is complete, goes its way from the beginning once more.
  void start_over();
  /// The request's first endpoint is known: what bounds its tries, of which it also tells the upstream.
  RequestTimeouts settle_limits(const route::Forward& forward, bool hedges);
  /// A limit of ours is why the request fails.
  void mark_overloaded() { overloaded_ = true; }
  void pause_downstream();
  void resume_downstream();
  void touch();

  // --- what the router and its attempts need ---
  struct Selection {
    route::RouteTablePtr table;
    route::Match match;
    route::ClusterChoice choice;
  };
  const Selection& selection() const { return selection_; }
  /// The worker's cluster that `selection().choice` names; null if there is none (any more).
  upstream::Cluster* chosen_cluster();
  Worker& worker() { return worker_; }
  http::HeaderMap& request_trailers() { return request_trailers_; }
  http::HeaderMap& response_trailers() { return response_trailers_; }
  http::Protocol downstream_protocol() const { return protocol_; }
  /// The same for all questions of chance about this request.
  uint64_t random_value() const { return random_value_; }
  /// All of the request has been given to the router.
  bool request_ended() const { return request_passed_; }
  bool has_request_trailers() const { return has_request_trailers_; }
  bool envoy_headers() const;
  /// Whether the answer's status and time are counted for its cluster, virtual cluster and route.
  bool counts_codes() const;
  /// The same for the request's copies, which are no health checks when it is one.
  bool counts_codes_of_copies() const;
  void count_cut_off_grpc();
  /// What is written about the router's tries; null: nothing.
  const std::shared_ptr<const TryLogSpec>& try_log() const;
  /// The request is a CONNECT whose payload goes on as bare TCP.
  bool ends_connect() const { return ends_connect_; }
  /// The request is a CONNECT, or asks for another protocol, and may.
  bool opens_tunnel() const { return tunnel_; }
  /// The scheme that the upstream is told; "" for what the request has.
  std::string_view scheme_for(const upstream::Cluster& cluster, const upstream::Host& host) const;
  /// How much of the request's body may be kept for another try, at most.
  size_t replay_limit() const;

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
  void choose_route();
  void use_filters_of_upgrade();
  Next find_route();
  Next run_request_filters();
  Next forward_request();
  Next run_response_filters();
  Next deliver();
  /// Sends a 1xx answer.
  void inform(const http::HeaderMap& head);

  Next refuse(const LocalReply& refusal);
  Next refuse_response();
  Next redirect(const route::Redirect& redirect);
  Next respond_directly(const route::DirectResponse& response);
  bool drops(upstream::Cluster& cluster, const route::RequestGroups& groups);
  Next start_upstream(const route::Forward& forward);
  Next refuse_header(const http::Header& bad);

  // --- answers made here ---
  Next reply_and_go_on(int status, std::string_view body, std::string_view details, Answerer answerer = Answerer::kPipeline);
  Next reply_and_go_on(const filter::Reply& reply, Answerer answerer, filter::Filter* from);
  void set_reply_body(std::string_view body);
  void request_complete();

  // --- bodies ---
  filter::Filter& filter_at(const Lane& lane, size_t stage) const;
  size_t stage_after(const Lane& lane, const filter::Filter& filter) const;
  void feed(Lane& lane, size_t stage, std::string_view bytes, bool end_stream);
  void feed_trailers(Lane& lane, size_t stage);
  void release(Lane& lane, size_t stage);
  void send_request_body(std::string_view bytes, bool end_stream);
  void send_request_trailers();
  void send_response_body(std::string_view bytes, bool end_stream);
  void hold(Lane& lane, uint64_t who, bool full);

  // --- time ---
  void await_flush();
  void set_stream_limits(const route::Forward& forward, const RequestTimeouts& limits);
  void on_idle_timeout();
  void on_request_timeout();
  void on_duration_timeout();
  void end_late(std::string_view body, std::string_view details);

  void on_next_turn() override;
  route::MatchContext match_context() const;
  void trace();
  void count_response(int status);
  void write_log(format::LogType type);
  void on_log_time();
  void make_filters();
  void destroy_filters();
  void finish();
  void recycle();

  Worker& worker_;
  HttpConnection* connection_ = nullptr;
  http::Stream* downstream_ = nullptr;
  Arena memory_;
  http::HeaderMap request_headers_{memory_}, request_trailers_{memory_}, response_headers_{memory_}, response_trailers_{memory_};
  format::StreamInfo stream_info_;

  Selection selection_;
  uint64_t random_value_ = 0;
  const RedirectStep* redirects_ = nullptr;

  const std::vector<ConfiguredFilter>* configured_ = nullptr;  // the connection manager's, or those of an upgrade
  const RouterOptions* router_options_ = nullptr;              // of the router behind them
  filter::Filter** filters_ = nullptr;                         // in the arena, one for each of configured_
  size_t filter_count_ = 0;
  Lane request_lane_, response_lane_;

  Router router_;
  std::string_view reply_body_;

  loop::Timer idle_timer_;
  std::unique_ptr<loop::Timer> request_timer_, duration_timer_, log_timer_;
  int64_t idle_limit_ms_ = 0;
  MonotonicNs last_activity_ = 0;

  http::Protocol protocol_ = http::Protocol::kHttp11;
  Step step_ = Step::kDone;
  bool advancing_ = false;
  bool upgrade_ = false;
  bool tunnel_ = false;  // the upgrade is allowed
  bool ends_connect_ = false;
  bool grpc_ = false;
  TraceReason trace_reason_{};    // counted with every head that is sent, also with those of 1xx
  bool tells_operation_ = false;  // the answer names the route's operation
  bool head_request_ = false;
  bool request_ended_ = false;
  bool request_ended_with_head_ = false;
  bool request_passed_ = false;
  bool request_dropped_ = false;  // answered here: nobody reads what still comes of it
  bool has_request_trailers_ = false;
  bool response_started_ = false;
  bool flushing_ = false;  // all of the response was handed on: only the client has yet to take it
  bool overloaded_ = false;
  bool protocol_error_ = false;  // of the client; the flag is for the log, not for who shapes the answer
  bool close_connection_ = false;
  bool upstream_headers_end_ = false;
  bool local_reply_ = false;
  bool pending_reply_ = false;
  bool response_passed_ = false;  // to its end
  filter::Reply pending_;
};

}  // namespace weir::proxy
