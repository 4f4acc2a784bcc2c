#include "format/regex.h"

#include <re2/re2.h>

#include "base/text.h"

namespace weir::format {

namespace {

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

/// The longest start of `pattern` that stands for itself; "" if the pattern may hold alternatives, quotes or flags outside of
/// what is read here. Too short an answer costs time, too long a one would be wrong.
std::string literal_prefix_of(std::string_view pattern) {
  if (pattern.find('|') != std::string_view::npos) return {};
  if (pattern.starts_with('^')) pattern.remove_prefix(1);
  std::string prefix;
  for (size_t i = 0; i < pattern.size(); ++i) {
    char c = pattern[i];
    size_t next = i + 1;
    if (c == '\\') {
      if (next >= pattern.size() || std::string_view(".+*?()[]{}|^$\\/-").find(pattern[next]) == std::string_view::npos) break;
      c = pattern[next++];
    } else if (std::string_view(".+*?()[]{}|^$").find(c) != std::string_view::npos || static_cast<unsigned char>(c) >= 0x80) {
      break;
    }
    if (next < pattern.size() && (pattern[next] == '*' || pattern[next] == '?' || pattern[next] == '{')) break;
    prefix += c;
    i = next - 1;
  }
  return prefix;
}

}  // namespace

struct Regex::Compiled {
  Compiled(std::string_view pattern) : re2(piece(pattern), re2::RE2::Quiet), literal_prefix(literal_prefix_of(pattern)) {}
  re2::RE2 re2;
  std::string literal_prefix;
};

struct RegexRewrite::Compiled {
  Regex regex;
  std::string replacement;
};

Result<Regex> Regex::compile(std::string_view pattern, uint32_t max_program_size) {
  auto compiled = std::make_shared<Compiled>(pattern);
  const re2::RE2& re2 = compiled->re2;
  if (!re2.ok()) return failure("'" + std::string(pattern) + "' is not a regular expression (RE2): " + re2.error());
  if (static_cast<uint32_t>(re2.ProgramSize()) > max_program_size) {
    return failure("'" + std::string(pattern) + "' is too complex: its RE2 program size is " + std::to_string(re2.ProgramSize()) +
                   ", the runtime key re2.max_program_size.error_level allows " + std::to_string(max_program_size));
  }
  Regex regex;
  regex.compiled_ = std::move(compiled);
  return regex;
}

bool Regex::full_match(std::string_view text) const { return re2::RE2::FullMatch(piece(text), compiled_->re2); }

std::string_view Regex::pattern() const { return compiled_->re2.pattern(); }

std::string_view Regex::literal_prefix() const { return compiled_->literal_prefix; }

RegexRewrite RegexRewrite::make(Regex regex, std::string_view replacement) {
  for (size_t at = replacement.find('\\'); at < replacement.size(); at = replacement.find('\\', at + 2)) {
    const char escaped = at + 1 < replacement.size() ? replacement[at + 1] : '\0';
    if (escaped != '\\' && !is_digit(escaped)) replacement = replacement.substr(0, at);
  }
  RegexRewrite rewrite;
  rewrite.compiled_ = std::make_shared<Compiled>(std::move(regex), std::string(replacement));
  return rewrite;
}

std::string_view RegexRewrite::apply(std::string_view text, Arena& arena) const {
  std::string result(text);
  if (re2::RE2::GlobalReplace(&result, compiled_->regex.compiled_->re2, piece(compiled_->replacement)) == 0) return text;
  return arena.copy(result);
}

}  // namespace weir::format
