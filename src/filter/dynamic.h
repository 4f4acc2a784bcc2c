// DynamicFilter: a filter whose configuration comes from elsewhere and may change while requests flow (ECDS).
#pragma once

#include <atomic>
#include <memory>

#include "filter/filter.h"

namespace weir::filter {

/// A request keeps the configuration that it began with. While there is none, requests are answered with 500.
class DynamicFilter final : public FilterFactory {
 public:
  /// Main thread.
  void replace(FilterFactoryPtr filter) { present_.store(std::move(filter)); }
  FilterFactoryPtr present() const { return present_.load(); }

  Filter* make(Exchange& exchange, const RouteSettings& settings) const override;

 private:
  std::atomic<FilterFactoryPtr> present_;
};

}  // namespace weir::filter
