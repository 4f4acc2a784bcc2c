// JsonFormatter: building and evaluating.
#include "format/json_formatter.h"

#include <algorithm>
#include <utility>

#include "base/json_text.h"
#include "config/node.h"

namespace weir::format {

namespace {

bool needs_care(unsigned char c) { return c < 0x20 || c == '"' || c == '\\' || c >= 0x80; }

/// What is not UTF-8 is shown byte by byte, as if it were Latin-1, so that the line stays JSON.
void append_bytes(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (needs_care(byte)) {
      (out += "\\u00") += {kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_string(std::string& out, std::string_view text) {
  if (std::none_of(text.begin(), text.end(), needs_care)) {
    ((out += '"') += text) += '"';
  } else if (config::find_invalid_utf8(text) == text.size()) {
    append_json_string(out, text);
  } else {
    append_bytes(out, text);
  }
}

void append_value(std::string& out, const Value& value) {
  switch (value.kind) {
    case Value::Kind::kMissing:
      out += "null";
      break;
    case Value::Kind::kText:
      append_string(out, value.text);
      break;
    case Value::Kind::kJson:
      out += value.text;
      break;
    case Value::Kind::kNumber: {
      char digits[24];
      out.append(digits, std::to_chars(digits, digits + sizeof digits, value.number).ptr);
      break;
    }
  }
}

/// Formats in place, and again elsewhere only if something has to be escaped.
void append_formatted(std::string& out, const Formatter& formatter, const FormatContext& context) {
  out += '"';
  const size_t start = out.size();
  formatter.append(out, context);
  if (std::none_of(out.begin() + static_cast<ptrdiff_t>(start), out.end(), needs_care)) {
    out += '"';
    return;
  }
  const std::string text = out.substr(start);
  out.resize(start - 1);
  append_string(out, text);
}

}  // namespace

void JsonFormatter::add_string(std::string_view text) { append_string(tail_, text); }

Result<> JsonFormatter::add_format(std::string_view format, const FormatterOptions& options) {
  Result<Formatter> compiled = Formatter::compile(format, options);
  if (!compiled) return std::unexpected(compiled.error());
  if (compiled->is_literal()) {
    add_string(compiled->literal_text());
  } else {
    parts_.push_back({std::exchange(tail_, {}), std::move(*compiled)});
  }
  return {};
}

void JsonFormatter::append(std::string& out, const FormatContext& context) const {
  Scratch scratch;
  for (const Part& part : parts_) {
    out += part.before;
    if (const Operator* op = part.value.single_operator()) {
      append_value(out, op->evaluate(context, scratch));
    } else {
      append_formatted(out, part.value, context);
    }
  }
  out += tail_;
}

}  // namespace weir::format
