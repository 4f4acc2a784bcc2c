// HostIndex: which virtual host a request's authority belongs to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::route {

/// Exact domains before the longest "*.suffix", before the longest "prefix.*", before "*" (VirtualHost.domains).
class HostIndex {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  /// False if that domain (in any case) is there already.
  bool add(std::string_view domain, uint32_t virtual_host);
  /// kNone if no domain matches. The case of `authority` does not matter.
  uint32_t find(std::string_view authority) const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Domains = std::unordered_map<std::string, uint32_t, Hash, std::equal_to<>>;

  /// Names with a wildcard at one end, and their distinct lengths, longest first.
  struct Wildcards {
    Domains names;
    std::vector<size_t> lengths;
    bool add(std::string_view name, uint32_t virtual_host);
  };

  Domains exact_;
  Wildcards suffixes_;
  Wildcards prefixes_;
  uint32_t any_ = kNone;
};

/// Where the port begins in "host:port" or "[v6]:port" (at the colon); npos if there is none.
size_t port_position(std::string_view authority);

}  // namespace weir::route
