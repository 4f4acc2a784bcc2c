// Any path: normalizing it is bounded and leaves no dot segment.
#include <algorithm>
#include <string>

#include "base/check.h"
#include "proxy/path_rules.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir;
  const std::string path = "/" + std::string(reinterpret_cast<const char*>(data), std::min<size_t>(size, 4096));
  Arena arena;
  if (const auto once = proxy::normalize_path(arena, path)) {
    CHECK(once->size() <= 3 * path.size() && once->front() == '/');
    CHECK(once->find("/../") == std::string_view::npos && !once->ends_with("/.."));
  }
  http::HeaderMap request(arena);
  request.set_pseudo(http::HeaderId::kPath, path);
  request.set_pseudo(http::HeaderId::kAuthority, path);
  proxy::apply_path_rules(request,
                          {.normalize = true, .merge_slashes = true, .escaped_slashes = proxy::EscapedSlashes::kForward});
  proxy::apply_host_rules(request, {.port = proxy::HostRules::Port::kStripAny, .strip_trailing_dot = true}, 1);
  return 0;
}
