// Any first bytes: reading them ends, and more bytes never turn "something else" into a hello.
#include <cstdlib>

#include "net/tls/client_hello.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  weir::net::ClientHello whole, half;
  const auto found = weir::net::read_client_hello(bytes, whole);
  const auto before = weir::net::read_client_hello(bytes.substr(0, size / 2), half);
  if (before == weir::net::Sniff::kOther && found == weir::net::Sniff::kFound) std::abort();
  return 0;
}
