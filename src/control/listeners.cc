#include "control/listeners.h"

#include <unistd.h>

#include <algorithm>

#include "envoy/admin/v3/config_dump_shared.pb.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "proxy/listener_config.h"

namespace weir::control {

using config::FieldPath;
using envoy::config::listener::v3::Listener;

Listeners::Listeners(const Context& context, FileWatch& files, std::function<void()> on_change)
    : context_(context), files_(files), on_change_(std::move(on_change)) {
  registrations_.push_back(register_stats(context_.stats, stats_));
}

bool Listeners::load(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, config::Diagnostics& diagnostics) {
  bool good = true;
  const FieldPath resources{nullptr, "static_resources"};
  const FieldPath list{&resources, "listeners"};
  for (int i = 0; i < bootstrap.static_resources().listeners_size(); ++i) {
    const Listener& listener = bootstrap.static_resources().listeners(i);
    if (!listener.name().empty() && find(listener.name()) != entries_.end()) {  // the first stays, as in Envoy
      const FieldPath item{&list, {}, i};
      diagnostics.warning({{},
                           FieldPath{&item, "name"}.text(),
                           "there is a listener named " + config::quoted(listener.name()) + " already: this one is left out",
                           "give it another name"});
      continue;
    }
    auto spec = context_.compile_listener(listener, FieldPath{&list, {}, i}, diagnostics);
    if (spec == nullptr) {
      good = false;
    } else {
      entries_.push_back({std::move(spec), {deterministic_bytes(listener), "", context_.loop.wall()}});
    }
  }
  const size_t errors = diagnostics.errors().size();
  proxy::check_listeners(this->list(), list, diagnostics);
  good = good && diagnostics.errors().size() == errors;
  if (bootstrap.dynamic_resources().has_lds_config()) {
    const FieldPath dynamic{nullptr, "dynamic_resources"};
    const auto source =
        read_source_without_file(bootstrap.dynamic_resources().lds_config(), FieldPath{&dynamic, "lds_config"}, diagnostics);
    if (!source) return false;
    lds_path_ = source->path;
    lds_ =
        std::make_unique<FileSubscription>(context_, files_, *source, lds_stats_,
                                           [this](const Update& found, config::Diagnostics& errors) { update(found, errors); });
    registrations_.push_back(context_.stats.add(
        "listener_manager.lds.", [this](stats::StatVisitor& visitor) { visit(visitor, lds_stats_, DiscoveryKind::kListeners); }));
  }
  return good;
}

Result<> Listeners::start() {
  for (const Entry& entry : entries_) {
    if (auto bound = context_.publisher.prepare(entry.spec); !bound) return bound;
    stats_.listener_added.add();
    stats_.listener_create_success.add(context_.workers);
  }
  stats_.total_listeners_warming.set(0);
  stats_.total_listeners_active.set(static_cast<int64_t>(entries_.size()));
  if (lds_ == nullptr) return {};
  if (!context_.has_node)
    return failure("lds_config: node.id and node.cluster must be set, or --service-node and --service-cluster");
  // Envoy looks for this one only when it serves, not when it validates.
  if (access(lds_path_.c_str(), F_OK) != 0) return failure("lds_config: the file " + lds_path_ + " does not exist");
  lds_->start();
  return {};
}

std::vector<Listeners::Entry>::iterator Listeners::find(std::string_view name) {
  return std::ranges::find_if(entries_, [&](const Entry& entry) { return entry.spec->name == name; });
}

// What LDS does not name any more goes first, so that its address is free for another.
void Listeners::update(const Update& update, config::Diagnostics& diagnostics) {
  const auto resources = unpack<Listener>(update, diagnostics);
  if (diagnostics.failed()) return;
  std::vector<std::string_view> names;
  for (const auto& resource : resources) names.push_back(resource.message.name());
  std::ranges::sort(names);
  if (const auto twice = std::ranges::adjacent_find(names); twice != names.end()) {
    return diagnostics.error({{}, "resources", "there is a second listener named " + config::quoted(*twice), ""});
  }
  const size_t removed = std::erase_if(entries_, [&](const Entry& entry) {
    return entry.spec->added_via_api && !std::ranges::binary_search(names, entry.spec->name);
  });
  stats_.listener_removed.add(removed);
  if (removed > 0) on_change_();
  bool applied = resources.empty();
  for (const auto& resource : resources) applied = apply(resource, diagnostics) || applied;
  if (applied) lds_version_ = update->version_info();
  stats_.total_listeners_active.set(static_cast<int64_t>(entries_.size()));
}

bool Listeners::apply(const Resource<Listener>& resource, config::Diagnostics& diagnostics) {
  const FieldPath at{&resource.list, {}, resource.index};
  const auto known = find(resource.message.name());
  if (known != entries_.end() && !known->spec->added_via_api) return true;  // the bootstrap's stay
  std::string bytes = deterministic_bytes(resource.message);
  if (known != entries_.end() && known->kept.bytes == bytes) return true;
  const auto refuse = [&](std::string message) {
    if (!message.empty()) diagnostics.error({{}, at.text(), std::move(message), ""});
    stats_.listener_create_failure.add();
    return false;
  };
  auto spec = context_.compile_listener(resource.message, at, diagnostics);
  if (spec == nullptr) return refuse("");
  spec->added_via_api = true;
  std::vector<proxy::ListenerSpecPtr> together;
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry != known) together.push_back(entry->spec);
  }
  together.push_back(spec);
  config::Diagnostics conflicts;
  proxy::check_listeners(together, {}, conflicts);
  if (conflicts.failed()) return refuse(conflicts.errors().front().message);
  if (auto bound = context_.publisher.prepare(spec); !bound) return refuse(bound.error().message);
  Entry entry{std::move(spec), {std::move(bytes), resource.version, context_.loop.wall()}};
  if (known != entries_.end()) {
    *known = std::move(entry);
    stats_.listener_modified.add();
  } else {
    entries_.push_back(std::move(entry));
    stats_.listener_added.add();
  }
  stats_.listener_create_success.add(context_.workers);
  on_change_();
  return true;
}

std::vector<proxy::ListenerSpecPtr> Listeners::list() const {
  std::vector<proxy::ListenerSpecPtr> result;
  for (const Entry& entry : entries_) result.push_back(entry.spec);
  return result;
}

void Listeners::dump(envoy::admin::v3::ListenersConfigDump& dump) const {
  if (lds_ != nullptr) dump.set_version_info(lds_version_);
  for (const Entry& entry : entries_) {
    if (entry.spec->added_via_api) {
      auto& into = *dump.add_dynamic_listeners();
      into.set_name(entry.spec->name);
      into.mutable_active_state()->set_version_info(entry.kept.version);
      fill<Listener>(entry.kept, *into.mutable_active_state()->mutable_listener(),
                     *into.mutable_active_state()->mutable_last_updated());
    } else {
      auto& into = *dump.add_static_listeners();
      fill<Listener>(entry.kept, *into.mutable_listener(), *into.mutable_last_updated());
    }
  }
}

}  // namespace weir::control
