#include "net/tcp_stream.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace weir::net {

namespace {

constexpr uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP;
constexpr size_t kWriteAtOnce = 8 * 1024;  // copying less than this is cheaper than a system call of its own
constexpr int kReadsPerEvent = 8;          // then others have their turn
constexpr int kIovecs = 64;

/// A socket for a connection to that address; negative after an error (errno).
int open_socket(const Address& remote, const std::function<bool(int fd)>& prepare) {
  const int fd = socket(remote.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  if (remote.is_ip()) {
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  if (!prepare || prepare(fd)) return fd;
  ::close(fd);
  errno = EADDRNOTAVAIL;
  return -1;
}

}  // namespace

/// Attempts to reach one place by several addresses.
class TcpStream::Race final : public loop::Disposable {
 public:
  Race(TcpStream& stream, std::vector<AddressPtr> addresses, std::function<bool(int)> prepare)
      : stream_(stream),
        addresses_(std::move(addresses)),
        prepare_(std::move(prepare)),
        timer_(loop::Timer::calling<&Race::next>(stream.loop_.timers(), *this)) {}
  ~Race() override { give_up(); }

  void next() { try_next(); }
  void give_up() {
    timer_.cancel();
    for (auto& attempt : attempts_) attempt->close();
  }
  /// Begins the next attempt; false if there is none. An attempt may fail at once.
  bool try_next() {
    while (next_ < addresses_.size()) {
      const AddressPtr& address = addresses_[next_++];
      const int fd = open_socket(*address, prepare_);
      if (fd < 0 || (::connect(fd, address->get(), address->size()) != 0 && errno != EINPROGRESS)) {
        last_error_ = errno;
        if (fd >= 0) ::close(fd);
        continue;
      }
      attempts_.push_back(std::make_unique<Attempt>(*this, fd, address));
      stream_.loop_.watch(fd, *attempts_.back(), kEvents);
      if (next_ < addresses_.size()) timer_.arm(kPatienceMs);
      return true;
    }
    return false;
  }
  int last_error() const { return last_error_; }

 private:
  static constexpr int64_t kPatienceMs = 300;  // Envoy's

  struct Attempt final : loop::Source {
    Attempt(Race& race, int fd, AddressPtr address) : race(race), fd(fd), address(std::move(address)) {}
    void on_ready(uint32_t) override { race.ready(*this); }
    int release() {
      race.stream_.loop_.unwatch(fd, *this);
      return std::exchange(fd, -1);
    }
    void close() {
      if (fd >= 0) ::close(release());
    }
    Race& race;
    int fd;
    AddressPtr address;
  };

  void ready(Attempt& attempt) {
    if (attempt.fd < 0) return;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(attempt.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0) return stream_.win(attempt.release(), attempt.address);
    last_error_ = error;
    attempt.close();
    if (try_next()) return;
    const auto open = [](const auto& other) { return other->fd >= 0; };
    if (std::ranges::none_of(attempts_, open)) stream_.fail(StreamFailure::Kind::kConnect, last_error_);
  }

  TcpStream& stream_;
  const std::vector<AddressPtr> addresses_;
  const std::function<bool(int)> prepare_;
  size_t next_ = 0;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  loop::Timer timer_;
  int last_error_ = 0;
};

TcpStream::TcpStream(loop::EventLoop& loop, int fd, AddressPtr local, AddressPtr remote)
    : ByteStream(loop), fd_(fd), local_(std::move(local)), remote_(std::move(remote)) {}

TcpStream::~TcpStream() { close(); }

std::unique_ptr<TcpStream> TcpStream::connect(loop::EventLoop& loop, AddressPtr remote, int64_t timeout_ms,
                                              const std::function<bool(int fd)>& prepare) {
  const int fd = open_socket(*remote, prepare);
  auto stream = std::make_unique<TcpStream>(loop, fd, nullptr, remote);
  stream->state_ = State::kConnecting;
  stream->writable_ = false;
  if (fd < 0) {
    stream->pending_error_ = errno;
    loop.at_next_turn(*stream);
    return stream;
  }
  if (::connect(fd, remote->get(), remote->size()) != 0 && errno != EINPROGRESS) {
    stream->pending_error_ = errno;
    loop.at_next_turn(*stream);
    return stream;
  }
  loop.watch(fd, *stream, kEvents);
  stream->watched_ = true;
  stream->connect_timer_ = loop::Timer::make<&TcpStream::on_connect_timeout>(loop.timers(), *stream);
  stream->connect_timer_->arm(timeout_ms);
  return stream;
}

std::unique_ptr<TcpStream> TcpStream::connect_any(loop::EventLoop& loop, std::vector<AddressPtr> addresses, int64_t timeout_ms,
                                                  std::function<bool(int fd)> prepare) {
  auto stream = std::make_unique<TcpStream>(loop, -1, nullptr, addresses.front());
  stream->state_ = State::kConnecting;
  stream->writable_ = false;
  stream->race_ = std::make_unique<Race>(*stream, std::move(addresses), std::move(prepare));
  if (!stream->race_->try_next()) {
    stream->pending_error_ = stream->race_->last_error();
    loop.at_next_turn(*stream);
    return stream;
  }
  stream->connect_timer_ = loop::Timer::make<&TcpStream::on_connect_timeout>(loop.timers(), *stream);
  stream->connect_timer_->arm(timeout_ms);
  return stream;
}

/// One of the attempts has its connection.
void TcpStream::win(int fd, AddressPtr remote) {
  race_->give_up();
  loop_.dispose(std::move(race_));  // it is still telling us this
  fd_ = fd;
  remote_ = std::move(remote);
  loop_.watch(fd_, *this, kEvents);
  watched_ = true;
  connect_timer_.reset();
  want_flush();
  opened();
}

void TcpStream::start() {
  CHECK(state_ == State::kOpen);
  paused_ = false;
  if (!std::exchange(watched_, true)) loop_.watch(fd_, *this, kEvents);
  if (readable_ || !unread_.empty()) loop_.at_next_turn(*this);
}

void TcpStream::on_ready(uint32_t epoll_events) {
  if (fd_ < 0) return;
  if (state_ == State::kConnecting) {
    finish_connect();
    return;
  }
  if (epoll_events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
    readable_ = true;
    if (epoll_events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) peer_ended_ = true;
  }
  if ((epoll_events & EPOLLOUT) && !writable_) {
    writable_ = true;
    if (!out_.empty() || finishing_) want_flush();
  }
  if (readable_ && !paused_) read_available();
}

void TcpStream::finish_connect() {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  connect_timer_.reset();
  if (error != 0) {
    fail(StreamFailure::Kind::kConnect, error);
    return;
  }
  opened();
}

void TcpStream::opened() {
  state_ = State::kOpen;
  writable_ = true;
  paused_ = false;
  readable_ = true;  // an edge may have come together with the connection
  loop_.at_next_turn(*this);
  if (!out_.empty()) want_flush();
  handler_->on_connected();
}

void TcpStream::on_connect_timeout() {
  if (race_ != nullptr) {
    race_.reset();
  } else {
    loop_.unwatch(fd_, *this);
    ::close(std::exchange(fd_, -1));
  }
  handler_->on_failure({StreamFailure::Kind::kConnectTimeout, "connect timeout"});
}

void TcpStream::read_available() {
  if (!unread_.empty() && !paused_) {
    const std::string first = std::exchange(unread_, {});
    handler_->on_bytes(first);
  }
  for (int reads = 0; readable_ && !paused_ && fd_ >= 0; ++reads) {
    if (!unread_.empty()) return read_available();
    if (reads == kReadsPerEvent) {
      loop_.at_next_turn(*this);
      return;
    }
    const ssize_t got = recv(fd_, loop_.scratch(), loop::EventLoop::kScratchSize, 0);
    if (got > 0) {
      bytes_received_ += got;
      // Less than asked for means that the kernel has no more; the next bytes will be a new edge.
      if (static_cast<size_t>(got) < loop::EventLoop::kScratchSize && !peer_ended_) readable_ = false;
      handler_->on_bytes({loop_.scratch(), static_cast<size_t>(got)});
      continue;
    }
    if (got == 0) {
      readable_ = false;
      if (!std::exchange(end_told_, true)) handler_->on_end();
      return;
    }
    if (errno == EINTR) continue;
    readable_ = false;
    if (errno != EAGAIN) fail(StreamFailure::Kind::kReset, errno);
    return;
  }
}

void TcpStream::resume() {
  if (!std::exchange(paused_, false)) return;
  if (readable_ || !unread_.empty()) loop_.at_next_turn(*this);
}

void TcpStream::on_next_turn() {
  if (pending_error_ != 0) {
    const int error = std::exchange(pending_error_, 0);
    fail(state_ == State::kConnecting ? StreamFailure::Kind::kConnect : StreamFailure::Kind::kReset, error);
    return;
  }
  if (fd_ >= 0 && state_ == State::kOpen && !paused_ && (readable_ || !unread_.empty())) read_available();
}

void TcpStream::write(std::string_view bytes) {
  if (bytes.size() < kWriteAtOnce || !writable_ || state_ != State::kOpen) {
    out_.append(bytes);
    want_flush();
    return;
  }
  send(bytes);
}

void TcpStream::on_turn_end() {
  if (closed()) return;
  handler_->before_flush();
  flush();
}

void TcpStream::flush() {
  if (fd_ < 0 || state_ == State::kConnecting) return;
  if (writable_ && !out_.empty()) send({});
  if (finishing_ && out_.empty()) {
    finishing_ = false;
    shutdown(fd_, SHUT_WR);
    handler_->on_finished();
  }
}

void TcpStream::send(std::string_view more) {
  while (writable_ && fd_ >= 0 && (!out_.empty() || !more.empty())) {
    iovec entries[kIovecs + 1];
    const size_t queued = out_.size();
    int count = out_.fill_iovec(entries, kIovecs);
    size_t offered = 0;
    for (int i = 0; i < count; ++i) offered += entries[i].iov_len;
    if (offered == queued && !more.empty()) entries[count++] = {const_cast<char*>(more.data()), more.size()};

    msghdr message{};
    message.msg_iov = entries;
    message.msg_iovlen = count;
    const ssize_t sent =
        count == 1 ? ::send(fd_, entries[0].iov_base, entries[0].iov_len, MSG_NOSIGNAL) : sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) {
        writable_ = false;
        break;
      }
      // Reading will tell why (and may still bring an answer the peer sent before it hung up).
      out_.clear();
      more = {};
      writable_ = false;
      if (!std::exchange(write_failed_, true)) {
        pending_error_ = 0;
        readable_ = true;
        peer_ended_ = true;
        loop_.at_next_turn(*this);
      }
      return;
    }
    bytes_sent_ += sent;
    const size_t from_queue = std::min<size_t>(sent, queued);
    out_.drain(from_queue);
    more.remove_prefix(sent - from_queue);
  }
  out_.append(more);
  if (above_limit_ && out_.size() <= buffer_limit_ / 2) {
    above_limit_ = false;
    handler_->on_drained();
  }
}

void TcpStream::finish() {
  finishing_ = true;
  want_flush();
}

void TcpStream::fail(StreamFailure::Kind kind, int error) {
  const std::string reason = std::strerror(error);
  close();
  handler_->on_failure({kind, reason});
}

void TcpStream::close() {
  connect_timer_.reset();
  TurnEnd::unlink();
  NextTurn::unlink();
  out_.clear();
  if (race_ != nullptr) {
    race_->give_up();
    loop_.dispose(std::move(race_));  // perhaps it tells us of its failure
  }
  if (fd_ < 0) return;
  loop_.unwatch(fd_, *this);
  ::close(std::exchange(fd_, -1));
}

void TcpStream::abort() {
  if (fd_ >= 0) {
    const linger reset{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  close();
}

const AddressPtr& TcpStream::local_address() const {
  if (local_ == nullptr && fd_ >= 0) local_ = std::make_shared<const Address>(Address::local_of(fd_));
  return local_;
}

}  // namespace weir::net
