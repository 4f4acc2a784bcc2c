// FilterChainIndex: which filter chain takes a connection, from what is known of it before its first byte is interpreted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/address.h"

namespace weir::proxy {

/// FilterChainMatch as plain values; what is not given matches everything.
struct FilterChainMatch {
  enum class SourceType : uint8_t { kAny, kSameIpOrLoopback, kExternal };

  std::optional<uint16_t> destination_port;
  std::vector<net::Cidr> prefix_ranges;
  std::vector<std::string> server_names;  // lower case; "*.example.com" for suffixes
  std::string transport_protocol;
  std::vector<std::string> application_protocols;
  std::vector<net::Cidr> direct_source_prefix_ranges;
  SourceType source_type = SourceType::kAny;
  std::vector<net::Cidr> source_prefix_ranges;
  std::vector<uint16_t> source_ports;
};

/// What is known of a connection.
struct ConnectionFacts {
  const net::Address& destination;    // after original_dst
  const net::Address& source;         // after PROXY protocol
  const net::Address& direct_source;  // the socket's own
  std::string_view server_name;       // SNI, lower case; "" if there is none
  std::string_view transport_protocol = "raw_buffer";
  const std::vector<std::string>* application_protocols = nullptr;  // ALPN or detected; null for none
};

/// Built once for a listener, immutable. Envoy's order: destination port, destination IP, server name, transport protocol,
/// application protocols, direct source IP, source type, source IP, source port; at each step only the most specific bucket is
/// looked into, and there is no way back.
class FilterChainIndex {
 public:
  static constexpr size_t kNone = SIZE_MAX;

  FilterChainIndex() = default;
  /// `matches[i]` belongs to chain i; fails if two chains have the same match. `default_chain` is taken when nothing else fits.
  static Result<FilterChainIndex> build(const std::vector<FilterChainMatch>& matches, size_t default_chain);

  /// The chain's number, or kNone.
  size_t find(const ConnectionFacts& facts) const;

 private:
  struct Tree;
  std::shared_ptr<const Tree> tree_;
  size_t only_chain_ = kNone;  // a single chain without conditions needs no look-up
  size_t default_chain_ = kNone;
};

}  // namespace weir::proxy
