#include "control/filters.h"

#include <algorithm>

#include "envoy/admin/v3/config_dump_shared.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "filter/catalog.h"
#include "stats/table.h"

namespace weir::control {

using config::FieldPath;
using envoy::config::core::v3::ExtensionConfigSource;
using envoy::config::core::v3::TypedExtensionConfig;

namespace {

constexpr auto kStats = stats::table<FilterConfigStats>({
    {"config_conflict", &FilterConfigStats::config_conflict},
    {"config_fail", &FilterConfigStats::config_fail},
    {"config_reload", &FilterConfigStats::config_reload},
});

/// The filter that an Any configures; null after reporting an error.
filter::FilterFactoryPtr read_filter(const google::protobuf::Any& config, const std::vector<std::string>& types,
                                     const filter::FilterContext& needs, const FieldPath& at, config::Diagnostics& diagnostics) {
  const std::string_view type = config::type_name(config.type_url());
  if (std::ranges::find(types, type) == types.end()) {
    diagnostics.error({{}, at.text(), "the type " + std::string(type) + " is none of type_urls", "add it there"});
    return nullptr;
  }
  const filter::CatalogEntry* entry = filter::find_filter(type);
  return entry == nullptr ? nullptr : entry->read(config, at, needs, diagnostics);
}

}  // namespace

filter::FilterFactoryPtr Filters::find(const ExtensionConfigSource& config, const std::string& name,
                                       const filter::FilterContext& needs, const FieldPath& at,
                                       config::Diagnostics& diagnostics) {
  const size_t errors = diagnostics.errors().size();
  const FieldPath urls{&at, "type_urls"};
  std::vector<std::string> types;
  std::string key = name;
  for (int i = 0; i < config.type_urls_size(); ++i) {
    types.emplace_back(config::type_name(config.type_urls(i)));
    key += '\n' + types.back();
    if (filter::find_filter(types.back()) != nullptr) continue;
    const bool known = context_.schema.find(types.back()) != nullptr;
    diagnostics.error({{},
                       FieldPath{&urls, {}, i}.text(),
                       known
                           ? types.back() + " is known to Envoy, but Weir does not implement it yet as one of envoy.filters.http"
                           : "unknown type " + types.back(),
                       "remove it"});
  }
  if (config.apply_default_config_without_warming() && !config.has_default_config()) {
    diagnostics.error(
        {{}, FieldPath{&at, "default_config"}.text(), "is missing: apply_default_config_without_warming needs it", ""});
  }
  filter::FilterFactoryPtr usual;
  if (config.has_default_config()) {
    usual = read_filter(config.default_config(), types, needs, FieldPath{&at, "default_config"}, diagnostics);
  }
  const auto file = read_source(context_, config.config_source(), FieldPath{&at, "config_source"}, diagnostics);
  if (!file || diagnostics.errors().size() != errors) return nullptr;

  key += '\n' + needs.stat_prefix + '\n' + file->path + '\n' + file->watched_directory + '\n' +
         deterministic_bytes(config.default_config());
  std::unique_ptr<Entry>& place = entries_[key];
  if (place != nullptr) {
    if (auto known = place->filter.lock()) return known;
  }
  place = std::make_unique<Entry>(needs);
  Entry& entry = *place;
  auto made = std::make_shared<filter::DynamicFilter>();
  made->replace(std::move(usual));
  entry.filter = made;
  entry.name = name;
  entry.types = std::move(types);
  entry.registration =
      context_.stats.add("extension_config_discovery.http_filter." + stats::sanitize(name) + ".", [&entry](auto& visitor) {
        stats::visit(visitor, kStats, entry.own_stats);
        visit(visitor, entry.stats, DiscoveryKind::kFilters);
      });
  entry.subscription = std::make_unique<FileSubscription>(
      context_, files_, *file, entry.stats,
      [this, &entry](const Update& found, config::Diagnostics& errors) { update(entry, found, errors); });
  entry.subscription->note();
  if (started_) entry.subscription->start();
  return made;
}

void Filters::update(Entry& entry, const Update& update, config::Diagnostics& diagnostics) {
  const auto filter = entry.filter.lock();
  if (filter == nullptr) return;  // nobody uses it any more
  const auto resources = unpack<TypedExtensionConfig>(update, diagnostics);
  const auto refuse = [&] { entry.own_stats.config_fail.add(); };
  if (diagnostics.failed()) return refuse();
  const auto found = std::ranges::find_if(resources, [&](const auto& each) { return each.message.name() == entry.name; });
  if (found == resources.end()) {
    diagnostics.error({{},
                       "resources",
                       "no extension named " + config::quoted(entry.name) + " is in it",
                       "add a TypedExtensionConfig with that name"});
    return refuse();
  }
  std::string bytes = deterministic_bytes(found->message);
  if (bytes == entry.kept.bytes) return;
  const FieldPath at{&found->list, {}, found->index};
  auto factory =
      read_filter(found->message.typed_config(), entry.types, entry.needs, FieldPath{&at, "typed_config"}, diagnostics);
  if (factory == nullptr) return refuse();
  entry.kept = {std::move(bytes), found->version, context_.loop.wall()};
  entry.own_stats.config_reload.add();
  filter->replace(std::move(factory));
}

void Filters::start() {
  started_ = true;
  for (auto& [key, entry] : entries_) entry->subscription->start();
}

void Filters::sweep() {
  std::erase_if(entries_, [](const auto& item) { return item.second->filter.expired(); });
}

void Filters::dump(envoy::admin::v3::EcdsConfigDump& dump) const {
  for (const auto& [key, entry] : entries_) {
    if (entry->kept.updated == 0 || entry->filter.expired()) continue;
    auto& into = *dump.add_ecds_filters();
    into.set_version_info(entry->kept.version);
    fill<TypedExtensionConfig>(entry->kept, *into.mutable_ecds_filter(), *into.mutable_last_updated());
  }
}

void declare_filter_discovery(config::SupportTable& table) {
  table.message<ExtensionConfigSource>()
      .fields({"config_source", "apply_default_config_without_warming", "type_urls"})
      .extensions("default_config", filter::kHttpFilters);
}

}  // namespace weir::control
