// HostIndex: which virtual host a request's authority belongs to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::route {

struct Route;

/// Where a domain leads.
struct DomainTarget {
  static constexpr uint32_t kNone = UINT32_MAX;

  uint32_t virtual_host = kNone;
  const Route* first_route = nullptr;  // of a virtual host with few: its memory can be asked for at once; may be null

  bool found() const { return virtual_host != kNone; }
};

/// Names with their targets: a hash table in which a name costs one line of cold memory.
class DomainTable {
 public:
  /// False if the name is there already.
  bool add(std::string_view name, DomainTarget target);
  DomainTarget find(std::string_view name) const;

 private:
  struct alignas(64) Entry {
    static constexpr size_t kRoom = 48;
    const Route* first_route = nullptr;
    uint32_t virtual_host = DomainTarget::kNone;
    uint32_t name_size = 0;
    union {
      char name[kRoom] = {};
      uint32_t name_at;  // where a longer one begins in long_names_
    };
  };
  static constexpr uint16_t kFree = 0;

  std::string_view name_of(const Entry& entry) const;
  /// Where the name is, or the free place where it would be.
  size_t place_of(std::string_view name, size_t hash) const;
  void grow();

  // A power of two, so that a part of the hash is the place; at least one in four is free.
  std::vector<uint16_t> tags_;  // another part of the hash: what is all over the table is small enough to stay in the cache
  std::vector<Entry> entries_;
  std::string long_names_;
  size_t size_ = 0;
};

/// Exact domains before the longest "*.suffix", before the longest "prefix.*", before "*" (VirtualHost.domains).
class HostIndex {
 public:
  /// False if that domain (in any case) is there already.
  bool add(std::string_view domain, DomainTarget target);
  /// Not found() if no domain matches. The case of `authority` does not matter.
  DomainTarget find(std::string_view authority) const;

 private:
  /// Names with a wildcard at one end, and their distinct lengths, longest first.
  struct Wildcards {
    DomainTable names;
    std::vector<size_t> lengths;
    bool add(std::string_view name, DomainTarget target);
  };

  DomainTable exact_;
  Wildcards suffixes_;
  Wildcards prefixes_;
  DomainTarget any_;
  bool only_any_ = true;  // no other domain than "*" is known
};

/// Where the port begins in "host:port" or "[v6]:port" (at the colon); npos if there is none.
size_t port_position(std::string_view authority);

}  // namespace weir::route
