// The configuration of the HTTP connection manager.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "config/duration.h"
#include "config/schema.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/request_id/uuid/v3/uuid.pb.h"
#include "filter/catalog.h"
#include "format/matcher_config.h"
#include "http/options_config.h"
#include "net/cidr_config.h"
#include "proxy/access_logs_config.h"
#include "proxy/http_filters_config.h"
#include "proxy/listener_config.h"
#include "proxy/local_reply_config.h"
#include "proxy/request_options_config.h"
#include "proxy/router_config.h"
#include "proxy/scoped_routes_config.h"
#include "proxy/tracing.h"

namespace weir::proxy {

namespace core = envoy::config::core::v3;
namespace v3 = envoy::extensions::filters::network::http_connection_manager::v3;
using config::FieldPath;
using v3::HttpConnectionManager;
using UuidRequestIdConfig = envoy::extensions::request_id::uuid::v3::UuidRequestIdConfig;

namespace {

/// What counts as internal where internal_address_config names no ranges (RFC 1918, RFC 4193, and this machine).
std::vector<net::Cidr> private_networks() {
  static constexpr std::pair<std::string_view, int> kNetworks[] = {{"10.0.0.0", 8},   {"172.16.0.0", 12}, {"192.168.0.0", 16},
                                                                   {"127.0.0.1", 32}, {"fd00::", 8},      {"::1", 128}};
  std::vector<net::Cidr> result;
  for (const auto& [network, length] : kNetworks) result.push_back(*net::Cidr::make(network, length));
  return result;
}

class Reader {
 public:
  Reader(const HttpConnectionManager& from, const FieldPath& at, ListenerConfigContext& context, config::Diagnostics& diagnostics)
      : from_(from), at_(at), context_(context), diagnostics_(diagnostics), spec_(std::make_shared<HttpConnectionSpec>()) {}

  std::shared_ptr<HttpConnectionSpec> read() {
    spec_->stat_prefix = from_.stat_prefix();
    protocols();
    limits();
    timeouts();
    identity();
    addresses();
    request_ids();
    good_ &= read_request_options(from_, at_, context_.node_id, diagnostics_, *spec_);
    runtime_paths();
    if (from_.has_local_reply_config()) {
      spec_->local_replies =
          read_local_replies(from_.local_reply_config(), context_.runtime, FieldPath{&at_, "local_reply_config"}, diagnostics_);
      good_ = good_ && spec_->local_replies != nullptr;
    }
    access_log_moments();
    filters();
    routes();
    if (!read_access_logs(from_.access_log(), FieldPath{&at_, "access_log"}, context_, diagnostics_, spec_->access_logs)) {
      good_ = false;
    }
    if (!good_) return nullptr;
    spec_->stats = context_.stats.http(spec_->stat_prefix);
    if (spec_->has_router) context_.stats.router_names("http.async-client.");
    return spec_;
  }

 private:
  void wrong(const FieldPath& path, std::string message, std::string hint = "") {
    diagnostics_.error({{}, path.text(), std::move(message), std::move(hint)});
    good_ = false;
  }

  void protocols() {
    if (from_.codec_type() == HttpConnectionManager::HTTP1) spec_->codec = CodecKind::kHttp1;
    if (from_.codec_type() == HttpConnectionManager::HTTP2) spec_->codec = CodecKind::kHttp2;
    spec_->http1 = http::read_http1_options(from_.http_protocol_options(), from_.stream_error_on_invalid_http_message().value());
    const size_t errors = diagnostics_.errors().size();
    spec_->http2 = http::read_http2_options(from_.http2_protocol_options(), FieldPath{&at_, "http2_protocol_options"},
                                            diagnostics_, from_.stream_error_on_invalid_http_message().value());
    good_ = good_ && diagnostics_.errors().size() == errors;
    ignored_upgrades();
    spec_->tells_upstreams_of_client =
        !from_.has_add_proxy_protocol_connection_state() || from_.add_proxy_protocol_connection_state().value();
    spec_->http1_waits_for_response = from_.http1_safe_max_connection_duration();
    spec_->client_cert_mode = static_cast<ClientCertMode>(from_.forward_client_cert_details());
    const auto& details = from_.set_current_client_cert_details();
    spec_->client_cert_details = {.subject = details.subject().value(),
                                  .certificate = details.cert(),
                                  .chain = details.chain(),
                                  .dns = details.dns(),
                                  .uri = details.uri()};
    spec_->proxy_100_continue = from_.proxy_100_continue();
    spec_->scheme_to_overwrite = from_.scheme_header_transformation().scheme_to_overwrite();
    spec_->scheme_matches_upstream = from_.scheme_header_transformation().match_upstream() && spec_->scheme_to_overwrite.empty();
  }

  void ignored_upgrades() {
    const FieldPath options{&at_, "http_protocol_options"}, list{&options, "ignore_http_11_upgrade"};
    const auto& from = from_.http_protocol_options().ignore_http_11_upgrade();
    std::vector<format::TextMatcher> matchers;
    format::MatcherReader reader{diagnostics_};
    for (int i = 0; i < from.size(); ++i) matchers.push_back(reader.text(from[i], FieldPath{&list, {}, i}));
    if (matchers.empty()) return;
    spec_->http1.ignores_upgrade = [matchers = std::move(matchers)](std::string_view protocol) {
      return std::ranges::any_of(matchers, [&](const format::TextMatcher& matcher) { return matcher.matches(protocol); });
    };
  }

  void runtime_paths() {
    if (context_.runtime == nullptr) return;
    spec_->path_rules.refuse_fragments = context_.runtime->key("envoy.reloadable_features.http_reject_path_with_fragment");
    if (from_.has_normalize_path()) return;
    const auto share = context_.runtime->value("http_connection_manager.normalize_path").as_share();
    spec_->path_rules.normalize = share && share->numerator >= share->denominator;
  }

  void limits() {
    const core::HttpProtocolOptions& common = from_.common_http_protocol_options();
    if (common.has_max_response_headers_kb()) {
      const FieldPath options{&at_, "common_http_protocol_options"};
      diagnostics_.error({{},
                          FieldPath{&options, "max_response_headers_kb"}.text(),
                          "is a limit of clusters, not of connection managers",
                          "give it in a cluster's HttpProtocolOptions"});
      good_ = false;
    }
    if (context_.runtime != nullptr) {  // what holds where the connection manager says nothing
      RuntimeValues& runtime = *context_.runtime;
      spec_->premature_reset_count = runtime.key("overload.premature_reset_total_stream_count");
      spec_->premature_reset_life_s = runtime.key("overload.premature_reset_min_stream_lifetime_seconds");
      const auto number = [&](std::string_view key, auto otherwise) {
        return static_cast<decltype(otherwise)>(
            std::min<uint64_t>(runtime.value(key).as_integer().value_or(otherwise), UINT32_MAX));
      };
      http::CodecLimits& limits = spec_->limits;
      limits.max_headers_kb = number("envoy.reloadable_features.max_request_headers_size_kb", limits.max_headers_kb);
      limits.max_headers_count = number("envoy.reloadable_features.max_request_headers_count", limits.max_headers_count);
    }
    if (from_.has_max_request_headers_kb()) spec_->limits.max_headers_kb = from_.max_request_headers_kb().value();
    if (common.has_max_headers_count()) spec_->limits.max_headers_count = common.max_headers_count().value();
    using Underscores = http::CodecLimits::Underscores;
    if (common.headers_with_underscores_action() == core::HttpProtocolOptions::REJECT_REQUEST) {
      spec_->limits.underscores = Underscores::kReject;
    } else if (common.headers_with_underscores_action() == core::HttpProtocolOptions::DROP_HEADER) {
      spec_->limits.underscores = Underscores::kDrop;
    }
    spec_->max_requests_per_connection = common.max_requests_per_connection().value();
  }

  /// When lines are written besides the end of a request; the older two fields say the same as the options.
  void access_log_moments() {
    const auto& options = from_.access_log_options();
    const bool old_interval = from_.has_access_log_flush_interval();
    if (from_.has_access_log_options() && (from_.flush_access_log_on_new_request() || old_interval)) {
      const char* const old = old_interval ? "access_log_flush_interval" : "flush_access_log_on_new_request";
      return wrong(FieldPath{&at_, old}, std::string(old) + " and access_log_options exclude each other");
    }
    spec_->log_new_requests = from_.flush_access_log_on_new_request() || options.flush_access_log_on_new_request();
    if (old_interval || options.has_access_log_flush_interval()) {
      spec_->log_interval_ms =
          config::milliseconds(old_interval ? from_.access_log_flush_interval() : options.access_log_flush_interval());
    }
  }

  void timeouts() {
    const auto take = [](bool given, const google::protobuf::Duration& duration, int64_t& into) {
      if (given) into = config::milliseconds(duration);
    };
    const core::HttpProtocolOptions& common = from_.common_http_protocol_options();
    take(common.has_idle_timeout(), common.idle_timeout(), spec_->idle_timeout_ms);
    take(common.has_max_connection_duration(), common.max_connection_duration(), spec_->max_connection_duration_ms);
    take(common.has_max_stream_duration(), common.max_stream_duration(), spec_->max_stream_duration_ms);
    take(from_.has_stream_idle_timeout(), from_.stream_idle_timeout(), spec_->stream_idle_timeout_ms);
    spec_->stream_flush_timeout_ms = spec_->stream_idle_timeout_ms;
    take(from_.has_stream_flush_timeout(), from_.stream_flush_timeout(), spec_->stream_flush_timeout_ms);
    take(from_.has_request_timeout(), from_.request_timeout(), spec_->request_timeout_ms);
    take(from_.has_request_headers_timeout(), from_.request_headers_timeout(), spec_->request_headers_timeout_ms);
    take(from_.has_drain_timeout(), from_.drain_timeout(), spec_->drain_timeout_ms);
    take(from_.has_delayed_close_timeout(), from_.delayed_close_timeout(), spec_->delayed_close_timeout_ms);
  }

  void identity() {
    if (!from_.server_name().empty()) spec_->server_name = from_.server_name();
    if (from_.server_header_transformation() == HttpConnectionManager::APPEND_IF_ABSENT) {
      spec_->server_header = ServerHeader::kAppendIfAbsent;
    } else if (from_.server_header_transformation() == HttpConnectionManager::PASS_THROUGH) {
      spec_->server_header = ServerHeader::kPassThrough;
    }
    spec_->via = from_.via();
    if (from_.add_user_agent().value()) spec_->add_user_agent = context_.service_cluster;
  }

  void addresses() {
    spec_->use_remote_address = from_.use_remote_address().value();
    spec_->xff_num_trusted_hops = from_.xff_num_trusted_hops();
    spec_->skip_xff_append = from_.skip_xff_append();
    spec_->append_x_forwarded_port = from_.append_x_forwarded_port();
    const HttpConnectionManager::InternalAddressConfig& internal = from_.internal_address_config();
    spec_->unix_sockets_are_internal = internal.unix_sockets();
    const FieldPath config{&at_, "internal_address_config"};
    good_ &= net::read_cidrs(internal.cidr_ranges(), FieldPath{&config, "cidr_ranges"}, diagnostics_, spec_->internal_addresses);
    if (from_.has_internal_address_config() && internal.cidr_ranges().empty()) spec_->internal_addresses = private_networks();
  }

  void request_ids() {
    spec_->generate_request_id = !from_.has_generate_request_id() || from_.generate_request_id().value();
    spec_->preserve_external_request_id = from_.preserve_external_request_id();
    spec_->always_set_request_id_in_response = from_.always_set_request_id_in_response();
    UuidRequestIdConfig uuid;
    const bool given = from_.request_id_extension().typed_config().UnpackTo(&uuid);
    if (given && uuid.has_pack_trace_reason()) spec_->pack_trace_reason = uuid.pack_trace_reason().value();
    if (!from_.has_tracing()) return;
    const bool by_request_id =
        !given || !uuid.has_use_request_id_for_trace_sampling() || uuid.use_request_id_for_trace_sampling().value();
    const HttpConnectionManager::Tracing& tracing = from_.tracing();
    const auto whole = [](double percent) { return static_cast<uint32_t>(percent); };  // as in Envoy
    const auto hundredths = [](bool given, double percent) {
      return RuntimeShare{given ? static_cast<uint32_t>(std::lround(percent * 100)) : 10'000, 10'000};
    };
    spec_->tracing = std::make_shared<TracingSpec>(TracingSpec{
        .shares =
            route::trace_shares({tracing.has_client_sampling() ? whole(tracing.client_sampling().value()) : 100, 100},
                                hundredths(tracing.has_random_sampling(), tracing.random_sampling().value()),
                                hundredths(tracing.has_overall_sampling(), tracing.overall_sampling().value()), context_.runtime),
        .by_request_id = by_request_id,
        .marks_id = spec_->pack_trace_reason});
  }

  void filters() {
    const FieldPath list{&at_, "http_filters"};
    if (from_.http_filters().empty()) {
      spec_->has_router = false;
      diagnostics_.warning({{},
                            list.text(),
                            "a connection manager without filters answers every request with 404",
                            "end the list with envoy.filters.http.router"});
      return;
    }
    HttpFilterList read;
    good_ &= read_http_filters(from_.http_filters(), list, from_.stat_prefix(), context_, diagnostics_, read);
    spec_->filters = std::move(read.filters);
    if (read.router == nullptr) return;
    const FieldPath last{&list, {}, from_.http_filters_size() - 1};
    good_ &= read_router(*read.router, FieldPath{&last, "typed_config"}, context_, diagnostics_, spec_->router);
    upgrade_filters();
  }

  void upgrade_filters() {
    const FieldPath upgrades{&at_, "upgrade_configs"};
    for (int i = 0; i < from_.upgrade_configs_size(); ++i) {
      const HttpConnectionManager::UpgradeConfig& upgrade = from_.upgrade_configs(i);
      if (upgrade.filters().empty()) continue;
      const FieldPath item{&upgrades, {}, i}, list{&item, "filters"};
      HttpFilterList read;
      good_ &= read_http_filters(upgrade.filters(), list, from_.stat_prefix(), context_, diagnostics_, read);
      UpgradeFilters& own = spec_->upgrade_filters.emplace_back(lower(upgrade.upgrade_type()), std::move(read.filters));
      if (read.router == nullptr) continue;
      const FieldPath last{&list, {}, upgrade.filters_size() - 1};
      good_ &= read_router(*read.router, FieldPath{&last, "typed_config"}, context_, diagnostics_, own.router);
    }
  }

  void routes() {
    switch (from_.route_specifier_case()) {
      case HttpConnectionManager::kRouteConfig: {
        route::RouteTablePtr table = context_.read_routes(from_.route_config(), FieldPath{&at_, "route_config"}, diagnostics_);
        if (table == nullptr) break;
        spec_->routes = std::make_shared<route::TableSource>(from_.route_config().name(), std::move(table));
        break;
      }
      case HttpConnectionManager::kRds:
        spec_->routes = context_.find_rds(from_.rds(), from_.stat_prefix(), FieldPath{&at_, "rds"}, diagnostics_);
        break;
      case HttpConnectionManager::kScopedRoutes:
        spec_->scopes = read_scoped_routes(from_.scoped_routes(), FieldPath{&at_, "scoped_routes"}, from_.stat_prefix(), context_,
                                           diagnostics_);
        break;
      case HttpConnectionManager::ROUTE_SPECIFIER_NOT_SET:
        return wrong(at_, "a connection manager needs routes", "give route_config, rds or scoped_routes");
    }
    if (spec_->routes == nullptr && spec_->scopes == nullptr) good_ = false;
  }

  const HttpConnectionManager& from_;
  const FieldPath& at_;
  ListenerConfigContext& context_;
  config::Diagnostics& diagnostics_;
  std::shared_ptr<HttpConnectionSpec> spec_;
  bool good_ = true;
};

}  // namespace

std::shared_ptr<HttpConnectionSpec> read_http_connection(const HttpConnectionManager& manager, const FieldPath& at,
                                                         ListenerConfigContext& context, config::Diagnostics& diagnostics) {
  return Reader(manager, at, context, diagnostics).read();
}

void declare_http_connections(config::SupportTable& table) {
  table.extension<HttpConnectionManager>("envoy.filters.network", "envoy.filters.network.http_connection_manager")
      .fields({"stat_prefix",
               "rds",
               "route_config",
               "scoped_routes",
               "add_user_agent",
               "common_http_protocol_options",
               "http_protocol_options",
               "http2_protocol_options",
               "server_name",
               "server_header_transformation",
               "scheme_header_transformation",
               "max_request_headers_kb",
               "stream_idle_timeout",
               "stream_flush_timeout",
               "request_timeout",
               "request_headers_timeout",
               "drain_timeout",
               "delayed_close_timeout",
               "access_log",
               "use_remote_address",
               "add_proxy_protocol_connection_state",
               "http1_safe_max_connection_duration",
               "xff_num_trusted_hops",
               "skip_xff_append",
               "via",
               "append_x_forwarded_port",
               "internal_address_config",
               "generate_request_id",
               "preserve_external_request_id",
               "always_set_request_id_in_response",
               "proxy_100_continue",
               "stream_error_on_invalid_http_message",
               "forward_client_cert_details",
               "set_current_client_cert_details"})
      .values("codec_type", {"AUTO", "HTTP1", "HTTP2"})
      .extensions("http_filters", filter::kHttpFilters)
      .extensions("request_id_extension", "envoy.http.request_id")
      .fields({"access_log_flush_interval", "flush_access_log_on_new_request", "access_log_options"})
      .fields({"tracing"})
      .harmless({"http3_protocol_options", "path_normalization_options", "append_local_overload",
                 "represent_ipv4_remote_address_as_ipv4_mapped_ipv6"});
  table.message<HttpConnectionManager::HcmAccessLogOptions>()
      .fields({"access_log_flush_interval", "flush_access_log_on_new_request"})
      .harmless({"flush_log_on_tunnel_successfully_established"});
  table.message<HttpConnectionManager::Tracing>()
      .fields({"client_sampling", "random_sampling", "overall_sampling"})
      .harmless(
          {"verbose", "max_path_tag_length", "custom_tags", "provider", "spawn_upstream_span"});  // nobody is told of traces
  table.message<HttpConnectionManager::InternalAddressConfig>().fields({"unix_sockets", "cidr_ranges"});
  table.message<HttpConnectionManager::SetCurrentClientCertDetails>().all_fields();
  table.message<core::SchemeHeaderTransformation>().fields({"scheme_to_overwrite", "match_upstream"});
  table.message<core::CidrRange>().fields({"address_prefix", "prefix_len"});
  table.message<v3::Rds>().fields({"config_source", "route_config_name"});
  table.message<v3::HttpFilter>().fields({"name", "typed_config", "config_discovery", "is_optional", "disabled"});
  table.message<v3::RequestIDExtension>().fields({"typed_config"});
  table.extension<UuidRequestIdConfig>("envoy.http.request_id", "envoy.request_id.uuid")
      .fields({"pack_trace_reason", "use_request_id_for_trace_sampling"});
  declare_router(table);
  declare_request_options(table);
  declare_scoped_routes(table);
  declare_local_replies(table);
  http::declare_protocol_options(table);
  filter::declare_filters(table);
}

}  // namespace weir::proxy
