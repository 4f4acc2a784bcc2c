// FieldPath: where a walk over a message or a tree stands; written out only when there is something to report.
#pragma once

#include <string>
#include <string_view>

namespace weir::config {

/// One step of a path; steps live on the stack and know their parent. A step names a field, an item or a map key.
struct FieldPath {
  const FieldPath* parent = nullptr;
  std::string_view field;  // a field, or a map key if `is_key`
  int index = -1;          // of an item; `field` is then empty
  bool is_key = false;

  /// `clusters[0].typed_extension_protocol_options["name"].foo`
  std::string text() const {
    std::string result = parent != nullptr ? parent->text() : "";
    if (index >= 0) return result + "[" + std::to_string(index) + "]";
    if (is_key) return result + "[\"" + std::string(field) + "\"]";
    if (field.empty()) return result;
    if (!result.empty()) result += '.';
    return result += field;
  }
};

}  // namespace weir::config
