// Keepalive: whether the peer of an HTTP/2 connection still answers (KeepaliveSettings).
#pragma once

#include "http/codec.h"
#include "loop/event_loop.h"
#include "loop/timer.h"

namespace weir::http::h2 {

/// What it asks of its connection.
class KeepaliveUser {
 public:
  virtual void send_ping() = 0;
  /// Nothing came in answer.
  virtual void on_silence() = 0;

 protected:
  ~KeepaliveUser() = default;
};

/// Sends a PING an interval after the answer to the last one; everything that comes counts as a sign of life while an answer is
/// waited for. Made only where a connection wants it.
class Keepalive {
 public:
  Keepalive(KeepaliveUser& user, const Http2Options& options, loop::EventLoop& loop);

  void on_bytes();
  void on_answer();
  /// A request is about to begin.
  void before_request();
  void stop();

 private:
  void ping();
  void on_interval() { ping(); }
  void on_timeout() { user_.on_silence(); }

  KeepaliveUser& user_;
  const Http2Options& options_;
  loop::EventLoop& loop_;
  loop::Timer interval_timer_, timeout_timer_;
  MonotonicNs last_heard_;
};

}  // namespace weir::http::h2
