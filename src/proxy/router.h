// Router: carries one request to its cluster and brings the answer back: tries, time limits, retries. The last step of every
// pipeline's request half.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/byte_queue.h"
#include "base/list.h"
#include "loop/timer.h"
#include "proxy/attempt.h"
#include "proxy/mirror.h"
#include "proxy/request_timeouts.h"
#include "proxy/retry_state.h"
#include "route/table.h"

namespace weir::proxy {

class Pipeline;

/// kIdle ─▶ kTrying (endpoint, connection, request, response) ─▶ kIdle; on the way perhaps kTrying ─▶ kBetweenTries ─▶ kTrying.
/// Where tries are hedged, one that takes too long goes on beside the next; if that fails: kTrying ─▶ kWaitingForOthers ─▶ kIdle.
class Router final : private AttemptEvents, private upstream::PickContext {
 public:
  explicit Router(Pipeline& pipeline);
  ~Router();

  // --- what the pipeline says ---
  /// Its answers are counted once more under this name, which lives in the request's arena; "" for no other. Their codes are
  /// counted for the cluster as a whole if `codes_of_cluster`.
  void count_as(std::string_view alternative, bool codes_of_cluster);
  /// It is answered here before any endpoint was chosen.
  void count_unsent(upstream::Cluster& cluster, int status);
  /// Sends the request on its way. The pipeline may have been given an answer before this returns.
  void start(upstream::Cluster& cluster, const route::Forward& forward, const route::RequestGroups& groups, size_t buffer_limit);
  void request_body(std::string_view bytes, bool end_stream);
  void request_trailers();
  void request_metadata(std::string_view block);
  /// All of the request has come.
  void request_complete();
  /// The downstream has taken enough for now, and later: has room again.
  void pause_response();
  void resume_response();
  /// The request, which was complete, begins anew as another.
  void begin_again();
  /// What was kept of its body.
  ByteQueue take_body() { return std::move(body_); }
  /// Where the virtual host wants it, an answer says how many tries there were.
  void tell_tries(http::HeaderMap& response) const;
  /// The headers of an upstream that did not agree to the handshake.
  void give_kept_answer(http::HeaderMap& reply) const;
  /// Of all tries, but for those that raced with the one that answered.
  const http::StreamTraffic& traffic() const { return attempt_->traffic_of_tries(); }
  /// Gives up: nothing of this calls the pipeline any more.
  void abort();
  /// The request is over.
  void recycle();

 private:
  // AttemptEvents
  upstream::Host* choose_host(upstream::Cluster& cluster) override;
  http::HeaderMap& response_headers() override;
  http::HeaderMap& response_trailers() override;
  bool request_ended() const override;
  int64_t try_limit_ms() const override { return limits_.try_ms; }
  void on_connected() override;
  void on_informational() override;
  void on_headers(bool end_stream) override;
  void on_body(std::string_view bytes, bool end_stream) override;
  void on_trailers() override;
  void on_metadata(std::string_view block) override;
  void on_room() override;
  void on_failure(const UpstreamFailure& failure) override;

  // PickContext
  std::optional<uint64_t> hash() override;
  const format::LbCriteria* criteria() override;
  const http::HeaderMap* headers() override;
  const format::StreamInfo* info() override;
  std::optional<upstream::WantedHost> wanted() override;
  uint32_t tries_before() const override { return tries_ - 1; }
  const upstream::PriorityShares* shares(const upstream::PriorityLoad& usual) override {
    return tries_ > 1 ? retry_.shares(usual) : nullptr;
  }
  void chose(uint32_t priority) override { retry_.note_priority(priority); }
  uint32_t more_choices() const override;
  bool rejects(const upstream::Endpoint& endpoint) override { return tries_ > 1 && retry_.rejects(endpoint); }

  enum class Phase : uint8_t { kIdle, kTrying, kBetweenTries, kWaitingForOthers };

  void try_once(upstream::Cluster& cluster);
  void refuse_request(std::string_view missing_header);

  // --- handshakes of tunnels ---
  /// What the upstream must agree to before it gets more than the request's head.
  enum class Handshake : uint8_t { kNone, kConnect, kWebSocket };
  Handshake handshake() const;
  bool settle_handshake();
  void refuse_handshake();

  void send_waiting_body(http::Stream& stream);
  static constexpr std::string_view kBodyTooLarge = "exceeded request buffer limit while retrying upstream";
  static constexpr std::string_view kBodyTooLargeDetails = "request_payload_exceeded_retry_buffer_limit";
  void keep_no_more();
  void start_mirrors();

  // --- another try ---
  bool follows_redirect();
  bool retries_response();
  bool retries_failure(const UpstreamFailure& failure);
  /// Acts on what was decided; whether another try will be made.
  bool follow(RetryState::Decision decision);
  void on_retry_time();
  void mark_retry(http::HeaderMap& request);

  // --- tries beside each other (hedging) ---
  /// A try that took too long, while another one is made.
  class LateTry;
  std::unique_ptr<Attempt> make_attempt();
  void try_beside();
  void put_aside();
  void count_others_late();
  void on_late_headers(LateTry& late, bool end_stream);
  void on_late_failure(LateTry& late, const UpstreamFailure& failure);
  void drop(LateTry& late);
  bool waits_for_others(int status);
  void give_up_others();

  // --- how it ends ---
  void accept(bool end_stream);
  void response_ended();
  void count_answer(int status);
  void count_budget();
  void fail(int status, std::string_view body, std::string_view details);

  // --- time ---
  void arm_try_timers();
  void arm_stream_timer();
  void cancel_timers();
  void touch_try();
  void on_response_timeout();
  void on_try_timeout();
  void on_try_idle_timeout();
  void on_stream_too_long();
  void end_late_try(std::string_view details);
  void fail_late(std::string_view details);

  Pipeline& pipeline_;
  std::optional<TryLogContext> logging_;
  std::unique_ptr<Attempt> attempt_;  // the newest
  std::vector<std::unique_ptr<LateTry>> others_;
  RetryState retry_;
  const route::Forward* forward_ = nullptr;
  RequestTimeouts limits_;
  route::RequestGroups groups_;

  bool hashed_ = false;
  std::optional<uint64_t> hash_;                      // of the request, once a balancer has asked
  std::optional<format::LbCriteria> noted_criteria_;  // the route's with what filters noted
  std::vector<std::string_view> set_cookies_;         // that the answer brings, so that the next request hashes alike

  /// Of the request: what waits for a connection or, while a retry is possible, all that came.
  ByteQueue body_;
  size_t buffer_limit_ = 0;
  bool follows_redirects_ = false;  // the route has an internal_redirect_policy
  bool keeps_body_ = false;
  bool body_lost_ = false;  // it was too large to be kept for redirects: a failure is answered with that

  Handshake handshake_ = Handshake::kNone;
  bool body_held_ = false;                     // until the upstream agrees to the handshake
  std::span<const http::Header> kept_answer_;  // of an upstream that did not: part of the answer made here

  std::vector<std::string> metadata_;  // that came before there was a stream to send it on
  List<Mirror, Copying> mirrors_;      // those that still get the request's body

  Phase phase_ = Phase::kIdle;
  uint32_t tries_ = 0;
  bool try_was_late_ = false;
  bool counts_codes_ = true, counts_codes_of_cluster_ = true;
  std::string_view alternative_;
  bool response_begun_ = false;  // a head went to the pipeline
  bool interim_seen_ = false;    // an informational head came: there is no other try, and it is what was counted

  loop::Timer response_timer_;
  std::unique_ptr<loop::Timer> retry_timer_, try_timer_, try_idle_timer_, stream_timer_;
};

}  // namespace weir::proxy
