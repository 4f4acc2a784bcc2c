// A message of gRPC as it stands in a body (gRPC over HTTP/2, Length-Prefixed-Message).
#pragma once

#include <string>
#include <string_view>

namespace weir::http {

/// Whether it is compressed (never, by us) and its length, and then the message.
inline std::string grpc_frame(std::string_view message) {
  std::string frame(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(message.size() >> shift);
  return frame.append(message);
}

}  // namespace weir::http
