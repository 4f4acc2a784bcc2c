// Local replies: the answers Weir gives itself, and Envoy's words for how an upstream failed.
#pragma once

#include <string_view>

#include "base/arena.h"
#include "format/stream_info.h"
#include "http/header_map.h"
#include "http/stream.h"

namespace weir::proxy {

/// Begins the head of an answer. For gRPC: 200 with grpc-status and grpc-message and no body ("trailers only", gRPC over HTTP/2).
/// `body` must outlive the exchange.
void start_local_reply(http::HeaderMap& response, int status, std::string_view body, bool grpc);
/// content-length and, unless there is one, content-type of a text body.
void describe_reply_body(http::HeaderMap& response, std::string_view body);

/// The gRPC status that an HTTP status stands for (grpc/doc/http-grpc-status-mapping.md, with Envoy's RESOURCE_EXHAUSTED
/// exception off).
int grpc_status_of(int http_status);

struct FailureWords {
  int status;  // of the answer, if none was begun
  format::ResponseFlag flag;
  std::string_view text;     // "remote connection failure"
  std::string_view details;  // "remote_connection_failure"
};
FailureWords describe(http::Reset reason);

/// Spaces become underscores, so that details are one word in a log line.
std::string_view with_underscores(Arena& arena, std::string_view text);

/// "Bad Request" for 400: the body of answers to malformed requests.
std::string_view reason_text(int status);

}  // namespace weir::proxy
