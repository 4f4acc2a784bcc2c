// LbCriteria: what a request wants of the metadata (`envoy.lb`) of the endpoint that it goes to.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "format/dynamic_metadata.h"

namespace weir::format {

/// A google.protobuf.Value as text: equal values have equal texts, whatever their kind.
std::string canonical_value(const MetadataValue& value);

/// The building blocks of such texts.
std::string canonical_null();
std::string canonical_bool(bool value);
std::string canonical_number(double value);
std::string canonical_text(std::string_view value);
std::string canonical_list(const std::vector<std::string>& items);
/// `members` in the order of their names.
std::string canonical_struct(const std::vector<std::pair<std::string, std::string>>& members);

/// Names with the canonical texts of their values, in the order of the names, each name once.
struct LbCriteria {
  using Items = std::vector<std::pair<std::string, std::string>>;
  LbCriteria() = default;
  explicit LbCriteria(Items items) : items(std::move(items)), key(key_of(this->items)) {}

  Items items;
  std::string key;  // stands for all of them
  /// Of the member `fallback_list`, a list of structs: criteria to be tried one after the other in place of their namesakes.
  std::vector<Items> fallbacks;
  bool has_fallbacks = false;

  bool empty() const { return items.empty(); }
  static std::string key_of(const Items& items);
};

/// These criteria, with those of `over` winning.
LbCriteria::Items merged(const LbCriteria::Items& items, const LbCriteria::Items& over);
LbCriteria merged(const LbCriteria& criteria, const LbCriteria& over);
/// What a filter noted for the request (dynamic metadata `envoy.lb`), as criteria.
LbCriteria criteria_of(const MetadataValue& note);

inline constexpr std::string_view kFallbackList = "fallback_list";

}  // namespace weir::format
