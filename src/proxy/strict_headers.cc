#include "proxy/strict_headers.h"

#include <cstdint>

#include "base/text.h"
#include "route/retry_conditions.h"

namespace weir::proxy {

namespace {

using http::HeaderId;

bool is_valid(HeaderId id, std::string_view value) {
  switch (id) {
    case HeaderId::kEnvoyRetryOn:
      return route::knows_retry_on(value);
    case HeaderId::kEnvoyRetryGrpcOn:
      return route::knows_retry_grpc_on(value);
    default:
      if (value.starts_with('+')) value.remove_prefix(1);
      return parse_number<uint64_t>(value).has_value();
  }
}

}  // namespace

const http::Header* first_invalid(const std::vector<HeaderId>& checked, const http::HeaderMap& request) {
  for (const HeaderId id : checked) {
    const http::Header* line = request.find(id);
    if (line != nullptr && !is_valid(id, line->value)) return line;
  }
  return nullptr;
}

}  // namespace weir::proxy
