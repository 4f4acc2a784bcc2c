#include "route/explain.h"

#include <algorithm>

#include "base/text.h"

namespace weir::route {

namespace {

using format::describe;
using http::HeaderMap;

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

/// What a header has to be, without its name.
std::string wanted(const HeaderMatcher& matcher) {
  switch (matcher.kind) {
    case HeaderMatcher::Kind::kPresent:
      return matcher.present != matcher.invert ? "present" : "absent";
    case HeaderMatcher::Kind::kText:
      return (matcher.invert ? "anything but " : "") + describe(matcher.text);
    case HeaderMatcher::Kind::kRange:
      return (matcher.invert ? "no number from " : "a number from ") + std::to_string(matcher.start) + " to below " +
             std::to_string(matcher.end);
  }
  return "";
}

std::string wanted(const QueryMatcher& matcher) {
  if (matcher.text) return describe(*matcher.text);
  return matcher.present ? "present" : "absent";
}

std::string wanted(const Fraction& fraction) {
  const std::string of = fraction.denominator == 100 ? " %" : " of " + std::to_string(fraction.denominator);
  return std::to_string(fraction.numerator) + of + " of the requests" +
         (fraction.runtime_key.empty() ? "" : " (runtime key " + fraction.runtime_key + ")");
}

std::string name_of(const MetadataMatcher& matcher) {
  std::string name = matcher.filter;
  for (const std::string& key : matcher.path) name += "." + key;
  return name;
}

std::string wanted(const MetadataMatcher& matcher) {
  return (matcher.invert ? "anything but " : "") +
         (matcher.value.kind == format::ValueMatcher::Kind::kText ? describe(matcher.value.text) : "what it is compared with");
}

std::string wanted(const FilterStateMatcher& matcher) {
  const auto* text = std::get_if<TextMatcher>(&matcher.wanted);
  return text != nullptr ? describe(*text) : "an address in the ranges";
}

std::optional<std::string> text_of(std::string_view value) {
  if (value.data() == nullptr) return std::nullopt;
  return std::string(value);
}

/// Whether `match` holds for this one aspect; the other conditions are left out.
bool path_holds(const PathMatch& match, std::string_view path, const HeaderMap& request) {
  return route_matches(RouteMatch{.path = match}, path, request, {});
}

/// The domain of `host` that an authority belongs to, by the same precedence as HostIndex.
std::string matching_domain(const VirtualHost& host, std::string_view authority) {
  HostIndex index;
  for (uint32_t i = 0; i < host.domains.size(); ++i) index.add(host.domains[i], {i});
  const DomainTarget target = index.find(authority);
  return target.found() ? host.domains[target.virtual_host] : "";
}

}  // namespace

std::string Miss::text() const {
  if (!found) return "no " + condition + (wanted == "present" ? "" : ", wanted " + wanted);
  if (wanted == "absent") return condition + " is there (" + in_quotes(*found) + ")";
  return condition + " is " + in_quotes(*found) + ", wanted " + wanted;
}

std::optional<Miss> first_miss(const RouteMatch& match, std::string_view path, const HeaderMap& request,
                               const MatchContext& context) {
  // The names of all members: whoever adds one must say here what it misses.
  const auto& [path_match, headers, parameters, grpc, presented, validated, fraction, metadata, state] = match;
  if (!path_holds(path_match, path, request)) {
    if (path_match.kind == PathMatch::Kind::kConnect) return Miss{"method", "CONNECT", std::string(request.method())};
    return Miss{"path", describe(path_match), text_of(path)};
  }
  if (fraction && !fraction->holds(context.random)) {
    return Miss{"random value", wanted(*fraction), std::to_string(context.random)};
  }
  if (grpc && !http::is_grpc(request)) {
    return Miss{"header content-type", "application/grpc", text_of(request.get_joined("content-type"))};
  }
  for (const HeaderMatcher& header : headers) {
    if (!header.matches(request)) {
      return Miss{"header " + header.name.text, wanted(header), text_of(http::joined_value(request, header.name))};
    }
  }
  for (const QueryMatcher& parameter : parameters) {
    if (parameter.matches(request.path())) continue;
    const auto value = query_value(request.path(), parameter.name);
    return Miss{"query parameter " + parameter.name, wanted(parameter),
                value ? std::optional<std::string>(*value) : std::nullopt};
  }
  const auto certificate = [](const char* what, bool is) { return Miss{"client certificate", what, is ? "yes" : "no"}; };
  if (presented && *presented != context.peer_certificate_presented)
    return certificate(*presented ? "presented" : "not presented", context.peer_certificate_presented);
  if (validated && *validated != context.peer_certificate_validated)
    return certificate(*validated ? "validated" : "not validated", context.peer_certificate_validated);
  for (const MetadataMatcher& each : metadata) {
    if (!context.info || !each.matches(context.info->metadata))
      return Miss{"metadata " + name_of(each), wanted(each), std::nullopt};
  }
  for (const FilterStateMatcher& each : state) {
    const auto* object = context.info == nullptr ? nullptr : context.info->filter_state.find(each.key);
    if (object != nullptr && each.matches(context.info->filter_state)) continue;
    return Miss{"filter state " + each.key, wanted(each),
                object == nullptr ? std::nullopt : std::optional<std::string>(object->text)};
  }
  return std::nullopt;
}

std::string describe(const PathMatch& match) {
  const std::string any_case = match.case_sensitive ? "" : " in any case";
  switch (match.kind) {
    case PathMatch::Kind::kPrefix:
      return "prefix " + match.text + any_case;
    case PathMatch::Kind::kExact:
      return "path " + match.text + any_case;
    case PathMatch::Kind::kSeparatedPrefix:
      return "path " + match.text + " or below" + any_case;
    case PathMatch::Kind::kRegex:
      return "regex " + std::string(match.regex.pattern());
    case PathMatch::Kind::kTemplate:
      return "template " + match.path_template.pattern();
    case PathMatch::Kind::kConnect:
      return "CONNECT";
    case PathMatch::Kind::kNever:
      return "nothing, for its optional cluster specifier plugin does not exist here";
  }
  return "";
}

std::string describe(const HeaderMatcher& matcher) { return "header " + matcher.name.text + " " + wanted(matcher); }

std::string describe(const RouteMatch& match) {
  std::string text = describe(match.path);
  if (match.runtime_fraction) text += ", " + wanted(*match.runtime_fraction);
  if (match.grpc) text += ", gRPC";
  for (const HeaderMatcher& header : match.headers) text += ", " + describe(header);
  for (const QueryMatcher& parameter : match.query_parameters) text += ", query " + parameter.name + " " + wanted(parameter);
  if (match.tls_presented) text += *match.tls_presented ? ", with a client certificate" : ", without a client certificate";
  if (match.tls_validated) text += *match.tls_validated ? ", validated" : ", not validated";
  for (const MetadataMatcher& each : match.dynamic_metadata) text += ", metadata " + name_of(each) + " " + wanted(each);
  for (const FilterStateMatcher& each : match.filter_state) text += ", filter state " + each.key + " " + wanted(each);
  return text;
}

Explanation explain(const RouteTable& table, const HeaderMap& request, const MatchContext& context) {
  const RouteConfig& config = table.config();
  Explanation result;
  result.match = table.find(request, context);
  if (result.match.virtual_host == nullptr) return result;
  const VirtualHost& host = *result.match.virtual_host;
  result.virtual_host_number = static_cast<uint32_t>(&host - config.virtual_hosts.data());
  std::string_view authority = request.authority();
  if (config.ignore_port_in_host_matching) authority = authority.substr(0, port_position(authority));
  result.domain = matching_domain(host, authority);

  const Route* end = host.routes.data() + host.routes.size();
  const Route* matched = result.match.route;
  result.https_redirect = matched != nullptr && !(matched >= host.routes.data() && matched < end);
  if (result.https_redirect) return result;
  const std::string_view path = matched_path(config, request.path());
  std::span<const Route> routes = host.routes;
  if (!host.matcher.empty()) {
    const format::MatchData data = match_data(request, context.info);
    result.matcher_steps = host.matcher.explain(data);
    const auto outcome = host.matcher.match(data);
    const bool found = outcome.state == format::MatcherTree::State::kMatch;
    routes = found ? routes.subspan(host.matcher_routes[outcome.action].first, host.matcher_routes[outcome.action].count)
                   : routes.first(0);
  }
  result.route_count = routes.size();
  for (const Route& route : routes) {
    Candidate& candidate = result.candidates.emplace_back();
    candidate.number = static_cast<uint32_t>(&route - host.routes.data());
    candidate.route = &route;
    if (&route == matched) break;
    candidate.miss = first_miss(route.match, path, request, context).value_or(Miss{"request", "something else", ""});
  }
  return result;
}

}  // namespace weir::route
