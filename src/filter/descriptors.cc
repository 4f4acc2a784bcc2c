#include "filter/descriptors.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "net/address.h"

namespace weir::filter {

namespace {

using format::MetadataValue;
using route::RateLimitAction;

/// "10.1.0.0/16"; "" if the address is none of IP.
std::string_view masked(const net::Address& address, const RateLimitAction& action, Arena& arena) {
  if (!address.is_ip()) return {};
  const int length = address.family() == AF_INET ? action.v4_prefix_length : action.v6_prefix_length;
  const auto range = net::Cidr::make(address.ip(), length);
  if (!range) return {};
  return arena.join(arena.copy(range->network().ip()), "/", arena.decimal(length));
}

const MetadataValue* noted(const Exchange& exchange, const route::MetadataKey& key) {
  return key.path.empty() ? nullptr : exchange.info.metadata.find(key.filter, key.path);
}

/// What the configuration notes on the route.
const MetadataValue* noted_on_route(const Exchange& exchange, const route::MetadataKey& key) {
  const format::StaticMetadata* notes = exchange.info.route_metadata;
  if (notes == nullptr || key.path.empty()) return nullptr;
  const std::vector<std::string_view> path(key.path.begin(), key.path.end());
  return notes->find(key.filter, path);
}

/// Whether the descriptor goes on; an entry without a key is left out.
bool run(const RateLimitAction& action, const DescriptorRules& rules, Exchange& exchange, Descriptor::Entry& entry) {
  using Kind = RateLimitAction::Kind;
  const auto key_or = [&](std::string_view usual) { return action.key.empty() ? usual : std::string_view(action.key); };
  switch (action.kind) {
    case Kind::kSourceCluster:
      entry = {"source_cluster", rules.service_cluster};
      return true;
    case Kind::kDestinationCluster:
      entry = {"destination_cluster", exchange.cluster_name};
      return true;
    case Kind::kRequestHeader: {
      const std::string_view value = http::joined_value(exchange.request, action.header);
      if (value.data() == nullptr) return action.skip_if_absent;
      if (!value.empty()) entry = {action.key, value};
      return true;
    }
    case Kind::kQueryParameter: {
      const auto value = route::query_value(exchange.request.path(), action.name);
      if (!value) return action.skip_if_absent;
      if (!value->empty()) entry = {action.key, *value};
      return true;
    }
    case Kind::kRemoteAddress: {
      const net::Address& client = *exchange.info.client();
      if (!client.is_ip()) return false;
      entry = {"remote_address", client.ip()};
      return true;
    }
    case Kind::kMaskedRemoteAddress: {
      const std::string_view range = masked(*exchange.info.client(), action, exchange.arena);
      if (range.empty()) return false;
      entry = {"masked_remote_address", range};
      return true;
    }
    case Kind::kGenericKey:
      entry = {key_or("generic_key"), action.value};
      return true;
    case Kind::kHeaderValueMatch: {
      const bool match =
          std::ranges::all_of(action.headers, [&](const auto& matcher) { return matcher.matches(exchange.request); });
      if (match != action.expect_match) return false;
      entry = {key_or("header_match"), action.value};
      return true;
    }
    case Kind::kQueryParameterMatch: {
      const bool match = std::ranges::all_of(action.query_parameters,
                                             [&](const auto& matcher) { return matcher.matches(exchange.request.path()); });
      if (match != action.expect_match) return false;
      entry = {key_or("query_match"), action.value};
      return true;
    }
    case Kind::kMetadata: {
      const MetadataValue* value =
          action.from_route ? noted_on_route(exchange, action.metadata) : noted(exchange, action.metadata);
      const std::string_view text = value != nullptr && value->kind == MetadataValue::Kind::kText ? value->text : "";
      if (!text.empty()) {
        entry = {action.key, text};
        return true;
      }
      if (!action.value.empty()) {
        entry = {action.key, action.value};
        return true;
      }
      return action.skip_if_absent;
    }
  }
  return false;
}

/// {requests_per_unit: 42, unit: HOUR}
std::optional<Descriptor::Override> limit_in(const MetadataValue& from) {
  static constexpr std::string_view kUnits[] = {"UNKNOWN", "SECOND", "MINUTE", "HOUR", "DAY", "MONTH", "YEAR"};
  const MetadataValue* number = from.find("requests_per_unit");
  const MetadataValue* unit = from.find("unit");
  if (number == nullptr || unit == nullptr || number->kind != MetadataValue::Kind::kNumber) return std::nullopt;
  const auto found = std::ranges::find(kUnits, unit->text);
  if (found == std::end(kUnits) || !(number->number >= 0) || number->number > UINT32_MAX) return std::nullopt;
  return Descriptor::Override{static_cast<uint32_t>(number->number), static_cast<uint32_t>(found - kUnits)};
}

std::optional<uint64_t> hits_of(const route::RateLimit& limit, Exchange& exchange) {
  if (limit.hits) return limit.hits;
  if (!limit.hits_format) return std::nullopt;
  return parse_number<uint64_t>(limit.hits_format->evaluate(exchange.arena, exchange.format_context()));
}

}  // namespace

void add_descriptors(std::span<const route::RateLimit> limits, const DescriptorRules& rules, Exchange& exchange,
                     std::vector<Descriptor>& result) {
  for (const route::RateLimit& limit : limits) {
    if ((limit.stage && *limit.stage != rules.stage) || limit.applies_when_stream_is_done != rules.on_done) continue;
    if (!limit.disable_key.empty()) {
      if (!rules.runtime_may_disable || !limit.enabled.holds(exchange.random.next(), {100, 100})) continue;
    }
    auto* entries = exchange.arena.allocate_array<Descriptor::Entry>(limit.actions.size());
    size_t count = 0;
    const bool whole = std::ranges::all_of(limit.actions, [&](const RateLimitAction& action) {
      Descriptor::Entry entry;
      if (!run(action, rules, exchange, entry)) return false;
      if (!entry.key.empty()) entries[count++] = entry;
      return true;
    });
    if (!whole) continue;
    Descriptor& made = result.emplace_back();
    made.entries = {entries, count};
    made.hits = hits_of(limit, exchange);
    if (limit.limit) {
      if (const MetadataValue* value = noted(exchange, *limit.limit)) made.limit = limit_in(*value);
    }
  }
}

void add_route_descriptors(VirtualHostLimits from_host, const DescriptorRules& rules, Exchange& exchange,
                           std::vector<Descriptor>& result) {
  const route::Forward* forward = exchange.route == nullptr ? nullptr : exchange.route->forward();
  if (forward == nullptr || exchange.virtual_host == nullptr) return;
  add_descriptors(forward->rate_limits, rules, exchange, result);
  if (forward->include_vh_rate_limits) from_host = VirtualHostLimits::kToo;
  const bool too =
      from_host == VirtualHostLimits::kToo || (from_host == VirtualHostLimits::kIfRouteHasNone && forward->rate_limits.empty());
  if (too) add_descriptors(exchange.virtual_host->rate_limits, rules, exchange, result);
}

}  // namespace weir::filter
