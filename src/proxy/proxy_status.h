// Proxy-Status (RFC 9209): tells the client why an answer is ours and not the upstream's.
#pragma once

#include <string>
#include <string_view>

#include "format/stream_info.h"
#include "http/header_map.h"

namespace weir::proxy {

struct ProxyStatusRules {
  std::string name;  // of this proxy
  bool details = true;
  bool termination_details = true;
  bool response_flags = true;
  bool set_recommended_code = false;  // the status that the RFC recommends for the error replaces the response's own
};

/// Adds to the response what its flags say went wrong; nothing if nothing did.
void add_proxy_status(http::HeaderMap& response, const format::StreamInfo& info, const ProxyStatusRules& rules);

}  // namespace weir::proxy
