#include "upstream/protocol_config.h"

#include "base/text.h"
#include "config/duration.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "http/options_config.h"
#include "upstream/cluster_reader.h"

namespace weir::upstream {

namespace core = envoy::config::core::v3;
using config::FieldPath;
using config::milliseconds;
using envoy::config::cluster::v3::Cluster;
using HttpOptions = envoy::extensions::upstreams::http::v3::HttpProtocolOptions;

namespace {

constexpr char kTcpOptionsName[] = "envoy.extensions.upstreams.tcp.v3.TcpProtocolOptions";

class ProtocolReader : private ClusterReader {
 public:
  using ClusterReader::ClusterReader;

  bool read() {
    const FieldPath path{&at_, "typed_extension_protocol_options"};
    const auto& all = from_.typed_extension_protocol_options();
    for (const auto& [name, any] : all) {
      if (name == kHttpOptionsName || name == kTcpOptionsName) continue;
      error(FieldPath{&path, name, -1, true}, "there are no protocol options with this name",
            std::string("known are ") + kHttpOptionsName + " and " + kTcpOptionsName);
    }
    const auto found = all.find(kHttpOptionsName);
    if (found == all.end()) {
      old_protocol();
      return good_;
    }
    const FieldPath at{&path, kHttpOptionsName, -1, true};
    HttpOptions options;
    if (found->second.UnpackTo(&options)) {
      typed_protocol(options, at);
    } else {
      error(at, "expected " + std::string(kHttpOptionsName), "");
    }
    return good_;
  }

 private:
  void old_protocol() {
    common(from_.common_http_protocol_options());
    names(from_.upstream_http_protocol_options());
    if (from_.protocol_selection() == Cluster::USE_CONFIGURED_PROTOCOL && from_.has_http_protocol_options() &&
        from_.has_http2_protocol_options()) {
      error("http_protocol_options", "stands beside http2_protocol_options, and a cluster speaks one protocol",
            "give one of them, or set protocol_selection: USE_DOWNSTREAM_PROTOCOL");
    }
    if (from_.has_max_requests_per_connection()) {
      if (from_.common_http_protocol_options().has_max_requests_per_connection()) {
        error("max_requests_per_connection", "given here and in common_http_protocol_options", "give only one of them");
      }
      spec_.max_requests_per_connection = from_.max_requests_per_connection().value();
    }
    spec_.http1 = http::read_http1_options(from_.http_protocol_options());
    spec_.http2 = http2_options(from_.http2_protocol_options(), at_);
    if (from_.protocol_selection() == Cluster::USE_DOWNSTREAM_PROTOCOL) {
      spec_.protocol = UpstreamProtocol::kAsDownstream;
    } else if (from_.has_http2_protocol_options()) {
      spec_.protocol = UpstreamProtocol::kHttp2;
    }
  }

  http::Http2Options http2_options(const core::Http2ProtocolOptions& options, const FieldPath& at) {
    const size_t errors = diagnostics_.errors().size();
    http::Http2Options result = http::read_http2_options(options, FieldPath{&at, "http2_protocol_options"}, diagnostics_);
    good_ = good_ && diagnostics_.errors().size() == errors;
    return result;
  }

  void typed_protocol(const HttpOptions& options, const FieldPath& at) {
    common(options.common_http_protocol_options());
    names(options.upstream_http_protocol_options());
    if (from_.has_max_requests_per_connection()) {
      if (options.common_http_protocol_options().has_max_requests_per_connection()) {
        error("max_requests_per_connection", "given here and in HttpProtocolOptions", "give only one of them");
      }
      spec_.max_requests_per_connection = from_.max_requests_per_connection().value();
    }
    const auto take = [&](const auto& from, std::string_view name) {
      spec_.http1 = http::read_http1_options(from.http_protocol_options());
      spec_.http2 = http2_options(from.http2_protocol_options(), FieldPath{&at, name});
    };
    switch (options.upstream_protocol_options_case()) {
      case HttpOptions::kExplicitHttpConfig: {
        take(options.explicit_http_config(), "explicit_http_config");
        if (options.explicit_http_config().has_http2_protocol_options()) spec_.protocol = UpstreamProtocol::kHttp2;
        const FieldPath path{&at, "explicit_http_config"};
        if (options.explicit_http_config().has_http3_protocol_options()) {
          error(FieldPath{&path, "http3_protocol_options"}, "HTTP/3 is not implemented yet", "use http2_protocol_options");
        }
        break;
      }
      case HttpOptions::kUseDownstreamProtocolConfig:
        take(options.use_downstream_protocol_config(), "use_downstream_protocol_config");
        spec_.protocol = UpstreamProtocol::kAsDownstream;
        break;
      case HttpOptions::kAutoConfig:
        take(options.auto_config(), "auto_config");
        spec_.protocol = UpstreamProtocol::kByAlpn;
        break;
      case HttpOptions::UPSTREAM_PROTOCOL_OPTIONS_NOT_SET:
        error(at, "no protocol is chosen", "give explicit_http_config or use_downstream_protocol_config");
    }
  }

  void names(const core::UpstreamHttpProtocolOptions& from) {
    spec_.auto_sni = from.auto_sni();
    spec_.auto_san_validation = from.auto_san_validation();
    spec_.auto_sni_header = lower(from.override_auto_sni_header());
  }

  void common(const core::HttpProtocolOptions& from) {
    if (from.has_idle_timeout()) spec_.idle_timeout_ms = milliseconds(from.idle_timeout());
    if (from.has_max_connection_duration()) spec_.max_connection_duration_ms = milliseconds(from.max_connection_duration());
    if (from.has_max_stream_duration()) spec_.max_stream_duration_ms = milliseconds(from.max_stream_duration());
    if (from.has_max_headers_count()) spec_.limits.max_headers_count = from.max_headers_count().value();
    if (from.has_max_response_headers_kb()) {
      spec_.limits.max_headers_kb = spec_.limits.max_response_headers_kb = from.max_response_headers_kb().value();
    }
    if (from.has_max_requests_per_connection()) {
      spec_.max_requests_per_connection = from.max_requests_per_connection().value();
    }
  }
};

}  // namespace

bool read_protocol(const Cluster& cluster, const FieldPath& at, ClusterSpec& spec, config::Diagnostics& diagnostics) {
  return ProtocolReader(cluster, at, spec, diagnostics).read();
}

}  // namespace weir::upstream
