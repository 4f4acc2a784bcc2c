// Reading access control: policies with their permissions and principals, and matchers with its actions.
#include "filter/rbac_engine_config.h"

#include <google/protobuf/any.pb.h>

#include <algorithm>

#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/rbac/v3/rbac.pb.h"
#include "envoy/extensions/path/match/uri_template/v3/uri_template_match.pb.h"
#include "envoy/extensions/rbac/matchers/upstream_ip_port/v3/upstream_ip_port_matcher.pb.h"
#include "envoy/extensions/rbac/principals/mtls_authenticated/v3/mtls_authenticated.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/common.pb.h"
#include "envoy/type/matcher/v3/path.pb.h"
#include "envoy/type/v3/range.pb.h"
#include "format/matcher_config.h"
#include "format/matcher_tree_config.h"
#include "xds/type/matcher/v3/matcher.pb.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // older fields are part of the API

namespace weir::filter {

namespace {

namespace v3 = envoy::config::rbac::v3;
using config::FieldPath;
using envoy::extensions::path::match::uri_template::v3::UriTemplateMatchConfig;
using envoy::extensions::rbac::matchers::upstream_ip_port::v3::UpstreamIpPortMatcher;
using envoy::extensions::transport_sockets::tls::v3::SubjectAltNameMatcher;
using MtlsAuthenticated = envoy::extensions::rbac::principals::mtls_authenticated::v3::Config;
using Kind = RbacRule::Kind;

constexpr char kMatchers[] = "envoy.rbac.matchers", kPrincipals[] = "envoy.rbac.principals";

RbacAction read_action(v3::RBAC::Action action) {
  return action == v3::RBAC::DENY ? RbacAction::kDeny : action == v3::RBAC::LOG ? RbacAction::kLog : RbacAction::kAllow;
}

/// A dotted number of an object.
bool is_dotted(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos && text.find('.') != text.npos &&
         !text.starts_with('.') && !text.ends_with('.') && text.find("..") == text.npos;
}

class RuleReader {
 public:
  /// `ignored`: rules that a matcher takes the place of. As in Envoy nobody reads them, but connections still have no headers.
  explicit RuleReader(RbacReader& reader, bool ignored = false)
      : diagnostics_(ignored ? unheard_ : reader.diagnostics),
        about_headers_(reader.diagnostics),
        of_connections_(reader.of_connections),
        matchers_{.diagnostics = diagnostics_, .runtime = reader.runtime, .stats = reader.stats} {}

  RbacPolicy policy(const std::string& name, const v3::Policy& from, const FieldPath& at) {
    RbacPolicy policy(name);
    policy.permission = several<v3::Permission>(Kind::kAny, from.permissions(), {&at, "permissions"});
    policy.principal = several<v3::Principal>(Kind::kAny, from.principals(), {&at, "principals"});
    return policy;
  }

  format::MatcherReader& matchers() { return matchers_; }

 private:
  void error(const FieldPath& at, std::string message, std::string hint = {}) {
    diagnostics_.error({{}, at.text(), std::move(message), std::move(hint)});
  }

  template <class Rule, class List>
  RbacRule several(Kind kind, const List& from, const FieldPath& at) {
    RbacRule result;
    result.kind = kind;
    for (int i = 0; i < from.size(); ++i) result.inner.push_back(rule(from[i], {&at, {}, i}));
    if (result.inner.size() == 1) return std::move(result.inner.front());
    return result;
  }

  template <class Rule>
  RbacRule negated(const Rule& from, const FieldPath& at) {
    RbacRule result;
    result.kind = Kind::kNot;
    result.inner.push_back(rule(from, at));
    return result;
  }

  RbacRule rule(const v3::Permission& from, const FieldPath& at) {
    switch (from.rule_case()) {
      case v3::Permission::kAndRules: {
        const FieldPath set{&at, "and_rules"};
        return several<v3::Permission>(Kind::kAll, from.and_rules().rules(), {&set, "rules"});
      }
      case v3::Permission::kOrRules: {
        const FieldPath set{&at, "or_rules"};
        return several<v3::Permission>(Kind::kAny, from.or_rules().rules(), {&set, "rules"});
      }
      case v3::Permission::kNotRule:
        return negated(from.not_rule(), {&at, "not_rule"});
      case v3::Permission::kHeader:
        return header(from.header(), {&at, "header"});
      case v3::Permission::kUrlPath:
        return path(from.url_path(), {&at, "url_path"});
      case v3::Permission::kDestinationIp:
        return address(RbacAddress::Of::kDestination, from.destination_ip(), {&at, "destination_ip"});
      case v3::Permission::kDestinationPort: {
        const auto port = static_cast<int32_t>(from.destination_port());
        return RbacRule::single(RbacPort{port, port + 1});
      }
      case v3::Permission::kDestinationPortRange:
        return ports(from.destination_port_range(), {&at, "destination_port_range"});
      case v3::Permission::kMetadata:
        return metadata(from.metadata(), false, {&at, "metadata"});
      case v3::Permission::kSourcedMetadata:
        return sourced(from.sourced_metadata(), {&at, "sourced_metadata"});
      case v3::Permission::kRequestedServerName:
        return RbacRule::single(RbacServerName{matchers_.text(from.requested_server_name(), {&at, "requested_server_name"})});
      case v3::Permission::kUriTemplate:
        return uri_template(from.uri_template(), {&at, "uri_template"});
      case v3::Permission::kMatcher:
        return upstream(from.matcher(), {&at, "matcher"});
      case v3::Permission::kAny:
      case v3::Permission::RULE_NOT_SET:
        break;
    }
    return {};
  }

  RbacRule rule(const v3::Principal& from, const FieldPath& at) {
    using Of = RbacAddress::Of;
    switch (from.identifier_case()) {
      case v3::Principal::kAndIds: {
        const FieldPath set{&at, "and_ids"};
        return several<v3::Principal>(Kind::kAll, from.and_ids().ids(), {&set, "ids"});
      }
      case v3::Principal::kOrIds: {
        const FieldPath set{&at, "or_ids"};
        return several<v3::Principal>(Kind::kAny, from.or_ids().ids(), {&set, "ids"});
      }
      case v3::Principal::kNotId:
        return negated(from.not_id(), {&at, "not_id"});
      case v3::Principal::kAuthenticated:
        return authenticated(from.authenticated(), {&at, "authenticated"});
      case v3::Principal::kCustom:
        return validated(from.custom(), {&at, "custom"});
      case v3::Principal::kSourceIp:
        return address(Of::kConnection, from.source_ip(), {&at, "source_ip"});
      case v3::Principal::kDirectRemoteIp:
        return address(Of::kDirect, from.direct_remote_ip(), {&at, "direct_remote_ip"});
      case v3::Principal::kRemoteIp:
        return address(Of::kClient, from.remote_ip(), {&at, "remote_ip"});
      case v3::Principal::kHeader:
        return header(from.header(), {&at, "header"});
      case v3::Principal::kUrlPath:
        return path(from.url_path(), {&at, "url_path"});
      case v3::Principal::kMetadata:
        return metadata(from.metadata(), false, {&at, "metadata"});
      case v3::Principal::kSourcedMetadata:
        return sourced(from.sourced_metadata(), {&at, "sourced_metadata"});
      case v3::Principal::kFilterState:
        return RbacRule::single(format::read_filter_state_matcher(from.filter_state(), {&at, "filter_state"}, matchers_));
      case v3::Principal::kAny:
      case v3::Principal::IDENTIFIER_NOT_SET:
        break;
    }
    return {};
  }

  RbacRule header(const envoy::config::route::v3::HeaderMatcher& from, const FieldPath& at) {
    if (of_connections_) {
      about_headers_.error(
          {{}, at.text(), "a connection has no headers", "use envoy.filters.http.rbac for rules about requests"});
    }
    return RbacRule::single(matchers_.header(from, at));
  }

  RbacRule path(const envoy::type::matcher::v3::PathMatcher& from, const FieldPath& at) {
    return RbacRule::single(RbacPath{matchers_.text(from.path(), {&at, "path"})});
  }

  RbacRule uri_template(const envoy::config::core::v3::TypedExtensionConfig& from, const FieldPath& at) {
    const FieldPath where{&at, "typed_config"};
    UriTemplateMatchConfig config;
    if (!from.typed_config().UnpackTo(&config)) {
      error(where, "is no known kind of path match", "envoy.path.match.uri_template is");
      return {};
    }
    auto compiled = route::PathTemplate::compile(config.path_template());
    if (compiled) return RbacRule::single(RbacTemplate{std::move(*compiled)});
    error({&where, "path_template"}, compiled.error().message);
    return {};
  }

  std::optional<net::Cidr> range(const envoy::config::core::v3::CidrRange& from, const FieldPath& at) {
    const bool v6 = from.address_prefix().find(':') != std::string::npos;
    const uint32_t most = v6 ? 128 : 32;  // Envoy takes longer ones for these
    Result<net::Cidr> cidr = net::Cidr::make(from.address_prefix(), static_cast<int>(std::min(from.prefix_len().value(), most)));
    if (cidr) return std::move(*cidr);
    error({&at, "address_prefix"}, cidr.error().message);
    return std::nullopt;
  }

  RbacRule address(RbacAddress::Of of, const envoy::config::core::v3::CidrRange& from, const FieldPath& at) {
    auto cidr = range(from, at);
    return cidr ? RbacRule::single(RbacAddress{of, std::move(*cidr)}) : RbacRule();
  }

  RbacRule ports(const envoy::type::v3::Int32Range& from, const FieldPath& at) {
    const auto within = [](int32_t port) { return port >= 0 && port <= 65536; };
    if (!within(from.start())) {
      error({&at, "start"}, std::to_string(from.start()) + " is no port", "ports go from 0 to 65535");
    } else if (!within(from.end())) {
      error({&at, "end"}, std::to_string(from.end()) + " is no end of ports", "the end, which is excluded, is 65536 at most");
    } else if (from.start() >= from.end()) {
      error(at,
            "there is no port from " + std::to_string(from.start()) + " up to, but not including, " + std::to_string(from.end()),
            "the end must be greater than the start");
    }
    return RbacRule::single(RbacPort{from.start(), from.end()});
  }

  RbacRule metadata(const envoy::type::matcher::v3::MetadataMatcher& from, bool of_route, const FieldPath& at) {
    return RbacRule::single(RbacMetadata{format::read_metadata_matcher(from, at, matchers_), of_route});
  }
  RbacRule sourced(const v3::SourcedMetadata& from, const FieldPath& at) {
    return metadata(from.metadata_matcher(), from.metadata_source() == v3::ROUTE, {&at, "metadata_matcher"});
  }

  RbacRule authenticated(const v3::Principal::Authenticated& from, const FieldPath& at) {
    RbacAuthenticated result;
    if (from.has_principal_name()) result.name = matchers_.text(from.principal_name(), {&at, "principal_name"});
    return RbacRule::single(std::move(result));
  }

  RbacRule validated(const envoy::config::core::v3::TypedExtensionConfig& from, const FieldPath& at) {
    const FieldPath where{&at, "typed_config"};
    MtlsAuthenticated config;
    if (!from.typed_config().UnpackTo(&config)) {
      error(where, "is no known kind of principal", "envoy.rbac.principals.mtls_authenticated is");
      return {};
    }
    RbacValidated result;
    if (config.has_san_matcher()) {
      result.san = san(config.san_matcher(), {&where, "san_matcher"});
    } else if (!config.any_validated_client_certificate()) {
      error(where, "does not say whose certificate is meant", "give san_matcher or any_validated_client_certificate: true");
    }
    return RbacRule::single(std::move(result));
  }

  net::SanMatcher san(const SubjectAltNameMatcher& from, const FieldPath& at) {
    using Type = net::SanMatcher::Type;
    net::SanMatcher result;
    result.type = from.san_type() == SubjectAltNameMatcher::EMAIL        ? Type::kEmail
                  : from.san_type() == SubjectAltNameMatcher::URI        ? Type::kUri
                  : from.san_type() == SubjectAltNameMatcher::IP_ADDRESS ? Type::kIp
                  : from.san_type() == SubjectAltNameMatcher::OTHER_NAME ? Type::kOtherName
                                                                         : Type::kDns;
    result.oid = from.oid();
    if (result.type == Type::kOtherName && !is_dotted(result.oid))
      error({&at, "oid"}, "an other name needs the OID of its type, such as 1.3.6.1.4.1.311.20.2.3");
    if (result.type == Type::kDns && from.matcher().has_exact()) result.exact = from.matcher().exact();
    result.matches = [text = matchers_.text(from.matcher(), {&at, "matcher"})](std::string_view name) {
      return text.matches(name);
    };
    return result;
  }

  RbacRule upstream(const envoy::config::core::v3::TypedExtensionConfig& from, const FieldPath& at) {
    const FieldPath where{&at, "typed_config"};
    UpstreamIpPortMatcher config;
    if (!from.typed_config().UnpackTo(&config)) {
      error(where, "is no known kind of matcher", "envoy.rbac.matchers.upstream_ip_port is");
      return {};
    }
    if (!config.has_upstream_ip() && !config.has_upstream_port_range())
      error(where, "asks for nothing", "give upstream_ip or upstream_port_range");
    RbacUpstream result;
    if (config.has_upstream_ip()) result.range = range(config.upstream_ip(), {&where, "upstream_ip"});
    if (config.has_upstream_port_range())
      result.ports.emplace(config.upstream_port_range().start(), config.upstream_port_range().end());
    return RbacRule::single(std::move(result));
  }

  config::Diagnostics unheard_;
  config::Diagnostics& diagnostics_;
  config::Diagnostics& about_headers_;
  const bool of_connections_;
  format::MatcherReader matchers_;
};

std::string refusal(format::MatchInput::Kind kind, bool of_connections) {
  using Input = format::MatchInput::Kind;
  switch (kind) {
    case Input::kRequestHeader:
    case Input::kDynamicMetadata:
      if (!of_connections) return "";
      return "a connection is judged by its addresses, its server name, its certificate and its filter state";
    case Input::kDestinationIp:
    case Input::kDestinationPort:
    case Input::kSourceIp:
    case Input::kSourcePort:
    case Input::kDirectSourceIp:
    case Input::kServerName:
    case Input::kPeerUriSan:
    case Input::kPeerDnsSan:
    case Input::kPeerSubject:
    case Input::kFilterState:
    case Input::kFixed:
      return "";
    default:
      return "access is not controlled by this, but by request headers, metadata, addresses, server names and certificates";
  }
}

RbacEngine read_tree(const xds::type::matcher::v3::Matcher& from, const FieldPath& at, RbacReader& reader) {
  std::vector<RbacPolicy> actions;
  format::MatcherOwner owner;
  owner.may_keep_matching = false;
  owner.refusal = [&reader](format::MatchInput::Kind kind) { return refusal(kind, reader.of_connections); };
  owner.read_action = [&](const google::protobuf::Any& action, const FieldPath& where) -> std::optional<uint32_t> {
    v3::Action said;
    if (!action.UnpackTo(&said)) {
      reader.diagnostics.error({{}, where.text(), "is no envoy.config.rbac.v3.Action", ""});
      return std::nullopt;
    }
    if (!v3::RBAC::Action_IsValid(said.action())) {
      reader.diagnostics.error({{}, FieldPath{&where, "action"}.text(), "is neither ALLOW, DENY nor LOG", ""});
      return std::nullopt;
    }
    actions.emplace_back(said.name()).action = read_action(said.action());
    return static_cast<uint32_t>(actions.size() - 1);
  };
  RuleReader rules(reader);
  format::MatcherTree tree = format::read_matcher_tree(from, at, rules.matchers(), owner);
  return {std::move(tree), std::move(actions)};
}

RbacEngine read_rules(const v3::RBAC& from, const FieldPath& at, RbacReader& reader, bool ignored = false) {
  RuleReader rules(reader, ignored);
  const FieldPath list{&at, "policies"};
  std::vector<std::string> names;
  for (const auto& [name, policy] : from.policies()) names.push_back(name);
  std::ranges::sort(names);  // errors in an order that does not change
  std::vector<RbacPolicy> policies;
  for (const std::string& name : names) {
    policies.push_back(rules.policy(name, from.policies().at(name), {&list, name, -1, true}));
  }
  return {read_action(from.action()), std::move(policies)};
}

}  // namespace

std::optional<RbacEngine> RbacReader::engine(const RbacSource& source, const FieldPath& at) {
  const FieldPath rules{&at, source.rules_field}, matcher{&at, source.matcher_field};
  if (source.matcher == nullptr) {
    if (source.rules == nullptr) return std::nullopt;
    return read_rules(*source.rules, rules, *this);
  }
  if (source.rules != nullptr) {
    diagnostics.warning({{}, rules.text(), "is ignored, because there is a matcher", "remove one of the two"});
    if (of_connections) read_rules(*source.rules, rules, *this, true);
  }
  return read_tree(*source.matcher, matcher, *this);
}

void declare_rbac_rules(config::SupportTable& table) {
  format::declare_matcher_trees(table);
  table.extension<v3::Action>(format::kMatcherActions, "envoy.filters.rbac.action").all_fields();
  table.message<v3::RBAC>().fields({"action", "policies", "audit_logging_options"});
  table.message<v3::RBAC::AuditLoggingOptions>().harmless({"audit_condition"});  // of no effect in Envoy, whose loggers are none
  table.message<v3::Policy>().fields({"permissions", "principals"});
  table.message<v3::Permission>().all_fields().extensions("matcher", kMatchers).extensions("uri_template", "envoy.path.match");
  table.message<v3::Permission::Set>().all_fields();
  table.message<v3::Principal>().all_fields().extensions("custom", kPrincipals);
  table.message<v3::Principal::Set>().all_fields();
  table.message<v3::Principal::Authenticated>().all_fields();
  table.message<v3::SourcedMetadata>().all_fields();
  table.extension<UpstreamIpPortMatcher>(kMatchers, "envoy.rbac.matchers.upstream_ip_port").all_fields();
  table.extension<MtlsAuthenticated>(kPrincipals, "envoy.rbac.principals.mtls_authenticated").all_fields();
  table.extension<UriTemplateMatchConfig>("envoy.path.match", "envoy.path.match.uri_template").all_fields();
  table.message<SubjectAltNameMatcher>().all_fields();
  table.message<envoy::type::matcher::v3::PathMatcher>().all_fields();
  table.message<envoy::type::v3::Int32Range>().all_fields();
  table.message<envoy::type::v3::Int64Range>().all_fields();
  table.message<envoy::config::core::v3::CidrRange>().all_fields();
  table.message<envoy::config::core::v3::TypedExtensionConfig>().all_fields();
}

}  // namespace weir::filter
