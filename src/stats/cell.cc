#include "stats/cell.h"

#include <algorithm>
#include <bit>

namespace weir::stats {

namespace {

constexpr std::array<uint64_t, 20> kPowersOfTen = [] {
  std::array<uint64_t, 20> powers{};
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

Histogram::~Histogram() {
  for (Decade* each = decades_.load(std::memory_order_relaxed); each != nullptr;) {
    for (auto& ten : each->tens) delete ten.load(std::memory_order_relaxed);
    Decade* next = each->next;
    delete each;
    each = next;
  }
}

Histogram::Decade& Histogram::decade(int exponent) {
  Decade* const first = decades_.load(std::memory_order_relaxed);
  for (Decade* each = first; each != nullptr; each = each->next) {
    if (each->exponent == exponent) return *each;
  }
  auto* made = new Decade(exponent, first);
  decades_.store(made, std::memory_order_release);
  return *made;
}

void Histogram::record(uint64_t value) {
  auto bump = [](std::atomic<uint64_t>& cell) {
    cell.store(cell.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  };
  if (value == 0) {
    bump(zeros_);
    return;
  }
  const int exponent = decade_of(value);
  const uint64_t digits = exponent == 0 ? value * 10 : value / kPowersOfTen[exponent - 1];  // 10 … 99
  std::atomic<Ten*>& place = decade(exponent).tens[digits / 10 - 1];
  Ten* ten = place.load(std::memory_order_relaxed);
  if (ten == nullptr) {
    ten = new Ten{};
    place.store(ten, std::memory_order_release);
  }
  bump((*ten)[digits % 10]);
}

std::vector<Histogram::Bucket> Histogram::buckets() const {
  std::vector<Bucket> result;
  if (const uint64_t zeros = zeros_.load(std::memory_order_relaxed)) result.push_back({0, 0, zeros});
  for (const Decade* each = decades_.load(std::memory_order_acquire); each != nullptr; each = each->next) {
    const double power = static_cast<double>(kPowersOfTen[each->exponent]);
    for (int first = 0; first < 9; ++first) {
      const Ten* ten = each->tens[first].load(std::memory_order_acquire);
      if (ten == nullptr) continue;
      for (int second = 0; second < 10; ++second) {
        const uint64_t count = (*ten)[second].load(std::memory_order_relaxed);
        if (count != 0) result.push_back({((first + 1) * 10 + second) / 10.0 * power, power / 10, count});
      }
    }
  }
  std::ranges::sort(result, {}, &Bucket::low);
  return result;
}

}  // namespace weir::stats
