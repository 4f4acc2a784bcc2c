// Exchange: one request with its response, as filters see it. It is their whole world.
#pragma once

#include "base/arena.h"
#include "base/random.h"
#include "format/stream_info.h"
#include "http/header_map.h"
#include "loop/event_loop.h"
#include "route/table.h"

namespace weir::filter {

/// Lent to filters for the length of a call; what it refers to lives until the request is over.
class Exchange {
 public:
  http::HeaderMap& request;
  http::HeaderMap& response;
  format::StreamInfo& info;
  /// What the route table chose; null before routing and if nothing matched.
  const route::Route* route = nullptr;

  Arena& arena;
  Random& random;
  loop::EventLoop& loop;

  /// Lets a paused exchange go on with the next filter, in the next turn.
  virtual void proceed_later() = 0;
  /// Answers a paused exchange, in the next turn.
  virtual void reply_later(int status, std::string_view body, std::string_view details) = 0;

  format::FormatContext format_context() const { return {&request, &response, nullptr, info}; }

 protected:
  Exchange(http::HeaderMap& request, http::HeaderMap& response, format::StreamInfo& info, Arena& arena, Random& random,
           loop::EventLoop& loop)
      : request(request), response(response), info(info), arena(arena), random(random), loop(loop) {}
  ~Exchange() = default;
};

}  // namespace weir::filter
