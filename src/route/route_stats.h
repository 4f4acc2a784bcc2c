// RouteStats: what is counted about the requests of a virtual cluster, and of a route with a stat_prefix (vhost.<name>.…).
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "stats/cell.h"
#include "stats/code_counters.h"
#include "stats/registry.h"

namespace weir::route {

/// One worker's share of one of them.
struct GroupStats {
  stats::Counter upstream_rq_total, upstream_rq_timeout, upstream_rq_retry, upstream_rq_retry_limit_exceeded,
      upstream_rq_retry_overflow, upstream_rq_retry_success;
  stats::CodeCounters codes;  // upstream_rq_200 …
  stats::Histogram upstream_rq_time;
};

using GroupCells = std::shared_ptr<stats::Sharded<GroupStats>>;

/// Gives everybody who names the same group the same counters, and shows them for as long as somebody holds them. Main thread
/// only, but the counters may be let go of by any. The registry must outlive it.
class RouteStats {
 public:
  RouteStats(stats::Registry& registry, size_t workers);

  /// `vhost.<virtual host>.vcluster.<name>.*`
  GroupCells virtual_cluster(std::string_view virtual_host, std::string_view name);
  /// `vhost.<virtual host>.route.<stat_prefix>.*`
  GroupCells route(std::string_view virtual_host, std::string_view stat_prefix);

 private:
  GroupCells find_or_make(std::string prefix);
  void visit(stats::StatVisitor& visitor);

  const size_t workers_;
  std::map<std::string, std::weak_ptr<stats::Sharded<GroupStats>>> groups_;  // by what their names begin with, after "vhost."
  stats::Registry::Registration registration_;
};

/// The groups that one request belongs to: a virtual cluster, a route, both or none.
class RequestGroups {
 public:
  void add(const GroupCells& cells, size_t worker) {
    if (cells != nullptr) groups_[size_++] = &cells->mine(worker);
  }
  void count(stats::Counter GroupStats::*counter) const {
    for (size_t i = 0; i < size_; ++i) (groups_[i]->*counter).add();
  }
  void count_code(int status) const {
    for (size_t i = 0; i < size_; ++i) groups_[i]->codes.count(status);
  }
  void record_time(int64_t ms) const {
    for (size_t i = 0; i < size_; ++i) groups_[i]->upstream_rq_time.record(static_cast<uint64_t>(ms));
  }

 private:
  std::array<GroupStats*, 2> groups_ = {};
  size_t size_ = 0;
};

}  // namespace weir::route
