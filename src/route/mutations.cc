#include "route/mutations.h"

#include <array>
#include <charconv>

#include "http/joined_lines.h"

namespace weir::route {

namespace {

using http::HeaderId;
using http::HeaderMap;

struct Write {
  const HeaderAddition* addition;
  std::string_view value;
  bool overwrite;
};

bool has(const HeaderMap& headers, const http::HeaderName& name) { return http::first_value(headers, name).data() != nullptr; }

void set_line(HeaderMap& headers, const http::HeaderName& name, std::string_view value) {
  if (name.id != HeaderId::kOther) {
    headers.set(name.id, value);
  } else {
    headers.set(name.text, value);
  }
}

void remove_lines(HeaderMap& headers, const http::HeaderName& name) {
  if (name.id != HeaderId::kOther) {
    headers.remove(name.id);
  } else {
    headers.remove(name.text);
  }
}

/// As in Envoy the new line comes last.
void replace_line(HeaderMap& headers, const http::HeaderName& name, std::string_view value) {
  remove_lines(headers, name);
  headers.add(http::Header{name.text, value, name.id});
}

void add_line(HeaderMap& headers, const HeaderAddition& addition, std::string_view value) {
  if (addition.joins_lines) {
    if (const std::string_view before = http::joined_value(headers, addition.name); before.data() != nullptr) {
      set_line(headers, addition.name, http::append_value(headers.arena(), before, value));
      return;
    }
  }
  headers.add(http::Header{addition.name.text, value, addition.name.id});
}

/// Not again if it is the last entry already.
void append_forwarded_host(HeaderMap& request, std::string_view host) {
  const std::string_view before = request.get_joined("x-forwarded-host");
  if (before.substr(before.rfind(',') + 1) == host) return;
  request.set(HeaderId::kForwardedHost, before.empty() ? host : request.arena().join(before, ",", host));
}

/// The levels in the order in which they are applied.
template <class F>
void for_each_level(const RouteConfig& config, const Match& match, F&& visit) {
  std::array<const Mutations*, 3> levels = {match.route == nullptr ? nullptr : &*match.route->mutations,
                                            match.virtual_host == nullptr ? nullptr : &*match.virtual_host->mutations,
                                            &config.mutations};
  if (config.most_specific_header_mutations_wins) std::swap(levels[0], levels[2]);
  for (const Mutations* level : levels) {
    if (level != nullptr) visit(*level);
  }
}

/// How much of the path (without query) the route's match stands for, for prefix rewrites.
size_t matched_size(const RouteMatch& match, std::string_view path) {
  const PathMatch& by = match.path;
  if (by.kind == PathMatch::Kind::kPrefix || by.kind == PathMatch::Kind::kSeparatedPrefix)
    return std::min(by.text.size(), path.size());
  return path.size();
}

struct PathRewrite {
  std::string_view prefix;
  const RegexRewrite* regex = nullptr;
  const TemplateRewrite* path_template = nullptr;
};

void rewrite_path(HeaderMap& request, const RouteMatch& match, const PathRewrite& rewrite, bool envoy_headers) {
  if (rewrite.prefix.empty() && rewrite.regex == nullptr && rewrite.path_template == nullptr) return;
  const std::string_view whole = request.path();
  const size_t end = std::min(whole.find_first_of("?#"), whole.size());
  const std::string_view path = whole.substr(0, end);
  const std::string_view rest = whole.substr(end);
  Arena& arena = request.arena();
  if (envoy_headers) request.set(HeaderId::kEnvoyOriginalPath, whole);
  std::string_view rewritten;
  if (!rewrite.prefix.empty() && match.path.kind == PathMatch::Kind::kTemplate) {
    // As Envoy has it: as many characters as the template has, be they of the path or of the query.
    rewritten = arena.join(rewrite.prefix, whole.substr(std::min(match.path.path_template.pattern().size(), whole.size())));
  } else if (!rewrite.prefix.empty()) {
    rewritten = arena.join(rewrite.prefix, path.substr(matched_size(match, path)), rest);
  } else if (rewrite.regex != nullptr) {
    rewritten = arena.join(rewrite.regex->apply(path, arena), rest);
  } else {
    rewritten = arena.join(rewrite.path_template->apply(path, arena), rest);
  }
  request.set_pseudo(HeaderId::kPath, rewritten);
}

void rewrite_host(HeaderMap& request, const Forward& forward, bool envoy_headers) {
  const HostRewrite& rewrite = *forward.host_rewrite;
  switch (rewrite.kind) {
    case HostRewrite::Kind::kNone:
    case HostRewrite::Kind::kAuto:
      return;
    case HostRewrite::Kind::kLiteral:
      set_host(request, rewrite.literal, forward.append_x_forwarded_host, envoy_headers);
      return;
    case HostRewrite::Kind::kHeader:
      if (const std::string_view host = http::first_value(request, rewrite.header); !host.empty()) {
        set_host(request, host, forward.append_x_forwarded_host, envoy_headers);
      }
      return;
    case HostRewrite::Kind::kPathRegex: {
      const std::string_view path = request.path().substr(0, request.path().find_first_of("?#"));
      const std::string_view host = rewrite.path_regex.apply(path, request.arena());
      if (!host.empty()) set_host(request, host, forward.append_x_forwarded_host, envoy_headers);
      return;
    }
  }
}

}  // namespace

void apply(const HeaderMutations& mutations, HeaderMap& headers, const format::FormatContext& context) {
  for (const http::HeaderName& name : mutations.remove) remove_lines(headers, name);
  if (mutations.add.empty()) return;

  Write* writes = headers.arena().allocate_array<Write>(mutations.add.size());
  size_t count = 0;
  for (const HeaderAddition& addition : mutations.add) {
    const std::string_view value = addition.value.evaluate(headers.arena(), context);
    if (value.empty() && !addition.keep_empty_value) continue;
    bool overwrite = false;
    switch (addition.action) {
      case AppendAction::kAppendIfExistsOrAdd:
        break;
      case AppendAction::kAddIfAbsent:
        if (has(headers, addition.name)) continue;
        break;
      case AppendAction::kOverwriteIfExists:
        if (!has(headers, addition.name)) continue;
        overwrite = true;
        break;
      case AppendAction::kOverwriteIfExistsOrAdd:
        overwrite = true;
        break;
    }
    writes[count++] = {&addition, value, overwrite};
  }
  for (size_t i = 0; i < count; ++i) {
    if (writes[i].overwrite) replace_line(headers, writes[i].addition->name, writes[i].value);
  }
  for (size_t i = 0; i < count; ++i) {
    if (!writes[i].overwrite) add_line(headers, *writes[i].addition, writes[i].value);
  }
}

void finalize_request(const RouteConfig& config, const Match& match, const WeightedCluster* entry, HeaderMap& request,
                      const format::FormatContext& context, bool envoy_headers) {
  const Forward& forward = *match.route->forward();
  if (entry != nullptr) {
    apply(entry->mutations.request, request, context);
    if (entry->host_rewrite) set_host(request, *entry->host_rewrite, false, false);
  }
  for_each_level(config, match, [&](const Mutations& level) { apply(level.request, request, context); });
  rewrite_host(request, forward, envoy_headers);
  rewrite_path(request, match.route->match,
               {*forward.prefix_rewrite, forward.regex_rewrite.get(), forward.template_rewrite.get()}, envoy_headers);
}

void finalize_response(const RouteConfig& config, const Match& match, const WeightedCluster* entry, HeaderMap& response,
                       const format::FormatContext& context) {
  if (match.tls_required) return;  // Envoy's redirect to https carries no configured headers
  if (entry != nullptr) apply(entry->mutations.response, response, context);
  if (!match.changes_responses) return;
  for_each_level(config, match, [&](const Mutations& level) { apply(level.response, response, context); });
}

void set_host(HeaderMap& request, std::string_view host, bool append_x_forwarded_host, bool envoy_headers) {
  const std::string_view old = request.authority();
  if (envoy_headers && !old.empty()) request.set(HeaderId::kEnvoyOriginalHost, old);
  if (append_x_forwarded_host && !old.empty()) append_forwarded_host(request, old);
  request.set_pseudo(HeaderId::kAuthority, host);
}

std::string_view redirect_location(const Redirect& redirect, const RouteMatch& match, HeaderMap& request, bool envoy_headers) {
  rewrite_path(request, match, {redirect.prefix_rewrite, redirect.regex_rewrite.get(), nullptr}, envoy_headers);
  const std::string_view scheme = !redirect.scheme.empty() ? std::string_view(redirect.scheme)
                                  : redirect.https         ? "https"
                                                           : request.scheme();
  const std::string_view old_scheme = request.get(HeaderId::kForwardedProto);  // what the client sees may not be what we do

  char digits[12] = {':'};
  std::string_view port;
  if (redirect.port != 0) {
    const char* end = std::to_chars(digits + 1, digits + sizeof digits, redirect.port).ptr;
    port = {digits, static_cast<size_t>(end - digits)};
  }

  std::string_view host = redirect.host;
  if (host.empty()) {
    host = request.authority();
    const size_t colon = host.starts_with('[')
                             ? (host.rfind("]:") == std::string_view::npos ? std::string_view::npos : host.rfind("]:") + 1)
                             : host.rfind(':');
    if (colon != std::string_view::npos) {
      const std::string_view old_port = host.substr(colon);
      const bool default_port =
          (iequals(old_scheme, "https") && old_port == ":443") || (iequals(old_scheme, "http") && old_port == ":80");
      if (!redirect.keep_port && (!port.empty() || (scheme != old_scheme && default_port))) host = host.substr(0, colon);
    }
  }

  const std::string_view old_path = request.path();
  std::string_view path = old_path;
  std::string_view query;
  const bool own_query = redirect.path.find('?') != std::string::npos;
  if (!redirect.path.empty()) {
    path = redirect.path;
    if (!own_query && old_path.find('?') != std::string_view::npos) query = old_path.substr(old_path.find('?'));
  }
  if (redirect.strip_query && !own_query) {
    path = path.substr(0, path.find('?'));
    query = {};
  }
  return request.arena().join(scheme, "://", host, port, path.starts_with('/') ? "" : "/", path, query);
}

}  // namespace weir::route
