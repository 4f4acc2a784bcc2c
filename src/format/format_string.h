// FormatString: a format as users give it, text or JSON (envoy.config.core.v3.SubstitutionFormatString).
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "format/formatter.h"
#include "format/json_formatter.h"

namespace weir::format {

/// Immutable; safe for all threads.
class FormatString {
 public:
  explicit FormatString(Formatter text) : format_(std::move(text)) {}
  /// Each text ends with a line break.
  explicit FormatString(JsonFormatter json) : format_(std::move(json)) {}

  void append(std::string& out, const FormatContext& context) const {
    if (const Formatter* text = std::get_if<Formatter>(&format_)) return text->append(out, context);
    std::get<JsonFormatter>(format_).append(out, context);
  }
  bool is_json() const { return std::holds_alternative<JsonFormatter>(format_); }

 private:
  std::variant<Formatter, JsonFormatter> format_;
};

}  // namespace weir::format
