// ByteStream: a connection seen as bytes, whatever carries them (TCP, TLS, memory).
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/byte_queue.h"
#include "loop/event_loop.h"
#include "net/address.h"

namespace weir::net {

class TlsInfo;

/// How a stream ended before its time.
struct StreamFailure {
  enum class Kind {
    kConnect,
    kConnectTimeout,
    kReset,
    kTransport,
    kLocal,  // it could not even be tried, for a reason that lies here
  };
  Kind kind;
  /// In the operating system's or the TLS library's words, e.g. "Connection refused".
  std::string reason;
};

/// Bytes in both directions. Belongs to one loop's thread. Writing only queues; what is queued goes out at the end of the turn,
/// or at once when it is much. Handlers are never called from inside a call to the stream.
class ByteStream : public loop::TurnEnd, public loop::NextTurn, public loop::Disposable {
 public:
  class Handler {
   public:
    /// A stream opened with connect() is ready for use; one with TLS is, on both sides, when its handshake is over.
    virtual void on_connected() {}
    /// Bytes arrived; they are valid until the handler returns, and all of them count as taken.
    virtual void on_bytes(std::string_view bytes) = 0;
    /// The peer will send no more (half-close).
    virtual void on_end() = 0;
    /// The stream is dead; nothing further will be called.
    virtual void on_failure(const StreamFailure& failure) = 0;
    /// unsent() fell to half of the limit or below after having been above it.
    virtual void on_drained() {}
    /// The turn ends: last chance to queue something for the write that follows (asked for with want_flush()).
    virtual void before_flush() {}
    /// finish() was asked for, and everything has been handed to the kernel.
    virtual void on_finished() {}

   protected:
    ~Handler() = default;
  };

  ByteStream(loop::EventLoop& loop) : loop_(loop), out_(loop.blocks()) {}

  void set_handler(Handler& handler) { handler_ = &handler; }

  /// Starts reading: on_bytes() may be called from the next turn on.
  virtual void start() = 0;

  /// The queue of bytes to be sent. After touching it, call want_flush().
  ByteQueue& out() { return out_; }
  void want_flush() { loop_.at_turn_end(*this); }
  /// Queues bytes; may send at once (with everything queued before) when they are many, and copies only what the kernel did not
  /// take.
  virtual void write(std::string_view bytes) = 0;
  /// Sends what is queued now.
  virtual void flush() = 0;
  /// Bytes accepted from us that the kernel has not taken yet.
  size_t unsent() const { return out_.size(); }
  /// The soft limit for unsent(): above it, the producer should pause until on_drained().
  void set_buffer_limit(size_t bytes) { buffer_limit_ = bytes; }
  size_t buffer_limit() const { return buffer_limit_; }
  /// Asks whether the producer should pause now; if so on_drained() will come.
  bool over_limit() {
    if (out_.size() <= buffer_limit_) return false;
    above_limit_ = true;
    return true;
  }

  /// Stops and continues calling on_bytes(). Pausing nests not: one resume() undoes any number of pauses.
  virtual void pause() = 0;
  virtual void resume() = 0;

  /// Before start() by a new handler: bytes that the last one read and that are the new one's. Only of streams that were
  /// accepted.
  virtual void unread(std::string) {}

  /// Sends what is queued, then tells the peer that no more will come (half-close).
  virtual void finish() = 0;
  /// Ends both directions now; what was not sent is lost. The handler hears nothing more.
  virtual void close() = 0;
  /// As close(), with a TCP reset.
  virtual void abort() { close(); }
  virtual bool closed() const = 0;

  virtual const AddressPtr& local_address() const = 0;
  virtual const AddressPtr& remote_address() const = 0;
  /// What is known of the encryption, also of one that failed; null without any.
  virtual std::shared_ptr<const TlsInfo> tls() const { return nullptr; }

  uint64_t bytes_received() const { return bytes_received_; }
  uint64_t bytes_sent() const { return bytes_sent_; }

 protected:
  loop::EventLoop& loop_;
  Handler* handler_ = nullptr;
  ByteQueue out_;
  size_t buffer_limit_ = 1024 * 1024;
  bool above_limit_ = false;
  uint64_t bytes_received_ = 0;
  uint64_t bytes_sent_ = 0;
};

}  // namespace weir::net
