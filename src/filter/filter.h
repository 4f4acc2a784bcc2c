// Filter: what stands between routing and the upstream. A filter sees a request's head, then its response's, and says what
// happens next; bodies pass by those that do not want them.
#pragma once

#include <memory>
#include <new>
#include <string_view>
#include <utility>

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
  /// Answer the request here.
  static Verdict reply(const Reply& reply) {
    Verdict verdict(Kind::kReply);
    verdict.answer = reply;
    return verdict;
  }
  static Verdict reply(int status, std::string_view body, std::string_view details) {
    return reply(Reply{.status = status, .body = body, .details = details});
  }

  Kind kind;
  Reply answer;

 private:
  explicit Verdict(Kind kind) : kind(kind) {}
};

class FilterFactory;
using FilterFactoryPtr = std::shared_ptr<const FilterFactory>;

/// One filter's state for one exchange. Made in the exchange's arena; destroyed when the exchange ends (a pause ends with it).
class Filter {
 public:
  virtual ~Filter() = default;
  virtual Verdict on_request(Exchange& exchange) { return Verdict::proceed(); }
  /// Called in the reverse order of on_request(), also for replies made by Weir itself.
  virtual Verdict on_response(Exchange& exchange) { return Verdict::proceed(); }
  /// An answer of this filter's own has its status, not yet its body: headers may be added.
  virtual void on_reply(Exchange& exchange) {}

  // --- for a filter that wants a body: it gets every byte of it once it has seen the head, also while it pauses, and hands on
  // what shall go on with the exchange's pass_…(): at once, later, changed or never. ---
  virtual void on_request_body(Exchange& exchange, std::string_view bytes, bool end_stream) {
    exchange.pass_request_body(*this, bytes, end_stream);
  }
  virtual void on_request_trailers(Exchange& exchange) { exchange.pass_request_trailers(*this); }
  virtual void on_response_body(Exchange& exchange, std::string_view bytes, bool end_stream) {
    exchange.pass_response_body(*this, bytes, end_stream);
  }
  virtual void on_response_trailers(Exchange& exchange) { exchange.pass_response_trailers(*this); }

  /// The exchange is over, however it ended; the access log has not been written yet.
  virtual void on_end(Exchange& exchange) {}

  bool wants_request_body() const { return wants_request_body_; }
  bool wants_response_body() const { return wants_response_body_; }

  // --- whoever makes and calls filters ---
  size_t position() const { return position_; }
  void set_position(size_t position) { position_ = position; }
  /// The configuration may be replaced while the filter lives.
  void keep(FilterFactoryPtr factory) { factory_ = std::move(factory); }

 protected:
  void want_request_body(bool wants = true) { wants_request_body_ = wants; }
  void want_response_body(bool wants = true) { wants_response_body_ = wants; }

 private:
  FilterFactoryPtr factory_;
  size_t position_ = 0;
  bool wants_request_body_ = false;
  bool wants_response_body_ = false;
};

/// A filter of the given class in the exchange's arena.
template <class T, class... Args>
Filter* make_in(Arena& arena, Args&&... args) {
  return new (arena.allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
}

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
  /// A filter for one exchange; null if this one needs none. What `settings` refers to lives until the exchange ends.
  virtual Filter* make(Exchange& exchange, const RouteSettings& settings) const = 0;
};

}  // namespace weir::filter
