#include "admin/connection.h"

#include <algorithm>

namespace weir::admin {

namespace {

constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t kBufferLimit = 256 * 1024;

}  // namespace

Connection::Connection(Server& server, std::unique_ptr<net::ByteStream> stream)
    : server_(server), stats_(server.stats_.http.mine(0)), stream_(std::move(stream)), opened_(server.loop_.now()) {
  stats_.downstream_cx_total.add();
  stats_.downstream_cx_active.add();
  server.stats_.listener.mine(0).downstream_cx_total.add();
  server.stats_.listener.mine(0).downstream_cx_active.add();
  info_.local_address = info_.direct_local_address = stream_->local_address();
  info_.remote_address = info_.direct_remote_address = stream_->remote_address();
  stream_->set_handler(*this);
  stream_->set_buffer_limit(kBufferLimit);
  stream_->start();
}

Connection::~Connection() = default;

bool Connection::choose_codec(std::string_view bytes) {
  const size_t compared = std::min(bytes.size(), kHttp2Preface.size());
  const bool http2 = bytes.substr(0, compared) == kHttp2Preface.substr(0, compared);
  if (http2 && compared < kHttp2Preface.size()) return false;
  if (http2) {
    codec_ = http::make_http2_server(*stream_, server_.loop_, *this, server_.http2_, server_.limits_, stats_.http2);
    stats_.downstream_cx_http2_total.add();
    stats_.downstream_cx_http2_active.add();
  } else {
    codec_ = http::make_http1_server(*stream_, server_.loop_, *this, server_.http1_, server_.limits_, stats_.http1);
    stats_.downstream_cx_http1_total.add();
    stats_.downstream_cx_http1_active.add();
  }
  return true;
}

void Connection::on_bytes(std::string_view bytes) {
  count_read(bytes.size());
  if (codec_ == nullptr) {
    first_bytes_ += bytes;
    if (!choose_codec(first_bytes_)) return;
    const std::string first = std::exchange(first_bytes_, {});
    codec_->receive(first);
  } else {
    codec_->receive(bytes);
  }
}

void Connection::on_end() {
  if (codec_ != nullptr) codec_->receive_end();
  end(true);
}

void Connection::on_failure(const net::StreamFailure&) {
  if (codec_ != nullptr) codec_->connection_lost();
  end(true);
}

void Connection::on_drained() { codec_->on_drained(); }

void Connection::before_flush() {
  if (codec_ == nullptr) return;
  codec_->before_flush();
  stream_->flush();
  count_sent();
  if (!codec_->wants_close()) return;
  if (stream_->unsent() == 0) {
    end(false);
  } else {
    stream_->finish();  // the peer closes when it has read everything
  }
}

http::StreamEvents& Connection::on_new_stream(http::Stream& stream) {
  stats_.downstream_rq_total.add();
  (codec_->protocol() == http::Protocol::kHttp2 ? stats_.downstream_rq_http2_total : stats_.downstream_rq_http1_total).add();
  stats_.downstream_rq_active.add();
  exchanges_.emplace_back(new Exchange(server_.loop_, stream, server_.site_, info_, *this));
  return *exchanges_.back();
}

void Connection::on_protocol_error(const http::ProtocolError&) {
  stats_.downstream_cx_protocol_error.add();
  stream_->want_flush();
}

void Connection::on_answer(int status) {
  stats_.count_response(status);
  auto& listener = server_.stats_.listener_http.mine(0);
  listener.downstream_rq_completed.add();
  stats::Counter* classes[] = {&listener.downstream_rq_1xx, &listener.downstream_rq_2xx, &listener.downstream_rq_3xx,
                               &listener.downstream_rq_4xx, &listener.downstream_rq_5xx};
  if (status >= 100 && status < 600) classes[status / 100 - 1]->add();
}

void Connection::on_over(Exchange& exchange, bool completed) {
  if (!completed) stats_.downstream_rq_rx_reset.add();
  stats_.downstream_rq_active.subtract();
  stats_.downstream_rq_time.record(static_cast<uint64_t>((server_.loop_.now() - exchange.started()) / kNsPerMs));
  const auto at = std::find_if(exchanges_.begin(), exchanges_.end(), [&](const auto& each) { return each.get() == &exchange; });
  server_.loop_.dispose(std::move(*at));
  exchanges_.erase(at);
}

void Connection::count_read(size_t bytes) {
  stats_.downstream_cx_rx_bytes_total.add(bytes);
  stats_.downstream_cx_rx_bytes_buffered.add(static_cast<int64_t>(bytes) -
                                             std::exchange(last_read_, static_cast<int64_t>(bytes)));
}

void Connection::count_sent() {
  stats_.downstream_cx_tx_bytes_total.add(stream_->bytes_sent() - std::exchange(sent_, stream_->bytes_sent()));
}

void Connection::end(bool by_peer) {
  if (std::exchange(ended_, true)) return;
  count_sent();
  stats_.downstream_cx_rx_bytes_buffered.subtract(last_read_);
  stats_.downstream_cx_destroy.add();
  (by_peer ? stats_.downstream_cx_destroy_remote : stats_.downstream_cx_destroy_local).add();
  stats_.downstream_cx_active.subtract();
  if (codec_ != nullptr) {
    const bool http2 = codec_->protocol() == http::Protocol::kHttp2;
    (http2 ? stats_.downstream_cx_http2_active : stats_.downstream_cx_http1_active).subtract();
  }
  const int64_t length_ms = (server_.loop_.now() - opened_) / kNsPerMs;
  stats_.downstream_cx_length_ms.record(static_cast<uint64_t>(length_ms));
  auto& listener = server_.stats_.listener.mine(0);
  listener.downstream_cx_destroy.add();
  listener.downstream_cx_active.subtract();
  listener.downstream_cx_length_ms.record(static_cast<uint64_t>(length_ms));
  stream_->close();
  server_.forget(*this);
}

}  // namespace weir::admin
