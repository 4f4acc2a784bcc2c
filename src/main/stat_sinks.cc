#include "main/stat_sinks.h"

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "net/tcp_stream.h"

namespace weir::main {

namespace {

constexpr size_t kBatch = 16 * 1024;              // of a TCP stream
constexpr size_t kMostUnsent = 16 * 1024 * 1024;  // a server that takes no more loses the rest
constexpr int64_t kConnectTimeoutMs = 5000;

class UdpSink final : public StatSink {
 public:
  UdpSink(const StatSinkSpec& spec, stats::Registry& registry, const stats::TagExtractor& tags)
      : writer_(registry, tags, spec.format),
        address_(spec.address),
        fd_(::socket(address_->family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}
  ~UdpSink() override {
    if (fd_ >= 0) ::close(fd_);
  }
  void flush() override {
    writer_.flush([this](std::string_view text) {
      ::sendto(fd_, text.data(), text.size(), MSG_NOSIGNAL, address_->get(), address_->size());
    });
  }

 private:
  stats::StatsdWriter writer_;
  const net::AddressPtr address_;
  const int fd_;
};

class TcpSink final : public StatSink, private net::ByteStream::Handler {
 public:
  TcpSink(StatSinkSpec spec, loop::EventLoop& loop, stats::Registry& registry, const stats::TagExtractor& tags,
          std::function<net::AddressPtr(const std::string&)> find_endpoint)
      : loop_(loop),
        writer_(registry, tags, spec.format),
        cluster_(std::move(spec.cluster)),
        find_endpoint_(std::move(find_endpoint)) {}

  void flush() override {
    if (stream_ == nullptr) {
      const net::AddressPtr address = find_endpoint_(cluster_);
      if (address == nullptr) return;
      stream_ = net::TcpStream::connect(loop_, address, kConnectTimeoutMs);
      stream_->set_handler(*this);
    }
    writer_.flush([this](std::string_view text) {
      if (stream_->unsent() + text.size() <= kMostUnsent) stream_->write(text);
    });
  }

 private:
  void on_bytes(std::string_view) override {}
  void on_end() override { forget(); }
  void on_failure(const net::StreamFailure&) override { forget(); }
  /// The next flush connects anew.
  void forget() {
    stream_->close();
    loop_.dispose(std::move(stream_));
  }

  loop::EventLoop& loop_;
  stats::StatsdWriter writer_;
  const std::string cluster_;
  const std::function<net::AddressPtr(const std::string&)> find_endpoint_;
  std::unique_ptr<net::TcpStream> stream_;
};

}  // namespace

std::unique_ptr<StatSink> make_stat_sink(StatSinkSpec spec, loop::EventLoop& loop, stats::Registry& registry,
                                         const stats::TagExtractor& tags,
                                         std::function<net::AddressPtr(const std::string& cluster)> find_endpoint) {
  if (spec.address != nullptr) return std::make_unique<UdpSink>(spec, registry, tags);
  spec.format.batch_bytes = kBatch;
  spec.format.ends_with_line = true;
  return std::make_unique<TcpSink>(std::move(spec), loop, registry, tags, std::move(find_endpoint));
}

}  // namespace weir::main
