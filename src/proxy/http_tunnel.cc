#include "proxy/http_tunnel.h"

#include <string>
#include <utility>

#include "base/json_text.h"
#include "proxy/connection_wishes.h"
#include "proxy/uuid.h"
#include "route/mutations.h"

namespace weir::proxy {

using http::HeaderId;
using Kind = net::StreamFailure::Kind;

namespace {

constexpr std::string_view kFilterName = "envoy.filters.network.tcp_proxy";

/// As the filter state shows it in logs.
std::string_view headers_as_json(Arena& arena, const http::HeaderMap& headers) {
  std::string text = "{\"headers\":[";
  bool first = true;
  const auto item = [&](std::string_view name, std::string_view value) {
    if (!std::exchange(first, false)) text += ',';
    text += "{\"key\":";
    append_json_string(text, name);
    if (!value.empty()) {
      text += ",\"value\":";
      append_json_string(text, value);
    }
    text += '}';
  };
  if (headers.status() != 0) item(":status", headers.status_text());
  for (const http::Header& line : headers) item(line.name, line.value);
  return arena.copy(text + "]}");
}

}  // namespace

HttpTunnel::HttpTunnel(upstream::Cluster& cluster, upstream::Host& host, const TunnelSpec& spec, format::StreamInfo& info,
                       Arena& arena, Random& random)
    : ByteStream(cluster.context().loop),
      cluster_(cluster),
      host_(host),
      spec_(spec),
      info_(info),
      random_(random),
      request_(arena),
      response_(arena),
      trailers_(arena),
      remote_address_(host.endpoint->address),
      connect_start_(loop_.now()) {
  set_buffer_limit(0);  // what waits here is beyond what the stream of HTTP holds already
}

HttpTunnel::~HttpTunnel() { close(); }

bool HttpTunnel::open() {
  const auto wishes = connection_wishes(cluster_.spec(), *host_.endpoint, nullptr, info_.connection);
  pool_ = cluster_.pool(host_, http::Protocol::kHttp11, upstream::Priority::kDefault, wishes);
  bool overflow = pool_ == nullptr;
  upstream::ClientConnection* ready = overflow ? nullptr : pool_->acquire(*this, overflow);
  if (overflow) {
    closed_ = true;
    return false;
  }
  if (ready != nullptr) on_pool_ready(*ready);
  return true;
}

void HttpTunnel::on_pool_ready(upstream::ClientConnection& connection) {
  connection_ = &connection;
  connection_id_ = connection.id();
  local_address_ = connection.local_address();
  tls_ = connection.tls();
  http2_ = connection.protocol() == http::Protocol::kHttp2;
  sent_before_ = connection.bytes_sent();
  received_before_ = connection.bytes_received();
  active_.begin(cluster_, host_.endpoint, host_.stats, upstream::Priority::kDefault);
  stream_ = &connection.open_stream(*this);
  stream_->carry_tunnel();
  make_head();
  stream_->send_headers(request_, false);
}

void HttpTunnel::make_head() {
  Arena& arena = request_.arena();
  const format::FormatContext context{nullptr, nullptr, nullptr, info_};
  request_.set_pseudo(HeaderId::kMethod, spec_.use_post ? "POST" : "CONNECT");
  request_.set_pseudo(HeaderId::kAuthority, spec_.hostname.evaluate(arena, context));
  if (spec_.use_post) {
    request_.set_pseudo(HeaderId::kPath, spec_.post_path);
    request_.set_pseudo(HeaderId::kScheme, tls_ != nullptr ? "https" : "http");
  }
  if (spec_.generates_request_id) {
    const std::string_view id = make_uuid(arena, random_);
    request_.set(spec_.request_id_header, id);
    auto* value = arena.make<format::MetadataValue>();
    value->kind = format::MetadataValue::Kind::kText;
    value->text = id;
    auto* key = arena.make<std::string_view>(spec_.request_id_metadata_key);
    format::MetadataValue note;
    note.kind = format::MetadataValue::Kind::kStruct;
    note.items = {value, 1};
    note.keys = {key, 1};
    info_.metadata.add(arena, kFilterName, note);
  }
  route::apply(spec_.headers, request_, context);
}

void HttpTunnel::on_pool_failure(const upstream::PoolFailure& failure) {
  if (failure.reason == http::Reset::kConnectTimeout) return fail(Kind::kConnectTimeout, "");
  fail(Kind::kTransport, failure.transport_reason);
}

// --- the answer ---

/// RFC 9110 §9.3.6: any 2xx opens a tunnel. With HTTP/2 Envoy asks for a 200.
void HttpTunnel::on_headers(bool end_stream) {
  if (spec_.propagate_response_headers) {
    info_.filter_state.set(request_.arena(), "envoy.tcp_proxy.propagate_response_headers",
                           {.text = headers_as_json(request_.arena(), response_)});
  }
  const int status = response_.status();
  const bool good = http2_ ? status == 200 : status >= 200 && status < 300;
  if (!good || end_stream) {
    if (end_stream && finishing_ && !http2_) stream_ = nullptr;
    return fail(Kind::kReset, "");
  }
  open_ = true;
  handler_->on_connected();
}

void HttpTunnel::on_body(std::string_view bytes, bool end_stream) {
  bytes_received_ += bytes.size();
  if (!bytes.empty()) handler_->on_bytes(bytes);
  if (end_stream && !closed_) remote_end();
}

void HttpTunnel::on_trailers() {
  if (spec_.propagate_response_trailers) {
    info_.filter_state.set(request_.arena(), "envoy.tcp_proxy.propagate_response_trailers",
                           {.text = headers_as_json(request_.arena(), trailers_)});
  }
  remote_end();
}

/// A stream of HTTP/1 whose both directions have ended is gone without another word; one whose response has ended carries nothing
/// any more.
void HttpTunnel::remote_end() {
  if (http2_) return handler_->on_end();
  if (finishing_) stream_ = nullptr;
  fail(Kind::kReset, "");
}

void HttpTunnel::on_reset(http::Reset reason, std::string_view) {
  upstream::ClusterStats& stats = cluster_.stats();
  stream_ = nullptr;
  if (reason == http::Reset::kRemote) stats.upstream_rq_rx_reset.add();
  if (reason == http::Reset::kConnectionTermination && http2_) stats.upstream_rq_pending_failure_eject.add();
  fail(Kind::kReset, "");
}

/// Both directions are through.
void HttpTunnel::on_complete() {
  stream_ = nullptr;
  let_go();
  handler_->on_finished();
}

void HttpTunnel::fail(Kind kind, std::string_view reason) {
  const net::StreamFailure failure{kind, std::string(reason)};
  close();
  handler_->on_failure(failure);
}

// --- net::ByteStream ---

void HttpTunnel::write(std::string_view bytes) {
  if (stream_ == nullptr || finishing_) return;
  bytes_sent_ += bytes.size();
  if (!out_.empty() || stream_->over_limit()) {
    out_.append(bytes);
  } else {
    stream_->send_body(bytes, false);
  }
}

void HttpTunnel::on_room() {
  while (!out_.empty() && !stream_->over_limit()) {
    const std::string_view part = out_.front();
    stream_->send_body(part, false);
    out_.drain(part.size());
  }
  if (!out_.empty()) return;
  if (finishing_) {
    stream_->send_body({}, true);
  } else if (std::exchange(above_limit_, false)) {
    handler_->on_drained();
  }
}

void HttpTunnel::pause() {
  if (stream_ != nullptr) stream_->pause();
}

void HttpTunnel::resume() {
  if (stream_ != nullptr) stream_->resume();
}

void HttpTunnel::finish() {
  if (std::exchange(finishing_, true) || stream_ == nullptr) return;
  if (out_.empty()) stream_->send_body({}, true);
}

void HttpTunnel::close() {
  if (std::exchange(closed_, true)) return;
  if (pool_ != nullptr && stream_ == nullptr) pool_->withdraw(*this);
  let_go();
}

/// Gives back what was held; a stream that is still there is reset.
void HttpTunnel::let_go() {
  if (connection_ != nullptr) {
    wire_sent_ = wire_bytes_sent();
    wire_received_ = wire_bytes_received();
    connection_ = nullptr;
  }
  active_.end();
  if (stream_ == nullptr) return;
  if (http2_) cluster_.stats().upstream_rq_tx_reset.add();
  std::exchange(stream_, nullptr)->reset(http::Reset::kLocal);
}

/// As Envoy counts: what HTTP/1 made of the bytes, and the bytes once more.
uint64_t HttpTunnel::wire_bytes_sent() const {
  if (connection_ == nullptr) return wire_sent_;
  return (http2_ ? bytes_sent_ : connection_->bytes_sent() - sent_before_) + bytes_sent_;
}

uint64_t HttpTunnel::wire_bytes_received() const {
  if (connection_ == nullptr) return wire_received_;
  return (http2_ ? bytes_received_ : connection_->bytes_received() - received_before_) + bytes_received_;
}

}  // namespace weir::proxy
