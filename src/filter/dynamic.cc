#include "filter/dynamic.h"

#include <utility>

namespace weir::filter {

namespace {

class Missing final : public Filter {
 public:
  Verdict on_request(Exchange& exchange) override {
    exchange.info.flags.set(format::ResponseFlag::kNoFilterConfigFound);
    return Verdict::reply(500, "", "");
  }
};

}  // namespace

Filter* DynamicFilter::make(Exchange& exchange, const RouteSettings& settings) const {
  FilterFactoryPtr factory = present();
  if (factory == nullptr) return make_in<Missing>(exchange.arena);
  Filter* filter = factory->make(exchange, settings);
  if (filter != nullptr) filter->keep(std::move(factory));
  return filter;
}

}  // namespace weir::filter
