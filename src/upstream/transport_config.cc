#include "upstream/transport_config.h"

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/transport_sockets/internal_upstream/v3/internal_upstream.pb.h"
#include "envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.pb.h"
#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "upstream/cluster_reader.h"
#include "upstream/match_values.h"

namespace weir::upstream {

namespace core = envoy::config::core::v3;
namespace extensions = envoy::extensions;
using config::FieldPath;
using envoy::config::cluster::v3::Cluster;

namespace {

class TransportReader : private ClusterReader {
 public:
  TransportReader(const Cluster& from, const FieldPath& at, const ReadClientTls& read_tls, ClusterSpec& spec,
                  config::Diagnostics& diagnostics)
      : ClusterReader(from, at, spec, diagnostics), read_tls_(read_tls) {}

  bool read() {
    if (from_.has_transport_socket()) transport(from_.transport_socket(), FieldPath{&at_, "transport_socket"}, spec_.transport);
    const FieldPath list{&at_, "transport_socket_matches"};
    for (int i = 0; i < from_.transport_socket_matches_size(); ++i) {
      const FieldPath item{&list, {}, i};
      const Cluster::TransportSocketMatch& from = from_.transport_socket_matches(i);
      for (int k = 0; k < i; ++k) {
        if (from_.transport_socket_matches(k).name() == from.name()) {
          error(FieldPath{&item, "name"}, "the name " + config::quoted(from.name()) + " is taken", "names must differ");
        }
      }
      TransportMatch& match = spec_.transport_matches.emplace_back();
      match.criteria = match_values(from.match());
      transport(from.transport_socket(), FieldPath{&item, "transport_socket"}, match.transport);
      match.transport.name = from.name();
    }
    const bool by_alpn = spec_.protocol == UpstreamProtocol::kByAlpn;
    if (by_alpn && spec_.transport.tls == nullptr && spec_.transport_matches.empty()) {
      error("transport_socket", "auto_config lets the handshake of TLS choose the protocol, and there is none",
            "give a TLS transport_socket, or use explicit_http_config");
    }
    return good_;
  }

 private:
  void transport(const core::TransportSocket& from, const FieldPath& at, Transport& into) {
    const FieldPath config{&at, "typed_config"};
    extensions::transport_sockets::tls::v3::UpstreamTlsContext tls;
    extensions::transport_sockets::internal_upstream::v3::InternalUpstreamTransport internal;
    extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport proxy;
    if (from.typed_config().UnpackTo(&proxy)) {
      transport(proxy.transport_socket(), FieldPath{&config, "transport_socket"}, into);
      into.proxy_header = proxy_header(proxy.config());
      spec_.writes_proxy_headers = true;
    } else if (from.typed_config().UnpackTo(&internal)) {
      transport(internal.transport_socket(), FieldPath{&config, "transport_socket"}, into);
    } else if (!from.has_typed_config()) {
      error(at, "a transport socket is chosen by the type of its configuration", "give typed_config");
    } else if (from.typed_config().UnpackTo(&tls)) {
      into.tls = read_tls_ ? read_tls_(tls, config, diagnostics_) : std::make_shared<net::TlsSource>(nullptr);
      good_ = good_ && into.tls != nullptr;
    } else if (!from.typed_config().Is<extensions::transport_sockets::raw_buffer::v3::RawBuffer>()) {
      error(config, "only envoy.transport_sockets.tls and envoy.transport_sockets.raw_buffer are implemented yet", "");
    }
  }

  static std::shared_ptr<const ProxyHeaderSpec> proxy_header(const core::ProxyProtocolConfig& from) {
    auto spec = std::make_shared<ProxyHeaderSpec>();
    spec->version = from.version() == core::ProxyProtocolConfig::V2 ? 2 : 1;
    if (from.has_pass_through_tlvs()) {
      const core::ProxyProtocolPassThroughTLVs& passed = from.pass_through_tlvs();
      if (passed.match_type() == core::ProxyProtocolPassThroughTLVs::INCLUDE_ALL) spec->passed.set();
      for (const uint32_t type : passed.tlv_type()) spec->passed.set(type);
    }
    for (const core::TlvEntry& tlv : from.added_tlvs()) spec->added.emplace_back(static_cast<uint8_t>(tlv.type()), tlv.value());
    return spec;
  }

  const ReadClientTls& read_tls_;
};

}  // namespace

bool read_transports(const Cluster& cluster, const FieldPath& at, const ReadClientTls& read_tls, ClusterSpec& spec,
                     config::Diagnostics& diagnostics) {
  return TransportReader(cluster, at, read_tls, spec, diagnostics).read();
}

}  // namespace weir::upstream
