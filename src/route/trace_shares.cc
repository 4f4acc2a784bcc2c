#include "route/trace_shares.h"

#include <string_view>

namespace weir::route {

namespace {

format::Fraction following(RuntimeShare share, std::string_view key, RuntimeValues* runtime) {
  return {share.numerator, share.denominator, std::string(key), runtime == nullptr ? RuntimeKey() : runtime->key(key)};
}

}  // namespace

TraceShares trace_shares(RuntimeShare client, RuntimeShare random, RuntimeShare overall, RuntimeValues* runtime) {
  return {following(client, "tracing.client_enabled", runtime), following(random, "tracing.random_sampling", runtime),
          following(overall, "tracing.global_enabled", runtime)};
}

}  // namespace weir::route
