// Unwrap: what a message that came as bytes needs to be like one that was decoded from text.
#pragma once

#include <google/protobuf/message.h>

#include "config/decode.h"
#include "config/diagnostic.h"
#include "config/schema.h"

namespace weir::config {

/// Any in Any in Any … is followed this far.
inline constexpr int kMostNestedAnys = 16;

/// Replaces every TypedStruct in an Any, at any depth, by the message that it wraps, and reports fields that the
/// message types do not have.
void unwrap(Schema& schema, google::protobuf::Message& message, UnknownFields unknown_fields, Diagnostics& diagnostics);

}  // namespace weir::config
