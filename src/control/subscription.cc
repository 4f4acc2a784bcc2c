#include "control/subscription.h"

#include <algorithm>

#include "base/hash.h"
#include "stats/table.h"

namespace weir::control {

namespace {

using stats::Unit;

constexpr auto kCommon = stats::table<SubscriptionStats>({
    {"update_attempt", &SubscriptionStats::update_attempt},
    {"update_success", &SubscriptionStats::update_success},
    {"update_failure", &SubscriptionStats::update_failure},
    {"update_rejected", &SubscriptionStats::update_rejected},
    {"init_fetch_timeout", &SubscriptionStats::init_fetch_timeout},
    {"update_time", &SubscriptionStats::update_time},
    {"update_duration", &SubscriptionStats::update_duration, Unit::kMilliseconds},
});
constexpr auto kReload = stats::table<SubscriptionStats>({
    {"config_reload", &SubscriptionStats::config_reload},
    {"config_reload_time_ms", &SubscriptionStats::config_reload_time_ms},
});
constexpr auto kEmpty = stats::table<SubscriptionStats>({{"update_empty", &SubscriptionStats::update_empty}});

}  // namespace

void visit(stats::StatVisitor& visitor, SubscriptionStats& stats, DiscoveryKind kind) {
  stats::visit(visitor, kCommon, stats);
  if (kind == DiscoveryKind::kClusters || kind == DiscoveryKind::kRoutes) stats::visit(visitor, kReload, stats);
  if (kind == DiscoveryKind::kEndpoints || kind == DiscoveryKind::kRoutes) stats::visit(visitor, kEmpty, stats);
  // Envoy shows a hash, for its statistics are numbers; it needs all 64 bits.
  visitor.gauge("version", stats.version ? static_cast<int64_t>(xxhash64(*stats.version)) : 0, stats.version.has_value());
  if (stats.version) visitor.text("version_text", *stats.version);
}

FileSubscription::FileSubscription(const Context& context, FileWatch& files, FileSource source, SubscriptionStats& stats,
                                   OnUpdate on_update)
    : Subscription(context, stats, std::move(on_update)), files_(files), source_(std::move(source)) {}

FileSubscription::~FileSubscription() {
  if (context_.unread != nullptr) std::erase(*context_.unread, this);
}

void FileSubscription::note() {
  if (context_.unread != nullptr) context_.unread->push_back(this);
}

void FileSubscription::start() {
  // First the watch and then the file, so that nothing is missed in between.
  auto watch = source_.watched_directory.empty() ? files_.file(source_.path, [this] { read(); })
                                                 : files_.folder(source_.watched_directory, [this] { read(); });
  if (watch) {
    watch_ = std::move(*watch);
  } else {
    context_.log.warning("config", "{}: {}; changes will not be noticed", source_.path, watch.error().message);
  }
  read();
}

void FileSubscription::read() {
  const MonotonicNs begin = monotonic_now();
  stats_.update_attempt.add();
  const config::LoadOptions options{
      .path = source_.path, .unknown_fields = context_.dynamic_unknown_fields, .support = &context_.support};
  Update update = config::load<envoy::service::discovery::v3::DiscoveryResponse>(context_.schema, options);
  deliver(update, source_.path, begin);
}

bool Subscription::deliver(Update& update, std::string_view from, MonotonicNs begin) {
  const bool readable = std::ranges::none_of(update.diagnostics.errors(), [](const auto& error) { return error.path.empty(); });
  if (update.ok()) {
    config::Diagnostics found;
    on_update_(update, found);
    for (config::Diagnostic& error : found.errors()) {
      update.positions.locate(error);
      update.diagnostics.error(std::move(error));
    }
  }
  for (const config::Diagnostic& warning : update.diagnostics.warnings()) {
    context_.log.warning("config", "{}", warning.text());
  }
  if (!update.ok()) {
    (readable ? stats_.update_rejected : stats_.update_failure).add();
    context_.log.warning("config", "{}: update rejected: {}", from, update.diagnostics.text());
    return false;
  }
  stats_.update_success.add();
  stats_.version = update->version_info();
  stats_.update_time.set(wall_now() / kNsPerMs);
  stats_.update_duration.record(static_cast<uint64_t>((monotonic_now() - begin) / kNsPerMs));
  return true;
}

void declare_discovery(config::SupportTable& table) {
  using envoy::service::discovery::v3::DiscoveryResponse;
  table.message<DiscoveryResponse>()
      .fields({"version_info", "resources", "type_url", "nonce", "control_plane"})
      .harmless({"canary"});
  table.message<envoy::config::core::v3::ControlPlane>().all_fields();
  table.message<envoy::service::discovery::v3::Resource>()
      .fields({"name", "version", "resource"})
      .harmless({"resource_name", "aliases", "ttl", "cache_control", "metadata"});
  table.message<envoy::config::core::v3::RetryPolicy>().fields({"retry_back_off"});
}

}  // namespace weir::control
