// /config_dump: the configuration in use, whole or in part, with secrets hidden.
#include <google/protobuf/util/field_mask_util.h>
#include <re2/re2.h>

#include "admin/catalog.h"
#include "admin/message_json.h"
#include "envoy/admin/v3/config_dump.pb.h"

namespace weir::admin {

namespace {

namespace pb = google::protobuf;

Response refusal(int status, std::string text) {
  return {.status = status, .content_type = Response::kPlain, .body = std::move(text), .repeats_nosniff = true};
}

/// The text of a name field that the element, or a message in it (an Any opened), has.
std::string name_of(const pb::Message& element, config::Schema& schema) {
  const pb::Reflection& reflection = *element.GetReflection();
  for (const char* field : {"name", "cluster_name"}) {
    const pb::FieldDescriptor* name = element.GetDescriptor()->FindFieldByName(field);
    if (name == nullptr || name->cpp_type() != pb::FieldDescriptor::CPPTYPE_STRING || name->is_repeated()) continue;
    const std::string text = reflection.GetString(element, name);
    if (!text.empty()) return text;
  }
  std::vector<const pb::FieldDescriptor*> set;
  reflection.ListFields(element, &set);
  for (const pb::FieldDescriptor* field : set) {
    if (field->is_repeated() || field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const pb::Message& inner = reflection.GetMessage(element, field);
    if (inner.GetDescriptor()->full_name() == "google.protobuf.Any") {
      pb::Arena arena;
      if (const auto* opened = schema.unpack(inner, arena)) return name_of(*opened, schema);
    } else if (field->name() == "active_state" || field->name() == "warming_state" || field->name() == "draining_state") {
      return name_of(inner, schema);
    }
  }
  return "";
}

/// Removes the elements of all lists whose names do not match. The bootstrap has no such lists.
void keep_named(pb::Message& section, const RE2& name, config::Schema& schema) {
  const pb::Reflection& reflection = *section.GetReflection();
  std::vector<const pb::FieldDescriptor*> set;
  reflection.ListFields(section, &set);
  for (const pb::FieldDescriptor* field : set) {
    if (!field->is_repeated() || field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    int kept = 0;
    for (int i = 0; i < reflection.FieldSize(section, field); ++i) {
      if (!RE2::PartialMatch(name_of(reflection.GetRepeatedMessage(section, field, i), schema), name)) continue;
      reflection.SwapElements(&section, field, kept++, i);
    }
    while (reflection.FieldSize(section, field) > kept) reflection.RemoveLast(&section, field);
  }
}

bool is_valid_mask(const pb::FieldMask& mask, const pb::Descriptor& type) {
  for (const std::string& path : mask.paths()) {
    if (!pb::util::FieldMaskUtil::GetFieldDescriptors(&type, path, nullptr)) return false;
  }
  return true;
}

/// Trims a message to a mask; paths may lead into Any messages ("cluster.name").
bool trim(pb::Message& message, const pb::FieldMask& mask, config::Schema& schema) {
  pb::FieldMask outer;
  std::map<std::string, pb::FieldMask> inner;  // of Any fields
  for (const std::string& path : mask.paths()) {
    const std::string head = path.substr(0, path.find('.'));
    const pb::FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(head);
    const bool any = field != nullptr && !field->is_repeated() && field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE &&
                     field->message_type()->full_name() == "google.protobuf.Any";
    if (any && path.size() > head.size()) {
      inner[head].add_paths(path.substr(head.size() + 1));
      outer.add_paths(head);
    } else {
      outer.add_paths(path);
    }
  }
  if (!is_valid_mask(outer, *message.GetDescriptor())) return false;
  pb::util::FieldMaskUtil::TrimMessage(outer, &message);
  for (const auto& [head, rest] : inner) {
    const pb::FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(head);
    if (!message.GetReflection()->HasField(message, field)) continue;
    pb::Message& any = *message.GetReflection()->MutableMessage(&message, field);
    pb::Arena arena;
    pb::Message* opened = schema.unpack(any, arena);
    if (opened == nullptr || !trim(*opened, rest, schema)) return false;
    any.GetReflection()->SetString(&any, any.GetDescriptor()->FindFieldByNumber(2), opened->SerializeAsString());
  }
  return true;
}

void add(const pb::Message& section, envoy::admin::v3::ConfigDump& dump) { dump.add_configs()->PackFrom(section); }

using Sections = std::vector<std::unique_ptr<pb::Message>>;

/// ?resource=: the elements of one list, each trimmed to the mask.
std::optional<Response> dump_resource(const std::string& resource, const std::optional<pb::FieldMask>& mask, Sections& sections,
                                      config::Schema& schema, envoy::admin::v3::ConfigDump& dump) {
  for (const auto& section : sections) {
    const pb::FieldDescriptor* field = section->GetDescriptor()->FindFieldByName(resource);
    if (field == nullptr) continue;
    if (!field->is_repeated()) {
      return refusal(400, resource + " is not a repeated field. Use ?mask=" + resource + " to get only this field");
    }
    const pb::Reflection& reflection = *section->GetReflection();
    for (int i = 0; i < reflection.FieldSize(*section, field); ++i) {
      pb::Message& element = *reflection.MutableRepeatedMessage(section.get(), field, i);
      if (mask && !trim(element, *mask, schema)) {
        std::string paths;
        for (const std::string& path : mask->paths()) paths += "paths: \"" + path + "\"\n";
        return refusal(400, "FieldMask " + paths + " could not be successfully used.");
      }
      add(element, dump);
    }
    return std::nullopt;
  }
  return refusal(404, resource + " not found in config dump");
}

/// The whole dump, each section trimmed to what of the mask applies to it.
std::optional<Response> dump_all(std::string_view mask_text, const std::optional<pb::FieldMask>& mask, Sections& sections,
                                 config::Schema& schema, envoy::admin::v3::ConfigDump& dump) {
  for (const auto& section : sections) {
    if (mask && (!trim(*section, *mask, schema))) continue;
    if (mask && section->ByteSizeLong() == 0) continue;
    add(*section, dump);
  }
  if (mask && dump.configs().empty()) {
    return refusal(400, "FieldMask " + std::string(mask_text) + " could not be successfully applied to any configs.");
  }
  return std::nullopt;
}

}  // namespace

Response config_dump_page(Site& site, const Request& request) {
  const auto resource = request.query.get("resource");
  const auto mask_text = request.query.get("mask");
  const auto name_regex = request.query.get("name_regex");
  Sections sections = site.subject.config_dump(request.query.has("include_eds"));

  if (name_regex && !name_regex->empty()) {
    const RE2 name(re2::StringPiece(name_regex->data(), name_regex->size()), RE2::Quiet);
    if (!name.ok()) {
      return refusal(400,
                     "INVALID_ARGUMENT: Error while parsing name_regex from " + std::string(*name_regex) + ": " + name.error());
    }
    for (const auto& section : sections) keep_named(*section, name, site.schema);
  }
  std::optional<pb::FieldMask> mask;
  if (mask_text && !mask_text->empty()) {
    pb::util::FieldMaskUtil::FromString(std::string(*mask_text), &mask.emplace());
  }

  envoy::admin::v3::ConfigDump dump;
  auto problem = resource && !resource->empty() ? dump_resource(std::string(*resource), mask, sections, site.schema, dump)
                                                : dump_all(mask_text.value_or(""), mask, sections, site.schema, dump);
  if (problem) return std::move(*problem);
  return Response::json(message_json(dump, site.schema, {.redact = true}));
}

}  // namespace weir::admin
