// Any first bytes: reading them ends, and a header is never longer than what came.
#include <cstdlib>

#include "net/proxy_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::net::ProxyHeader header;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (weir::net::read_proxy_header(bytes, header) == weir::net::ProxyHeaderFound::kYes && header.size > size) std::abort();
  return 0;
}
