#include "admin/exchange.h"

#include <ctime>

#include "base/text.h"

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

void Exchange::on_headers(bool end_stream) {
  if (end_stream) answer_request();
}

void Exchange::on_body(std::string_view bytes, bool end_stream) {
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
  const Request request = read_request();
  if (request.method == "POST" && from_another_site()) {
    send(Response::error(403, "This request comes from a page of another site; it was not carried out.\n"));
  } else {
    site_.log.debug("admin", "request complete: path: {}", request.path);
    send(answer(site_, request));
  }
}

void Exchange::send(Response response) {
  answered_ = true;
  http::HeaderMap headers(arena_);
  headers.set_status(response.status);
  headers.add(http::HeaderId::kContentType, response.content_type);
  headers.add("cache-control", "no-cache, max-age=0");
  headers.add("x-content-type-options", "nosniff");
  headers.add(http::HeaderId::kDate, http_date(arena_, loop_.wall()));
  headers.add(http::HeaderId::kServer, "envoy");
  owner_.on_answer(response.status);
  stream_.send_headers(headers, false);
  rest_ = std::move(response.rest);
  if (!response.body.empty() || rest_ == nullptr) stream_.send_body(response.body, rest_ == nullptr);
  if (rest_ != nullptr) send_more();
}

void Exchange::send_more() {
  if (rest_ == nullptr) return;
  std::string piece;
  for (size_t sent = 0; sent < kBytesPerTurn; sent += piece.size()) {
    if (stream_.over_limit()) return;  // on_room() goes on
    piece.clear();
    const bool more = rest_(piece);
    if (!more) rest_ = nullptr;
    stream_.send_body(piece, !more);
    if (!more) return;
  }
  loop_.at_next_turn(*this);  // others have their turn first
}

void Exchange::over(bool completed) {
  NextTurn::unlink();
  rest_ = nullptr;
  owner_.on_over(*this, completed);
}

}  // namespace weir::admin
