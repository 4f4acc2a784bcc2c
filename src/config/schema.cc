// Schema: types are described when first met; the embedded descriptor set is read only for one that has no generated code.
#include "config/schema.h"

#include <google/protobuf/any.pb.h>

#include <functional>

#include "base/check.h"
#include "config/diagnostic.h"

// The serialized FileDescriptorSet of all .proto files (proto/descriptors.S).
extern "C" const char weir_descriptor_set_begin[];
extern "C" const char weir_descriptor_set_end[];

namespace weir::config {

namespace pb = google::protobuf;

namespace {

WellKnown well_known(const pb::Descriptor& descriptor) {
  const std::string& name = descriptor.full_name();
  if (name == "udpa.type.v1.TypedStruct" || name == "xds.type.v3.TypedStruct") return WellKnown::kTypedStruct;
  if (descriptor.file()->package() != "google.protobuf") return WellKnown::kNone;
  switch (descriptor.well_known_type()) {
    case pb::Descriptor::WELLKNOWNTYPE_ANY:
      return WellKnown::kAny;
    case pb::Descriptor::WELLKNOWNTYPE_DURATION:
      return WellKnown::kDuration;
    case pb::Descriptor::WELLKNOWNTYPE_TIMESTAMP:
      return WellKnown::kTimestamp;
    case pb::Descriptor::WELLKNOWNTYPE_STRUCT:
      return WellKnown::kStruct;
    case pb::Descriptor::WELLKNOWNTYPE_VALUE:
      return WellKnown::kValue;
    case pb::Descriptor::WELLKNOWNTYPE_LISTVALUE:
      return WellKnown::kListValue;
    case pb::Descriptor::WELLKNOWNTYPE_FIELDMASK:
      return WellKnown::kFieldMask;
    case pb::Descriptor::WELLKNOWNTYPE_UNSPECIFIED:
      return WellKnown::kNone;
    default:
      return WellKnown::kWrapper;
  }
}

const std::string* pattern_of(const validate::FieldRules& rules) {
  if (rules.has_string() && rules.string().has_pattern()) return &rules.string().pattern();
  if (rules.has_repeated() && rules.repeated().has_items()) return pattern_of(rules.repeated().items());
  if (rules.has_map() && rules.map().has_values()) return pattern_of(rules.map().values());
  return nullptr;
}

}  // namespace

const FieldInfo* MessageInfo::find(std::string_view name) const {
  const size_t mask = slots_.size() - 1;
  for (size_t at = std::hash<std::string_view>()(name) & mask; slots_[at].field != nullptr; at = (at + 1) & mask) {
    if (slots_[at].name == name) return slots_[at].field;
  }
  return nullptr;
}

void MessageInfo::index_names() {
  size_t size = 4;
  while (size < fields.size() * 4) size *= 2;
  slots_.resize(size);
  const auto add = [this, size](std::string_view name, const FieldInfo& field) {
    size_t at = std::hash<std::string_view>()(name) & (size - 1);
    while (slots_[at].field != nullptr) {
      if (slots_[at].name == name) return;
      at = (at + 1) & (size - 1);
    }
    slots_[at] = {name, &field};
  };
  for (const FieldInfo& field : fields) add(field.field->name(), field);
  for (const FieldInfo& field : fields) add(field.field->json_name(), field);
}

struct Schema::Dynamic {
  pb::EncodedDescriptorDatabase database;
  pb::DescriptorPool pool{pb::DescriptorPool::generated_pool()};
  pb::DynamicMessageFactory factory{&pool};
  std::vector<std::unique_ptr<pb::FileDescriptorProto>> files;
};

Schema::Schema() = default;
Schema::~Schema() = default;

const MessageInfo& Schema::of(const pb::Descriptor* descriptor) {
  std::unique_ptr<MessageInfo>& info = infos_[descriptor];
  if (info != nullptr) return *info;
  info = std::make_unique<MessageInfo>();
  MessageInfo& made = *info;  // `info` itself may move while deeper types are added
  made.descriptor = descriptor;
  made.well_known = well_known(*descriptor);
  // A type that refers to itself is assumed to need checking until it is known better; that is at worst a little slower.
  made.checked = true;
  const bool disabled = descriptor->options().GetExtension(validate::disabled);
  made.fields.resize(static_cast<size_t>(descriptor->field_count()));
  bool checked = made.well_known == WellKnown::kAny;
  for (int i = 0; i < descriptor->field_count(); ++i) {
    FieldInfo& field = made.fields[static_cast<size_t>(i)];
    field.field = descriptor->field(i);
    field.deprecated = field.field->options().deprecated();
    if (!disabled && field.field->options().HasExtension(validate::rules)) {
      field.rules = &field.field->options().GetExtension(validate::rules);
      if (const std::string* pattern = pattern_of(*field.rules)) {
        field.pattern = std::make_unique<re2::RE2>(*pattern, re2::RE2::Quiet);
      }
    }
    const pb::FieldDescriptor* value = field.field;
    if (value->is_map()) value = value->message_type()->map_value();
    if (value->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE) field.message = &of(value->message_type());
    field.checked = field.rules != nullptr || field.deprecated || (field.message != nullptr && field.message->checked);
    checked = checked || field.checked;
  }
  for (int i = 0; i < descriptor->real_oneof_decl_count() && !disabled; ++i) {
    const pb::OneofDescriptor* oneof = descriptor->oneof_decl(i);
    if (oneof->options().GetExtension(validate::required)) made.required_oneofs.push_back(oneof);
  }
  made.checked = checked || !made.required_oneofs.empty();
  made.index_names();
  return made;
}

const MessageInfo* Schema::find(std::string_view full_name) {
  const std::string name(full_name);
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) return found->second;
  const pb::Descriptor* descriptor = pb::DescriptorPool::generated_pool()->FindMessageTypeByName(name);
  if (descriptor == nullptr) {
    Dynamic& known = dynamic();
    descriptor = known.pool.FindMessageTypeByName(name);
    pb::FileDescriptorProto file;
    if (descriptor == nullptr && known.database.FindFileContainingSymbol(name, &file)) {
      build(known, file.name());
      descriptor = known.pool.FindMessageTypeByName(name);
    }
  }
  if (descriptor == nullptr) return nullptr;
  return by_name_[name] = &of(descriptor);
}

Schema::Dynamic& Schema::dynamic() {
  if (dynamic_ != nullptr) return *dynamic_;
  dynamic_ = std::make_unique<Dynamic>();
  // A FileDescriptorSet is a sequence of `file = 1` fields: tag 0x0a, a length, a FileDescriptorProto.
  pb::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(weir_descriptor_set_begin),
                                 static_cast<int>(weir_descriptor_set_end - weir_descriptor_set_begin));
  while (input.ReadTag() == 0x0a) {
    uint32_t size = 0;
    const void* data = nullptr;
    int available = 0;
    CHECK(input.ReadVarint32(&size) && input.GetDirectBufferPointer(&data, &available));
    CHECK(static_cast<int>(size) <= available);
    CHECK(dynamic_->database.Add(data, static_cast<int>(size)));
    CHECK(input.Skip(static_cast<int>(size)));
  }
  return *dynamic_;
}

const pb::FileDescriptor* Schema::build(Dynamic& dynamic, const std::string& file) {
  if (const pb::FileDescriptor* done = dynamic.pool.FindFileByName(file)) return done;
  pb::FileDescriptorProto proto;
  if (!dynamic.database.FindFileByName(file, &proto)) return nullptr;
  for (const std::string& dependency : proto.dependency()) build(dynamic, dependency);
  return dynamic.pool.BuildFile(proto);
}

std::unique_ptr<pb::Message> Schema::make(const MessageInfo& info) {
  if (info.descriptor->file()->pool() == pb::DescriptorPool::generated_pool()) {
    return std::unique_ptr<pb::Message>(pb::MessageFactory::generated_factory()->GetPrototype(info.descriptor)->New());
  }
  return std::unique_ptr<pb::Message>(dynamic().factory.GetPrototype(info.descriptor)->New());
}

std::unique_ptr<pb::Message> Schema::unpack(const pb::Message& any) {
  const pb::Descriptor* descriptor = any.GetDescriptor();
  const MessageInfo* info = find(type_name(any_type_url(any)));
  if (info == nullptr) return nullptr;
  std::unique_ptr<pb::Message> message = make(*info);
  std::string scratch;
  const std::string& value = any.GetReflection()->GetStringReference(any, descriptor->FindFieldByNumber(2), &scratch);
  if (!message->ParsePartialFromString(value)) return nullptr;
  return message;
}

std::vector<std::string> Schema::names_like(std::string_view full_name) {
  std::vector<std::string> names;
  std::vector<std::string> files;
  dynamic().database.FindAllMessageNames(&names);
  std::vector<std::string_view> views(names.begin(), names.end());
  const std::string best = nearest(full_name, views);
  return best.empty() ? std::vector<std::string>() : std::vector<std::string>{best};
}

std::string_view type_name(std::string_view type_url) {
  const size_t slash = type_url.rfind('/');
  return slash == std::string_view::npos ? type_url : type_url.substr(slash + 1);
}

std::string any_type_url(const pb::Message& any) {
  return any.GetReflection()->GetString(any, any.GetDescriptor()->FindFieldByNumber(1));
}

}  // namespace weir::config
