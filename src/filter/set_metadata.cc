#include "filter/set_metadata.h"

#include <algorithm>
#include <optional>

#include "stats/table.h"

namespace weir::filter {

namespace {

using format::MetadataValue;
using Kind = MetadataValue::Kind;

/// Structs are merged, lists are joined, everything else is replaced.
MetadataValue merged(const MetadataValue& old, const MetadataValue& with, Arena& arena) {
  if (old.kind != with.kind || (with.kind != Kind::kStruct && with.kind != Kind::kList)) return with;
  auto* items = arena.allocate_array<MetadataValue>(old.items.size() + with.items.size());
  size_t count = static_cast<size_t>(std::ranges::copy(old.items, items).out - items);
  MetadataValue result = with;
  if (with.kind == Kind::kList) {
    for (const MetadataValue& item : with.items) items[count++] = item;
    result.items = {items, count};
    return result;
  }
  auto* keys = arena.allocate_array<std::string_view>(old.items.size() + with.items.size());
  std::ranges::copy(old.keys, keys);
  for (size_t i = 0; i < with.items.size(); ++i) {
    const auto place = std::ranges::lower_bound(keys, keys + count, with.keys[i]) - keys;  // names are sorted
    if (static_cast<size_t>(place) < count && keys[place] == with.keys[i]) {
      items[place] = merged(items[place], with.items[i], arena);
      continue;
    }
    std::copy_backward(keys + place, keys + count, keys + count + 1);
    std::copy_backward(items + place, items + count, items + count + 1);
    keys[place] = with.keys[i];
    items[place] = with.items[i];
    ++count;
  }
  result.items = {items, count};
  result.keys = {keys, count};
  return result;
}

/// Members of `with` take the place of those of `old`.
MetadataValue replaced(const MetadataValue& old, const MetadataValue& with, Arena& arena) {
  auto* items = arena.allocate_array<MetadataValue>(old.items.size());
  auto* keys = arena.allocate_array<std::string_view>(old.items.size());
  size_t count = 0;
  for (size_t i = 0; i < old.items.size(); ++i) {
    if (std::ranges::find(with.keys, old.keys[i]) != with.keys.end()) continue;
    keys[count] = old.keys[i];
    items[count++] = old.items[i];
  }
  MetadataValue rest = old;
  rest.items = {items, count};
  rest.keys = {keys, count};
  return merged(rest, with, arena);
}

constexpr auto kStats = stats::table<SetMetadataStats>({{"overwrite_denied", &SetMetadataStats::overwrite_denied}});

class SetMetadata final : public Filter {
 public:
  SetMetadata(const SetMetadataSpec& spec, SetMetadataStats& stats) : spec_(spec), stats_(stats) {}

  Verdict on_request(Exchange& exchange) override {
    for (const SetMetadataSpec::Note& note : spec_.notes) {
      const std::optional<MetadataValue> known = all_of(note.name_space, exchange);
      if (known && !note.over) {
        stats_.overwrite_denied.add();
        continue;
      }
      exchange.info.metadata.add(exchange.arena, note.name_space,
                                 known ? merged(*known, note.value, exchange.arena) : note.value);
    }
    return Verdict::proceed();
  }

 private:
  /// What was noted there so far, the older notes below the newer ones.
  static std::optional<MetadataValue> all_of(std::string_view name_space, const Exchange& exchange) {
    std::optional<MetadataValue> result;
    exchange.info.metadata.for_each(name_space, [&](const MetadataValue& note) {
      if (!result) {
        result = note;
        return;
      }
      result = replaced(note, *result, exchange.arena);
    });
    return result;
  }

  const SetMetadataSpec& spec_;
  SetMetadataStats& stats_;
};

class SetMetadataFactory final : public FilterFactory {
 public:
  SetMetadataFactory(std::shared_ptr<const SetMetadataSpec> spec, std::shared_ptr<stats::Sharded<SetMetadataStats>> stats)
      : spec_(std::move(spec)), stats_(std::move(stats)) {}
  Filter* make(Exchange& exchange, const RouteSettings&) const override {
    return make_in<SetMetadata>(exchange.arena, *spec_, stats_->mine(exchange.worker));
  }

 private:
  const std::shared_ptr<const SetMetadataSpec> spec_;
  const std::shared_ptr<stats::Sharded<SetMetadataStats>> stats_;
};

}  // namespace

std::shared_ptr<stats::Sharded<SetMetadataStats>> set_metadata_stats(const FilterContext& context) {
  return context.stats.find<SetMetadataStats>(
      context.stat_prefix + "set_metadata.",
      [](stats::StatVisitor& visitor, stats::Sharded<SetMetadataStats>& cells) { stats::visit(visitor, kStats, cells); });
}

FilterFactoryPtr make_set_metadata(std::shared_ptr<const SetMetadataSpec> spec,
                                   std::shared_ptr<stats::Sharded<SetMetadataStats>> stats) {
  return std::make_shared<const SetMetadataFactory>(std::move(spec), std::move(stats));
}

}  // namespace weir::filter
