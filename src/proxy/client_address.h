// Client address: who asks, behind the proxies that we trust.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "http/header_map.h"
#include "http/header_name.h"
#include "net/address.h"

namespace weir::proxy {

/// An address found in x-forwarded-for. `single` says that the header held nothing else.
struct ForwardedAddress {
  net::AddressPtr address;  // null: none, or none that can be read
  bool single = false;
};

/// The address with `hops` others to the right of it.
ForwardedAddress forwarded_address(const http::HeaderMap& request, uint32_t hops);

/// The rightmost address that is not one of `proxies`; the leftmost if all are.
ForwardedAddress first_untrusted_address(const http::HeaderMap& request, const std::vector<net::Cidr>& proxies);

void append_forwarded_for(http::HeaderMap& request, std::string_view ip);

// --- original_ip_detection_extensions ---

/// x-forwarded-for, believed for a number of hops, or as long as addresses are those of known proxies.
struct ForwardedForDetection {
  uint32_t trusted_hops = 0;
  std::vector<net::Cidr> trusted_proxies;  // not empty: used instead of trusted_hops
  bool skip_append = true;                 // of the peer's address to x-forwarded-for
};

/// A header that holds nothing but the address.
struct CustomHeaderDetection {
  http::HeaderName header;
  bool trusted = false;              // such an address may make the request an internal one
  std::optional<int> reject_status;  // if there is no such address; none: the next extension is asked
};

using AddressDetection = std::variant<ForwardedForDetection, CustomHeaderDetection>;

struct DetectedAddress {
  net::AddressPtr address;  // null: not found
  bool trusted = false;     // may make the request an internal one
  bool append_peer = false;
  std::optional<int> reject_status;
};

DetectedAddress detect_address(const AddressDetection& detection, const http::HeaderMap& request, const net::Address& peer);

}  // namespace weir::proxy
