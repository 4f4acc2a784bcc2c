#include "format/operator_table.h"

#include <algorithm>

#include "format/operator_values.h"
#include "format/tls_values.h"

namespace weir::format {

namespace {

using Values = const Parameters&;
using Context = const FormatContext&;

Value address(const net::AddressPtr& address) { return address ? Value::of(address->text()) : Value(); }
Value address_only(const net::AddressPtr& address) { return address ? Value::of(address->ip()) : Value(); }
Value port(const net::AddressPtr& address) { return address && address->is_ip() ? Value::of_number(address->port()) : Value(); }
Value protocol(const std::optional<http::Protocol>& protocol) {
  return protocol ? Value::of(http::protocol_name(*protocol)) : Value();
}
const net::AddressPtr kNoAddress;
/// One of the connection's addresses; null without a connection.
template <net::AddressPtr ConnectionInfo::*kField>
const net::AddressPtr& of_connection(Context c) {
  return c.info.connection == nullptr ? kNoAddress : c.info.connection->*kField;
}
const net::AddressPtr& client(Context c) {
  return c.info.client_address == nullptr && c.info.connection == nullptr ? kNoAddress : c.info.client();
}
/// The upstream's address, once there was a connection to it.
const net::AddressPtr& connected(Context c) {
  return c.info.upstream_local_address == nullptr ? kNoAddress : c.info.upstream_remote_address;
}
Value header_bytes(const http::HeaderMap* headers) {
  return Value::of_number(headers == nullptr ? 0 : static_cast<int64_t>(headers->byte_size()));
}
Value number(uint64_t value) { return Value::of_number(static_cast<int64_t>(value)); }

/// One of the connection's texts; missing if it is empty.
template <auto kField>
Value connection_text(Values, Context c, Scratch&) {
  return c.info.connection == nullptr ? Value() : Value::of_nonempty(c.info.connection->*kField);
}

template <std::string ConnectionExtras::*kField>
Value fingerprint(Values, Context c, Scratch&) {
  const bool known = c.info.connection != nullptr && c.info.connection->extras != nullptr;
  return known ? Value::of_nonempty(c.info.connection->extras.get()->*kField) : Value();
}

template <MonotonicNs StreamInfo::*kFrom, MonotonicNs StreamInfo::*kTo>
Value milliseconds(Values, Context c, Scratch&) {
  const MonotonicNs from = c.info.*kFrom;
  const MonotonicNs to = c.info.*kTo;
  return from == 0 || to == 0 ? Value() : Value::of_number((to - from) / kNsPerMs);
}

/// As in Envoy, requests know nothing of it; the listener's log does.
Value handshake_duration(Values, Context c, Scratch&) {
  if (c.request != nullptr || c.info.connection == nullptr || !c.info.connection->handshake_ms) return {};
  return Value::of_number(*c.info.connection->handshake_ms);
}

Value upstream_host_name(Values, Context c, Scratch&) {
  return c.info.upstream_host_name.empty() ? address(c.info.upstream_remote_address) : Value::of(c.info.upstream_host_name);
}

Value upstream_host_name_without_port(Values, Context c, Scratch&) {
  const std::string_view name = c.info.upstream_host_name;
  if (name.empty()) return address_only(c.info.upstream_remote_address);
  const size_t colon = name.rfind(':');
  const bool has_port = colon != std::string_view::npos && name.find(']', colon) == std::string_view::npos &&
                        (name.find(':') == colon || name[colon - 1] == ']');
  return Value::of(has_port ? name.substr(0, colon) : name);
}

// Sorted by name. What belongs to tracing, metadata or filter state has no value without such
// filters; the subsystem that brings values replaces values::missing here.
constexpr OperatorEntry kOperators[] = {
    {"ACCESS_LOG_TYPE", Syntax::kNothing, values::log_type},
    {"BYTES_RECEIVED", Syntax::kNothing, [](Values, Context c, Scratch&) { return number(c.info.bytes_received); }},
    {"BYTES_RETRANSMITTED", Syntax::kNothing, [](Values, Context, Scratch&) { return number(0); }},  // QUIC only
    {"BYTES_SENT", Syntax::kNothing, [](Values, Context c, Scratch&) { return number(c.info.bytes_sent); }},
    {"CEL", Syntax::kExpression, values::missing},
    {"CLUSTER_METADATA", Syntax::kMetadata, values::cluster_metadata},
    {"COMMON_DURATION", Syntax::kDurationBetween, values::time_between},
    {"CONNECTION_ID", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return number(c.info.connection == nullptr ? 0 : c.info.connection->id); }},
    {"CONNECTION_TERMINATION_DETAILS", Syntax::kNothing, connection_text<&ConnectionInfo::termination_details>},
    {"CUSTOM_FLAGS", Syntax::kNothing, [](Values, Context, Scratch&) { return Value::of(""); }},
    {"DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return number(c.info.traffic.received.decompressed); }},
    {"DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return number(c.info.traffic.sent.decompressed); }},
    {"DOWNSTREAM_DIRECT_LOCAL_ADDRESS", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return address(of_connection<&ConnectionInfo::direct_local_address>(c)); }},
    {"DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return address_only(of_connection<&ConnectionInfo::direct_local_address>(c)); }},
    {"DOWNSTREAM_DIRECT_LOCAL_PORT", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return port(of_connection<&ConnectionInfo::direct_local_address>(c)); }},
    {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return address(of_connection<&ConnectionInfo::direct_remote_address>(c)); }},
    {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return address_only(of_connection<&ConnectionInfo::direct_remote_address>(c)); }},
    {"DOWNSTREAM_DIRECT_REMOTE_PORT", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return port(of_connection<&ConnectionInfo::direct_remote_address>(c)); }},
    {"DOWNSTREAM_HANDSHAKE_DURATION", Syntax::kNothing, handshake_duration},
    {"DOWNSTREAM_HEADER_BYTES_RECEIVED", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return number(c.info.traffic.received.headers); }},
    {"DOWNSTREAM_HEADER_BYTES_SENT", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return number(c.info.traffic.sent.headers); }},
    {"DOWNSTREAM_LOCAL_ADDRESS", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return address(of_connection<&ConnectionInfo::local_address>(c)); }},
    {"DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return address_only(of_connection<&ConnectionInfo::local_address>(c)); }},
    {"DOWNSTREAM_LOCAL_DNS_SAN", Syntax::kNothing, tls::local_names<tls::downstream, &net::CertificateFacts::dns_sans>},
    {"DOWNSTREAM_LOCAL_EMAIL_SAN", Syntax::kNothing, tls::local_names<tls::downstream, &net::CertificateFacts::email_sans>},
    {"DOWNSTREAM_LOCAL_IP_SAN", Syntax::kNothing, tls::local_names<tls::downstream, &net::CertificateFacts::ip_sans>},
    {"DOWNSTREAM_LOCAL_OTHERNAME_SAN", Syntax::kNothing, tls::local_names<tls::downstream, &net::CertificateFacts::other_names>},
    {"DOWNSTREAM_LOCAL_PORT", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return port(of_connection<&ConnectionInfo::local_address>(c)); }},
    {"DOWNSTREAM_LOCAL_SUBJECT", Syntax::kNothing, tls::local_text<tls::downstream, &net::CertificateFacts::subject>},
    {"DOWNSTREAM_LOCAL_URI_SAN", Syntax::kNothing, tls::local_names<tls::downstream, &net::CertificateFacts::uri_sans>},
    {"DOWNSTREAM_PEER_CERT", Syntax::kNothing, tls::peer_pem<tls::downstream>},
    {"DOWNSTREAM_PEER_CERT_V_END", Syntax::kTimeUtc, tls::peer_time<tls::downstream, &net::CertificateFacts::valid_until_s>},
    {"DOWNSTREAM_PEER_CERT_V_START", Syntax::kTimeUtc, tls::peer_time<tls::downstream, &net::CertificateFacts::valid_from_s>},
    {"DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1", Syntax::kNothing, tls::chain<tls::downstream, &net::TlsInfo::chain_fingerprints_1>},
    {"DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256", Syntax::kNothing, tls::chain<tls::downstream, &net::TlsInfo::chain_fingerprints_256>},
    {"DOWNSTREAM_PEER_CHAIN_SERIALS", Syntax::kNothing, tls::chain<tls::downstream, &net::TlsInfo::chain_serials>},
    {"DOWNSTREAM_PEER_DNS_SAN", Syntax::kNothing, tls::peer_names<tls::downstream, &net::CertificateFacts::dns_sans>},
    {"DOWNSTREAM_PEER_EMAIL_SAN", Syntax::kNothing, tls::peer_names<tls::downstream, &net::CertificateFacts::email_sans>},
    {"DOWNSTREAM_PEER_FINGERPRINT_1", Syntax::kNothing, tls::peer_text<tls::downstream, &net::CertificateFacts::sha1>},
    {"DOWNSTREAM_PEER_FINGERPRINT_256", Syntax::kNothing, tls::peer_text<tls::downstream, &net::CertificateFacts::sha256>},
    {"DOWNSTREAM_PEER_IP_SAN", Syntax::kNothing, tls::peer_names<tls::downstream, &net::CertificateFacts::ip_sans>},
    {"DOWNSTREAM_PEER_ISSUER", Syntax::kNothing, tls::peer_text<tls::downstream, &net::CertificateFacts::issuer>},
    {"DOWNSTREAM_PEER_OTHERNAME_SAN", Syntax::kNothing, tls::peer_names<tls::downstream, &net::CertificateFacts::other_names>},
    {"DOWNSTREAM_PEER_SERIAL", Syntax::kNothing, tls::peer_text<tls::downstream, &net::CertificateFacts::serial>},
    {"DOWNSTREAM_PEER_SUBJECT", Syntax::kNothing, tls::peer_text<tls::downstream, &net::CertificateFacts::subject>},
    {"DOWNSTREAM_PEER_URI_SAN", Syntax::kNothing, tls::peer_names<tls::downstream, &net::CertificateFacts::uri_sans>},
    {"DOWNSTREAM_REMOTE_ADDRESS", Syntax::kNothing, [](Values, Context c, Scratch&) { return address(client(c)); }},
    {"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return address_only(client(c)); }},
    {"DOWNSTREAM_REMOTE_PORT", Syntax::kNothing, [](Values, Context c, Scratch&) { return port(client(c)); }},
    {"DOWNSTREAM_TLS_CIPHER", Syntax::kNothing, tls::text<tls::downstream, &net::TlsInfo::cipher>},
    {"DOWNSTREAM_TLS_SESSION_ID", Syntax::kNothing, tls::text<tls::downstream, &net::TlsInfo::session_id>},
    {"DOWNSTREAM_TLS_VERSION", Syntax::kNothing, tls::text<tls::downstream, &net::TlsInfo::version>},
    {"DOWNSTREAM_TRANSPORT_FAILURE_REASON", Syntax::kNothing,
     [](Values, Context c, Scratch& scratch) {
       if (c.info.connection == nullptr) return Value();
       return Value::of_nonempty(values::without_spaces(c.info.connection->transport_failure_reason, scratch));
     }},
    {"DOWNSTREAM_WIRE_BYTES_RECEIVED", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return number(c.info.traffic.received.wire); }},
    {"DOWNSTREAM_WIRE_BYTES_SENT", Syntax::kNothing, [](Values, Context c, Scratch&) { return number(c.info.traffic.sent.wire); }},
    {"DURATION", Syntax::kNothing, values::duration},
    {"DYNAMIC_METADATA", Syntax::kMetadata, values::dynamic_metadata},
    {"EMIT_TIME", Syntax::kTimeUtc, values::emit_time},
    {"EMIT_TIME_LOCAL", Syntax::kTimeLocal, values::emit_time},
    {"ENVIRONMENT", Syntax::kEnvironment, values::fixed},
    {"FILTER_CHAIN_NAME", Syntax::kNothing, connection_text<&ConnectionInfo::filter_chain_name>},
    {"FILTER_STATE", Syntax::kFilterState, values::filter_state},
    {"GRPC_STATUS", Syntax::kGrpcStatus, values::grpc_status},
    {"GRPC_STATUS_NUMBER", Syntax::kNothing, values::grpc_status},
    {"HOSTNAME", Syntax::kHostname, values::fixed},
    {"LOCAL_REPLY_BODY", Syntax::kNothing, [](Values, Context c, Scratch&) { return Value::of(c.info.local_reply_body); }},
    {"METADATA", Syntax::kTypedMetadata, values::metadata},
    {"PACKETS_RETRANSMITTED", Syntax::kNothing, [](Values, Context, Scratch&) { return number(0); }},  // QUIC only
    {"PATH", Syntax::kPath, values::path},
    {"PROTOCOL", Syntax::kNothing, [](Values, Context c, Scratch&) { return protocol(c.info.protocol); }},
    {"QUERY_PARAM", Syntax::kRequiredArgument, values::query_parameter},
    {"REQ", Syntax::kHeader, values::request_header},
    {"REQUESTED_SERVER_NAME", Syntax::kNothing, connection_text<&ConnectionInfo::requested_server_name>},
    {"REQUEST_DURATION", Syntax::kNothing, milliseconds<&StreamInfo::start, &StreamInfo::request_complete>},
    {"REQUEST_HEADERS_BYTES", Syntax::kNothing, [](Values, Context c, Scratch&) { return header_bytes(c.request); }},
    {"REQUEST_TX_DURATION", Syntax::kNothing, milliseconds<&StreamInfo::start, &StreamInfo::upstream_request_complete>},
    {"REQ_WITHOUT_QUERY", Syntax::kHeader, values::request_header_without_query},
    {"RESP", Syntax::kHeader, values::response_header},
    {"RESPONSE_CODE", Syntax::kNothing, [](Values, Context c, Scratch&) { return Value::of_number(c.info.response_code); }},
    {"RESPONSE_CODE_DETAILS", Syntax::kDetails, values::response_code_details},
    {"RESPONSE_DURATION", Syntax::kNothing, milliseconds<&StreamInfo::start, &StreamInfo::upstream_response_start>},
    {"RESPONSE_FLAGS", Syntax::kNothing, values::response_flags},
    {"RESPONSE_FLAGS_LONG", Syntax::kNothing, values::response_flags},
    {"RESPONSE_HEADERS_BYTES", Syntax::kNothing, [](Values, Context c, Scratch&) { return header_bytes(c.response); }},
    {"RESPONSE_TRAILERS_BYTES", Syntax::kNothing, [](Values, Context c, Scratch&) { return header_bytes(c.trailers); }},
    {"RESPONSE_TX_DURATION", Syntax::kNothing,
     milliseconds<&StreamInfo::upstream_response_start, &StreamInfo::response_complete>},
    {"ROUNDTRIP_DURATION", Syntax::kNothing, values::missing},  // QUIC only
    {"ROUTE_NAME", Syntax::kNothing, [](Values, Context c, Scratch&) { return Value::of_nonempty(c.info.route_name); }},
    {"START_TIME", Syntax::kTimeUtc, values::start_time},
    {"START_TIME_LOCAL", Syntax::kTimeLocal, values::start_time},
    {"STREAM_ID", Syntax::kNothing, values::stream_id},
    {"TLS_JA3_FINGERPRINT", Syntax::kNothing, fingerprint<&ConnectionExtras::ja3>},
    {"TLS_JA4_FINGERPRINT", Syntax::kNothing, fingerprint<&ConnectionExtras::ja4>},
    {"TRACE_ID", Syntax::kNothing, values::missing},
    {"TRAILER", Syntax::kHeader, values::trailer},
    {"TYPED_CEL", Syntax::kExpression, values::missing},
    {"UNIQUE_ID", Syntax::kNothing, values::unique_id},
    {"UPSTREAM_CLUSTER", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return Value::of_nonempty(c.info.upstream_cluster); }},
    {"UPSTREAM_CLUSTER_RAW", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return Value::of_nonempty(c.info.upstream_cluster_raw); }},
    {"UPSTREAM_CONNECTION_ID", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return number(c.info.upstream_connection_id); }},
    {"UPSTREAM_CONNECTION_POOL_READY_DURATION", Syntax::kNothing,
     [](Values, Context c, Scratch&) {
       return c.info.upstream_pool_wait_ns ? Value::of_number(*c.info.upstream_pool_wait_ns / kNsPerMs) : Value();
     }},
    {"UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return number(c.info.upstream_traffic.received.decompressed); }},
    {"UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return number(c.info.upstream_traffic.sent.decompressed); }},
    {"UPSTREAM_FILTER_STATE", Syntax::kFilterState, values::missing},
    {"UPSTREAM_HEADER_BYTES_RECEIVED", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return number(c.info.upstream_traffic.received.headers); }},
    {"UPSTREAM_HEADER_BYTES_SENT", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return number(c.info.upstream_traffic.sent.headers); }},
    {"UPSTREAM_HOST", Syntax::kNothing, [](Values, Context c, Scratch&) { return address(c.info.upstream_remote_address); }},
    {"UPSTREAM_HOST_NAME", Syntax::kNothing, upstream_host_name},
    {"UPSTREAM_HOST_NAME_WITHOUT_PORT", Syntax::kNothing, upstream_host_name_without_port},
    {"UPSTREAM_LOCAL_ADDRESS", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return address(c.info.upstream_local_address); }},
    {"UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return address_only(c.info.upstream_local_address); }},
    {"UPSTREAM_LOCAL_DNS_SAN", Syntax::kNothing, tls::local_names<tls::upstream, &net::CertificateFacts::dns_sans>},
    {"UPSTREAM_LOCAL_IP_SAN", Syntax::kNothing, tls::local_names<tls::upstream, &net::CertificateFacts::ip_sans>},
    {"UPSTREAM_LOCAL_PORT", Syntax::kNothing, [](Values, Context c, Scratch&) { return port(c.info.upstream_local_address); }},
    {"UPSTREAM_LOCAL_URI_SAN", Syntax::kNothing, tls::local_names<tls::upstream, &net::CertificateFacts::uri_sans>},
    {"UPSTREAM_METADATA", Syntax::kMetadata, values::upstream_metadata},
    {"UPSTREAM_PEER_CERT", Syntax::kNothing, tls::peer_pem<tls::upstream>},
    {"UPSTREAM_PEER_CERT_V_END", Syntax::kTimeUtc, tls::peer_time<tls::upstream, &net::CertificateFacts::valid_until_s>},
    {"UPSTREAM_PEER_CERT_V_START", Syntax::kTimeUtc, tls::peer_time<tls::upstream, &net::CertificateFacts::valid_from_s>},
    {"UPSTREAM_PEER_DNS_SAN", Syntax::kNothing, tls::peer_names<tls::upstream, &net::CertificateFacts::dns_sans>},
    {"UPSTREAM_PEER_IP_SAN", Syntax::kNothing, tls::peer_names<tls::upstream, &net::CertificateFacts::ip_sans>},
    {"UPSTREAM_PEER_ISSUER", Syntax::kNothing, tls::peer_text<tls::upstream, &net::CertificateFacts::issuer>},
    {"UPSTREAM_PEER_SUBJECT", Syntax::kNothing, tls::peer_text<tls::upstream, &net::CertificateFacts::subject>},
    {"UPSTREAM_PEER_URI_SAN", Syntax::kNothing, tls::peer_names<tls::upstream, &net::CertificateFacts::uri_sans>},
    {"UPSTREAM_PROTOCOL", Syntax::kNothing, [](Values, Context c, Scratch&) { return protocol(c.info.upstream_protocol); }},
    {"UPSTREAM_REMOTE_ADDRESS", Syntax::kNothing, [](Values, Context c, Scratch&) { return address(connected(c)); }},
    {"UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return address_only(connected(c)); }},
    {"UPSTREAM_REMOTE_PORT", Syntax::kNothing, [](Values, Context c, Scratch&) { return port(connected(c)); }},
    {"UPSTREAM_REQUEST_ATTEMPT_COUNT", Syntax::kNothing, [](Values, Context c, Scratch&) { return number(c.info.attempts); }},
    {"UPSTREAM_TLS_CIPHER", Syntax::kNothing, tls::text<tls::upstream, &net::TlsInfo::cipher>},
    {"UPSTREAM_TLS_SESSION_ID", Syntax::kNothing, tls::text<tls::upstream, &net::TlsInfo::session_id>},
    {"UPSTREAM_TLS_VERSION", Syntax::kNothing, tls::text<tls::upstream, &net::TlsInfo::version>},
    {"UPSTREAM_TRANSPORT_FAILURE_REASON", Syntax::kNothing,
     [](Values, Context c,
        Scratch&
            scratch) { return Value::of_nonempty(values::without_spaces(c.info.upstream_transport_failure_reason, scratch)); }},
    {"UPSTREAM_WIRE_BYTES_RECEIVED", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return number(c.info.upstream_traffic.received.wire); }},
    {"UPSTREAM_WIRE_BYTES_SENT", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return number(c.info.upstream_traffic.sent.wire); }},
    {"VIRTUAL_CLUSTER_NAME", Syntax::kNothing,
     [](Values, Context c, Scratch&) { return Value::of_nonempty(c.info.virtual_cluster_name); }},
};
static_assert(std::ranges::is_sorted(kOperators, {}, &OperatorEntry::name));

}  // namespace

const OperatorEntry* find_operator(std::string_view name) {
  const auto* entry = std::ranges::lower_bound(kOperators, name, {}, &OperatorEntry::name);
  return entry != std::end(kOperators) && entry->name == name ? entry : nullptr;
}

std::span<const OperatorEntry> all_operators() { return kOperators; }

}  // namespace weir::format
