#include "filter/dynamic.h"

#include <utility>

namespace weir::filter {

namespace {

/// Holds the configuration that the filter refers to.
class Holder final : public Filter {
 public:
  Holder(FilterFactoryPtr factory, Filter& filter) : factory_(std::move(factory)), filter_(filter) {}
  ~Holder() override { filter_.~Filter(); }

  Verdict on_request(Exchange& exchange) override { return filter_.on_request(exchange); }
  Verdict on_response(Exchange& exchange) override { return filter_.on_response(exchange); }

 private:
  const FilterFactoryPtr factory_;
  Filter& filter_;  // in the same arena
};

class Missing final : public Filter {
 public:
  Verdict on_request(Exchange& exchange) override {
    exchange.info.flags.set(format::ResponseFlag::kNoFilterConfigFound);
    return Verdict::reply(500, "", "");
  }
};

}  // namespace

Filter* DynamicFilter::make(Arena& arena, const RouteSettings& settings) const {
  FilterFactoryPtr factory = present();
  if (factory == nullptr) return new (arena.allocate(sizeof(Missing), alignof(Missing))) Missing;
  Filter& filter = *factory->make(arena, settings);
  return new (arena.allocate(sizeof(Holder), alignof(Holder))) Holder(std::move(factory), filter);
}

}  // namespace weir::filter
