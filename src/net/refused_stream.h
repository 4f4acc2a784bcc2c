// RefusedStream: a connection that could not even be tried, or that came and cannot be used; it fails in the next turn.
#pragma once

#include <string>
#include <utility>

#include "net/byte_stream.h"

namespace weir::net {

class RefusedStream final : public ByteStream {
 public:
  enum class Fails { kNextTurn, kAfterStart };

  RefusedStream(loop::EventLoop& loop, AddressPtr remote, StreamFailure failure, Fails when = Fails::kNextTurn)
      : ByteStream(loop), remote_(std::move(remote)), failure_(std::move(failure)), when_(when) {
    if (when_ == Fails::kNextTurn) loop.at_next_turn(*this);
  }
  ~RefusedStream() override { close(); }

  void start() override {
    if (when_ == Fails::kAfterStart && !closed_) loop_.at_next_turn(*this);
  }
  void write(std::string_view) override {}
  void flush() override {}
  void pause() override {}
  void resume() override {}
  void finish() override {}
  void close() override {
    closed_ = true;
    TurnEnd::unlink();
    NextTurn::unlink();
  }
  bool closed() const override { return closed_; }
  const AddressPtr& local_address() const override { return local_; }
  const AddressPtr& remote_address() const override { return remote_; }

 private:
  void on_turn_end() override {}
  void on_next_turn() override {
    close();
    handler_->on_failure(failure_);
  }

  AddressPtr local_, remote_;
  StreamFailure failure_;
  Fails when_;
  bool closed_ = false;
};

}  // namespace weir::net
