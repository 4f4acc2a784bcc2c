// ConnectionGate: what stands before the last filter of a chain and lets a connection through, or not
// (envoy.filters.network.connection_limit, local_ratelimit, ratelimit and rbac).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/runtime.h"
#include "base/token_bucket.h"
#include "filter/call.h"
#include "format/formatter.h"
#include "proxy/connection_guard.h"
#include "stats/cell.h"

namespace weir::proxy {

class Connection;
class Worker;

/// One worker's share of what gates of one kind and prefix count; each kind uses its own.
struct ConnectionGateStats {
  stats::Counter limited_connections;                                            // connection_limit.
  stats::Gauge active_connections;                                               // the same
  stats::Counter rate_limited;                                                   // local_rate_limit.
  stats::Counter total, error, over_limit, ok, cx_closed, failure_mode_allowed;  // ratelimit.
  stats::Gauge active;                                                           // the same
};

struct ConnectionGate {
  enum class Kind : uint8_t { kConnectionLimit, kLocalRateLimit, kRateLimit, kRules };

  Kind kind = Kind::kConnectionLimit;
  bool enabled = true;
  RuntimeKey enabled_key;
  std::shared_ptr<stats::Sharded<ConnectionGateStats>> stats;

  // connection_limit
  uint64_t most_connections = 0;
  int64_t delay_ms = 0;  // before one too many is closed
  std::unique_ptr<std::atomic<int64_t>> connections;

  std::unique_ptr<TokenBucket> bucket;  // local_ratelimit

  // ratelimit
  struct Entry {
    std::string key;
    format::Formatter value;
  };
  filter::CallSpec service;
  std::string domain;
  std::vector<std::vector<Entry>> descriptors;
  bool failure_mode_deny = false;
  RuntimeKey tcp_enabled, tcp_enforcing;

  std::unique_ptr<const ConnectionRules> rules;  // rbac: asked when the first bytes come
};
using ConnectionGatePtr = std::shared_ptr<const ConnectionGate>;

/// The connections of one listener and worker on their ways through gates, with what they take up in them until they end.
class Entrances {
 public:
  Entrances();
  ~Entrances();

  /// `let_in` or connection.close() follows, perhaps before this returns. Gates and worker outlive the connection.
  void begin(Worker& worker, Connection& connection, const std::vector<ConnectionGatePtr>& gates, std::function<void()> let_in);
  /// What is known of a connection that has its way here and that speaks HTTP; null of others.
  const format::StreamInfo* info_of(const Connection& connection) const;
  /// The connection is over, wherever it was.
  void end(Worker& worker, const Connection& connection);

 private:
  class Way;
  std::unordered_map<const Connection*, std::unique_ptr<Way>> ways_;
};

}  // namespace weir::proxy
