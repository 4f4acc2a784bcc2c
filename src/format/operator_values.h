// The values of the operators that need more than one field of StreamInfo.
#pragma once

#include <optional>
#include <string_view>

#include "format/operator.h"

namespace weir::format::values {

/// GRPC_STATUS's three spellings.
enum class GrpcStatusStyle : uint8_t { kCamel, kSnake, kNumber };
/// PATH's sources.
enum class MetadataSource : uint8_t { kDynamic, kCluster, kRoute, kUpstreamHost, kListener, kVirtualHost };
enum class PathSource : uint8_t { kOriginalOrPath, kOriginal, kPath };

Value request_header(const Parameters&, const FormatContext&, Scratch&);
Value request_header_without_query(const Parameters&, const FormatContext&, Scratch&);
Value response_header(const Parameters&, const FormatContext&, Scratch&);
Value trailer(const Parameters&, const FormatContext&, Scratch&);
Value path(const Parameters&, const FormatContext&, Scratch&);             // choice: PathSource; flag: with the query
Value query_parameter(const Parameters&, const FormatContext&, Scratch&);  // text: its name
Value start_time(const Parameters&, const FormatContext&, Scratch&);
Value emit_time(const Parameters&, const FormatContext&, Scratch&);
Value duration(const Parameters&, const FormatContext&, Scratch&);               // until the end, or until now
Value time_between(const Parameters&, const FormatContext&, Scratch&);           // from, to, divisor
Value response_code_details(const Parameters&, const FormatContext&, Scratch&);  // flag: keep white space
Value response_flags(const Parameters&, const FormatContext&, Scratch&);         // flag: long names
Value grpc_status(const Parameters&, const FormatContext&, Scratch&);            // choice: GrpcStatusStyle
Value unique_id(const Parameters&, const FormatContext&, Scratch&);
Value log_type(const Parameters&, const FormatContext&, Scratch&);
Value fixed(const Parameters&, const FormatContext&, Scratch&);             // text; missing if flag
Value filter_state(const Parameters&, const FormatContext&, Scratch&);      // text: the key
Value dynamic_metadata(const Parameters&, const FormatContext&, Scratch&);  // text: filter:key:key…
Value missing(const Parameters&, const FormatContext&, Scratch&);
Value cluster_metadata(const Parameters&, const FormatContext&, Scratch&);  // text: filter:key:key…
Value missing(const Parameters&, const FormatContext&, Scratch&);
Value upstream_metadata(const Parameters&, const FormatContext&, Scratch&);  // text: filter:key:key…
Value missing(const Parameters&, const FormatContext&, Scratch&);
Value metadata(const Parameters&, const FormatContext&, Scratch&);  // text: filter:key:key…
Value missing(const Parameters&, const FormatContext&, Scratch&);
Value stream_id(const Parameters&, const FormatContext&, Scratch&);  // text: filter:key:key…
Value missing(const Parameters&, const FormatContext&, Scratch&);

/// What grpc-status says (-1 if that is no number), or what the HTTP status means for gRPC; nothing if there is no saying.
std::optional<int64_t> grpc_status_of(const FormatContext& context);

/// The text with white space replaced by '_', as log readers split lines at spaces.
std::string_view without_spaces(std::string_view text, Scratch& scratch);

}  // namespace weir::format::values
