// Reading formats: text as it stands, JSON from a Struct.
#include "format/format_config.h"

#include <google/protobuf/struct.pb.h>

#include <map>

#include "base/json_text.h"
#include "config/data_source.h"
#include "envoy/config/core/v3/substitution_format_string.pb.h"
#include "envoy/extensions/formatter/req_without_query/v3/req_without_query.pb.h"

// Deprecated fields are read on purpose: users still have them.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace weir::format {

namespace {

using config::FieldPath;
using envoy::config::core::v3::SubstitutionFormatString;
using google::protobuf::Value;

constexpr size_t kMaxTextSize = 1 << 20;
constexpr char kFormatters[] = "envoy.formatter";

/// Walks a Struct and builds the JSON text from left to right.
class JsonReader {
 public:
  JsonReader(const FormatterOptions& options, config::Diagnostics& diagnostics) : options_(options), diagnostics_(diagnostics) {}

  void object(const google::protobuf::Struct& object, const FieldPath& at) {
    std::map<std::string_view, const google::protobuf::Value*> sorted;  // as Envoy writes them, whatever sort_properties says
    for (const auto& [key, value] : object.fields()) sorted.emplace(key, &value);
    json_.add_text("{");
    bool first = true;
    for (const auto& [key, value] : sorted) {
      if (!std::exchange(first, false)) json_.add_text(",");
      json_.add_string(key);
      json_.add_text(":");
      this->value(*value, FieldPath{&at, key, -1, true});
    }
    json_.add_text("}");
  }

  JsonFormatter take() { return std::move(json_); }
  void end_line() { json_.add_text("\n"); }

 private:
  void value(const google::protobuf::Value& value, const FieldPath& at) {
    switch (value.kind_case()) {
      case Value::kNumberValue: {
        std::string text;
        append_json_number(text, value.number_value());
        json_.add_text(text);
        break;
      }
      case Value::kBoolValue:
        json_.add_text(value.bool_value() ? "true" : "false");
        break;
      case Value::kStringValue:
        if (const Result<> added = json_.add_format(value.string_value(), options_); !added) {
          diagnostics_.error({{}, at.text(), added.error().message, ""});
        }
        break;
      case Value::kStructValue:
        object(value.struct_value(), at);
        break;
      case Value::kListValue:
        list(value.list_value(), at);
        break;
      case Value::kNullValue:
      case Value::KIND_NOT_SET:
        json_.add_text("null");
        break;
    }
  }

  void list(const google::protobuf::ListValue& list, const FieldPath& at) {
    json_.add_text("[");
    for (int i = 0; i < list.values_size(); ++i) {
      if (i != 0) json_.add_text(",");
      value(list.values(i), FieldPath{&at, {}, i});
    }
    json_.add_text("]");
  }

  const FormatterOptions& options_;
  config::Diagnostics& diagnostics_;
  JsonFormatter json_;
};

}  // namespace

std::optional<FormatString> read_format(const SubstitutionFormatString& config, const FieldPath& at,
                                        config::Diagnostics& diagnostics) {
  FormatterOptions options;
  options.omit_empty_values = config.omit_empty_values();
  for (const auto& formatter : config.formatters()) {
    if (formatter.typed_config().Is<envoy::extensions::formatter::req_without_query::v3::ReqWithoutQuery>()) {
      options.operators.req_without_query = true;
    }
  }
  switch (config.format_case()) {
    case SubstitutionFormatString::kTextFormat:
      return read_text_format(config.text_format(), options, FieldPath{&at, "text_format"}, diagnostics);
    case SubstitutionFormatString::kTextFormatSource: {
      const FieldPath source{&at, "text_format_source"};
      const size_t errors = diagnostics.errors().size();
      const std::string text = config::read_data_source(config.text_format_source(), kMaxTextSize, source, diagnostics);
      if (diagnostics.errors().size() != errors) return std::nullopt;
      return read_text_format(text, options, source, diagnostics);
    }
    case SubstitutionFormatString::kJsonFormat:
      return read_json_format(config.json_format(), options, FieldPath{&at, "json_format"}, diagnostics);
    case SubstitutionFormatString::FORMAT_NOT_SET:
      break;
  }
  diagnostics.error({{}, at.text(), "needs one of text_format_source, json_format and text_format", ""});
  return std::nullopt;
}

std::optional<FormatString> read_json_format(const google::protobuf::Struct& config, const FormatterOptions& options,
                                             const FieldPath& at, config::Diagnostics& diagnostics) {
  const size_t errors = diagnostics.errors().size();
  JsonReader reader(options, diagnostics);
  reader.object(config, at);
  reader.end_line();
  if (diagnostics.errors().size() != errors || diagnostics.full()) return std::nullopt;
  return FormatString(reader.take());
}

std::optional<FormatString> read_text_format(std::string_view config, const FormatterOptions& options, const FieldPath& at,
                                             config::Diagnostics& diagnostics) {
  Result<Formatter> formatter = Formatter::compile(config, options);
  if (formatter) return FormatString(std::move(*formatter));
  diagnostics.error({{}, at.text(), formatter.error().message, ""});
  return std::nullopt;
}

void declare_formats(config::SupportTable& table) {
  table.message<SubstitutionFormatString>()
      .fields({"text_format", "json_format", "text_format_source", "omit_empty_values", "content_type", "json_format_options"})
      .extensions("formatters", kFormatters);
  table.message<envoy::config::core::v3::JsonFormatOptions>().all_fields();
  table.message<envoy::config::core::v3::TypedExtensionConfig>().fields({"name", "typed_config"});
  table.message<envoy::config::core::v3::DataSource>().fields(
      {"filename", "inline_bytes", "inline_string", "environment_variable"});
  table.extension<envoy::extensions::formatter::req_without_query::v3::ReqWithoutQuery>(kFormatters,
                                                                                        "envoy.formatter.req_without_query");
}

}  // namespace weir::format
