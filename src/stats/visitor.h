// StatVisitor: who is shown every statistic by its full dotted name. Names exist only while somebody is looking.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "stats/cell.h"
#include "stats/name_filter.h"

namespace weir::stats {

enum class StatKind : uint8_t { kCounter = 1, kGauge = 2, kHistogram = 4, kText = 8 };

/// A set of kinds.
class StatKinds {
 public:
  constexpr StatKinds(StatKind kind) : bits_(static_cast<uint8_t>(kind)) {}
  static constexpr StatKinds all() { return StatKinds(uint8_t{15}); }
  constexpr StatKinds operator|(StatKinds other) const { return StatKinds(static_cast<uint8_t>(bits_ | other.bits_)); }
  constexpr StatKinds operator&(StatKinds other) const { return StatKinds(static_cast<uint8_t>(bits_ & other.bits_)); }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool has(StatKind kind) const { return (bits_ & static_cast<uint8_t>(kind)) != 0; }

 private:
  constexpr explicit StatKinds(uint8_t bits) : bits_(bits) {}
  uint8_t bits_;
};
constexpr StatKinds operator|(StatKind a, StatKind b) { return StatKinds(a) | b; }

/// What histograms measure; percent values are recorded in millionths (as Envoy's are) and shown as fractions of 1.
enum class Unit : uint8_t { kUnspecified, kMilliseconds, kMicroseconds, kBytes, kPercent };

/// Percent histograms hold their values times this.
constexpr double kPercentScale = 1'000'000;

/// One histogram during a visit: the cells of all workers, read only if somebody wants them.
class HistogramCells {
 public:
  virtual bool used() const = 0;
  /// The non-empty buckets of all workers together, rising.
  virtual std::vector<Histogram::Bucket> buckets() const = 0;

 protected:
  ~HistogramCells() = default;
};

/// Sources call counter(), gauge(), histogram() and text() with the part of the name below the scopes they are in; the on_
/// functions are told the whole name. A visitor may instead be there to reset counters.
class StatVisitor {
 public:
  explicit StatVisitor(StatKinds kinds) : kinds_(kinds) {}
  StatVisitor(const StatVisitor&) = delete;
  StatVisitor& operator=(const StatVisitor&) = delete;
  virtual ~StatVisitor() = default;

  /// Asked before a value is computed, so that unwanted kinds cost nothing.
  bool wants(StatKind kind) const { return kinds_.has(kind); }
  /// Whether counters are to be reset instead of shown.
  bool resets_counters() const { return resets_counters_; }

  /// Names that the filter does not admit are passed over from now on.
  void show_only(const NameFilter& filter) { filter_ = &filter; }

  /// While it lives, all names begin with what was given, e.g. "canary.".
  class [[nodiscard]] Scope {
   public:
    ~Scope() { visitor_.name_.resize(size_before_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    friend class StatVisitor;
    Scope(StatVisitor& visitor, std::string_view prefix) : visitor_(visitor), size_before_(visitor.name_.size()) {
      visitor.name_ += prefix;
    }
    StatVisitor& visitor_;
    size_t size_before_;
  };
  Scope scope(std::string_view prefix) { return Scope(*this, prefix); }

  void counter(std::string_view name, uint64_t value) { counter(name, value, value != 0); }
  /// `used`: it ever grew.
  void counter(std::string_view name, uint64_t value, bool used) {
    if (!wants(StatKind::kCounter)) return;
    const Composed full(*this, name);
    if (full.admitted()) on_counter(full.text(), value, used);
  }
  void gauge(std::string_view name, int64_t value, bool used = true) {
    if (!wants(StatKind::kGauge)) return;
    const Composed full(*this, name);
    if (full.admitted()) on_gauge(full.text(), static_cast<uint64_t>(value), used);
  }
  void histogram(std::string_view name, const HistogramCells& cells, Unit unit) {
    if (!wants(StatKind::kHistogram)) return;
    const Composed full(*this, name);
    if (full.admitted()) on_histogram(full.text(), cells, unit);
  }
  void text(std::string_view name, std::string_view value) {
    if (!wants(StatKind::kText)) return;
    const Composed full(*this, name);
    if (full.admitted()) on_text(full.text(), value);
  }

 protected:
  struct ResetCounters {};
  explicit StatVisitor(ResetCounters) : kinds_(StatKind::kCounter), resets_counters_(true) {}
  void set_kinds(StatKinds kinds) { kinds_ = kinds; }

  virtual void on_counter(std::string_view name, uint64_t value, bool used) {}
  virtual void on_gauge(std::string_view name, uint64_t value, bool used) {}
  virtual void on_histogram(std::string_view name, const HistogramCells& cells, Unit unit) {}
  virtual void on_text(std::string_view name, std::string_view value) {}

 private:
  class Composed {
   public:
    Composed(StatVisitor& visitor, std::string_view name) : visitor_(visitor), scope_(visitor, name) {}
    std::string_view text() const { return visitor_.name_; }
    bool admitted() const { return visitor_.filter_ == nullptr || visitor_.filter_->admits(visitor_.name_); }

   private:
    const StatVisitor& visitor_;
    Scope scope_;
  };

  StatKinds kinds_;
  bool resets_counters_ = false;
  const NameFilter* filter_ = nullptr;
  std::string name_;
};

}  // namespace weir::stats
