// Listener filters: what is found out about a connection before a filter chain is chosen for it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"

namespace weir::proxy {

/// One of a listener's `listener_filters`.
struct ListenerFilterSpec {
  enum class Kind : uint8_t { kOriginalDestination, kProxyProtocol, kTlsInspector, kHttpInspector };
  Kind kind;
  /// Whether the filter is passed over for a connection to this port; empty: never.
  std::function<bool(uint16_t local_port)> disabled;
  // of the PROXY protocol
  bool proxy_header_optional = false;
  bool version1_allowed = true, version2_allowed = true;
};

/// What the filters found out.
struct ListenerFindings {
  net::AddressPtr local_address, remote_address;  // as they are from now on
  bool destination_restored = false;              // local_address is where the client meant to go, not where it arrived
  std::string server_name;                        // lower case
  std::string transport_protocol = "raw_buffer";
  std::vector<std::string> application_protocols;
};

enum class FilterResult : uint8_t {
  kGoOn,   // to the next filter
  kMore,   // when more bytes have come
  kClose,  // nobody may have this connection
};

/// Asks one filter. `bytes` are all that came and was not taken yet; `taken` says how many of them are the filter's own and
/// nobody else will see. `fd` is the socket.
FilterResult run_listener_filter(const ListenerFilterSpec& filter, int fd, std::string_view bytes, ListenerFindings& findings,
                                 size_t& taken);

/// "http/1.0", "http/1.1", "h2c"; "" if it is no HTTP. `more`: too little has come to tell.
std::string_view sniff_http(std::string_view bytes, bool& more);

}  // namespace weir::proxy
