// Which bytes may stand where in a message: one table for all sets of the grammars (RFC 9110 §5.5, §5.6.2; RFC 3986 §3.1, §3.2).
#pragma once

#include <emmintrin.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace weir::http {

enum class Bytes : uint8_t {
  kToken = 1,
  kLowerToken = 2,  // a name as HTTP/2 spells it
  kAuthority = 4,   // with userinfo
  kScheme = 8,
  kVisible = 16,  // ASCII without blanks and control characters
  kPath = 32,     // the same, and everything above ASCII
};

namespace detail {

constexpr bool is_one_of(unsigned char c, std::string_view set) { return set.find(static_cast<char>(c)) != set.npos; }

inline constexpr std::array<uint8_t, 256> kSets = [] {
  std::array<uint8_t, 256> sets{};
  for (unsigned c = 0; c < sets.size(); ++c) {
    const auto byte = static_cast<unsigned char>(c);
    const bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';
    const bool token = upper || lower || digit || is_one_of(byte, "!#$%&'*+-.^_`|~");
    const bool visible = c > 0x20 && c < 0x7f;
    const auto add = [&](bool member, Bytes set) { sets[c] |= member ? static_cast<uint8_t>(set) : uint8_t{0}; };
    add(token, Bytes::kToken);
    add(token && !upper, Bytes::kLowerToken);
    add(upper || lower || digit || is_one_of(byte, "-._~!$&'()*+,;=:@[]%"), Bytes::kAuthority);
    add(upper || lower || digit || is_one_of(byte, "+-."), Bytes::kScheme);
    add(visible, Bytes::kVisible);
    add(visible || c >= 0x80, Bytes::kPath);
  }
  return sets;
}();

/// What no field value may hold: control characters other than tab. A bit for each of 16 bytes.
inline int bad_in_value(__m128i bytes) {
  const __m128i printable = _mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8(0x20)), bytes);
  const __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t')), del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
  const __m128i good = _mm_andnot_si128(del, _mm_or_si128(printable, tab));
  return _mm_movemask_epi8(good) ^ 0xffff;
}

inline __m128i load(const char* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }

}  // namespace detail

/// Whether `text` holds nothing but bytes of the set. Empty text does.
constexpr bool all_of(std::string_view text, Bytes set) {
  uint8_t common = static_cast<uint8_t>(set);
  for (const char c : text) common &= detail::kSets[static_cast<unsigned char>(c)];
  return common != 0;
}

/// The first byte that cannot be part of a field value. There must be one; reads up to 15 bytes past it.
inline char* find_end_of_value(char* at) {
  for (;; at += 16) {
    if (const int bad = detail::bad_in_value(detail::load(at)); bad != 0) return at + __builtin_ctz(static_cast<unsigned>(bad));
  }
}

/// A field value without blanks around it (RFC 9110 §5.5, RFC 9113 §8.2.1).
inline bool is_field_value(std::string_view text) {
  if (text.empty()) return true;
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  if (blank(text.front()) || blank(text.back())) return false;
  if (text.size() < 16) {
    char padded[16];
    std::memset(padded, ' ', sizeof padded);
    std::memcpy(padded, text.data(), text.size());
    return detail::bad_in_value(detail::load(padded)) == 0;
  }
  int bad = detail::bad_in_value(detail::load(text.data() + text.size() - 16));  // the blocks may overlap
  for (size_t at = 0; at + 16 <= text.size(); at += 16) bad |= detail::bad_in_value(detail::load(text.data() + at));
  return bad == 0;
}

}  // namespace weir::http
