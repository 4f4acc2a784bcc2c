#include "proxy/local_reply_rules.h"

#include <utility>

#include "route/mutations.h"

namespace weir::proxy {

namespace {

void set_status(int status, http::HeaderMap& response, format::StreamInfo& info, ReplyContent& reply) {
  reply.status = status;
  response.set_status(status);
  info.response_code = status;
}

}  // namespace

ReplyContent rewrite_local_reply(const LocalReplyRules& rules, const http::HeaderMap& request, http::HeaderMap& response,
                                 format::StreamInfo& info, ReplyContent reply) {
  const format::FormatContext context{&request, &response, nullptr, info};
  set_status(reply.status, response, info, reply);  // filters and formats look at it
  const ReplyFormat* format = rules.format ? &*rules.format : nullptr;
  for (const ReplyMapper& mapper : rules.mappers) {
    if (!mapper.filter.passes(context)) continue;
    if (mapper.body) reply.body = *mapper.body;
    if (!mapper.headers.empty()) route::apply(mapper.headers, response, context);
    if (mapper.status) set_status(*mapper.status, response, info, reply);
    if (mapper.format) format = &*mapper.format;
    break;
  }
  if (format == nullptr) return reply;
  std::string text;
  info.local_reply_body = reply.body;
  format->format.append(text, context);
  info.local_reply_body = {};
  reply.body = response.arena().copy(text);
  reply.content_type = format->content_type;
  return reply;
}

}  // namespace weir::proxy
