// Positions: from a field path back to the place in the file where it was written.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "config/node.h"

namespace weir::config {

/// The documents that were merged into one message, in that order. Look-ups walk the trees; nothing is prepared.
class Positions {
 public:
  void add(std::shared_ptr<const Document> document) { documents_.push_back(std::move(document)); }

  /// Where `path` (such as `static_resources.listeners[0].filter_chains[1].name`) was written, or the nearest thing
  /// around it that was. Steps into an Any or a TypedStruct need no `value` of their own.
  Position find(std::string_view path) const;

  /// Gives a diagnostic that knows only its path the place that belongs to it.
  void locate(Diagnostic& diagnostic) const;

 private:
  std::vector<std::shared_ptr<const Document>> documents_;
};

}  // namespace weir::config
