#include "admin/message_json.h"

#include <google/protobuf/arena.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "base/json_text.h"
#include "base/number_text.h"

namespace weir::admin {

namespace {

namespace pb = google::protobuf;

constexpr int kMaxDepth = 200;
constexpr int kSensitiveOption = 76569463;  // udpa.annotations.sensitive
constexpr std::string_view kRedacted = "[redacted]";

bool is_sensitive(const pb::FieldDescriptor& field) {
  const pb::FieldOptions& options = field.options();
  std::vector<const pb::FieldDescriptor*> set;
  options.GetReflection()->ListFields(options, &set);
  for (const pb::FieldDescriptor* option : set) {
    if (option->number() == kSensitiveOption) return true;
  }
  const pb::UnknownFieldSet& unknown = options.GetReflection()->GetUnknownFields(options);
  for (int i = 0; i < unknown.field_count(); ++i) {
    if (unknown.field(i).number() == kSensitiveOption) return true;
  }
  return false;
}

/// As append_json_string, and < and > escaped as protobuf's own printer does.
void append_text(std::string& out, std::string_view text) {
  const size_t from = out.size();
  append_json_string(out, text);
  for (size_t i = from; i < out.size(); ++i) {
    if (out[i] == '<' || out[i] == '>') out.replace(i, 1, out[i] == '<' ? "\\u003c" : "\\u003e");
  }
}

void append_base64(std::string& out, std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  out += '"';
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](size_t at) { return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0u; };
    const uint32_t three = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out += kDigits[three >> 18];
    out += kDigits[three >> 12 & 63];
    out += i + 1 < bytes.size() ? kDigits[three >> 6 & 63] : '=';
    out += i + 2 < bytes.size() ? kDigits[three & 63] : '=';
  }
  out += '"';
}

/// Nothing, or 3, 6 or 9 digits after the point.
void append_nanos(std::string& out, int32_t nanos) {
  if (nanos == 0) return;
  char digits[16];
  snprintf(digits, sizeof digits, ".%09d", nanos);
  out.append(digits, nanos % 1'000'000 == 0 ? 4 : nanos % 1'000 == 0 ? 7 : 10);
}

class Printer {
 public:
  Printer(std::string& out, config::Schema& schema, MessageJsonOptions options) : out_(out), schema_(schema), options_(options) {}

  void message(const pb::Message& message, int depth, bool hide) {
    const pb::Descriptor& type = *message.GetDescriptor();
    if (depth > kMaxDepth) {
      out_ += "{}";
    } else if (!well_known(message, type, depth, hide)) {
      Members members(*this, depth);
      fields(message, members, depth, hide);
    }
  }

 private:
  /// The braces (or brackets), commas and line starts of one object (or list).
  class Members {
   public:
    Members(Printer& printer, int depth, char open = '{') : printer_(printer), depth_(depth), close_(open == '{' ? '}' : ']') {
      printer_.out_ += open;
    }
    ~Members() {
      if (any_) new_line(depth_);
      printer_.out_ += close_;
    }
    void next() {
      if (std::exchange(any_, true)) printer_.out_ += ',';
      new_line(depth_ + 1);
    }
    void next(std::string_view name) {
      next();
      append_text(printer_.out_, name);
      printer_.out_ += ": ";
    }

   private:
    void new_line(int depth) { (printer_.out_ += '\n').append(static_cast<size_t>(depth), ' '); }
    Printer& printer_;
    int depth_;
    char close_;
    bool any_ = false;
  };

  void fields(const pb::Message& message, Members& members, int depth, bool hide) {
    const pb::Reflection& reflection = *message.GetReflection();
    std::vector<const pb::FieldDescriptor*> set;
    if (options_.always_print_primitives) {
      for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
        const pb::FieldDescriptor* field = message.GetDescriptor()->field(i);
        const bool shown = field->is_repeated() || reflection.HasField(message, field) || !field->has_presence();
        if (shown) set.push_back(field);
      }
      std::sort(set.begin(), set.end(), [](auto* a, auto* b) { return a->number() < b->number(); });
    } else {
      reflection.ListFields(message, &set);
    }
    for (const pb::FieldDescriptor* field : set) {
      const bool hidden = options_.redact && (hide || is_sensitive(*field));
      if (hidden && !can_be_redacted(*field)) continue;
      members.next(field->name());
      if (field->is_map()) {
        map(message, *field, depth + 1, hidden);
      } else if (field->is_repeated()) {
        Members items(*this, depth + 1, '[');
        for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
          items.next();
          value(message, *field, i, depth + 2, hidden);
        }
      } else {
        value(message, *field, -1, depth + 1, hidden);
      }
    }
  }

  /// Of sensitive values only texts, bytes and what is inside messages have a place for the word; others are left out.
  static bool can_be_redacted(const pb::FieldDescriptor& field) {
    return field.cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING || field.cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE;
  }

  void map(const pb::Message& message, const pb::FieldDescriptor& field, int depth, bool hide) {
    const pb::FieldDescriptor& key = *field.message_type()->map_key();
    const pb::FieldDescriptor& value_field = *field.message_type()->map_value();
    Members members(*this, depth);
    const pb::Reflection& reflection = *message.GetReflection();
    std::vector<std::pair<std::string, const pb::Message*>> entries;
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      const pb::Message& entry = reflection.GetRepeatedMessage(message, &field, i);
      std::string name;
      Printer(name, schema_, options_).value(entry, key, -1, depth, false);
      if (name.starts_with('"')) name = entry.GetReflection()->GetString(entry, &key);
      entries.emplace_back(std::move(name), &entry);
    }
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [name, entry] : entries) {
      members.next(name);
      value(*entry, value_field, -1, depth + 1, hide);
    }
  }

  /// The field, or item `index` of a list.
  void value(const pb::Message& message, const pb::FieldDescriptor& field, int index, int depth, bool hide) {
    const pb::Reflection& reflection = *message.GetReflection();
    const auto get = [&](auto single, auto repeated) {
      return index < 0 ? (reflection.*single)(message, &field) : (reflection.*repeated)(message, &field, index);
    };
    using R = pb::Reflection;
    switch (field.cpp_type()) {
      case pb::FieldDescriptor::CPPTYPE_INT32:
        out_ += std::to_string(get(&R::GetInt32, &R::GetRepeatedInt32));
        break;
      case pb::FieldDescriptor::CPPTYPE_UINT32:
        out_ += std::to_string(get(&R::GetUInt32, &R::GetRepeatedUInt32));
        break;
      case pb::FieldDescriptor::CPPTYPE_INT64:
        quoted(std::to_string(get(&R::GetInt64, &R::GetRepeatedInt64)));
        break;
      case pb::FieldDescriptor::CPPTYPE_UINT64:
        quoted(std::to_string(get(&R::GetUInt64, &R::GetRepeatedUInt64)));
        break;
      case pb::FieldDescriptor::CPPTYPE_DOUBLE:
        number(get(&R::GetDouble, &R::GetRepeatedDouble));
        break;
      case pb::FieldDescriptor::CPPTYPE_FLOAT:
        small_number(get(&R::GetFloat, &R::GetRepeatedFloat));
        break;
      case pb::FieldDescriptor::CPPTYPE_BOOL:
        out_ += get(&R::GetBool, &R::GetRepeatedBool) ? "true" : "false";
        break;
      case pb::FieldDescriptor::CPPTYPE_ENUM: {
        const int number = get(&R::GetEnumValue, &R::GetRepeatedEnumValue);
        const pb::EnumValueDescriptor* name = field.enum_type()->FindValueByNumber(number);
        if (field.enum_type()->full_name() == "google.protobuf.NullValue") {
          out_ += "null";
        } else if (name != nullptr) {
          append_text(out_, name->name());
        } else {
          out_ += std::to_string(number);
        }
        break;
      }
      case pb::FieldDescriptor::CPPTYPE_STRING: {
        const std::string text = hide ? std::string(kRedacted) : get(&R::GetString, &R::GetRepeatedString);
        if (field.type() == pb::FieldDescriptor::TYPE_BYTES) {
          append_base64(out_, text);
        } else {
          append_text(out_, text);
        }
        break;
      }
      case pb::FieldDescriptor::CPPTYPE_MESSAGE:
        this->message(index < 0 ? reflection.GetMessage(message, &field) : reflection.GetRepeatedMessage(message, &field, index),
                      depth, hide);
        break;
    }
  }

  void quoted(const std::string& digits) { ((out_ += '"') += digits) += '"'; }

  void number(double value) {
    if (std::isfinite(value)) {
      append_shortest(out_, value);
    } else {
      out_ += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    }
  }
  void small_number(float value) {
    if (!std::isfinite(value)) return number(value);
    char text[32];
    out_.append(text, std::to_chars(text, text + sizeof text, value).ptr);
  }

  /// Prints messages that have a JSON form of their own; false for all others.
  bool well_known(const pb::Message& message, const pb::Descriptor& type, int depth, bool hide) {
    if (type.file()->package() != "google.protobuf") return false;
    const std::string& name = type.name();
    if (name == "Any") {
      any(message, depth, hide);
    } else if (name == "Duration" || name == "Timestamp") {
      time(message, type, name == "Timestamp");
    } else if (name == "Struct") {
      map(message, *type.field(0), depth, hide);
    } else if (name == "ListValue") {
      Members items(*this, depth, '[');
      for (int i = 0; i < message.GetReflection()->FieldSize(message, type.field(0)); ++i) {
        items.next();
        value(message, *type.field(0), i, depth + 1, hide);
      }
    } else if (name == "Value") {
      std::vector<const pb::FieldDescriptor*> set;
      message.GetReflection()->ListFields(message, &set);
      if (set.empty()) {
        out_ += "null";
      } else {
        value(message, *set[0], -1, depth, hide);
      }
    } else if (name.ends_with("Value") && type.field_count() == 1 && name != "NullValue") {  // BoolValue, UInt32Value …
      value(message, *type.field(0), -1, depth, hide);
    } else if (name == "FieldMask") {
      std::string paths;
      for (int i = 0; i < message.GetReflection()->FieldSize(message, type.field(0)); ++i) {
        if (i != 0) paths += ',';
        paths += message.GetReflection()->GetRepeatedString(message, type.field(0), i);
      }
      append_text(out_, paths);
    } else {
      return false;
    }
    return true;
  }

  void any(const pb::Message& message, int depth, bool hide) {
    Members members(*this, depth);
    const std::string url = config::any_type_url(message);
    if (url.empty()) return;
    members.next("@type");
    append_text(out_, url);
    const pb::Message* inner = schema_.unpack(message, arena_);
    if (inner == nullptr) {  // nothing is known about it but its bytes
      members.next("value");
      const pb::FieldDescriptor* bytes = message.GetDescriptor()->FindFieldByNumber(2);
      append_base64(out_, hide ? std::string(kRedacted) : message.GetReflection()->GetString(message, bytes));
    } else if (inner->GetDescriptor()->file()->package() == "google.protobuf" && inner->GetDescriptor()->name() != "Empty") {
      members.next("value");
      this->message(*inner, depth + 1, hide);
    } else {
      fields(*inner, members, depth, hide);
    }
  }

  void time(const pb::Message& message, const pb::Descriptor& type, bool of_day) {
    const int64_t seconds = message.GetReflection()->GetInt64(message, type.FindFieldByNumber(1));
    const int32_t nanos = message.GetReflection()->GetInt32(message, type.FindFieldByNumber(2));
    out_ += '"';
    if (of_day) {
      const time_t when = seconds;
      tm utc{};
      gmtime_r(&when, &utc);
      char text[32];
      out_.append(text, strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc));
      append_nanos(out_, nanos);
      out_ += 'Z';
    } else {
      if (seconds < 0 || nanos < 0) out_ += '-';
      out_ += std::to_string(std::abs(seconds));
      append_nanos(out_, std::abs(nanos));
      out_ += 's';
    }
    out_ += '"';
  }

  std::string& out_;
  config::Schema& schema_;
  const MessageJsonOptions options_;
  pb::Arena arena_;  // of opened Any messages
};

}  // namespace

std::string message_json(const pb::Message& message, config::Schema& schema, MessageJsonOptions options) {
  std::string out;
  Printer(out, schema, options).message(message, 0, false);
  return out += '\n';
}

}  // namespace weir::admin
