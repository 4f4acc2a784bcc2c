// Envoy's protocol options of HTTP/1 and HTTP/2, which connection managers and clusters share, become plain values.
#pragma once

#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "http/codec.h"

namespace envoy::config::core::v3 {
class Http1ProtocolOptions;
class Http2ProtocolOptions;
}  // namespace envoy::config::core::v3

namespace weir::http {

/// `keep_open`: the connection manager's stream_error_on_invalid_http_message, where the options do not say otherwise.
Http1Options read_http1_options(const envoy::config::core::v3::Http1ProtocolOptions& options, bool keep_open = false);
/// Custom settings that cannot be are reported to `diagnostics` and left out.
Http2Options read_http2_options(const envoy::config::core::v3::Http2ProtocolOptions& options, const config::FieldPath& at,
                                config::Diagnostics& diagnostics, bool keep_open = false);

/// Says which fields of them are implemented.
void declare_protocol_options(config::SupportTable& table);

}  // namespace weir::http
