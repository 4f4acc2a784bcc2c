// set_metadata: notes fixed values in the dynamic metadata of every request.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/arena.h"
#include "filter/catalog.h"
#include "filter/filter.h"
#include "format/dynamic_metadata.h"
#include "stats/cell.h"

namespace weir::filter {

struct SetMetadataSpec {
  struct Note {
    std::string name_space;
    format::MetadataValue value;  // in `memory`
    bool over = false;            // also where there is something already: the two are merged
  };
  Arena memory;
  std::vector<Note> notes;
};

struct SetMetadataStats {
  stats::Counter overwrite_denied;  // there was something already, and it stays
};

/// The counters of the connection manager that `context` is of.
std::shared_ptr<stats::Sharded<SetMetadataStats>> set_metadata_stats(const FilterContext& context);

FilterFactoryPtr make_set_metadata(std::shared_ptr<const SetMetadataSpec> spec,
                                   std::shared_ptr<stats::Sharded<SetMetadataStats>> stats);

/// envoy.extensions.filters.http.set_metadata.v3.Config, see CatalogEntry.
FilterFactoryPtr read_set_metadata(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                   const FilterContext& context, config::Diagnostics& diagnostics);
void declare_set_metadata(config::SupportTable& table);

}  // namespace weir::filter
