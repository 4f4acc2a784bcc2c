// Descriptors: what a request is counted as by rate limits: lists of keys and values that actions make of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "filter/exchange.h"
#include "route/rate_limit.h"

namespace weir::filter {

/// One list. Everything lives in the exchange's arena, or longer.
struct Descriptor {
  struct Entry {
    std::string_view key, value;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  /// What the request itself says about the limit.
  struct Override {
    uint32_t requests_per_unit = 0;
    uint32_t unit = 0;  // envoy.type.v3.RateLimitUnit
  };

  std::span<const Entry> entries;
  std::optional<Override> limit;
  std::optional<uint64_t> hits;
};

/// Which limits of a virtual host count besides those of its route.
enum class VirtualHostLimits : uint8_t { kIfRouteHasNone, kToo, kNever };

/// What makes descriptors.
struct DescriptorRules {
  uint32_t stage = 0;
  std::string_view service_cluster;  // for actions that name it
  bool on_done = false;              // the limits that count when the stream is over, or the others
  bool runtime_may_disable = true;   // limits with a disable_key: the key decides; else they are left out
};

/// Those of a list of limits, in its order.
void add_descriptors(std::span<const route::RateLimit> limits, const DescriptorRules& rules, Exchange& exchange,
                     std::vector<Descriptor>& result);
/// Those of the exchange's route and its virtual host.
void add_route_descriptors(VirtualHostLimits from_host, const DescriptorRules& rules, Exchange& exchange,
                           std::vector<Descriptor>& result);

}  // namespace weir::filter
