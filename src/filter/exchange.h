// Exchange: one request with its response, as filters see it. It is their whole world.
#pragma once

#include <memory>
#include <optional>

#include "base/arena.h"
#include "base/random.h"
#include "filter/call.h"
#include "format/stream_info.h"
#include "http/header_map.h"
#include "loop/event_loop.h"
#include "route/table.h"

namespace weir::upstream {
class Cluster;
class DnsCache;
}  // namespace weir::upstream

namespace weir::filter {

class Filter;

/// An answer that Weir makes itself.
struct Reply {
  int status = 0;
  std::string_view body;     // must live as long as the exchange's arena
  std::string_view details;  // Envoy's response code details; the same
  /// For gRPC requests; without it the HTTP status decides.
  std::optional<int> grpc_status = {};
  /// What logs show of it. The answer itself is finished before, and does not know.
  std::optional<format::ResponseFlag> flag = {};
};

/// Lent to filters for as long as they live; what it refers to lives until the request is over.
class Exchange {
 public:
  http::HeaderMap& request;
  http::HeaderMap& response;
  format::StreamInfo& info;
  /// What the route table chose; null before routing and if nothing matched.
  const route::Route* route = nullptr;
  const route::VirtualHost* virtual_host = nullptr;
  std::string_view cluster_name;  // where the route leads; "" if nowhere

  Arena& arena;
  Random& random;
  loop::EventLoop& loop;
  const size_t worker;  // whose thread this is

  // --- going on ---
  /// Lets a paused exchange go on with the next filter, in the next turn.
  virtual void proceed_later() = 0;
  /// Answers instead of going on, in the next turn. Nothing of the request goes further. If an answer has begun, it is cut off.
  virtual void reply_later(const Reply& reply) = 0;

  // --- bodies, for filters that want them ---
  /// Whether the request has no body that a filter could still be shown.
  virtual bool request_ends_with_head() const { return true; }
  /// Whether the response's head is all of it.
  virtual bool response_ends_with_head() const { return true; }
  /// Hands bytes on to whoever comes after `from`; they wait there if the head has not come that far.
  virtual void pass_request_body(const Filter& from, std::string_view bytes, bool end_stream) {}
  virtual void pass_request_trailers(const Filter& from) {}
  virtual void pass_response_body(const Filter& from, std::string_view bytes, bool end_stream) {}
  virtual void pass_response_trailers(const Filter& from) {}
  /// Whether `filter` has as much of a body as it can hold: then no more is read meanwhile.
  virtual void hold_request(const Filter& filter, bool full) {}
  virtual void hold_response(const Filter& filter, bool full) {}
  /// A request's body was larger than a filter can hold.
  virtual void count_too_large() {}
  /// How much of a body should be held at most, in bytes.
  virtual size_t buffer_limit() const { return 1024 * 1024; }

  // --- the surroundings ---
  /// Asks a service over gRPC; null where there is none. `spec` and `events` outlive the call.
  virtual std::unique_ptr<Call> call(const CallSpec& spec, std::string_view message, CallEvents& events) { return nullptr; }
  /// Tells a service something over gRPC; nobody waits for the answer, and the exchange may end before it comes.
  virtual void tell(const CallSpec& spec, std::string_view message) {}
  /// This worker's cluster of that name; null if there is none.
  virtual upstream::Cluster* cluster(std::string_view name) { return nullptr; }
  /// The DNS cache of that name; null if no cluster has it.
  virtual std::shared_ptr<upstream::DnsCache> dns_cache(std::string_view name) { return nullptr; }
  /// What a filter keeps for as long as the downstream connection lives, under a name that outlives it.
  virtual std::shared_ptr<void>& kept_for_connection(std::string_view name) = 0;
  /// Whether the operator had health checks fail.
  virtual bool fails_health_checks() const { return false; }
  /// The trailers of the response, once they came. A filter that ends a body with trailers of its own writes them here.
  virtual http::HeaderMap& trailers_of_response() { return response; }
  /// The same for all questions of chance about this request.
  virtual uint64_t chance() const { return 0; }

  format::FormatContext format_context() const { return {&request, &response, nullptr, info}; }

 protected:
  Exchange(http::HeaderMap& request, http::HeaderMap& response, format::StreamInfo& info, Arena& arena, Random& random,
           loop::EventLoop& loop, size_t worker)
      : request(request), response(response), info(info), arena(arena), random(random), loop(loop), worker(worker) {}
  ~Exchange() = default;
};

}  // namespace weir::filter
