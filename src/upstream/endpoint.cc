#include "upstream/endpoint.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace weir::upstream {

const LbField* LbMetadata::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(fields, name, {}, &LbField::name);
  return found != fields.end() && found->name == name ? &*found : nullptr;
}

bool LbMetadata::has_all(const format::LbCriteria::Items& wanted, bool list_as_any) const {
  return std::ranges::all_of(wanted, [&](const auto& want) {
    const LbField* field = find(want.first);
    if (field == nullptr) return false;
    if (list_as_any && field->is_list) return std::ranges::find(field->items, want.second) != field->items.end();
    return field->value == want.second;
  });
}

namespace {

template <class Pointer>
bool same_metadata(const Pointer& a, const Pointer& b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

bool same_address(const net::AddressPtr& a, const net::AddressPtr& b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

/// Whether it is the same endpoint, however it is described: its connections and what is known of it stay.
bool lives_on(const Endpoint& have, const EndpointSpec& want, const LocalityEndpoints& place) {
  const auto equal = [](const net::AddressPtr& a, const net::AddressPtr& b) { return *a == *b; };
  return have.locality == place.locality && std::ranges::equal(have.additional_addresses, want.additional_addresses, equal) &&
         same_address(have.check_address, want.check_address) && have.transport_match == want.transport_match;
}

bool same(const Endpoint& have, const EndpointSpec& want, const LocalityEndpoints& place) {
  return have.hostname == want.hostname && have.name == want.name && have.weight == want.weight && have.health == want.health &&
         have.canary == want.canary && have.no_active_check == want.no_active_check &&
         have.check_hostname == want.check_hostname && same_metadata(have.lb_metadata, want.lb_metadata) &&
         have.priority == place.priority && format::same(have.metadata.get(), want.metadata.get());
}

/// What endpoints are told apart by: their addresses, or the names that requests ask for.
std::string_view identity(const std::string& name, const net::AddressPtr& address) {
  return name.empty() ? std::string_view(address->text()) : std::string_view(name);
}

/// The endpoints that there were, for whoever comes in about the same order again: only those that are out of it are looked up.
class Known {
 public:
  explicit Known(const EndpointSet* set) : set_(set) {}

  /// Among those that come next; null if it may be elsewhere.
  const EndpointPtr* find_next(std::string_view wanted) {
    constexpr size_t kNear = 16;
    if (set_ == nullptr) return nullptr;
    const std::vector<EndpointPtr>& all = set_->endpoints;
    const size_t end = std::min(all.size(), next_ + kNear);
    for (size_t i = next_; i < end; ++i) {
      if (identity(all[i]->name, all[i]->address) != wanted) continue;
      while (next_ < i) passed_.push_back(next_++);
      return &all[next_++];
    }
    return nullptr;
  }

  /// Among those that were passed over; not to be mixed with the other.
  const EndpointPtr* find_elsewhere(std::string_view wanted) {
    if (set_ == nullptr) return nullptr;
    while (next_ < set_->endpoints.size()) passed_.push_back(next_++);
    for (const size_t i : std::exchange(passed_, {})) {
      index_.emplace(identity(set_->endpoints[i]->name, set_->endpoints[i]->address), i);
    }
    const auto found = index_.find(wanted);
    return found == index_.end() ? nullptr : &set_->endpoints[found->second];
  }

 private:
  const EndpointSet* const set_;
  size_t next_ = 0;
  std::vector<size_t> passed_;
  std::unordered_map<std::string_view, size_t> index_;  // of those
};

std::shared_ptr<Endpoint> describe(std::shared_ptr<EndpointLife> life, const EndpointSpec& spec, const LocalityEndpoints& place) {
  auto endpoint = std::make_shared<Endpoint>(std::move(life), spec.address);
  endpoint->additional_addresses = spec.additional_addresses;
  endpoint->hostname = spec.hostname;
  endpoint->name = spec.name;
  endpoint->locality = place.locality;
  endpoint->priority = place.priority;
  endpoint->weight = spec.weight;
  endpoint->health = spec.health;
  endpoint->canary = spec.canary;
  endpoint->no_active_check = spec.no_active_check;
  endpoint->check_address = spec.check_address;
  endpoint->check_hostname = spec.check_hostname;
  endpoint->transport_match = spec.transport_match;
  endpoint->lb_metadata = spec.lb_metadata;
  endpoint->metadata = spec.metadata;
  return endpoint;
}

}  // namespace

std::shared_ptr<EndpointSet> make_endpoint_set(const Assignment& assignment, size_t workers, const EndpointSet* previous) {
  Known known(previous);
  auto set = std::make_shared<EndpointSet>();
  set->overprovisioning_factor = assignment.overprovisioning_factor;
  set->weighted_priority_health = assignment.weighted_priority_health;
  set->drop_share = assignment.drop_share;
  set->drop_category = assignment.drop_category;
  struct Missing {
    size_t at;  // in the set
    const EndpointSpec& spec;
    const LocalityEndpoints& place;
  };
  std::vector<Missing> missing;
  const auto goes_on = [&](const EndpointPtr& before, const EndpointSpec& spec, const LocalityEndpoints& place) -> EndpointPtr {
    if (!(*before->address == *spec.address) || !lives_on(*before, spec, place)) return nullptr;
    return same(*before, spec, place) ? before : describe(before->life, spec, place);
  };
  for (const LocalityEndpoints& place : assignment.localities) {
    if (place.weight != 0 && place.has_locality) set->locality_weights.push_back({place.locality, place.priority, place.weight});
    for (const EndpointSpec& spec : place.endpoints) {
      if (spec.address == nullptr) continue;  // a name that has not been resolved
      const EndpointPtr* before = known.find_next(identity(spec.name, spec.address));
      EndpointPtr endpoint = before != nullptr ? goes_on(*before, spec, place) : nullptr;
      if (endpoint == nullptr) missing.push_back({set->endpoints.size(), spec, place});
      set->endpoints.push_back(std::move(endpoint));
    }
  }
  for (const auto& [at, spec, place] : missing) {
    const EndpointPtr* before = known.find_elsewhere(identity(spec.name, spec.address));
    EndpointPtr& endpoint = set->endpoints[at];
    if (before != nullptr) endpoint = goes_on(*before, spec, place);
    if (endpoint != nullptr) continue;
    std::shared_ptr<Endpoint> fresh = describe(std::make_shared<EndpointLife>(workers), spec, place);
    fresh->healthy_since = monotonic_now();
    endpoint = std::move(fresh);
  }
  return set;
}

}  // namespace weir::upstream
