#include "proxy/client_address.h"

#include <algorithm>
#include <memory>

#include "base/text.h"

namespace weir::proxy {

namespace {

using http::HeaderId;
using http::HeaderMap;

net::AddressPtr read_address(std::string_view text) {
  auto address = net::Address::from_ip(trim(text), 0);
  return address ? std::make_shared<const net::Address>(std::move(*address)) : nullptr;
}

/// Takes the last entry off a comma-separated list.
std::string_view take_last(std::string_view& list, bool& more) {
  const size_t comma = list.rfind(',');
  more = comma != std::string_view::npos;
  const std::string_view last = more ? list.substr(comma + 1) : list;
  list = more ? list.substr(0, comma) : std::string_view();
  return last;
}

bool contains(const std::vector<net::Cidr>& ranges, const net::Address& address) {
  return std::ranges::any_of(ranges, [&](const net::Cidr& range) { return range.contains(address); });
}

}  // namespace

ForwardedAddress forwarded_address(const HeaderMap& request, uint32_t hops) {
  std::string_view list = request.get_joined("x-forwarded-for");
  if (list.empty()) return {};
  const bool single = list.find(',') == std::string_view::npos;
  bool more = true;
  std::string_view entry;
  for (uint32_t i = 0; i <= hops; ++i) {
    if (!more) return {};
    entry = take_last(list, more);
  }
  net::AddressPtr address = read_address(entry);
  return {address, address != nullptr && single};
}

ForwardedAddress first_untrusted_address(const HeaderMap& request, const std::vector<net::Cidr>& proxies) {
  std::string_view list = request.get_joined("x-forwarded-for");
  if (list.empty()) return {};
  const bool single = list.find(',') == std::string_view::npos;
  net::AddressPtr address;
  for (bool more = true; more;) {
    address = read_address(take_last(list, more));
    if (address == nullptr || !contains(proxies, *address)) break;
  }
  return {address, address != nullptr && single};
}

void append_forwarded_for(HeaderMap& request, std::string_view ip) {
  const std::string_view old = request.get_joined("x-forwarded-for");
  request.set(HeaderId::kForwardedFor, old.empty() ? request.arena().copy(ip) : request.arena().join(old, ",", ip));
}

DetectedAddress detect_address(const AddressDetection& detection, const HeaderMap& request, const net::Address& peer) {
  if (const auto* by_list = std::get_if<ForwardedForDetection>(&detection)) {
    ForwardedAddress found;
    if (by_list->trusted_proxies.empty()) {
      found = forwarded_address(request, by_list->trusted_hops);
    } else if (contains(by_list->trusted_proxies, peer)) {
      found = first_untrusted_address(request, by_list->trusted_proxies);
    } else {
      return {.append_peer = true};  // a stranger: what it says about others counts for nothing, but we say who it is
    }
    return {.address = std::move(found.address), .trusted = found.single, .append_peer = !by_list->skip_append};
  }
  const auto& custom = std::get<CustomHeaderDetection>(detection);
  net::AddressPtr address = read_address(http::first_value(request, custom.header));
  if (address == nullptr) return {.reject_status = custom.reject_status};
  return {.address = std::move(address), .trusted = custom.trusted};
}

}  // namespace weir::proxy
