// The answers that a pipeline makes itself, and the redirects that it follows in the client's place.
#include <tuple>
#include <utility>

#include "base/check.h"
#include "proxy/http_connection.h"
#include "proxy/internal_redirect.h"
#include "proxy/local_reply.h"
#include "proxy/pipeline.h"
#include "proxy/worker.h"
#include "route/mutations.h"

namespace weir::proxy {

using http::HeaderId;

namespace {

/// Whether the route changes the headers of answers in the upstream's place: not if it answers itself.
bool forwards(const route::Route& route) {
  return !std::holds_alternative<route::Redirect>(route.action) && !std::holds_alternative<route::DirectResponse>(route.action);
}

}  // namespace

// --- the route answers ---

Pipeline::Next Pipeline::redirect(const route::Redirect& redirect) {
  connection_->stats().rq_direct_response.add();
  response_headers_.set_status(redirect.status);
  if (request_headers_.has_pseudo(HeaderId::kPath)) {  // a CONNECT has none
    response_headers_.add(HeaderId::kLocation,
                          route::redirect_location(redirect, route->match, request_headers_, envoy_headers()));
  }
  info.response_code_details = "direct_response";
  local_reply_ = true;
  route::finalize_response(selection_.table->config(), selection_.match, nullptr, response_headers_, format_context());
  set_reply_body("");
  return Next::kGoOn;
}

Pipeline::Next Pipeline::respond_directly(const route::DirectResponse& response) {
  connection_->stats().rq_direct_response.add();
  response_headers_.set_status(response.status);
  if (response.status == 400 && !connection_->spec().http1.keep_open_after_refusal) close_connection_ = true;
  if (response.status / 100 == 3 || response.status == 201) {  // Envoy names the request's own URL
    response_headers_.add(HeaderId::kLocation, route::redirect_location({}, route->match, request_headers_, envoy_headers()));
  }
  info.response_code_details = "direct_response";
  local_reply_ = true;
  route::finalize_response(selection_.table->config(), selection_.match, nullptr, response_headers_, format_context());
  set_reply_body(response.body);
  return Next::kGoOn;
}

// --- the connection manager refuses ---

/// The request will not be routed.
Pipeline::Next Pipeline::refuse(const LocalReply& refusal) {
  HttpStats& stats = connection_->stats();
  if (refusal.details == kAbsolutePath || refusal.details == "missing_path_rejected") stats.downstream_rq_non_relative_path.add();
  if (refusal.details == kDetectionFailed) stats.downstream_rq_rejected_via_ip_detection.add();
  if (refusal.details == kPathFailed) {
    (refusal.location.empty() ? stats.downstream_rq_failed_path_normalization
                              : stats.downstream_rq_redirected_with_normalized_path)
        .add();
  }
  if (refusal.closes || (refusal.status == 400 && !connection_->spec().http1.keep_open_after_refusal)) close_connection_ = true;
  if (refusal.protocol_error) {  // as if the head had never been read in full
    stats.downstream_cx_protocol_error.add();
    protocol_error_ = true;
    grpc_ = request_ended_ = false;
    request_headers_.clear();
  }
  if (!refusal.protocol_error) {
    // Without a scheme there is no route, and nobody has added one yet; but whose request it is can be said.
    if (!request_headers_.get(HeaderId::kForwardedProto).empty()) {
      choose_route();
    } else if (const auto table = connection_->route_table(request_headers_)) {
      if (const route::VirtualHost* host = table->virtual_host(request_headers_)) {
        selection_.table = table;  // keeps it
        info.virtual_host_name = host->name;
        info.virtual_host_metadata = host->metadata.get();
      }
    }
  }
  const Next next = reply_and_go_on(refusal.status, refusal.body, refusal.details);
  if (!refusal.location.empty()) response_headers_.add(HeaderId::kLocation, refusal.location);
  return next;
}

/// A filter took away what no answer can do without. The filters have had their say: this one they do not see.
Pipeline::Next Pipeline::refuse_response() {
  router_.abort();
  reply_and_go_on(502, "missing required header: :status",
                  "filter_removed_required_response_headers{missing_required_header:_:status}", Answerer::kPipeline);
  response_lane_.seen = filter_count_;
  step_ = Step::kDeliver;
  return Next::kGoOn;
}

void Pipeline::on_malformed(const http::ProtocolError& error) {
  if (pending_reply_) on_next_turn();             // a filter has answered what came before
  if (local_reply_ && response_started_) return;  // answered already; the connection ends with this exchange
  connection_->stats().downstream_cx_protocol_error.add();
  grpc_ = step_ != Step::kNormalise && http::is_grpc(request_headers_);  // of a head that was read in full
  protocol_error_ = error.status != 408;
  if (error.status == 408) connection_->stats().downstream_rq_header_timeout.add();
  if (step_ == Step::kNormalise) request_headers_.clear();  // what was read of it is not to be trusted
  router_.abort();
  if (response_started_ || step_ == Step::kDelivering) {
    give_up(error.details);
    return;
  }
  reply(error.status == 0 ? 400 : error.status, error.status == 408 ? error.message : reason_text(error.status), error.details);
}

// --- any answer ---

void Pipeline::reply(int status, std::string_view body, std::string_view details, Answerer answerer) {
  reply_and_go_on(status, body, details, answerer);
  advance();
}

Pipeline::Next Pipeline::reply_and_go_on(int status, std::string_view body, std::string_view details, Answerer answerer) {
  return reply_and_go_on(filter::Reply{.status = status, .body = body, .details = details}, answerer, nullptr);
}

/// `from`: the filter whose answer it is, or null.
Pipeline::Next Pipeline::reply_and_go_on(const filter::Reply& reply, Answerer answerer, filter::Filter* from) {
  CHECK(!response_started_);
  response_headers_.clear();
  response_headers_.set_status(reply.status);
  if (reply.status == 400 && !connection_->spec().http1.keep_open_after_refusal) close_connection_ = true;
  info.response_code_details = reply.details;
  if (route != nullptr && forwards(*route)) {
    route::finalize_response(selection_.table->config(), selection_.match, selection_.choice.entry, response_headers_,
                             format_context());
  }
  if (overloaded_ && envoy_headers()) response_headers_.add(HeaderId::kEnvoyOverloaded, "true");
  if (answerer == Answerer::kRouter) router_.tell_tries(response_headers_);
  if (answerer == Answerer::kTry) router_.give_kept_answer(response_headers_);
  if (from != nullptr) from->on_reply(*this);
  if (reply.grpc_status && grpc_) response_headers_.set(HeaderId::kGrpcStatus, memory_.decimal(*reply.grpc_status));
  local_reply_ = true;
  set_reply_body(reply.body);
  if (reply.flag) info.flags.set(*reply.flag);
  return Next::kGoOn;
}

/// The head of an answer made here is complete but for the description of its body.
void Pipeline::set_reply_body(std::string_view body) {
  const ReplyManner manner{grpc_, head_request_, connection_->spec().local_replies.get()};
  reply_body_ = finish_local_reply(request_headers_, response_headers_, info, body, manner);
  upstream_headers_end_ = reply_body_.empty() || head_request_;
  request_dropped_ = true;
  if (request_lane_.holds != 0) hold(request_lane_, ~uint64_t{0}, false);
  response_lane_.clear();
  if (filters_ == nullptr && !configured_->empty()) make_filters();  // they see every answer
  step_ = Step::kResponseFilters;
}

// --- the request goes its way once more ---

bool Pipeline::may_redirect(const route::InternalRedirectPolicy& policy) {
  if (!response_headers_.has(HeaderId::kLocation)) return false;
  const route::MatchContext context = match_context();
  HttpStats& stats = connection_->stats();
  const RedirectVerdict verdict = apply_internal_redirect(
      policy, {request_headers_, response_headers_, *selection_.table, context, *route, info.connection->tls}, redirects_);
  const bool looked = verdict == RedirectVerdict::kNoRoute || verdict == RedirectVerdict::kRefusedByPredicate;
  if (looked && connection_->route_table(request_headers_) == selection_.table) {  // texts of another one might not stay
    // As in Envoy, the log is about where it would have gone; nothing else is.
    const Selection own = selection_;
    const auto own_route = std::pair(route, virtual_host);
    const std::string_view own_cluster = cluster_name, path = request_headers_.path();
    const std::string_view scheme = request_headers_.scheme(), authority = request_headers_.authority();
    const RedirectTarget target = parse_redirect(response_headers_.get(HeaderId::kLocation));
    request_headers_.set_pseudo(HeaderId::kScheme, target.scheme);
    request_headers_.set_pseudo(HeaderId::kAuthority, target.authority);
    request_headers_.set_pseudo(HeaderId::kPath, target.path);
    info.route_name = info.virtual_host_name = info.upstream_cluster = info.upstream_cluster_raw = {};
    info.route_metadata = info.virtual_host_metadata = nullptr;
    info.cluster_metadata = nullptr;
    choose_route();
    request_headers_.set_pseudo(HeaderId::kScheme, scheme);
    request_headers_.set_pseudo(HeaderId::kAuthority, authority);
    request_headers_.set_pseudo(HeaderId::kPath, path);
    selection_ = own;
    std::tie(route, virtual_host) = own_route;
    cluster_name = own_cluster;
  }
  switch (verdict) {
    case RedirectVerdict::kFollow:
      return true;
    case RedirectVerdict::kBadLocation:
      stats.passthrough_internal_redirect_bad_location.add();
      break;
    case RedirectVerdict::kUnsafeScheme:
      stats.passthrough_internal_redirect_unsafe_scheme.add();
      break;
    case RedirectVerdict::kTooMany:
      stats.passthrough_internal_redirect_too_many_redirects.add();
      break;
    case RedirectVerdict::kNoRoute:
      stats.passthrough_internal_redirect_no_route.add();
      break;
    case RedirectVerdict::kRefusedByPredicate:
      stats.passthrough_internal_redirect_predicate.add();
      break;
  }
  return false;
}

/// To whoever watches it is as if a second request had come: it is counted, and each has a line in the access log.
void Pipeline::start_over() {
  info.response_code = response_headers_.status();
  info.response_code_details = "internal_redirect";
  // The line in the log is about where the request goes now; only the endpoint is the one that sent it there.
  const route::RouteTablePtr kept = selection_.table;  // filters may still refer to it
  info.upstream_cluster = info.upstream_cluster_raw = {};
  info.cluster_metadata = nullptr;
  choose_route();
  info.end = worker_.loop().now();
  write_log(format::LogType::kDownstreamEnd);
  connection_->stats().downstream_rq_active.subtract();
  worker_.loop().patience().took(info.end - info.start);
  destroy_filters();
  request_lane_.clear();
  response_lane_.clear();
  response_headers_.clear();
  router_.begin_again();
  selection_ = {};
  info.route_metadata = info.virtual_host_metadata = nullptr;
  route = nullptr;
  virtual_host = nullptr;
  cluster_name = {};
  const format::StreamInfo first = std::exchange(info, {});
  begin(*connection_, *downstream_);
  step_ = Step::kRoute;  // the connection manager has seen to the request's head already
  request_complete();
  request_lane_.waiting.append(router_.take_body());
  request_lane_.end_waits = !request_lane_.waiting.empty();
  request_ended_with_head_ = request_passed_ = !request_lane_.end_waits;
  info.client_address = first.client_address;
  info.internal_request = first.internal_request;
  info.bytes_received = first.bytes_received;
  worker_.loop().at_next_turn(*this);
}

}  // namespace weir::proxy
