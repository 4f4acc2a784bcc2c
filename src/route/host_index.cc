#include "route/host_index.h"

#include <algorithm>
#include <functional>

#include "base/text.h"

namespace weir::route {

bool HostIndex::Wildcards::add(std::string_view name, uint32_t virtual_host) {
  if (!names.emplace(name, virtual_host).second) return false;
  const auto place = std::ranges::lower_bound(lengths, name.size(), std::ranges::greater());
  if (place == lengths.end() || *place != name.size()) lengths.insert(place, name.size());
  return true;
}

bool HostIndex::add(std::string_view domain, uint32_t virtual_host) {
  const std::string name = lower(domain);
  if (name == "*") {
    if (any_ != kNone) return false;
    any_ = virtual_host;
    return true;
  }
  if (name.starts_with('*')) return suffixes_.add(std::string_view(name).substr(1), virtual_host);
  if (name.ends_with('*')) return prefixes_.add(std::string_view(name).substr(0, name.size() - 1), virtual_host);
  return exact_.emplace(name, virtual_host).second;
}

uint32_t HostIndex::find(std::string_view authority) const {
  if (exact_.empty() && suffixes_.names.empty() && prefixes_.names.empty()) return any_;

  char small[256];
  std::string large;
  char* to = small;
  if (authority.size() > sizeof small) {  // longer than any DNS name: rare enough to pay for
    large.resize(authority.size());
    to = large.data();
  }
  std::ranges::copy(authority, to);
  lower_in_place(to, authority.size());
  const std::string_view host(to, authority.size());

  if (const auto found = exact_.find(host); found != exact_.end()) return found->second;
  for (size_t length : suffixes_.lengths) {
    if (length >= host.size()) continue;  // the star stands for at least one character
    const auto found = suffixes_.names.find(host.substr(host.size() - length));
    if (found != suffixes_.names.end()) return found->second;
  }
  for (size_t length : prefixes_.lengths) {
    if (length >= host.size()) continue;
    const auto found = prefixes_.names.find(host.substr(0, length));
    if (found != prefixes_.names.end()) return found->second;
  }
  return any_;
}

size_t port_position(std::string_view authority) {
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos) return std::string_view::npos;
  const size_t bracket = authority.rfind(']');
  return bracket == std::string_view::npos || bracket < colon ? colon : std::string_view::npos;
}

}  // namespace weir::route
