#include "proxy/connect_tunnel.h"

namespace weir::proxy {

ConnectTunnel::ConnectTunnel(upstream::Cluster& cluster, const upstream::Host& host, upstream::Priority priority,
                             const upstream::ConnectionWishes& wishes, TunnelEvents& maker, http::StreamEvents& events)
    : loop_(cluster.context().loop), maker_(maker), events_(events), connection_(cluster, host, priority, wishes, *this) {}

void ConnectTunnel::on_connected() {
  open_ = true;
  maker_.on_tunnel_open();
}

void ConnectTunnel::send_headers(const http::HeaderMap&, bool end_stream) {
  connection_.stream().pause();  // until the head was answered
  loop_.at_next_turn(*this);     // which must not happen within the call that asks for it
  if (!beginning_.empty()) {
    events_.traffic.sent.wire += beginning_.size();
    connection_.stream().write(beginning_);
  }
  if (end_stream) connection_.stream().finish();
}

void ConnectTunnel::on_next_turn() {
  connection_.stream().resume();
  events_.incoming_headers().set_status(200);
  events_.on_headers(false);
}

void ConnectTunnel::send_body(std::string_view bytes, bool end_stream) {
  events_.traffic.sent.wire += bytes.size();
  if (!bytes.empty()) connection_.stream().write(bytes);
  if (end_stream) connection_.stream().finish();
}

void ConnectTunnel::on_bytes(std::string_view bytes) {
  events_.traffic.received.wire += bytes.size();
  events_.on_body(bytes, false);
}

void ConnectTunnel::on_end() { events_.on_body({}, true); }

void ConnectTunnel::on_failure(const net::StreamFailure& failure) {
  NextTurn::unlink();
  if (open_) {
    events_.on_reset(http::Reset::kConnectionTermination, "");
  } else {
    maker_.on_tunnel_failure(failure);
  }
}

void ConnectTunnel::close() {
  NextTurn::unlink();
  connection_.close(false);
}

}  // namespace weir::proxy
