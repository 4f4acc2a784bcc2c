#include "stats/registry.h"

#include <utility>

#include "base/check.h"

namespace weir::stats {

std::string sanitize(std::string_view name) {
  std::string result;
  result.reserve(name.size());
  while (!name.empty()) {
    const bool replaced = name[0] == ':' || name[0] == '\0';
    result += replaced ? '_' : name[0];
    name.remove_prefix(name.starts_with("://") ? 3 : 1);
  }
  return result;
}

Registry::Registration::Registration(Registration&& other) noexcept
    : registry_(std::exchange(other.registry_, nullptr)), at_(other.at_) {}

Registry::Registration& Registry::Registration::operator=(Registration&& other) noexcept {
  std::swap(registry_, other.registry_);
  std::swap(at_, other.at_);
  return *this;
}

Registry::Registration::~Registration() {
  if (registry_ != nullptr) registry_->sources_.erase(at_);
}

Registry::Registration Registry::add(std::string_view prefix, Source source) {
  CHECK(!prefix.empty());
  return Registration(*this, sources_.emplace(std::string(prefix), std::move(source)));
}

bool Registry::visit_next(std::string& cursor, StatVisitor& visitor) {
  auto at = sources_.upper_bound(cursor);
  if (at == sources_.end()) return false;
  const std::string& first = at->first;
  auto last = at;
  if (filter_.mode != NameFilter::Mode::kAll) visitor.show_only(filter_);
  for (; at != sources_.end() && at->first.starts_with(first); last = at++) {
    const auto scope = visitor.scope(at->first);
    at->second(visitor);
  }
  cursor = last->first;
  return true;
}

std::map<std::string, std::string> Registry::cursors() const {
  std::map<std::string, std::string> result;
  std::string cursor;
  for (auto at = sources_.begin(); at != sources_.end();) {
    const std::string& first = at->first;
    result.emplace(first, cursor);
    for (; at != sources_.end() && at->first.starts_with(first); ++at) cursor = at->first;
  }
  return result;
}

void Registry::visit(StatVisitor& visitor) {
  for (std::string cursor; visit_next(cursor, visitor);) {
  }
}

void Registry::configure(NameFilter filter, std::vector<BoundsRule> bounds) {
  filter_ = std::move(filter);
  bounds_ = std::move(bounds);
}

const std::vector<double>& Registry::bounds_of(std::string_view histogram) const {
  for (const BoundsRule& rule : bounds_) {
    if (rule.match.matches(histogram)) return rule.bounds;
  }
  return kDefaultBounds;
}

void Registry::reset_counters() {
  struct Reset final : StatVisitor {
    Reset() : StatVisitor(ResetCounters()) {}
  } reset;
  visit(reset);
}

void Registry::flush() {
  struct Reader final : StatVisitor {
    explicit Reader(Registry& registry) : StatVisitor(StatKind::kHistogram), registry(registry) {}
    void on_histogram(std::string_view name, const HistogramCells& cells, Unit unit) override {
      if (!cells.used()) return;
      Buckets now = cells.buckets();
      if (unit == Unit::kPercent) {
        for (auto& bucket : now) bucket = {bucket.low / kPercentScale, bucket.width / kPercentScale, bucket.count};
      }
      auto at = registry.histories_.find(name);
      if (at == registry.histories_.end()) at = registry.histories_.emplace(name, History()).first;
      at->second.flush = registry.flushes_;
      merge_buckets(at->second.next, now);  // two sources may share the name
    }
    Registry& registry;
  } reader(*this);
  ++flushes_;
  visit(reader);
  std::erase_if(histories_, [this](const auto& entry) { return entry.second.flush != flushes_; });
  for (auto& [name, history] : histories_) {
    history.interval = difference(history.next, history.cumulative);
    history.cumulative = std::exchange(history.next, {});
  }
}

const Registry::History* Registry::history(std::string_view histogram) const {
  const auto at = histories_.find(histogram);
  return at == histories_.end() ? nullptr : &at->second;
}

}  // namespace weir::stats
