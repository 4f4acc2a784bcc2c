// TlsSource: where a listener or cluster gets its TLS context from: fixed, or replaced while running (SDS).
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "net/tls/context.h"

namespace weir::net {

/// Main replaces, workers take the newest for each new connection; those that are open keep what they began with.
class TlsSource {
 public:
  explicit TlsSource(TlsContextPtr context) : context_(std::move(context)) {}

  /// Null while a secret is missing: connections must be refused then.
  TlsContextPtr context() const { return context_.load(std::memory_order_acquire); }
  void replace(TlsContextPtr context) {
    context_.store(std::move(context), std::memory_order_release);
    updates_.fetch_add(1, std::memory_order_relaxed);
  }
  /// A connection was refused because there is no context.
  void count_not_ready() { not_ready_.fetch_add(1, std::memory_order_relaxed); }

  uint64_t updates() const { return updates_.load(std::memory_order_relaxed); }
  uint64_t not_ready() const { return not_ready_.load(std::memory_order_relaxed); }

 private:
  std::atomic<TlsContextPtr> context_;
  std::atomic<uint64_t> updates_ = 0;
  std::atomic<uint64_t> not_ready_ = 0;
};
using TlsSourcePtr = std::shared_ptr<TlsSource>;

}  // namespace weir::net
