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

Listeners::Listeners(const Context& context, FileWatch& files, const TlsSources& tls, std::function<void()> on_change)
    : context_(context), files_(files), tls_(tls), on_change_(std::move(on_change)) {
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
  count();
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
  const auto gone = [&](const Entry& entry) {
    return entry.spec->added_via_api && !std::ranges::binary_search(names, entry.spec->name);
  };
  std::erase_if(warming_, gone);
  const size_t removed = std::erase_if(entries_, gone);
  stats_.listener_removed.add(removed);
  if (removed > 0) on_change_();
  bool applied = resources.empty();
  for (const auto& resource : resources) applied = apply(resource, diagnostics) || applied;
  if (applied) lds_version_ = update->version_info();
  count();
}

bool Listeners::apply(const Resource<Listener>& resource, config::Diagnostics& diagnostics) {
  const FieldPath at{&resource.list, {}, resource.index};
  const auto known = find(resource.message.name());
  if (known != entries_.end() && !known->spec->added_via_api) return true;  // the bootstrap's stay
  std::string bytes = deterministic_bytes(resource.message);
  const auto waiting = std::ranges::find(warming_, resource.message.name(), [](const Entry& entry) { return entry.spec->name; });
  if (waiting != warming_.end() && waiting->kept.bytes == bytes) return true;
  if (waiting == warming_.end() && known != entries_.end() && known->kept.bytes == bytes) return true;
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
  if (waiting != warming_.end()) warming_.erase(waiting);
  stats::Counter& counter = known != entries_.end() ? stats_.listener_modified : stats_.listener_added;
  const bool waits = awaits_secrets(*spec);
  Entry entry{std::move(spec), {std::move(bytes), resource.version, context_.loop.wall()}};
  if (waits) {
    warming_.push_back(std::move(entry));
  } else if (auto bound = activate(std::move(entry)); !bound) {
    return refuse(bound.error().message);
  }
  counter.add();
  return true;
}

bool Listeners::awaits_secrets(const proxy::ListenerSpec& spec) const {
  return std::ranges::any_of(spec.chains, [this](const proxy::FilterChain& chain) { return tls_.awaits_secrets(chain.tls); });
}

void Listeners::check_secrets() {
  std::vector<Entry> ready;
  std::erase_if(warming_, [&](Entry& entry) {
    const bool waits = awaits_secrets(*entry.spec);
    if (!waits) ready.push_back(std::move(entry));
    return !waits;
  });
  for (Entry& entry : ready) {
    const std::string name = entry.spec->name;
    auto bound = activate(std::move(entry));
    if (bound) continue;
    stats_.listener_create_failure.add();
    context_.log.warning("config", "listener {}: {}; the one before stays, if there was one", name, bound.error().message);
  }
  count();
}

/// The listener is bound, and takes the place of the one with its name.
Result<> Listeners::activate(Entry entry) {
  if (auto bound = context_.publisher.prepare(entry.spec); !bound) return bound;
  const auto known = find(entry.spec->name);
  if (known != entries_.end()) {
    *known = std::move(entry);
  } else {
    entries_.push_back(std::move(entry));
  }
  stats_.listener_create_success.add(context_.workers);
  on_change_();
  return {};
}

void Listeners::count() {
  stats_.total_listeners_active.set(static_cast<int64_t>(entries_.size()));
  stats_.total_listeners_warming.set(static_cast<int64_t>(warming_.size()));
}

std::vector<proxy::ListenerSpecPtr> Listeners::list() const {
  std::vector<proxy::ListenerSpecPtr> result;
  for (const Entry& entry : entries_) result.push_back(entry.spec);
  return result;
}

void Listeners::dump(envoy::admin::v3::ListenersConfigDump& dump) const {
  if (lds_ != nullptr) dump.set_version_info(lds_version_);
  const auto fill_state = [](const Entry& entry, envoy::admin::v3::ListenersConfigDump::DynamicListenerState& into) {
    into.set_version_info(entry.kept.version);
    fill<Listener>(entry.kept, *into.mutable_listener(), *into.mutable_last_updated());
  };
  std::vector<const Entry*> waiting;
  for (const Entry& entry : warming_) waiting.push_back(&entry);
  for (const Entry& entry : entries_) {
    if (!entry.spec->added_via_api) {
      auto& into = *dump.add_static_listeners();
      fill<Listener>(entry.kept, *into.mutable_listener(), *into.mutable_last_updated());
      continue;
    }
    auto& into = *dump.add_dynamic_listeners();
    into.set_name(entry.spec->name);
    fill_state(entry, *into.mutable_active_state());
    const auto next = std::ranges::find(waiting, entry.spec->name, [](const Entry* each) { return each->spec->name; });
    if (next == waiting.end()) continue;
    fill_state(**next, *into.mutable_warming_state());
    waiting.erase(next);
  }
  for (const Entry* entry : waiting) {
    auto& into = *dump.add_dynamic_listeners();
    into.set_name(entry->spec->name);
    fill_state(*entry, *into.mutable_warming_state());
  }
}

}  // namespace weir::control
