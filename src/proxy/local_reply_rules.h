// Local reply rules: how the answers look that Weir gives itself (local_reply_config).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/format_string.h"
#include "format/stream_info.h"
#include "http/header_map.h"
#include "observe/log_filter.h"
#include "route/spec.h"

namespace weir::proxy {

struct ReplyFormat {
  format::FormatString format;
  std::string content_type;
};

/// What becomes of the answers that `filter` lets through.
struct ReplyMapper {
  observe::LogFilter filter;
  std::optional<int> status;
  std::optional<std::string> body;
  std::optional<ReplyFormat> format;
  route::HeaderMutations headers;
};

/// Immutable; safe for all threads.
struct LocalReplyRules {
  std::vector<ReplyMapper> mappers;   // the first that fits is used
  std::optional<ReplyFormat> format;  // of bodies, where no mapper has its own
};

/// An answer as it is to be sent.
struct ReplyContent {
  int status = 0;
  std::string_view body;
  std::string_view content_type = "text/plain";
};

/// Applies the rules to an answer whose head has been begun: adds the mapper's headers, sets :status, and says what the body
/// shall be. Texts live in the arena of `response` or in the rules.
ReplyContent rewrite_local_reply(const LocalReplyRules& rules, const http::HeaderMap& request, http::HeaderMap& response,
                                 format::StreamInfo& info, ReplyContent reply);

}  // namespace weir::proxy
