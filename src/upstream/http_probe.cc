// Active checks over HTTP, and over gRPC (grpc.health.v1.Health/Check), which is HTTP/2 with a little more.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/arena.h"
#include "base/text.h"
#include "http/codec.h"
#include "http/grpc_frame.h"
#include "upstream/connect_within.h"
#include "upstream/health_checker.h"
#include "upstream/pool.h"
#include "upstream/transport.h"

namespace weir::upstream {

namespace {

using http::HeaderId;

constexpr size_t kMostGrpcBytes = 64 * 1024;

bool in_ranges(const std::vector<HealthCheckSpec::Range>& ranges, int status) {
  return std::ranges::any_of(ranges, [&](const auto& range) { return status >= range.start && status < range.end; });
}

/// grpc.health.v1.HealthCheckRequest with its frame (gRPC over HTTP/2, Length-Prefixed-Message).
std::string grpc_question(const std::string& service) {
  std::string message;
  if (!service.empty()) {
    message += '\x0a';
    for (size_t size = service.size();; size >>= 7) {
      message += static_cast<char>(size < 128 ? size : (size & 127) | 128);
      if (size < 128) break;
    }
    message += service;
  }
  return http::grpc_frame(message);
}

/// Whether the framed grpc.health.v1.HealthCheckResponse says SERVING.
bool says_serving(std::string_view body) {
  if (body.size() < 5 || body[0] != 0) return false;
  std::string_view message = body.substr(5);
  int64_t status = 0;
  while (message.size() >= 2 && message[0] == '\x08') {  // field 1, a varint: the last one counts
    status = static_cast<unsigned char>(message[1]);
    if (status >= 128) return false;
    message.remove_prefix(2);
  }
  return status == 1;
}

class HttpProbe;

/// One connection, for one exchange after the other. Lives on until the end of the turn when its probe lets go of it.
class CheckConnection final : public loop::Disposable,
                              private net::ByteStream::Handler,
                              private http::ClientEvents,
                              private http::StreamEvents {
 public:
  CheckConnection(HttpProbe& probe, HealthCheckStats& stats, loop::EventLoop& loop, std::unique_ptr<net::ByteStream> stream,
                  bool http2);
  ~CheckConnection() override { let_go(); }

  void send(const http::HeaderMap& request, std::string_view body);
  bool connected() const { return connected_; }
  bool usable() const { return probe_ != nullptr && !ending_; }
  /// The probe hears nothing more.
  void let_go();

 private:
  void on_connected() override;
  void on_bytes(std::string_view bytes) override { codec_->receive(bytes); }
  void on_end() override;
  void on_failure(const net::StreamFailure& failure) override;
  void on_drained() override { codec_->on_drained(); }
  void before_flush() override { codec_->before_flush(); }

  void on_stream_closed() override {}
  void on_goaway() override { ending_ = true; }
  void on_protocol_error(const http::ProtocolError&) override;

  http::HeaderMap& incoming_headers() override;
  http::HeaderMap& incoming_trailers() override;
  void on_headers(bool end_stream) override;
  void on_body(std::string_view bytes, bool end_stream) override;
  void on_trailers() override;
  void on_reset(http::Reset reason, std::string_view details) override;
  void broken();

  HttpProbe* probe_;
  HealthCheckStats& stats_;
  std::unique_ptr<net::ByteStream> stream_;
  const http::Http1Options http1_options_;  // codecs only refer to what they are given
  const http::Http2Options http2_options_;
  const http::CodecLimits limits_;
  http::Http1Stats http1_stats_;
  http::Http2Stats http2_stats_;
  Arena spare_memory_;
  http::HeaderMap spare_{spare_memory_};  // for what comes after the probe has let go
  std::unique_ptr<http::ClientCodec> codec_;
  http::Stream* exchange_ = nullptr;
  bool connected_ = false;
  bool ending_ = false;
  bool closed_ = false;
};

class HttpProbe final : public HealthProbe {
 public:
  HttpProbe(const ProbeContext& context, const Endpoint& endpoint, Events& events)
      : context_(context),
        events_(events),
        target_(0, endpoint.check_address != nullptr ? endpoint.check_address : endpoint.address),
        no_stats_(std::make_unique<ClusterStats>()) {
    target_.hostname = endpoint.hostname;
    target_.check_hostname = endpoint.check_hostname;
    target_.transport_match = context.spec.transport_match.value_or(endpoint.transport_match);
  }
  ~HttpProbe() override { drop(); }

  void ask() override {
    asking_ = true;
    if (connection_ != nullptr && !connection_->usable()) drop();
    if (connection_ != nullptr) return send();
    const Transport& transport = context_.cluster.spec->transport_for(target_.transport_match);
    const PoolContext context{context_.loop, context_.cluster, *no_stats_, context_.cluster.workers(), connection_id_};
    const std::string_view usual = http2() ? "\x02h2" : "\x08http/1.1";
    connection_ = std::make_unique<CheckConnection>(
        *this, context_.stats, context_.loop,
        connect_within(2 * context_.spec.timeout_ms, context, target_, transport, {},
                       context_.spec.alpn.empty() ? usual : std::string_view(context_.spec.alpn)),
        http2());
  }
  void give_up() override {
    asking_ = false;
    drop();
  }

  // --- what the connection says ---
  void send() {
    memory_.reset();
    request_.clear();
    response_.clear();
    trailers_.clear();
    body_.clear();
    build_request();
    connection_->send(request_, grpc() ? std::string_view(question_) : std::string_view(context_.spec.payload));
  }
  http::HeaderMap& response() { return response_; }
  http::HeaderMap& trailers() { return trailers_; }
  void on_body(std::string_view bytes) {
    size_t most = kMostGrpcBytes;
    if (!grpc()) {
      if (context_.spec.receive.empty()) return;
      if (context_.spec.response_buffer_size != 0) most = context_.spec.response_buffer_size;
    }
    body_ += bytes.substr(0, most - std::min(most, body_.size()));
  }
  void on_done(bool ending) {
    const bool keep = context_.spec.reuse_connection && !ending;
    // Envoy closes the connection while its codec looks at what came, and counts that as the codec's failure.
    if (!keep && http2()) context_.stats.protocol_errors.add();
    if (!keep) drop();
    asking_ = false;
    judge();
  }
  /// The connection is of no use any more, or a request on it came to nothing.
  void on_broken() {
    drop();
    if (!std::exchange(asking_, false)) return;
    events_.on_failed(CheckFailure::kNetwork, false);
  }

 private:
  bool grpc() const { return context_.spec.kind == HealthCheckSpec::Kind::kGrpc; }
  bool http2() const { return grpc() || context_.spec.http2; }

  void drop() {
    if (connection_ == nullptr) return;
    connection_->let_go();
    context_.loop.dispose(std::move(connection_));
  }

  void build_request() {
    const HealthCheckSpec& spec = context_.spec;
    const std::string& wanted = grpc() ? spec.authority : spec.host;
    const std::string& host = !target_.check_hostname.empty() ? target_.check_hostname
                              : !wanted.empty()               ? wanted
                                                              : context_.cluster.spec->name;
    const bool tls = context_.cluster.spec->transport_for(target_.transport_match).tls != nullptr;
    request_.set_pseudo(HeaderId::kMethod, grpc() ? std::string_view("POST") : std::string_view(spec.method));
    request_.set_pseudo(HeaderId::kAuthority, host);
    request_.set_pseudo(HeaderId::kPath, grpc() ? std::string_view("/grpc.health.v1.Health/Check") : std::string_view(spec.path));
    request_.set_pseudo(HeaderId::kScheme, tls ? "https" : "http");
    if (grpc()) {
      request_.add("te", "trailers");
      request_.add("grpc-timeout", memory_.join(memory_.decimal(spec.timeout_ms), "m"));
      request_.add(HeaderId::kContentType, "application/grpc");
      if (question_.empty()) question_ = grpc_question(spec.service);
    }
    request_.add(HeaderId::kUserAgent, "Envoy/HC");
    for (const http::HeaderName& name : spec.removed_headers) request_.remove(name.text);
    format::StreamInfo info;
    format::ConnectionInfo connection;
    connection.remote_address = connection.local_address = target_.address;
    info.connection = &connection;
    info.upstream_remote_address = target_.address;
    const format::FormatContext context{&request_, nullptr, nullptr, info};
    for (const HealthCheckSpec::Header& header : spec.headers) {
      const std::string_view value = memory_.copy(header.value.evaluate(memory_, context));
      if (http::is_pseudo(header.name.id)) {
        request_.set_pseudo(header.name.id, value);
      } else if (header.replaces) {
        request_.set(header.name.text, value);
      } else {
        request_.add(header.name.text, value);
      }
    }
    if (!grpc() && !spec.payload.empty()) {
      request_.set(HeaderId::kContentLength, memory_.decimal(static_cast<int64_t>(spec.payload.size())));
    }
  }

  void judge() {
    if (grpc()) return judge_grpc();
    const HealthCheckSpec& spec = context_.spec;
    const int status = response_.status();
    const auto failed = [&](bool retriable) {
      if (response_.has(HeaderId::kEnvoyImmediateHealthCheckFail)) excluded_ = true;
      events_.on_failed(CheckFailure::kActive, retriable);
    };
    excluded_ = false;
    size_t at = 0;
    for (const std::string& piece : spec.receive) {
      const size_t found = body_.find(piece, at);
      if (found == std::string::npos) return failed(false);
      at = found + piece.size();
    }
    if (!in_ranges(spec.expected_statuses, status)) return failed(in_ranges(spec.retriable_statuses, status));
    if (spec.service_name && spec.verify_cluster.holds(context_.loop.random().next(), {100, 100})) {
      context_.stats.verify_cluster.add();
      if (!spec.service_name->matches(response_.get(HeaderId::kEnvoyUpstreamHealthCheckedCluster))) {
        return events_.on_failed(CheckFailure::kActive, false);
      }
    }
    events_.on_passed(response_.has(HeaderId::kEnvoyDegraded));
  }

  void judge_grpc() {
    const std::string_view status = trailers_.get(HeaderId::kGrpcStatus).empty() ? response_.get(HeaderId::kGrpcStatus)
                                                                                 : trailers_.get(HeaderId::kGrpcStatus);
    if (response_.status() == 200 && status == "0" && says_serving(body_)) {
      events_.on_passed(false);
    } else {
      events_.on_failed(CheckFailure::kActive, false);
    }
  }

 public:
  bool excluded() const override { return excluded_; }

 private:
  const ProbeContext context_;
  Events& events_;
  Endpoint target_;
  std::unique_ptr<ClusterStats> no_stats_;  // checks are no traffic
  uint64_t connection_id_ = 0;
  std::unique_ptr<CheckConnection> connection_;
  Arena memory_;
  http::HeaderMap request_{memory_}, response_{memory_}, trailers_{memory_};
  std::string body_;
  std::string question_;
  bool asking_ = false;
  bool excluded_ = false;
};

CheckConnection::CheckConnection(HttpProbe& probe, HealthCheckStats& stats, loop::EventLoop& loop,
                                 std::unique_ptr<net::ByteStream> stream, bool http2)
    : probe_(&probe), stats_(stats), stream_(std::move(stream)) {
  stream_->set_handler(*this);
  codec_ = http2 ? http::make_http2_client(*stream_, loop, *this, http2_options_, limits_, http2_stats_)
                 : http::make_http1_client(*stream_, loop, *this, http1_options_, limits_, http1_stats_);
}

void CheckConnection::on_connected() {
  connected_ = true;
  if (probe_ != nullptr) probe_->send();
}

void CheckConnection::send(const http::HeaderMap& request, std::string_view body) {
  if (!connected_) return;  // on_connected() comes back to it
  exchange_ = &codec_->open(*this);
  exchange_->send_headers(request, body.empty());
  if (!body.empty()) exchange_->send_body(body, true);
}

http::HeaderMap& CheckConnection::incoming_headers() { return probe_ != nullptr ? probe_->response() : spare_; }
http::HeaderMap& CheckConnection::incoming_trailers() { return probe_ != nullptr ? probe_->trailers() : spare_; }

void CheckConnection::on_headers(bool end_stream) {
  if (probe_ == nullptr) return;
  const std::string_view says = probe_->response().get(HeaderId::kConnection);
  if (list_has_token(says, "close")) ending_ = true;
  if (!end_stream) return;
  exchange_ = nullptr;
  probe_->on_done(ending_);
}

void CheckConnection::on_body(std::string_view bytes, bool end_stream) {
  if (probe_ == nullptr) return;
  probe_->on_body(bytes);
  if (!end_stream) return;
  exchange_ = nullptr;
  probe_->on_done(ending_);
}

void CheckConnection::on_trailers() {
  exchange_ = nullptr;
  if (probe_ != nullptr) probe_->on_done(ending_);
}

void CheckConnection::on_reset(http::Reset, std::string_view) {
  exchange_ = nullptr;
  broken();
}

void CheckConnection::on_protocol_error(const http::ProtocolError&) {
  stats_.protocol_errors.add();
  broken();
}

void CheckConnection::on_end() {
  codec_->receive_end();
  broken();
}

void CheckConnection::on_failure(const net::StreamFailure&) {
  closed_ = true;
  broken();
}

void CheckConnection::broken() {
  ending_ = true;
  if (probe_ != nullptr) std::exchange(probe_, nullptr)->on_broken();
}

void CheckConnection::let_go() {
  probe_ = nullptr;
  ending_ = true;
  if (std::exchange(closed_, true)) return;
  stream_->abort();
}

}  // namespace

std::unique_ptr<HealthProbe> make_http_probe(const ProbeContext& context, const Endpoint& endpoint, HealthProbe::Events& events) {
  return std::make_unique<HttpProbe>(context, endpoint, events);
}

}  // namespace weir::upstream
