// Random identifiers, as x-request-id has them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/arena.h"
#include "base/random.h"

namespace weir::proxy {

/// RFC 9562 version 4, in lower-case hex.
inline std::string_view make_uuid(Arena& arena, Random& random) {
  struct Digits {
    char of[256][2];
  };
  static constexpr Digits kDigits = [] {
    Digits digits{};
    for (int i = 0; i < 256; ++i) {
      digits.of[i][0] = "0123456789abcdef"[i >> 4];
      digits.of[i][1] = "0123456789abcdef"[i & 15];
    }
    return digits;
  }();
  uint64_t words[2] = {random.next(), random.next()};
  const auto* bytes = reinterpret_cast<const unsigned char*>(words);
  char* const text = arena.allocate_chars(36);
  char* at = text;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
    std::memcpy(at, kDigits.of[bytes[i]], 2);
    at += 2;
  }
  text[14] = '4';
  text[19] = "89ab"[bytes[8] >> 6];
  return {text, 36};
}

}  // namespace weir::proxy
