// Layers of the runtime become entries: from protobuf structures, from texts and from folders.
#include <dirent.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/number_text.h"
#include "base/text.h"
#include "config/node.h"
#include "config/scalar.h"
#include "control/runtime.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/service/runtime/v3/rtds.pb.h"

namespace weir::control {

using config::FieldPath;
using config::Node;
using google::protobuf::Struct;
using google::protobuf::Value;

namespace {

RuntimeValue number_in(std::string_view text) {
  double number = 0;
  return config::parse_double(text, number) ? RuntimeValue::number(number) : RuntimeValue();
}

/// A share as it is being read, member by member. As in Envoy a numerator that is no number is 0, one that is out of range, an
/// unknown denominator and any other member spoil it.
class ShareReader {
 public:
  void numerator(double number) {
    if (number < 0 || number > UINT32_MAX) good_ = false;
    if (good_) share_.numerator = static_cast<uint32_t>(number);
  }
  void denominator(std::string_view name) {
    if (name == "TEN_THOUSAND") {
      share_.denominator = 10'000;
    } else if (name == "MILLION") {
      share_.denominator = 1'000'000;
    } else if (name != "HUNDRED") {
      good_ = false;
    }
  }
  void other() { good_ = false; }
  RuntimeValue value() const { return good_ ? RuntimeValue::share(share_) : RuntimeValue(); }

 private:
  RuntimeShare share_;
  bool good_ = true;
};

RuntimeValue share_in(const Struct& tree) {
  ShareReader reader;
  for (const auto& [name, value] : tree.fields()) {
    if (name == "numerator") {
      reader.numerator(value.number_value());
    } else if (name == "denominator") {
      reader.denominator(value.string_value());
    } else {
      reader.other();
    }
  }
  return reader.value();
}

RuntimeValue share_in(const Node& mapping) {
  ShareReader reader;
  for (const config::Member* member = mapping.members; member != mapping.members + mapping.size; ++member) {
    double number = 0;
    if (member->key == "numerator") {
      if (member->value.kind == Node::Kind::kNumber) config::parse_double(member->value.text(), number);
      reader.numerator(number);
    } else if (member->key == "denominator") {
      reader.denominator(member->value.kind == Node::Kind::kString ? member->value.text() : "");
    } else {
      reader.other();
    }
  }
  return reader.value();
}

/// A whole number without a point or an exponent, any other as short as it can be.
std::string text_of(double number) {
  if (number == std::trunc(number) && std::fabs(number) < 1e15) return std::to_string(static_cast<int64_t>(number));
  std::ostringstream text;
  text << number;
  return text.str();
}

/// A structure that stands for a value (a share, or nothing at all) rather than for a tree of keys.
bool is_value(const Struct& tree) {
  return tree.fields().empty() || tree.fields().contains("numerator") || tree.fields().contains("denominator");
}

RuntimeEntry entry_of(const Value& value) {
  switch (value.kind_case()) {
    case Value::kNumberValue:
      return {text_of(value.number_value()), RuntimeValue::number(value.number_value())};
    case Value::kBoolValue:
      return {value.bool_value() ? "true" : "false", RuntimeValue::flag(value.bool_value())};
    case Value::kStringValue:
      return {value.string_value(), number_in(value.string_value())};
    default:
      return {value.struct_value().DebugString(), share_in(value.struct_value())};
  }
}

bool walk(const Value& value, const std::string& key, const FieldPath& at, RuntimeEntries& entries,
          config::Diagnostics& diagnostics) {
  const bool tree = value.kind_case() == Value::kStructValue && !is_value(value.struct_value());
  if (tree) {
    bool good = true;
    for (const auto& [name, inner] : value.struct_value().fields()) {
      good = walk(inner, key + "." + name, FieldPath{&at, name, -1, true}, entries, diagnostics) && good;
    }
    return good;
  }
  switch (value.kind_case()) {
    case Value::kNumberValue:
    case Value::kBoolValue:
    case Value::kStringValue:
    case Value::kStructValue:
      entries.insert_or_assign(key, entry_of(value));
      return true;
    default:
      diagnostics.error({{},
                         at.text(),
                         "a runtime value must not be " + std::string(value.kind_case() == Value::kListValue ? "a list" : "null"),
                         "give a number, a bool, a text, or {numerator, denominator}"});
      return false;
  }
}

Result<> walk_folder(const std::string& folder, const std::string& prefix, int depth, RuntimeEntries& entries);

Result<> read_file(const std::string& path, std::string key, RuntimeEntries& entries) {
  std::ifstream file(path, std::ios::binary);
  std::string text, line;
  // Lines that begin with '#' are comments, so that a file without a value can say why it is there.
  while (std::getline(file, line)) {
    if (line.starts_with('#')) continue;
    text += line;
    text += '\n';
    if (text.size() > kMaxRuntimeFileBytes) return failure(path + " is larger than 1 MiB");
  }
  if (!file.eof()) return failure("cannot read " + path + ": " + std::strerror(errno));
  text.resize(text.find_last_not_of(" \t\n\v\f\r") + 1);
  if (entries.size() >= kMaxRuntimeFiles) return failure("there are more than 100,000 files");
  entries.insert_or_assign(std::move(key), read_runtime_text(std::move(text)));
  return {};
}

Result<> walk_folder(const std::string& folder, const std::string& prefix, int depth, RuntimeEntries& entries) {
  if (depth > kMaxRuntimeDepth) return failure(folder + " is nested too deeply");
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(opendir(folder.c_str()), closedir);
  if (listing == nullptr) return failure("cannot read " + folder + ": " + std::strerror(errno));
  while (const dirent* item = readdir(listing.get())) {
    const std::string name = item->d_name;
    if (name == "." || name == "..") continue;
    const std::string path = folder + "/" + name;
    struct stat about {};
    if (stat(path.c_str(), &about) != 0) continue;  // gone again, or a link to nowhere
    std::string key = prefix.empty() ? name : prefix + "." + name;
    Result<> read;
    if (S_ISDIR(about.st_mode)) {
      read = walk_folder(path, key, depth + 1, entries);
    } else if (S_ISREG(about.st_mode)) {
      read = read_file(path, std::move(key), entries);
    }
    if (!read) return read;
  }
  return {};
}

}  // namespace

RuntimeEntry read_runtime_text(std::string text) {
  config::Diagnostics ignored;  // what is not YAML is a text
  const auto document = config::read_yaml("", text, ignored, {.bytes = kMaxRuntimeFileBytes, .depth = 8, .nodes = 1000});
  RuntimeEntry entry{std::move(text), {}};
  if (document == nullptr) return entry;
  const Node& node = document->root;
  switch (node.kind) {
    case Node::Kind::kBool:
      entry.value = RuntimeValue::flag(node.boolean);
      break;
    case Node::Kind::kNumber:
    case Node::Kind::kString:
      entry.value = number_in(node.text());
      break;
    case Node::Kind::kMapping:
      entry.value = share_in(node);
      break;
    default:
      break;
  }
  return entry;
}

bool read_runtime_struct(const Struct& layer, const FieldPath& at, RuntimeEntries& entries, config::Diagnostics& diagnostics) {
  bool good = true;
  for (const auto& [name, value] : layer.fields()) {
    good = walk(value, name, FieldPath{&at, name, -1, true}, entries, diagnostics) && good;
  }
  return good;
}

Result<> read_runtime_folder(const std::string& folder, RuntimeEntries& entries) { return walk_folder(folder, "", 1, entries); }

void declare_runtime(config::SupportTable& table) {
  namespace v3 = envoy::config::bootstrap::v3;
  table.message<v3::LayeredRuntime>().fields({"layers"});
  table.message<v3::RuntimeLayer>().all_fields();
  table.message<v3::RuntimeLayer::DiskLayer>().all_fields();
  table.message<v3::RuntimeLayer::AdminLayer>().all_fields();
  table.message<v3::RuntimeLayer::RtdsLayer>().all_fields();
  table.message<envoy::service::runtime::v3::Runtime>().all_fields();
}

}  // namespace weir::control
