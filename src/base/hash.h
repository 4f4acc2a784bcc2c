// xxHash64: the hash that Envoy shows as the "version" of a configuration.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace weir {

/// As specified by the xxHash fast digest algorithm (XXH64), seed 0.
inline uint64_t xxhash64(std::string_view text, uint64_t seed = 0) {
  constexpr uint64_t p1 = 0x9E3779B185EBCA87, p2 = 0xC2B2AE3D27D4EB4F, p3 = 0x165667B19E3779F9, p4 = 0x85EBCA77C2B2AE63,
                     p5 = 0x27D4EB2F165667C5;
  const auto rotate = [](uint64_t x, int by) { return (x << by) | (x >> (64 - by)); };
  const auto round = [&](uint64_t lane, uint64_t input) { return rotate(lane + input * p2, 31) * p1; };
  const char* at = text.data();
  size_t left = text.size();
  const auto take = [&]<class Word>(Word) {
    Word word;
    std::memcpy(&word, at, sizeof word);
    at += sizeof word;
    left -= sizeof word;
    return static_cast<uint64_t>(word);
  };

  uint64_t hash = seed + p5;
  if (left >= 32) {
    uint64_t lanes[4] = {seed + p1 + p2, seed + p2, seed, seed - p1};
    while (left >= 32) {
      for (uint64_t& lane : lanes) lane = round(lane, take(uint64_t{}));
    }
    hash = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
    for (const uint64_t lane : lanes) hash = (hash ^ round(0, lane)) * p1 + p4;
  }
  hash += text.size();
  while (left >= 8) hash = rotate(hash ^ round(0, take(uint64_t{})), 27) * p1 + p4;
  if (left >= 4) hash = rotate(hash ^ (take(uint32_t{}) * p1), 23) * p2 + p3;
  while (left > 0) hash = rotate(hash ^ (take(uint8_t{}) * p5), 11) * p1;
  hash = (hash ^ (hash >> 33)) * p2;
  hash = (hash ^ (hash >> 29)) * p3;
  return hash ^ (hash >> 32);
}

}  // namespace weir
