// Validate: one walk over the message that visits only what can violate something.
#include "config/validate.h"

#include <algorithm>
#include <array>
#include <set>
#include <unordered_set>

#include "config/path.h"
#include "config/rules.h"
#include "config/unwrap.h"

namespace weir::config {

namespace pb = google::protobuf;
using pb::FieldDescriptor;

namespace {

/// Values that were defaults once and must not be chosen any more, not even by saying nothing.
constexpr std::string_view kRetired = "DEPRECATED_AND_UNAVAILABLE_DO_NOT_USE";

/// Extensions whose rules Envoy never asks about: what they say may be out of range, and their readers make the best of it.
constexpr std::array<std::string_view, 8> kUnchecked = {
    "envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig",
    "envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin",
    "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest",
    "envoy.extensions.load_balancing_policies.maglev.v3.Maglev",
    "envoy.extensions.load_balancing_policies.random.v3.Random",
    "envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash",
    "envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin",
    "envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig"};

class Validator {
 public:
  Validator(Schema& schema, Diagnostics& diagnostics) : schema_(schema), diagnostics_(diagnostics) {}

  void message(const pb::Message& message, const MessageInfo& info, const FieldPath& path) {
    if (!info.checked || diagnostics_.full()) return;
    if (info.well_known == WellKnown::kAny) return any(message, path);
    const pb::Reflection& reflection = *message.GetReflection();
    for (const pb::OneofDescriptor* oneof : info.required_oneofs) {
      if (!reflection.HasOneof(message, oneof)) missing_oneof(*oneof, path);
    }
    for (const FieldInfo& field : info.fields) {
      if (field.checked) this->field(message, reflection, field, FieldPath{&path, field.field->name()});
    }
  }

 private:
  void violation(const FieldPath& path, std::string message, std::string hint = "") {
    diagnostics_.error({{}, path.text(), std::move(message), std::move(hint)});
  }

  void missing_oneof(const pb::OneofDescriptor& oneof, const FieldPath& path) {
    std::string names;
    for (int i = 0; i < oneof.field_count(); ++i) {
      if (oneof.field(i)->options().deprecated()) continue;
      names += (names.empty() ? "" : ", ") + oneof.field(i)->name();
    }
    violation(path, oneof.field_count() == 1 ? names + " is required" : "one of " + names + " is required");
  }

  void any(const pb::Message& any, const FieldPath& path) {
    const std::string url = any_type_url(any);
    if (url.empty()) return;
    if (depth_ == kMostNestedAnys) return violation(path, "nested too deeply");
    ScratchArena arena;
    const pb::Message* inner = schema_.unpack(any, arena);
    if (inner == nullptr) {
      const bool known = schema_.find(type_name(url)) != nullptr;
      return violation(path, known ? "its bytes are not a " + std::string(type_name(url))
                                   : "unknown type " + std::string(type_name(url).substr(0, 200)));
    }
    if (std::ranges::find(kUnchecked, type_name(url)) != kUnchecked.end()) return;
    ++depth_;
    message(*inner, schema_.of(inner->GetDescriptor()), path);
    --depth_;
  }

  void field(const pb::Message& message, const pb::Reflection& reflection, const FieldInfo& info, const FieldPath& path) {
    const FieldDescriptor* field = info.field;
    if (info.repeated) {
      const int size = reflection.FieldSize(message, field);
      if (size > 0) deprecation(info, path);
      if (info.rules == nullptr && (size == 0 || info.message == nullptr || !info.message->checked)) return;
      return info.map ? map(message, info, path, size) : list(message, info, path, size);
    }
    const bool present = reflection.HasField(message, field);
    if (present) deprecation(info, path);
    if (info.type == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (!present) {
        // One of several alternatives is required only if it was chosen.
        if (info.rules != nullptr && !info.alternative && requires_presence(*info.rules)) violation(path, "required");
        return;
      }
      return child(reflection.GetMessage(message, field), info, info.rules, path);
    }
    if (info.rules == nullptr || (info.presence && !present)) return;
    if (info.type == FieldDescriptor::CPPTYPE_ENUM && reflection.GetEnum(message, field)->name() == kRetired) {
      return violation(path, "must be given: what it meant by default is gone");
    }
    report(check_scalar(message, *field, -1, *info.rules, info.pattern.get()), path);
  }

  static bool requires_presence(const validate::FieldRules& rules) {
    return rules.message().required() || rules.any().required() || rules.duration().required() || rules.timestamp().required();
  }

  void report(std::string violated, const FieldPath& path) {
    if (!violated.empty()) violation(path, std::move(violated));
  }

  // A message that is present: its own rules, then what is inside.
  void child(const pb::Message& message, const FieldInfo& info, const validate::FieldRules* rules, const FieldPath& path) {
    if (rules != nullptr) {
      if (rules->message().skip()) return;
      report(check_message(message, *info.message, *rules, info.pattern.get()), path);
    }
    this->message(message, *info.message, path);
  }

  void list(const pb::Message& message, const FieldInfo& info, const FieldPath& path, int size) {
    const pb::Reflection& reflection = *message.GetReflection();
    const validate::RepeatedRules* rules = info.rules != nullptr ? &info.rules->repeated() : nullptr;
    if (rules != nullptr && !(size == 0 && rules->ignore_empty())) {
      report(check_size(static_cast<uint64_t>(size), rules->has_min_items(), rules->min_items(), rules->has_max_items(),
                        rules->max_items(), "item"),
             path);
      if (rules->unique()) unique(message, info, path, size);
    }
    const validate::FieldRules* items = rules != nullptr && rules->has_items() ? &rules->items() : nullptr;
    const bool messages = info.type == FieldDescriptor::CPPTYPE_MESSAGE;
    if (items == nullptr && !(messages && info.message->checked)) return;
    for (int i = 0; i < size && !diagnostics_.full(); ++i) {
      const FieldPath at{&path, {}, i};
      if (messages)
        child(reflection.GetRepeatedMessage(message, info.field, i), info, items, at);
      else
        report(check_scalar(message, *info.field, i, *items, info.pattern.get()), at);
    }
  }

  void unique(const pb::Message& message, const FieldInfo& info, const FieldPath& path, int size) {
    std::unordered_set<std::string> seen;
    for (int i = 0; i < size; ++i) {
      std::string text = scalar_text(message, *info.field, i);
      if (!seen.insert(text).second) return violation(FieldPath{&path, {}, i}, quoted(text) + " occurs twice");
    }
  }

  void map(const pb::Message& message, const FieldInfo& info, const FieldPath& path, int size) {
    const pb::Reflection& reflection = *message.GetReflection();
    const validate::MapRules* rules = info.rules != nullptr ? &info.rules->map() : nullptr;
    if (rules != nullptr && !(size == 0 && rules->ignore_empty())) {
      report(check_size(static_cast<uint64_t>(size), rules->has_min_pairs(), rules->min_pairs(), rules->has_max_pairs(),
                        rules->max_pairs(), "entry"),
             path);
    }
    const FieldDescriptor* key_field = info.field->message_type()->map_key();
    const FieldDescriptor* value_field = info.field->message_type()->map_value();
    for (int i = 0; i < size && !diagnostics_.full(); ++i) {
      const pb::Message& entry = reflection.GetRepeatedMessage(message, info.field, i);
      const std::string key = scalar_text(entry, *key_field, -1);
      const FieldPath at{&path, key, -1, true};
      if (rules != nullptr && rules->has_keys()) report(check_scalar(entry, *key_field, -1, rules->keys(), nullptr), at);
      const validate::FieldRules* values = rules != nullptr && rules->has_values() ? &rules->values() : nullptr;
      if (info.message != nullptr)
        child(entry.GetReflection()->GetMessage(entry, value_field), info, values, at);
      else if (values != nullptr)
        report(check_scalar(entry, *value_field, -1, *values, info.pattern.get()), at);
    }
  }

  void deprecation(const FieldInfo& info, const FieldPath& path) {
    if (info.deprecated && warned_.insert(info.field).second) {
      diagnostics_.warning({{}, path.text(), "deprecated", ""});
    }
  }

  Schema& schema_;
  Diagnostics& diagnostics_;
  std::set<const FieldDescriptor*> warned_;
  int depth_ = 0;  // of Any in Any
};

}  // namespace

void validate_message(Schema& schema, const pb::Message& message, Diagnostics& diagnostics) {
  Validator(schema, diagnostics).message(message, schema.of(message.GetDescriptor()), FieldPath{});
}

}  // namespace weir::config
