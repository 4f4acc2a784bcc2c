// Filter: what stands between routing and the upstream. A filter sees a request's head, then its response's, and says what
// happens next.
#pragma once

#include <memory>
#include <string_view>

#include "base/arena.h"
#include "filter/exchange.h"
#include "route/spec.h"

namespace weir::filter {

/// What a filter decided about the head it was shown.
class [[nodiscard]] Verdict {
 public:
  enum class Kind : uint8_t { kProceed, kPause, kReply };

  /// On to the next filter.
  static Verdict proceed() { return Verdict(Kind::kProceed); }
  /// Wait: the filter will call proceed_later() or reply_later() of the exchange.
  static Verdict pause() { return Verdict(Kind::kPause); }
  /// Answer the request here. `body` must live as long as the exchange's arena; `details` are Envoy's response code details.
  static Verdict reply(int status, std::string_view body, std::string_view details) {
    Verdict verdict(Kind::kReply);
    verdict.status = status;
    verdict.body = body;
    verdict.details = details;
    return verdict;
  }

  Kind kind;
  int status = 0;
  std::string_view body;
  std::string_view details;

 private:
  explicit Verdict(Kind kind) : kind(kind) {}
};

/// One filter's state for one exchange. Made in the exchange's arena; destroyed when the exchange ends (a pause ends with it).
class Filter {
 public:
  virtual ~Filter() = default;
  virtual Verdict on_request(Exchange& exchange) { return Verdict::proceed(); }
  /// Called in the reverse order of on_request(), also for replies made by Weir itself.
  virtual Verdict on_response(Exchange& exchange) { return Verdict::proceed(); }
};

/// What a request's way says to one filter, from the least specific (route configuration) to the most specific (weighted
/// cluster).
class RouteSettings {
 public:
  void add(const route::FilterSettings& settings) { levels_[count_++] = &settings; }
  bool empty() const { return count_ == 0; }
  const route::FilterSettings* const* begin() const { return levels_; }
  const route::FilterSettings* const* end() const { return levels_ + count_; }
  /// Null if nothing is said.
  const route::FilterSettings* most_specific() const { return count_ == 0 ? nullptr : levels_[count_ - 1]; }

  static constexpr size_t kLevels = 4;

 private:
  const route::FilterSettings* levels_[kLevels] = {};
  size_t count_ = 0;
};

/// A filter as configured: immutable, shared by all exchanges and workers.
class FilterFactory {
 public:
  virtual ~FilterFactory() = default;
  /// A filter for one exchange. What `settings` refers to lives until the exchange ends.
  virtual Filter* make(Arena& arena, const RouteSettings& settings) const = 0;
};
using FilterFactoryPtr = std::shared_ptr<const FilterFactory>;

}  // namespace weir::filter
