// Maglev's table.
#include <algorithm>
#include <numeric>
#include <string_view>

#include "base/hash.h"
#include "upstream/hash_table.h"

namespace weir::upstream {

namespace {

constexpr uint32_t kNobody = UINT32_MAX;

/// A host while the table is filled: it wants every place once, in an order of its own.
struct Candidate {
  uint32_t host;
  uint64_t place;  // the next that it wants
  uint64_t skip;
  double share;
  double due = 0;  // it takes no place in a round before this
  uint64_t count = 0;
};

/// Places hold numbers of hosts in as few bytes as there are hosts.
template <class Number>
class Maglev final : public HashTable {
 public:
  explicit Maglev(const std::vector<uint32_t>& places) : places_(places.begin(), places.end()) {}

  uint32_t at(uint64_t hash, uint32_t attempt) const override {
    if (attempt > 0) hash ^= ~uint64_t{0} - attempt + 1;
    return places_[hash % places_.size()];
  }

 private:
  std::vector<Number> places_;
};

std::vector<Candidate> candidates(const std::vector<WeightedHost>& hosts, const std::vector<std::string_view>& keys,
                                  uint64_t table_size) {
  std::vector<uint32_t> order(hosts.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](uint32_t a, uint32_t b) { return keys[a] < keys[b]; });
  std::vector<Candidate> result;
  result.reserve(hosts.size());
  for (const uint32_t host : order) {
    // A table of one place is not prime and refused, so that there is something to skip.
    result.push_back(
        {host, xxhash64(keys[host]) % table_size, xxhash64(keys[host], 1) % (table_size - 1) + 1, hosts[host].share});
  }
  return result;
}

std::vector<uint32_t> fill(std::vector<Candidate>& all, uint64_t table_size, double largest) {
  std::vector<uint32_t> places(table_size, kNobody);
  uint64_t filled = 0;
  for (uint32_t round = 1; filled < table_size; ++round) {
    for (Candidate& each : all) {
      if (filled == table_size) break;
      if (round * each.share < each.due) continue;
      each.due += largest;
      const auto go_on = [&] {
        each.place += each.skip;
        if (each.place >= table_size) each.place -= table_size;
      };
      while (places[each.place] != kNobody) go_on();
      places[each.place] = each.host;
      go_on();
      ++each.count;
      ++filled;
    }
  }
  return places;
}

}  // namespace

HashTablePtr make_maglev(const BalancingSpec& spec, const std::vector<WeightedHost>& hosts,
                         const std::vector<std::string_view>& keys, double largest) {
  std::vector<Candidate> all = candidates(hosts, keys, spec.table_size);
  const std::vector<uint32_t> places = fill(all, spec.table_size, largest);
  const auto finished = [&]<class Table>(std::shared_ptr<Table> table) -> HashTablePtr {
    const auto [fewest, most] = std::ranges::minmax(all, {}, &Candidate::count);
    table->size = spec.table_size;
    table->fewest = fewest.count;
    table->most = most.count;
    return table;
  };
  if (hosts.size() <= 1 << 8) return finished(std::make_shared<Maglev<uint8_t>>(places));
  if (hosts.size() <= 1 << 16) return finished(std::make_shared<Maglev<uint16_t>>(places));
  return finished(std::make_shared<Maglev<uint32_t>>(places));
}

}  // namespace weir::upstream
