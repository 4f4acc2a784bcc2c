#include "route/path_template.h"

#include <algorithm>

#include "base/text.h"

namespace weir::route {

namespace {

// The limits and the alphabet are those of the extension's documentation.
constexpr size_t kMaxVariables = 5;
constexpr size_t kMaxVariableName = 16;
constexpr std::string_view kLiteralClass = "[a-zA-Z0-9-._~%!$&'()+,;:@=]";
constexpr std::string_view kAnyClass = "[a-zA-Z0-9-._~%!$&'()+,;:@=/]";

constexpr bool is_alpha(char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }
constexpr bool is_literal(char c) {
  return is_alpha(c) || is_digit(c) || std::string_view("-._~%!$&'()+,;:@").find(c) != std::string_view::npos;
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

/// One piece of a template as it is read from left to right.
class Reader {
 public:
  explicit Reader(std::string_view pattern) : pattern_(pattern) {}

  Result<> read() {
    if (!pattern_.starts_with('/')) return wrong("must start with '/'");
    while (at_ < pattern_.size()) {
      const char c = pattern_[at_];
      if (after_any_ && c != '\0') return wrong("nothing may follow '**'");
      if (c == '{') {
        if (Result<> done = variable(); !done) return done;
      } else if (c == '*') {
        star();
      } else if (c == '/' || is_literal(c) || c == '=') {
        if (c == '/' && at_ + 1 < pattern_.size() && pattern_[at_ + 1] == '/') return wrong("holds an empty segment");
        literal(c);
      } else {
        return wrong(std::string("may not hold '") + c + "'");
      }
    }
    return {};
  }

  std::string regex;
  std::string prefix;
  std::vector<std::string> variables;

 private:
  std::unexpected<Error> wrong(std::string_view what) const {
    return failure("path template '" + std::string(pattern_) + "' " + std::string(what));
  }

  void literal(char c) {
    regex += quoted({&c, 1});
    if (!open_) prefix += c;
    ++at_;
  }

  void star() {
    open_ = true;
    if (pattern_.substr(at_).starts_with("**")) {
      regex.append(kAnyClass).append("*");
      at_ += 2;
      after_any_ = true;
    } else {
      regex.append(kLiteralClass).append("+");
      ++at_;
    }
  }

  /// "{name}" or "{name=pattern}".
  Result<> variable() {
    open_ = true;
    const size_t close = pattern_.find('}', at_);
    if (close == std::string_view::npos) return wrong("lacks a closing '}'");
    const std::string_view inside = pattern_.substr(at_ + 1, close - at_ - 1);
    const size_t equals = inside.find('=');
    const std::string_view name = inside.substr(0, equals);
    if (!is_variable_name(name)) return wrong("needs variable names of letters, digits and '_', at most 16");
    if (std::ranges::find(variables, name) != variables.end())
      return wrong("uses the variable '" + std::string(name) + "' twice");
    if (variables.size() == kMaxVariables) return wrong("has more than five variables");
    variables.emplace_back(name);
    regex += '(';
    if (equals == std::string_view::npos) {
      regex.append(kLiteralClass).append("+");
    } else {
      std::string_view rest = inside.substr(equals + 1);
      if (rest.empty()) return wrong("has a variable with an empty pattern");
      while (!rest.empty()) {
        if (after_any_) return wrong("nothing may follow '**'");
        if (rest.starts_with("**")) {
          regex.append(kAnyClass).append("*");
          rest.remove_prefix(2);
          after_any_ = true;
        } else if (rest[0] == '*') {
          regex.append(kLiteralClass).append("+");
          rest.remove_prefix(1);
        } else if (rest[0] == '/' || is_literal(rest[0])) {
          regex += quoted(rest.substr(0, 1));
          rest.remove_prefix(1);
        } else {
          return wrong(std::string("may not hold '") + rest[0] + "' in a variable");
        }
      }
    }
    regex += ')';
    at_ = close + 1;
    return {};
  }

  std::string_view pattern_;
  size_t at_ = 0;
  bool open_ = false;       // a variable part has begun
  bool after_any_ = false;  // '**' was read
};

constexpr uint32_t kNoLimit = 1'000'000;

}  // namespace

Result<PathTemplate> PathTemplate::compile(std::string_view pattern) {
  Reader reader(pattern);
  if (Result<> read = reader.read(); !read) return std::unexpected(read.error());
  Result<Regex> regex = Regex::compile("^" + reader.regex + "$", kNoLimit);
  if (!regex) return std::unexpected(regex.error());
  PathTemplate result;
  result.pattern_ = pattern;
  result.literal_prefix_ = std::move(reader.prefix);
  result.variables_ = std::move(reader.variables);
  result.regex_ = std::move(*regex);
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
    } else if (c == '/' || c == '=' || is_literal(c)) {
      replacement += c;
    } else {
      return wrong(std::string("may not hold '") + c + "'");
    }
  }
  Result<RegexRewrite> rewrite = RegexRewrite::make(matched.regex(), std::move(replacement));
  if (!rewrite) return std::unexpected(rewrite.error());
  TemplateRewrite result;
  result.rewrite_ = std::move(*rewrite);
  return result;
}

}  // namespace weir::route
