#include "control/runtime.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/service/runtime/v3/rtds.pb.h"
#include "stats/table.h"

namespace weir::control {

using config::FieldPath;
using envoy::config::bootstrap::v3::Bootstrap;
using envoy::config::bootstrap::v3::RuntimeLayer;
using RuntimeResource = envoy::service::runtime::v3::Runtime;

namespace {

constexpr auto kStats = stats::table<RuntimeStats>({
    {"admin_overrides_active", &RuntimeStats::admin_overrides_active},
    {"deprecated_feature_seen_since_process_start", &RuntimeStats::deprecated_feature_seen_since_process_start},
    {"deprecated_feature_use", &RuntimeStats::deprecated_feature_use},
    {"load_error", &RuntimeStats::load_error},
    {"load_success", &RuntimeStats::load_success},
    {"num_keys", &RuntimeStats::num_keys},
    {"num_layers", &RuntimeStats::num_layers},
    {"override_dir_exists", &RuntimeStats::override_dir_exists},
    {"override_dir_not_exists", &RuntimeStats::override_dir_not_exists},
});

bool is_folder(const std::string& path) {
  struct stat about {};
  return stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode);
}

}  // namespace

Runtime::Runtime(const Context& context, FileWatch& files) : context_(context), files_(files) {
  registrations_.push_back(
      context_.stats.add("runtime.", [this](stats::StatVisitor& visitor) { stats::visit(visitor, kStats, stats_); }));
}

bool Runtime::load(const Bootstrap& bootstrap, config::Diagnostics& diagnostics) {
  bool good = true;
  const FieldPath runtime{nullptr, "layered_runtime"};
  const FieldPath list{&runtime, "layers"};
  const auto& layers = bootstrap.layered_runtime().layers();
  for (int i = 0; i < layers.size(); ++i) {
    const FieldPath at{&list, {}, i};
    if (std::ranges::any_of(layers_, [&](const auto& layer) { return layer->name == layers[i].name(); })) {
      diagnostics.error(
          {{}, FieldPath{&at, "name"}.text(), "there is a second layer named " + config::quoted(layers[i].name()), ""});
      good = false;
    } else {
      good = read(layers[i], at, diagnostics) && good;
    }
  }
  if (std::ranges::count_if(layers_, [](const auto& layer) { return layer->kind == Kind::kAdmin; }) > 1) {
    diagnostics.error({{}, list.text(), "there are two admin layers", "keep one: /runtime_modify would not know which is meant"});
    good = false;
  }
  if (bootstrap.has_layered_runtime() && layers.empty()) {  // Envoy then has one for /runtime_modify
    layers_.push_back(std::make_unique<Layer>());
    layers_.back()->kind = Kind::kAdmin;
  }
  if (good) reload();
  warn_of_switches();
  return good;
}

bool Runtime::read(const RuntimeLayer& config, const FieldPath& at, config::Diagnostics& diagnostics) {
  auto layer = std::make_unique<Layer>();
  layer->name = config.name();
  bool good = true;
  switch (config.layer_specifier_case()) {
    case RuntimeLayer::kStaticLayer:
      good = read_runtime_struct(config.static_layer(), FieldPath{&at, "static_layer"}, layer->entries, diagnostics);
      break;
    case RuntimeLayer::kDiskLayer: {
      std::error_code error;
      layer->kind = Kind::kDisk;
      layer->link = config.disk_layer().symlink_root();
      layer->is_override = config.disk_layer().append_service_cluster();
      layer->folder = layer->link + "/" + config.disk_layer().subdirectory();
      if (layer->is_override) layer->folder += "/" + context_.service_cluster;
      if (layer->link.find('/') == std::string::npos) {
        const FieldPath disk{&at, "disk_layer"};
        diagnostics.error({{},
                           FieldPath{&disk, "symlink_root"}.text(),
                           layer->link.empty() ? "is missing" : "must be a path with a folder that can be watched",
                           "name the symbolic link that is replaced when values change"});
        good = false;
      } else if (const auto parent = std::filesystem::path(layer->link).parent_path(); !std::filesystem::exists(parent, error)) {
        const FieldPath disk{&at, "disk_layer"};
        diagnostics.error({{},
                           FieldPath{&disk, "symlink_root"}.text(),
                           "there is no folder " + config::quoted(parent.native()) + " that could be watched",
                           "create it"});
        good = false;
      }
      break;
    }
    case RuntimeLayer::kAdminLayer:
      layer->kind = Kind::kAdmin;
      break;
    case RuntimeLayer::kRtdsLayer: {
      layer->kind = Kind::kRtds;
      layer->resource = config.rtds_layer().name();
      const FieldPath rtds{&at, "rtds_layer"};
      const auto source = read_source(context_, config.rtds_layer().rtds_config(), FieldPath{&rtds, "rtds_config"}, diagnostics);
      if (!source) return false;
      if (registrations_.size() == 1) {
        registrations_.push_back(context_.stats.add(
            "runtime.", [this](stats::StatVisitor& visitor) { visit(visitor, rtds_stats_, DiscoveryKind::kRuntime); }));
      }
      layer->subscription = std::make_unique<FileSubscription>(
          context_, files_, *source, rtds_stats_,
          [this, &layer = *layer](const Update& found, config::Diagnostics& errors) { on_rtds(layer, found, errors); });
      layer->subscription->note();
      break;
    }
    case RuntimeLayer::LAYER_SPECIFIER_NOT_SET:
      return false;  // the constraints of the .proto file refuse it
  }
  layers_.push_back(std::move(layer));
  return good;
}

void Runtime::start() {
  for (const auto& layer : layers_) {
    if (layer->kind == Kind::kDisk) {
      if (auto watch = files_.file(layer->link, [this] { reload(); })) {
        layer->watch = std::move(*watch);
      } else {
        context_.log.warning("runtime", "{}; changes will not be noticed", watch.error().message);
      }
    }
    if (layer->subscription != nullptr) layer->subscription->start();
  }
}

void Runtime::on_rtds(Layer& layer, const Update& update, config::Diagnostics& diagnostics) {
  const auto resources = unpack<RuntimeResource>(update, diagnostics);
  if (diagnostics.failed()) return;
  if (resources.size() != 1) {
    return diagnostics.error({{},
                              "resources",
                              "expected one runtime, got " + std::to_string(resources.size()),
                              "a file of RTDS holds the one resource " + config::quoted(layer.resource)});
  }
  const FieldPath at{&resources[0].list, {}, 0};
  if (resources[0].message.name() != layer.resource) {
    return diagnostics.error(
        {{},
         FieldPath{&at, "name"}.text(),
         "expected the runtime " + config::quoted(layer.resource) + ", got " + config::quoted(resources[0].message.name()),
         ""});
  }
  RuntimeEntries entries;
  if (!read_runtime_struct(resources[0].message.layer(), FieldPath{&at, "layer"}, entries, diagnostics)) return;
  layer.entries = std::move(entries);
  reload();
}

Result<> Runtime::modify(const std::vector<std::pair<std::string, std::string>>& changes) {
  const auto admin = std::ranges::find_if(layers_, [](const auto& layer) { return layer->kind == Kind::kAdmin; });
  if (admin == layers_.end()) return failure("No admin layer specified");
  RuntimeEntries& entries = (*admin)->entries;
  for (const auto& [key, text] : changes) {
    if (text.empty()) {
      entries.erase(key);
    } else {
      entries.insert_or_assign(key, read_runtime_text(text));
    }
  }
  reload();
  return {};
}

/// Reads the folders again and makes the values of all layers the present ones. A folder with an error is left out, as a whole.
void Runtime::reload() {
  bool failed = false, has_override = false;
  for (const auto& layer : layers_) {
    if (layer->kind != Kind::kDisk) continue;
    layer->entries.clear();
    layer->present = is_folder(layer->folder);
    has_override = has_override || (layer->is_override && layer->present);
    if (!layer->present) continue;
    if (auto read = read_runtime_folder(layer->folder, layer->entries); !read) {
      context_.log.error("runtime", "the runtime layer {} is left out: {}", layer->name, read.error().message);
      failed = true;
      layer->entries.clear();
      layer->present = false;
    }
  }
  RuntimeValues::Map values;
  for (const auto& layer : layers_) {
    for (const auto& [key, entry] : layer->entries) values.insert_or_assign(key, entry.value);
  }
  (failed ? stats_.load_error : stats_.load_success).add();
  (has_override ? stats_.override_dir_exists : stats_.override_dir_not_exists).add();
  stats_.num_keys.set(static_cast<int64_t>(values.size()));
  stats_.num_layers.set(std::ranges::count_if(layers_, [](const auto& layer) { return layer->present; }));
  stats_.admin_overrides_active.set(
      std::ranges::any_of(layers_, [](const auto& layer) { return layer->kind == Kind::kAdmin && !layer->entries.empty(); }));
  stats_.deprecated_feature_seen_since_process_start.set(0);
  context_.runtime.assign(std::move(values));
}

std::vector<Runtime::View> Runtime::layers() const {
  std::vector<View> result;
  for (const auto& layer : layers_) {
    if (layer->present) result.push_back({layer->name, &layer->entries});
  }
  return result;
}

/// Envoy's switches for its own behaviour turn nothing here, but for those that somebody reads: better said than found out.
void Runtime::warn_of_switches() const {
  constexpr std::string_view kActing[] = {"envoy.reloadable_features.http_reject_path_with_fragment",
                                          "envoy.reloadable_features.max_request_headers_size_kb",
                                          "envoy.reloadable_features.max_request_headers_count"};
  for (const auto& layer : layers_) {
    for (const auto& [key, entry] : layer->entries) {
      if (!key.starts_with("envoy.reloadable_features.") && !key.starts_with("envoy.restart_features.")) continue;
      if (std::ranges::find(kActing, key) != std::end(kActing)) continue;
      context_.log.info("runtime", "{} = {} changes nothing in Weir", key, entry.text);
    }
  }
}

}  // namespace weir::control
