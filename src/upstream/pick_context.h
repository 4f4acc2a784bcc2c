// PickContext: what a request brings to the choice of its endpoint. A balancer asks for what it needs, and no more.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "format/lb_criteria.h"
#include "format/stream_info.h"
#include "http/header_map.h"
#include "upstream/endpoint.h"

namespace weir::upstream {

/// An endpoint that a request wants by its address, such as the one of its session.
struct WantedHost {
  std::string_view address;
  bool strict = false;  // that one or none
};

/// A priority, and which of its endpoints.
struct PriorityChoice {
  uint32_t priority = 0;
  bool degraded = false;
};

struct PriorityLoad;
struct PriorityShares;

/// The defaults are those of a request that does not care.
class PickContext {
 public:
  /// What hash policies make of the request; nothing if there are none, or none applies.
  virtual std::optional<uint64_t> hash() { return std::nullopt; }
  /// What the endpoint's metadata must be; null for anything.
  virtual const format::LbCriteria* criteria() { return nullptr; }
  /// The request's head and what is known of it; null where there is none.
  virtual const http::HeaderMap* headers() { return nullptr; }
  virtual const format::StreamInfo* info() { return nullptr; }
  virtual std::optional<WantedHost> wanted() { return std::nullopt; }
  /// Where a cluster that stands for this one has chosen a priority already.
  virtual std::optional<PriorityChoice> forced() { return std::nullopt; }
  /// How this request, at this try, is shared among priorities; null for as usual. Valid until the next call.
  virtual const PriorityShares* shares(const PriorityLoad& usual) { return nullptr; }
  /// The priority that was chosen, forced ones aside.
  virtual void chose(uint32_t priority) {}
  /// How many tries there were before this one.
  virtual uint32_t tries_before() const { return 0; }
  /// How often to choose again if the choice is rejected.
  virtual uint32_t more_choices() const { return 0; }
  virtual bool rejects(const Endpoint&) { return false; }

 protected:
  ~PickContext() = default;
};

/// A choice that nothing depends on.
class AnyEndpoint final : public PickContext {};

}  // namespace weir::upstream
