// Validate: the constraints that Envoy's .proto files state as `validate.rules`, checked by reflection.
#pragma once

#include <google/protobuf/message.h>

#include "config/diagnostic.h"
#include "config/schema.h"

namespace weir::config {

/// Reports every violated constraint in `message` and below it, also inside Any, as an error with its field path,
/// and every deprecated field that is set as a warning, once a field.
void validate_message(Schema& schema, const google::protobuf::Message& message, Diagnostics& diagnostics);

}  // namespace weir::config
