// LateTry: a try that took too long and goes on beside the next one.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "proxy/pipeline.h"
#include "proxy/router.h"

namespace weir::proxy {

/// What it finds goes into headers of its own until it is the one that counts.
class Router::LateTry final : public AttemptEvents, public loop::Disposable {
 public:
  LateTry(Router& router, std::unique_ptr<Attempt> attempt)
      : attempt(std::move(attempt)),
        response(router.pipeline_.arena),
        trailers(router.pipeline_.arena),
        router_(router),
        remote_address_(router.pipeline_.info.upstream_remote_address),
        local_address_(router.pipeline_.info.upstream_local_address),
        host_name_(router.pipeline_.info.upstream_host_name),
        protocol_(router.pipeline_.info.upstream_protocol),
        tls_(router.pipeline_.info.upstream_tls),
        connection_id_(router.pipeline_.info.upstream_connection_id) {
    this->attempt->report_to(*this);
  }
  ~LateTry() {
    if (attempt != nullptr) attempt->abort();
  }

  /// Where it goes is what logs say.
  void tell(format::StreamInfo& info) const {
    info.upstream_remote_address = remote_address_;
    info.upstream_local_address = local_address_;
    info.upstream_host_name = host_name_;
    info.upstream_protocol = protocol_;
    info.upstream_tls = tls_;
    info.upstream_connection_id = connection_id_;
  }

  std::unique_ptr<Attempt> attempt;
  http::HeaderMap response, trailers;

 private:
  upstream::Host* choose_host(upstream::Cluster&) override { return nullptr; }  // it has one
  http::HeaderMap& response_headers() override { return response; }
  http::HeaderMap& response_trailers() override { return trailers; }
  bool request_ended() const override { return true; }
  void on_connected() override {}
  void on_informational() override { response.clear(); }
  void on_headers(bool end_stream) override { router_.on_late_headers(*this, end_stream); }
  void on_body(std::string_view, bool) override {}
  void on_trailers() override {}
  void on_room() override {}
  void on_failure(const UpstreamFailure& failure) override { router_.on_late_failure(*this, failure); }

  Router& router_;
  const net::AddressPtr remote_address_, local_address_;
  const std::string_view host_name_;
  const std::optional<http::Protocol> protocol_;
  const std::shared_ptr<const net::TlsInfo> tls_;
  const uint64_t connection_id_;
};

}  // namespace weir::proxy
