// RbacRule: one condition of access control, or several combined: who asks (a principal), or for what (a permission).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "format/header_matcher.h"
#include "format/stream_info.h"
#include "format/value_matcher.h"
#include "net/address.h"
#include "net/tls/tls_spec.h"
#include "route/path_template.h"

namespace weir::filter {

/// What is judged: a request, or a connection that is no request yet.
struct RbacSubject {
  const http::HeaderMap* request = nullptr;  // null: of a connection
  const format::StreamInfo& info;
  bool routed = false;  // whether a route was found
};

// --- single conditions, each as Envoy's field of that name ---

/// url_path: the path without query and fragment.
struct RbacPath {
  format::TextMatcher text;
};
struct RbacTemplate {
  route::PathTemplate path;
};
struct RbacAddress {
  enum class Of : uint8_t {
    kDestination,
    kConnection,  // source_ip: what a PROXY header says counts, x-forwarded-for does not
    kDirect,      // direct_remote_ip: the socket's own
    kClient,      // remote_ip: as far as x-forwarded-for is trusted
  };
  Of of;
  net::Cidr range;
};
struct RbacPort {
  int32_t start = 0, end = 0;  // start <= port < end
};
struct RbacServerName {
  format::TextMatcher text;
};
struct RbacMetadata {
  format::MetadataMatcher matcher;
  bool of_route = false;  // what the configuration of the route notes, rather than what filters noted
};
/// Any client on an encrypted connection; with `name` one of its certificate's URI SANs, then DNS SANs, or the subject.
struct RbacAuthenticated {
  std::optional<format::TextMatcher> name;
};
/// mtls_authenticated: the client's certificate was validated, and has such a name if one is asked for.
struct RbacValidated {
  std::optional<net::SanMatcher> san;
};
/// upstream_ip_port: the upstream's address, if a filter noted it already ("envoy.stream.upstream_address").
struct RbacUpstream {
  std::optional<net::Cidr> range;
  std::optional<std::pair<int64_t, int64_t>> ports;  // first and last
};

/// Immutable once it is read.
struct RbacRule {
  enum class Kind : uint8_t { kAlways, kSingle, kAll, kAny, kNot };
  using Condition =
      std::variant<std::monostate, format::HeaderMatcher, RbacPath, RbacTemplate, RbacAddress, RbacPort, RbacServerName,
                   RbacMetadata, format::FilterStateMatcher, RbacAuthenticated, RbacValidated, RbacUpstream>;

  Kind kind = Kind::kAlways;
  Condition condition;          // kSingle
  std::vector<RbacRule> inner;  // kAll, kAny; kNot has one

  static RbacRule single(Condition condition) { return {Kind::kSingle, std::move(condition), {}}; }

  /// Allocates nothing, but for headers that are repeated and for a certificate that is asked about for the first time.
  bool holds(const RbacSubject& subject) const;
};

}  // namespace weir::filter
