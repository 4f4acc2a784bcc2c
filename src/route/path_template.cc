#include "route/path_template.h"

#include <algorithm>

#include "base/text.h"

namespace weir::route {

namespace {

// The limits and the alphabet are those of the extension's documentation.
constexpr size_t kMaxVariables = 5;
constexpr size_t kMaxVariableName = 16;
constexpr std::string_view kLiteralClass = "[a-zA-Z0-9-._~%!$&'()+,;:@=*]";
constexpr std::string_view kAnyClass = "[a-zA-Z0-9-._~%!$&'()+,;:@=*/]";

constexpr bool is_alpha(char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }
constexpr bool is_literal(char c) {
  return is_alpha(c) || is_digit(c) || std::string_view("-._~%!$&'()+,;:@=*").find(c) != std::string_view::npos;
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxVariableName && is_alpha(name[0]) &&
         std::ranges::all_of(name, [](char c) { return is_alpha(c) || is_digit(c) || c == '_'; });
}

std::string quoted(std::string_view text) {
  std::string result;
  for (char c : text) {
    if (!is_alpha(c) && !is_digit(c) && c != '/') result += '\\';
    result += c;
  }
  return result;
}

/// Reads a template from left to right. A segment is an operator, an operator with a literal behind it, or a literal; a '*'
/// inside of a literal stands for itself.
class Reader {
 public:
  explicit Reader(std::string_view pattern) : pattern_(pattern), rest_(pattern) {}

  Result<> read() {
    if (!rest_.starts_with('/')) return wrong("must start with '/'");
    while (!rest_.empty()) {
      if (suffix_) return wrong("has segments behind an operator with a literal");
      add_literal(rest_.substr(0, 1));  // the slash
      rest_.remove_prefix(1);
      if (rest_.empty()) break;  // a slash may stand at the end
      bool op = false;
      if (rest_[0] == '{') {
        if (Result<> done = variable(); !done) return done;
        op = true;
      } else if (rest_[0] == '*') {
        if (Result<> done = glob(rest_); !done) return done;
        op = true;
      }
      const std::string_view literal = rest_.substr(0, rest_.find('/'));
      if (literal.empty() ? !op : !std::ranges::all_of(literal, is_literal)) {
        return wrong(literal.empty() ? "holds an empty segment" : "cannot hold '" + std::string(literal) + "'");
      }
      suffix_ = op && !literal.empty();
      add_literal(literal);
      rest_.remove_prefix(literal.size());
    }
    return {};
  }

  std::string regex;
  std::string prefix;
  std::vector<std::string> variables;

 private:
  std::unexpected<Error> wrong(const std::string& what) const {
    return failure("path template '" + std::string(pattern_) + "' " + what);
  }

  void add_literal(std::string_view text) {
    regex += quoted(text);
    if (!open_) prefix += text;
  }

  /// "*" or "**" at the start of `rest`.
  Result<> glob(std::string_view& rest) {
    open_ = true;
    if (after_any_) return wrong("has another operator behind '**'");
    after_any_ = rest.starts_with("**");
    regex.append(after_any_ ? kAnyClass : kLiteralClass).append(after_any_ ? "*" : "+");
    rest.remove_prefix(after_any_ ? 2 : 1);
    return {};
  }

  /// "{name}" or "{name=pattern}".
  Result<> variable() {
    open_ = true;
    const size_t close = rest_.find('}');
    if (close == std::string_view::npos) return wrong("lacks a closing '}'");
    const std::string_view inside = rest_.substr(1, close - 1);
    rest_.remove_prefix(close + 1);
    const size_t equals = inside.find('=');
    const std::string_view name = inside.substr(0, equals);
    if (!is_variable_name(name)) return wrong("needs variable names of letters, digits and '_', at most 16");
    if (std::ranges::find(variables, name) != variables.end())
      return wrong("uses the variable '" + std::string(name) + "' twice");
    if (variables.size() == kMaxVariables) return wrong("has more than five variables");
    variables.emplace_back(name);

    std::string_view pattern = equals == std::string_view::npos ? "*" : inside.substr(equals + 1);
    if (pattern.empty()) return wrong("has a variable with an empty pattern");
    regex += '(';
    while (true) {
      const size_t end = std::min(pattern.find('/'), pattern.size());
      std::string_view segment = pattern.substr(0, end);
      if (segment == "*" || segment == "**") {
        if (Result<> done = glob(segment); !done) return done;
      } else if (segment.empty() || segment[0] == '*' || !std::ranges::all_of(segment, is_literal)) {
        return wrong("has the variable '" + std::string(name) + "' with a pattern that cannot hold '" + std::string(segment) +
                     "'");
      } else {
        regex += quoted(segment);
      }
      if (end == pattern.size()) break;
      regex += '/';
      pattern.remove_prefix(end + 1);
    }
    regex += ')';
    return {};
  }

  std::string_view pattern_;
  std::string_view rest_;
  bool open_ = false;       // an operator was read
  bool after_any_ = false;  // '**' was read
  bool suffix_ = false;     // the last segment is an operator with a literal
};

constexpr uint32_t kNoLimit = 1'000'000;

}  // namespace

Result<PathTemplate> PathTemplate::compile(std::string_view pattern) {
  Reader reader(pattern);
  if (Result<> read = reader.read(); !read) return std::unexpected(read.error());
  Result<Regex> regex = Regex::compile("^" + reader.regex + "$", kNoLimit);
  if (!regex) return std::unexpected(regex.error());
  PathTemplate result;
  result.compiled_ =
      std::make_shared<Compiled>(std::string(pattern), std::move(reader.prefix), std::move(reader.variables), std::move(*regex));
  return result;
}

Result<TemplateRewrite> TemplateRewrite::compile(std::string_view pattern, const PathTemplate& matched) {
  auto wrong = [&](std::string what) {
    return failure("path template rewrite '" + std::string(pattern) + "' " + std::move(what));
  };
  if (!pattern.starts_with('/')) return wrong("must start with '/'");
  std::string replacement;
  for (size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (c == '{') {
      const size_t close = pattern.find('}', at);
      if (close == std::string_view::npos) return wrong("lacks a closing '}'");
      const std::string_view name = pattern.substr(at + 1, close - at - 1);
      const auto variable = std::ranges::find(matched.variables(), name);
      if (variable == matched.variables().end()) {
        return wrong("uses the variable '" + std::string(name) + "', which the path template '" + matched.pattern() +
                     "' does not have");
      }
      replacement += "\\" + std::to_string(variable - matched.variables().begin() + 1);
      at = close;
    } else if (c == '/' && pattern.substr(at).starts_with("//")) {
      return wrong("holds an empty segment");
    } else if (c == '/' || is_literal(c)) {
      replacement += c;
    } else {
      return wrong(std::string("may not hold '") + c + "'");
    }
  }
  TemplateRewrite result;
  result.rewrite_ = RegexRewrite::make(matched.regex(), replacement);
  return result;
}

}  // namespace weir::route
