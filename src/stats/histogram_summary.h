// What histograms are asked for: quantiles, counts below bounds, sums; all computed from buckets as libcircllhist computes them.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "stats/cell.h"

namespace weir::stats {

using Buckets = std::vector<Histogram::Bucket>;

/// The quantiles that are shown.
constexpr std::array<double, 10> kQuantiles = {0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1};

/// The upper bounds of the buckets that are shown when nothing else is configured (milliseconds, for most).
extern const std::vector<double> kDefaultBounds;

/// Adds the buckets of `more` to `sum`; both rise.
void merge_buckets(Buckets& sum, const Buckets& more);
/// What `now` holds beyond `before`. A bucket that shrank (its histogram was made anew) counts in full.
Buckets difference(const Buckets& now, const Buckets& before);

/// Values at kQuantiles, interpolated inside a bucket; NaN when there is no sample.
std::array<double, kQuantiles.size()> quantiles(const Buckets& buckets);
uint64_t sample_count(const Buckets& buckets);
/// Every sample counts as the middle of its bucket.
double sample_sum(const Buckets& buckets);
/// For each bound, how many samples lie in buckets that end at or below it.
std::vector<uint64_t> counts_up_to(const Buckets& buckets, const std::vector<double>& bounds);

}  // namespace weir::stats
