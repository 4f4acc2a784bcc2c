// The ketama ring.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string>

#include "base/hash.h"
#include "upstream/hash_table.h"

namespace weir::upstream {

namespace {

class Ring final : public HashTable {
 public:
  struct Place {
    uint64_t hash;
    uint32_t host;
  };
  explicit Ring(std::vector<Place> places) {
    std::ranges::stable_sort(places, {}, &Place::hash);
    hashes_.reserve(places.size());
    hosts_.reserve(places.size());
    for (const Place& place : places) {
      hashes_.push_back(place.hash);
      hosts_.push_back(place.host);
    }
  }

  uint32_t at(uint64_t hash, uint32_t attempt) const override {
    const auto found = std::ranges::lower_bound(hashes_, hash);
    const size_t place = found == hashes_.end() ? 0 : static_cast<size_t>(found - hashes_.begin());
    return hosts_[attempt == 0 ? place : (place + attempt) % hosts_.size()];
  }

 private:
  std::vector<uint64_t> hashes_;  // ascending; apart from hosts_, so that a search touches little memory
  std::vector<uint32_t> hosts_;
};

}  // namespace

HashTablePtr make_ring(const BalancingSpec& spec, const std::vector<WeightedHost>& hosts,
                       const std::vector<std::string_view>& keys, double least) {
  // So many places that the host with the least share has a whole number of them.
  const double scale = std::min(std::ceil(least * static_cast<double>(spec.minimum_ring_size)) / least,
                                static_cast<double>(spec.maximum_ring_size));
  const auto size = static_cast<uint64_t>(std::ceil(scale));
  std::vector<Ring::Place> places;
  places.reserve(size);
  double reached = 0, target = 0;
  uint64_t fewest = size, most = 0;
  std::string key;
  for (uint32_t host = 0; host < hosts.size(); ++host) {
    key.assign(keys[host]) += '_';
    const size_t stem = key.size();
    target += scale * hosts[host].share;
    uint64_t count = 0;
    for (; reached < target; ++reached) {
      char digits[20];
      const char* end = std::to_chars(digits, digits + sizeof digits, count++).ptr;
      key.resize(stem);
      key.append(digits, static_cast<size_t>(end - digits));
      places.push_back({spec.murmur_hash ? murmur_hash(key) : xxhash64(key), host});
    }
    fewest = std::min(fewest, count);
    most = std::max(most, count);
  }
  auto ring = std::make_shared<Ring>(std::move(places));
  ring->size = size;
  ring->fewest = fewest;
  ring->most = most;
  return ring;
}

uint64_t murmur_hash(std::string_view text) {
  constexpr uint64_t kMultiplier = 0xc6a4a7935bd1e995, kSeed = 0xc70f6907;
  const auto mix = [](uint64_t value) { return value ^ (value >> 47); };
  uint64_t hash = kSeed ^ (text.size() * kMultiplier);
  for (; text.size() >= 8; text.remove_prefix(8)) {
    uint64_t word;
    std::memcpy(&word, text.data(), 8);
    hash = (hash ^ (mix(word * kMultiplier) * kMultiplier)) * kMultiplier;
  }
  if (!text.empty()) {
    uint64_t rest = 0;
    std::memcpy(&rest, text.data(), text.size());
    hash = (hash ^ rest) * kMultiplier;
  }
  return mix(mix(hash) * kMultiplier);
}

}  // namespace weir::upstream
