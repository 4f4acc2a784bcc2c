// Fuzzes what an admin request's target and form body are taken apart with.
#include <cstdint>
#include <cstdlib>

#include "admin/request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string path = weir::admin::plain_path(text);
  if (path.empty() || path.front() != '/' || path.find("//") != std::string::npos) abort();
  const weir::admin::Query query(text);
  for (const auto& [name, value] : query.all()) {
    if (!query.has(name)) abort();
  }
  return 0;
}
