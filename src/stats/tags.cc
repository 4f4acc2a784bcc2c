#include "stats/tags.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace weir::stats {

namespace {

/// One name being taken apart: its tags so far and which pieces of it go.
class Parse {
 public:
  /// `only`: the tags that may be found; null for all.
  Parse(std::string_view name, TagExtractor::Extracted& result, const std::vector<std::string>* only)
      : name_(name), result_(result), only_(only) {}

  void tag(std::string_view tag, size_t value_at, size_t value_size, size_t cut_at, size_t cut_size) {
    if (only_ != nullptr && std::find(only_->begin(), only_->end(), tag) == only_->end()) return;
    custom_tag(tag, value_at, value_size, cut_at, cut_size);
  }
  void custom_tag(std::string_view tag, size_t value_at, size_t value_size, size_t cut_at, size_t cut_size) {
    for (const TagExtractor::Tag& known : result_.tags) {
      if (known.name == tag) return;
    }
    result_.tags.push_back({tag, name_.substr(value_at, value_size)});
    if (cuts_ < cut_.size()) cut_[cuts_++] = {cut_at, cut_at + cut_size};
  }
  /// The token that begins at `at`, together with the dot behind it.
  void tag_token(std::string_view name, size_t at) {
    const size_t size = token(at).size();
    tag(name, at, size, at, size + 1);
  }

  /// The text from `at` to the next dot; null if no dot comes (the last token is never a tag's).
  std::string_view token(size_t at) const {
    if (at >= name_.size()) return {};
    const size_t dot = name_.find('.', at);
    return dot == std::string_view::npos || dot == at ? std::string_view() : name_.substr(at, dot - at);
  }
  size_t after(size_t at) const { return at + token(at).size() + 1; }
  bool has_token(size_t at) const { return !token(at).empty(); }
  std::string_view rest(size_t at) const { return at < name_.size() ? name_.substr(at) : std::string_view(); }
  std::string_view name() const { return name_; }

  void finish() {
    if (cuts_ == 0) {
      result_.name = name_;
      return;
    }
    std::sort(cut_.begin(), cut_.begin() + static_cast<ptrdiff_t>(cuts_));
    result_.name.clear();
    size_t at = 0;
    for (size_t i = 0; i < cuts_; ++i) {
      if (cut_[i].first > at) result_.name += name_.substr(at, cut_[i].first - at);
      at = std::max(at, cut_[i].second);
    }
    result_.name += rest(at);
    if (result_.name.ends_with('.')) result_.name.pop_back();
  }

 private:
  std::string_view name_;
  TagExtractor::Extracted& result_;
  const std::vector<std::string>* only_;
  std::array<std::pair<size_t, size_t>, 12> cut_;
  size_t cuts_ = 0;
};

/// …_rq_200 and …_rq_2xx.
void response_codes(Parse& parse) {
  const std::string_view name = parse.name();
  if (name.size() < 7 || name.substr(name.size() - 7, 4) != "_rq_") return;
  const size_t at = name.size() - 3;
  if (!is_digit(name[at])) return;
  if (is_digit(name[at + 1]) && is_digit(name[at + 2])) {
    parse.tag("envoy.response_code", at, 3, at - 1, 4);
  } else if (name.ends_with("xx")) {
    parse.tag("envoy.response_code_class", at, 1, at, 1);
  }
}

/// The tag of a token that follows one or two fixed ones, e.g. tcp.<prefix>.
struct Leading {
  std::string_view start;
  std::string_view tag;
};
constexpr Leading kLeading[] = {
    {"auth.clientssl.", "envoy.clientssl_prefix"},
    {"connection_limit.", "envoy.connection_limit_prefix"},
    {"dns_filter.", "envoy.dns_filter_prefix"},
    {"grpc.", "envoy.google_grpc_client_prefix"},
    {"listener_local_ratelimit.", "envoy.local_listener_ratelimit_prefix"},
    {"local_rate_limit.", "envoy.local_network_ratelimit_prefix"},
    {"ratelimit.", "envoy.ratelimit_prefix"},
    {"redis.", "envoy.redis_prefix"},
    {"tcp.", "envoy.tcp_prefix"},
    {"thrift.", "envoy.thrift_prefix"},
    {"udp.", "envoy.udp_prefix"},
};

/// ….ssl.certificate.<name>.<last token>, whose `ssl` stands at `at`.
void certificate(Parse& parse, size_t at) {
  constexpr std::string_view kPrefix = "ssl.certificate.";
  const std::string_view rest = parse.rest(at);
  const size_t end = rest.rfind('.');
  if (!rest.starts_with(kPrefix) || end <= kPrefix.size()) return;
  const size_t size = end - kPrefix.size();
  parse.tag("envoy.tls_certificate", at + kPrefix.size(), size, at + kPrefix.size() - 1, size + 1);
}

void cluster(Parse& parse, size_t name_at) {
  if (!parse.has_token(name_at)) return;
  const size_t at = parse.after(name_at);
  if (parse.token(at) == "grpc") {  // cluster.<name>.grpc.<service>.<method>.*
    const size_t service = parse.after(at);
    if (parse.has_token(service)) {
      const size_t method = parse.after(service);
      if (parse.has_token(method)) parse.tag_token("envoy.grpc_bridge_method", method);
      parse.tag_token("envoy.grpc_bridge_service", service);
    }
  } else if (const std::string_view rest = parse.rest(at);
             rest.starts_with("ssl.ciphers.") && rest.find('.', 12) == std::string_view::npos) {
    parse.tag("envoy.ssl_cipher_suite", at + 12, rest.size() - 12, at + 11, rest.size() - 11);
  }
  certificate(parse, at);
  parse.tag_token("envoy.cluster_name", name_at);
}

bool is_word(char c) { return is_digit(c) || c == '_' || (to_lower(c) >= 'a' && to_lower(c) <= 'z'); }

/// http.<prefix>.rds.<route config>.<last token>; the route config's name may hold dots.
void route_config(Parse& parse, std::string_view tag, size_t at) {
  const size_t dot = parse.name().rfind('.');
  if (dot <= at || dot == std::string_view::npos) return;
  const std::string_view last = parse.rest(dot + 1);
  if (!last.empty() && std::all_of(last.begin(), last.end(), is_word)) parse.tag(tag, at, dot - at, at, dot + 1 - at);
}

/// http.<prefix>.rbac.[<rules prefix>.][policy.<name>.]<last token>, from behind "rbac.".
void rbac(Parse& parse, size_t at) {
  const bool prefixed = parse.has_token(at) && parse.token(at) != "policy";
  const size_t policy = prefixed ? parse.after(at) : at;
  if (parse.has_token(policy) && parse.token(policy) == "policy") {
    const size_t name = parse.after(policy);
    const std::string_view last = parse.has_token(name) ? parse.rest(parse.after(name)) : std::string_view();
    if (last == "allowed" || last == "denied" || last == "shadow_allowed" || last == "shadow_denied")
      parse.tag_token("envoy.rbac_policy_name", name);
  }
  if (prefixed) parse.tag_token("envoy.rbac_http_prefix", at);
}

void http(Parse& parse, size_t prefix_at) {
  if (!parse.has_token(prefix_at)) return;
  const size_t at = parse.after(prefix_at);
  const std::string_view part = parse.token(at);
  const size_t next = parse.after(at);
  if (part == "user_agent" && parse.has_token(next)) {
    parse.tag_token("envoy.http_user_agent", next);
  } else if (part == "fault" && parse.has_token(next)) {
    parse.tag_token("envoy.fault_downstream_cluster", next);
  } else if (part == "rds") {
    route_config(parse, "envoy.rds_route_config", next);
  } else if (part == "scoped_rds") {
    route_config(parse, "envoy.scoped_rds_config", next);
  } else if (part == "rbac") {
    rbac(parse, next);
  } else if (part == "ext_authz" && parse.has_token(next) && !parse.has_token(parse.after(next))) {
    parse.tag_token("envoy.ext_authz_prefix", next);
  }
  parse.tag_token("envoy.http_conn_manager_prefix", prefix_at);
}

/// …worker_<id>.: the id goes, "worker" stays.
bool worker(Parse& parse, size_t at) {
  const std::string_view token = parse.token(at);
  if (!token.starts_with("worker_") || token.size() == 7) return false;
  if (!std::all_of(token.begin() + 7, token.end(), is_digit)) return false;
  parse.tag("envoy.worker_id", at + 7, token.size() - 7, at + 6, token.size() - 6);
  return true;
}

/// listener.<address>.: an IPv4 address is known by its digits, so its dots do not end it.
size_t address_size(Parse& parse, size_t at) {
  const std::string_view rest = parse.rest(at);
  size_t size = 0;
  for (size_t i = 0; i < rest.size() && (is_digit(rest[i]) || rest[i] == '_' || rest[i] == '.'); ++i) {
    if (rest[i] == '.') size = i;
  }
  return size != 0 ? size : parse.token(at).size();
}

void listener(Parse& parse, size_t address_at) {
  const size_t size = address_size(parse, address_at);
  if (size == 0) return;
  const size_t at = address_at + size + 1;
  const std::string_view rest = parse.rest(at);
  if (rest.starts_with("ssl.ciphers.") && rest.find('.', 12) == std::string_view::npos) {
    parse.tag("envoy.ssl_cipher", at + 12, rest.size() - 12, at + 11, rest.size() - 11);
  }
  certificate(parse, at);
  if (const size_t http = parse.name().find(".http.", address_at); http != std::string_view::npos && parse.has_token(http + 6)) {
    parse.tag_token("envoy.http_conn_manager_prefix", http + 6);
  }
  worker(parse, at);
  if (parse.rest(address_at).substr(0, size) != "admin") {
    parse.tag("envoy.listener_address", address_at, size, address_at, size + 1);
  }
}

void vhost(Parse& parse, size_t name_at) {
  if (!parse.has_token(name_at)) return;
  const size_t at = parse.after(name_at);
  const size_t next = parse.after(at);
  if (parse.token(at) == "vcluster" && parse.has_token(next)) parse.tag_token("envoy.virtual_cluster", next);
  parse.tag_token("envoy.virtual_host", name_at);
  if (parse.token(at) == "route" && parse.has_token(next)) parse.tag_token("envoy.route", next);
}

/// proxy_proto.[<prefix>.][versions.v<version>.]<last token>
void proxy_protocol(Parse& parse, size_t at) {
  if (parse.has_token(at) && parse.token(at) != "versions") {
    parse.tag_token("envoy.proxy_protocol_prefix", at);
    at = parse.after(at);
  }
  const size_t version = parse.after(at);
  const std::string_view token = parse.token(version);
  if (parse.token(at) != "versions" || token.size() != 2 || token[0] != 'v' || !is_digit(token[1])) return;
  if (!parse.has_token(parse.after(version))) parse.tag("envoy.proxy_protocol_version", version + 1, 1, at, version + 3 - at);
}

void by_first_token(Parse& parse) {
  const std::string_view name = parse.name();
  const auto under = [&](std::string_view start) { return name.starts_with(start) ? start.size() : 0; };
  if (const size_t at = under("cluster.")) return cluster(parse, at);
  if (const size_t at = under("http.")) return http(parse, at);
  if (const size_t at = under("listener.")) return listener(parse, at);
  if (const size_t at = under("vhost.")) return vhost(parse, at);
  if (const size_t at = under("server.")) return void(worker(parse, at));
  if (const size_t at = under("listener_manager.")) return void(worker(parse, at));
  if (const size_t at = under("thread_local_cluster_manager.")) return void(worker(parse, at));
  if (const size_t at = under("proxy_proto.")) return proxy_protocol(parse, at);
  for (const Leading& leading : kLeading) {
    if (!name.starts_with(leading.start)) continue;
    if (parse.has_token(leading.start.size())) parse.tag_token(leading.tag, leading.start.size());
    return;
  }
  if (!parse.has_token(0)) return;
  const size_t second = parse.after(0);
  if (parse.token(second) == "http_local_rate_limit") parse.tag_token("envoy.local_http_ratelimit_prefix", 0);
  if (parse.token(second) == "rbac") parse.tag_token("envoy.rbac_prefix", 0);
}

/// The first token of the only names that a regex can match, if it says so.
std::string first_token_of(std::string_view regex) {
  if (!regex.starts_with('^')) return "";
  size_t end = 1;
  while (end < regex.size() && is_word(regex[end])) ++end;
  return end > 1 && regex.substr(end, 2) == "\\." ? std::string(regex.substr(1, end - 1)) : "";
}

void apply(const RE2& regex, std::string_view tag, std::string_view name, Parse& parse) {
  re2::StringPiece groups[3];
  const int count = std::min(regex.NumberOfCapturingGroups() + 1, 3);
  const re2::StringPiece text(name.data(), name.size());
  if (count < 2 || !regex.Match(text, 0, text.size(), RE2::UNANCHORED, groups, count)) return;
  const re2::StringPiece value = count == 3 && groups[2].data() != nullptr ? groups[2] : groups[1];
  if (groups[1].data() == nullptr || value.empty()) return;
  parse.custom_tag(tag, static_cast<size_t>(value.data() - text.data()), value.size(),
                   static_cast<size_t>(groups[1].data() - text.data()), groups[1].size());
}

}  // namespace

TagExtractor::TagExtractor(TagRules rules)
    : all_default_tags_(rules.all_default_tags), default_tags_(std::move(rules.default_tags)) {
  for (TagRules::Custom& custom : rules.custom) {
    if (custom.regex == nullptr) {
      fixed_.emplace_back(std::move(custom.tag), std::move(custom.fixed_value));
      continue;
    }
    Expression expression{std::move(custom.tag), custom.regex, first_token_of(custom.regex->pattern())};
    (expression.first_token.empty() ? for_any_name_ : for_first_token_).push_back(std::move(expression));
  }
}

void TagExtractor::extract(std::string_view full_name, Extracted& result) const {
  result.tags.clear();
  for (const auto& [tag, value] : fixed_) result.tags.push_back({tag, value});
  Parse parse(full_name, result, all_default_tags_ ? nullptr : &default_tags_);
  response_codes(parse);
  for (const Expression& expression : for_any_name_) apply(*expression.regex, expression.tag, full_name, parse);
  by_first_token(parse);
  if (!for_first_token_.empty()) {
    const std::string_view first = full_name.substr(0, full_name.find('.'));
    for (const Expression& expression : for_first_token_) {
      if (expression.first_token == first) apply(*expression.regex, expression.tag, full_name, parse);
    }
  }
  parse.finish();
}

}  // namespace weir::stats
