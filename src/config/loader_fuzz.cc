// No configuration ends the process: bytes are read as YAML or JSON, decoded, validated, and looked up again.
#include <cstddef>
#include <cstdint>
#include <string>

#include "config/decode.h"
#include "config/positions.h"
#include "config/validate.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"

// The first byte chooses the format, the rest is the file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir::config;
  static Schema schema;
  if (size == 0) return 0;
  Diagnostics diagnostics;
  std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  const ReadLimits limits{.bytes = 1 << 20, .depth = 100, .nodes = 100'000};
  const std::shared_ptr<Document> document = data[0] % 2 == 0 ? read_yaml("fuzz", std::move(text), diagnostics, limits)
                                                              : read_json("fuzz", std::move(text), diagnostics, limits);
  if (document == nullptr) return 0;
  envoy::config::bootstrap::v3::Bootstrap bootstrap;
  decode(schema, *document, document->root, bootstrap, UnknownFields::kReject, diagnostics);
  validate_message(schema, bootstrap, diagnostics);
  Positions positions;
  positions.add(document);
  for (Diagnostic& error : diagnostics.errors()) {
    positions.locate(error);
    (void)error.text();
  }
  return 0;
}
