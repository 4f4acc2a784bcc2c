// x-forwarded-client-cert: who the client has proved to be, for those behind us.
#pragma once

#include "format/stream_info.h"
#include "http/header_map.h"

namespace weir::proxy {

/// HttpConnectionManager.ForwardClientCertDetails.
enum class ClientCertMode : uint8_t { kSanitize, kForwardOnly, kAppendForward, kSanitizeSet, kAlwaysForwardOnly };

/// SetCurrentClientCertDetails: what is said beside By and Hash.
struct ClientCertDetails {
  bool subject = false, certificate = false, chain = false, dns = false, uri = false;
};

/// Removes, keeps, extends or replaces the header.
void forward_client_certificate(http::HeaderMap& request, ClientCertMode mode, const ClientCertDetails& details,
                                const format::ConnectionInfo& connection);

}  // namespace weir::proxy
