#include "upstream/grpc_stream.h"

#include "base/arena.h"
#include "base/text.h"
#include "http/codec.h"
#include "http/grpc_frame.h"
#include "upstream/pool.h"
#include "upstream/transport.h"

namespace weir::upstream {

namespace {

using http::HeaderId;

constexpr size_t kMostMessage = 64 * 1024 * 1024;
constexpr size_t kPrefix = 5;  // not compressed, and the length
constexpr int kInternal = 13, kUnavailable = 14, kResourceExhausted = 8;

}  // namespace

/// Lives on until the end of the turn when its stream lets go of it.
class GrpcStream::Connection final : public loop::Disposable,
                                     private net::ByteStream::Handler,
                                     private http::ClientEvents,
                                     private http::StreamEvents {
 public:
  Connection(loop::EventLoop& loop, const ClusterState& cluster, EndpointPtr endpoint, const GrpcTarget& target,
             GrpcStreamEvents& events)
      : events_(&events), endpoint_(std::move(endpoint)), no_stats_(std::make_unique<ClusterStats>()) {
    const Transport& transport = cluster.spec->transport_for(endpoint_->transport_match);
    describe(target, cluster.spec->name, transport.tls != nullptr);
    const PoolContext context{loop, cluster, *no_stats_, cluster.workers(), connection_id_};
    bytes_ = connect_to(context, *endpoint_, transport, {}, "\x02h2");
    bytes_->set_handler(*this);
    codec_ = http::make_http2_client(*bytes_, loop, *this, options_, limits_, codec_stats_);
  }
  ~Connection() override { let_go(); }

  void send(std::string_view message) {
    const std::string frame = http::grpc_frame(message);
    if (stream_ != nullptr) {
      stream_->send_body(frame, false);
    } else {
      waiting_ += frame;  // on_connected() sends it
    }
  }

  void let_go() {
    events_ = nullptr;
    if (std::exchange(closed_, true)) return;
    bytes_->abort();
  }

 private:
  void describe(const GrpcTarget& target, const std::string& cluster, bool tls) {
    request_.set_pseudo(HeaderId::kMethod, "POST");
    request_.set_pseudo(HeaderId::kScheme, tls ? "https" : "http");
    request_.set_pseudo(HeaderId::kPath, memory_.copy(target.path));
    request_.set_pseudo(HeaderId::kAuthority, memory_.copy(target.authority.empty() ? cluster : target.authority));
    request_.add("te", "trailers");
    request_.add(HeaderId::kContentType, "application/grpc");
    for (const auto& [name, value] : target.metadata) request_.add(memory_.copy(name), memory_.copy(value));
    request_.add(HeaderId::kEnvoyInternal, "true");
  }

  // --- the connection ---
  void on_connected() override {
    stream_ = &codec_->open(*this);
    stream_->send_headers(request_, false);
    if (!waiting_.empty()) stream_->send_body(std::exchange(waiting_, {}), false);
  }
  void on_bytes(std::string_view bytes) override { codec_->receive(bytes); }
  void on_end() override {
    codec_->receive_end();
    end(kUnavailable, "the connection was closed");
  }
  void on_failure(const net::StreamFailure& failure) override {
    closed_ = true;
    end(kUnavailable, failure.reason.empty() ? std::string_view("the connection failed") : std::string_view(failure.reason));
  }
  void on_drained() override { codec_->on_drained(); }
  void before_flush() override { codec_->before_flush(); }

  void on_stream_closed() override {}
  void on_goaway() override {}  // the stream may go on
  void on_protocol_error(const http::ProtocolError& error) override { end(kInternal, error.message); }

  // --- the answer ---
  http::HeaderMap& incoming_headers() override { return response_; }
  http::HeaderMap& incoming_trailers() override { return trailers_; }
  void on_headers(bool end_stream) override {
    if (response_.status() != 200) return end(kUnavailable, "the answer is not 200");
    if (end_stream) on_status(response_);
  }
  void on_body(std::string_view bytes, bool end_stream) override {
    received_ += bytes;
    size_t at = 0;
    while (events_ != nullptr && received_.size() - at >= kPrefix) {
      size_t size = 0;
      for (size_t i = 1; i < kPrefix; ++i) size = size << 8 | static_cast<unsigned char>(received_[at + i]);
      if (received_[at] != 0) return end(kInternal, "a message is compressed, which was not offered");
      if (size > kMostMessage) return end(kResourceExhausted, "a message is larger than 64 MiB");
      if (received_.size() - at - kPrefix < size) break;
      const std::string_view message = std::string_view(received_).substr(at + kPrefix, size);
      at += kPrefix + size;
      events_->on_message(message);
    }
    received_.erase(0, at);
    if (end_stream) end(kUnavailable, "the answer ended without a status");
  }
  void on_trailers() override { on_status(trailers_); }
  void on_reset(http::Reset, std::string_view details) override {
    stream_ = nullptr;
    end(kUnavailable, details.empty() ? std::string_view("the stream was reset") : details);
  }

  void on_status(const http::HeaderMap& with_status) {
    const std::string_view text = with_status.get(HeaderId::kGrpcMessage);
    end(parse_number<int>(with_status.get(HeaderId::kGrpcStatus)).value_or(kUnavailable),
        text.empty() ? std::string_view("the server ended the stream") : text);
  }
  void end(int status, std::string_view why) {
    if (events_ != nullptr) std::exchange(events_, nullptr)->on_closed(status, why);
  }

  GrpcStreamEvents* events_;
  const EndpointPtr endpoint_;
  std::unique_ptr<ClusterStats> no_stats_;  // of workers only
  uint64_t connection_id_ = 0;
  const http::Http2Options options_;  // the codec only refers to what it is given
  const http::CodecLimits limits_;
  http::Http2Stats codec_stats_;
  Arena memory_;
  http::HeaderMap request_{memory_}, response_{memory_}, trailers_{memory_};
  std::unique_ptr<net::ByteStream> bytes_;
  std::unique_ptr<http::ClientCodec> codec_;
  http::Stream* stream_ = nullptr;
  std::string waiting_;   // to be sent
  std::string received_;  // less than a message
  bool closed_ = false;
};

GrpcStream::GrpcStream(loop::EventLoop& loop, const ClusterState& cluster, EndpointPtr endpoint, const GrpcTarget& target,
                       GrpcStreamEvents& events)
    : loop_(loop), connection_(std::make_unique<Connection>(loop, cluster, std::move(endpoint), target, events)) {}

GrpcStream::~GrpcStream() {
  connection_->let_go();
  loop_.dispose(std::move(connection_));
}

void GrpcStream::send(std::string_view message) { connection_->send(message); }

}  // namespace weir::upstream
