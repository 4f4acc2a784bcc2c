#include "route/regex.h"

#include <re2/re2.h>

namespace weir::route {

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

Result<Regex> Regex::compile(std::string_view pattern, uint32_t max_program_size) {
  re2::RE2::Options options(re2::RE2::Quiet);
  auto compiled = std::make_shared<re2::RE2>(piece(pattern), options);
  if (!compiled->ok()) return failure("'" + std::string(pattern) + "' is not a regular expression (RE2): " + compiled->error());
  if (compiled->ProgramSize() > static_cast<int>(max_program_size)) {
    return failure("'" + std::string(pattern) + "' is too complex: its RE2 program size is " +
                   std::to_string(compiled->ProgramSize()) + ", the runtime key re2.max_program_size.error_level allows " +
                   std::to_string(max_program_size));
  }
  Regex regex;
  regex.literal_prefix_ = literal_prefix_of(pattern);
  regex.re2_ = std::move(compiled);
  return regex;
}

bool Regex::full_match(std::string_view text) const { return re2::RE2::FullMatch(piece(text), *re2_); }

const std::string& Regex::pattern() const { return re2_->pattern(); }

Result<RegexRewrite> RegexRewrite::make(Regex regex, std::string replacement) {
  std::string error;
  if (!regex.re2_->CheckRewriteString(piece(replacement), &error)) {
    return failure("'" + replacement + "' cannot replace what '" + regex.pattern() + "' matches: " + error);
  }
  RegexRewrite rewrite;
  rewrite.regex_ = std::move(regex);
  rewrite.replacement_ = std::move(replacement);
  return rewrite;
}

std::string_view RegexRewrite::apply(std::string_view text, Arena& arena) const {
  std::string result(text);
  if (re2::RE2::GlobalReplace(&result, *regex_.re2_, piece(replacement_)) == 0) return text;
  return arena.copy(result);
}

}  // namespace weir::route
