#include "net/proxy_protocol.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace weir::net {

namespace {

using Found = ProxyHeaderFound;

constexpr std::string_view kVersion1 = "PROXY ";
constexpr std::string_view kVersion2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kMaxLine = 107;
constexpr size_t kHead2 = 16;
constexpr size_t kMaxRest2 = 64 * 1024;

bool begins_like(std::string_view bytes, std::string_view signature) {
  const size_t known = std::min(bytes.size(), signature.size());
  return bytes.substr(0, known) == signature.substr(0, known);
}

/// Nobody can be at the other end of a connection with such an address.
bool is_unicast(const Address& address) {
  if (address.family() == AF_INET) {
    const uint32_t ip = ntohl(reinterpret_cast<const sockaddr_in*>(address.get())->sin_addr.s_addr);
    return ip != INADDR_BROADCAST && (ip >> 28) != 14;
  }
  return reinterpret_cast<const sockaddr_in6*>(address.get())->sin6_addr.s6_addr[0] != 0xff;
}

AddressPtr checked(Result<Address> address) {
  if (!address || !is_unicast(*address)) return nullptr;
  return std::make_shared<const Address>(std::move(*address));
}

AddressPtr read_text_address(std::string_view ip, std::string_view port, int family) {
  uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size()) return nullptr;
  AddressPtr address = checked(Address::from_ip(ip, number));
  return address != nullptr && address->family() == family ? address : nullptr;
}

/// "PROXY TCP4 1.2.3.4 5.6.7.8 1000 80\r\n"
Found read_version1(std::string_view bytes, ProxyHeader& header) {
  header.version = 1;
  const size_t end = bytes.find("\r\n");
  if (end == std::string_view::npos) return bytes.size() >= kMaxLine ? Found::kBroken : Found::kMore;
  if (end + 2 > kMaxLine) return Found::kBroken;
  header.size = end + 2;
  std::string_view line = bytes.substr(kVersion1.size(), end - kVersion1.size());
  std::string_view words[5];
  size_t count = 0;
  while (count < 5) {
    const size_t space = line.find(' ');
    words[count++] = line.substr(0, space);
    if (space == std::string_view::npos) {
      line = {};
      break;
    }
    line.remove_prefix(space + 1);
  }
  if (words[0] == "UNKNOWN") return Found::kYes;
  if (count != 5 || !line.empty()) return Found::kBroken;
  const int family = words[0] == "TCP4" ? AF_INET : words[0] == "TCP6" ? AF_INET6 : AF_UNSPEC;
  if (family == AF_UNSPEC) return Found::kBroken;
  header.source = read_text_address(words[1], words[3], family);
  header.destination = read_text_address(words[2], words[4], family);
  return header.source != nullptr && header.destination != nullptr ? Found::kYes : Found::kBroken;
}

template <class SockAddr>
AddressPtr from_wire(std::string_view ip, std::string_view port) {
  sockaddr_storage storage{};
  auto& address = reinterpret_cast<SockAddr&>(storage);
  if constexpr (std::is_same_v<SockAddr, sockaddr_in>) {
    address.sin_family = AF_INET;
    std::memcpy(&address.sin_addr, ip.data(), ip.size());
    std::memcpy(&address.sin_port, port.data(), port.size());
  } else {
    address.sin6_family = AF_INET6;
    std::memcpy(&address.sin6_addr, ip.data(), ip.size());
    std::memcpy(&address.sin6_port, port.data(), port.size());
  }
  return checked(Address::from_sockaddr(storage, sizeof(SockAddr)));
}

bool read_tlvs(std::string_view rest, ProxyHeader& header) {
  while (!rest.empty()) {
    if (rest.size() < 3) return false;
    const size_t size = static_cast<uint8_t>(rest[1]) << 8 | static_cast<uint8_t>(rest[2]);
    if (rest.size() - 3 < size) return false;
    header.tlvs.emplace_back(static_cast<uint8_t>(rest[0]), std::string(rest.substr(3, size)));
    rest.remove_prefix(3 + size);
  }
  return true;
}

Found read_version2(std::string_view bytes, ProxyHeader& header) {
  header.version = 2;
  if (bytes.size() < kHead2) return Found::kMore;
  const auto byte = [&](size_t at) { return static_cast<uint8_t>(bytes[at]); };
  const int version = byte(12) >> 4, command = byte(12) & 15, family = byte(13) >> 4, transport = byte(13) & 15;
  const size_t size = static_cast<size_t>(byte(14)) << 8 | byte(15);
  if (version != 2 || command > 1 || size > kMaxRest2) return Found::kBroken;
  if (bytes.size() < kHead2 + size) return Found::kMore;
  header.size = kHead2 + size;
  if (command == 0) return Found::kYes;  // LOCAL
  std::string_view rest = bytes.substr(kHead2, size);
  if (transport != 1 && transport != 2) return Found::kBroken;
  if (family == 1 && rest.size() >= 12) {
    header.source = from_wire<sockaddr_in>(rest.substr(0, 4), rest.substr(8, 2));
    header.destination = from_wire<sockaddr_in>(rest.substr(4, 4), rest.substr(10, 2));
    rest.remove_prefix(12);
  } else if (family == 2 && rest.size() >= 36) {
    header.source = from_wire<sockaddr_in6>(rest.substr(0, 16), rest.substr(32, 2));
    header.destination = from_wire<sockaddr_in6>(rest.substr(16, 16), rest.substr(34, 2));
    rest.remove_prefix(36);
  }
  if (header.source == nullptr || header.destination == nullptr) return Found::kBroken;
  return read_tlvs(rest, header) ? Found::kYes : Found::kBroken;
}

}  // namespace

ProxyHeaderFound read_proxy_header(std::string_view bytes, ProxyHeader& header) {
  header = {};
  if (begins_like(bytes, kVersion2)) return bytes.size() < kVersion2.size() ? Found::kMore : read_version2(bytes, header);
  if (begins_like(bytes, kVersion1)) return bytes.size() < kVersion1.size() ? Found::kMore : read_version1(bytes, header);
  return Found::kNo;
}

std::string proxy_header1(const Address& source, const Address& destination) {
  std::string line = source.family() == AF_INET6 ? "PROXY TCP6 " : "PROXY TCP4 ";
  ((line += source.ip()) += ' ') += destination.ip();
  return line + ' ' + std::to_string(source.port()) + ' ' + std::to_string(destination.port()) + "\r\n";
}

std::string proxy_header2(const Address& source, const Address& destination, const std::vector<ProxyTlv>& tlvs) {
  std::string rest;
  const auto append = [&rest](const auto& field) { rest.append(reinterpret_cast<const char*>(&field), sizeof field); };
  const bool v6 = source.family() == AF_INET6;
  if (v6) {
    const auto &from = *reinterpret_cast<const sockaddr_in6*>(source.get()),
               &to = *reinterpret_cast<const sockaddr_in6*>(destination.get());
    append(from.sin6_addr), append(to.sin6_addr), append(from.sin6_port), append(to.sin6_port);
  } else {
    const auto &from = *reinterpret_cast<const sockaddr_in*>(source.get()),
               &to = *reinterpret_cast<const sockaddr_in*>(destination.get());
    append(from.sin_addr), append(to.sin_addr), append(from.sin_port), append(to.sin_port);
  }
  for (const auto& [type, value] : tlvs) {
    if (rest.size() + 3 + value.size() > UINT16_MAX) continue;
    append(type), append(htons(static_cast<uint16_t>(value.size())));
    rest += value;
  }
  std::string header(kVersion2);
  header += '\x21';  // version 2, on somebody's behalf
  header += v6 ? '\x21' : '\x11';
  const uint16_t size = htons(static_cast<uint16_t>(rest.size()));
  return header.append(reinterpret_cast<const char*>(&size), sizeof size) + rest;
}

std::string proxy_header2_local() { return std::string(kVersion2) + std::string("\x20\0\0\0", 4); }

}  // namespace weir::net
