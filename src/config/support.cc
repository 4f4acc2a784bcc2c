// SupportTable: declarations, and the walk that holds a configuration against them.
#include "config/support.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <set>

#include "base/check.h"
#include "config/path.h"
#include "config/rules.h"
#include "config/unwrap.h"

namespace weir::config {

namespace pb = google::protobuf;
using pb::FieldDescriptor;

namespace {

[[noreturn]] void wrong_name(const pb::Descriptor& type, std::string_view name) {
  std::fprintf(stderr, "%s has no field or value %.*s\n", type.full_name().c_str(), static_cast<int>(name.size()), name.data());
  check_failed("a name in the support table exists", __FILE__, __LINE__);
}

constexpr char kNotYet[] = "known to Envoy, but Weir does not implement it yet";

}  // namespace

MessageSupport::MessageSupport(const pb::Descriptor& type) : type_(type), fields_(static_cast<size_t>(type.field_count())) {}

MessageSupport::Field& MessageSupport::field(std::string_view name) {
  const FieldDescriptor* field = type_.FindFieldByName(std::string(name));
  if (field == nullptr) wrong_name(type_, name);
  return fields_[static_cast<size_t>(field->index())];
}

MessageSupport& MessageSupport::fields(std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) field(name).state = State::kImplemented;
  return *this;
}

MessageSupport& MessageSupport::all_fields() {
  for (Field& field : fields_) field.state = State::kImplemented;
  return *this;
}

MessageSupport& MessageSupport::harmless(std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (field(name).state == State::kUnknown) field(name).state = State::kHarmless;
  }
  return *this;
}

MessageSupport& MessageSupport::values(std::string_view name, std::initializer_list<std::string_view> names) {
  Field& values = field(name);
  values.state = State::kImplemented;
  const pb::EnumDescriptor* type = type_.FindFieldByName(std::string(name))->enum_type();
  for (const std::string_view each : names) {
    const pb::EnumValueDescriptor* value = type != nullptr ? type->FindValueByName(std::string(each)) : nullptr;
    if (value == nullptr) wrong_name(type_, each);
    values.values.push_back(value->number());
  }
  return *this;
}

MessageSupport& MessageSupport::extensions(std::string_view name, std::string_view category) {
  field(name).state = State::kImplemented;
  field(name).category = category;
  return *this;
}

MessageSupport& SupportTable::message(const pb::Descriptor& type) {
  std::unique_ptr<MessageSupport>& entry = messages_[&type];
  if (entry == nullptr) entry = std::make_unique<MessageSupport>(type);
  return *entry;
}

MessageSupport& SupportTable::extension(const pb::Descriptor& type, std::string_view category, std::string_view name) {
  extensions_[std::string(category)].insert_or_assign(type.full_name(), std::string(name));
  return message(type);
}

const MessageSupport* SupportTable::find(const pb::Descriptor* type) const {
  const auto found = messages_.find(type);
  return found != messages_.end() ? found->second.get() : nullptr;
}

bool SupportTable::has_extension(const std::string& category, std::string_view type) const {
  const auto found = extensions_.find(category);
  return found != extensions_.end() && found->second.contains(type);
}

std::string SupportTable::features_text() const {
  std::string text = "Extensions\n";
  for (const auto& [category, types] : extensions_) {
    text += "  " + category + "\n";
    for (const auto& [type, name] : types) text += "    " + name + "  " + type + "\n";
  }
  text += "\nMessages\n";
  std::map<std::string, const MessageSupport*> sorted;
  for (const auto& [type, entry] : messages_) sorted.emplace(type->full_name(), entry.get());
  for (const auto& [name, entry] : sorted) {
    std::string ignored;
    text += "  " + name + "\n";
    for (size_t i = 0; i < entry->fields_.size(); ++i) {
      const MessageSupport::Field& field = entry->fields_[i];
      const FieldDescriptor* descriptor = entry->type_.field(static_cast<int>(i));
      if (field.state == MessageSupport::State::kHarmless) ignored += "    (" + descriptor->name() + ": ignored)\n";
      if (field.state != MessageSupport::State::kImplemented) continue;
      text += "    " + descriptor->name();
      for (const int value : field.values) {
        text += (value == field.values.front() ? ": " : ", ") + descriptor->enum_type()->FindValueByNumber(value)->name();
      }
      if (!field.category.empty()) text += ": extensions of " + field.category;
      text += "\n";
    }
    text += ignored;
  }
  return text;
}

/// The walk of check_support.
class SupportWalk {
 public:
  SupportWalk(Schema& schema, const SupportTable& table, Diagnostics& diagnostics)
      : schema_(schema), table_(table), diagnostics_(diagnostics) {}

  void message(const pb::Message& message, const MessageInfo& info, const std::string& category, const FieldPath& path) {
    if (diagnostics_.full()) return;
    if (info.well_known == WellKnown::kAny) return any(message, category, path);
    if (info.well_known == WellKnown::kDuration) return duration(message, path);
    if (info.well_known != WellKnown::kNone || info.descriptor->file()->package() == "google.protobuf") return;
    const MessageSupport* support = table_.find(info.descriptor);
    if (support == nullptr) return error(path, info.descriptor->full_name() + " is " + kNotYet);
    const pb::Reflection& reflection = *message.GetReflection();
    if (!category.empty()) chosen(message, path);
    std::vector<const FieldDescriptor*> present;
    reflection.ListFields(message, &present);
    for (const FieldDescriptor* field : present) {
      if (field->is_extension()) continue;
      const auto index = static_cast<size_t>(field->index());
      this->field(message, info.fields[index], support->fields_[index], category, FieldPath{&path, field->name()});
    }
  }

 private:
  using State = MessageSupport::State;

  void error(const FieldPath& path, std::string message) {
    diagnostics_.error({{}, path.text(), std::move(message), "remove it"});
  }

  /// An extension without a configuration: its name is a label and chooses nothing. Where the configuration may be left out, its
  /// field has no oneof around it.
  void chosen(const pb::Message& message, const FieldPath& path) {
    const FieldDescriptor* config = message.GetDescriptor()->FindFieldByName("typed_config");
    if (config == nullptr || message.GetReflection()->HasField(message, config)) return;
    const pb::OneofDescriptor* oneof = config->containing_oneof();
    if (oneof == nullptr || message.GetReflection()->HasOneof(message, oneof)) return;
    diagnostics_.error({{},
                        FieldPath{&path, "typed_config"}.text(),
                        "is missing: its @type chooses the extension, the name is only a label",
                        R"(give typed_config: {"@type": …})"});
  }

  /// The times in what is ignored, which must be right nevertheless.
  void durations(const pb::Message& message, const FieldInfo& info, const FieldPath& path) {
    if (info.message == nullptr || info.field->is_map()) return;
    const pb::Reflection& reflection = *message.GetReflection();
    const int size = info.field->is_repeated() ? reflection.FieldSize(message, info.field) : 1;
    for (int i = 0; i < size; ++i) {
      const pb::Message& item = info.field->is_repeated() ? reflection.GetRepeatedMessage(message, info.field, i)
                                                          : reflection.GetMessage(message, info.field);
      if (info.message->well_known == WellKnown::kDuration) duration(item, path);
      if (info.message->well_known != WellKnown::kNone) continue;
      std::vector<const FieldDescriptor*> present;
      item.GetReflection()->ListFields(item, &present);
      for (const FieldDescriptor* field : present) {
        if (field->is_extension()) continue;
        durations(item, info.message->fields[static_cast<size_t>(field->index())], FieldPath{&path, field->name()});
      }
    }
  }

  /// No time that Weir reads may be negative, nor be more than its nanoseconds can be counted in 64 bits.
  void duration(const pb::Message& duration, const FieldPath& path) {
    constexpr int64_t kMostSeconds = std::numeric_limits<int64_t>::max() / 1'000'000'000 - 1;
    const pb::Descriptor& type = *duration.GetDescriptor();
    const pb::Reflection& reflection = *duration.GetReflection();
    const int64_t seconds = reflection.GetInt64(duration, type.FindFieldByNumber(1));
    const int32_t nanos = reflection.GetInt32(duration, type.FindFieldByNumber(2));
    const bool negative = seconds < 0 || nanos < 0;
    if (!negative && seconds <= kMostSeconds && nanos < 1'000'000'000) return;
    std::string at = path.text();
    const auto& errors = diagnostics_.errors();  // the rules of its .proto file may have said it already
    if (std::any_of(errors.begin(), errors.end(), [&](const Diagnostic& error) { return error.path == at; })) return;
    std::string message = negative                 ? "must not be negative"
                          : seconds > kMostSeconds ? "must be at most " + std::to_string(kMostSeconds) + "s"
                                                   : "nanos must be less than a second, 1000000000";
    diagnostics_.error({{}, std::move(at), std::move(message), ""});
  }

  void field(const pb::Message& message, const FieldInfo& info, const MessageSupport::Field& support, const std::string& category,
             const FieldPath& path) {
    if (support.state == State::kUnknown) return error(path, kNotYet);
    if (support.state == State::kHarmless) {
      if (warned_.insert(info.field).second) {
        diagnostics_.warning({{}, path.text(), "Weir does not use this field", ""});
      }
      return durations(message, info, path);
    }
    if (!support.values.empty()) values(message, info, support, path);
    if (info.message == nullptr) return;
    const std::string& inner = support.category.empty() ? category : support.category;
    const pb::Reflection& reflection = *message.GetReflection();
    if (!info.field->is_repeated()) return this->message(reflection.GetMessage(message, info.field), *info.message, inner, path);
    const int size = reflection.FieldSize(message, info.field);
    for (int i = 0; i < size && !diagnostics_.full(); ++i) {
      const pb::Message& item = reflection.GetRepeatedMessage(message, info.field, i);
      if (!info.field->is_map()) {
        this->message(item, *info.message, inner, FieldPath{&path, {}, i});
        continue;
      }
      const std::string key = scalar_text(item, *info.field->message_type()->map_key(), -1);
      const FieldDescriptor* value = info.field->message_type()->map_value();
      this->message(item.GetReflection()->GetMessage(item, value), *info.message, inner, FieldPath{&path, key, -1, true});
    }
  }

  void values(const pb::Message& message, const FieldInfo& info, const MessageSupport::Field& support, const FieldPath& path) {
    const pb::Reflection& reflection = *message.GetReflection();
    const int size = info.field->is_repeated() ? reflection.FieldSize(message, info.field) : 1;
    for (int i = 0; i < size; ++i) {
      const int value = info.field->is_repeated() ? reflection.GetRepeatedEnumValue(message, info.field, i)
                                                  : reflection.GetEnumValue(message, info.field);
      if (std::find(support.values.begin(), support.values.end(), value) != support.values.end()) continue;
      const pb::EnumValueDescriptor* name = info.field->enum_type()->FindValueByNumber(value);
      error(path, (name != nullptr ? name->name() : std::to_string(value)) + " is " + kNotYet);
    }
  }

  void any(const pb::Message& any, const std::string& category, const FieldPath& path) {
    const std::string url = any_type_url(any);
    if (url.empty() || depth_ == kMostNestedAnys) return;  // the validator reports the depth
    ScratchArena arena;
    const pb::Message* inner = schema_.unpack(any, arena);
    if (inner == nullptr) return;  // the validator reports it
    const MessageInfo& info = schema_.of(inner->GetDescriptor());
    if (!category.empty() && !table_.has_extension(category, type_name(url))) {
      return error(path, "the extension " + info.descriptor->full_name() + " is " + kNotYet + " as one of " + category);
    }
    ++depth_;
    message(*inner, info, "", path);
    --depth_;
  }

  Schema& schema_;
  const SupportTable& table_;
  Diagnostics& diagnostics_;
  std::set<const FieldDescriptor*> warned_;
  int depth_ = 0;  // of Any in Any
};

void check_support(Schema& schema, const SupportTable& table, const pb::Message& message, Diagnostics& diagnostics) {
  SupportWalk(schema, table, diagnostics).message(message, schema.of(message.GetDescriptor()), "", FieldPath{});
}

}  // namespace weir::config
