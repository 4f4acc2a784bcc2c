#include "proxy/listener_filter.h"

#include <linux/netfilter_ipv4.h>
#include <sys/socket.h>

#include <algorithm>

#include "net/proxy_protocol.h"
#include "net/tls/client_hello.h"

namespace weir::proxy {

namespace {

using Kind = ListenerFilterSpec::Kind;

constexpr size_t kMaxSniffed = 8 * 1024;
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr int kOriginalDestination6 = 80;  // IP6T_SO_ORIGINAL_DST; its header cannot be included beside netinet/in.h

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

FilterResult proxy_protocol(const ListenerFilterSpec& filter, std::string_view bytes, ListenerFindings& findings, size_t& taken) {
  net::ProxyHeader header;
  const auto found = net::read_proxy_header(bytes, header);
  const bool forbidden = (header.version == 1 && !filter.version1_allowed) || (header.version == 2 && !filter.version2_allowed);
  if (found == net::ProxyHeaderFound::kNo || forbidden) {
    return filter.proxy_header_optional ? FilterResult::kGoOn : FilterResult::kClose;
  }
  if (found == net::ProxyHeaderFound::kMore) return FilterResult::kMore;
  if (found == net::ProxyHeaderFound::kBroken) return FilterResult::kClose;
  taken = header.size;
  if (header.source != nullptr) {
    findings.remote_address = std::move(header.source);
    findings.destination_restored |= !(*header.destination == *findings.local_address);
    findings.local_address = std::move(header.destination);
  }
  return FilterResult::kGoOn;
}

FilterResult inspect_tls(std::string_view bytes, ListenerFindings& findings) {
  if (bytes.empty()) return FilterResult::kMore;
  net::ClientHello hello;
  switch (net::read_client_hello(bytes, hello)) {
    case net::Sniff::kMore:
      return FilterResult::kMore;
    case net::Sniff::kTooLong:
      return FilterResult::kClose;
    case net::Sniff::kOther:
      return FilterResult::kGoOn;
    case net::Sniff::kFound:
      break;
  }
  findings.transport_protocol = "tls";
  findings.server_name = std::move(hello.server_name);
  findings.application_protocols = std::move(hello.alpn);
  return FilterResult::kGoOn;
}

FilterResult inspect_http(std::string_view bytes, ListenerFindings& findings) {
  if (findings.transport_protocol != "raw_buffer") return FilterResult::kGoOn;
  bool more = false;
  const std::string_view protocol = sniff_http(bytes, more);
  if (more) return FilterResult::kMore;
  if (!protocol.empty()) findings.application_protocols = {std::string(protocol)};
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

FilterResult run_listener_filter(const ListenerFilterSpec& filter, int fd, std::string_view bytes, ListenerFindings& findings,
                                 size_t& taken) {
  if (filter.disabled && findings.local_address->is_ip() && filter.disabled(findings.local_address->port())) {
    return FilterResult::kGoOn;
  }
  switch (filter.kind) {
    case Kind::kOriginalDestination:
      original_destination(fd, findings);
      return FilterResult::kGoOn;
    case Kind::kProxyProtocol:
      return proxy_protocol(filter, bytes, findings, taken);
    case Kind::kTlsInspector:
      return inspect_tls(bytes, findings);
    case Kind::kHttpInspector:
      return inspect_http(bytes, findings);
  }
  return FilterResult::kGoOn;
}

}  // namespace weir::proxy
