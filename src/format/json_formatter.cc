// JsonFormatter: building and evaluating.
#include "format/json_formatter.h"

#include <algorithm>
#include <utility>

#include "base/json_text.h"
#include "format/json_string.h"

namespace weir::format {

namespace {

void append_value(std::string& out, const Value& value) {
  switch (value.kind) {
    case Value::Kind::kMissing:
      out += "null";
      break;
    case Value::Kind::kText:
      append_json_text(out, value.text);
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
  if (std::none_of(out.begin() + static_cast<ptrdiff_t>(start), out.end(), needs_json_care)) {
    out += '"';
    return;
  }
  const std::string text = out.substr(start);
  out.resize(start - 1);
  append_json_text(out, text);
}

}  // namespace

void JsonFormatter::add_string(std::string_view text) { append_json_text(tail_, text); }

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
