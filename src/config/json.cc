// JSON: a strict reader (RFC 8259) that keeps positions and points into the text instead of copying it.
#include <cstring>
#include <vector>

#include "config/node.h"

namespace weir::config {

namespace {

class JsonReader {
 public:
  JsonReader(Document& document, Diagnostics& diagnostics, const ReadLimits& limits)
      : document_(document), diagnostics_(diagnostics), limits_(limits), begin_(document.source.data()) {
    at_ = line_start_ = begin_;
    end_ = begin_ + document.source.size();
  }

  bool read() {
    const size_t invalid = find_invalid_utf8(document_.source);
    skip_space();
    if (!value(document_.root, 1)) return false;
    skip_space();
    if (at_ != end_) return fail("expected the end of the file after the JSON value");
    if (invalid != document_.source.size()) return fail("invalid UTF-8");
    return true;
  }

 private:
  bool fail(std::string message) {
    diagnostics_.error({{document_.file, line_, column()}, "", std::move(message), ""});
    return false;
  }

  uint32_t column() const { return static_cast<uint32_t>(at_ - line_start_) + 1; }

  void skip_space() {
    while (at_ < end_) {
      const char c = *at_;
      if (c == '\n') {
        ++line_;
        line_start_ = at_ + 1;
      } else if (c != ' ' && c != '\t' && c != '\r') {
        return;
      }
      ++at_;
    }
  }

  bool take(char expected) {
    const bool there = at_ < end_ && *at_ == expected;
    if (there) ++at_;
    return there;
  }

  bool value(Node& node, uint32_t depth) {
    if (at_ == end_) return fail("the file ends in the middle of a value");
    if (++nodes_ > limits_.nodes) return fail("too many values");
    node.line = line_;
    node.column = column();
    switch (*at_) {
      case '{':
        return object(node, depth);
      case '[':
        return array(node, depth);
      case '"':
        node.kind = Node::Kind::kString;
        return string(node.chars, node.size);
      case 't':
        node.boolean = true;
        node.kind = Node::Kind::kBool;
        return word("true");
      case 'f':
        node.kind = Node::Kind::kBool;
        return word("false");
      case 'n':
        return word("null");
      default:
        return number(node);
    }
  }

  bool word(std::string_view expected) {
    if (static_cast<size_t>(end_ - at_) < expected.size() || std::memcmp(at_, expected.data(), expected.size()) != 0) {
      return fail("expected a value: an object, a list, a string in quotes, a number, true, false or null");
    }
    at_ += expected.size();
    return true;
  }

  bool digits() {
    const char* const first = at_;
    while (at_ < end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return at_ != first;
  }

  bool number(Node& node) {
    const char* const first = at_;
    if (*at_ == '-') ++at_;
    const char* const integer = at_;
    if (!digits()) {
      at_ = first;
      return word("a value");
    }
    if (*integer == '0' && at_ - integer > 1) return fail("a number must not start with a zero");
    if (at_ < end_ && *at_ == '.') {
      ++at_;
      if (!digits()) return fail("expected a digit after the decimal point");
    }
    if (at_ < end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!digits()) return fail("expected a digit in the exponent");
    }
    node.kind = Node::Kind::kNumber;
    node.chars = first;
    node.size = static_cast<uint32_t>(at_ - first);
    return true;
  }

  bool string(const char*& chars, uint32_t& size) {
    const char* const first = ++at_;
    while (at_ < end_) {
      const auto c = static_cast<unsigned char>(*at_);
      if (c == '"') {
        chars = first;
        size = static_cast<uint32_t>(at_ - first);
        ++at_;
        return true;
      }
      if (c == '\\') return escaped_string(first, chars, size);
      if (c < 0x20) return fail("a control character inside a string; write it as an escape such as \\n");
      ++at_;
    }
    return fail("a string without its closing quote");
  }

  // The rest of a string that holds escapes, copied into the document's memory.
  bool escaped_string(const char* first, const char*& chars, uint32_t& size) {
    scratch_.assign(first, at_);
    while (at_ < end_) {
      const char c = *at_;
      if (c == '"') {
        ++at_;
        char* const copy = static_cast<char*>(document_.memory.allocate(scratch_.size() + 1, 1));
        std::memcpy(copy, scratch_.data(), scratch_.size());
        chars = copy;
        size = static_cast<uint32_t>(scratch_.size());
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20) {
        return fail("a control character inside a string; write it as an escape such as \\n");
      }
      if (c == '\\') {
        if (!escape()) return false;
      } else {
        scratch_ += c;
        ++at_;
      }
    }
    return fail("a string without its closing quote");
  }

  bool escape() {
    if (end_ - at_ < 2) return fail("a string without its closing quote");
    const char c = at_[1];
    if (c == 'u') return unicode_escape();
    constexpr std::string_view kEscapes = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const size_t index = kEscapes.find(c);
    if (index == std::string_view::npos) return fail("an unknown escape in a string");
    scratch_ += kMeanings[index];
    at_ += 2;
    return true;
  }

  bool hex4(uint32_t& code) {
    if (end_ - at_ < 6 || at_[0] != '\\' || at_[1] != 'u') return false;
    code = 0;
    for (int i = 2; i < 6; ++i) {
      const char c = at_[i];
      code <<= 4;
      if (c >= '0' && c <= '9')
        code |= static_cast<uint32_t>(c - '0');
      else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        code |= static_cast<uint32_t>((c | 0x20) - 'a' + 10);
      else
        return false;
    }
    return true;
  }

  bool unicode_escape() {
    uint32_t code = 0;
    if (!hex4(code)) return fail("expected four hexadecimal digits after \\u");
    at_ += 6;
    if (code >= 0xd800 && code < 0xe000) {
      uint32_t low = 0;
      if (code >= 0xdc00 || !hex4(low) || low < 0xdc00 || low >= 0xe000) return fail("half of a surrogate pair in a string");
      at_ += 6;
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (code < 0x80) {
      scratch_ += static_cast<char>(code);
    } else if (code < 0x800) {
      scratch_ += {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
    } else if (code < 0x10000) {
      scratch_ += {static_cast<char>(0xe0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3f)),
                   static_cast<char>(0x80 | (code & 0x3f))};
    } else {
      scratch_ += {static_cast<char>(0xf0 | code >> 18), static_cast<char>(0x80 | (code >> 12 & 0x3f)),
                   static_cast<char>(0x80 | (code >> 6 & 0x3f)), static_cast<char>(0x80 | (code & 0x3f))};
    }
    return true;
  }

  bool array(Node& node, uint32_t depth) {
    if (depth > limits_.depth) return fail("nested too deeply");
    ++at_;
    const size_t base = items_.size();
    skip_space();
    if (at_ < end_ && *at_ == ']') {
      ++at_;
    } else {
      while (true) {
        Node item;
        if (!value(item, depth + 1)) return false;
        items_.push_back(item);
        skip_space();
        if (at_ == end_) return fail("a list without its closing bracket");
        const char c = *at_;
        if (c != ',' && c != ']') return fail("expected a comma or a closing bracket in a list");
        ++at_;
        if (c == ']') break;
        skip_space();
        if (take(']')) break;  // a comma too many, which Envoy lets pass
      }
    }
    node.kind = Node::Kind::kSequence;
    node.size = static_cast<uint32_t>(items_.size() - base);
    node.items = keep(items_, base);
    return true;
  }

  bool object(Node& node, uint32_t depth) {
    if (depth > limits_.depth) return fail("nested too deeply");
    ++at_;
    const size_t base = members_.size();
    skip_space();
    if (at_ < end_ && *at_ == '}') {
      ++at_;
    } else {
      while (true) {
        Member member;
        if (!key(member)) return false;
        if (!value(member.value, depth + 1)) return false;
        members_.push_back(member);
        skip_space();
        if (at_ == end_) return fail("an object without its closing brace");
        const char c = *at_;
        if (c != ',' && c != '}') return fail("expected a comma or a closing brace in an object");
        ++at_;
        if (c == '}') break;
        skip_space();
        if (take('}')) break;  // a comma too many, which Envoy lets pass
      }
    }
    node.kind = Node::Kind::kMapping;
    node.size = static_cast<uint32_t>(members_.size() - base);
    if (const Member* twice = find_duplicate(members_.data() + base, node.size)) {
      diagnostics_.error({document_.at(*twice), "", "the key " + quoted(twice->key) + " occurs twice", ""});
      return false;
    }
    node.members = keep(members_, base);
    return true;
  }

  bool key(Member& member) {
    if (at_ == end_ || *at_ != '"') return fail("expected a key in double quotes");
    member.line = line_;
    member.column = column();
    const char* chars = nullptr;
    uint32_t size = 0;
    if (!string(chars, size)) return false;
    member.key = {chars, size};
    skip_space();
    if (at_ == end_ || *at_ != ':') return fail("expected a colon after a key");
    ++at_;
    skip_space();
    return true;
  }

  // Moves the elements from `base` on into the document's memory.
  template <class T>
  const T* keep(std::vector<T>& from, size_t base) {
    const size_t count = from.size() - base;
    if (count == 0) return nullptr;
    T* const to = static_cast<T*>(document_.memory.allocate(count * sizeof(T), alignof(T)));
    std::uninitialized_copy(from.begin() + static_cast<ptrdiff_t>(base), from.end(), to);
    from.resize(base);
    return to;
  }

  Document& document_;
  Diagnostics& diagnostics_;
  const ReadLimits limits_;
  const char* const begin_;
  const char* at_;
  const char* end_;
  const char* line_start_;
  uint32_t line_ = 1;
  uint64_t nodes_ = 0;
  std::vector<Node> items_;      // of the lists being read, innermost last
  std::vector<Member> members_;  // of the objects being read, innermost last
  std::string scratch_;
};

}  // namespace

std::unique_ptr<Document> read_json(std::string file, std::string source, Diagnostics& diagnostics, const ReadLimits& limits) {
  auto document = std::make_unique<Document>(std::move(file), std::move(source));
  if (document->source.size() > limits.bytes) {
    diagnostics.error({{document->file, 0, 0}, "", "larger than " + std::to_string(limits.bytes >> 20) + " MiB", ""});
    return nullptr;
  }
  if (!JsonReader(*document, diagnostics, limits).read()) return nullptr;
  return document;
}

}  // namespace weir::config
