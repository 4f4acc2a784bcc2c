#include "proxy/try_log.h"

namespace weir::proxy {

namespace {

void copy_lines(const http::HeaderMap& from, http::HeaderMap& to) {
  Arena& arena = to.arena();
  for (const http::Header& line : from) to.add({arena.copy(line.name), arena.copy(line.value), line.id});
}

}  // namespace

TryLog::TryLog(const TryLogContext& context, const format::StreamInfo& shared, const upstream::ClusterSpec& cluster,
               const uint64_t& sent, const uint64_t& received, const http::StreamTraffic& traffic, loop::EventLoop& loop)
    : context_(context),
      shared_(shared),
      sent_(sent),
      received_(received),
      traffic_(traffic),
      loop_(loop),
      head_(context.arena),
      trailers_(context.arena) {
  own_.start = loop.now();
  own_.start_wall = loop.wall();
  own_.route_name = shared.route_name;
  own_.route_metadata = shared.route_metadata;
  own_.virtual_host_name = shared.virtual_host_name;
  own_.virtual_host_metadata = shared.virtual_host_metadata;
  own_.health_check = shared.health_check;
  own_.upstream_cluster = cluster.stat_name;
  own_.upstream_cluster_raw = cluster.name;
  own_.cluster_metadata = cluster.metadata;
  note_endpoint();
  if (context.spec.interval_ms > 0) {
    timer_ = loop::Timer::make<&TryLog::on_time>(loop.timers(), *this);
    timer_->arm(context.spec.interval_ms);
  }
}

void TryLog::note_endpoint() {
  own_.upstream_remote_address = shared_.upstream_remote_address;
  own_.upstream_host_name = shared_.upstream_host_name;
  own_.host_metadata = shared_.host_metadata;
  own_.upstream_pool_wait_ns = shared_.upstream_pool_wait_ns;
}

void TryLog::on_connected() {
  note_endpoint();
  own_.protocol = own_.upstream_protocol = shared_.upstream_protocol;
  own_.upstream_local_address = shared_.upstream_local_address;
  own_.upstream_connection_id = shared_.upstream_connection_id;
  own_.upstream_tls = shared_.upstream_tls;
  own_.upstream_connect_start = shared_.upstream_connect_start;
  own_.upstream_connect_complete = shared_.upstream_connect_complete;
  own_.upstream_handshake_complete = shared_.upstream_handshake_complete;
  if (context_.spec.on_connection) write(format::LogType::kUpstreamPoolReady);
  own_.upstream_request_start = shared_.upstream_request_start;
}

void TryLog::on_head(const http::HeaderMap& head) {
  own_.response_code = head.status();
  own_.upstream_response_start = loop_.now();
  head_.set_status(head.status());
  copy_lines(head, head_);
}

void TryLog::on_trailers(const http::HeaderMap& trailers) { copy_lines(trailers, trailers_); }

void TryLog::on_failure(format::ResponseFlag flag, std::string_view transport_reason) {
  note_endpoint();
  note(flag);
  own_.upstream_transport_failure_reason = context_.arena.copy(transport_reason);
}

void TryLog::on_time() {
  write(format::LogType::kUpstreamPeriodic);
  timer_->arm(context_.spec.interval_ms);
}

void TryLog::write(format::LogType type) {
  const auto of_this_try = [this](MonotonicNs time) { return time >= own_.start ? time : 0; };
  if (own_.upstream_request_start != 0) own_.upstream_request_complete = of_this_try(shared_.upstream_request_complete);
  own_.upstream_response_complete = of_this_try(shared_.upstream_response_complete);
  own_.end = loop_.now();
  own_.bytes_sent = sent_;
  own_.bytes_received = received_;
  own_.upstream_traffic = traffic_;
  if (context_.downstream != nullptr) own_.traffic = *context_.downstream;
  const format::FormatContext context{&context_.request, &head_, &trailers_, own_, type};
  for (const auto& log : context_.spec.logs) log->log(context, context_.worker);
}

}  // namespace weir::proxy
