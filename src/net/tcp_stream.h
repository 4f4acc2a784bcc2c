// TcpStream: a ByteStream over a TCP or unix socket.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "loop/event_loop.h"
#include "loop/timer.h"
#include "net/address.h"
#include "net/byte_stream.h"

namespace weir::net {

/// One recv() when there is news and one sendmsg() a turn; no epoll call after the first.
class TcpStream final : public ByteStream, private loop::Source {
 public:
  /// An accepted socket.
  TcpStream(loop::EventLoop& loop, int fd, AddressPtr local, AddressPtr remote);
  ~TcpStream() override;

  /// Opens a connection; on_connected() or on_failure() follows. `prepare` may set socket options on the new socket;
  /// false: it is not to be used.
  static std::unique_ptr<TcpStream> connect(loop::EventLoop& loop, AddressPtr remote, int64_t timeout_ms,
                                            const std::function<bool(int fd)>& prepare = {});

  /// The same to one of several addresses of the same place: they are tried in order, the next one when the last has failed or
  /// after a moment (RFC 8305 §5), and the first connection wins. `prepare` is kept.
  static std::unique_ptr<TcpStream> connect_any(loop::EventLoop& loop, std::vector<AddressPtr> addresses, int64_t timeout_ms,
                                                std::function<bool(int fd)> prepare);

  void start() override;
  void unread(std::string bytes) override { unread_ = std::move(bytes); }
  void write(std::string_view bytes) override;
  void flush() override;
  void pause() override { paused_ = true; }
  void resume() override;
  void finish() override;
  void close() override;
  void abort() override;
  bool closed() const override { return fd_ < 0 && race_ == nullptr; }
  const AddressPtr& local_address() const override;
  const AddressPtr& remote_address() const override { return remote_; }
  int fd() const { return fd_; }

 private:
  enum class State { kConnecting, kOpen, kEnded };
  class Race;

  void on_ready(uint32_t epoll_events) override;
  void on_turn_end() override;
  void on_next_turn() override;
  void on_connect_timeout();
  void finish_connect();
  void win(int fd, AddressPtr remote);
  void opened();
  void read_available();
  void send(std::string_view more);
  void fail(StreamFailure::Kind kind, int error);

  int fd_;
  State state_ = State::kOpen;
  bool paused_ = true;
  bool watched_ = false;
  bool readable_ = false;    // the kernel may have bytes for us
  bool peer_ended_ = false;  // EPOLLRDHUP was seen: read until the end
  bool end_told_ = false;
  bool writable_ = true;
  bool finishing_ = false;
  bool write_failed_ = false;
  int pending_error_ = 0;
  std::string unread_;
  mutable AddressPtr local_;
  AddressPtr remote_;
  std::unique_ptr<loop::Timer> connect_timer_;
  std::unique_ptr<Race> race_;  // while connecting to one of several addresses
};

}  // namespace weir::net
