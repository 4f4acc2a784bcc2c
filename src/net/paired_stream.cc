#include "net/paired_stream.h"

#include <utility>

namespace weir::net {

PairedStream::Pair PairedStream::make(loop::EventLoop& loop, AddressPtr client_address, AddressPtr server_address,
                                      size_t buffer) {
  Pair pair;
  pair.client.reset(new PairedStream(loop, client_address, server_address, buffer));
  pair.server.reset(new PairedStream(loop, std::move(server_address), std::move(client_address), buffer));
  pair.client->peer_ = pair.server.get();
  pair.server->peer_ = pair.client.get();
  pair.client->connecting_ = true;
  pair.client->wake();
  return pair;
}

void PairedStream::start() {
  paused_ = false;
  wake();
}

void PairedStream::resume() {
  if (std::exchange(paused_, false)) wake();
}

/// Something may be to be told.
void PairedStream::wake() {
  if (!closed_) loop_.at_next_turn(*this);
}

void PairedStream::write(std::string_view bytes) {
  if (closed_) return;
  out_.append(bytes);
  want_flush();
}

void PairedStream::finish() {
  finishing_ = true;
  want_flush();
}

void PairedStream::on_turn_end() {
  if (closed_) return;
  handler_->before_flush();
  flush();
}

/// Hands over what the peer has room for.
void PairedStream::flush() {
  if (closed_) return;
  if (peer_ == nullptr) {
    if (!out_.empty()) {
      out_.clear();
      broken_ = true;
      wake();
    }
  } else if (!out_.empty() && peer_->inbox_.size() < buffer_) {
    bytes_sent_ += out_.size();
    peer_->inbox_.append(std::move(out_));
    peer_->wake();
    if (std::exchange(above_limit_, false)) handler_->on_drained();
  }
  if (closed_ || !finishing_ || finished_ || !out_.empty()) return;
  finished_ = true;
  if (peer_ != nullptr) {
    peer_->peer_ended_ = true;
    peer_->wake();
  }
  handler_->on_finished();
}

void PairedStream::on_next_turn() {
  if (closed_) return;
  if (std::exchange(connecting_, false)) {
    paused_ = false;
    handler_->on_connected();
  }
  if (!paused_ && !unread_.empty()) handler_->on_bytes(std::exchange(unread_, {}));
  while (!closed_ && !paused_ && unread_.empty() && !inbox_.empty()) {
    const std::string_view part = inbox_.front();
    bytes_received_ += part.size();
    handler_->on_bytes(part);
    if (!closed_) inbox_.drain(part.size());
  }
  if (closed_) return;
  if (inbox_.size() < buffer_ && peer_ != nullptr && !peer_->out_.empty()) peer_->want_flush();
  if (paused_ || !unread_.empty() || !inbox_.empty()) return;
  if (broken_) {
    close();
    return handler_->on_failure({StreamFailure::Kind::kReset, "Connection reset by peer"});
  }
  if (peer_ended_ && !std::exchange(end_told_, true)) handler_->on_end();
}

void PairedStream::close() {
  if (std::exchange(closed_, true)) return;
  TurnEnd::unlink();
  NextTurn::unlink();
  out_.clear();
  if (peer_ == nullptr) return;
  peer_->peer_ = nullptr;
  peer_->peer_ended_ = true;
  peer_->wake();
  peer_ = nullptr;
}

}  // namespace weir::net
