// Envoy's protocol options of HTTP/1 and HTTP/2, which connection managers and clusters share, become plain values.
#pragma once

#include "config/support.h"
#include "http/codec.h"

namespace envoy::config::core::v3 {
class Http1ProtocolOptions;
class Http2ProtocolOptions;
}  // namespace envoy::config::core::v3

namespace weir::http {

Http1Options read_http1_options(const envoy::config::core::v3::Http1ProtocolOptions& options);
Http2Options read_http2_options(const envoy::config::core::v3::Http2ProtocolOptions& options);

/// Says which fields of them are implemented.
void declare_protocol_options(config::SupportTable& table);

}  // namespace weir::http
