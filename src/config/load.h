// Load: a configuration file becomes a checked message, or a list of errors that say file, line, column and path.
#pragma once

#include <google/protobuf/arena.h>
#include <google/protobuf/message.h>

#include <memory>
#include <string>
#include <vector>

#include "config/decode.h"
#include "config/diagnostic.h"
#include "config/positions.h"
#include "config/schema.h"
#include "config/support.h"

namespace envoy::config::bootstrap::v3 {
class Bootstrap;
}

namespace weir::config {

/// Where a message comes from: a file, text given directly, or both (the text is merged over the file).
struct LoadOptions {
  std::string path;  // "" for none; the extension decides the format
  std::string yaml;  // merged last, by protobuf's rules: lists are appended
  UnknownFields unknown_fields = UnknownFields::kReject;
  const SupportTable* support = nullptr;  // if given, what it does not hold is reported too
};

/// A message with everything that was found while reading it. Its memory goes back when this is destroyed.
template <class M>
struct Loaded {
  std::unique_ptr<google::protobuf::Arena> arena;
  M* message = nullptr;
  Diagnostics diagnostics;
  Positions positions;

  bool ok() const { return !diagnostics.failed(); }
  const M& operator*() const { return *message; }
  const M* operator->() const { return message; }
};

/// Reads, merges, decodes and validates into `message`. All errors are collected.
void load_into(Schema& schema, const LoadOptions& options, google::protobuf::Message& message, Diagnostics& diagnostics,
               Positions& positions);

/// Checks a resource that came as bytes (xDS) as thoroughly as a file: unwraps every TypedStruct in it, then reports
/// unknown fields, violated constraints and, if `support` is given, what Weir does not implement.
void check_resource(Schema& schema, UnknownFields unknown_fields, const SupportTable* support, google::protobuf::Message& message,
                    Diagnostics& diagnostics);

/// An arena that takes its memory in large pieces, so that they go back to the system.
std::unique_ptr<google::protobuf::Arena> make_arena();

/// Loads any message type, for example a DiscoveryResponse named by a path_config_source.
template <class M>
Loaded<M> load(Schema& schema, const LoadOptions& options) {
  Loaded<M> loaded;
  loaded.arena = make_arena();
  loaded.message = google::protobuf::Arena::CreateMessage<M>(loaded.arena.get());
  load_into(schema, options, *loaded.message, loaded.diagnostics, loaded.positions);
  return loaded;
}

/// Loads a bootstrap.
Loaded<envoy::config::bootstrap::v3::Bootstrap> load_bootstrap(Schema& schema, const LoadOptions& options);

}  // namespace weir::config
