// listener_filters become ListenerFilterSpecs.
#include <algorithm>

#include "config/duration.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.pb.h"
#include "envoy/extensions/filters/listener/local_ratelimit/v3/local_ratelimit.pb.h"
#include "envoy/extensions/filters/listener/original_dst/v3/original_dst.pb.h"
#include "envoy/extensions/filters/listener/original_src/v3/original_src.pb.h"
#include "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.pb.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb.h"
#include "proxy/listener_config.h"
#include "proxy/token_bucket_config.h"
#include "stats/table.h"

namespace weir::proxy {

namespace filters = envoy::extensions::filters::listener;
namespace v3 = envoy::config::listener::v3;
using config::FieldPath;
using Kind = ListenerFilterSpec::Kind;
using LocalRateLimit = filters::local_ratelimit::v3::LocalRateLimit;
using OriginalSrc = filters::original_src::v3::OriginalSrc;
using ProxyProtocol = filters::proxy_protocol::v3::ProxyProtocol;
using TlsInspector = filters::tls_inspector::v3::TlsInspector;

namespace {

using PortTest = std::function<bool(uint16_t)>;

PortTest read_predicate(const v3::ListenerFilterChainMatchPredicate& from) {
  using Predicate = v3::ListenerFilterChainMatchPredicate;
  const auto each = [](const auto& rules) {
    std::vector<PortTest> tests;
    for (const Predicate& rule : rules) tests.push_back(read_predicate(rule));
    return tests;
  };
  switch (from.rule_case()) {
    case Predicate::kOrMatch:
      return [tests = each(from.or_match().rules())](uint16_t port) {
        return std::ranges::any_of(tests, [port](const PortTest& test) { return test(port); });
      };
    case Predicate::kAndMatch:
      return [tests = each(from.and_match().rules())](uint16_t port) {
        return std::ranges::all_of(tests, [port](const PortTest& test) { return test(port); });
      };
    case Predicate::kNotMatch:
      return [test = read_predicate(from.not_match())](uint16_t port) { return !test(port); };
    case Predicate::kDestinationPortRange:
      return [from = from.destination_port_range().start(), to = from.destination_port_range().end()](uint16_t port) {
        return port >= from && port < to;
      };
    default:
      return [](uint16_t) { return true; };
  }
}

void read_proxy_protocol(const ProxyProtocol& from, ListenerFilterSpec& filter) {
  filter.proxy_header_optional = from.allow_requests_without_proxy_protocol();
  for (const int version : from.disallowed_versions()) {
    if (version == envoy::config::core::v3::ProxyProtocolConfig::V1) filter.version1_allowed = false;
    if (version == envoy::config::core::v3::ProxyProtocolConfig::V2) filter.version2_allowed = false;
  }
  if (from.has_pass_through_tlvs()) {
    const auto& passed = from.pass_through_tlvs();
    if (passed.match_type() == envoy::config::core::v3::ProxyProtocolPassThroughTLVs::INCLUDE_ALL) filter.passed_tlvs.set();
    for (const uint32_t type : passed.tlv_type()) filter.passed_tlvs.set(type);
  }
  for (const ProxyProtocol::Rule& rule : from.rules()) {
    const ProxyProtocol::KeyValuePair& note = rule.on_tlv_present();
    const auto type = static_cast<uint8_t>(rule.tlv_type());
    std::erase_if(filter.rules, [type](const auto& earlier) { return earlier.type == type; });  // the last one counts
    const std::string& name_space = note.metadata_namespace();
    filter.rules.push_back({type, name_space.empty() ? "envoy.filters.listener.proxy_protocol" : name_space, note.key()});
  }
}

void read_tls_inspector(const TlsInspector& from, ListenerFilterSpec& filter) {
  const int ja3 = from.enable_ja3_fingerprinting().value() ? 1 : 0, ja4 = from.enable_ja4_fingerprinting().value() ? 2 : 0;
  filter.fingerprints = static_cast<net::Fingerprints>(ja3 | ja4);
  filter.closes_broken = from.close_connection_on_client_hello_parsing_errors();
}

constexpr auto kRateLimited = stats::table<ListenerFilterStats>({{"rate_limited", &ListenerFilterStats::rate_limited}});

bool read_rate_limit(const LocalRateLimit& from, const FieldPath& at, ListenerConfigContext& context,
                     config::Diagnostics& diagnostics, ListenerFilterSpec& filter) {
  filter.kind = Kind::kLocalRateLimit;
  filter.bucket = read_token_bucket(from.token_bucket(), FieldPath{&at, "token_bucket"}, diagnostics);
  if (filter.bucket == nullptr) return false;
  filter.stats =
      context.stats.all().find<ListenerFilterStats>("listener_local_ratelimit." + from.stat_prefix() + ".", kRateLimited);
  if (!from.has_runtime_enabled()) return true;
  filter.enabled = from.runtime_enabled().default_value().value();
  if (context.runtime != nullptr) filter.enabled_key = context.runtime->key(from.runtime_enabled().runtime_key());
  return true;
}

}  // namespace

bool read_listener_filters(const v3::Listener& listener, const FieldPath& at, ListenerSpec& spec, ListenerConfigContext& context,
                           config::Diagnostics& diagnostics) {
  StatScopes& stats = context.stats;
  bool good = true;
  if (listener.has_listener_filters_timeout())
    spec.filters_timeout_ms = config::milliseconds(listener.listener_filters_timeout());
  spec.continue_on_filters_timeout = listener.continue_on_listener_filters_timeout();
  const FieldPath list{&at, "listener_filters"};
  for (int i = 0; i < listener.listener_filters_size(); ++i) {
    const v3::ListenerFilter& from = listener.listener_filters(i);
    const FieldPath item{&list, {}, i};
    ListenerFilterSpec& filter = spec.filters.emplace_back();
    if (from.has_filter_disabled()) filter.disabled = read_predicate(from.filter_disabled());
    ProxyProtocol proxy_protocol;
    LocalRateLimit rate_limit;
    TlsInspector tls_inspector;
    if (from.typed_config().UnpackTo(&tls_inspector)) {
      read_tls_inspector(tls_inspector, filter);
      filter.kind = Kind::kTlsInspector;
      filter.stats = stats.listener_filter("tls_inspector");
    } else if (from.typed_config().Is<filters::http_inspector::v3::HttpInspector>()) {
      filter.kind = Kind::kHttpInspector;
      filter.stats = stats.listener_filter("http_inspector");
    } else if (from.typed_config().Is<filters::original_dst::v3::OriginalDst>()) {
      filter.kind = Kind::kOriginalDestination;
    } else if (OriginalSrc source; from.typed_config().UnpackTo(&source)) {
      filter.kind = Kind::kOriginalSource;
      filter.mark = source.mark();
    } else if (from.typed_config().UnpackTo(&rate_limit)) {
      good = read_rate_limit(rate_limit, FieldPath{&item, "typed_config"}, context, diagnostics, filter) && good;
    } else if (from.typed_config().UnpackTo(&proxy_protocol)) {
      filter.kind = Kind::kProxyProtocol;
      filter.stats = stats.listener_filter(proxy_protocol.stat_prefix().empty() ? "proxy_proto"
                                                                                : "proxy_proto." + proxy_protocol.stat_prefix());
      read_proxy_protocol(proxy_protocol, filter);
      if (!filter.version1_allowed && !filter.version2_allowed) {
        const FieldPath typed{&item, "typed_config"};
        diagnostics.error({{}, FieldPath{&typed, "disallowed_versions"}.text(), "leaves no version", "allow one of V1 and V2"});
        good = false;
      }
    } else {
      diagnostics.error({{},
                         item.text(),
                         "the listener filter " + config::quoted(from.name()) + " has no configuration that is implemented",
                         "the @type of typed_config chooses the filter"});
      good = false;
    }
  }
  if (listener.use_original_dst().value()) spec.filters.push_back({.kind = Kind::kOriginalDestination, .disabled = {}});
  return good;
}

void declare_listener_filters(config::SupportTable& table) {
  constexpr char kCategory[] = "envoy.filters.listener";
  table.message<v3::ListenerFilter>().fields({"name", "typed_config", "filter_disabled"});
  table.message<v3::ListenerFilterChainMatchPredicate>().all_fields();
  table.message<v3::ListenerFilterChainMatchPredicate::MatchSet>().all_fields();
  table.message<envoy::type::v3::Int32Range>().all_fields();
  table.extension<TlsInspector>(kCategory, "envoy.filters.listener.tls_inspector")
      .fields({"enable_ja3_fingerprinting", "enable_ja4_fingerprinting", "close_connection_on_client_hello_parsing_errors"})
      .harmless({"initial_read_buffer_size"});
  table.extension<filters::http_inspector::v3::HttpInspector>(kCategory, "envoy.filters.listener.http_inspector");
  table.extension<filters::original_dst::v3::OriginalDst>(kCategory, "envoy.filters.listener.original_dst");
  table.extension<OriginalSrc>(kCategory, "envoy.filters.listener.original_src").fields({"mark"}).harmless({"bind_port"});
  table.extension<LocalRateLimit>(kCategory, "envoy.filters.listener.local_ratelimit").all_fields();
  table.extension<ProxyProtocol>(kCategory, "envoy.filters.listener.proxy_protocol").all_fields();
  table.message<ProxyProtocol::Rule>().all_fields();
  table.message<ProxyProtocol::KeyValuePair>().all_fields();
  table.message<envoy::config::core::v3::ProxyProtocolPassThroughTLVs>().all_fields();
}

}  // namespace weir::proxy
