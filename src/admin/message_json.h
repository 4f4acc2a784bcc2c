// Protobuf messages as JSON, in the layout that Envoy's admin pages have: snake_case names, one space a level.
#pragma once

#include <google/protobuf/message.h>

#include <string>

#include "config/schema.h"

namespace weir::admin {

struct MessageJsonOptions {
  /// Fields without presence are shown even if they hold their default; so are empty lists and maps.
  bool always_print_primitives = false;
  /// What the API marks as sensitive reads "[redacted]".
  bool redact = false;
};

/// The whole document, with a newline at its end. Any messages are opened with the schema's help.
std::string message_json(const google::protobuf::Message& message, config::Schema& schema, MessageJsonOptions options = {});

}  // namespace weir::admin
