// Resolver: names become addresses, by DNS and /etc/hosts, without blocking the loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loop/event_loop.h"
#include "loop/timer.h"
#include "net/address.h"
#include "net/resolver_spec.h"
#include "stats/cell.h"

struct ares_channeldata;

namespace weir::net {

enum class AddressFamily : uint8_t { kV4, kV6, kAny };

/// What Envoy calls dns.cares.*.
struct ResolverStats {
  stats::Counter resolve_total, not_found, get_addr_failure, timeouts, reinits;
  stats::Gauge pending_resolutions;
};

/// One set of DNS servers. Belongs to one loop.
class Resolver {
 public:
  struct Answer {
    std::vector<Address> addresses;  // port 0; empty: the name does not exist or has no address of that family
    std::string_view why_none;       // in c-ares' words
    std::optional<uint32_t> ttl_s;   // the least of all records; nothing if no DNS server was asked
  };
  using Callback = std::move_only_function<void(Result<Answer>)>;

  /// A question under way; destroying it means that the callback will not be called.
  class Query;
  struct QueryDeleter {
    void operator()(Query* query) const;
  };
  using QueryPtr = std::unique_ptr<Query, QueryDeleter>;

  Resolver(loop::EventLoop& loop, ResolverSpec spec, ResolverStats& stats);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// The callback runs once, in a later turn; it may destroy the query. The query must not outlive the resolver.
  [[nodiscard]] QueryPtr resolve(const std::string& name, AddressFamily family, Callback callback);

 private:
  class Socket;
  struct Lookup;

  void open_channel();
  void close_channel();
  void ask(const std::string& name, AddressFamily family, Query& query);
  void answered(Query* query, int status, Result<Answer> answer);
  void on_socket_state(int fd, bool readable, bool writable);
  void process(int readable_fd, int writable_fd);
  void on_timeout() { process(-1, -1); }
  void arm_timer();

  loop::EventLoop& loop_;
  const ResolverSpec spec_;
  ResolverStats& stats_;
  ares_channeldata* channel_ = nullptr;
  std::map<int, std::unique_ptr<Socket>> sockets_;
  loop::Timer timer_;
  size_t pending_ = 0;
  bool stale_ = false;  // the servers did not answer: read /etc/resolv.conf again before the next question
};

}  // namespace weir::net
