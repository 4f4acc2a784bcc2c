#include "proxy/filter_chain_index.h"

#include <array>
#include <cstring>
#include <functional>
#include <set>
#include <utility>

namespace weir::proxy {

namespace {

using SourceType = FilterChainMatch::SourceType;

/// An address range as bytes: those outside of the prefix are 0, so that equal ranges are equal.
struct Range {
  int family = AF_UNSPEC;  // AF_UNSPEC: any address at all, and no address (unix sockets)
  int prefix_length = 0;
  std::array<unsigned char, 16> bytes{};

  friend auto operator<=>(const Range&, const Range&) = default;
};

Range masked(const net::Address& address, int prefix_length) {
  Range range;
  range.family = address.family();
  range.prefix_length = prefix_length;
  if (address.family() == AF_INET) {
    std::memcpy(range.bytes.data(), &reinterpret_cast<const sockaddr_in*>(address.get())->sin_addr, 4);
  } else {
    std::memcpy(range.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(address.get())->sin6_addr, 16);
  }
  for (int bit = prefix_length; bit < 128; ++bit) range.bytes[bit / 8] &= static_cast<unsigned char>(~(0x80 >> (bit % 8)));
  return range;
}

/// What is below each address range; the longest range that contains an address is the one.
template <class Below>
class ByRange {
 public:
  Below& at(const Range& range) {
    if (range.family != AF_UNSPEC) lengths_.emplace(range.prefix_length, range.family);
    return ranges_[range];
  }

  const Below* find(const net::Address& address) const {
    if (address.is_ip()) {
      for (auto length = lengths_.rbegin(); length != lengths_.rend(); ++length) {
        if (length->second != address.family()) continue;
        if (const auto found = ranges_.find(masked(address, length->first)); found != ranges_.end()) return &found->second;
      }
    }
    const auto any = ranges_.find(Range{});
    return any == ranges_.end() ? nullptr : &any->second;
  }

  bool empty() const { return ranges_.empty(); }

 private:
  std::map<Range, Below> ranges_;
  std::set<std::pair<int, int>> lengths_;  // prefix length and family: few are in use, so few look-ups are made
};

/// What is below each text; "" stands for chains that do not care.
template <class Below>
using ByText = std::map<std::string, Below, std::less<>>;

template <class Map, class Key>
const typename Map::mapped_type* look_up(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

// The levels, from the last to the first. A port of 0 stands for chains that do not care.
using SourcePorts = std::map<uint16_t, size_t>;
using SourceIps = ByRange<SourcePorts>;
using SourceTypes = std::array<SourceIps, 3>;
using DirectSourceIps = ByRange<SourceTypes>;
using ApplicationProtocols = ByText<DirectSourceIps>;
using TransportProtocols = ByText<ApplicationProtocols>;
using ServerNames = ByText<TransportProtocols>;
using DestinationIps = ByRange<ServerNames>;
using DestinationPorts = std::map<uint16_t, DestinationIps>;

std::vector<Range> ranges_or_any(const std::vector<net::Cidr>& cidrs) {
  if (cidrs.empty()) return {Range{}};
  std::vector<Range> ranges;
  for (const net::Cidr& cidr : cidrs) ranges.push_back(masked(cidr.network(), cidr.prefix_length()));
  return ranges;
}

/// "*.example.com" is kept as ".example.com".
std::vector<std::string> names_or_any(const std::vector<std::string>& names) {
  if (names.empty()) return {""};
  std::vector<std::string> keys;
  for (const std::string& name : names) keys.push_back(name.starts_with("*.") ? name.substr(1) : name);
  return keys;
}

template <class T>
std::vector<T> list_or_any(const std::vector<T>& list) {
  return list.empty() ? std::vector<T>{T{}} : list;
}

const TransportProtocols* find_server_name(const ServerNames& names, std::string_view name) {
  if (const auto* exact = look_up(names, name)) return exact;
  for (size_t dot = name.find('.', 1); dot < name.size(); dot = name.find('.', dot + 1)) {
    if (const auto* suffix = look_up(names, name.substr(dot))) return suffix;
  }
  return look_up(names, std::string_view());
}

const DirectSourceIps* find_application_protocol(const ApplicationProtocols& protocols, const std::vector<std::string>* offered) {
  if (offered != nullptr) {
    for (const std::string& protocol : *offered) {
      if (const auto* found = look_up(protocols, protocol)) return found;
    }
  }
  return look_up(protocols, std::string_view());
}

/// As in Envoy, 127.0.0.1 and ::1 are loopback here, the rest of 127.0.0.0/8 is not.
bool same_ip_or_loopback(const ConnectionFacts& facts) {
  if (!facts.source.is_ip() || facts.source.ip() == "127.0.0.1" || facts.source.ip() == "::1") return true;
  return facts.destination.is_ip() && facts.source.ip() == facts.destination.ip();
}

const SourceIps* find_source_type(const SourceTypes& types, const ConnectionFacts& facts) {
  const auto of = [&](SourceType type) -> const SourceIps& { return types[static_cast<size_t>(type)]; };
  const SourceIps& near = of(SourceType::kSameIpOrLoopback);
  const SourceIps& far = of(SourceType::kExternal);
  if (!near.empty() || !far.empty()) {
    const SourceIps& fitting = same_ip_or_loopback(facts) ? near : far;
    if (!fitting.empty()) return &fitting;
  }
  return of(SourceType::kAny).empty() ? nullptr : &of(SourceType::kAny);
}

bool is_unconditional(const FilterChainMatch& match) {
  return !match.destination_port && match.prefix_ranges.empty() && match.server_names.empty() &&
         match.transport_protocol.empty() && match.application_protocols.empty() && match.direct_source_prefix_ranges.empty() &&
         match.source_type == SourceType::kAny && match.source_prefix_ranges.empty() && match.source_ports.empty();
}

}  // namespace

struct FilterChainIndex::Tree {
  DestinationPorts ports;

  /// The chain that already has one of the places that `match` claims, or kNone.
  size_t add(const FilterChainMatch& match, size_t chain) {
    size_t rival = kNone;
    DestinationIps& destinations = ports[match.destination_port.value_or(0)];
    const auto source_ips = ranges_or_any(match.source_prefix_ranges);
    const auto source_ports = list_or_any(match.source_ports);
    const auto direct_ips = ranges_or_any(match.direct_source_prefix_ranges);
    const auto protocols = list_or_any(match.application_protocols);
    const auto names = names_or_any(match.server_names);
    for (const Range& destination : ranges_or_any(match.prefix_ranges)) {
      for (const std::string& name : names) {
        for (const std::string& protocol : protocols) {
          for (const Range& direct : direct_ips) {
            SourceTypes& types = destinations.at(destination)[name][match.transport_protocol][protocol].at(direct);
            for (const Range& source : source_ips) {
              SourcePorts& places = types[static_cast<size_t>(match.source_type)].at(source);
              for (const uint16_t port : source_ports) {
                const auto [place, is_new] = places.emplace(port, chain);
                if (!is_new && place->second != chain) rival = place->second;
              }
            }
          }
        }
      }
    }
    return rival;
  }

  /// kNone as soon as a level holds nothing that fits.
  size_t find(const ConnectionFacts& facts) const {
    const DestinationIps* destinations = facts.destination.is_ip() ? look_up(ports, facts.destination.port()) : nullptr;
    if (destinations == nullptr) destinations = look_up(ports, uint16_t{0});
    if (destinations == nullptr) return kNone;
    const ServerNames* names = destinations->find(facts.destination);
    if (names == nullptr) return kNone;
    const TransportProtocols* transports = find_server_name(*names, facts.server_name);
    if (transports == nullptr) return kNone;
    const ApplicationProtocols* protocols = look_up(*transports, facts.transport_protocol);
    if (protocols == nullptr) protocols = look_up(*transports, std::string_view());
    if (protocols == nullptr) return kNone;
    const DirectSourceIps* direct = find_application_protocol(*protocols, facts.application_protocols);
    if (direct == nullptr) return kNone;
    const SourceTypes* types = direct->find(facts.direct_source);
    if (types == nullptr) return kNone;
    const SourceIps* sources = find_source_type(*types, facts);
    if (sources == nullptr) return kNone;
    const SourcePorts* source_ports = sources->find(facts.source);
    if (source_ports == nullptr) return kNone;
    const size_t* chain = facts.source.is_ip() ? look_up(*source_ports, facts.source.port()) : nullptr;
    if (chain == nullptr) chain = look_up(*source_ports, uint16_t{0});
    return chain == nullptr ? kNone : *chain;
  }
};

Result<FilterChainIndex> FilterChainIndex::build(const std::vector<FilterChainMatch>& matches, size_t default_chain) {
  FilterChainIndex index;
  index.default_chain_ = default_chain;
  if (matches.size() == 1 && is_unconditional(matches[0])) {
    index.only_chain_ = 0;
    return index;
  }
  auto tree = std::make_shared<Tree>();
  for (size_t chain = 0; chain < matches.size(); ++chain) {
    if (const size_t rival = tree->add(matches[chain], chain); rival != kNone) {
      return failure("the filter chains " + std::to_string(rival) + " and " + std::to_string(chain) +
                     " could both match the same connection, with nothing to prefer one of them");
    }
  }
  if (!matches.empty()) index.tree_ = std::move(tree);
  return index;
}

size_t FilterChainIndex::find(const ConnectionFacts& facts) const {
  if (only_chain_ != kNone) return only_chain_;
  const size_t chain = tree_ == nullptr ? kNone : tree_->find(facts);
  return chain == kNone ? default_chain_ : chain;
}

}  // namespace weir::proxy
