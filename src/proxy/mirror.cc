#include "proxy/mirror.h"

#include <utility>

#include "proxy/client_address.h"
#include "proxy/local_reply.h"
#include "proxy/worker.h"
#include "route/header_changes.h"

namespace weir::proxy {

namespace {

using http::HeaderId;

/// "a.test:81" becomes "a.test-shadow:81".
std::string_view shadow_host(std::string_view host, Arena& arena) {
  const size_t colon = host.rfind(':');
  const bool has_port = colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos;
  return has_port ? arena.join(host.substr(0, colon), "-shadow", host.substr(colon)) : arena.join(host, "-shadow");
}

}  // namespace

Mirror::Mirror(Worker& worker, const http::HeaderMap& request, const route::MirrorPolicy& policy, const format::StreamInfo& info,
               int64_t timeout_ms, size_t buffer_limit, std::shared_ptr<const TryLogSpec> log)
    : worker_(worker),
      log_(std::move(log)),
      attempt_(*this, info_, worker.loop()),
      body_(worker.loop().blocks()),
      buffer_limit_(buffer_limit),
      timeout_ms_(timeout_ms),
      timer_(loop::Timer::calling<&Mirror::on_timeout>(worker.loop().timers(), *this)) {
  for (HeaderId id : {HeaderId::kMethod, HeaderId::kPath, HeaderId::kAuthority, HeaderId::kScheme, HeaderId::kProtocol}) {
    if (request.has_pseudo(id)) request_.set_pseudo(id, memory_.copy(request.pseudo(id)));
  }
  for (const http::Header& line : request) request_.add({memory_.copy(line.name), memory_.copy(line.value), line.id});
  route::apply_changes(policy.changes, request_, {.request = &request_, .info = info});
  if (!policy.host.empty()) {
    request_.set_pseudo(HeaderId::kAuthority, memory_.copy(policy.host));
  } else if (policy.append_shadow_suffix) {
    request_.set_pseudo(HeaderId::kAuthority, shadow_host(request_.authority(), memory_));
  }
  request_.set(HeaderId::kEnvoyInternal, "true");
  // A copy is never tried again: all of the time is its own.
  if (timeout_ms_ > 0 && request_.has(HeaderId::kEnvoyExpectedTimeoutMs)) {
    request_.set(HeaderId::kEnvoyExpectedTimeoutMs, memory_.decimal(timeout_ms_));
  }
  if (const net::AddressPtr& own = worker.identity().address) append_forwarded_for(request_, own->ip());
  info_.internal_request = true;
  if (log_ != nullptr) [[unlikely]] {
    logging_.emplace(*log_, request_, nullptr, memory_, worker.index());
    attempt_.log_to(&*logging_);
  }
}

void Mirror::start(upstream::Cluster& cluster, bool end_stream) {
  worker_.mirror_stats().rq_total.add();
  ends_with_head_ = end_stream;
  if (end_stream) request_complete();
  attempt_.start(cluster, upstream::Priority::kDefault, http::Protocol::kHttp11, request_);
}

void Mirror::on_connected() {
  if (!http::missing_pseudo_header(request_).empty()) [[unlikely]] {
    attempt_.count_answer(503);
    return end();
  }
  http::Stream& stream = *attempt_.stream();
  stream.send_headers(request_, ends_with_head_);
  if (ends_with_head_) return;
  size_t left = body_.size();
  if (left == 0 && request_ended_ && !has_trailers_) stream.send_body({}, true);
  body_.for_each_piece([&](std::string_view piece) {
    left -= piece.size();
    stream.send_body(piece, left == 0 && request_ended_ && !has_trailers_);
  });
  attempt_.count_body(body_.size());
  body_.clear();
  if (has_trailers_) stream.send_trailers(request_trailers_);
}

/// A mirror that cannot keep up with the request is given up: the request does not wait.
void Mirror::copy_body(std::string_view bytes, bool end_stream) {
  if (end_stream) request_complete();
  if (http::Stream* stream = attempt_.stream()) {
    attempt_.count_body(bytes.size());
    stream->send_body(bytes, end_stream);
    if (!end_stream && stream->over_limit()) end();
    return;
  }
  body_.append(bytes);
  if (body_.size() > buffer_limit_) end();
}

void Mirror::copy_trailers(const http::HeaderMap& trailers) {
  for (const http::Header& line : trailers) request_trailers_.add({memory_.copy(line.name), memory_.copy(line.value), line.id});
  has_trailers_ = true;
  request_complete();
  if (http::Stream* stream = attempt_.stream()) stream->send_trailers(request_trailers_);
}

void Mirror::request_complete() {
  request_ended_ = true;
  info_.request_complete = worker_.loop().now();
  ListNode<Copying>::unlink();
  if (timeout_ms_ > 0) timer_.arm(timeout_ms_);
}

void Mirror::on_informational() {
  if (!std::exchange(interim_seen_, true)) attempt_.count_answer(response_.status());
  response_.clear();
}

void Mirror::on_headers(bool end_stream) {
  attempt_.accept();
  attempt_.count_answer(response_.status());
  if (end_stream) answered();
}

void Mirror::on_body(std::string_view, bool end_stream) {
  if (end_stream) answered();
}

void Mirror::on_trailers() { answered(); }

void Mirror::answered() {
  attempt_.complete();
  end();
}

void Mirror::on_failure(const UpstreamFailure& failure) {
  if (!attempt_.answered() && !interim_seen_) attempt_.count_answer(failure.no_host ? 503 : describe(failure.reason).status);
  end();
}

void Mirror::on_timeout() {
  attempt_.count_timeout();
  attempt_.cluster()->stats().upstream_rq_timeout.add();
  if (!attempt_.answered() && !interim_seen_) attempt_.count_answer(504);
  end();
}

void Mirror::end() {
  if (ended_) return;
  ended_ = true;
  timer_.cancel();
  ListNode<Copying>::unlink();
  attempt_.abort();
  worker_.remove(*this);
}

}  // namespace weir::proxy
