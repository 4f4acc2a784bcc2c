#include "format/formatter.h"

#include <charconv>
#include <cstring>

#include "base/text.h"

namespace weir::format {

const std::string_view kDefaultLogFormat =
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% %RESPONSE_FLAGS% "
    "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" "
    "\"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n";

namespace {

/// One %COMMAND(ARGUMENTS):LENGTH% at the start of a text.
struct Token {
  std::string_view name;
  std::optional<std::string_view> arguments;
  std::optional<size_t> length;
  size_t size = 0;  // both percent signs included
};

constexpr bool is_name_character(char c) { return (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_'; }

/// What follows the name, or its arguments: ":LENGTH%" or "%".
bool read_token_end(std::string_view text, size_t at, Token& token) {
  token.length.reset();
  if (at < text.size() && text[at] == ':') {
    size_t end = at + 1;
    while (end < text.size() && is_digit(text[end])) ++end;
    token.length = parse_number<size_t>(text.substr(at + 1, end - at - 1));
    if (!token.length) return false;
    at = end;
  }
  token.size = at + 1;
  return at < text.size() && text[at] == '%';
}

/// `text` starts with '%'.
std::optional<Token> read_token(std::string_view text) {
  Token token;
  size_t at = 1;
  while (at < text.size() && is_name_character(text[at])) ++at;
  token.name = text.substr(1, at - 1);
  if (token.name.empty()) return std::nullopt;
  if (at >= text.size() || text[at] != '(') return read_token_end(text, at, token) ? std::optional(token) : std::nullopt;
  // Arguments may hold parentheses themselves: the first one that can be the last is.
  for (size_t close = text.find(')', at); close != std::string_view::npos; close = text.find(')', close + 1)) {
    token.arguments = text.substr(at + 1, close - at - 1);
    if (token.arguments->find('\n') != std::string_view::npos) break;
    if (read_token_end(text, close + 1, token)) return token;
  }
  return std::nullopt;
}

/// Text that grows in an arena.
class ArenaText {
 public:
  explicit ArenaText(Arena& arena) : arena_(arena) {}
  void append(std::string_view text) {
    if (size_ + text.size() > capacity_) grow(size_ + text.size());
    put(data_ + size_, text);
    size_ += text.size();
  }
  std::string_view text() const { return size_ == 0 ? std::string_view("") : std::string_view(data_, size_); }

 private:
  void grow(size_t needed) {
    capacity_ = std::max<size_t>(needed * 2, 96);
    char* data = arena_.allocate_chars(capacity_);
    if (size_ != 0) std::memcpy(data, data_, size_);
    data_ = data;
  }

  Arena& arena_;
  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace

Result<Formatter> Formatter::compile(std::string_view format, const FormatterOptions& options) {
  Formatter formatter;
  formatter.missing_ = options.omit_empty_values ? "" : "-";
  std::string literal;
  size_t at = 0;
  while (at < format.size()) {
    const size_t percent = format.find('%', at);
    literal += format.substr(at, percent - at);
    if (percent == std::string_view::npos) break;
    if (format.substr(percent).starts_with("%%")) {
      literal += '%';
      at = percent + 2;
      continue;
    }
    const std::optional<Token> token = read_token(format.substr(percent));
    if (!token) {
      return failure("format '" + std::string(format) + "': no operator at position " + std::to_string(percent) +
                     "; expected %NAME%, %NAME(ARGUMENTS)% or %NAME(ARGUMENTS):LENGTH%, or %% for a percent sign");
    }
    Result<Operator> op = Operator::compile(token->name, token->arguments, token->length, options.operators);
    if (!op) return failure("format '" + std::string(format) + "': " + op.error().message);
    formatter.parts_.push_back({std::exchange(literal, {}), std::move(*op)});
    at = percent + token->size;
  }
  formatter.tail_ = std::move(literal);
  formatter.parts_.shrink_to_fit();
  return formatter;
}

Formatter Formatter::literal(std::string text) {
  Formatter formatter;
  formatter.tail_ = std::move(text);
  return formatter;
}

template <class Out>
void Formatter::write(Out& out, const FormatContext& context) const {
  Scratch scratch;
  for (const Part& part : parts_) {
    out.append(part.before);
    const Value value = part.op.evaluate(context, scratch);
    switch (value.kind) {
      case Value::Kind::kMissing:
        out.append(missing_);
        break;
      case Value::Kind::kText:
      case Value::Kind::kJson:
        out.append(value.text);
        break;
      case Value::Kind::kNumber: {
        char digits[24];
        const char* end = std::to_chars(digits, digits + sizeof digits, value.number).ptr;
        out.append(std::string_view(digits, static_cast<size_t>(end - digits)));
        break;
      }
    }
  }
  out.append(tail_);
}

void Formatter::append(std::string& out, const FormatContext& context) const { write(out, context); }

std::string_view Formatter::evaluate(Arena& arena, const FormatContext& context) const {
  if (is_literal()) return tail_;
  if (const Operator* op = single_operator()) {
    Scratch scratch;
    const Value value = op->evaluate(context, scratch);
    if (value.missing()) return missing_;
    if (value.kind != Value::Kind::kNumber) return scratch.holds(value.text) ? arena.copy(value.text) : value.text;
  }
  ArenaText text(arena);
  write(text, context);
  return text.text();
}

}  // namespace weir::format
