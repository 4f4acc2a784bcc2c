// Filter: what stands between routing and the upstream. A filter sees a request's head, then its response's, and says what
// happens next.
#pragma once

#include <memory>
#include <string_view>

#include "base/arena.h"
#include "filter/exchange.h"

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

/// A filter as configured: immutable, shared by all exchanges and workers.
class FilterFactory {
 public:
  virtual ~FilterFactory() = default;
  /// A filter for one exchange. `route` is the per-route configuration of the same filter, the most specific one; null if there
  /// is none.
  virtual Filter* make(Arena& arena, const FilterFactory* route) const = 0;
};
using FilterFactoryPtr = std::shared_ptr<const FilterFactory>;

}  // namespace weir::filter
