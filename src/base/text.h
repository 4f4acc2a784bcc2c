// Small, exact operations on text: ASCII case, numbers, white space.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// ASCII lower case, in place.
inline void lower_in_place(char* text, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    text[i] = static_cast<char>(c | (static_cast<unsigned char>(c - 'A') < 26 ? 0x20 : 0));
  }
}

inline std::string lower(std::string_view text) {
  std::string result(text);
  lower_in_place(result.data(), result.size());
  return result;
}

/// Equal but for the case of ASCII letters.
inline bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

/// Copies `text` to `to` and returns where it ends. An empty text may lie nowhere at all, and memcpy() takes no null pointer.
inline char* put(char* to, std::string_view text) {
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

/// Without spaces and tabs at both ends (RFC 9110 §5.6.3, OWS).
constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// All of `text` as a decimal number; nothing if it holds anything else or does not fit.
template <class Integer = uint64_t>
std::optional<Integer> parse_number(std::string_view text) {
  Integer value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

/// The next piece of a list split at `separator`, trimmed; removes it from `rest`.
inline std::string_view next_token(std::string_view& rest, char separator = ',') {
  const size_t at = rest.find(separator);
  const std::string_view token = trim(rest.substr(0, at));
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return token;
}

/// Whether a comma-separated list holds `token`, whatever its case (RFC 9110 §5.6.1).
inline bool list_has_token(std::string_view list, std::string_view token) {
  if (list == token) return true;  // mostly it is the only one
  while (!list.empty()) {
    if (iequals(next_token(list), token)) return true;
  }
  return false;
}

}  // namespace weir
