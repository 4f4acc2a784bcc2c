// ClientHello: what the first message of a TLS client says, read without taking part in the handshake.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::net {

struct ClientHello {
  std::string server_name;        // lower case; "" if there is none
  std::vector<std::string> alpn;  // as offered, in order
  std::string ja3, ja4;           // fingerprints of what the client can, if they are asked for; else ""
};

enum class Fingerprints : uint8_t { kNone = 0, kJa3 = 1, kJa4 = 2, kBoth = 3 };

enum class Sniff : uint8_t {
  kMore,     // it may be one, but is not whole yet
  kFound,    // it is one
  kOther,    // it is something else, or broken
  kTooLong,  // more than 16 KiB
};

/// Looks at the first bytes of a connection (RFC 8446 §4.1.2, §5.1; RFC 6066 §3; RFC 7301). Fills `hello` if it is found.
Sniff read_client_hello(std::string_view bytes, ClientHello& hello, Fingerprints wanted = Fingerprints::kNone);

}  // namespace weir::net
