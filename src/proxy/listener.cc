#include "proxy/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/internal_address.h"
#include "net/paired_stream.h"
#include "net/refused_stream.h"
#include "net/tcp_stream.h"
#include "net/tls/tls_stream.h"
#include "proxy/http_connection.h"
#include "proxy/tcp_proxy.h"
#include "proxy/worker.h"

namespace weir::proxy {

// --- sockets ---

namespace {

void set_option(int fd, int level, int name, int value) { setsockopt(fd, level, name, &value, sizeof value); }

bool set_options(int fd, const std::vector<upstream::SocketOption>& options) {
  return std::ranges::all_of(options, [fd](const upstream::SocketOption& option) {
    const bool of_other_addresses = option.level == IPPROTO_IPV6 && option.name == IPV6_V6ONLY;  // ipv4_compat
    return setsockopt(fd, option.level, option.name, option.value.data(), static_cast<socklen_t>(option.value.size())) == 0 ||
           of_other_addresses;
  });
}

Result<int> open_socket(const ListenerSpec& spec, const net::Address& address) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failure("cannot create a socket for " + address.text() + ": " + std::strerror(errno));
  if (address.is_ip()) {
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (spec.reuse_port) set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (address.family() == AF_INET6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (spec.transparent) set_option(fd, IPPROTO_IP, IP_TRANSPARENT, 1);
    if (spec.freebind) set_option(fd, IPPROTO_IP, IP_FREEBIND, 1);
  } else if (address.ip().front() != '@') {
    unlink(std::string(address.ip()).c_str());  // what an earlier run left behind
  }
  std::string problem;
  const auto done = [&](bool good, std::string_view what) {
    if (!good) problem = std::string(what) + " '" + address.text() + "': " + std::strerror(errno);
    return good;
  };
  constexpr std::string_view kBind = "cannot bind", kSetOptions = "cannot set the socket options of";
  const bool good = done(set_options(fd, spec.socket_options), kSetOptions) &&
                    done(bind(fd, address.get(), address.size()) == 0, kBind) &&
                    done(set_options(fd, spec.bound_options), kSetOptions) &&
                    done(::listen(fd, spec.backlog > 0 ? spec.backlog : SOMAXCONN) == 0, kBind) &&
                    done(set_options(fd, spec.listening_options), kSetOptions);
  if (good) return fd;
  close(fd);
  return failure(std::move(problem));
}

}  // namespace

Result<std::shared_ptr<ListenSockets>> ListenSockets::open(const ListenerSpec& spec, size_t workers) {
  std::shared_ptr<ListenSockets> sockets(new ListenSockets());
  sockets->fds_.resize(workers);
  sockets->configured_ = spec.addresses;
  sockets->reuse_port_ = spec.reuse_port;
  sockets->bound_ = spec.bind_to_port;
  if (!spec.bind_to_port) {
    sockets->addresses_ = spec.addresses;
    return sockets;
  }
  for (const net::AddressPtr& configured : spec.addresses) {
    net::AddressPtr address = configured;
    int shared_fd = -1;
    for (size_t worker = 0; worker < workers; ++worker) {
      int fd;
      if (shared_fd >= 0 && (!spec.reuse_port || !address->is_ip())) {
        fd = dup(shared_fd);
      } else {
        auto opened = open_socket(spec, *address);
        if (!opened) return std::unexpected(opened.error());
        fd = *opened;
      }
      sockets->fds_[worker].push_back(fd);
      if (shared_fd < 0) {
        shared_fd = fd;
        address = std::make_shared<const net::Address>(net::Address::local_of(fd));
      }
    }
    sockets->addresses_.push_back(address);
  }
  return sockets;
}

ListenSockets::~ListenSockets() {
  for (const auto& fds : fds_) {
    for (int fd : fds) close(fd);
  }
}

void ListenSockets::close_worker(size_t worker) {
  for (int fd : fds_[worker]) close(fd);
  fds_[worker].clear();
}

bool ListenSockets::fit(const ListenerSpec& spec) const {
  if (spec.addresses.size() != configured_.size() || spec.reuse_port != reuse_port_ || spec.bind_to_port != bound_) return false;
  for (size_t i = 0; i < configured_.size(); ++i) {
    if (!(*spec.addresses[i] == *configured_[i])) return false;
  }
  return true;
}

ListenerState::ListenerState(ListenerSpecPtr spec, std::shared_ptr<ListenSockets> sockets, size_t workers)
    : spec(std::move(spec)), sockets(std::move(sockets)), stats(workers), connections_of_worker(workers) {
  for (const FilterChain& chain : this->spec->chains) {
    if (chain.tls != nullptr && tls_stats == nullptr) tls_stats = std::make_unique<stats::Sharded<net::TlsStats>>(workers);
    const auto* managed = std::get_if<std::shared_ptr<const HttpConnectionSpec>>(&chain.terminal);
    if (managed == nullptr) continue;
    const std::string& prefix = (*managed)->stat_prefix;
    const bool known = std::any_of(http.begin(), http.end(), [&](const HttpShare& share) { return share.stat_prefix == prefix; });
    if (!known) http.push_back({prefix, std::make_unique<stats::Sharded<ListenerHttpStats>>(workers)});
  }
}

// --- accepting ---

/// Takes connections from one listening socket.
class ActiveListener::Acceptor final : private loop::Source, private loop::NextTurn {
 public:
  Acceptor(ActiveListener& listener, int fd) : listener_(listener), fd_(fd) { loop().watch(fd_, *this, EPOLLIN); }
  ~Acceptor() {
    NextTurn::unlink();
    loop().unwatch(fd_, *this);
  }

  void accept_all() {
    if (!listener_.worker_.accepting() && listener_.spec().follows_overload) return;
    const uint32_t most = listener_.spec().max_accepts_per_event;
    uint32_t accepted = 0;
    for (; most == 0 || accepted < most; ++accepted) {
      const int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        // Out of descriptors: those who wait will be an event again when they are more; try once a turn until then.
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
          listener_.stats_.downstream_cx_overload_reject.add();
        }
        if (accepted != 0) listener_.stats_.connections_accepted_per_socket_event.record(accepted);
        return;
      }
      hand_over(fd);
    }
    listener_.stats_.connections_accepted_per_socket_event.record(accepted);
    loop().at_next_turn(*this);  // edge-triggered: nobody will tell us again of those who still wait
  }

 private:
  loop::EventLoop& loop() { return listener_.worker_.loop(); }
  void on_ready(uint32_t) override { accept_all(); }
  void on_next_turn() override { accept_all(); }

  /// Exact balance: the worker with the fewest connections of this listener takes the socket.
  void hand_over(int fd) {
    ListenerState& state = *listener_.state_;
    if (state.balance_among.empty()) {
      listener_.take_socket(fd);
      return;
    }
    size_t least = 0;
    for (size_t i = 1; i < state.connections_of_worker.size(); ++i) {
      if (state.connections_of_worker[i].load() < state.connections_of_worker[least].load()) least = i;
    }
    state.connections_of_worker[least].fetch_add(1);
    Worker& target = *state.balance_among[least];
    if (&target == &listener_.worker_) {
      listener_.take_socket(fd);
    } else {
      target.take_balanced(listener_.state_, fd);
    }
  }

  ActiveListener& listener_;
  int fd_;
};

ActiveListener::ActiveListener(Worker& worker, ListenerStatePtr state)
    : worker_(worker), state_(std::move(state)), stats_(state_->stats.mine(worker.index())) {}

ActiveListener::~ActiveListener() {
  NextTurn::unlink();
  while (!pending_.empty()) pending_.front().close();
}

void ActiveListener::start() {
  for (int fd : state_->sockets->of_worker(worker_.index())) acceptors_.push_back(std::make_unique<Acceptor>(*this, fd));
}

void ActiveListener::stop(bool close_sockets) {
  if (close_sockets) {
    for (auto& acceptor : acceptors_) acceptor->accept_all();
  }
  acceptors_.clear();
  stopped_ = true;
  if (close_sockets) state_->sockets->close_worker(worker_.index());
}

size_t ActiveListener::worker_index() const { return worker_.index(); }

ListenerHttpStats& ActiveListener::http_stats(const HttpConnectionSpec& spec) {
  for (ListenerState::HttpShare& share : state_->http) {
    if (share.stat_prefix == spec.stat_prefix) return share.stats->mine(worker_.index());
  }
  return state_->http.front().stats->mine(worker_.index());
}

bool ActiveListener::leaves() { return draining_ && draining_->strikes(worker_.loop().now(), worker_.random()); }

void ActiveListener::accept_all() {
  for (auto& acceptor : acceptors_) acceptor->accept_all();
}

/// Whether one more connection is welcome; counted if it is not. Workers that accept in the same moment may together exceed the
/// limit of all listeners by one each.
bool ActiveListener::has_room() {
  const Overload& overload = worker_.overload();
  if (spec().follows_overload && overload.hits(OverloadAction::kRejectIncomingConnections, worker_.draw())) {
    stats_.downstream_cx_overload_reject.add();
    return false;
  }
  const std::optional<uint64_t> limit = spec().connection_limit.value().as_integer();
  if (limit && static_cast<uint64_t>(state_->connections.load()) >= *limit) {
    stats_.downstream_cx_overflow.add();
    return false;
  }
  if (spec().counts_globally && static_cast<uint64_t>(worker_.connections()) >= overload.max_connections()) {
    stats_.downstream_global_cx_overflow.add();
    return false;
  }
  return true;
}

void ActiveListener::take_socket(int fd) {
  const ListenerSpec& listener = spec();
  if (!has_room()) {
    ::close(fd);
    return;
  }
  auto local = std::make_shared<const net::Address>(net::Address::local_of(fd));
  auto remote = std::make_shared<const net::Address>(net::Address::remote_of(fd));
  if (local->is_ip()) set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (listener.keepalive.enabled) {
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    if (listener.keepalive.probes != 0) set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, static_cast<int>(listener.keepalive.probes));
    if (listener.keepalive.time_s != 0) set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(listener.keepalive.time_s));
    if (listener.keepalive.interval_s != 0)
      set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(listener.keepalive.interval_s));
  }
  open_connection(fd, std::move(local), std::move(remote));
}

void ActiveListener::open_connection(int fd, net::AddressPtr local, net::AddressPtr remote) {
  auto stream = std::make_unique<net::TcpStream>(worker_.loop(), fd, local, remote);
  format::ConnectionInfo info;
  info.id = worker_.next_connection_id();
  info.local_address = info.direct_local_address = std::move(local);
  info.remote_address = info.direct_remote_address = std::move(remote);
  filter_connection(std::move(stream), fd, std::move(info), false);
}

void ActiveListener::filter_connection(std::unique_ptr<net::ByteStream> stream, int fd, format::ConnectionInfo info,
                                       bool handed_over) {
  if (spec().filters.empty()) return choose_chain(std::move(stream), std::move(info), nullptr);
  auto pending = std::make_unique<PendingConnection>(*this, worker_.loop(), std::move(stream), fd, std::move(info), handed_over);
  stats_.downstream_pre_cx_active.add();
  PendingConnection& started = *pending.release();  // owned by the list: on_filtered() and on_pending_gone() dispose of it
  pending_.push_back(started);
  started.start();
}

std::unique_ptr<net::ByteStream> ActiveListener::connect_internal(const net::AddressPtr& address) {
  static const auto kClient = std::make_shared<const net::Address>(*net::make_internal_address("internal_client_address", ""));
  net::PairedStream::Pair pair = net::PairedStream::make(worker_.loop(), kClient, address, spec().internal_buffer);
  from_within_.push_back(std::move(pair.server));
  worker_.loop().at_next_turn(*this);
  return std::move(pair.client);
}

/// Takes the connections that came from within the process.
void ActiveListener::on_next_turn() {
  for (std::unique_ptr<net::ByteStream>& stream : std::exchange(from_within_, {})) {
    if (!state_->balance_among.empty()) state_->connections_of_worker[worker_.index()].fetch_add(1);
    if (!has_room()) {
      turn_away(std::move(stream));
      continue;
    }
    format::ConnectionInfo info;
    info.id = worker_.next_connection_id();
    info.local_address = info.direct_local_address = stream->local_address();
    info.remote_address = info.direct_remote_address = stream->remote_address();
    filter_connection(std::move(stream), -1, std::move(info), false);
  }
}

void ActiveListener::on_pending_gone(PendingConnection& pending) {
  stats_.downstream_pre_cx_active.subtract();
  uncount_for_balance();
  pending.ListNode<PendingConnection>::unlink();
  worker_.loop().dispose(std::unique_ptr<loop::Disposable>(&pending));
}

void ActiveListener::on_filtered(PendingConnection& pending, std::unique_ptr<net::ByteStream> stream, format::ConnectionInfo info,
                                 const ListenerFindings& findings) {
  stats_.downstream_pre_cx_active.subtract();
  pending.ListNode<PendingConnection>::unlink();
  const bool may_leave = spec().hands_over && findings.destination_restored && !pending.handed_over();
  if (ActiveListener* other = may_leave ? worker_.listener_at(*info.local_address) : nullptr) {
    uncount_for_balance();
    other->take_over(std::move(stream), pending.fd(), std::move(info));
  } else {
    choose_chain(std::move(stream), std::move(info), &findings);
  }
  worker_.loop().dispose(std::unique_ptr<loop::Disposable>(&pending));
}

void ActiveListener::take_over(std::unique_ptr<net::ByteStream> stream, int fd, format::ConnectionInfo info) {
  if (!state_->balance_among.empty()) state_->connections_of_worker[worker_.index()].fetch_add(1);
  filter_connection(std::move(stream), fd, std::move(info), true);
}

bool ActiveListener::serves(const net::Address& destination, bool any) const {
  return !stopped_ && std::ranges::any_of(state_->sockets->addresses(), [&](const net::AddressPtr& own) {
    if (!any || !own->is_ip()) return *own == destination;
    return own->family() == destination.family() && own->port() == destination.port() &&
           (own->ip() == "0.0.0.0" || own->ip() == "::");
  });
}

void ActiveListener::uncount_for_balance() {
  if (!state_->balance_among.empty()) state_->connections_of_worker[worker_.index()].fetch_sub(1);
}

/// `findings`: of the listener filters, or null without any.
void ActiveListener::choose_chain(std::unique_ptr<net::ByteStream> stream, format::ConnectionInfo info,
                                  const ListenerFindings* findings) {
  const size_t chain_number = findings == nullptr
                                  ? spec().find_chain(info, "raw_buffer", nullptr)
                                  : spec().find_chain(info, findings->transport_protocol, &findings->application_protocols);
  if (chain_number == FilterChainIndex::kNone) {
    stats_.no_filter_chain_match.add();
    log(info, worker_.loop().now(), false);
    return turn_away(std::move(stream));
  }
  Accepted accepted;
  accepted.stream = std::move(stream);
  accepted.stream->set_buffer_limit(spec().buffer_limit);
  accepted.listener = this;
  accepted.info = std::move(info);
  enter(std::move(accepted), spec().chains[chain_number]);
}

/// Closes a connection that nobody takes.
void ActiveListener::turn_away(std::unique_ptr<net::ByteStream> stream) {
  uncount_for_balance();
  stream->close();
  worker_.loop().dispose(std::move(stream));  // its bytes may have brought us here
}

void ActiveListener::enter(Accepted accepted, const FilterChain& chain) {
  accepted.info.filter_chain_name = chain.name;
  accepted.info.listener_metadata = spec().metadata.get();
  if (std::holds_alternative<std::monostate>(chain.terminal)) {  // no filter wants it
    stats_.downstream_cx_total.add();
    stats_.downstream_cx_destroy.add();
    return turn_away(std::move(accepted.stream));
  }
  if (chain.tls != nullptr) encrypt(accepted, chain);
  stats_.downstream_cx_total.add();
  stats_.downstream_cx_active.add();
  ++open_connections_;
  state_->connections.fetch_add(1, std::memory_order_relaxed);
  if (const auto* http = std::get_if<std::shared_ptr<const HttpConnectionSpec>>(&chain.terminal)) {
    auto connection = std::make_unique<HttpConnection>(worker_, std::move(accepted), *http);
    HttpConnection& opened = *connection;
    worker_.add(std::move(connection));
    let_in(opened, chain);
  } else {
    auto connection =
        std::make_unique<TcpProxy>(worker_, std::move(accepted), std::get<std::shared_ptr<const TcpProxySpec>>(chain.terminal));
    TcpProxy& opened = *connection;
    worker_.add(std::move(connection));
    let_in(opened, chain);
  }
}

template <class Opened>
void ActiveListener::let_in(Opened& connection, const FilterChain& chain) {
  if (chain.gates.empty()) return connection.start();
  entrances_.begin(worker_, connection, chain.gates, [&connection] { connection.start(); });
}

/// Puts TLS between the socket and whoever takes the connection, or an end to it if a secret is missing.
void ActiveListener::encrypt(Accepted& accepted, const FilterChain& chain) {
  net::TlsContextPtr context = chain.tls->context();
  if (context == nullptr) {
    chain.tls->count_not_ready();
    accepted.stream->close();
    worker_.loop().dispose(std::move(accepted.stream));  // its bytes may have brought us here
    accepted.stream = std::make_unique<net::RefusedStream>(
        worker_.loop(), accepted.info.remote_address,
        net::StreamFailure{net::StreamFailure::Kind::kTransport, "TLS error: Secret is not supplied by SDS"},
        net::RefusedStream::Fails::kAfterStart);
    return;
  }
  auto stream = net::TlsStream::accept(worker_.loop(), std::move(accepted.stream), std::move(context),
                                       state_->tls_stats->mine(worker_.index()), chain.handshake_timeout_ms);
  stream->set_ends(accepted.info.local_address, accepted.info.remote_address);
  accepted.stream = std::move(stream);
  accepted.stream->set_buffer_limit(spec().buffer_limit);
  accepted.info.tls = true;
  accepted.info.tls_info = accepted.stream->tls();
}

/// The listener's own access logs hear of every connection when it ends, also of those that no filter chain wanted.
void ActiveListener::log(const format::ConnectionInfo& connection, MonotonicNs opened_at, bool matched,
                         const format::StreamInfo* known) {
  if (spec().access_logs.empty()) return;
  format::StreamInfo info;
  if (known != nullptr) info = *known;
  info.connection = &connection;
  info.start = opened_at;
  info.end = worker_.loop().now();
  info.start_wall = worker_.loop().wall() - (info.end - info.start);
  if (!matched) {
    info.flags.set(format::ResponseFlag::kNoRouteFound);
    info.response_code_details = "filter_chain_not_found";
  }
  for (const auto& log : spec().access_logs) log->log({nullptr, nullptr, nullptr, info}, worker_.index());
}

void ActiveListener::on_connection_gone(const Connection& connection, MonotonicNs opened_at, const format::StreamInfo* info) {
  --open_connections_;
  if (info == nullptr) info = entrances_.info_of(connection);
  entrances_.end(worker_, connection);
  log(connection.info(), opened_at, true, info);
  stats_.downstream_cx_active.subtract();
  stats_.downstream_cx_destroy.add();
  stats_.downstream_cx_length_ms.record((worker_.loop().now() - opened_at) / kNsPerMs);
  state_->connections.fetch_sub(1, std::memory_order_relaxed);
  uncount_for_balance();
}

}  // namespace weir::proxy
