#include "stats/histogram_summary.h"

#include <limits>

namespace weir::stats {

const std::vector<double> kDefaultBounds = {0.5,  1,    5,     10,    25,    50,     100,    250,     500,    1000,
                                            2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000};

void merge_buckets(Buckets& sum, const Buckets& more) {
  if (sum.empty()) {
    sum = more;
    return;
  }
  Buckets result;
  result.reserve(sum.size() + more.size());
  auto a = sum.begin();
  auto b = more.begin();
  while (a != sum.end() || b != more.end()) {
    if (b == more.end() || (a != sum.end() && a->low < b->low)) {
      result.push_back(*a++);
    } else if (a == sum.end() || b->low < a->low) {
      result.push_back(*b++);
    } else {
      result.push_back(*a++);
      result.back().count += b++->count;
    }
  }
  sum = std::move(result);
}

Buckets difference(const Buckets& now, const Buckets& before) {
  Buckets result;
  auto old = before.begin();
  for (const Histogram::Bucket& bucket : now) {
    while (old != before.end() && old->low < bucket.low) ++old;
    uint64_t count = bucket.count;
    if (old != before.end() && old->low == bucket.low && old->count <= count) count -= old->count;
    if (count != 0) result.push_back({bucket.low, bucket.width, count});
  }
  return result;
}

std::array<double, kQuantiles.size()> quantiles(const Buckets& buckets) {
  std::array<double, kQuantiles.size()> result;
  result.fill(std::numeric_limits<double>::quiet_NaN());
  if (buckets.empty()) return result;
  const double total = static_cast<double>(sample_count(buckets));
  size_t at = 0;
  double below = 0;
  double up_to = static_cast<double>(buckets[0].count);
  for (size_t i = 0; i < kQuantiles.size(); ++i) {
    const double rank = total * kQuantiles[i];
    while (at + 1 < buckets.size() && up_to < rank) {
      below = up_to;
      up_to += static_cast<double>(buckets[++at].count);
    }
    const Histogram::Bucket& bucket = buckets[at];
    if (rank == below || bucket.width == 0) {
      result[i] = bucket.low;
    } else if (rank == up_to) {
      result[i] = bucket.low + bucket.width;
    } else {
      result[i] = bucket.low + (rank - below) / (up_to - below) * bucket.width;
    }
  }
  return result;
}

uint64_t sample_count(const Buckets& buckets) {
  uint64_t sum = 0;
  for (const Histogram::Bucket& bucket : buckets) sum += bucket.count;
  return sum;
}

double sample_sum(const Buckets& buckets) {
  double sum = 0;
  for (const Histogram::Bucket& bucket : buckets) sum += (bucket.low + bucket.width / 2) * static_cast<double>(bucket.count);
  return sum;
}

std::vector<uint64_t> counts_up_to(const Buckets& buckets, const std::vector<double>& bounds) {
  std::vector<uint64_t> result;
  result.reserve(bounds.size());
  auto at = buckets.begin();
  uint64_t sum = 0;
  for (const double bound : bounds) {
    for (; at != buckets.end() && at->low + at->width <= bound; ++at) sum += at->count;
    result.push_back(sum);
  }
  return result;
}

}  // namespace weir::stats
