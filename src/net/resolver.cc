#include "net/resolver.h"

#include <ares.h>
#include <netdb.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/text.h"

namespace weir::net {

namespace {

bool is_localhost(std::string_view name) {
  const std::string text = lower(name.ends_with('.') ? name.substr(0, name.size() - 1) : name);
  return text == "localhost" || text.ends_with(".localhost");
}

/// Whether a server can be asked for it at all. (c-ares before 1.24 would ask for anything.)
bool is_well_formed(std::string_view name) {
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("-._/*").contains(c);
  });
}

/// What needs no server: numbers and localhost (RFC 6761 §6.3).
std::optional<Resolver::Answer> answer_without_asking(const std::string& name, AddressFamily family) {
  Resolver::Answer answer;
  const auto add = [&](std::string_view ip, int wanted) {
    if (family != AddressFamily::kAny && (family == AddressFamily::kV4 ? AF_INET : AF_INET6) != wanted) return;
    answer.addresses.push_back(*Address::from_ip(ip, 0));
  };
  if (is_localhost(name)) {
    add("127.0.0.1", AF_INET);
    add("::1", AF_INET6);
    return answer;
  }
  if (const auto number = Address::from_ip(name, 0)) {
    add(name, number->family());
    return answer;
  }
  return std::nullopt;
}

Resolver::Answer read_answer(const ares_addrinfo* info) {
  Resolver::Answer answer;
  for (const ares_addrinfo_node* node = info->nodes; node != nullptr; node = node->ai_next) {
    sockaddr_storage storage{};
    std::memcpy(&storage, node->ai_addr, std::min<size_t>(node->ai_addrlen, sizeof storage));
    Address address = Address::from_sockaddr(storage, node->ai_addrlen);
    if (std::ranges::find(answer.addresses, address) != answer.addresses.end()) continue;
    answer.addresses.push_back(std::move(address));
    // What /etc/hosts says has no time to live, which c-ares tells as the greatest number.
    if (node->ai_ttl >= 0 && node->ai_ttl != INT32_MAX) {
      const auto ttl = static_cast<uint32_t>(node->ai_ttl);
      answer.ttl_s = std::min(answer.ttl_s.value_or(ttl), ttl);
    }
  }
  return answer;
}

}  // namespace

/// Exists while c-ares works on it; after its query was dropped, with nobody to tell.
struct Resolver::Lookup {
  Resolver& resolver;
  Query* query;
};

class Resolver::Query final : public loop::NextTurn {
 public:
  explicit Query(Callback callback) : callback_(std::move(callback)) {}
  ~Query() {
    if (lookup != nullptr) lookup->query = nullptr;
  }

  void on_next_turn() override {
    Callback callback = std::move(callback_);  // the call may destroy this
    callback(std::move(*result));
  }

  Lookup* lookup = nullptr;
  std::optional<Result<Answer>> result;

 private:
  Callback callback_;
};

void Resolver::QueryDeleter::operator()(Query* query) const { delete query; }

/// One of c-ares' sockets.
class Resolver::Socket final : private loop::Source {
 public:
  Socket(Resolver& resolver, int fd) : resolver_(resolver), fd_(fd) { resolver_.loop_.watch(fd_, *this, 0); }
  ~Socket() { resolver_.loop_.unwatch(fd_, *this); }

  void want(bool readable, bool writable) {
    events_ = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);
    resolver_.loop_.rewatch(fd_, *this, events_);
  }

 private:
  void on_ready(uint32_t events) override {
    const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    Resolver& resolver = resolver_;
    const int fd = fd_;
    resolver.process((events & EPOLLIN) != 0 || broken ? fd : -1, (events & EPOLLOUT) != 0 || broken ? fd : -1);
    // c-ares may have left bytes behind, of which no edge would tell again. (It may also have closed this socket.)
    if (const auto found = resolver.sockets_.find(fd); found != resolver.sockets_.end()) {
      resolver.loop_.rewatch(fd, *found->second, found->second->events_);
    }
  }

  Resolver& resolver_;
  const int fd_;
  uint32_t events_ = 0;
};

Resolver::Resolver(loop::EventLoop& loop, ResolverSpec spec, ResolverStats& stats)
    : loop_(loop),
      spec_(std::move(spec)),
      stats_(stats),
      timer_(loop::Timer::calling<&Resolver::on_timeout>(loop.timers(), *this)) {
  static const int ready = ares_library_init(ARES_LIB_INIT_ALL);
  CHECK(ready == ARES_SUCCESS);
  open_channel();
}

Resolver::~Resolver() { close_channel(); }

void Resolver::open_channel() {
  ares_options options{};
  const int mask = ARES_OPT_FLAGS | ARES_OPT_SOCK_STATE_CB;
  options.flags = ARES_FLAG_STAYOPEN;
  if (spec_.tcp_only) options.flags |= ARES_FLAG_USEVC;
  if (spec_.no_search) options.flags |= ARES_FLAG_NOSEARCH;
  options.sock_state_cb_data = this;
  options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
    static_cast<Resolver*>(self)->on_socket_state(fd, readable != 0, writable != 0);
  };
  CHECK(ares_init_options(&channel_, &options, mask) == ARES_SUCCESS);
  if (spec_.servers.empty()) return;
  if (spec_.servers_are_fallback) {
    ares_addr_port_node* known = nullptr;
    // Without any in /etc/resolv.conf, c-ares would ask the machine itself.
    const bool configured =
        ares_get_servers_ports(channel_, &known) == ARES_SUCCESS && known != nullptr &&
        (known->next != nullptr || known->family != AF_INET || known->addr.addr4.s_addr != htonl(INADDR_LOOPBACK));
    ares_free_data(known);
    if (configured) return;
  }
  std::string list;
  for (const AddressPtr& server : spec_.servers) list += (list.empty() ? "" : ",") + server->text();
  ares_set_servers_ports_csv(channel_, list.c_str());
}

void Resolver::close_channel() {
  ares_destroy(channel_);
  channel_ = nullptr;
  sockets_.clear();
}

Resolver::QueryPtr Resolver::resolve(const std::string& name, AddressFamily family, Callback callback) {
  stats_.resolve_total.add();
  QueryPtr query(new Query(std::move(callback)));
  if (auto answer = answer_without_asking(name, family)) {
    query->result.emplace(std::move(*answer));
    loop_.at_next_turn(*query);
  } else if (!is_well_formed(name)) {
    stats_.get_addr_failure.add();
    query->result.emplace(failure("Misformatted domain name"));
    loop_.at_next_turn(*query);
  } else {
    ask(name, family, *query);
  }
  return query;
}

void Resolver::ask(const std::string& name, AddressFamily family, Query& query) {
  if (stale_ && pending_ == 0) {
    stale_ = false;
    stats_.reinits.add();
    close_channel();
    open_channel();
  }
  ares_addrinfo_hints hints{};
  hints.ai_family = family == AddressFamily::kV4 ? AF_INET : family == AddressFamily::kV6 ? AF_INET6 : AF_UNSPEC;
  hints.ai_flags = ARES_AI_NOSORT;
  hints.ai_socktype = SOCK_STREAM;
  ++pending_;
  stats_.pending_resolutions.add();
  query.lookup = new Lookup{*this, &query};
  ares_getaddrinfo(
      channel_, name.c_str(), nullptr, &hints,
      [](void* context, int status, int timeouts, ares_addrinfo* info) {
        const std::unique_ptr<Lookup> lookup(static_cast<Lookup*>(context));
        Resolver& resolver = lookup->resolver;
        resolver.stats_.timeouts.add(static_cast<uint64_t>(timeouts));
        Result<Answer> answer;
        if (status == ARES_SUCCESS) {
          answer = read_answer(info);
        } else if (status == ARES_ENODATA || status == ARES_ENOTFOUND) {
          answer = Answer{.why_none = ares_strerror(status)};
        } else {
          answer = failure(ares_strerror(status));
        }
        ares_freeaddrinfo(info);
        if (lookup->query != nullptr) lookup->query->lookup = nullptr;
        resolver.answered(lookup->query, status, std::move(answer));
      },
      query.lookup);
  arm_timer();
}

void Resolver::answered(Query* query, int status, Result<Answer> answer) {
  --pending_;
  stats_.pending_resolutions.subtract();
  if (status == ARES_EDESTRUCTION) return;  // our own end
  if (status == ARES_ENODATA || status == ARES_ENOTFOUND) stats_.not_found.add();
  if (!answer) stats_.get_addr_failure.add();
  if (status == ARES_ECONNREFUSED || status == ARES_ETIMEOUT) stale_ = true;
  if (query == nullptr) return;
  query->result.emplace(std::move(answer));
  loop_.at_next_turn(*query);
}

void Resolver::on_socket_state(int fd, bool readable, bool writable) {
  if (!readable && !writable) {
    sockets_.erase(fd);
    return;
  }
  std::unique_ptr<Socket>& socket = sockets_[fd];
  if (socket == nullptr) socket = std::make_unique<Socket>(*this, fd);
  socket->want(readable, writable);
}

void Resolver::process(int readable_fd, int writable_fd) {
  ares_process_fd(channel_, readable_fd >= 0 ? readable_fd : ARES_SOCKET_BAD, writable_fd >= 0 ? writable_fd : ARES_SOCKET_BAD);
  arm_timer();
}

void Resolver::arm_timer() {
  timeval storage;
  if (const timeval* wait = ares_timeout(channel_, nullptr, &storage)) {
    timer_.arm(wait->tv_sec * 1000 + wait->tv_usec / 1000 + 1);
  } else {
    timer_.cancel();
  }
}

}  // namespace weir::net
