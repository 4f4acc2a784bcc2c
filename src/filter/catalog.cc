// The visible list of filters: one line each.
#include "filter/catalog.h"

#include "filter/header_mutation.h"

namespace weir::filter {

namespace {

constexpr CatalogEntry kCatalog[] = {
    {"envoy.filters.http.header_mutation", "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
     read_header_mutation, declare_header_mutation},
};

}  // namespace

std::span<const CatalogEntry> catalog() { return kCatalog; }

const CatalogEntry* find_filter(std::string_view type) {
  if (const size_t slash = type.rfind('/'); slash != std::string_view::npos) type.remove_prefix(slash + 1);
  for (const CatalogEntry& entry : kCatalog) {
    if (entry.type == type) return &entry;
  }
  return nullptr;
}

void declare_filters(config::SupportTable& table) {
  for (const CatalogEntry& entry : kCatalog) entry.declare(table);
}

}  // namespace weir::filter
