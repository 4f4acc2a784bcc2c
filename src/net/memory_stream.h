// MemoryStream: a ByteStream without an operating system, for tests and fuzzing.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "net/byte_stream.h"

namespace weir::net {

/// The test plays the peer: deliver() is what the peer sends, take_sent() what it received.
class MemoryStream final : public ByteStream {
 public:
  explicit MemoryStream(loop::EventLoop& loop)
      : ByteStream(loop),
        local_(std::make_shared<const Address>(*Address::from_ip("127.0.0.1", 10000))),
        remote_(std::make_shared<const Address>(*Address::from_ip("127.0.0.1", 40000))) {}

  void start() override { paused_ = false; }
  void write(std::string_view bytes) override {
    out_.append(bytes);
    want_flush();
  }
  void flush() override {
    if (blocked_) return;
    sent_ += out_.to_string();
    bytes_sent_ += out_.size();
    out_.clear();
    if (std::exchange(above_limit_, false)) handler_->on_drained();
    if (finishing_ && !std::exchange(finished_, true)) handler_->on_finished();
  }
  void pause() override { paused_ = true; }
  void resume() override {
    paused_ = false;
    loop_.at_next_turn(*this);
  }
  void finish() override {
    finishing_ = true;
    want_flush();
  }
  void close() override {
    closed_ = true;
    TurnEnd::unlink();
    NextTurn::unlink();
  }
  bool closed() const override { return closed_; }
  const AddressPtr& local_address() const override { return local_; }
  const AddressPtr& remote_address() const override { return remote_; }

  /// The peer sends; delivered now unless the stream is paused.
  void deliver(std::string_view bytes) {
    inbox_ += bytes;
    on_next_turn();
  }
  /// For a stream that stands for one being connected.
  void deliver_connected() {
    paused_ = false;
    handler_->on_connected();
  }
  void deliver_end() {
    if (!closed_) handler_->on_end();
  }
  void deliver_failure(StreamFailure failure) {
    closed_ = true;
    handler_->on_failure(failure);
  }
  /// What was sent since the last call (runs the end of the turn).
  std::string take_sent() {
    if (linked_for_flush()) on_turn_end();
    return std::exchange(sent_, {});
  }
  /// The peer stops or continues to take bytes.
  void set_blocked(bool blocked) { blocked_ = blocked; }
  bool paused() const { return paused_; }
  bool finished() const { return finished_; }

 private:
  bool linked_for_flush() const { return TurnEnd::linked(); }
  void on_turn_end() override {
    TurnEnd::unlink();
    if (closed_) return;
    handler_->before_flush();
    flush();
  }
  void on_next_turn() override {
    if (paused_ || closed_ || inbox_.empty()) return;
    const std::string bytes = std::exchange(inbox_, {});
    bytes_received_ += bytes.size();
    handler_->on_bytes(bytes);
  }

  AddressPtr local_, remote_;
  std::string inbox_, sent_;
  bool paused_ = true, blocked_ = false, finishing_ = false, finished_ = false, closed_ = false;
};

}  // namespace weir::net
