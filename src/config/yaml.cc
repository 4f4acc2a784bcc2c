// YAML: libyaml's events become Nodes, typed the way Envoy types them.
#include <yaml.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <unordered_map>
#include <vector>

#include "base/text.h"
#include "config/node.h"

namespace weir::config {

namespace {

// Any of the spellings that YAML 1.1 gives a word: lower, Capitalised, UPPER.
bool is_word(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  bool all_lower = true, all_upper = true, capitalised = true;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool same = text[i] == lower[i];
    const bool raised = text[i] == lower[i] - 0x20;
    if (!same && !raised) return false;
    all_lower = all_lower && same;
    all_upper = all_upper && raised;
    capitalised = capitalised && (i == 0 ? raised : same);
  }
  return all_lower || all_upper || capitalised;
}

bool is_any(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) {
    if (is_word(text, word)) return true;
  }
  return false;
}

class YamlReader {
 public:
  YamlReader(Document& document, Diagnostics& diagnostics, const ReadLimits& limits)
      : document_(document), diagnostics_(diagnostics), limits_(limits) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(document.source.data()),
                                 document.source.size());
  }
  YamlReader(const YamlReader&) = delete;
  YamlReader& operator=(const YamlReader&) = delete;
  ~YamlReader() {
    drop_event();
    yaml_parser_delete(&parser_);
  }

  bool read() {
    if (find_invalid_utf8(document_.source) != document_.source.size()) return invalid_utf8();
    if (!next() || !next()) return false;  // the stream starts, then a document or the end
    if (event_.type == YAML_STREAM_END_EVENT) return fail("the file is empty");
    if (!next() || !value(document_.root, 1)) return false;
    if (!next() || !next()) return false;  // the document ends, then another one or the end
    if (event_.type != YAML_STREAM_END_EVENT) {
      diagnostics_.warning({here(), "", "only the first YAML document of a file is read", ""});
    }
    return true;
  }

 private:
  Position here() const {
    return {document_.file, static_cast<uint32_t>(event_.start_mark.line) + 1,
            static_cast<uint32_t>(event_.start_mark.column) + 1};
  }

  bool fail(std::string message, std::string hint = "") {
    diagnostics_.error({here(), "", std::move(message), std::move(hint)});
    return false;
  }

  bool invalid_utf8() {
    const size_t at = find_invalid_utf8(document_.source);
    const std::string_view before = std::string_view(document_.source).substr(0, at);
    uint32_t line = 1;
    for (const char c : before) line += c == '\n' ? 1 : 0;
    const size_t start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    diagnostics_.error({{document_.file, line, static_cast<uint32_t>(at - start) + 1}, "", "invalid UTF-8", ""});
    return false;
  }

  void drop_event() {
    if (has_event_) yaml_event_delete(&event_);
    has_event_ = false;
  }

  bool next() {
    drop_event();
    if (yaml_parser_parse(&parser_, &event_) == 0) {
      const yaml_mark_t mark = parser_.problem_mark;
      std::string message = parser_.problem != nullptr ? parser_.problem : "not YAML";
      if (parser_.context != nullptr) message += std::string(" ") + parser_.context;
      diagnostics_.error({{document_.file, static_cast<uint32_t>(mark.line) + 1, static_cast<uint32_t>(mark.column) + 1},
                          "",
                          "not valid YAML: " + message,
                          ""});
      return false;
    }
    has_event_ = true;
    return true;
  }

  // The node that starts with the current event.
  bool value(Node& node, uint32_t depth) {
    if (depth > limits_.depth) return fail("nested too deeply");
    if (++nodes_ > limits_.nodes) return fail("too many values");
    node.line = static_cast<uint32_t>(event_.start_mark.line) + 1;
    node.column = static_cast<uint32_t>(event_.start_mark.column) + 1;
    const uint64_t before = nodes_;
    std::string anchor;
    switch (event_.type) {
      case YAML_ALIAS_EVENT:
        return alias(node, depth);
      case YAML_SCALAR_EVENT:
        anchor = name(event_.data.scalar.anchor);
        scalar(node);
        break;
      case YAML_SEQUENCE_START_EVENT:
        anchor = name(event_.data.sequence_start.anchor);
        if (!sequence(node, depth)) return false;
        break;
      case YAML_MAPPING_START_EVENT:
        anchor = name(event_.data.mapping_start.anchor);
        if (!mapping(node, depth)) return false;
        break;
      default:
        return fail("expected a value");
    }
    if (!anchor.empty()) anchors_[anchor] = {node, nodes_ - before + 1, height_};
    return true;
  }

  static std::string name(const yaml_char_t* text) { return text == nullptr ? "" : reinterpret_cast<const char*>(text); }

  // Aliases share their target's children; counting them as if copied bounds what later stages must walk.
  bool alias(Node& node, uint32_t depth) {
    const auto found = anchors_.find(name(event_.data.alias.anchor));
    if (found == anchors_.end()) return fail("unknown anchor " + quoted(name(event_.data.alias.anchor)));
    nodes_ += found->second.nodes;
    if (nodes_ > limits_.nodes) return fail("aliases expand to too many values");
    if (depth + found->second.height > limits_.depth) return fail("nested too deeply");
    const uint32_t line = node.line, column = node.column;
    node = found->second.node;
    node.line = line;
    node.column = column;
    height_ = found->second.height;
    return true;
  }

  std::string_view copy(std::string_view text) {
    char* const to = static_cast<char*>(document_.memory.allocate(text.size() + 1, 1));
    put(to, text);
    return {to, text.size()};
  }

  void set_text(Node& node, Node::Kind kind, std::string_view text) {
    const std::string_view kept = copy(text);
    node.kind = kind;
    node.chars = kept.data();
    node.size = static_cast<uint32_t>(kept.size());
  }

  void scalar(Node& node) {
    height_ = 0;
    const auto& scalar = event_.data.scalar;
    const std::string_view text(reinterpret_cast<const char*>(scalar.value), scalar.length);
    const bool untagged = scalar.tag == nullptr;
    const bool string_tag = !untagged && (name(scalar.tag) == "!" || name(scalar.tag) == YAML_STR_TAG);
    if (scalar.style != YAML_PLAIN_SCALAR_STYLE || string_tag) return set_text(node, Node::Kind::kString, text);
    if (text.empty() || text == "~" || is_word(text, "null")) return;
    const bool yes = is_any(text, {"true", "yes", "on", "y"});
    if (yes || is_any(text, {"false", "no", "off", "n"})) {
      node.kind = Node::Kind::kBool;
      node.boolean = yes;
      return;
    }
    plain(node, text);
  }

  // Integers may be hexadecimal or octal; those beyond 32 bits, like fractions, travel as strings.
  void plain(Node& node, std::string_view text) {
    const bool starts_like_number = (text[0] >= '0' && text[0] <= '9') || text[0] == '-' || text[0] == '+';
    if (!starts_like_number || text.size() > 24) return set_text(node, Node::Kind::kString, text);
    const std::string digits(text);
    char* end = nullptr;
    errno = 0;
    const long long number = std::strtoll(digits.c_str(), &end, 0);
    if (errno != 0 || end != digits.c_str() + digits.size()) return set_text(node, Node::Kind::kString, text);
    const bool small = number >= std::numeric_limits<int32_t>::min() && number <= std::numeric_limits<int32_t>::max();
    set_text(node, small ? Node::Kind::kNumber : Node::Kind::kString, std::to_string(number));
  }

  bool sequence(Node& node, uint32_t depth) {
    const size_t base = items_.size();
    uint32_t height = 0;
    while (true) {
      if (!next()) return false;
      if (event_.type == YAML_SEQUENCE_END_EVENT) break;
      Node item;
      if (!value(item, depth + 1)) return false;
      height = std::max(height, height_ + 1);
      items_.push_back(item);
    }
    height_ = height;
    node.kind = Node::Kind::kSequence;
    node.size = static_cast<uint32_t>(items_.size() - base);
    node.items = keep(items_, base);
    return true;
  }

  bool mapping(Node& node, uint32_t depth) {
    const size_t base = members_.size();
    uint32_t height = 0;
    while (true) {
      if (!next()) return false;
      if (event_.type == YAML_MAPPING_END_EVENT) break;
      if (event_.type != YAML_SCALAR_EVENT) return fail("expected a plain key");
      Member member;
      const auto& scalar = event_.data.scalar;
      member.key = copy({reinterpret_cast<const char*>(scalar.value), scalar.length});
      member.line = static_cast<uint32_t>(event_.start_mark.line) + 1;
      member.column = static_cast<uint32_t>(event_.start_mark.column) + 1;
      const bool ignored = name(scalar.tag) == "!ignore";  // a place for anchors, as Envoy has it
      if (!next() || !value(member.value, depth + 1)) return false;
      height = std::max(height, height_ + 1);
      if (!ignored) members_.push_back(member);
    }
    height_ = height;
    node.kind = Node::Kind::kMapping;
    node.size = static_cast<uint32_t>(members_.size() - base);
    if (const Member* twice = find_duplicate(members_.data() + base, node.size)) {
      diagnostics_.error({document_.at(*twice), "", "the key " + quoted(twice->key) + " occurs twice", ""});
      return false;
    }
    node.members = keep(members_, base);
    return true;
  }

  template <class T>
  const T* keep(std::vector<T>& from, size_t base) {
    const size_t count = from.size() - base;
    if (count == 0) return nullptr;
    T* const to = static_cast<T*>(document_.memory.allocate(count * sizeof(T), alignof(T)));
    std::uninitialized_copy(from.begin() + static_cast<ptrdiff_t>(base), from.end(), to);
    from.resize(base);
    return to;
  }

  struct Anchor {
    Node node;
    uint64_t nodes = 0;
    uint32_t height = 0;
  };

  Document& document_;
  Diagnostics& diagnostics_;
  const ReadLimits limits_;
  yaml_parser_t parser_;
  yaml_event_t event_{};
  bool has_event_ = false;
  uint64_t nodes_ = 0;
  uint32_t height_ = 0;  // how deep the value just read is
  std::unordered_map<std::string, Anchor> anchors_;
  std::vector<Node> items_;
  std::vector<Member> members_;
};

}  // namespace

std::unique_ptr<Document> read_yaml(std::string file, std::string source, Diagnostics& diagnostics, const ReadLimits& limits) {
  auto document = std::make_unique<Document>(std::move(file), std::move(source));
  if (document->source.size() > limits.bytes) {
    diagnostics.error({{document->file, 0, 0}, "", "larger than " + std::to_string(limits.bytes >> 20) + " MiB", ""});
    return nullptr;
  }
  if (!YamlReader(*document, diagnostics, limits).read()) return nullptr;
  return document;
}

}  // namespace weir::config
