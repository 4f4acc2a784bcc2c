#include "main/echo.h"

#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstring>
#include <iostream>

#include "base/json_text.h"
#include "base/list.h"
#include "http/codec.h"
#include "main/signals.h"
#include "net/tcp_stream.h"

namespace weir::main {

namespace {

using http::HeaderId;

constexpr size_t kMaxEchoedBody = 64 * 1024;
constexpr std::string_view kHttp2Start = "PRI";

class EchoConnection;

/// One request and its answer.
class EchoExchange final : public http::StreamEvents, public ListNode<EchoExchange> {
 public:
  EchoExchange(EchoConnection& connection, http::Stream& stream, const std::string& version)
      : connection_(connection), stream_(stream), version_(version) {}

  http::HeaderMap& incoming_headers() override { return request_; }
  http::HeaderMap& incoming_trailers() override { return trailers_; }
  void on_headers(bool end_stream) override {
    if (end_stream) answer();
  }
  void on_body(std::string_view bytes, bool end_stream) override {
    body_size_ += bytes.size();
    if (body_.size() < kMaxEchoedBody) body_.append(bytes.substr(0, kMaxEchoedBody - body_.size()));
    if (end_stream) answer();
  }
  void on_trailers() override { answer(); }
  void on_reset(http::Reset, std::string_view) override { end(); }
  void on_malformed(const http::ProtocolError& error) override {
    response_.set_status(error.status == 0 ? 400 : error.status);
    stream_.send_headers(response_, true);
  }
  void on_complete() override { end(); }

 private:
  void answer() {
    std::string text = "{\"version\":";
    append_json_string(text, version_);
    auto member = [&text](std::string_view key, std::string_view value) {
      text += ",\n ";
      append_json_string(text, key);
      text += ":";
      append_json_string(text, value);
    };
    member("method", request_.method());
    member("path", request_.path());
    member("host", request_.authority());
    text += ",\n \"headers\":{";
    bool first = true;
    for (const http::Header& line : request_) {
      text += first ? "\n  " : ",\n  ";
      first = false;
      append_json_string(text, line.name);
      text += ":";
      append_json_string(text, line.value);
    }
    text += "}";
    if (body_size_ != 0) member("body", body_);
    text += "}\n";
    body_ = std::move(text);

    response_.set_status(200);
    response_.add(HeaderId::kContentType, "application/json");
    response_.add("x-echo-version", version_);
    response_.add(HeaderId::kContentLength, memory_.copy(std::to_string(body_.size())));
    const bool head = request_.method() == "HEAD";
    stream_.send_headers(response_, head);
    if (!head) stream_.send_body(body_, true);
  }
  void end();

  EchoConnection& connection_;
  http::Stream& stream_;
  const std::string& version_;
  Arena memory_;
  http::HeaderMap request_{memory_}, trailers_{memory_}, response_{memory_};
  std::string body_;
  size_t body_size_ = 0;
};

class EchoConnection final : public ListNode<EchoConnection>,
                             public loop::Disposable,
                             private net::ByteStream::Handler,
                             private http::ServerEvents {
 public:
  EchoConnection(loop::EventLoop& loop, int fd, const std::string& version)
      : loop_(loop), version_(version), stream_(loop, fd, nullptr, nullptr) {
    stream_.set_handler(*this);
    stream_.start();
  }
  ~EchoConnection() override {
    exchanges_.for_each([](EchoExchange& exchange) { delete &exchange; });
  }
  void remove(EchoExchange& exchange) { delete &exchange; }

 private:
  void on_bytes(std::string_view bytes) override {
    if (codec_ == nullptr) {
      const bool http2 = bytes.starts_with(kHttp2Start);
      codec_ = http2 ? http::make_http2_server(stream_, loop_, *this, http2_options_, limits_, http2_stats_)
                     : http::make_http1_server(stream_, loop_, *this, http1_options_, limits_, http1_stats_);
    }
    codec_->receive(bytes);
  }
  void on_end() override {
    if (codec_ != nullptr) codec_->receive_end();
    gone();
  }
  void on_failure(const net::StreamFailure&) override {
    if (codec_ != nullptr) codec_->connection_lost();
    gone();
  }
  void on_drained() override { codec_->on_drained(); }
  void before_flush() override {
    if (codec_ == nullptr) return;
    codec_->before_flush();
    if (codec_->wants_close()) stream_.finish();
  }
  void on_finished() override { gone(); }
  http::StreamEvents& on_new_stream(http::Stream& stream) override {
    auto* exchange = new EchoExchange(*this, stream, version_);
    exchanges_.push_back(*exchange);
    return *exchange;
  }
  void on_protocol_error(const http::ProtocolError&) override { stream_.finish(); }
  void gone() {
    if (gone_) return;
    gone_ = true;
    stream_.close();
    ListNode<EchoConnection>::unlink();
    loop_.dispose(std::unique_ptr<loop::Disposable>(this));
  }

  loop::EventLoop& loop_;
  const std::string& version_;
  net::TcpStream stream_;
  const http::Http1Options http1_options_{};
  const http::Http2Options http2_options_{};
  const http::CodecLimits limits_{};
  http::Http1Stats http1_stats_;
  http::Http2Stats http2_stats_;
  List<EchoExchange> exchanges_;
  std::unique_ptr<http::ServerCodec> codec_;
  bool gone_ = false;
};

void EchoExchange::end() { connection_.remove(*this); }

class Listener final : public EchoServer, private loop::Source {
 public:
  Listener(loop::EventLoop& loop, int fd, std::string version) : loop_(loop), fd_(fd), version_(std::move(version)) {
    loop_.watch(fd_, *this, EPOLLIN);
  }
  ~Listener() override {
    loop_.unwatch(fd_, *this);
    ::close(fd_);
    connections_.for_each([](EchoConnection& connection) { delete &connection; });
  }
  uint16_t port() const override { return net::Address::local_of(fd_).port(); }

 private:
  void on_ready(uint32_t) override {
    for (int fd; (fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
      const int one = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      connections_.push_back(*new EchoConnection(loop_, fd, version_));  // owned by the list until it is gone
    }
  }

  loop::EventLoop& loop_;
  int fd_;
  const std::string version_;
  List<EchoConnection> connections_;
};

}  // namespace

Result<std::unique_ptr<EchoServer>> EchoServer::open(loop::EventLoop& loop, uint16_t port, std::string version) {
  const auto address = net::Address::from_ip("127.0.0.1", port);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, address->get(), address->size()) != 0 || listen(fd, SOMAXCONN) != 0) {
    const std::string reason = std::strerror(errno);
    ::close(fd);
    return failure("cannot listen on " + address->text() + ": " + reason + "; choose another port with --port");
  }
  return std::make_unique<Listener>(loop, fd, std::move(version));
}

int run_echo(int argc, char** argv) {
  CLI::App app("An HTTP server that answers with what it was asked", "weir echo");
  uint16_t port = 8080;
  std::string version = "v1";
  app.add_option("--port", port, "Where to listen on 127.0.0.1 (0: any free port)");
  app.add_option("--version-name", version, "What to call itself in answers");
  CLI11_PARSE(app, argc, argv);

  loop::EventLoop loop(1);
  const Signals signals(loop, {SIGINT, SIGTERM}, [&loop](int) { loop.stop(); });
  auto server = EchoServer::open(loop, port, version);
  if (!server) {
    std::cerr << server.error().message << "\n";
    return 1;
  }
  std::cout << "echo " << version << " listens on http://127.0.0.1:" << (*server)->port() << std::endl;
  loop.run();
  return 0;
}

}  // namespace weir::main
