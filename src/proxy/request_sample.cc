#include "proxy/request_sample.h"

#include <string_view>

#include "base/json_text.h"
#include "base/number_text.h"
#include "proxy/http_connection.h"
#include "proxy/listener.h"
#include "proxy/pipeline.h"

namespace weir::proxy {

namespace {

constexpr size_t kMaxText = 300;  // of a path or host: the page is no place for more

class Object {
 public:
  void text(std::string_view name, std::string_view value) {
    begin(name);
    append_json_string(text_, value.substr(0, kMaxText));
  }
  void number(std::string_view name, double value) {
    begin(name);
    append_json_number(text_, value);
  }
  /// Milliseconds between two moments, if both came.
  void span(std::string_view name, MonotonicNs from, MonotonicNs to) {
    if (from != 0 && to >= from) number(name, static_cast<double>(to - from) / kNsPerMs);
  }
  std::string end() { return std::move(text_ += '}'); }

 private:
  void begin(std::string_view name) {
    text_ += text_.empty() ? '{' : ',';
    append_json_string(text_, name);
    text_ += ':';
  }
  std::string text_;
};

/// What the route asks of a path, in a few words.
std::string path_rule(const route::PathMatch& path) {
  using Kind = route::PathMatch::Kind;
  switch (path.kind) {
    case Kind::kPrefix:
      return "its path begins with " + path.text;
    case Kind::kExact:
      return "its path is " + path.text;
    case Kind::kSeparatedPrefix:
      return "its path is " + path.text + " or below it";
    case Kind::kRegex:
      return "its path matches a regular expression";
    case Kind::kTemplate:
      return "its path fits a template";
    case Kind::kConnect:
      return "it is a CONNECT";
    case Kind::kNever:
      break;
  }
  return "";
}

}  // namespace

std::string describe_request(const Pipeline& pipeline, HttpConnection& connection) {
  const format::StreamInfo& info = pipeline.info;
  const route::Match& match = pipeline.selection().match;
  Object out;
  out.number("at_ms", static_cast<double>(info.start_wall / kNsPerMs));
  out.span("ms", info.start, info.end);
  out.number("status", info.response_code);
  out.text("method", pipeline.request.method());
  out.text("host", pipeline.request.authority());
  out.text("path", pipeline.request.path());
  out.text("protocol", info.protocol ? http::protocol_name(*info.protocol) : "");
  out.text("client", info.client()->text());
  out.text("listener", connection.listener().spec().name);
  out.text("stat_prefix", connection.spec().stat_prefix);
  if (match.virtual_host != nullptr) out.text("virtual_host", match.virtual_host->name);
  if (match.route != nullptr) {
    const std::string rule = path_rule(match.route->match.path);
    out.text("route", match.route->name.empty() ? rule : match.route->name);
    if (!match.route->name.empty()) out.text("route_why", rule);
  }
  out.text("cluster", info.upstream_cluster);
  if (info.upstream_remote_address != nullptr) out.text("endpoint", info.upstream_remote_address->text());
  if (info.upstream_protocol) out.text("upstream_protocol", http::protocol_name(*info.upstream_protocol));
  out.number("attempts", info.attempts);
  const MonotonicNs asked = info.upstream_connect_start != 0 ? info.upstream_connect_start : info.upstream_request_start;
  out.span("until_upstream_ms", info.start, asked != 0 ? asked : info.end);
  out.span("connect_ms", asked, info.upstream_request_start);
  out.span("upstream_ms", info.upstream_request_start, info.upstream_response_start);
  out.span("answer_ms", info.upstream_response_start, info.end);
  out.text("details", info.response_code_details);
  std::string flags;
  for (const format::ResponseFlag flag : info.flags) {
    if (!flags.empty()) flags += ',';
    flags += format::flag_short_name(flag);
  }
  out.text("flags", flags.empty() ? "-" : flags);
  out.text("failure", info.upstream_transport_failure_reason);
  out.number("received", static_cast<double>(info.bytes_received));
  out.number("sent", static_cast<double>(info.bytes_sent));
  out.text("id", pipeline.request.get_joined("x-request-id"));
  return out.end();
}

}  // namespace weir::proxy
