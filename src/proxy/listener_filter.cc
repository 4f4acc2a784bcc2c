#include "proxy/listener_filter.h"

#include <linux/netfilter_ipv4.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/text.h"
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
  if (fd < 0 || !findings.local_address->is_ip()) return;
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  const bool v6 = findings.local_address->family() == AF_INET6;
  const int got = v6 ? getsockopt(fd, SOL_IPV6, kOriginalDestination6, &storage, &size)
                     : getsockopt(fd, SOL_IP, SO_ORIGINAL_DST, &storage, &size);
  if (got != 0) return;
  findings.local_address = std::make_shared<const net::Address>(net::Address::from_sockaddr(storage, size));
  findings.destination_restored = true;
}

/// The size of the UTF-8 sequence that the text begins with; 0 if there is none (RFC 3629).
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t at) { return static_cast<uint8_t>(text[at]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if (byte(i) >> 6 != 2) return 0;
  }
  if (first == 0xe0 && byte(1) < 0xa0) return 0;
  if (first == 0xed && byte(1) > 0x9f) return 0;
  if (first == 0xf0 && byte(1) < 0x90) return 0;
  if (first == 0xf4 && byte(1) > 0x8f) return 0;
  return size;
}

/// Text as JSON and protobuf can hold it: a byte that is not part of valid UTF-8 becomes '!'.
std::string valid_utf8(std::string_view bytes) {
  std::string text(bytes);
  for (size_t at = 0; at < text.size();) {
    const size_t size = utf8_length(std::string_view(text).substr(at));
    if (size == 0) text[at] = '!';
    at += std::max<size_t>(size, 1);
  }
  return text;
}

format::ConnectionExtras& extras_of(ListenerFindings& findings) {
  if (findings.extras == nullptr) findings.extras = std::make_shared<format::ConnectionExtras>();
  return *findings.extras;
}

/// Upstream connections shall come from the client's address, as it is known now, and any port.
void keep_source(const ListenerFilterSpec& filter, ListenerFindings& findings) {
  if (!findings.remote_address->is_ip()) return;
  format::ConnectionExtras& extras = extras_of(findings);
  extras.source = std::make_shared<const net::Address>(findings.remote_address->with_port(0));
  extras.source_mark = filter.mark;
}

void keep_tlvs(const ListenerFilterSpec& filter, const net::ProxyHeader& header, ListenerFindings& findings) {
  for (const auto& [type, value] : header.tlvs) {
    if (filter.passed_tlvs.test(type)) extras_of(findings).tlvs.emplace_back(type, value);
    for (const ListenerFilterSpec::TlvRule& rule : filter.rules) {
      if (rule.type != type) continue;
      auto& notes = extras_of(findings).notes;
      const bool known = std::ranges::any_of(
          notes, [&](const auto& note) { return note.name_space == rule.name_space && note.key == rule.key; });
      if (!known) notes.push_back({rule.name_space, rule.key, valid_utf8(value)});
    }
  }
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
  findings.proxied = true;
  keep_tlvs(filter, header, findings);
  if (header.source != nullptr) {
    findings.remote_address = std::move(header.source);
    findings.destination_restored |= !(*header.destination == *findings.local_address);
    findings.local_address = std::move(header.destination);
  }
  return FilterResult::kGoOn;
}

FilterResult inspect_tls(const ListenerFilterSpec& filter, Stats& stats, std::string_view bytes, ListenerFindings& findings) {
  if (bytes.empty()) return FilterResult::kMore;
  net::ClientHello hello;
  const net::Sniff found = net::read_client_hello(bytes, hello, filter.fingerprints);
  if (found == net::Sniff::kMore) return FilterResult::kMore;
  stats.bytes_processed.record(found == net::Sniff::kOther ? kRecordHead : bytes.size());
  switch (found) {
    case net::Sniff::kTooLong:
      stats.client_hello_too_large.add();
      return FilterResult::kClose;
    case net::Sniff::kFound:
      break;
    default:
      if (filter.closes_broken) return FilterResult::kRefuse;
      stats.tls_not_found.add();
      return FilterResult::kGoOn;
  }
  stats.tls_found.add();
  (hello.server_name.empty() ? stats.sni_not_found : stats.sni_found).add();
  (hello.alpn.empty() ? stats.alpn_not_found : stats.alpn_found).add();
  findings.transport_protocol = "tls";
  findings.server_name = std::move(hello.server_name);
  if (filter.fingerprints != net::Fingerprints::kNone) {
    extras_of(findings).ja3 = std::move(hello.ja3);
    extras_of(findings).ja4 = std::move(hello.ja4);
  }
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
      return inspect_tls(filter, filter.stats->mine(worker), bytes, findings);
    case Kind::kHttpInspector:
      return inspect_http(filter.stats->mine(worker), bytes, findings);
    case Kind::kLocalRateLimit:
      if (!filter.enabled_key.flag(filter.enabled) || filter.bucket->take(1, monotonic_now())) return FilterResult::kGoOn;
      filter.stats->mine(worker).rate_limited.add();
      return FilterResult::kRefuse;
    case Kind::kOriginalSource:
      keep_source(filter, findings);
      return FilterResult::kGoOn;
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
