#include "proxy/local_reply.h"

#include <algorithm>
#include <cstring>

#include "http/h1/write.h"

namespace weir::proxy {

using format::ResponseFlag;
using http::HeaderId;
using http::Reset;

namespace {

/// gRPC over HTTP/2, "Status-Message": everything but printable ASCII without '%' is percent-encoded.
std::string_view percent_encoded(Arena& arena, std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  auto plain = [](char c) { return c >= ' ' && c <= '~' && c != '%'; };
  if (std::ranges::all_of(text, plain)) return text;
  char* out = arena.allocate_chars(text.size() * 3);
  size_t size = 0;
  for (char c : text) {
    if (plain(c)) {
      out[size++] = c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out[size++] = '%';
    out[size++] = kHex[byte >> 4];
    out[size++] = kHex[byte & 15];
  }
  return {out, size};
}

/// Trailers only: the status and the text are header lines.
void describe_grpc(http::HeaderMap& response, const ReplyContent& reply, bool head_request) {
  Arena& arena = response.arena();
  response.set_status(200);
  response.set(HeaderId::kContentType, "application/grpc");
  if (response.get(HeaderId::kGrpcStatus).empty()) {
    response.set(HeaderId::kGrpcStatus, arena.copy(std::to_string(grpc_status_of(reply.status))));
  }
  std::string_view text = reply.body;
  if (reply.content_type == "application/json" && text.ends_with('\n')) text.remove_suffix(1);
  if (!text.empty() && !head_request) response.set(HeaderId::kGrpcMessage, percent_encoded(arena, text));
  response.remove(HeaderId::kContentLength);
}

}  // namespace

std::string_view finish_local_reply(const http::HeaderMap& request, http::HeaderMap& response, format::StreamInfo& info,
                                    std::string_view body, const ReplyManner& manner) {
  ReplyContent reply{.status = response.status(), .body = body};
  bool keeps_content_type = true;
  if (manner.rules != nullptr) {
    const std::string_view type = response.get(HeaderId::kContentType);
    reply = rewrite_local_reply(*manner.rules, request, response, info, reply);
    // Who changed the type meant it; a type that described the old body does not describe the new one.
    keeps_content_type = reply.body == body || response.get(HeaderId::kContentType) != type;
  }
  info.response_code = reply.status;  // what filters see, whatever a gRPC client is told
  if (manner.grpc) {
    // The caller's own deadline is over: DEADLINE_EXCEEDED, whereas a route's timeout is UNAVAILABLE.
    if (info.response_code_details == "max_duration_timeout") response.set(HeaderId::kGrpcStatus, "4");
    describe_grpc(response, reply, manner.head_request);
    return {};
  }
  if (reply.body.empty()) {
    response.remove(HeaderId::kContentLength);
    response.remove(HeaderId::kContentType);
    return {};
  }
  response.set(HeaderId::kContentLength, response.arena().copy(std::to_string(reply.body.size())));
  if (!keeps_content_type || !response.has(HeaderId::kContentType)) response.set(HeaderId::kContentType, reply.content_type);
  return reply.body;
}

int grpc_status_of(int http_status) {
  switch (http_status) {
    case 400:
      return 13;  // INTERNAL
    case 401:
      return 16;  // UNAUTHENTICATED
    case 403:
      return 7;  // PERMISSION_DENIED
    case 404:
      return 12;  // UNIMPLEMENTED
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;  // UNAVAILABLE
    default:
      return 2;  // UNKNOWN
  }
}

FailureWords describe(Reset reason) {
  switch (reason) {
    case Reset::kConnectFailure:
      return {503, ResponseFlag::kUpstreamConnectionFailure, "remote connection failure", "remote_connection_failure"};
    case Reset::kLocalConnectFailure:
      return {503, ResponseFlag::kUpstreamConnectionFailure, "local connection failure", "local_connection_failure"};
    case Reset::kConnectTimeout:
      return {503, ResponseFlag::kUpstreamConnectionFailure, "connection timeout", "connection_timeout"};
    case Reset::kConnectionTermination:
      return {503, ResponseFlag::kUpstreamConnectionTermination, "connection termination", "connection_termination"};
    case Reset::kRemote:
      return {503, ResponseFlag::kUpstreamRemoteReset, "remote reset", "remote_reset"};
    case Reset::kRemoteRefused:
      return {503, ResponseFlag::kUpstreamRemoteReset, "remote refused stream reset", "remote_refused_stream_reset"};
    case Reset::kProtocolError:
      return {502, ResponseFlag::kUpstreamProtocolError, "protocol error", "protocol_error"};
    case Reset::kOverflow:
      return {503, ResponseFlag::kUpstreamOverflow, "overflow", "overflow"};
    case Reset::kLocal:
    case Reset::kLocalRefused:
      break;
  }
  return {503, ResponseFlag::kLocalReset, "local reset", "local_reset"};
}

std::string_view with_underscores(Arena& arena, std::string_view text) {
  if (text.find(' ') == std::string_view::npos) return text;
  char* copy = arena.allocate_chars(text.size());
  std::ranges::replace_copy(text, copy, ' ', '_');
  return {copy, text.size()};
}

std::string_view reason_text(int status) { return http::h1::reason_phrase(status == 0 ? 400 : status); }

}  // namespace weir::proxy
