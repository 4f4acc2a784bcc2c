// Connection: what a worker knows of every downstream connection, whatever it speaks.
#pragma once

#include <memory>
#include <string_view>

#include "base/list.h"
#include "format/stream_info.h"
#include "loop/event_loop.h"
#include "net/byte_stream.h"
#include "stats/cell.h"

namespace weir::proxy {

class ActiveListener;

/// A connection that was accepted and whose filter chain is known.
struct Accepted {
  std::unique_ptr<net::ByteStream> stream;
  format::ConnectionInfo info;
  ActiveListener* listener;
};

/// Belongs to its worker's list; disposes of itself by way of the worker when it ends.
class Connection : public ListNode<Connection>, public loop::Disposable {
 public:
  Connection(Accepted accepted)
      : stream_(std::move(accepted.stream)), info_(std::move(accepted.info)), listener_(accepted.listener) {}

  const format::ConnectionInfo& info() const { return info_; }
  ActiveListener& listener() { return *listener_; }
  /// Takes no new work and ends when the present work is done.
  virtual void drain() = 0;
  /// Ends now.
  virtual void close() = 0;

  // --- for who stands before it (ConnectionGuard) ---
  /// What the stream tells goes to `first` from now on; returns who shall hear of it then.
  net::ByteStream::Handler& put_before(net::ByteStream::Handler& first) {
    stream_->set_handler(first);
    return taker();
  }
  /// The stream tells its owner again.
  void put_before_nobody() { stream_->set_handler(taker()); }
  void pause_reading() { stream_->pause(); }
  /// Bytes came that it was not shown.
  virtual void count_unseen(size_t bytes) {}
  /// Why it ends, for logs.
  void note_termination(std::string_view details) { info_.termination_details = details; }
  /// What is known of it as a session of bytes; null if it speaks HTTP.
  virtual format::StreamInfo* session() { return nullptr; }

 protected:
  virtual net::ByteStream::Handler& taker() = 0;

  std::unique_ptr<net::ByteStream> stream_;
  format::ConnectionInfo info_;
  ActiveListener* listener_;
};

}  // namespace weir::proxy
