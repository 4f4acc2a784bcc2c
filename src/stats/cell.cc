#include "stats/cell.h"

#include <bit>

namespace weir::stats {

namespace {

constexpr std::array<uint64_t, Histogram::kDecades> kPowersOfTen = [] {
  std::array<uint64_t, Histogram::kDecades> powers{};
  uint64_t power = 1;
  for (auto& entry : powers) {
    entry = power;
    power *= 10;
  }
  return powers;
}();

int decade_of(uint64_t value) {
  // log10 from log2 (1233/4096 ≈ log10 2), corrected by one comparison.
  const int guess = (64 - std::countl_zero(value)) * 1233 >> 12;
  return guess - (value < kPowersOfTen[guess] ? 1 : 0);
}

}  // namespace

void Histogram::record(uint64_t value) {
  auto bump = [](std::atomic<uint64_t>& cell) {
    cell.store(cell.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  };
  if (value == 0) {
    bump(zeros_);
    return;
  }
  const int exponent = decade_of(value);
  const uint64_t tenths = exponent == 0 ? value * 10 : value / kPowersOfTen[exponent - 1];
  Decade* decade = decades_[exponent].load(std::memory_order_relaxed);
  if (decade == nullptr) {
    decade = new Decade{};
    decades_[exponent].store(decade, std::memory_order_release);
  }
  bump((*decade)[tenths - 10]);
}

std::vector<Histogram::Bucket> Histogram::buckets() const {
  std::vector<Bucket> result;
  if (const uint64_t zeros = zeros_.load(std::memory_order_relaxed)) result.push_back({0, 0, zeros});
  for (int exponent = 0; exponent < kDecades; ++exponent) {
    const Decade* decade = decades_[exponent].load(std::memory_order_acquire);
    if (decade == nullptr) continue;
    const double power = static_cast<double>(kPowersOfTen[exponent]);
    for (int i = 0; i < kBucketsPerDecade; ++i) {
      if (const uint64_t count = (*decade)[i].load(std::memory_order_relaxed)) {
        result.push_back({(i + 10) / 10.0 * power, power / 10, count});
      }
    }
  }
  return result;
}

bool Histogram::used() const {
  if (zeros_.load(std::memory_order_relaxed) != 0) return true;
  for (const auto& decade : decades_) {
    if (decade.load(std::memory_order_relaxed) != nullptr) return true;
  }
  return false;
}

}  // namespace weir::stats
