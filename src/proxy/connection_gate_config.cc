// Filters that limit connections become ConnectionGates.
#include "config/duration.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/extensions/filters/network/connection_limit/v3/connection_limit.pb.h"
#include "envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit.pb.h"
#include "envoy/extensions/filters/network/ratelimit/v3/rate_limit.pb.h"
#include "envoy/extensions/filters/network/rbac/v3/rbac.pb.h"
#include "filter/rate_limit_service.h"
#include "filter/rbac_engine_config.h"
#include "proxy/listener_config.h"
#include "proxy/token_bucket_config.h"
#include "stats/table.h"

namespace weir::proxy {

namespace network = envoy::extensions::filters::network;
using config::FieldPath;
using network::connection_limit::v3::ConnectionLimit;
using network::local_ratelimit::v3::LocalRateLimit;
using network::ratelimit::v3::RateLimit;
using network::rbac::v3::RBAC;
using Kind = ConnectionGate::Kind;

namespace {

constexpr auto kConnectionLimit = stats::table<ConnectionGateStats>({
    {"active_connections", &ConnectionGateStats::active_connections},
    {"limited_connections", &ConnectionGateStats::limited_connections},
});
constexpr auto kLocalRateLimit = stats::table<ConnectionGateStats>({
    {"rate_limited", &ConnectionGateStats::rate_limited},
});
constexpr auto kRateLimit = stats::table<ConnectionGateStats>({
    {"active", &ConnectionGateStats::active},
    {"cx_closed", &ConnectionGateStats::cx_closed},
    {"error", &ConnectionGateStats::error},
    {"failure_mode_allowed", &ConnectionGateStats::failure_mode_allowed},
    {"ok", &ConnectionGateStats::ok},
    {"over_limit", &ConnectionGateStats::over_limit},
    {"total", &ConnectionGateStats::total},
});

RuntimeKey key(const ListenerConfigContext& context, std::string_view name) {
  return context.runtime == nullptr ? RuntimeKey() : context.runtime->key(name);
}

template <class Config>
void enabled(const Config& from, const ListenerConfigContext& context, ConnectionGate& gate) {
  if (!from.has_runtime_enabled()) return;
  gate.enabled = from.runtime_enabled().default_value().value();
  gate.enabled_key = key(context, from.runtime_enabled().runtime_key());
}

bool read(const LocalRateLimit& from, const FieldPath& at, config::Diagnostics& diagnostics, ConnectionGate& gate) {
  gate.kind = Kind::kLocalRateLimit;
  gate.bucket = read_token_bucket(from.token_bucket(), FieldPath{&at, "token_bucket"}, diagnostics);
  return gate.bucket != nullptr;
}

bool read(const RateLimit& from, const FieldPath& at, const ListenerConfigContext& context, config::Diagnostics& diagnostics,
          ConnectionGate& gate) {
  const size_t errors = diagnostics.errors().size();
  gate.kind = Kind::kRateLimit;
  filter::read_rate_limit_service(from.rate_limit_service(), FieldPath{&at, "rate_limit_service"}, diagnostics, gate.service);
  if (from.has_timeout()) gate.service.timeout_ms = config::milliseconds(from.timeout());
  gate.domain = from.domain();
  gate.failure_mode_deny = from.failure_mode_deny();
  gate.tcp_enabled = key(context, "ratelimit.tcp_filter_enabled");
  gate.tcp_enforcing = key(context, "ratelimit.tcp_filter_enforcing");
  const FieldPath list{&at, "descriptors"};
  for (int i = 0; i < from.descriptors_size(); ++i) {
    auto& entries = gate.descriptors.emplace_back();
    for (const auto& entry : from.descriptors(i).entries()) {
      auto value = format::Formatter::compile(entry.value(), {});
      if (value) {
        entries.push_back({entry.key(), std::move(*value)});
      } else {
        diagnostics.error({{}, FieldPath{&list, {}, i}.text(), value.error().message, ""});
      }
    }
  }
  return diagnostics.errors().size() == errors;
}

bool read(const RBAC& from, const FieldPath& at, ListenerConfigContext& context, config::Diagnostics& diagnostics,
          ConnectionGate& gate) {
  const size_t errors = diagnostics.errors().size();
  gate.kind = Kind::kRules;
  filter::RbacReader reader{
      .diagnostics = diagnostics, .runtime = context.runtime, .stats = &context.stats.all(), .of_connections = true};
  auto rules = std::make_unique<ConnectionRules>();
  reader.engines(from, at, rules->engines);
  rules->stats = filter::RbacStats::find(context.stats.all(), from.stat_prefix(), "", from.shadow_rules_stat_prefix(), false);
  rules->shadow_keys = filter::RbacKeys::make(from.shadow_rules_stat_prefix(), "shadow");
  rules->continuous = from.enforcement_type() == RBAC::CONTINUOUS;
  rules->delay_ms = config::milliseconds(from.delay_deny());
  if (from.delay_deny().seconds() < 0 || from.delay_deny().nanos() < 0)
    diagnostics.error({{}, FieldPath{&at, "delay_deny"}.text(), "must not be negative", ""});
  gate.rules = std::move(rules);
  return diagnostics.errors().size() == errors;
}

}  // namespace

bool is_connection_gate(const google::protobuf::Any& configuration) {
  return configuration.Is<ConnectionLimit>() || configuration.Is<LocalRateLimit>() || configuration.Is<RateLimit>() ||
         configuration.Is<RBAC>();
}

ConnectionGatePtr read_connection_gate(const google::protobuf::Any& configuration, const FieldPath& at,
                                       ListenerConfigContext& context, config::Diagnostics& diagnostics) {
  auto gate = std::make_shared<ConnectionGate>();
  stats::Scopes& scopes = context.stats.all();
  ConnectionLimit limit;
  LocalRateLimit local;
  RateLimit global;
  RBAC rules;
  if (configuration.UnpackTo(&limit)) {
    gate->stats = scopes.find<ConnectionGateStats>("connection_limit." + limit.stat_prefix() + ".", kConnectionLimit);
    gate->most_connections = limit.max_connections().value();
    if (!limit.has_max_connections()) {
      diagnostics.error({{}, FieldPath{&at, "max_connections"}.text(), "is missing", "say how many there may be"});
      return nullptr;
    }
    gate->delay_ms = config::milliseconds(limit.delay());
    gate->connections = std::make_unique<std::atomic<int64_t>>(0);
    enabled(limit, context, *gate);
  } else if (configuration.UnpackTo(&local)) {
    gate->stats = scopes.find<ConnectionGateStats>("local_rate_limit." + local.stat_prefix() + ".", kLocalRateLimit);
    enabled(local, context, *gate);
    if (!read(local, at, diagnostics, *gate)) return nullptr;
  } else if (configuration.UnpackTo(&global)) {
    gate->stats = scopes.find<ConnectionGateStats>("ratelimit." + global.stat_prefix() + ".", kRateLimit);
    if (!read(global, at, context, diagnostics, *gate)) return nullptr;
  } else if (configuration.UnpackTo(&rules)) {
    if (!read(rules, at, context, diagnostics, *gate)) return nullptr;
  }
  return gate;
}

void declare_connection_gates(config::SupportTable& table) {
  constexpr char kCategory[] = "envoy.filters.network";
  table.extension<ConnectionLimit>(kCategory, "envoy.filters.network.connection_limit").all_fields();
  table.extension<LocalRateLimit>(kCategory, "envoy.filters.network.local_ratelimit")
      .fields({"stat_prefix", "token_bucket", "runtime_enabled"});
  table.extension<RateLimit>(kCategory, "envoy.filters.network.ratelimit").all_fields();
  table.extension<RBAC>(kCategory, "envoy.filters.network.rbac").all_fields();
  filter::declare_rbac_rules(table);
  table.message<envoy::extensions::common::ratelimit::v3::RateLimitDescriptor>().fields({"entries"});
  table.message<envoy::extensions::common::ratelimit::v3::RateLimitDescriptor::Entry>().all_fields();
  table.message<envoy::type::v3::TokenBucket>().all_fields();
  table.message<envoy::config::core::v3::RuntimeFeatureFlag>().all_fields();
}

}  // namespace weir::proxy
