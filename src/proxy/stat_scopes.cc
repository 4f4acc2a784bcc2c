#include "proxy/stat_scopes.h"

#include <utility>
#include <vector>

#include "proxy/http_stat_tables.h"
#include "proxy/listener_filter.h"
#include "proxy/stat_names.h"

namespace weir::proxy {

namespace {

/// Counters with their places in the registry; they go together.
template <class T>
struct Shown {
  explicit Shown(size_t workers) : stats(workers) {}
  stats::Sharded<T> stats;
  std::vector<stats::Registry::Registration> registrations;
};

template <class T, class Register>
std::shared_ptr<stats::Sharded<T>> find_or_make(std::map<std::string, std::weak_ptr<stats::Sharded<T>>>& known,
                                                const std::string& prefix, size_t workers, Register&& register_in) {
  std::weak_ptr<stats::Sharded<T>>& place = known[prefix];
  if (auto held = place.lock()) return held;
  auto shown = std::make_shared<Shown<T>>(workers);
  register_in(*shown);
  std::shared_ptr<stats::Sharded<T>> result(shown, &shown->stats);
  place = result;
  return result;
}

}  // namespace

std::shared_ptr<stats::Sharded<HttpStats>> StatScopes::http(const std::string& prefix) {
  return find_or_make(http_, prefix, workers_, [&](Shown<HttpStats>& shown) {
    stats::Sharded<HttpStats>& stats = shown.stats;
    const auto show = [&](std::string_view names, stats::Registry::Source source) {
      shown.registrations.push_back(registry_.add(names, std::move(source)));
    };
    show("http." + prefix + ".", [&stats](stats::StatVisitor& visitor) {
      visit(visitor, stats);
      visit_router(visitor, stats);
      const auto tracing = visitor.scope("tracing.");
      visit_tracing(visitor, stats);
    });
    show("http1.", [&stats](stats::StatVisitor& visitor) { visit_http1(visitor, stats); });
    show("http2.", [&stats](stats::StatVisitor& visitor) { visit_http2(visitor, stats); });
  });
}

void StatScopes::router_names(const std::string& prefix) {
  if (router_names_.contains(prefix)) return;
  router_names_.emplace(prefix, registry_.add(prefix, [](stats::StatVisitor& visitor) { visit_router(visitor, {}); }));
}

std::shared_ptr<stats::Sharded<TcpProxyStats>> StatScopes::tcp(const std::string& prefix) {
  return find_or_make(tcp_, prefix, workers_, [&](Shown<TcpProxyStats>& shown) {
    stats::Sharded<TcpProxyStats>& stats = shown.stats;
    shown.registrations.push_back(
        registry_.add("tcp." + stats::sanitize(prefix) + ".", [&stats](stats::StatVisitor& visitor) { visit(visitor, stats); }));
  });
}

std::shared_ptr<stats::Sharded<ListenerFilterStats>> StatScopes::listener_filter(const std::string& name) {
  return find_or_make(listener_filters_, name, workers_, [&](Shown<ListenerFilterStats>& shown) {
    stats::Sharded<ListenerFilterStats>& stats = shown.stats;
    const auto show = [&](std::string_view prefix, void (*visit)(stats::StatVisitor&, stats::Sharded<ListenerFilterStats>&)) {
      shown.registrations.push_back(
          registry_.add(prefix, [&stats, visit](stats::StatVisitor& visitor) { visit(visitor, stats); }));
    };
    if (name == "tls_inspector") {
      show("tls_inspector.", visit_tls_inspector);
    } else if (name == "http_inspector") {
      show("http_inspector.", visit_http_inspector);
    } else {
      show(name + ".", visit_proxy_protocol);
      show("downstream_cx_", visit_proxy_protocol_errors);
    }
  });
}

}  // namespace weir::proxy
