#include "filter/rbac_rule.h"

#include <algorithm>

#include "net/tls/tls_info.h"

namespace weir::filter {

namespace {

/// Under which name filters note where the request will go.
constexpr std::string_view kUpstreamAddress = "envoy.stream.upstream_address";

struct Judge {
  const RbacSubject& subject;
  const format::StreamInfo& info = subject.info;
  const format::ConnectionInfo& connection = *info.connection;

  bool operator()(std::monostate) const { return true; }

  bool operator()(const format::HeaderMatcher& header) const {
    return subject.request != nullptr && header.matches(*subject.request);
  }

  bool operator()(const RbacPath& path) const {
    const std::string_view text = path_and_query();
    return text.data() != nullptr && path.text.matches(text.substr(0, text.find_first_of("?#")));
  }

  bool operator()(const RbacTemplate& wanted) const {
    const std::string_view text = path_and_query();
    return text.data() != nullptr && wanted.path.matches(text.substr(0, text.find_first_of("?#")));
  }

  bool operator()(const RbacAddress& wanted) const {
    const net::Address* address = address_of(wanted.of);
    return address != nullptr && address->is_ip() && wanted.range.contains(*address);
  }

  bool operator()(const RbacPort& wanted) const {
    const net::Address* local = connection.local_address.get();
    return local != nullptr && local->is_ip() && local->port() >= wanted.start && local->port() < wanted.end;
  }

  bool operator()(const RbacServerName& wanted) const { return wanted.text.matches(connection.requested_server_name); }

  bool operator()(const RbacMetadata& wanted) const {
    if (!wanted.of_route) return wanted.matcher.matches(info.metadata);
    if (!subject.routed) return false;  // also if it is inverted
    const format::MetadataValue* value =
        info.route_metadata == nullptr ? nullptr : info.route_metadata->find(wanted.matcher.filter, {});
    for (const std::string& key : wanted.matcher.path) value = value == nullptr ? nullptr : value->find(key);
    return wanted.matcher.value.matches(value) != wanted.matcher.invert;
  }

  bool operator()(const format::FilterStateMatcher& wanted) const { return wanted.matches(info.filter_state); }

  bool operator()(const RbacAuthenticated& wanted) const {
    if (connection.tls_info == nullptr) return false;
    if (!wanted.name) return true;
    const net::CertificateFacts& facts = connection.tls_info->peer();
    const auto fits = [&](const std::string& name) { return wanted.name->matches(name); };
    return std::ranges::any_of(facts.uri_sans, fits) || std::ranges::any_of(facts.dns_sans, fits) || fits(facts.subject);
  }

  bool operator()(const RbacValidated& wanted) const {
    if (connection.tls_info == nullptr || !connection.tls_info->peer_validated) return false;
    return !wanted.san || connection.tls_info->peer_has(*wanted.san);
  }

  bool operator()(const RbacUpstream& wanted) const {
    const format::FilterState::Object* noted = info.filter_state.find(kUpstreamAddress);
    if (noted == nullptr || noted->address == nullptr || !noted->address->is_ip()) return false;
    if (wanted.range && !wanted.range->contains(*noted->address)) return false;
    const auto port = static_cast<int64_t>(noted->address->port());
    return !wanted.ports || (port >= wanted.ports->first && port <= wanted.ports->second);
  }

 private:
  std::string_view path_and_query() const { return subject.request == nullptr ? std::string_view() : subject.request->path(); }

  const net::Address* address_of(RbacAddress::Of of) const {
    switch (of) {
      case RbacAddress::Of::kDestination:
        return connection.local_address.get();
      case RbacAddress::Of::kConnection:
        return connection.remote_address.get();
      case RbacAddress::Of::kDirect:
        return connection.direct_remote_address.get();
      case RbacAddress::Of::kClient:
        return info.client().get();
    }
    return nullptr;
  }
};

}  // namespace

bool RbacRule::holds(const RbacSubject& subject) const {
  const auto each_holds = [&](const RbacRule& rule) { return rule.holds(subject); };
  switch (kind) {
    case Kind::kAlways:
      return true;
    case Kind::kSingle:
      return std::visit(Judge{subject}, condition);
    case Kind::kAll:
      return std::ranges::all_of(inner, each_holds);
    case Kind::kAny:
      return std::ranges::any_of(inner, each_holds);
    case Kind::kNot:
      return !inner.front().holds(subject);
  }
  return false;
}

}  // namespace weir::filter
