// PendingConnection: a connection that was accepted and of which the listener filters are still finding out what it is.
#pragma once

#include <memory>
#include <string>

#include "base/list.h"
#include "loop/timer.h"
#include "net/byte_stream.h"
#include "proxy/connection.h"
#include "proxy/listener_filter.h"

namespace weir::proxy {

class ActiveListener;

/// Bytes come ─▶ filters, in order, each as often as it wants more ─▶ the listener chooses a filter chain; or the end: closed by
/// us or by the peer, or out of time.
class PendingConnection final : public ListNode<PendingConnection>, public loop::Disposable, private net::ByteStream::Handler {
 public:
  /// `fd` is the socket under the stream, or -1.
  PendingConnection(ActiveListener& listener, loop::EventLoop& loop, std::unique_ptr<net::ByteStream> stream, int fd,
                    format::ConnectionInfo info, bool handed_over);
  ~PendingConnection() override;

  /// May be over before it returns.
  void start();
  /// Another listener accepted it; it stays with this one.
  bool handed_over() const { return handed_over_; }
  int fd() const { return fd_; }
  /// The listener goes away.
  void close();

 private:
  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_failure(const net::StreamFailure& failure) override;
  void run_filters();
  void finish();
  void on_timeout();
  void gone();

  ActiveListener& listener_;
  loop::EventLoop& loop_;
  std::unique_ptr<net::ByteStream> stream_;
  const int fd_;
  format::ConnectionInfo info_;
  ListenerFindings findings_;
  std::string bytes_;
  size_t next_filter_ = 0;
  loop::Timer timer_;
  const bool handed_over_;
  bool over_ = false;
};

}  // namespace weir::proxy
