// Pacer: lets a body through no faster than so many bytes a second, and holds the rest.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/byte_queue.h"
#include "base/token_bucket.h"
#include "filter/filter.h"
#include "loop/timer.h"

namespace weir::filter {

/// One body of one exchange. What passes goes to whoever comes after the filter, in steps of `interval_ms`.
class Pacer {
 public:
  enum class Way : uint8_t { kRequest, kResponse };

  /// `bucket` holds bytes; it may be shared with other bodies. It, `filter` and `exchange` outlive the pacer.
  Pacer(Exchange& exchange, const Filter& filter, Way way, TokenBucket& bucket, int64_t interval_ms)
      : exchange_(exchange),
        filter_(filter),
        way_(way),
        bucket_(bucket),
        interval_ms_(interval_ms),
        held_(exchange.loop.blocks()),
        timer_(loop::Timer::calling<&Pacer::on_time>(exchange.loop.timers(), *this)) {}

  void body(std::string_view bytes, bool end_stream) {
    held_.append(bytes);
    ends_ = ends_ || end_stream;
    if (held_.size() > exchange_.buffer_limit()) hold(true);
    if (!timer_.armed() && (!held_.empty() || ends_)) timer_.arm(0);
  }
  void trailers() {
    trailers_ = true;
    if (held_.empty() && !timer_.armed()) finish(false);
  }
  size_t held() const { return held_.size(); }
  /// Called once when everything is through.
  void on_done(void (*tell)(void* who), void* who) {
    tell_ = tell;
    who_ = who;
  }
  /// Called whenever something is about to pass: how much, and whether more has to wait.
  void on_passed(void (*tell)(void* who, size_t size, bool held), void* who) {
    tell_passed_ = tell;
    who_ = who;
  }

 private:
  void on_time() {
    const uint64_t grant = bucket_.take_up_to(held_.size(), exchange_.loop.now());
    size_t left = grant;
    const bool rest = grant < held_.size();
    if (rest) timer_.arm(interval_ms_);
    if (tell_passed_ != nullptr && !held_.empty()) tell_passed_(who_, grant, rest);
    if (grant == 0 && !ends_) return;
    if (held_.empty()) return finish(true);
    while (left > 0) {
      const std::string_view piece = held_.front().substr(0, left);
      left -= piece.size();
      const bool last = left == 0 && !rest && ends_;
      if (last && tell_ != nullptr) std::exchange(tell_, nullptr)(who_);
      pass(piece, last);
      held_.drain(piece.size());
    }
    if (held_.size() <= exchange_.buffer_limit()) hold(false);
    if (!rest) finish(false);
  }
  void finish(bool empty_end) {
    if (!ends_ && !trailers_) return;
    if (tell_ != nullptr) std::exchange(tell_, nullptr)(who_);
    if (empty_end && std::exchange(ends_, false)) pass({}, true);
    if (std::exchange(trailers_, false)) pass_trailers();
  }
  void pass(std::string_view bytes, bool end_stream) {
    way_ == Way::kRequest ? exchange_.pass_request_body(filter_, bytes, end_stream)
                          : exchange_.pass_response_body(filter_, bytes, end_stream);
  }
  void pass_trailers() {
    way_ == Way::kRequest ? exchange_.pass_request_trailers(filter_) : exchange_.pass_response_trailers(filter_);
  }
  void hold(bool full) {
    if (std::exchange(holding_, full) == full) return;
    way_ == Way::kRequest ? exchange_.hold_request(filter_, full) : exchange_.hold_response(filter_, full);
  }

  Exchange& exchange_;
  const Filter& filter_;
  const Way way_;
  TokenBucket& bucket_;
  const int64_t interval_ms_;
  ByteQueue held_;
  loop::Timer timer_;
  bool ends_ = false;
  bool trailers_ = false;
  bool holding_ = false;
  void (*tell_)(void*) = nullptr;
  void (*tell_passed_)(void*, size_t, bool) = nullptr;
  void* who_ = nullptr;
};

}  // namespace weir::filter
