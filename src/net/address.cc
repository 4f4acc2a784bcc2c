#include "net/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace weir::net {

Result<Address> Address::from_ip(std::string_view ip, uint16_t port) {
  Address address;
  std::string text(ip);
  if (const size_t end = text.find('\0'); end != std::string::npos) text[end] = '?';  // inet_pton() would stop there
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage_);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage_);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size_ = sizeof *v4;
  } else if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size_ = sizeof *v6;
  } else {
    return failure("malformed IP address: " + text);
  }
  address.describe();
  return address;
}

Result<Address> Address::from_path(std::string_view path) {
  Address address;
  auto* un = reinterpret_cast<sockaddr_un*>(&address.storage_);
  if (path.empty() || path.size() >= sizeof un->sun_path) {
    return failure("the path of a unix socket must have 1 to " + std::to_string(sizeof un->sun_path - 1) +
                   " bytes: " + std::string(path));
  }
  un->sun_family = AF_UNIX;
  std::memcpy(un->sun_path, path.data(), path.size());
  const bool abstract = path.front() == '@';
  if (abstract) un->sun_path[0] = '\0';
  address.size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
  address.describe();
  return address;
}

Address Address::from_sockaddr(const sockaddr_storage& storage, socklen_t size) {
  Address address;
  address.size_ = std::min<socklen_t>(size, sizeof address.storage_);
  std::memcpy(&address.storage_, &storage, address.size_);
  address.describe();
  return address;
}

Address Address::local_of(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  return from_sockaddr(storage, size);
}

Address Address::remote_of(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  return from_sockaddr(storage, size);
}

uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
  if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
  return 0;
}

Address Address::with_port(uint16_t port) const {
  Address copy = *this;
  if (family() == AF_INET) reinterpret_cast<sockaddr_in*>(&copy.storage_)->sin_port = htons(port);
  if (family() == AF_INET6) reinterpret_cast<sockaddr_in6*>(&copy.storage_)->sin6_port = htons(port);
  copy.describe();
  return copy;
}

bool Address::is_loopback() const {
  if (family() == AF_INET) {
    return ntohl(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr.s_addr) == INADDR_LOOPBACK;
  }
  if (family() == AF_INET6) {
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr);
  }
  return family() == AF_UNIX;
}

void Address::describe() {
  char ip[INET6_ADDRSTRLEN] = "";
  std::string text;
  size_t ip_from = 0;
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr, ip, sizeof ip);
    text = std::string(ip) + ":" + std::to_string(port());
  } else if (family() == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr, ip, sizeof ip);
    text = "[" + std::string(ip) + "]:" + std::to_string(port());
    ip_from = 1;
  } else if (family() == AF_UNIX) {
    const auto* un = reinterpret_cast<const sockaddr_un*>(&storage_);
    const size_t offset = offsetof(sockaddr_un, sun_path);
    if (size_ > offset) {
      const size_t room = size_ - offset;
      text = un->sun_path[0] == '\0' ? "@" + std::string(un->sun_path + 1, room - 1)
                                     : std::string(un->sun_path, strnlen(un->sun_path, room));
    }
  } else if (size_ > sizeof storage_.ss_family) {  // within this process, see internal_address.h
    const std::string_view bytes(reinterpret_cast<const char*>(&storage_), size_);
    const std::string_view named = bytes.substr(sizeof storage_.ss_family);
    if (named.starts_with("envoy://")) text = named;
  }
  static_assert(sizeof storage_ <= UINT8_MAX);  // so that what follows fits
  ip_from_ = static_cast<uint8_t>(ip_from);
  ip_size_ = static_cast<uint8_t>(is_ip() ? std::strlen(ip) : text.size());
  text_ = std::move(text);
}

Result<Cidr> Cidr::make(std::string_view ip, int prefix_length) {
  auto network = Address::from_ip(ip, 0);
  if (!network) return std::unexpected(network.error());
  const int most = network->family() == AF_INET ? 32 : 128;
  return Cidr(std::move(*network), std::clamp(prefix_length, 0, most));
}

bool Cidr::contains(const Address& address) const {
  if (address.family() != network_.family()) return false;
  const unsigned char *a, *b;
  if (address.family() == AF_INET) {
    a = reinterpret_cast<const unsigned char*>(&reinterpret_cast<const sockaddr_in*>(address.get())->sin_addr);
    b = reinterpret_cast<const unsigned char*>(&reinterpret_cast<const sockaddr_in*>(network_.get())->sin_addr);
  } else {
    a = reinterpret_cast<const unsigned char*>(&reinterpret_cast<const sockaddr_in6*>(address.get())->sin6_addr);
    b = reinterpret_cast<const unsigned char*>(&reinterpret_cast<const sockaddr_in6*>(network_.get())->sin6_addr);
  }
  const int bytes = prefix_length_ / 8;
  const int bits = prefix_length_ % 8;
  if (std::memcmp(a, b, bytes) != 0) return false;
  return bits == 0 || ((a[bytes] ^ b[bytes]) >> (8 - bits)) == 0;
}

}  // namespace weir::net
