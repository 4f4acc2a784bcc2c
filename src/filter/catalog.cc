// The visible list of filters: one line each.
#include "filter/catalog.h"

#include "filter/header_mutation.h"

namespace weir::filter {

namespace {

constexpr CatalogEntry kCatalog[] = {
    {"envoy.filters.http.header_mutation", "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
     read_header_mutation, "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
     read_header_mutation_settings, declare_header_mutation},
};

}  // namespace

std::span<const CatalogEntry> catalog() { return kCatalog; }

const CatalogEntry* find_filter(std::string_view type) {
  type = config::type_name(type);
  for (const CatalogEntry& entry : kCatalog) {
    if (entry.type == type) return &entry;
  }
  return nullptr;
}

void declare_filters(config::SupportTable& table) {
  for (const CatalogEntry& entry : kCatalog) entry.declare(table);
}

}  // namespace weir::filter
