// Overload: what the overload manager demands of every worker now.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/runtime.h"

namespace weir::proxy {

enum class OverloadAction : uint8_t {
  kStopAcceptingRequests,
  kDisableHttpKeepalive,
  kStopAcceptingConnections,
  kRejectIncomingConnections,
  kShrinkHeap,
  kCount
};

/// Written by the main thread, read by workers; each value stands for itself.
class Overload {
 public:
  static constexpr uint32_t kSaturated = 1'000'000;

  /// From 0 to kSaturated.
  void set(OverloadAction action, uint32_t strength) {
    strength_[static_cast<size_t>(action)].store(strength, std::memory_order_relaxed);
  }
  uint32_t strength(OverloadAction action) const {
    return strength_[static_cast<size_t>(action)].load(std::memory_order_relaxed);
  }
  bool saturated(OverloadAction action) const { return strength(action) >= kSaturated; }
  /// Whether an action that grows with the pressure hits whoever has drawn `random`.
  bool hits(OverloadAction action, uint64_t random) const {
    const uint32_t present = strength(action);
    return present != 0 && random % kSaturated < present;
  }

  /// Of all listeners together, but for those that take no part.
  uint64_t max_connections() const { return max_connections_ != 0 ? max_connections_ : max_connections_key_.integer(UINT64_MAX); }
  /// Before workers start. 0: the runtime's, if it has one.
  void limit_connections(uint64_t most, RuntimeKey key) {
    max_connections_ = most;
    max_connections_key_ = std::move(key);
  }

 private:
  std::array<std::atomic<uint32_t>, static_cast<size_t>(OverloadAction::kCount)> strength_{};
  uint64_t max_connections_ = 0;
  RuntimeKey max_connections_key_;
};

}  // namespace weir::proxy
