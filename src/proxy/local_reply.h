// Local replies: the answers Weir gives itself, and Envoy's words for how an upstream failed.
#pragma once

#include <string_view>

#include "base/arena.h"
#include "format/stream_info.h"
#include "http/header_map.h"
#include "http/stream.h"
#include "proxy/local_reply_rules.h"

namespace weir::proxy {

/// What shapes an answer besides its status and text.
struct ReplyManner {
  bool grpc = false;
  bool head_request = false;
  const LocalReplyRules* rules = nullptr;  // of the connection manager; null if it has none
};

/// Finishes an answer whose head has :status and what routes add to it: applies the rules, then describes the body. For gRPC: 200
/// with grpc-status and grpc-message and no body ("trailers only", gRPC over HTTP/2). Returns the body to send; `body` must
/// outlive the exchange.
std::string_view finish_local_reply(const http::HeaderMap& request, http::HeaderMap& response, format::StreamInfo& info,
                                    std::string_view body, const ReplyManner& manner);

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
