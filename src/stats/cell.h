// Cells: counters and gauges that one worker writes and anybody may read; they cost what an ordinary variable costs.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace weir::stats {

/// A number that only ever grows. Written by one thread, read by any.
class Counter {
 public:
  void add(uint64_t amount = 1) { value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed); }
  /// For the rare counter that several threads write; dearer, and mixed with add() it would lose some.
  void add_from_any_thread() { value_.fetch_add(1, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed) & ~kWasUsed; }
  /// Whether it ever grew, also if it was reset since.
  bool used() const { return value_.load(std::memory_order_relaxed) != 0; }
  /// For /reset_counters only; an increment made at the same moment may be lost.
  void reset() {
    if (used()) value_.store(kWasUsed, std::memory_order_relaxed);
  }

 private:
  static constexpr uint64_t kWasUsed = uint64_t{1} << 63;
  std::atomic<uint64_t> value_ = 0;
};

/// A number that goes up and down. Written by one thread, read by any. A worker's share may be negative; the sum is not.
/// The lowest bit remembers that the gauge was ever written, also when it is back at 0 (`usedonly` asks for that).
class Gauge {
 public:
  void add(int64_t amount = 1) {
    cell_.store((cell_.load(std::memory_order_relaxed) + amount * 2) | 1, std::memory_order_relaxed);
  }
  void subtract(int64_t amount = 1) { add(-amount); }
  void set(int64_t value) { cell_.store(value * 2 | 1, std::memory_order_relaxed); }
  int64_t value() const { return cell_.load(std::memory_order_relaxed) >> 1; }
  bool used() const { return (cell_.load(std::memory_order_relaxed) & 1) != 0; }

 private:
  std::atomic<int64_t> cell_ = 0;
};

/// Holds a gauge up by one for as long as it lives.
class GaugeHold {
 public:
  GaugeHold() = default;
  explicit GaugeHold(Gauge& gauge) : gauge_(&gauge) { gauge.add(); }
  GaugeHold(GaugeHold&& other) noexcept : gauge_(other.gauge_) { other.gauge_ = nullptr; }
  GaugeHold& operator=(GaugeHold&& other) noexcept {
    std::swap(gauge_, other.gauge_);
    return *this;
  }
  ~GaugeHold() {
    if (gauge_ != nullptr) gauge_->subtract();
  }

 private:
  Gauge* gauge_ = nullptr;
};

/// Samples in log-linear buckets, 90 a decade: a value is known to two significant digits (as in libcircllhist, whose bucket
/// bounds Envoy shows). Written by one thread, read by any; buckets are allocated in tens, when one of them is first used, for
/// there are thousands of histograms and most see values of one size.
class Histogram {
 public:
  Histogram() = default;
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;
  ~Histogram();

  void record(uint64_t value);

  struct Bucket {
    double low;  // samples lie in [low, low + width); width 0 is the bucket of zeros
    double width;
    uint64_t count;
    friend bool operator==(const Bucket&, const Bucket&) = default;
  };
  bool used() const { return zeros_.load(std::memory_order_relaxed) != 0 || decades_.load(std::memory_order_relaxed) != nullptr; }
  /// The non-empty buckets in rising order.
  std::vector<Bucket> buckets() const;

 private:
  using Ten = std::array<std::atomic<uint64_t>, 10>;  // by the second digit
  /// 10^exponent up to its tenfold; the decades in use are a list, in no order.
  struct Decade {
    explicit Decade(int exponent, Decade* next) : exponent(exponent), next(next) {}
    const int exponent;
    Decade* const next;
    std::array<std::atomic<Ten*>, 9> tens = {};  // by the first digit
  };
  Decade& decade(int exponent);

  std::atomic<uint64_t> zeros_ = 0;
  std::atomic<Decade*> decades_ = nullptr;
};

/// One T per worker, made by the worker when it first needs it. T's members are cells.
template <class T>
class Sharded {
 public:
  explicit Sharded(size_t workers) : shards_(workers) {}
  ~Sharded() {
    for (auto& shard : shards_) delete shard.load(std::memory_order_relaxed);
  }
  Sharded(const Sharded&) = delete;
  Sharded& operator=(const Sharded&) = delete;

  /// The calling worker's own cells.
  T& mine(size_t worker) {
    T* shard = shards_[worker].load(std::memory_order_relaxed);
    if (shard == nullptr) {
      shard = new T();
      shards_[worker].store(shard, std::memory_order_release);
    }
    return *shard;
  }

  /// From any thread: calls `visit(const T&)` for each shard that exists.
  template <class F>
  void for_each(F&& visit) const {
    for (const auto& shard : shards_) {
      if (const T* cells = shard.load(std::memory_order_acquire)) visit(*cells);
    }
  }
  template <class F>
  void for_each_mutable(F&& visit) {
    for (auto& shard : shards_) {
      if (T* cells = shard.load(std::memory_order_acquire)) visit(*cells);
    }
  }
  /// As for_each_mutable, with the number of the worker: `visit(size_t, T&)`.
  template <class F>
  void for_each_worker(F&& visit) {
    for (size_t worker = 0; worker < shards_.size(); ++worker) {
      if (T* cells = shards_[worker].load(std::memory_order_acquire)) visit(worker, *cells);
    }
  }
  size_t workers() const { return shards_.size(); }
  bool used() const {
    for (const auto& shard : shards_) {
      if (shard.load(std::memory_order_acquire) != nullptr) return true;
    }
    return false;
  }

 private:
  std::vector<std::atomic<T*>> shards_;
};

}  // namespace weir::stats
