#include "upstream/health_config.h"

#include <algorithm>

#include "base/text.h"
#include "config/duration.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/health_check/event_sinks/file/v3/file.pb.h"
#include "format/matcher_config.h"
#include "upstream/match_values.h"

// Envoy still accepts its deprecated fields, so they are read here.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace weir::upstream {

namespace core = envoy::config::core::v3;
namespace cluster = envoy::config::cluster::v3;
namespace sinks = envoy::extensions::health_check::event_sinks::file::v3;
using config::FieldPath;
using config::milliseconds;

namespace {

constexpr char kSinks[] = "envoy.health_check.event_sinks";

class Reader {
 public:
  Reader(RuntimeValues* runtime, config::Diagnostics& diagnostics) : runtime_(runtime), diagnostics_(diagnostics) {}

  HealthCheckSpec check(const core::HealthCheck& from, const FieldPath& at, const ClusterSpec& spec) {
    HealthCheckSpec into;
    into.timeout_ms = milliseconds(from.timeout());
    into.interval_ms = milliseconds(from.interval());
    into.initial_jitter_ms = milliseconds(from.initial_jitter());
    into.interval_jitter_ms = milliseconds(from.interval_jitter());
    into.interval_jitter_percent = from.interval_jitter_percent();
    const auto interval = [](bool given, const google::protobuf::Duration& value, int64_t otherwise) {
      return given ? milliseconds(value) : otherwise;
    };
    into.no_traffic_interval_ms = interval(from.has_no_traffic_interval(), from.no_traffic_interval(), 60'000);
    into.no_traffic_healthy_interval_ms =
        interval(from.has_no_traffic_healthy_interval(), from.no_traffic_healthy_interval(), into.no_traffic_interval_ms);
    into.unhealthy_interval_ms = interval(from.has_unhealthy_interval(), from.unhealthy_interval(), into.interval_ms);
    into.unhealthy_edge_interval_ms =
        interval(from.has_unhealthy_edge_interval(), from.unhealthy_edge_interval(), into.unhealthy_interval_ms);
    into.healthy_edge_interval_ms = interval(from.has_healthy_edge_interval(), from.healthy_edge_interval(), into.interval_ms);
    into.unhealthy_threshold = from.unhealthy_threshold().value();
    into.healthy_threshold = from.healthy_threshold().value();
    into.reuse_connection = !from.has_reuse_connection() || from.reuse_connection().value();
    into.min_interval = key("health_check.min_interval");
    into.max_interval = key("health_check.max_interval");
    into.always_log_failures = from.always_log_health_check_failures();
    into.always_log_successes = from.always_log_health_check_success();
    into.event_log_path = from.event_log_path();
    for (const core::TypedExtensionConfig& logger : from.event_logger()) {
      sinks::HealthCheckEventFileSink sink;
      if (logger.typed_config().UnpackTo(&sink)) into.event_log_path = sink.event_log_path();
    }
    for (const std::string& protocol : from.tls_options().alpn_protocols()) {
      into.alpn += static_cast<char>(protocol.size());
      into.alpn += protocol;
    }
    if (from.has_transport_socket_match_criteria()) into.transport_match = match_values(from.transport_socket_match_criteria());
    switch (from.health_checker_case()) {
      case core::HealthCheck::kHttpHealthCheck:
        http(from.http_health_check(), FieldPath{&at, "http_health_check"}, into);
        break;
      case core::HealthCheck::kTcpHealthCheck: {
        const FieldPath tcp{&at, "tcp_health_check"};
        into.kind = HealthCheckSpec::Kind::kTcp;
        into.send = payload(from.tcp_health_check().send(), FieldPath{&tcp, "send"});
        receive(from.tcp_health_check().receive(), FieldPath{&tcp, "receive"}, into);
        break;
      }
      case core::HealthCheck::kGrpcHealthCheck: {
        const FieldPath grpc{&at, "grpc_health_check"};
        into.kind = HealthCheckSpec::Kind::kGrpc;
        if (spec.protocol != UpstreamProtocol::kHttp2 && spec.protocol != UpstreamProtocol::kByAlpn) {
          error(grpc, "needs a cluster that speaks HTTP/2", "give http2_protocol_options");
        }
        into.service = from.grpc_health_check().service_name();
        into.authority = from.grpc_health_check().authority();
        headers(from.grpc_health_check().initial_metadata(), FieldPath{&grpc, "initial_metadata"}, into);
        break;
      }
      default:
        error(at, "this kind of check is not implemented yet", "use http_health_check, tcp_health_check or grpc_health_check");
    }
    return into;
  }

  OutlierSpec outlier(const cluster::OutlierDetection& from, const FieldPath& at) {
    OutlierSpec into;
    const auto number = [&](OutlierSpec::Number& place, bool given, uint64_t value, std::string_view name) {
      if (given) place.usual = value;
      place.runtime = key("outlier_detection." + std::string(name));
    };
    number(into.consecutive_5xx, from.has_consecutive_5xx(), from.consecutive_5xx().value(), "consecutive_5xx");
    number(into.consecutive_gateway_failure, from.has_consecutive_gateway_failure(), from.consecutive_gateway_failure().value(),
           "consecutive_gateway_failure");
    number(into.consecutive_local_origin_failure, from.has_consecutive_local_origin_failure(),
           from.consecutive_local_origin_failure().value(), "consecutive_local_origin_failure");
    const auto time = [&](OutlierSpec::Number& place, bool given, const google::protobuf::Duration& value,
                          std::string_view name) { number(place, given, static_cast<uint64_t>(milliseconds(value)), name); };
    time(into.interval_ms, from.has_interval(), from.interval(), "interval_ms");
    time(into.base_ejection_time_ms, from.has_base_ejection_time(), from.base_ejection_time(), "base_ejection_time_ms");
    into.max_ejection_time_ms.usual = std::max(into.max_ejection_time_ms.usual, into.base_ejection_time_ms.usual);
    time(into.max_ejection_time_ms, from.has_max_ejection_time(), from.max_ejection_time(), "max_ejection_time_ms");
    if (into.max_ejection_time_ms.usual < into.base_ejection_time_ms.usual) {
      error(FieldPath{&at, "max_ejection_time"}, "must not be less than base_ejection_time", "");
    }
    time(into.max_ejection_time_jitter_ms, from.has_max_ejection_time_jitter(), from.max_ejection_time_jitter(),
         "max_ejection_time_jitter_ms");
    number(into.max_ejection_percent, from.has_max_ejection_percent(), from.max_ejection_percent().value(),
           "max_ejection_percent");
    number(into.enforcing_consecutive_5xx, from.has_enforcing_consecutive_5xx(), from.enforcing_consecutive_5xx().value(),
           "enforcing_consecutive_5xx");
    number(into.enforcing_consecutive_gateway_failure, from.has_enforcing_consecutive_gateway_failure(),
           from.enforcing_consecutive_gateway_failure().value(), "enforcing_consecutive_gateway_failure");
    number(into.enforcing_consecutive_local_origin_failure, from.has_enforcing_consecutive_local_origin_failure(),
           from.enforcing_consecutive_local_origin_failure().value(), "enforcing_consecutive_local_origin_failure");
    number(into.enforcing_success_rate, from.has_enforcing_success_rate(), from.enforcing_success_rate().value(),
           "enforcing_success_rate");
    number(into.enforcing_local_origin_success_rate, from.has_enforcing_local_origin_success_rate(),
           from.enforcing_local_origin_success_rate().value(), "enforcing_local_origin_success_rate");
    number(into.enforcing_failure_percentage, from.has_enforcing_failure_percentage(),
           from.enforcing_failure_percentage().value(), "enforcing_failure_percentage");
    number(into.enforcing_failure_percentage_local_origin, from.has_enforcing_failure_percentage_local_origin(),
           from.enforcing_failure_percentage_local_origin().value(), "enforcing_failure_percentage_local_origin");
    number(into.success_rate_minimum_hosts, from.has_success_rate_minimum_hosts(), from.success_rate_minimum_hosts().value(),
           "success_rate_minimum_hosts");
    number(into.success_rate_request_volume, from.has_success_rate_request_volume(), from.success_rate_request_volume().value(),
           "success_rate_request_volume");
    number(into.success_rate_stdev_factor, from.has_success_rate_stdev_factor(), from.success_rate_stdev_factor().value(),
           "success_rate_stdev_factor");
    number(into.failure_percentage_threshold, from.has_failure_percentage_threshold(),
           from.failure_percentage_threshold().value(), "failure_percentage_threshold");
    number(into.failure_percentage_minimum_hosts, from.has_failure_percentage_minimum_hosts(),
           from.failure_percentage_minimum_hosts().value(), "failure_percentage_minimum_hosts");
    number(into.failure_percentage_request_volume, from.has_failure_percentage_request_volume(),
           from.failure_percentage_request_volume().value(), "failure_percentage_request_volume");
    into.split_local_origin = from.split_external_local_origin_errors();
    into.always_eject_one = from.always_eject_one_host().value();
    into.active_check_unejects =
        !from.has_successful_active_health_check_uneject_host() || from.successful_active_health_check_uneject_host().value();
    return into;
  }

  bool good() const { return good_; }

 private:
  void error(const FieldPath& at, std::string message, std::string hint) {
    diagnostics_.error({{}, at.text(), std::move(message), std::move(hint)});
    good_ = false;
  }
  RuntimeKey key(std::string_view name) { return runtime_ == nullptr ? RuntimeKey() : runtime_->key(name); }

  static int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char letter = static_cast<char>(c | 0x20);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
  }
  std::string hex(const std::string& text, const FieldPath& at) {
    std::string bytes;
    bool whole = text.size() % 2 == 0;
    for (size_t i = 0; whole && i < text.size(); i += 2) {
      // As in Envoy a pair of digits may as well be a sign, or a blank, and one digit.
      const char before = text[i];
      const bool one = before == '-' || before == '+' || before == ' ';
      whole = (one || digit(before) >= 0) && digit(text[i + 1]) >= 0;
      const int value = one ? digit(text[i + 1]) : digit(before) * 16 + digit(text[i + 1]);
      bytes += static_cast<char>(before == '-' ? -value : value);
    }
    if (!whole) error(at, config::quoted(text) + " is no sequence of bytes in hexadecimal digits", "");
    return bytes;
  }
  std::string payload(const core::HealthCheck::Payload& from, const FieldPath& at) {
    return from.text().empty() ? from.binary() : hex(from.text(), FieldPath{&at, "text"});
  }
  void receive(const google::protobuf::RepeatedPtrField<core::HealthCheck::Payload>& from, const FieldPath& at,
               HealthCheckSpec& into) {
    for (int i = 0; i < from.size(); ++i) into.receive.push_back(payload(from[i], FieldPath{&at, {}, i}));
  }

  static constexpr char kHost[] = "the check has fields for host and path";
  static bool is_fixed(const std::string& name) { return name.starts_with(':') || iequals(name, "host"); }
  void headers(const google::protobuf::RepeatedPtrField<core::HeaderValueOption>& from, const FieldPath& at,
               HealthCheckSpec& into) {
    for (int i = 0; i < from.size(); ++i) {
      HealthCheckSpec::Header& header = into.headers.emplace_back();
      const FieldPath item{&at, {}, i}, inner{&item, "header"};
      if (is_fixed(from[i].header().key())) error(FieldPath{&inner, "key"}, "pseudo-headers and Host cannot be set here", kHost);
      header.name = http::HeaderName(from[i].header().key());
      header.replaces = from[i].has_append() ? !from[i].append().value()
                                             : from[i].append_action() != core::HeaderValueOption::APPEND_IF_EXISTS_OR_ADD;
      auto value = format::Formatter::compile(from[i].header().value(), {});
      if (value) {
        header.value = std::move(*value);
      } else {
        error(FieldPath{&at, {}, i}, value.error().message, "");
      }
    }
  }

  std::vector<HealthCheckSpec::Range> ranges(const google::protobuf::RepeatedPtrField<envoy::type::v3::Int64Range>& from,
                                             const FieldPath& at) {
    std::vector<HealthCheckSpec::Range> into;
    for (int i = 0; i < from.size(); ++i) {
      const FieldPath here{&at, {}, i};
      into.push_back({from[i].start(), from[i].end()});
      if (from[i].start() >= from[i].end()) error(here, "start must be less than end", "");
      if (from[i].start() < 100) error(FieldPath{&here, "start"}, "must be at least 100", "");
      if (from[i].end() > 600) error(FieldPath{&here, "end"}, "must be at most 600", "");
    }
    return into;
  }

  void http(const core::HealthCheck::HttpHealthCheck& from, const FieldPath& at, HealthCheckSpec& into) {
    into.host = from.host();
    into.path = from.path();
    if (from.method() != core::METHOD_UNSPECIFIED) into.method = core::RequestMethod_Name(from.method());
    headers(from.request_headers_to_add(), FieldPath{&at, "request_headers_to_add"}, into);
    const FieldPath removed{&at, "request_headers_to_remove"};
    for (int i = 0; i < from.request_headers_to_remove_size(); ++i) {
      const std::string& name = from.request_headers_to_remove(i);
      if (is_fixed(name)) error(FieldPath{&removed, {}, i}, "pseudo-headers and Host cannot be removed", kHost);
      into.removed_headers.emplace_back(name);
    }
    if (!from.expected_statuses().empty())
      into.expected_statuses = ranges(from.expected_statuses(), FieldPath{&at, "expected_statuses"});
    into.retriable_statuses = ranges(from.retriable_statuses(), FieldPath{&at, "retriable_statuses"});
    into.http2 = from.codec_client_type() == envoy::type::v3::HTTP2;
    if (from.has_service_name_matcher()) {
      format::MatcherReader matchers{.diagnostics = diagnostics_, .runtime = runtime_};
      into.service_name = matchers.text(from.service_name_matcher(), FieldPath{&at, "service_name_matcher"});
      into.verify_cluster = key("health_check.verify_cluster");
    }
    receive(from.receive(), FieldPath{&at, "receive"}, into);
    if (from.has_response_buffer_size()) into.response_buffer_size = from.response_buffer_size().value();
    size_t total = 0;
    for (const std::string& piece : into.receive) total += piece.size();
    if (into.response_buffer_size != 0 && total > into.response_buffer_size) {
      error(FieldPath{&at, "receive"}, "is longer than response_buffer_size, " + std::to_string(into.response_buffer_size), "");
    }
    if (from.has_send()) {
      into.payload = payload(from.send(), FieldPath{&at, "send"});
      if (into.method == "GET" || into.method == "HEAD" || into.method == "DELETE" || into.method == "TRACE") {
        error(FieldPath{&at, "send"}, "a " + into.method + " request has no body", "choose another method");
      }
    }
  }

  RuntimeValues* runtime_;
  config::Diagnostics& diagnostics_;
  bool good_ = true;
};

}  // namespace

bool read_health(const cluster::Cluster& from, const FieldPath& at, RuntimeValues* runtime, ClusterSpec& spec,
                 config::Diagnostics& diagnostics) {
  Reader reader(runtime, diagnostics);
  const FieldPath list{&at, "health_checks"};
  if (from.health_checks_size() > 1) {
    diagnostics.error({{}, list.text(), "a cluster can have one health check only", "remove the others"});
    return false;
  }
  for (int i = 0; i < from.health_checks_size(); ++i) {
    spec.health_checks.push_back(reader.check(from.health_checks(i), FieldPath{&list, {}, i}, spec));
  }
  if (from.has_outlier_detection()) {
    spec.outlier = reader.outlier(from.outlier_detection(), FieldPath{&at, "outlier_detection"});
  }
  const cluster::Cluster::CommonLbConfig& common = from.common_lb_config();
  if (common.has_update_merge_window()) spec.update_merge_window_ms = milliseconds(common.update_merge_window());
  spec.ignore_new_hosts_until_first_check = common.ignore_new_hosts_until_first_hc();
  spec.drains_on_change = common.close_connections_on_host_set_change();
  spec.keeps_removed_while_well = !spec.health_checks.empty() && !from.ignore_health_on_host_removal() &&
                                  (spec.discovery == DiscoveryType::kEds || spec.discovery == DiscoveryType::kStrictDns);
  return reader.good();
}

void declare_health(config::SupportTable& table) {
  using Check = core::HealthCheck;
  table.message<Check>()
      .fields({"timeout",
               "interval",
               "initial_jitter",
               "interval_jitter",
               "interval_jitter_percent",
               "unhealthy_threshold",
               "healthy_threshold",
               "reuse_connection",
               "http_health_check",
               "tcp_health_check",
               "grpc_health_check",
               "no_traffic_interval",
               "no_traffic_healthy_interval",
               "unhealthy_interval",
               "unhealthy_edge_interval",
               "healthy_edge_interval",
               "event_log_path",
               "always_log_health_check_failures",
               "always_log_health_check_success",
               "tls_options",
               "transport_socket_match_criteria"})
      .extensions("event_logger", kSinks)
      .harmless({"event_service"});
  table.extension<sinks::HealthCheckEventFileSink>(kSinks, "envoy.health_check.event_sinks.file").all_fields();
  table.message<Check::Payload>().all_fields();
  table.message<Check::HttpHealthCheck>()
      .fields({"host", "path", "send", "receive", "response_buffer_size", "request_headers_to_add", "request_headers_to_remove",
               "expected_statuses", "retriable_statuses", "codec_client_type", "service_name_matcher", "method"})
      .values("codec_client_type", {"HTTP1", "HTTP2"});
  table.message<Check::TcpHealthCheck>().fields({"send", "receive"});
  table.message<Check::GrpcHealthCheck>().all_fields();
  table.message<Check::TlsOptions>().all_fields();
  table.message<envoy::type::v3::Int64Range>().all_fields();
  table.message<cluster::OutlierDetection>().fields({"consecutive_5xx",
                                                     "interval",
                                                     "base_ejection_time",
                                                     "max_ejection_percent",
                                                     "enforcing_consecutive_5xx",
                                                     "enforcing_success_rate",
                                                     "success_rate_minimum_hosts",
                                                     "success_rate_request_volume",
                                                     "success_rate_stdev_factor",
                                                     "consecutive_gateway_failure",
                                                     "enforcing_consecutive_gateway_failure",
                                                     "split_external_local_origin_errors",
                                                     "consecutive_local_origin_failure",
                                                     "enforcing_consecutive_local_origin_failure",
                                                     "enforcing_local_origin_success_rate",
                                                     "failure_percentage_threshold",
                                                     "enforcing_failure_percentage",
                                                     "enforcing_failure_percentage_local_origin",
                                                     "failure_percentage_minimum_hosts",
                                                     "failure_percentage_request_volume",
                                                     "max_ejection_time",
                                                     "max_ejection_time_jitter",
                                                     "successful_active_health_check_uneject_host",
                                                     "always_eject_one_host"});
}

}  // namespace weir::upstream
