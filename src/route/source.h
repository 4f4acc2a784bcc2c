// TableSource: where a connection manager finds its current route table; RDS replaces it while requests run.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "route/table.h"

namespace weir::route {

using RouteTablePtr = std::shared_ptr<const RouteTable>;

/// Written by main, read by workers. A worker keeps its own pointer and only looks here again when version() has moved.
class TableSource {
 public:
  TableSource(std::string name, RouteTablePtr table) : name_(std::move(name)), table_(std::move(table)) {}

  const std::string& name() const { return name_; }
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  /// Null while no table has arrived.
  RouteTablePtr table() const { return table_.load(); }
  void replace(RouteTablePtr table) {
    table_.store(std::move(table));
    version_.fetch_add(1, std::memory_order_release);
  }

 private:
  const std::string name_;
  std::atomic<RouteTablePtr> table_;
  std::atomic<uint64_t> version_ = 1;
};

}  // namespace weir::route
