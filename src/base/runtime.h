// Runtime: values that an operator may change while requests flow, read on any thread without a lock or a lookup.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// A share of 100, 10,000 or 1,000,000.
struct RuntimeShare {
  uint32_t numerator = 0;
  uint32_t denominator = 100;

  bool operator==(const RuntimeShare&) const = default;
};

/// What a key of the runtime holds: nothing that could be used, a number, a bool or a share. 64 bits, so that an atomic takes it:
/// a number is stored as it is, everything else as a NaN with a payload.
class RuntimeValue {
 public:
  constexpr RuntimeValue() = default;
  static RuntimeValue number(double number) {
    return std::isfinite(number) ? RuntimeValue(std::bit_cast<uint64_t>(number)) : RuntimeValue();
  }
  static constexpr RuntimeValue flag(bool flag) { return RuntimeValue(flag ? kTrue : kFalse); }
  static constexpr RuntimeValue share(RuntimeShare share) {
    const uint64_t unit = share.denominator == 1'000'000 ? 2 : share.denominator == 10'000 ? 1 : 0;
    return RuntimeValue(kShare | unit << 32 | share.numerator);
  }
  static constexpr RuntimeValue from_bits(uint64_t bits) { return RuntimeValue(bits); }

  constexpr uint64_t bits() const { return bits_; }
  std::optional<double> as_number() const {
    const double number = std::bit_cast<double>(bits_);
    return std::isnan(number) ? std::nullopt : std::optional(number);
  }
  /// A number that is not negative, without what follows its point.
  std::optional<uint64_t> as_integer() const {
    const double number = std::bit_cast<double>(bits_);
    if (!(number >= 0)) return std::nullopt;
    return number < 0x1p64 ? static_cast<uint64_t>(number) : UINT64_MAX;
  }
  /// A bool; a number is one too, false if it is 0.
  std::optional<bool> as_flag() const {
    if (bits_ == kTrue || bits_ == kFalse) return bits_ == kTrue;
    const std::optional<double> number = as_number();
    return number ? std::optional(*number != 0) : std::nullopt;
  }
  /// A share; an integer is one of 100.
  std::optional<RuntimeShare> as_share() const {
    if ((bits_ & ~uint64_t{0x3'ffff'ffff}) == kShare) {
      constexpr uint32_t kUnits[] = {100, 10'000, 1'000'000, 1'000'000};
      return RuntimeShare{static_cast<uint32_t>(bits_), kUnits[(bits_ >> 32) & 3]};
    }
    const std::optional<uint64_t> integer = as_integer();
    if (!integer) return std::nullopt;
    return RuntimeShare{static_cast<uint32_t>(std::min<uint64_t>(*integer, UINT32_MAX)), 100};
  }

 private:
  static constexpr uint64_t kNothing = 0x7ff8'0000'0000'0000, kFalse = 0x7ff9'0000'0000'0000, kTrue = 0x7ff9'0000'0000'0001,
                            kShare = 0x7ffa'0000'0000'0000;

  explicit constexpr RuntimeValue(uint64_t bits) : bits_(bits) {}
  uint64_t bits_ = kNothing;
};

/// A key, found by name once when configuration is loaded. Reading it is one relaxed load; any thread.
class RuntimeKey {
 public:
  /// A key that never holds anything.
  RuntimeKey() = default;

  bool exists() const { return cell_ != nullptr; }
  RuntimeValue value() const {
    return cell_ == nullptr ? RuntimeValue() : RuntimeValue::from_bits(cell_->load(std::memory_order_relaxed));
  }
  uint64_t integer(uint64_t otherwise) const { return value().as_integer().value_or(otherwise); }
  double number(double otherwise) const { return value().as_number().value_or(otherwise); }
  bool flag(bool otherwise) const { return value().as_flag().value_or(otherwise); }
  /// Whether `random` falls into the share; always if that is larger than the whole.
  bool holds(uint64_t random, RuntimeShare otherwise) const {
    const RuntimeShare share = value().as_share().value_or(otherwise);
    return random % share.denominator < share.numerator;
  }

 private:
  friend class RuntimeValues;
  explicit RuntimeKey(std::shared_ptr<const std::atomic<uint64_t>> cell) : cell_(std::move(cell)) {}
  std::shared_ptr<const std::atomic<uint64_t>> cell_;
};

/// All keys that begin alike, for those whose names are only known while requests flow. Any thread; nothing is looked up while
/// no such key holds anything.
class RuntimeFamily {
 public:
  /// One that never holds anything.
  RuntimeFamily() = default;

  bool empty() const { return cell_ == nullptr || !cell_->any.load(std::memory_order_relaxed); }
  /// Of the key whose name goes on with `rest`.
  RuntimeValue value(std::string_view rest) const;

 private:
  friend class RuntimeValues;
  using Members = std::map<std::string, RuntimeValue, std::less<>>;  // by what follows the beginning
  struct Cell {
    std::atomic<bool> any = false;
    std::atomic<std::shared_ptr<const Members>> members;
  };
  explicit RuntimeFamily(std::shared_ptr<const Cell> cell) : cell_(std::move(cell)) {}
  std::shared_ptr<const Cell> cell_;
};

/// All values there are, and a cell for each key that somebody asks for. Main thread.
class RuntimeValues {
 public:
  using Map = std::map<std::string, RuntimeValue, std::less<>>;

  /// What the key holds now and whatever it will hold; one that never holds anything for "".
  RuntimeKey key(std::string_view name);
  RuntimeFamily family(std::string_view beginning);
  /// These are the values from now on; other keys hold nothing.
  void assign(Map values);
  /// Whether any key begins like that.
  bool any(std::string_view beginning) const;
  /// Calls when a key that begins like that got another value, or might have, for as long as what is returned is held. For those
  /// with so many names that a key of each would cost more than to look again.
  [[nodiscard]] std::shared_ptr<const void> watch(std::string beginning, std::function<void()> changed);
  RuntimeValue value(std::string_view name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? RuntimeValue() : found->second;
  }

 private:
  Map values_;
  static bool any_of(const Map& values, std::string_view beginning);
  void fill(std::string_view beginning, RuntimeFamily::Cell& cell) const;
  std::map<std::string, std::weak_ptr<std::atomic<uint64_t>>, std::less<>> cells_;  // of keys that somebody may read
  std::map<std::string, std::weak_ptr<RuntimeFamily::Cell>, std::less<>> families_;
  struct Watch {
    std::string beginning;
    std::function<void()> changed;
  };
  std::vector<std::weak_ptr<const Watch>> watches_;
};

}  // namespace weir
