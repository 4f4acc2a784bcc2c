#include "observe/request_feed.h"

#include <algorithm>
#include <utility>

namespace weir::observe {

RequestFeed::RequestFeed(size_t workers) {
  for (size_t i = 0; i < workers; ++i) shards_.push_back(std::make_unique<Shard>());
}

bool RequestFeed::wants(size_t worker, MonotonicNs now) {
  Shard& shard = *shards_[worker];
  if (now - shard.second_began >= kNsPerSecond) {
    shard.second_began = now;
    shard.in_this_second = 0;
  }
  if (++shard.in_this_second <= kMostPerSecond) return true;
  const std::lock_guard lock(shard.mutex);
  ++shard.dropped;
  return false;
}

void RequestFeed::add(size_t worker, std::string description) {
  Shard& shard = *shards_[worker];
  const std::lock_guard lock(shard.mutex);
  if (shard.descriptions.size() == kKept) {  // whoever watches does not look often enough
    shard.descriptions.pop_front();
    ++shard.dropped;
  }
  shard.descriptions.push_back(std::move(description));
}

void RequestFeed::gather() {
  for (const auto& shard : shards_) {
    std::deque<std::string> news;
    {
      const std::lock_guard lock(shard->mutex);
      news.swap(shard->descriptions);
      dropped_ += std::exchange(shard->dropped, 0);
    }
    next_ += news.size();
    for (std::string& each : news) kept_.push_back(std::move(each));
  }
  while (kept_.size() > kKept) kept_.pop_front();
}

RequestFeed::News RequestFeed::look(uint64_t after, MonotonicNs now) {
  if (!watched()) dropped_ = 0;
  looked_at_ = now;
  watched_.store(true, std::memory_order_relaxed);
  gather();
  News news{.descriptions = {}, .next = next_, .dropped = dropped_};
  const uint64_t fresh = after == 0 || after > next_ ? kept_.size() : std::min<uint64_t>(next_ - after, kept_.size());
  news.descriptions.assign(kept_.end() - static_cast<ptrdiff_t>(fresh), kept_.end());
  return news;
}

void RequestFeed::sweep(MonotonicNs now) {
  if (!watched() || now - looked_at_ < kWatching) return;
  watched_.store(false, std::memory_order_relaxed);
  gather();
  kept_.clear();
}

}  // namespace weir::observe
