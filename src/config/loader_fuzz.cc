// No configuration ends the process: bytes are read as YAML, JSON or protobuf, decoded, validated, and looked up again.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "config/load.h"
#include "config/validate.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"

namespace {

using namespace weir::config;
using envoy::config::bootstrap::v3::Bootstrap;

void read_tree(Schema& schema, std::shared_ptr<const Document> document, Diagnostics& diagnostics) {
  if (document == nullptr) return;
  Bootstrap bootstrap;
  decode(schema, *document, document->root, bootstrap, UnknownFields::kReject, diagnostics);
  validate_message(schema, bootstrap, diagnostics);
  Positions positions;
  positions.add(document);
  for (Diagnostic& error : diagnostics.errors()) {
    positions.locate(error);
    (void)error.text();
  }
}

void read_bytes(Schema& schema, const std::string& bytes, Diagnostics& diagnostics) {
  Bootstrap bootstrap;
  if (bootstrap.ParsePartialFromString(bytes)) {
    check_resource(schema, UnknownFields::kReject, nullptr, bootstrap, diagnostics);
  }
}

}  // namespace

// The first byte chooses the format, the rest is the file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Schema schema;
  if (size == 0) return 0;
  Diagnostics diagnostics;
  std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  const ReadLimits limits{.bytes = 1 << 20, .depth = 100, .nodes = 100'000};
  switch (data[0] % 3) {
    case 0:
      read_tree(schema, read_yaml("fuzz", std::move(text), diagnostics, limits), diagnostics);
      break;
    case 1:
      read_tree(schema, read_json("fuzz", std::move(text), diagnostics, limits), diagnostics);
      break;
    case 2:
      read_bytes(schema, text, diagnostics);
      break;
  }
  return 0;
}
