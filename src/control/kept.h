// Kept: a piece of configuration as it came, for comparison with what comes next and for /config_dump.
#pragma once

#include <google/protobuf/any.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

#include <string>

#include "base/clock.h"

namespace weir::control {

/// Bytes take a fraction of the memory of the message that they came from.
struct Kept {
  std::string bytes;    // the same for equal messages
  std::string version;  // "" for static configuration
  WallNs updated = 0;
};

inline std::string deterministic_bytes(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

template <class M>
void fill(const Kept& kept, google::protobuf::Any& any, google::protobuf::Timestamp& updated) {
  any.set_type_url("type.googleapis.com/" + M::descriptor()->full_name());
  any.set_value(kept.bytes);
  const WallNs ms = kept.updated / kNsPerMs;  // Envoy shows milliseconds
  updated.set_seconds(ms / 1000);
  updated.set_nanos(static_cast<int32_t>(ms % 1000 * kNsPerMs));
}

}  // namespace weir::control
