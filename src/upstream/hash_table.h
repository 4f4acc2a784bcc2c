// HashTable: from a hash to an endpoint, so that the same hash finds the same endpoint, also in another proxy: a ketama ring, or
// Maglev's table (Eisenbud et al., NSDI 2016). Positions are Envoy's.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "upstream/host_sets.h"

namespace weir::upstream {

/// An endpoint, by its place in the set, and its share of all requests.
struct WeightedHost {
  uint32_t host = 0;
  double share = 0;
};

/// Immutable, shared by all workers.
class HashTable {
 public:
  virtual ~HashTable() = default;
  /// An index into the hosts that it was made of. `attempt` > 0 leads elsewhere, most likely.
  virtual uint32_t at(uint64_t hash, uint32_t attempt) const = 0;

  /// How many places the host with the fewest and the one with the most of them has.
  uint64_t size = 0, fewest = 0, most = 0;
};
using HashTablePtr = std::shared_ptr<const HashTable>;

/// `keys` are what stands for the hosts; both lists are equally long and not empty. `least` is the smallest share among them.
HashTablePtr make_ring(const BalancingSpec& spec, const std::vector<WeightedHost>& hosts,
                       const std::vector<std::string_view>& keys, double least);
/// `largest` is the largest share.
HashTablePtr make_maglev(const BalancingSpec& spec, const std::vector<WeightedHost>& hosts,
                         const std::vector<std::string_view>& keys, double largest);

/// MurmurHash2 for 64 bits, as it is in the C++ library of GCC.
uint64_t murmur_hash(std::string_view text);

}  // namespace weir::upstream
