#include "proxy/token_bucket_config.h"

#include "base/clock.h"
#include "config/duration.h"
#include "envoy/type/v3/token_bucket.pb.h"

namespace weir::proxy {

std::unique_ptr<TokenBucket> read_token_bucket(const envoy::type::v3::TokenBucket& from, const config::FieldPath& at,
                                               config::Diagnostics& diagnostics) {
  const int64_t fill_ms = config::milliseconds(from.fill_interval());
  if (fill_ms < 50) {
    diagnostics.error({{}, config::FieldPath{&at, "fill_interval"}.text(), "must not be less than 50 ms", ""});
    return nullptr;
  }
  const uint32_t tokens = from.has_tokens_per_fill() ? from.tokens_per_fill().value() : 1;
  return std::make_unique<TokenBucket>(from.max_tokens(), 1000.0 * tokens / static_cast<double>(fill_ms), monotonic_now());
}

}  // namespace weir::proxy
