#include "proxy/listener_filter.h"

#include <linux/netfilter_ipv4.h>
#include <sys/socket.h>

#include <algorithm>

#include "net/proxy_protocol.h"
#include "net/tls/client_hello.h"
#include "stats/table.h"

namespace weir::proxy {

namespace {

using Kind = ListenerFilterSpec::Kind;

constexpr size_t kMaxSniffed = 8 * 1024;
constexpr size_t kRecordHead = 5;  // of TLS: so much is looked at of what is none
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr int kOriginalDestination6 = 80;  // IP6T_SO_ORIGINAL_DST; its header cannot be included beside netinet/in.h

using Stats = ListenerFilterStats;

constexpr auto kTlsInspector = stats::table<Stats>({
    {"alpn_found", &Stats::alpn_found},
    {"alpn_not_found", &Stats::alpn_not_found},
    {"bytes_processed", &Stats::bytes_processed, stats::Unit::kBytes},
    {"client_hello_too_large", &Stats::client_hello_too_large},
    {"sni_found", &Stats::sni_found},
    {"sni_not_found", &Stats::sni_not_found},
    {"tls_found", &Stats::tls_found},
    {"tls_not_found", &Stats::tls_not_found},
});

constexpr auto kHttpInspector = stats::table<Stats>({
    {"http10_found", &Stats::http10_found},
    {"http11_found", &Stats::http11_found},
    {"http2_found", &Stats::http2_found},
    {"http_not_found", &Stats::http_not_found},
    {"read_error", &Stats::read_error},
});

constexpr auto kProxyProtocol = stats::table<Stats>({
    {"not_found_allowed", &Stats::not_found_allowed},
    {"not_found_disallowed", &Stats::not_found_disallowed},
    {"versions.v1.disallowed", &Stats::v1_disallowed},
    {"versions.v1.error", &Stats::v1_error},
    {"versions.v1.found", &Stats::v1_found},
    {"versions.v2.disallowed", &Stats::v2_disallowed},
    {"versions.v2.error", &Stats::v2_error},
    {"versions.v2.found", &Stats::v2_found},
});

constexpr auto kProxyProtocolErrors = stats::table<Stats>({{"proxy_proto_error", &Stats::proxy_proto_error}});

/// Where the connection was going before it was redirected here (iptables REDIRECT); with TPROXY that is its local address
/// anyway.
void original_destination(int fd, ListenerFindings& findings) {
  if (!findings.local_address->is_ip()) return;
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  const bool v6 = findings.local_address->family() == AF_INET6;
  const int got = v6 ? getsockopt(fd, SOL_IPV6, kOriginalDestination6, &storage, &size)
                     : getsockopt(fd, SOL_IP, SO_ORIGINAL_DST, &storage, &size);
  if (got != 0) return;
  findings.local_address = std::make_shared<const net::Address>(net::Address::from_sockaddr(storage, size));
  findings.destination_restored = true;
}

FilterResult proxy_protocol(const ListenerFilterSpec& filter, Stats& stats, std::string_view bytes, ListenerFindings& findings,
                            size_t& taken) {
  net::ProxyHeader header;
  const auto found = net::read_proxy_header(bytes, header);
  const bool forbidden = (header.version == 1 && !filter.version1_allowed) || (header.version == 2 && !filter.version2_allowed);
  if (forbidden) {
    (header.version == 1 ? stats.v1_disallowed : stats.v2_disallowed).add();
    if (filter.proxy_header_optional) return FilterResult::kGoOn;
    stats.proxy_proto_error.add();
    return FilterResult::kClose;
  }
  if (found == net::ProxyHeaderFound::kNo) {
    (filter.proxy_header_optional ? stats.not_found_allowed : stats.not_found_disallowed).add();
    if (filter.proxy_header_optional) return FilterResult::kGoOn;
    stats.proxy_proto_error.add();
    return FilterResult::kClose;
  }
  if (found == net::ProxyHeaderFound::kMore) return FilterResult::kMore;
  if (found == net::ProxyHeaderFound::kBroken) {
    if (header.version != 0) (header.version == 1 ? stats.v1_error : stats.v2_error).add();
    stats.proxy_proto_error.add();
    return FilterResult::kClose;
  }
  (header.version == 1 ? stats.v1_found : stats.v2_found).add();
  taken = header.size;
  if (header.source != nullptr) {
    findings.remote_address = std::move(header.source);
    findings.destination_restored |= !(*header.destination == *findings.local_address);
    findings.local_address = std::move(header.destination);
  }
  return FilterResult::kGoOn;
}

FilterResult inspect_tls(Stats& stats, std::string_view bytes, ListenerFindings& findings) {
  if (bytes.empty()) return FilterResult::kMore;
  net::ClientHello hello;
  const net::Sniff found = net::read_client_hello(bytes, hello);
  if (found == net::Sniff::kMore) return FilterResult::kMore;
  stats.bytes_processed.record(found == net::Sniff::kOther ? kRecordHead : bytes.size());
  switch (found) {
    case net::Sniff::kTooLong:
      stats.client_hello_too_large.add();
      return FilterResult::kClose;
    case net::Sniff::kFound:
      break;
    default:
      stats.tls_not_found.add();
      return FilterResult::kGoOn;
  }
  stats.tls_found.add();
  (hello.server_name.empty() ? stats.sni_not_found : stats.sni_found).add();
  (hello.alpn.empty() ? stats.alpn_not_found : stats.alpn_found).add();
  findings.transport_protocol = "tls";
  findings.server_name = std::move(hello.server_name);
  findings.application_protocols = std::move(hello.alpn);
  return FilterResult::kGoOn;
}

FilterResult inspect_http(Stats& stats, std::string_view bytes, ListenerFindings& findings) {
  if (findings.transport_protocol != "raw_buffer") return FilterResult::kGoOn;
  bool more = false;
  const std::string_view protocol = sniff_http(bytes, more);
  if (more) return FilterResult::kMore;
  if (!protocol.empty()) findings.application_protocols = {std::string(protocol)};
  (protocol == "http/1.1"   ? stats.http11_found
   : protocol == "http/1.0" ? stats.http10_found
   : protocol == "h2c"      ? stats.http2_found
                            : stats.http_not_found)
      .add();
  return FilterResult::kGoOn;
}

bool is_token(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

}  // namespace

std::string_view sniff_http(std::string_view bytes, bool& more) {
  more = false;
  const size_t known = std::min(bytes.size(), kPreface.size());
  if (bytes.substr(0, known) == kPreface.substr(0, known)) {
    more = known < kPreface.size();
    return more ? "" : "h2c";
  }
  while (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
  const size_t space = bytes.find(' ');
  const std::string_view method = bytes.substr(0, space);
  if (!std::ranges::all_of(method, is_token) && method != "\r") return {};
  const size_t end = bytes.find('\n');
  if (end == std::string_view::npos) {
    more = bytes.size() < kMaxSniffed;
    return {};
  }
  if (space == std::string_view::npos || space == 0 || space > end) return {};
  std::string_view line = bytes.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.ends_with(" HTTP/1.1")) return "http/1.1";
  if (line.ends_with(" HTTP/1.0")) return "http/1.0";
  return {};
}

FilterResult run_listener_filter(const ListenerFilterSpec& filter, size_t worker, int fd, std::string_view bytes,
                                 ListenerFindings& findings, size_t& taken) {
  if (filter.disabled && findings.local_address->is_ip() && filter.disabled(findings.local_address->port())) {
    return FilterResult::kGoOn;
  }
  switch (filter.kind) {
    case Kind::kOriginalDestination:
      original_destination(fd, findings);
      return FilterResult::kGoOn;
    case Kind::kProxyProtocol:
      return proxy_protocol(filter, filter.stats->mine(worker), bytes, findings, taken);
    case Kind::kTlsInspector:
      return inspect_tls(filter.stats->mine(worker), bytes, findings);
    case Kind::kHttpInspector:
      return inspect_http(filter.stats->mine(worker), bytes, findings);
    case Kind::kLocalRateLimit:
      if (!filter.enabled_key.flag(filter.enabled) || filter.bucket->take(1, monotonic_now())) return FilterResult::kGoOn;
      filter.stats->mine(worker).rate_limited.add();
      return FilterResult::kRefuse;
  }
  return FilterResult::kGoOn;
}

void visit_tls_inspector(stats::StatVisitor& visitor, stats::Sharded<Stats>& stats) {
  stats::visit(visitor, kTlsInspector, stats);
}
void visit_http_inspector(stats::StatVisitor& visitor, stats::Sharded<Stats>& stats) {
  stats::visit(visitor, kHttpInspector, stats);
}
void visit_proxy_protocol(stats::StatVisitor& visitor, stats::Sharded<Stats>& stats) {
  stats::visit(visitor, kProxyProtocol, stats);
}
void visit_proxy_protocol_errors(stats::StatVisitor& visitor, stats::Sharded<Stats>& stats) {
  stats::visit(visitor, kProxyProtocolErrors, stats);
}

}  // namespace weir::proxy
