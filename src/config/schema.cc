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

FieldInfo::FieldInfo(const pb::FieldDescriptor* field)
    : field(field),
      type(field->cpp_type()),
      repeated(field->is_repeated()),
      map(field->is_map()),
      presence(field->has_presence()),
      alternative(field->real_containing_oneof() != nullptr),
      deprecated(field->options().deprecated()) {}

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
  std::vector<std::string> names;  // of all message types; filled when first needed
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
  made.fields.reserve(static_cast<size_t>(descriptor->field_count()));
  bool checked = made.well_known == WellKnown::kAny;
  for (int i = 0; i < descriptor->field_count(); ++i) {
    FieldInfo& field = made.fields.emplace_back(descriptor->field(i));
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

pb::Message* Schema::make(const MessageInfo& info, pb::Arena& arena) {
  const bool generated = info.descriptor->file()->pool() == pb::DescriptorPool::generated_pool();
  pb::MessageFactory* factory = generated ? pb::MessageFactory::generated_factory() : &dynamic().factory;
  return factory->GetPrototype(info.descriptor)->New(&arena);
}

pb::Message* Schema::unpack(const pb::Message& any, pb::Arena& arena) {
  const MessageInfo* info = find(type_name(any_type_url(any)));
  if (info == nullptr) return nullptr;
  pb::Message* message = make(*info, arena);
  std::string scratch;
  const pb::FieldDescriptor* value = any.GetDescriptor()->FindFieldByNumber(2);
  const std::string& bytes = any.GetReflection()->GetStringReference(any, value, &scratch);
  return message->ParsePartialFromString(bytes) ? message : nullptr;
}

std::string Schema::name_like(std::string_view full_name) {
  Dynamic& known = dynamic();
  if (known.names.empty()) known.database.FindAllMessageNames(&known.names);
  // A misspelt type keeps its package or its last word; whatever else is near is another extension altogether.
  const std::string_view package = full_name.substr(0, full_name.rfind('.') + 1);
  const std::string_view word = full_name.substr(package.size());
  std::vector<std::string_view> candidates;
  for (const std::string_view name : known.names) {
    if (name.starts_with(package) || name.substr(name.rfind('.') + 1) == word) candidates.push_back(name);
  }
  return nearest(full_name, candidates);
}

std::string_view type_name(std::string_view type_url) {
  const size_t slash = type_url.rfind('/');
  return slash == std::string_view::npos ? type_url : type_url.substr(slash + 1);
}

std::string any_type_url(const pb::Message& any) {
  return any.GetReflection()->GetString(any, any.GetDescriptor()->FindFieldByNumber(1));
}

}  // namespace weir::config
