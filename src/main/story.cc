#include "main/story.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <sstream>

#include "base/text.h"
#include "proxy/filter_overrides.h"
#include "proxy/request_rules.h"
#include "route/explain.h"
#include "route/mutations.h"

namespace weir::main {

namespace {

using Headers = std::map<std::string, std::string>;

Headers snapshot(const http::HeaderMap& headers) {
  using http::HeaderId;
  Headers result;
  for (const HeaderId id : {HeaderId::kMethod, HeaderId::kPath, HeaderId::kAuthority, HeaderId::kScheme}) {
    if (headers.has_pseudo(id)) result[std::string(http::header_name(id))] = headers.pseudo(id);
  }
  for (const http::Header& line : headers) {
    const auto [place, fresh] = result.emplace(line.name, line.value);
    if (!fresh) (place->second += ", ") += line.value;
  }
  return result;
}

std::vector<HeaderChange> changes(const Headers& before, const Headers& after, const auto& by) {
  std::vector<HeaderChange> result;
  for (const auto& [name, value] : after) {
    const auto old = before.find(name);
    if (old == before.end()) {
      result.push_back({name, std::nullopt, value, by(name)});
    } else if (old->second != value) {
      result.push_back({name, old->second, value, by(name)});
    }
  }
  for (const auto& [name, value] : before) {
    if (!after.contains(name)) result.push_back({name, value, std::nullopt, by(name)});
  }
  return result;
}

std::string milliseconds(uint64_t ms) {
  if (ms == 0) return "none";
  std::ostringstream text;
  if (ms % 1000 == 0 || ms > 10'000) {
    text << static_cast<double>(ms) / 1000 << " s";
  } else {
    text << ms << " ms";
  }
  return text.str();
}

std::string place_text(const DryRun::Place* table, const std::string& below) {
  if (table == nullptr) return "";
  const config::Position at = DryRun::Place{table->path.empty() ? below : table->path + "." + below, table->positions}.position();
  return at.line == 0 ? "" : at.file + ":" + std::to_string(at.line);
}

std::string_view name_of(upstream::DiscoveryType type) {
  constexpr std::string_view kNames[] = {"static",    "strict DNS",           "logical DNS", "EDS", "original destination",
                                         "aggregate", "dynamic forward proxy"};
  return kNames[static_cast<size_t>(type)];
}
std::string_view name_of(upstream::BalancerKind kind) {
  constexpr std::string_view kNames[] = {"round robin", "least request", "random", "ring hash", "Maglev"};
  return kNames[static_cast<size_t>(kind)];
}

std::string describe(const DryRun::Cluster& cluster) {
  constexpr size_t kMostShown = 5;
  std::string text(name_of(cluster.spec->discovery));
  (text += ", ") += name_of(cluster.spec->balancing.kind);
  size_t count = 0;
  std::string endpoints;
  for (const upstream::LocalityEndpoints& locality : cluster.assignment.localities) {
    for (const upstream::EndpointSpec& endpoint : locality.endpoints) {
      if (++count > kMostShown) continue;
      endpoints += (endpoints.empty() ? "" : ", ") +
                   (endpoint.address != nullptr ? endpoint.address->text() : endpoint.host + ":" + std::to_string(endpoint.port));
    }
  }
  if (count == 0) return text + ", no endpoints: 503";
  text += ", " + std::to_string(count) + (count == 1 ? " endpoint: " : " endpoints: ") + endpoints;
  return count > kMostShown ? text + ", …" : text;
}

/// Finds the listener, the chain, the route, and what happens on the way.
class Teller {
 public:
  Teller(const DryRun& configuration, const Question& question) : configuration_(configuration), question_(question) {}

  Result<Story> tell() {
    if (auto found = find_listener(); !found) return std::unexpected(found.error());
    if (auto found = find_chain(); !found) return std::unexpected(found.error());
    if (http_ != nullptr && receive()) route();
    return std::move(story_);
  }

 private:
  Result<> find_listener() {
    const std::vector<DryRun::Listener>& listeners = configuration_.listeners();
    if (listeners.empty()) return failure("the configuration has no listeners");
    const auto pick = [&](const DryRun::Listener& listener, std::string note) {
      listener_ = listener.spec.get();
      story_.listener = listener.spec->name;
      story_.listener_address = listener.spec->addresses[0]->text();
      story_.listener_note = std::move(note);
      return Result<>();
    };
    for (const DryRun::Listener& listener : listeners) {
      if (!question_.listener.empty()) {
        if (listener.spec->name == question_.listener) return pick(listener, "");
        continue;
      }
      for (const net::AddressPtr& address : listener.spec->addresses) {
        if (address->is_ip() && address->port() == question_.port()) return pick(listener, "");
      }
    }
    const std::string port = std::to_string(question_.port());
    if (question_.listener.empty() && listeners.size() == 1) return pick(listeners[0], "the only one; none has port " + port);
    std::string names;
    for (const DryRun::Listener& listener : listeners) {
      names += "\n  " + listener.spec->name + "  " + listener.spec->addresses[0]->text();
    }
    return failure((question_.listener.empty() ? "no listener has port " + port : "there is no listener " + question_.listener) +
                   "; name one of these with --listener:" + names);
  }

  Result<> find_chain() {
    auto source = net::Address::from_ip(question_.source, 40'000);
    if (!source) return std::unexpected(source.error());
    peer_ = std::make_shared<const net::Address>(std::move(*source));
    local_ = listener_->addresses[0];
    const bool any = local_->is_ip() && (local_->ip() == "0.0.0.0" || local_->ip() == "::");
    if (any) {
      const char* loopback = local_->family() == AF_INET ? "127.0.0.1" : "::1";
      local_ = std::make_shared<const net::Address>(*net::Address::from_ip(loopback, local_->port()));
    }
    std::string server_name;
    if (tls()) server_name = lower(question_.authority.substr(0, route::port_position(question_.authority)));
    format::ConnectionInfo connection;
    connection.local_address = connection.direct_local_address = local_;
    connection.remote_address = connection.direct_remote_address = peer_;
    connection.requested_server_name = server_name;
    const size_t chain = listener_->find_chain(connection, tls() ? "tls" : "raw_buffer", nullptr);
    story_.chain_count = listener_->chains.size();
    if (chain == proxy::FilterChainIndex::kNone) {
      story_.ended = "no filter chain fits: the connection is closed";
      return {};
    }
    story_.chain_number = chain + 1;
    story_.chain_name = listener_->chains[chain].name;
    if (story_.chain_count > 1) {
      story_.chain_note = "for " + peer_->text() + " to " + local_->text() + (tls() ? ", server name " + server_name : "");
    }
    const proxy::TerminalFilter& terminal = listener_->chains[chain].terminal;
    if (const auto* http = std::get_if<std::shared_ptr<const proxy::HttpConnectionSpec>>(&terminal)) {
      http_ = http->get();
    } else if (std::holds_alternative<std::monostate>(terminal)) {
      story_.ended = "the filter chain has no filters: the connection is closed";
    } else {
      const auto& tcp = *std::get<std::shared_ptr<const proxy::TcpProxySpec>>(terminal);
      std::string clusters;
      for (const auto& each : tcp.clusters) clusters += (clusters.empty() ? "" : ", ") + each.name;
      story_.ended = "tcp_proxy: the bytes are passed on to " + clusters + "; nothing looks at requests";
    }
    return {};
  }

  /// What the connection manager does; false if it answers by itself.
  bool receive() {
    using http::HeaderId;
    request_.set_pseudo(HeaderId::kMethod, question_.method);
    request_.set_pseudo(HeaderId::kPath, question_.path);
    request_.set_pseudo(HeaderId::kAuthority, question_.authority);
    request_.set_pseudo(HeaderId::kScheme, question_.scheme);
    for (const auto& [name, value] : question_.headers) request_.add(name, value);
    connection_.local_address = connection_.direct_local_address = local_;
    connection_.remote_address = connection_.direct_remote_address = peer_;
    connection_.tls = tls();
    info_.connection = &connection_;
    info_.start = 1;
    info_.start_wall = wall_now();
    info_.protocol = http::Protocol::kHttp11;
    list_filters();
    const Headers before = snapshot(request_);
    const proxy::LocalIdentity& identity = configuration_.bootstrap().identity;
    if (const auto refusal = proxy::admit_request(request_, *http_, identity, info_, random_, proxy::is_upgrade(request_))) {
      story_.ended = std::to_string(refusal->status) + ", the request is refused: " + std::string(refusal->details);
      return false;
    }
    story_.received = changes(before, snapshot(request_), [](const auto&) { return "connection manager"; });
    story_.client = info_.client()->ip();
    story_.internal = info_.internal_request;
    return true;
  }

  void route() {
    if (http_->routes != nullptr) {
      table_ = http_->routes->table();
      story_.route_table = http_->routes->name();
    } else if (!choose_scope()) {
      return not_found();
    }
    if (table_ == nullptr) {
      story_.ended = "404, there are no routes yet";
      return;
    }
    const DryRun::Place* place = configuration_.place_of(table_.get());
    const route::MatchContext context{.random = question_.random,
                                      .tls = tls(),
                                      .peer_certificate_presented = question_.client_certificate,
                                      .peer_certificate_validated = question_.client_certificate,
                                      .internal_request = info_.internal_request,
                                      .info = &info_};
    const route::Explanation explanation = route::explain(*table_, request_, context);
    match_ = explanation.match;
    if (match_.virtual_host == nullptr) {
      for (const auto& host : table_->config().virtual_hosts) {
        story_.domains.insert(story_.domains.end(), host.domains.begin(), host.domains.end());
      }
      hint_at_port(context);
      return not_found();
    }
    const std::string host = "virtual_hosts[" + std::to_string(explanation.virtual_host_number) + "]";
    story_.virtual_host = match_.virtual_host->name;
    story_.virtual_host_at = place_text(place, host);
    story_.virtual_host_routes = explanation.route_count;
    story_.matcher = explanation.matcher_steps;
    story_.domain = explanation.domain;
    story_.matched = match_.route != nullptr;
    for (const route::Candidate& candidate : explanation.candidates) {
      story_.candidates.push_back({candidate.number, candidate.route->name, route::describe(candidate.route->match),
                                   candidate.miss ? candidate.miss->text() : "", candidate.miss ? candidate.miss->condition : "",
                                   place_text(place, host + "." + route::path_of(*match_.virtual_host, candidate.number))});
    }
    if (match_.route == nullptr) return not_found();
    if (explanation.https_redirect) story_.policies.emplace_back("TLS", "the virtual host requires it");
    list_filters();
    std::visit([&](const auto& action) { act(action); }, match_.route->action);
  }

  /// Those that the request's way, as far as it is known, does not switch off.
  void list_filters() {
    route::ClusterChoice choice;
    const route::Forward* forward = match_.route != nullptr ? match_.route->forward() : nullptr;
    if (forward != nullptr) choice = route::choose_cluster(*forward, request_, question_.random, info_);
    story_.filters.clear();
    for (const proxy::ConfiguredFilter& filter : http_->filters) {
      bool disabled = filter.disabled;
      proxy::for_each_override(table_.get(), match_, choice, filter.name,
                               [&](const route::FilterOverride& change) { disabled = change.disabled; });
      if (!disabled) story_.filters.push_back(filter.name);
    }
    story_.filters.push_back("router");
  }

  /// Which of the scoped route tables; false if none has the key of the request.
  bool choose_scope() {
    const std::string_view key = http_->scopes->builder().key(request_);
    const std::shared_ptr<const route::Scopes> scopes = http_->scopes->scopes();
    const route::Scopes::Scope* scope = key.data() == nullptr || scopes == nullptr ? nullptr : scopes->find(key);
    std::string parts;  // as people write them: "a, b"
    for (const char c : key) parts += c == '\0' ? std::string(", ") : std::string(1, c);
    parts.resize(parts.size() < 2 ? 0 : parts.size() - 2);
    story_.scope = scope != nullptr        ? config::quoted(scope->name) + " by the key " + config::quoted(parts)
                   : key.data() == nullptr ? "none: a header of the key, or a piece of it, is missing"
                                           : "none has the key " + config::quoted(parts);
    if (scope == nullptr) return false;
    table_ = scope->routes->table();
    story_.route_table = scope->routes->name();
    return true;
  }

  /// Domains are compared with the port, which surprises many.
  void hint_at_port(const route::MatchContext& context) {
    const size_t port = route::port_position(question_.authority);
    if (port == std::string::npos) return;
    const std::string host = question_.authority.substr(0, port);
    request_.set_pseudo(http::HeaderId::kAuthority, host);
    if (table_->find(request_, context).virtual_host != nullptr) {
      story_.domain_hint = "the port counts: " + host + " alone would fit; ignore_port_in_host_matching makes it so";
    }
    request_.set_pseudo(http::HeaderId::kAuthority, question_.authority);
  }

  void not_found() {
    story_.action = "not found";
    story_.status = 404;
  }

  void act(const route::NonForwarding&) {
    story_.action = "not for proxies";
    story_.status = 404;
  }

  void act(const route::DirectResponse& response) {
    story_.action = "direct response";
    story_.status = response.status;
    story_.body = response.body;
    respond(nullptr);
  }

  void act(const route::Redirect& redirect) {
    story_.action = "redirect";
    story_.status = redirect.status;
    story_.location = route::redirect_location(redirect, match_.route->match, request_, !http_->router.suppress_envoy_headers);
    respond(nullptr);
  }

  void act(const route::Forward& forward) {
    story_.action = "forward";
    const route::ClusterChoice choice = route::choose_cluster(forward, request_, question_.random, info_);
    story_.cluster = choice.name;
    const DryRun::Cluster* cluster = configuration_.cluster(choice.name);
    story_.cluster_exists = cluster != nullptr;
    if (cluster != nullptr) {
      story_.cluster_note = describe(*cluster);
    } else {
      story_.status = forward.cluster_not_found_status;
      story_.cluster_note =
          (!choice.name.empty()                                        ? "there is none of that name"
           : std::holds_alternative<http::HeaderName>(forward.cluster) ? "the header that should name it is missing"
                                                                       : "the matcher that chooses it finds none") +
          std::string(": ") + std::to_string(story_.status);
    }
    if (const auto* header = std::get_if<http::HeaderName>(&forward.cluster)) {
      story_.policies.emplace_back("Cluster", "named by the header " + header->text);
    }
    if (const auto* plugin = std::get_if<std::shared_ptr<const route::MatchedCluster>>(&forward.cluster)) {
      for (const std::string& step : (*plugin)->matcher.explain(route::match_data(request_, &info_)))
        story_.policies.emplace_back("Chosen as", step);
    }
    if (const auto* several = forward.weighted_clusters()) weights(*several, choice);
    if (const auto* found = route::virtual_cluster(*match_.virtual_host, request_)) story_.virtual_cluster = found->name;
    policies(forward);

    const Headers before = snapshot(request_);
    route::finalize_request(table_->config(), match_, choice.entry, request_, context(), !http_->router.suppress_envoy_headers);
    story_.request =
        changes(before, snapshot(request_), [&](const std::string& name) { return doer(name, forward, choice.entry); });
    if (forward.host_rewrite->kind == route::HostRewrite::Kind::kAuto) {
      story_.request.push_back({":authority", question_.authority, "(the endpoint's host name)", "auto_host_rewrite"});
    }
    respond(choice.entry);
  }

  void weights(const route::WeightedClusters& several, const route::ClusterChoice& choice) {
    for (const route::WeightedCluster& entry : several.entries) {
      story_.weighted.push_back({entry.header ? "(header " + entry.header->text + ")" : entry.cluster.name, entry.weight,
                                 100.0 * static_cast<double>(entry.weight) / static_cast<double>(several.total_weight),
                                 &entry == choice.entry});
    }
  }

  void policies(const route::Forward& forward) {
    auto& list = story_.policies;
    list.emplace_back("Timeout", milliseconds(forward.timeout_ms));
    const route::TimeLimits& limits = *forward.time_limits;
    const uint64_t idle = limits.idle_timeout_ms.value_or(static_cast<uint64_t>(http_->stream_idle_timeout_ms));
    list.emplace_back("Idle timeout", milliseconds(idle) + (limits.idle_timeout_ms ? "" : " (the connection manager's)"));
    if (limits.max_stream_duration_ms) list.emplace_back("Longest stream", milliseconds(*limits.max_stream_duration_ms));
    if (forward.retry_policy != nullptr && forward.retry_policy->num_retries > 0) {
      std::string text = "up to " + std::to_string(forward.retry_policy->num_retries) + " on " + forward.retry_policy->retry_on;
      if (forward.retry_policy->per_try_timeout_ms) {
        text += ", each try " + milliseconds(*forward.retry_policy->per_try_timeout_ms);
      }
      list.emplace_back("Retries", std::move(text));
    }
    if (!forward.hash_policies.empty()) list.emplace_back("Hash policies", std::to_string(forward.hash_policies.size()));
    for (const route::MirrorPolicy& mirror : forward.mirror_policies) {
      const auto* cluster = std::get_if<route::ClusterRef>(&mirror.cluster);
      list.emplace_back("Mirror", cluster != nullptr ? cluster->name : "named by a header");
    }
    if (forward.priority == route::Priority::kHigh) list.emplace_back("Priority", "high");
  }

  /// Which part of the configuration changes a header of the request.
  std::string doer(const std::string& name, const route::Forward& forward, const route::WeightedCluster* entry) const {
    if (name == ":path" || name == "x-envoy-original-path") {
      return !forward.prefix_rewrite->empty() ? "prefix_rewrite"
             : forward.regex_rewrite          ? "regex_rewrite"
                                              : "path_rewrite_policy";
    }
    if (name == "x-envoy-original-host" || name == "x-forwarded-host") return "host rewrite";
    if (name == ":authority") {
      if (entry != nullptr && entry->host_rewrite) return "host_rewrite_literal of the weighted cluster";
      constexpr const char* kNames[] = {"mutation", "host_rewrite_literal", "auto_host_rewrite", "host_rewrite_header",
                                        "host_rewrite_path_regex"};
      return kNames[static_cast<size_t>(forward.host_rewrite->kind)];
    }
    return level(name, entry, &route::Mutations::request);
  }

  std::string level(const std::string& name, const route::WeightedCluster* entry,
                    route::HeaderMutations route::Mutations::*direction) const {
    std::string result;
    const auto ask = [&](const char* what, const route::Mutations& mutations) {
      const route::HeaderMutations& list = mutations.*direction;
      const bool does = std::ranges::any_of(list.add, [&](const auto& each) { return each.name.text == name; }) ||
                        std::ranges::any_of(list.remove, [&](const auto& each) { return each.text == name; });
      if (does) result += (result.empty() ? "" : ", ") + std::string(what);
    };
    if (entry != nullptr) ask("weighted cluster", entry->mutations);
    ask("route", *match_.route->mutations);
    ask("virtual host", *match_.virtual_host->mutations);
    ask("route configuration", table_->config().mutations);
    return result;
  }

  /// What is added to any response, and what would be removed from it.
  void respond(const route::WeightedCluster* entry) {
    http::HeaderMap response(arena_);
    response.set_status(story_.status == 0 ? 200 : story_.status);
    const Headers before = snapshot(response);
    format::FormatContext formats = context();
    formats.response = &response;
    route::finalize_response(table_->config(), match_, entry, response, formats);
    const auto by = [&](const std::string& name) { return level(name, entry, &route::Mutations::response); };
    story_.response = changes(before, snapshot(response), by);
    const auto removals = [&](const route::Mutations& mutations) {
      for (const http::HeaderName& name : mutations.response.remove) {
        const bool told = std::ranges::any_of(story_.response, [&](const HeaderChange& each) { return each.name == name.text; });
        if (!told) story_.response.push_back({name.text, "", std::nullopt, by(name.text)});
      }
    };
    if (entry != nullptr) removals(entry->mutations);
    removals(*match_.route->mutations);
    removals(*match_.virtual_host->mutations);
    removals(table_->config().mutations);
  }

  bool tls() const { return question_.scheme == "https"; }
  format::FormatContext context() const { return {.request = &request_, .info = info_}; }

  const DryRun& configuration_;
  const Question& question_;
  Story story_;
  const proxy::ListenerSpec* listener_ = nullptr;
  const proxy::HttpConnectionSpec* http_ = nullptr;
  route::RouteTablePtr table_;
  route::Match match_;
  net::AddressPtr peer_, local_;
  format::ConnectionInfo connection_;
  format::StreamInfo info_;
  Arena arena_;
  http::HeaderMap request_{arena_};
  Random random_{1};
};

}  // namespace

Result<Question> Question::parse(const std::string& text) {
  Question question;
  std::istringstream words(text);
  std::string first, second, rest;
  words >> first >> second >> rest;
  if (!rest.empty()) return failure("expected 'METHOD URL', got more words: " + rest);
  std::string url = second.empty() ? first : second;
  if (!second.empty()) question.method = first;
  const size_t scheme = url.find("://");
  if (scheme != std::string::npos) {
    question.scheme = lower(url.substr(0, scheme));
    url = url.substr(scheme + 3);
    if (question.scheme != "http" && question.scheme != "https") return failure("the URL's scheme must be http or https");
  }
  const size_t slash = url.find_first_of("/?");
  question.authority = url.substr(0, slash);
  if (slash != std::string::npos) question.path = (url[slash] == '?' ? "/" : "") + url.substr(slash);
  if (question.authority.empty()) return failure("the URL names no host: write http://host/path");
  return question;
}

uint16_t Question::port() const {
  const size_t colon = route::port_position(authority);
  const uint16_t standard = scheme == "https" ? 443 : 80;
  return colon == std::string::npos ? standard : parse_number<uint16_t>(authority.substr(colon + 1)).value_or(standard);
}

Result<Story> tell(const DryRun& configuration, const Question& question) { return Teller(configuration, question).tell(); }

}  // namespace weir::main
