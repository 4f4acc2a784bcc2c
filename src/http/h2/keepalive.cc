#include "http/h2/keepalive.h"

namespace weir::http::h2 {

Keepalive::Keepalive(KeepaliveUser& user, const Http2Options& options, loop::EventLoop& loop)
    : user_(user),
      options_(options),
      loop_(loop),
      interval_timer_(loop::Timer::calling<&Keepalive::on_interval>(loop.timers(), *this)),
      timeout_timer_(loop::Timer::calling<&Keepalive::on_timeout>(loop.timers(), *this)),
      last_heard_(loop.now()) {
  if (options_.ping_interval_ms > 0) interval_timer_.arm(options_.ping_interval_ms);
}

void Keepalive::ping() {
  interval_timer_.cancel();
  user_.send_ping();
  if (!timeout_timer_.armed()) timeout_timer_.arm(options_.ping_timeout_ms);
}

void Keepalive::on_bytes() {
  last_heard_ = loop_.now();
  if (timeout_timer_.armed()) timeout_timer_.arm(options_.ping_timeout_ms);
}

void Keepalive::on_answer() {
  timeout_timer_.cancel();
  if (options_.ping_interval_ms <= 0) return;
  const double most = static_cast<double>(options_.ping_interval_ms) * options_.ping_jitter_percent / 100;
  interval_timer_.arm(options_.ping_interval_ms + static_cast<int64_t>(loop_.random().below(static_cast<uint64_t>(most))));
}

void Keepalive::before_request() {
  if (options_.ping_after_idle_ms <= 0) return;
  if (loop_.now() - last_heard_ > options_.ping_after_idle_ms * kNsPerMs) ping();
}

void Keepalive::stop() {
  interval_timer_.cancel();
  timeout_timer_.cancel();
}

}  // namespace weir::http::h2
