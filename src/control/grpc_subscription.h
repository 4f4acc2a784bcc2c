// GrpcSubscription: resources from a management server, over a stream of gRPC (xDS, the state of the world or its changes).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/subscription.h"
#include "loop/timer.h"
#include "upstream/grpc_stream.h"

namespace weir::control {

/// An `api_config_source` of type GRPC or DELTA_GRPC.
struct GrpcSource {
  std::string cluster;
  std::string authority;
  std::vector<std::pair<std::string, std::string>> metadata;
  int64_t first_retry_ms = 500, longest_retry_ms = 30'000;
  bool node_once = false;  // set_node_on_first_message_only
  bool delta = false;      // only changes are told
};

/// Nothing after reporting an error, for example a cluster that the bootstrap does not have.
std::optional<GrpcSource> read_grpc_source(const Context& context, const envoy::config::core::v3::ApiConfigSource& source,
                                           const config::FieldPath& at, config::Diagnostics& diagnostics);

/// What is asked for.
struct DiscoveryQuestion {
  std::string method;        // "/package.Service/Method"
  std::string delta_method;  // the one that tells changes
  std::string type_url;
  std::vector<std::string> names;
};

/// What is counted about the stream, beside the updates (control_plane.*).
struct ControlPlaneStats {
  stats::Gauge connected_state, pending_requests;
  stats::Counter rate_limit_enforced;
  std::string identifier;  // as the server calls itself
};
void visit(stats::StatVisitor& visitor, ControlPlaneStats& stats);

/// A stream that ends is begun again, after a while that grows with each failure. Answers are acknowledged, or refused with the
/// reasons; then the last good one stays. Main thread. https://www.envoyproxy.io/docs/envoy/v1.36.4/api-docs/xds_protocol
class GrpcSubscription final : public Subscription, private upstream::GrpcStreamEvents {
 public:
  /// `on_first`: the first answer came, good or bad, or did not come within `first_answer_ms` (0: as long as it takes).
  GrpcSubscription(const Context& context, GrpcSource source, DiscoveryQuestion question, int64_t first_answer_ms,
                   SubscriptionStats& stats, ControlPlaneStats& plane, OnUpdate on_update, std::function<void()> on_first);

  void start() override;

 private:
  void connect();
  void ask(std::string_view nonce, const config::Diagnostics* refused);
  void ask_for_changes(std::string_view nonce, const config::Diagnostics* refused);
  template <class Request>
  void send(Request& request, std::string_view nonce, const config::Diagnostics* refused);
  bool read(std::string_view message, envoy::service::discovery::v3::DiscoveryResponse& response) const;
  void remember(const envoy::service::discovery::v3::DiscoveryResponse& response);
  void on_message(std::string_view message) override;
  void on_closed(int status, std::string_view why) override;
  void on_no_answer();
  void keep_only_asked_for(envoy::service::discovery::v3::DiscoveryResponse& response) const;
  void retry_later();
  void first_is_over();

  const GrpcSource source_;
  const DiscoveryQuestion question_;
  const int64_t first_answer_ms_;
  ControlPlaneStats& plane_;
  std::function<void()> on_first_;  // empty once it was called
  std::unique_ptr<upstream::GrpcStream> stream_;
  loop::Timer retry_timer_, first_timer_;
  std::string version_;                          // of the last answer that was acknowledged
  std::map<std::string, std::string> versions_;  // of resources, if only changes are told
  uint32_t failures_ = 0;                        // in a row
  size_t endpoint_ = 0;                          // whose turn it is
  bool introduced_ = false;                      // the stream knows who asks
};

}  // namespace weir::control
