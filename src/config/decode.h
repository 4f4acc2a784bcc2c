// Decode: a tree of Nodes becomes a protobuf message, by the protobuf JSON mapping as Envoy applies it.
#pragma once

#include <google/protobuf/message.h>

#include "config/diagnostic.h"
#include "config/node.h"
#include "config/schema.h"

namespace weir::config {

/// How to treat a field that a message type does not have.
enum class UnknownFields : uint8_t { kReject, kWarn, kIgnore };

/// Reads `node` (of `document`) into `message`, adding to what it holds. Keeps going after an error, so that
/// all errors of a file are found. Field names may be snake_case or lowerCamelCase; an Any is chosen by `@type`;
/// both TypedStruct wrappers are replaced by what they wrap.
void decode(Schema& schema, const Document& document, const Node& node, google::protobuf::Message& message,
            UnknownFields unknown_fields, Diagnostics& diagnostics);

}  // namespace weir::config
