// HealthChecker: asks every endpoint of a cluster again and again whether it is well, and notes the answer on the endpoint.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "loop/event_loop.h"
#include "loop/timer.h"
#include "stats/registry.h"
#include "upstream/cluster_state.h"
#include "upstream/endpoint_changes.h"
#include "upstream/health_spec.h"

namespace weir::upstream {

/// Why a check failed, as event logs say it.
enum class CheckFailure : uint8_t { kActive, kPassive, kNetwork, kNetworkTimeout };

struct HealthCheckStats {
  stats::Counter attempt, success, failure, passive_failure, network_failure, verify_cluster;
  stats::Gauge healthy, degraded;
  stats::Counter protocol_errors;  // shown among the cluster's: upstream_cx_protocol_error
};

/// How one endpoint is asked. Main thread, like everything here.
class HealthProbe {
 public:
  class Events {
   public:
    virtual void on_passed(bool degraded) = 0;
    virtual void on_failed(CheckFailure failure, bool retriable) = 0;

   protected:
    ~Events() = default;
  };

  virtual ~HealthProbe() = default;
  /// Asks once; one of the events follows unless give_up() comes first.
  virtual void ask() = 0;
  /// It takes too long.
  virtual void give_up() = 0;
  /// Whether the failure that was told last said that the endpoint is not to be counted.
  virtual bool excluded() const { return false; }
};

/// What probes need of their surroundings.
struct ProbeContext {
  loop::EventLoop& loop;
  const ClusterState& cluster;
  const HealthCheckSpec& spec;
  HealthCheckStats& stats;
};

std::unique_ptr<HealthProbe> make_http_probe(const ProbeContext& context, const Endpoint& endpoint, HealthProbe::Events& events);
std::unique_ptr<HealthProbe> make_tcp_probe(const ProbeContext& context, const Endpoint& endpoint, HealthProbe::Events& events);

class HealthChecker {
 public:
  enum class Transition : uint8_t { kUnchanged, kChanged, kPending };

  struct Callbacks {
    /// What the balancers should know of an endpoint has changed.
    std::function<void()> on_change;
    /// The endpoint answered well while it was ejected as an outlier.
    std::function<void(const EndpointPtr&)> on_well;
    /// A line for the event log.
    std::function<void(std::string_view line)> log;
    /// Every endpoint has been asked once.
    std::function<void()> on_first_round;
  };

  HealthChecker(loop::EventLoop& loop, const ClusterState& cluster, const HealthCheckSpec& spec, HealthCheckStats& stats,
                Callbacks callbacks);
  ~HealthChecker();

  /// These are the endpoints now.
  void update(EndpointSetPtr endpoints);
  /// A response said that its endpoint is not well (x-envoy-immediate-health-check-fail).
  void fail(const Endpoint& endpoint);
  bool first_round_over() const { return first_round_over_; }

 private:
  class Session;
  using Sessions = std::unordered_map<std::string, std::unique_ptr<Session>>;
  void watch(const EndpointList& endpoints, Sessions before);
  void check_first_round();
  bool has_traffic() const;
  int64_t next_interval_ms(bool healthy, Transition transition) const;
  int64_t jittered_ms(int64_t base_ms, int64_t jitter_ms) const;

  loop::EventLoop& loop_;
  const ClusterState& cluster_;
  const HealthCheckSpec& spec_;
  HealthCheckStats& stats_;
  Callbacks callbacks_;
  EndpointSetPtr seen_;
  bool shared_addresses_ = false;  // whether some of these have the same
  Sessions sessions_;              // by address
  bool first_round_over_ = false;
};

/// Shows `cluster.<name>.health_check.*`.
void visit(stats::StatVisitor& visitor, HealthCheckStats& stats);

}  // namespace weir::upstream
