// Streams over real sockets: what is sent arrives whole and in order, however slowly the peer reads; and how they end.
#include "net/tcp_stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace weir::net {
namespace {

std::string pattern(size_t size) {
  std::string text(size, ' ');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 31 + i / 977) % 26);
  return text;
}

/// Writes down what a stream tells.
struct Told final : ByteStream::Handler {
  void on_connected() override { events += "connected "; }
  void on_bytes(std::string_view more) override {
    bytes += more;
    ++pieces;
    if (on_more) on_more();
  }
  void on_end() override { events += "end "; }
  void on_failure(const StreamFailure& failure) override {
    events += "failure ";
    kind = failure.kind;
    reason = failure.reason;
    if (on_failed) on_failed();
  }
  void on_drained() override { events += "drained "; }
  void on_finished() override { events += "finished "; }
  std::string events, bytes, reason;
  int pieces = 0;
  StreamFailure::Kind kind{};
  std::function<void()> on_more, on_failed;
};

/// A stream and, as its peer, a plain socket that the test reads and writes by hand.
class Tcp : public testing::Test {
 protected:
  ~Tcp() override {
    if (peer_ >= 0) close(peer_);
    if (listener_ >= 0) close(listener_);
  }

  AddressPtr listen_here() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const Address any = *Address::from_ip("127.0.0.1", 0);
    EXPECT_EQ(bind(listener_, any.get(), any.size()), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    return std::make_shared<const Address>(Address::local_of(listener_));
  }
  void accept_peer() {
    peer_ = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    ASSERT_GE(peer_, 0);
  }
  void open() {
    stream_ = TcpStream::connect(loop_, listen_here(), 5000, [](int fd) {
      const int small = 16 * 1024;
      return setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0;
    });
    stream_->set_handler(told_);
    turns_until([&] { return told_.events == "connected "; });
    told_.events.clear();
    accept_peer();
  }
  void turns_until(const std::function<bool()>& done) {
    const MonotonicNs deadline = monotonic_now() + 10 * kNsPerSecond;
    while (!done() && monotonic_now() < deadline) loop_.turn(10);
    ASSERT_TRUE(done()) << told_.events << told_.reason;
  }
  /// What the peer can read now.
  std::string peer_reads(size_t most = SIZE_MAX) {
    std::string all;
    char buffer[8192];
    while (all.size() < most) {
      const ssize_t got = recv(peer_, buffer, std::min(sizeof buffer, most - all.size()), 0);
      if (got == 0) peer_saw_end_ = true;
      if (got < 0) peer_error_ = errno;
      if (got <= 0) break;
      all.append(buffer, got);
    }
    return all;
  }
  void peer_sends(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(peer_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) bytes.remove_prefix(sent);
      loop_.turn(0);
    }
  }
  void peer_resets() {
    const linger reset{.l_onoff = 1, .l_linger = 0};
    setsockopt(peer_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(std::exchange(peer_, -1));
  }

  loop::EventLoop loop_{1};
  Told told_;
  std::unique_ptr<TcpStream> stream_;
  int listener_ = -1, peer_ = -1, peer_error_ = 0;
  bool peer_saw_end_ = false;
};

TEST_F(Tcp, AConnectionIsToldInALaterTurn) {
  stream_ = TcpStream::connect(loop_, listen_here(), 5000);
  stream_->set_handler(told_);
  EXPECT_EQ(told_.events, "");
  turns_until([&] { return told_.events == "connected "; });
  accept_peer();
  EXPECT_EQ(stream_->remote_address()->text(), Address::local_of(listener_).text());
  EXPECT_EQ(stream_->local_address()->text(), Address::remote_of(peer_).text());
}

TEST_F(Tcp, WhatIsQueuedBeforeTheConnectionGoesOutWithIt) {
  stream_ = TcpStream::connect(loop_, listen_here(), 5000);
  stream_->set_handler(told_);
  stream_->write("early ");
  stream_->write(pattern(20'000));
  turns_until([&] { return told_.events == "connected " && stream_->unsent() == 0; });
  accept_peer();
  EXPECT_EQ(peer_reads(), "early " + pattern(20'000));
}

TEST_F(Tcp, SmallWritesOfOneTurnLeaveTogetherAtItsEnd) {
  open();
  stream_->write("a");
  stream_->write("b");
  stream_->out().append("c");
  EXPECT_EQ(stream_->unsent(), 3u);
  loop_.turn(0);
  EXPECT_EQ(stream_->unsent(), 0u);
  EXPECT_EQ(stream_->bytes_sent(), 3u);
  EXPECT_EQ(peer_reads(), "abc");
}

TEST_F(Tcp, ALargeWriteGoesOutAtOnceBehindWhatWaited) {
  open();
  stream_->write("first ");
  const std::string large = pattern(9'000);
  stream_->write(large);
  EXPECT_EQ(stream_->unsent(), 0u);
  EXPECT_EQ(peer_reads(), "first " + large);
}

TEST_F(Tcp, ASlowReaderGetsEverythingInOrder) {
  open();
  const std::string all = pattern(6'000'000);
  stream_->set_buffer_limit(1'000'000);
  for (size_t at = 0; at < all.size(); at += 100'000) stream_->write(std::string_view(all).substr(at, 100'000));
  EXPECT_TRUE(stream_->over_limit());
  EXPECT_GT(stream_->unsent(), 0u);
  std::string got;
  while (got.size() < all.size()) {
    got += peer_reads(50'000);
    loop_.turn(1);
    ASSERT_LT(loop_.now(), monotonic_now() + kNsPerSecond);
  }
  EXPECT_TRUE(got == all);
  EXPECT_EQ(told_.events, "drained ");
  EXPECT_EQ(stream_->bytes_sent(), all.size());
  EXPECT_EQ(loop_.blocks().lent(), 0u);
}

TEST_F(Tcp, BytesOfThePeerArriveWholeAndInOrder) {
  open();
  const std::string all = pattern(3'000'000);
  peer_sends(all);
  turns_until([&] { return told_.bytes.size() == all.size(); });
  EXPECT_TRUE(told_.bytes == all);
  EXPECT_EQ(stream_->bytes_received(), all.size());
}

TEST_F(Tcp, APausedStreamTellsNothingUntilItIsResumed) {
  open();
  stream_->pause();
  peer_sends("hello");
  for (int i = 0; i < 5; ++i) loop_.turn(5);
  EXPECT_EQ(told_.bytes, "");
  stream_->resume();
  EXPECT_EQ(told_.bytes, "") << "not from inside resume()";
  turns_until([&] { return told_.bytes == "hello"; });
}

TEST_F(Tcp, PausingInsideTheHandlerHoldsTheRestBackInTheKernel) {
  open();
  told_.on_more = [&] { stream_->pause(); };
  const std::string all = pattern(400'000);
  std::string_view left = all;
  const MonotonicNs deadline = monotonic_now() + 10 * kNsPerSecond;
  while (told_.bytes.size() < all.size() && monotonic_now() < deadline) {
    const ssize_t sent = send(peer_, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent > 0) left.remove_prefix(sent);
    const int before = told_.pieces;
    loop_.turn(5);
    loop_.turn(0);
    ASSERT_LE(told_.pieces, before + 1);
    stream_->resume();
  }
  EXPECT_TRUE(told_.bytes == all);
}

TEST_F(Tcp, AHalfClosedPeerStillGetsItsAnswer) {
  open();
  peer_sends("question");
  shutdown(peer_, SHUT_WR);
  turns_until([&] { return told_.events == "end "; });
  EXPECT_EQ(told_.bytes, "question");
  stream_->write("answer");
  loop_.turn(0);
  EXPECT_EQ(peer_reads(), "answer");
  for (int i = 0; i < 5; ++i) loop_.turn(1);
  EXPECT_EQ(told_.events, "end ") << "the end is told once";
}

TEST_F(Tcp, TheEndOfAPausedStreamIsToldAfterItsBytes) {
  open();
  stream_->pause();
  peer_sends(pattern(200'000));
  shutdown(peer_, SHUT_WR);
  for (int i = 0; i < 5; ++i) loop_.turn(2);
  EXPECT_EQ(told_.events, "");
  stream_->resume();
  turns_until([&] { return told_.events == "end "; });
  EXPECT_EQ(told_.bytes.size(), 200'000u);
}

TEST_F(Tcp, FinishSendsEverythingBeforeThePeerSeesTheEnd) {
  open();
  const std::string all = pattern(2'000'000);
  stream_->write(all);
  stream_->finish();
  std::string got;
  while (!peer_saw_end_ && got.size() <= all.size()) {
    got += peer_reads(100'000);
    loop_.turn(1);
  }
  EXPECT_TRUE(got == all);
  EXPECT_EQ(told_.events, "finished ");
  peer_sends("still heard");
  turns_until([&] { return told_.bytes == "still heard"; });
}

TEST_F(Tcp, ARefusedConnectionSaysSo) {
  const AddressPtr nobody = listen_here();
  close(std::exchange(listener_, -1));
  stream_ = TcpStream::connect(loop_, nobody, 5000);
  stream_->set_handler(told_);
  EXPECT_EQ(told_.events, "");
  turns_until([&] { return told_.events == "failure "; });
  EXPECT_EQ(told_.kind, StreamFailure::Kind::kConnect);
  EXPECT_EQ(told_.reason, "Connection refused");
  EXPECT_TRUE(stream_->closed());
}

TEST_F(Tcp, AConnectionThatTheKernelRefusesAtOnceFailsInALaterTurn) {
  stream_ = TcpStream::connect(loop_, std::make_shared<const Address>(*Address::from_path("/nowhere/at/all.sock")), 5000);
  stream_->set_handler(told_);
  EXPECT_EQ(told_.events, "");
  loop_.turn(0);
  EXPECT_EQ(told_.events, "failure ");
  EXPECT_EQ(told_.kind, StreamFailure::Kind::kConnect);
  EXPECT_EQ(told_.reason, "No such file or directory");
}

TEST_F(Tcp, AConnectionThatNobodyAnswersEndsAtItsTimeout) {
  // A listener whose queue is full leaves further connections unanswered.
  const AddressPtr here = listen_here();
  ASSERT_EQ(listen(listener_, 0), 0);
  std::vector<int> fillers;
  for (int i = 0; i < 3; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)connect(fd, here->get(), here->size());
    fillers.push_back(fd);
  }
  usleep(10'000);
  loop_.turn(0);
  const MonotonicNs start = monotonic_now();
  stream_ = TcpStream::connect(loop_, here, 60);
  stream_->set_handler(told_);
  turns_until([&] { return told_.events != ""; });
  EXPECT_EQ(told_.events, "failure ");
  EXPECT_EQ(told_.kind, StreamFailure::Kind::kConnectTimeout);
  EXPECT_GE(monotonic_now() - start, 60 * kNsPerMs);
  EXPECT_TRUE(stream_->closed());
  for (const int fd : fillers) close(fd);
}

TEST_F(Tcp, AResetIsAFailureAndTheLastThingTold) {
  open();
  peer_resets();
  turns_until([&] { return told_.events != ""; });
  EXPECT_EQ(told_.events, "failure ");
  EXPECT_EQ(told_.kind, StreamFailure::Kind::kReset);
  EXPECT_EQ(told_.reason, "Connection reset by peer");
  stream_->write("into the void");
  stream_->finish();
  for (int i = 0; i < 3; ++i) loop_.turn(1);
  EXPECT_EQ(told_.events, "failure ");
}

TEST_F(Tcp, AnAnswerSentBeforeTheReaderHungUpIsStillHeard) {
  open();
  // The peer answers early and closes without reading: our further writes fail, its answer must not be lost with them.
  peer_sends("early answer");
  shutdown(peer_, SHUT_RDWR);
  stream_->write("a");
  for (int i = 0; i < 10 && told_.events.empty(); ++i) {
    stream_->write("more");
    loop_.turn(2);
  }
  EXPECT_EQ(told_.bytes, "early answer");
  EXPECT_NE(told_.events, "");
}

TEST_F(Tcp, AStreamMayBeDestroyedWhileItsHandlerHearsOfTheFailure) {
  open();
  told_.on_failed = [&] { loop_.dispose(std::move(stream_)); };
  peer_resets();
  turns_until([&] { return told_.events != ""; });
  EXPECT_EQ(stream_, nullptr);
}

TEST_F(Tcp, AClosedStreamTellsNothingMoreAndGivesItsMemoryBack) {
  open();
  stream_->write(pattern(5'000'000));
  EXPECT_GT(loop_.blocks().lent(), 0u);
  peer_sends("late");
  const std::string before = told_.bytes;
  stream_->close();
  EXPECT_EQ(loop_.blocks().lent(), 0u);
  for (int i = 0; i < 3; ++i) loop_.turn(1);
  EXPECT_EQ(told_.bytes, before);
  EXPECT_EQ(told_.events, "");
}

TEST_F(Tcp, AnAbortIsAResetForThePeer) {
  open();
  stream_->abort();
  pollfd news{.fd = peer_, .events = POLLIN, .revents = 0};
  poll(&news, 1, 5000);
  peer_reads();
  EXPECT_FALSE(peer_saw_end_);
  EXPECT_EQ(peer_error_, ECONNRESET);
}

TEST_F(Tcp, AStreamMayCloseItselfWhileItHearsBytes) {
  open();
  told_.on_more = [&] { stream_->close(); };
  peer_sends(pattern(10));
  turns_until([&] { return stream_->closed(); });
  EXPECT_EQ(told_.pieces, 1);
}

TEST_F(Tcp, AnAcceptedSocketSaysNothingBeforeItIsStarted) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
  peer_ = pair[1];
  stream_ = std::make_unique<TcpStream>(loop_, pair[0], nullptr, nullptr);
  stream_->set_handler(told_);
  ASSERT_EQ(send(peer_, "hello", 5, 0), 5);
  loop_.turn(5);
  EXPECT_EQ(told_.bytes, "");
  stream_->start();
  turns_until([&] { return told_.bytes == "hello"; });
}

}  // namespace
}  // namespace weir::net
