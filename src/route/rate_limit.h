// RateLimit: what a route or a virtual host tells rate limit filters about a request (envoy.config.route.v3.RateLimit). Nothing
// here limits: filters make descriptors of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/runtime.h"
#include "format/formatter.h"
#include "http/header_name.h"
#include "route/conditions.h"

namespace weir::route {

/// Where a value is found in metadata.
struct MetadataKey {
  std::string filter;
  std::vector<std::string> path;
};

/// One entry of a descriptor: a key, and where its value comes from.
struct RateLimitAction {
  enum class Kind : uint8_t {
    kSourceCluster,
    kDestinationCluster,
    kRequestHeader,   // header, skip_if_absent
    kQueryParameter,  // name, skip_if_absent
    kRemoteAddress,
    kMaskedRemoteAddress,  // the two lengths
    kGenericKey,           // value
    kHeaderValueMatch,     // value, if headers match as expected
    kQueryParameterMatch,  // value, if query_parameters match as expected
    kMetadata,             // metadata, of the route or dynamic; value if it is missing
  };

  Kind kind = Kind::kGenericKey;
  std::string key;    // of the entry; "" for kinds with a name of their own
  std::string value;  // fixed, or what stands for a missing one
  std::string name;
  http::HeaderName header;
  bool skip_if_absent = false;  // leaves this entry out; else the whole descriptor falls away
  bool expect_match = true;
  std::vector<HeaderMatcher> headers;
  std::vector<QueryMatcher> query_parameters;
  MetadataKey metadata;
  bool from_route = false;
  uint8_t v4_prefix_length = 32;
  uint8_t v6_prefix_length = 128;
};

struct RateLimit {
  std::optional<uint32_t> stage = 0;  // of the filters that ask for it; none: whichever has it
  std::string disable_key;            // of the runtime; "" if there is none
  RuntimeKey enabled;                 // ratelimit.<disable_key>.http_filter_enabled, a percentage
  std::vector<RateLimitAction> actions;
  std::optional<MetadataKey> limit;              // dynamic metadata that overrides the limit itself
  std::optional<uint64_t> hits;                  // how many this request counts as, where a filter has the limit
  std::optional<format::Formatter> hits_format;  // or what makes that number
  bool applies_when_stream_is_done = false;
};

}  // namespace weir::route
