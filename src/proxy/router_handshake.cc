// How a router opens a tunnel: nothing goes into it before the upstream has agreed, for until then it might be read as something
// else.
#include "base/text.h"
#include "proxy/pipeline.h"
#include "proxy/request_rules.h"
#include "proxy/router.h"

namespace weir::proxy {

using http::HeaderId;

/// Other upgrades than WebSocket may begin at once, as in Envoy: who asks for one does not know whether it is accepted, and may
/// send a body that is meant either way (RFC 9110 section 7.8).
Router::Handshake Router::handshake() const {
  if (!pipeline_.opens_tunnel() || pipeline_.ends_connect()) return Handshake::kNone;
  if (pipeline_.request.method() == "CONNECT") return Handshake::kConnect;
  return iequals(upgrade_type(pipeline_.request), "websocket") ? Handshake::kWebSocket : Handshake::kNone;
}

/// The upstream has answered. False if the client was answered here.
bool Router::settle_handshake() {
  const int status = pipeline_.response.status();
  if (handshake_ == Handshake::kConnect) {
    if (status / 100 != 2) return true;
  } else if (status == 101 || pipeline_.info.upstream_protocol != http::Protocol::kHttp11) {
    response_timer_.cancel();  // what follows takes as long as it likes
    try_idle_timer_.reset();
  } else if (status >= 400) {
    return true;
  } else {
    refuse_handshake();
    return false;
  }
  body_held_ = false;
  send_waiting_body(*attempt_->stream());
  if (!pipeline_.request_ended()) pipeline_.resume_downstream();
  return true;
}

/// An upstream that has nothing against the request, but does not change the protocol: its headers are the answer.
void Router::refuse_handshake() {
  const http::HeaderMap& answer = pipeline_.response;
  const int status = answer.status();
  http::Header* kept = pipeline_.arena.allocate_array<http::Header>(answer.size());
  size_t count = 0;
  for (const http::Header& line : answer) {
    if (line.id != HeaderId::kTransferEncoding) new (kept + count++) http::Header(line);
  }
  kept_answer_ = {kept, count};
  cancel_timers();
  attempt_->abort();
  give_up_others();
  phase_ = Phase::kIdle;
  pipeline_.reply(status, "", "websocket_handshake_unsuccessful", Answerer::kTry);
}

void Router::give_kept_answer(http::HeaderMap& reply) const {
  for (const http::Header& line : kept_answer_) reply.add(line);
}

}  // namespace weir::proxy
