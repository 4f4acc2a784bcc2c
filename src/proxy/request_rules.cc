#include "proxy/request_rules.h"

#include <algorithm>

#include "base/text.h"
#include "http/url.h"
#include "proxy/client_address.h"
#include "proxy/client_certificate.h"
#include "proxy/uuid.h"
#include "route/header_changes.h"

namespace weir::proxy {

namespace {

using http::HeaderId;
using http::HeaderMap;

constexpr std::string_view kConnect = "connect";  // as an upgrade type

/// How others know a peer: one on this machine by the machine's own address.
std::string_view peer_for_others(const net::Address& peer, const LocalIdentity& identity) {
  const bool substitute = peer.is_loopback() && identity.address != nullptr && peer.is_ip();
  return substitute ? identity.address->ip() : peer.ip();
}

bool is_internal(const net::Address& address, const HttpConnectionSpec& spec) {
  if (address.family() == AF_UNIX) return spec.unix_sockets_are_internal;
  return std::ranges::any_of(spec.internal_addresses, [&](const net::Cidr& range) { return range.contains(address); });
}

void append_via(HeaderMap& headers, std::string_view via) {
  const std::string_view old = headers.get_joined("via");
  headers.set(HeaderId::kVia, old.empty() ? via : headers.arena().join(old, ", ", via));
}

/// At the edge the place in an outside id that stands for a trace decision (see RFC 9562 version) must not be believed.
void unmark_trace(HeaderMap& request, std::string_view id) {
  constexpr size_t kUuidSize = 36, kReasonAt = 14;
  if (id.size() != kUuidSize || id[kReasonAt] == '4') return;
  request.set(HeaderId::kRequestId, request.arena().join(id.substr(0, kReasonAt), "4", id.substr(kReasonAt + 1)));
}

void set_request_id(HeaderMap& request, const HttpConnectionSpec& spec, bool edge, Random& random) {
  const std::string_view id = request.get_joined("x-request-id");
  if (id.empty() || (edge && !spec.preserve_external_request_id)) {
    request.set(HeaderId::kRequestId, make_uuid(request.arena(), random));
  } else if (edge && spec.pack_trace_reason) {
    unmark_trace(request, id);
  }
}

void set_scheme(HeaderMap& request, const HttpConnectionSpec& spec, bool tls) {
  if (!spec.scheme_to_overwrite.empty()) {
    request.set_pseudo(HeaderId::kScheme, spec.scheme_to_overwrite);
    request.set(HeaderId::kForwardedProto, spec.scheme_to_overwrite);
    return;
  }
  const std::string_view forwarded = request.get(HeaderId::kForwardedProto);
  if (request.scheme().empty()) {
    const bool https = iequals(forwarded, "https") || (tls && !iequals(forwarded, "http"));
    request.set_pseudo(HeaderId::kScheme, https ? "https" : "http");
  } else if (std::ranges::any_of(request.scheme(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
    request.set_pseudo(HeaderId::kScheme, request.arena().copy(lower(request.scheme())));
  }
}

void remove_untrusted(HeaderMap& request, bool edge) {
  // Not from an internal caller: nobody outside decides about retries, timeouts or traces.
  request.remove_if([edge](const http::Header& line) {
    switch (line.id) {
      case HeaderId::kEnvoyDecoratorOperation:
      case HeaderId::kEnvoyDownstreamServiceCluster:
      case HeaderId::kEnvoyDownstreamServiceNode:
      case HeaderId::kEnvoyOriginalPath:
      case HeaderId::kEnvoyOriginalHost:
        return edge;
      case HeaderId::kEnvoyRetriableStatusCodes:
      case HeaderId::kEnvoyRetriableHeaderNames:
      case HeaderId::kEnvoyRetryOn:
      case HeaderId::kEnvoyRetryGrpcOn:
      case HeaderId::kEnvoyMaxRetries:
      case HeaderId::kEnvoyUpstreamAltStatName:
      case HeaderId::kEnvoyUpstreamTimeoutMs:
      case HeaderId::kEnvoyUpstreamPerTryTimeoutMs:
      case HeaderId::kEnvoyUpstreamTimeoutAltResponse:
      case HeaderId::kEnvoyExpectedTimeoutMs:
      case HeaderId::kEnvoyForceTrace:
      case HeaderId::kEnvoyIpTags:
      case HeaderId::kEnvoyOriginalUrl:
      case HeaderId::kEnvoyHedgeOnPerTryTimeout:
        return true;
      default:
        return false;
    }
  });
}

/// What cannot be routed or forwarded safely.
std::optional<LocalReply> check_request(const HeaderMap& request, const HttpConnectionSpec& spec,
                                        const format::StreamInfo& info) {
  // At the edge nobody else can have taken TLS off, so an https URL on a plain HTTP/1 connection is a lie.
  const bool edge = spec.use_remote_address && spec.xff_num_trusted_hops == 0;
  if (edge && !info.connection->tls && info.protocol != http::Protocol::kHttp2 && request.scheme() == "https") {
    return LocalReply{403, "Forbidden", "http1.https_url_on_plaintext_connection", {}, true, true};
  }
  if (request.authority().empty() && !request.has_pseudo(HeaderId::kAuthority)) return LocalReply{400, "", "missing_host_header"};
  const bool connect = request.method() == "CONNECT";
  if (!connect && request.path().empty()) return LocalReply{404, "", "missing_path_rejected"};
  if (!connect && request.path().front() != '/') return LocalReply{404, "", kAbsolutePath};
  return std::nullopt;
}

/// From whom it is, how far that is trusted, and what others are told about it.
std::optional<LocalReply> prepare_request(HeaderMap& request, const HttpConnectionSpec& spec, const LocalIdentity& identity,
                                          format::StreamInfo& info, Random& random, bool upgrade) {
  // 1. What concerns this connection only (RFC 9110 §7.6.1).
  if (!upgrade) {
    request.remove(HeaderId::kConnection);
    request.remove(HeaderId::kUpgrade);
  }
  request.remove(HeaderId::kEnvoyInternal);
  request.remove(HeaderId::kKeepAlive);
  request.remove(HeaderId::kProxyConnection);
  request.remove(HeaderId::kTransferEncoding);
  if (const http::Header* te = upgrade ? nullptr : request.find(HeaderId::kTe)) {
    if (list_has_token(te->value, "trailers")) {
      if (te->value != "trailers") request.set(HeaderId::kTe, "trailers");
    } else {
      request.remove(HeaderId::kTe);
    }
  }

  if (request.has(HeaderId::kReferer)) {
    request.remove_if([](const http::Header& line) { return line.id == HeaderId::kReferer && !http::is_referer(line.value); });
  }

  // 2. Who asks.
  const net::AddressPtr& peer = info.connection->remote_address;
  const bool tls = info.connection->tls;
  net::AddressPtr client;  // null: the peer
  bool single_address;
  if (spec.use_remote_address) {
    single_address = !request.has(HeaderId::kForwardedFor);
    if (spec.xff_num_trusted_hops > 0) client = forwarded_address(request, spec.xff_num_trusted_hops - 1).address;
    if (!spec.skip_xff_append && peer->is_ip()) append_forwarded_for(request, peer_for_others(*peer, identity));
    if (spec.xff_num_trusted_hops == 0 || !request.has(HeaderId::kForwardedProto)) {
      request.set(HeaderId::kForwardedProto, tls ? "https" : "http");
    }
    if (spec.append_x_forwarded_port && spec.xff_num_trusted_hops == 0) request.remove(HeaderId::kForwardedPort);
  } else if (!spec.address_detections.empty()) {
    single_address = false;
    for (const AddressDetection& detection : spec.address_detections) {
      DetectedAddress found = detect_address(detection, request, *peer);
      if (found.reject_status) return LocalReply{*found.reject_status, "", kDetectionFailed};
      if (found.append_peer && peer->is_ip()) append_forwarded_for(request, peer_for_others(*peer, identity));
      client = std::move(found.address);
      single_address = found.trusted;
      if (client != nullptr) break;
    }
  } else {
    ForwardedAddress forwarded = forwarded_address(request, spec.xff_num_trusted_hops);
    client = std::move(forwarded.address);
    single_address = forwarded.single;
  }
  if (!request.has(HeaderId::kForwardedProto)) request.add(HeaderId::kForwardedProto, tls ? "https" : "http");
  if (spec.append_x_forwarded_port && !request.has(HeaderId::kForwardedPort)) {
    request.add(HeaderId::kForwardedPort, request.arena().copy(std::to_string(info.connection->local_address->port())));
  }
  set_scheme(request, spec, tls);

  // 3. How far we trust it.
  const bool known = client != nullptr || spec.use_remote_address;
  const net::Address& from = client != nullptr ? *client : *peer;
  const bool internal = single_address && known && is_internal(from, spec);
  const bool edge = !internal && spec.use_remote_address;
  info.internal_request = internal;
  info.client_address = std::move(client);  // the peer itself goes without saying, and without counting
  if (internal) {
    request.set(HeaderId::kEnvoyInternal, "true");
  } else {
    remove_untrusted(request, edge);
  }

  // 4. What we add.
  if (spec.add_user_agent) {
    request.set(HeaderId::kEnvoyDownstreamServiceCluster, *spec.add_user_agent);
    if (request.get(HeaderId::kUserAgent).empty()) request.set(HeaderId::kUserAgent, *spec.add_user_agent);
    if (!identity.node_id.empty()) request.set(HeaderId::kEnvoyDownstreamServiceNode, identity.node_id);
  }
  if (!spec.via.empty()) append_via(request, spec.via);
  if (edge && from.is_ip()) request.set(HeaderId::kEnvoyExternalAddress, request.arena().copy(from.ip()));
  if (spec.generate_request_id) set_request_id(request, spec, edge, random);
  forward_client_certificate(request, spec.client_cert_mode, spec.client_cert_details, *info.connection);
  return std::nullopt;
}

}  // namespace

std::string_view upgrade_type(const HeaderMap& request) {
  return request.method() == "CONNECT" ? kConnect : request.get(HeaderId::kUpgrade);
}

bool is_upgrade(const HeaderMap& headers) {
  return headers.has(HeaderId::kUpgrade) && list_has_token(headers.get(HeaderId::kConnection), "upgrade");
}

const UpgradeFilters* filters_for_upgrade(const HeaderMap& request, const HttpConnectionSpec& spec) {
  for (const UpgradeFilters& own : spec.upgrade_filters) {
    if (iequals(own.type, upgrade_type(request))) return &own;
  }
  return nullptr;
}

const route::UpgradeConfig* terminates_connect(const HeaderMap& request, const route::Route& route) {
  const route::Forward* forward = route.forward();
  if (forward == nullptr) return nullptr;
  for (const route::UpgradeConfig& upgrade : forward->upgrades) {
    if (!upgrade.connect || !upgrade.enabled || upgrade.type != kConnect) continue;
    return request.method() == "CONNECT" || (upgrade.allow_post && request.method() == "POST") ? &upgrade : nullptr;
  }
  return nullptr;
}

bool may_upgrade(const HeaderMap& request, const HttpConnectionSpec& spec, const route::Route* route) {
  const std::string_view type = upgrade_type(request);
  const auto listed = [type](std::span<const route::UpgradeConfig> upgrades) -> std::optional<bool> {
    for (const route::UpgradeConfig& upgrade : upgrades) {
      if (iequals(upgrade.type, type)) return upgrade.enabled;
    }
    return std::nullopt;
  };
  const route::Forward* forward = route == nullptr ? nullptr : route->forward();
  const auto by_route = forward == nullptr ? std::nullopt : listed(forward->upgrades);
  return by_route ? *by_route : listed(spec.upgrades).value_or(false);
}

std::optional<LocalReply> admit_request(HeaderMap& request, const HttpConnectionSpec& spec, const LocalIdentity& identity,
                                        format::StreamInfo& info, Random& random, bool upgrade) {
  if (auto refusal = check_request(request, spec, info)) return refusal;
  switch (apply_path_rules(request, spec.path_rules)) {
    case PathVerdict::kGoOn:
      break;
    case PathVerdict::kRedirect:
      if (!http::is_grpc(request)) return LocalReply{307, "", kPathFailed, request.path()};
      [[fallthrough]];  // clients of gRPC do not follow redirects
    case PathVerdict::kReject:
      return LocalReply{.status = 400, .details = kPathFailed};
  }
  apply_host_rules(request, spec.host_rules, info.connection->local_address->port());
  if (!spec.early_changes.empty()) route::apply_changes(spec.early_changes, request, {&request, nullptr, nullptr, info});
  return prepare_request(request, spec, identity, info, random, upgrade);
}

void prepare_response(HeaderMap& response, const HeaderMap& request, const HttpConnectionSpec& spec, std::string_view date,
                      bool upgrade) {
  if (!(upgrade && is_upgrade(response))) {
    response.remove(HeaderId::kConnection);
    response.remove(HeaderId::kUpgrade);
  }
  response.remove(HeaderId::kTransferEncoding);
  response.remove(HeaderId::kKeepAlive);
  response.remove(HeaderId::kProxyConnection);
  if (!response.has(HeaderId::kDate)) response.add(HeaderId::kDate, response.arena().copy(date));
  switch (spec.server_header) {
    case ServerHeader::kOverwrite:
      response.set(HeaderId::kServer, spec.server_name);
      break;
    case ServerHeader::kAppendIfAbsent:
      if (!response.has(HeaderId::kServer)) response.add(HeaderId::kServer, spec.server_name);
      break;
    case ServerHeader::kPassThrough:
      break;
  }
  if ((spec.always_set_request_id_in_response || request.has(HeaderId::kEnvoyForceTrace)) && request.has(HeaderId::kRequestId)) {
    response.set(HeaderId::kRequestId, request.get_joined("x-request-id"));
  }
  if (!spec.via.empty()) append_via(response, spec.via);
}

}  // namespace weir::proxy
