#include "admin/exchange.h"

#include <ctime>

#include "base/text.h"
#include "proxy/client_address.h"

namespace weir::admin {

namespace {

/// RFC 9110 §5.6.7.
std::string_view http_date(Arena& arena, WallNs now) {
  const time_t seconds = now / kNsPerSecond;
  tm utc{};
  gmtime_r(&seconds, &utc);
  char text[40];
  return arena.copy({text, strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc)});
}

}  // namespace

Exchange::Exchange(loop::EventLoop& loop, http::Stream& stream, Site& site, const format::ConnectionInfo& connection,
                   Owner& owner)
    : loop_(loop), stream_(stream), site_(site), owner_(owner), headers_(arena_), trailers_(arena_), answer_headers_(arena_) {
  info_.start = loop.now();
  info_.start_wall = loop.wall();
  info_.connection = &connection;
  info_.protocol = stream.protocol();
}

void Exchange::on_headers(bool end_stream) {
  if (end_stream) answer_request();
}

void Exchange::on_body(std::string_view bytes, bool end_stream) {
  info_.bytes_received += bytes.size();
  if (answered_) return;
  if (body_.size() + bytes.size() > kMaxBody) {
    send(Response::error(413, "Payload Too Large"));
    return;
  }
  body_ += bytes;
  if (end_stream) answer_request();
}

void Exchange::on_malformed(const http::ProtocolError& error) {
  if (answered_) {
    stream_.reset(http::Reset::kProtocolError);
    over(false);
  } else {
    send(Response::error(error.status, ""));
  }
}

Request Exchange::read_request() {
  const std::string_view target = headers_.path();
  const std::string_view without_fragment = target.substr(0, target.find('#'));
  const size_t question = std::min(without_fragment.find('?'), without_fragment.size());
  Request request{.method = headers_.method(), .path = plain_path(without_fragment.substr(0, question))};
  if (question < without_fragment.size()) request.query = Query(without_fragment.substr(question + 1));
  // A form sends its parameters in the body.
  const bool form = headers_.get(http::HeaderId::kContentType).starts_with("application/x-www-form-urlencoded");
  if (form && request.query.empty()) request.query = Query(body_);
  request.body = std::move(body_);
  request.from_browser = headers_.get_joined("accept").find("text/html") != std::string_view::npos &&
                         headers_.get_joined("user-agent").starts_with("Mozilla/");
  return request;
}

/// What a page of another site made a browser send. Tools other than browsers send neither line.
bool Exchange::from_another_site() const {
  const std::string_view fetch_site = headers_.get_joined("sec-fetch-site");
  if (fetch_site == "cross-site" || fetch_site == "same-site") return true;
  const std::string_view origin = headers_.get_joined("origin");
  if (origin.empty()) return false;
  const size_t host = origin.find("://");
  return host == std::string_view::npos || !iequals(origin.substr(host + 3), headers_.authority());
}

void Exchange::answer_request() {
  if (answered_) return;
  info_.request_complete = loop_.now();
  if (const std::string_view target = headers_.path();
      target.find('#') != std::string_view::npos || percent_decoded(target).find('\0') != std::string::npos) {
    return refuse_target();
  }
  const Request request = read_request();
  if (request.method == "POST" && from_another_site()) {
    send(Response::error(403, "This request comes from a page of another site; it was not carried out.\n"));
  } else {
    site_.log.debug("admin", "request complete: path: {}", request.path);
    send(answer(site_, request));
  }
}

/// As a connection manager refuses it, which is none of the admin's own answers.
void Exchange::refuse_target() {
  http::HeaderMap& headers = answer_headers_;
  headers.set_status(400);
  headers.add(http::HeaderId::kContentLength, "0");
  headers.add(http::HeaderId::kDate, http_date(arena_, loop_.wall()));
  headers.add(http::HeaderId::kServer, "envoy");
  headers.add(http::HeaderId::kConnection, "close");
  begin_answer(400);
  info_.response_code_details = "path_normalization_failed";
  stream_.send_headers(headers, true);
}

void Exchange::send(Response response) {
  http::HeaderMap& headers = answer_headers_;
  headers.set_status(response.status);
  headers.add(http::HeaderId::kContentType, response.content_type);
  headers.add("cache-control", "no-cache, max-age=0");
  headers.add("x-content-type-options", "nosniff");
  if (response.repeats_nosniff) headers.add("x-content-type-options", "nosniff");
  headers.add(http::HeaderId::kDate, http_date(arena_, loop_.wall()));
  headers.add(http::HeaderId::kServer, "envoy");
  begin_answer(response.status);
  stream_.send_headers(headers, false);
  rest_ = std::move(response.rest);
  if (!response.body.empty() || rest_ == nullptr) send_body(response.body, rest_ == nullptr);
  if (rest_ != nullptr) send_more();
}

void Exchange::begin_answer(int status) {
  answered_ = true;
  info_.response_code = status;
  info_.response_code_details = "admin_filter_response";
  info_.response_start = loop_.now();
  owner_.on_answer(status);
}

void Exchange::send_body(std::string_view bytes, bool end_stream) {
  info_.bytes_sent += bytes.size();
  stream_.send_body(bytes, end_stream);
}

void Exchange::send_more() {
  if (rest_ == nullptr) return;
  std::string piece;
  for (size_t sent = 0; sent < kBytesPerTurn; sent += piece.size()) {
    if (stream_.over_limit()) return;  // on_room() goes on
    piece.clear();
    const bool more = rest_(piece);
    if (!more) rest_ = nullptr;
    send_body(piece, !more);
    if (!more) return;
  }
  loop_.at_next_turn(*this);  // others have their turn first
}

void Exchange::over(bool completed) {
  NextTurn::unlink();
  rest_ = nullptr;
  write_log(completed);
  owner_.on_over(*this, completed);
}

void Exchange::write_log(bool completed) {
  if (site_.access_logs.empty()) return;
  info_.end = loop_.now();
  if (!completed) info_.flags.set(format::ResponseFlag::kDownstreamConnectionTermination);
  const net::AddressPtr& peer = info_.connection->remote_address;
  const net::AddressPtr& shown = peer->is_loopback() && site_.own_address != nullptr ? site_.own_address : peer;
  if (shown->is_ip()) proxy::append_forwarded_for(headers_, shown->ip());
  const format::FormatContext context{&headers_, &answer_headers_, nullptr, info_, format::LogType::kDownstreamEnd};
  for (const auto& log : site_.access_logs) log->log(context, site_.log_thread);
}

}  // namespace weir::admin
