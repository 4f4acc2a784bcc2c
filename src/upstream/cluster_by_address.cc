// Endpoints that requests choose by their addresses: original destinations, sessions, override_host.
#include <algorithm>

#include "base/text.h"
#include "upstream/cluster.h"
#include "upstream/forward_proxy.h"
#include "upstream/original_dst.h"
#include "upstream/sub_clusters.h"

namespace weir::upstream {

Host* Cluster::host_at(std::string_view address) {
  if (by_address_.empty()) {
    for (const auto& host : hosts_) by_address_.emplace(host->endpoint->address->text(), host.get());
  }
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : found->second;
}

/// The first try goes to the first address that the request names, the next one to the next.
Host* Cluster::overridden(PickContext& context) {
  for (const OverrideSource& source : spec().balancing.override_sources) {
    std::string_view list;
    if (!source.header.empty()) {
      if (context.headers() != nullptr) list = first_value(*context.headers(), source.header);
    } else if (context.info() != nullptr) {
      const format::MetadataValue* value = context.info()->metadata.find(source.metadata_filter, source.metadata_path);
      if (value != nullptr && value->kind == format::MetadataValue::Kind::kText) list = value->text;
    }
    if (list.empty()) continue;
    for (uint32_t left = context.tries_before(); !list.empty();) {
      Host* host = host_at(trim(next_token(list, ',')));
      if (host != nullptr && left-- == 0) return host;
    }
    return nullptr;
  }
  return nullptr;
}

Host* Cluster::host_named(std::string_view name) {
  if (by_name_.empty()) {
    for (const auto& host : hosts_) by_name_.emplace(host->endpoint->name, host.get());
  }
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

/// Where the request's host says, in a dynamic forward proxy: its DNS cache has looked up the name before.
Host* Cluster::choose_by_name(PickContext& context) {
  const std::string name = wanted_name(*spec().forward_proxy, context);
  if (state_->sub_clusters != nullptr) return choose_of_sub_cluster(name, context);
  if (Host* host = host_named(name)) return host;
  // What the cache has found is told with the next mail: it may be on its way.
  const EndpointSetPtr newest = state_->endpoints.load();
  if (newest == endpoints_) return nullptr;
  update(newest);
  return host_named(name);
}

/// A number may have been another one's before, of which this worker has yet to hear that it is gone.
Host* Cluster::choose_of_sub_cluster(const std::string& wanted, PickContext& context) {
  const std::string name = sub_cluster_name(host_and_port(wanted, spec().forward_proxy->default_port));
  const std::optional<uint32_t> id = state_->sub_clusters->find(name);
  Cluster* const cluster = id ? find_(*id) : nullptr;
  return cluster != nullptr && cluster->spec().name == name ? cluster->choose(context) : nullptr;
}

Host* Cluster::dial(PickContext& context) {
  const net::AddressPtr address = original_destination(*spec().original_dst, context, stats_);
  if (address == nullptr || !address->is_ip()) return nullptr;
  if (const auto found = dialled_.find(address->text()); found != dialled_.end()) {
    found->second.used = true;
    const EndpointPtr& endpoint = found->second.host->endpoint;
    endpoint->life->used.store(true, std::memory_order_relaxed);
    if ((endpoint->flags() & HealthFlag::kPendingRemoval) != 0 && state_->tell_dialled != nullptr) [[unlikely]] {
      endpoint->clear(HealthFlag::kPendingRemoval);
      state_->tell_dialled(endpoint);
    }
    return found->second.host.get();
  }
  sweep_dialled();
  const EndpointPtr endpoint = dialled_before(address);
  EndpointStats& stats = endpoint->stats.mine(context_.worker);
  return (dialled_[address->text()] = {std::make_unique<Host>(*this, endpoint, stats, zone_stats(""))}).host.get();
}

/// Another worker may know it already.
EndpointPtr Cluster::dialled_before(const net::AddressPtr& address) {
  if (const EndpointSetPtr set = state_->endpoints.load()) {
    for (const EndpointPtr& each : set->endpoints) {
      if (*each->address == *address) return each;
    }
  }
  auto endpoint = std::make_shared<Endpoint>(state_->workers(), address);
  if (state_->tell_dialled != nullptr) state_->tell_dialled(endpoint);
  return endpoint;
}

/// Clients choose the addresses: those that nobody uses any more must not pile up.
void Cluster::sweep_dialled() {
  const MonotonicNs now = loop_.now();
  if (now - last_sweep_ < spec().original_dst->cleanup_ms * kNsPerMs) return;
  last_sweep_ = now;
  std::erase_if(leaving_, [](const auto& host) { return host->idle(); });
  for (auto each = dialled_.begin(); each != dialled_.end();) {
    if (std::exchange(each->second.used, false) || !each->second.host->idle()) {
      ++each;
      continue;
    }
    leaving_.push_back(std::move(each->second.host));  // a request that chose it may not have asked for its connection yet
    each = dialled_.erase(each);
  }
}

}  // namespace weir::upstream
