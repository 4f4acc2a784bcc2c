// Address: where a socket is: an IP address with a port, or the path of a unix socket.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::net {

/// Immutable; made once and shared by all who name the same place.
class Address {
 public:
  /// "127.0.0.1", "::1" (no brackets, scope ids allowed).
  static Result<Address> from_ip(std::string_view ip, uint16_t port);
  /// A unix socket; a leading '@' means the abstract name space.
  static Result<Address> from_path(std::string_view path);
  static Address from_sockaddr(const sockaddr_storage& storage, socklen_t size);
  /// The local or remote end of a connected socket.
  static Address local_of(int fd);
  static Address remote_of(int fd);

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  int family() const { return storage_.ss_family; }
  bool is_ip() const { return family() == AF_INET || family() == AF_INET6; }
  uint16_t port() const;
  Address with_port(uint16_t port) const;

  /// "127.0.0.1:80", "[::1]:80", "/run/app.sock", "@abstract": as Envoy prints addresses.
  const std::string& text() const { return text_; }
  /// "127.0.0.1" or "::1"; the path for unix sockets.
  std::string_view ip() const { return std::string_view(text_).substr(ip_from_, ip_size_); }
  bool is_loopback() const;

  friend bool operator==(const Address& a, const Address& b) { return a.text_ == b.text_; }

 private:
  Address() = default;
  void describe();

  sockaddr_storage storage_{};
  socklen_t size_ = 0;
  uint8_t ip_from_ = 0, ip_size_ = 0;  // where the IP is in `text_`
  std::string text_;
};

using AddressPtr = std::shared_ptr<const Address>;

/// An address range such as 10.0.0.0/8.
class Cidr {
 public:
  static Result<Cidr> make(std::string_view ip, int prefix_length);
  bool contains(const Address& address) const;
  int prefix_length() const { return prefix_length_; }
  int family() const { return network_.family(); }
  const Address& network() const { return network_; }

 private:
  Cidr(Address network, int prefix_length) : network_(std::move(network)), prefix_length_(prefix_length) {}
  Address network_;
  int prefix_length_;
};

}  // namespace weir::net
