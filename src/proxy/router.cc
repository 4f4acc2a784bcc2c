#include "proxy/router.h"

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/late_try.h"
#include "proxy/pipeline.h"
#include "proxy/request_rules.h"
#include "proxy/worker.h"
#include "route/mutations.h"
#include "route/request_hash.h"

namespace weir::proxy {

using format::ResponseFlag;
using http::HeaderId;

Router::Router(Pipeline& pipeline)
    : pipeline_(pipeline),
      attempt_(make_attempt()),
      body_(pipeline.loop.blocks()),
      response_timer_(loop::Timer::calling<&Router::on_response_timeout>(pipeline.loop.timers(), *this)) {}

// --- the request goes upstream ---

/// Of the request as it goes upstream, and for all tries the same.
std::optional<uint64_t> Router::hash() {
  if (!std::exchange(hashed_, true) && !forward_->hash_policies.empty()) {
    hash_ = route::request_hash(forward_->hash_policies, pipeline_.request, pipeline_.info, &set_cookies_);
  }
  return hash_;
}

std::unique_ptr<Attempt> Router::make_attempt() {
  AttemptEvents& events = *this;
  auto attempt = std::make_unique<Attempt>(events, pipeline_.info, pipeline_.loop);
  attempt->count_codes(counts_codes_);
  attempt->count_as(alternative_);
  attempt->count_codes_of_cluster(counts_codes_of_cluster_);
  attempt->log_to(logging_ ? &*logging_ : nullptr);
  return attempt;
}

void Router::count_as(std::string_view alternative, bool codes_of_cluster) {
  alternative_ = alternative;
  attempt_->count_as(alternative);
  counts_codes_of_cluster_ = codes_of_cluster;
}

void Router::count_unsent(upstream::Cluster& cluster, int status) {
  attempt_->count_codes(pipeline_.counts_codes());
  attempt_->count_codes_of_cluster(counts_codes_of_cluster_);
  attempt_->count_unsent(cluster, status);
}

void Router::start(upstream::Cluster& cluster, const route::Forward& forward, const route::RequestGroups& groups,
                   size_t buffer_limit) {
  forward_ = &forward;
  groups_ = groups;
  buffer_limit_ = buffer_limit;
  counts_codes_ = pipeline_.counts_codes();
  attempt_->count_codes(counts_codes_);
  attempt_->count_codes_of_cluster(counts_codes_of_cluster_);
  if (const TryLogSpec* log = pipeline_.try_log().get()) [[unlikely]] {
    logging_.emplace(*log, pipeline_.request, &pipeline_.traffic, pipeline_.arena, pipeline_.worker().index());
    attempt_->log_to(&*logging_);
  }
  handshake_ = handshake();
  try_once(cluster);
  const bool awaited = pipeline_.request_ended() || handshake_ == Handshake::kWebSocket;
  if (awaited && phase_ != Phase::kIdle && limits_.response_ms > 0) response_timer_.arm(limits_.response_ms);
}

/// The copies are taken from the request as it goes upstream, when the first try knows its endpoint.
void Router::start_mirrors() {
  if (pipeline_.request.method() == "CONNECT") return;  // a tunnel has one end
  Worker& worker = pipeline_.worker();
  for (const route::MirrorPolicy& policy : forward_->mirror_policies) {
    if (!policy.fraction.holds(pipeline_.random_value())) continue;
    const auto* fixed = std::get_if<route::ClusterRef>(&policy.cluster);
    upstream::Cluster* cluster =
        fixed != nullptr ? worker.cluster(fixed->id)
                         : worker.cluster(http::first_value(pipeline_.request, std::get<http::HeaderName>(policy.cluster)));
    if (cluster == nullptr) continue;
    Mirror& mirror = worker.add(std::make_unique<Mirror>(worker, pipeline_.request, policy, pipeline_.info, limits_.response_ms,
                                                         buffer_limit_, pipeline_.try_log()));
    mirror.count_codes(pipeline_.counts_codes_of_copies(), counts_codes_of_cluster_);
    if (!pipeline_.request_ended()) mirrors_.push_back(mirror);
    mirror.start(*cluster, pipeline_.request_ended());
  }
}

http::HeaderMap& Router::response_headers() { return pipeline_.response; }
http::HeaderMap& Router::response_trailers() { return pipeline_.response_trailers(); }
bool Router::request_ended() const { return pipeline_.request_ended(); }

void Router::try_once(upstream::Cluster& cluster) {
  phase_ = Phase::kTrying;
  pipeline_.info.attempts = ++tries_;
  body_held_ = handshake_ != Handshake::kNone;
  const auto priority = static_cast<upstream::Priority>(forward_->priority);
  if (pipeline_.ends_connect()) {
    const route::UpgradeConfig* upgrade = terminates_connect(pipeline_.request, *pipeline_.route);
    attempt_->start_tunnel(cluster, priority, upgrade == nullptr ? 0 : upgrade->connect_proxy_header);
  } else {
    attempt_->start(cluster, priority, pipeline_.downstream_protocol(), pipeline_.request);
  }
}

upstream::Host* Router::choose_host(upstream::Cluster& cluster) {
  upstream::Host* host = cluster.choose(*this);
  if (host == nullptr) return host;  // then the log shows what the request said about tries and time
  if (tries_ == 1) {
    retry_.begin(forward_->retry_policy.get(), forward_->hedge_policy.get(), pipeline_.request);
    follows_redirects_ = forward_->internal_redirects.has_value();
    keeps_body_ = retry_.has_conditions() || follows_redirects_;
  }
  if (retry_.enabled()) retry_.remember(*host->endpoint, pipeline_.arena);
  if (tries_ == 1) {
    limits_ = pipeline_.settle_limits(*forward_, retry_.hedges());
    const std::string_view scheme = pipeline_.scheme_for(host->owner, *host);
    if (!scheme.empty()) pipeline_.request.set_pseudo(HeaderId::kScheme, scheme);
    if (!forward_->mirror_policies.empty()) start_mirrors();
  }
  return host;
}

/// What filters noted wins over the weighted cluster, and that over the route.
const format::LbCriteria* Router::criteria() {
  const route::WeightedCluster* entry = pipeline_.selection().choice.entry;
  const format::LbCriteria* configured =
      entry != nullptr && entry->criteria != nullptr ? entry->criteria.get() : forward_->criteria.get();
  if (pipeline_.info.metadata.empty()) return configured;
  if (!noted_criteria_) {
    pipeline_.info.metadata.for_each("envoy.lb", [&](const format::MetadataValue& note) {
      const format::LbCriteria older = format::criteria_of(note);
      noted_criteria_ = noted_criteria_ ? merged(older, *noted_criteria_) : older;
    });
    if (!noted_criteria_) return configured;
    if (configured != nullptr) noted_criteria_ = merged(*configured, *noted_criteria_);
  }
  return &*noted_criteria_;
}

const http::HeaderMap* Router::headers() { return &pipeline_.request; }
const format::StreamInfo* Router::info() { return &pipeline_.info; }

std::optional<upstream::WantedHost> Router::wanted() {
  const format::StreamInfo& info = pipeline_.info;
  if (info.wanted_host.empty() || tries_ > 1) return std::nullopt;
  return upstream::WantedHost{info.wanted_host, info.wanted_host_strict};
}

uint32_t Router::more_choices() const {
  return tries_ > 1 ? static_cast<uint32_t>(std::clamp<int64_t>(retry_.choices(), 0, UINT32_MAX)) : 0;
}

void Router::on_connected() {
  groups_.count(&route::GroupStats::upstream_rq_total);
  http::HeaderMap& request = pipeline_.request;
  const std::string& hostname = attempt_->host()->endpoint->hostname;
  if (forward_->host_rewrite->kind == route::HostRewrite::Kind::kAuto && !hostname.empty()) {
    route::set_host(request, hostname, forward_->append_x_forwarded_host, pipeline_.envoy_headers());
  }
  const std::string_view missing = http::missing_pseudo_header(request);
  if (!missing.empty() && !pipeline_.ends_connect()) [[unlikely]]
    return refuse_request(missing);
  http::Stream& stream = *attempt_->stream();
  // Of limits that end at the same moment the try's own comes first.
  if (pipeline_.request_ended()) arm_try_timers();
  arm_stream_timer();
  const bool body_follows = !pipeline_.request_ends_with_head();  // even if it turned out to be empty
  stream.send_headers(request, !body_follows);
  if (!metadata_.empty()) [[unlikely]] {
    for (const std::string& block : std::exchange(metadata_, {})) stream.send_metadata(block);
  }
  if (body_follows && !body_held_) send_waiting_body(stream);
  if (pipeline_.request_ended()) {
    pipeline_.info.upstream_request_complete = pipeline_.loop.now();
  } else if (!body_held_) {
    pipeline_.resume_downstream();
  }
}

/// What the configuration made of it cannot be sent.
void Router::refuse_request(std::string_view missing_header) {
  cancel_timers();
  attempt_->abort();
  give_up_others();
  phase_ = Phase::kIdle;
  pipeline_.info.flags.set(ResponseFlag::kDownstreamProtocolError);
  const std::string_view details =
      pipeline_.arena.join("filter_removed_required_request_headers{missing_required_header:_", missing_header, "}");
  pipeline_.reply(503, pipeline_.arena.join("missing required header: ", missing_header), details, Answerer::kTry);
}

void Router::send_waiting_body(http::Stream& stream) {
  const bool ends_with_body = pipeline_.request_ended() && !pipeline_.has_request_trailers();
  size_t left = body_.size();
  if (left == 0 && ends_with_body) stream.send_body({}, true);
  body_.for_each_piece([&](std::string_view piece) {
    left -= piece.size();
    stream.send_body(piece, left == 0 && ends_with_body);
  });
  attempt_->count_body(body_.size());
  if (!keeps_body_) body_.clear();
  if (pipeline_.has_request_trailers()) stream.send_trailers(pipeline_.request_trailers());
}

void Router::request_body(std::string_view bytes, bool end_stream) {
  mirrors_.for_each([&](Mirror& mirror) { mirror.copy_body(bytes, end_stream); });
  if (phase_ == Phase::kIdle) return;  // nobody wants it any more
  if (keeps_body_ && body_.size() + bytes.size() > pipeline_.replay_limit()) keep_no_more();
  if (phase_ == Phase::kIdle) return;
  http::Stream* stream = body_held_ ? nullptr : attempt_->stream();
  if (stream == nullptr || keeps_body_) body_.append(bytes);
  if (stream == nullptr) {
    if (body_.size() > buffer_limit_) pipeline_.pause_downstream();
    return;
  }
  attempt_->count_body(bytes.size());
  stream->send_body(bytes, end_stream);
  if (end_stream) {
    pipeline_.info.upstream_request_complete = pipeline_.loop.now();
  } else if (stream->over_limit()) {
    attempt_->cluster()->stats().upstream_flow_control_backed_up_total.add();
    pipeline_.pause_downstream();
  }
}

/// The request is larger than what may be kept for another try.
void Router::keep_no_more() {
  keeps_body_ = false;
  if (retry_.has_conditions()) {
    attempt_->cluster()->stats().retry_or_shadow_abandoned.add();
  } else {  // kept for redirects alone
    body_lost_ = true;
  }
  retry_.give_up();
  if (attempt_->stream() != nullptr && !body_held_) body_.clear();  // it was all sent
  if (phase_ == Phase::kBetweenTries) fail(507, kBodyTooLarge, kBodyTooLargeDetails);
}

void Router::request_trailers() {
  mirrors_.for_each([&](Mirror& mirror) { mirror.copy_trailers(pipeline_.request_trailers()); });
  if (body_held_) return;
  if (http::Stream* stream = attempt_->stream()) stream->send_trailers(pipeline_.request_trailers());
}

/// Sent once: the next try does not see it again.
void Router::request_metadata(std::string_view block) {
  if (http::Stream* stream = attempt_->stream()) {
    stream->send_metadata(block);
  } else if (phase_ == Phase::kTrying || tries_ == 0) {
    metadata_.emplace_back(block);
  }
}

void Router::request_complete() {
  if (phase_ == Phase::kIdle) return;
  if (limits_.response_ms > 0) response_timer_.arm(limits_.response_ms);
  if (attempt_->stream() != nullptr) arm_try_timers();
}

void Router::on_room() {
  attempt_->cluster()->stats().upstream_flow_control_drained_total.add();
  pipeline_.resume_downstream();
}

// --- the end ---

void Router::abort() {
  cancel_timers();
  give_up_others();
  attempt_->abort();
  mirrors_.for_each([](Mirror& mirror) { mirror.abandon(); });
  phase_ = Phase::kIdle;
}

void Router::recycle() {
  begin_again();
  body_.clear();
}

void Router::begin_again() {
  attempt_->forget_traffic();
  cancel_timers();
  give_up_others();
  attempt_->forget();
  attempt_->log_to(nullptr);
  logging_.reset();
  retry_.recycle();
  forward_ = nullptr;
  limits_ = {};
  hashed_ = false;
  hash_.reset();
  noted_criteria_.reset();
  set_cookies_.clear();
  handshake_ = Handshake::kNone;
  body_held_ = false;
  kept_answer_ = {};
  metadata_.clear();
  groups_ = {};
  phase_ = Phase::kIdle;
  tries_ = 0;
  follows_redirects_ = keeps_body_ = body_lost_ = try_was_late_ = response_begun_ = interim_seen_ = false;
}

}  // namespace weir::proxy
