#include "http/header_id.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace weir::http {

namespace {

constexpr std::array<std::string_view, kHeaderIdCount> kNames = {
    "",
    ":method",
    ":path",
    ":authority",
    ":scheme",
    ":protocol",
    ":status",
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "upgrade",
    "expect",
    "keep-alive",
    "proxy-connection",
    "trailer",
    "date",
    "server",
    "via",
    "cookie",
    "set-cookie",
    "content-type",
    "user-agent",
    "accept",
    "referer",
    "location",
    "http2-settings",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-client-cert",
    "x-request-id",
    "x-envoy-internal",
    "x-envoy-external-address",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-service-time",
    "x-envoy-upstream-canary",
    "x-envoy-upstream-stream-duration-ms",
    "x-envoy-upstream-healthchecked-cluster",
    "x-envoy-original-path",
    "x-envoy-original-host",
    "x-envoy-original-url",
    "x-envoy-attempt-count",
    "x-envoy-is-timeout-retry",
    "x-envoy-overloaded",
    "x-envoy-ratelimited",
    "x-envoy-degraded",
    "x-envoy-immediate-health-check-fail",
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    "x-envoy-max-retries",
    "x-envoy-retriable-status-codes",
    "x-envoy-retriable-header-names",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-force-trace",
    "x-envoy-ip-tags",
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
    "x-envoy-peer-metadata",
    "x-envoy-peer-metadata-id",
    "x-envoy-original-dst-host",
    "x-client-trace-id",
    "grpc-status",
    "grpc-message",
    "grpc-timeout",
    "alt-svc",
};

// A name is found by its first and its last letters, eight of each where there are so many; the table is filled at compile time,
// collisions chain to the next cell. The same letters are the comparison then, but for what lies between them.
constexpr size_t kTableBits = 9;
constexpr size_t kTableSize = size_t{1} << kTableBits;

template <class Word>
constexpr Word word(const char* at) {
  Word letters = 0;
  if (std::is_constant_evaluated()) {
    for (size_t i = sizeof(Word); i-- > 0;) letters = static_cast<Word>(letters << 8 | static_cast<unsigned char>(at[i]));
  } else {
    std::memcpy(&letters, at, sizeof letters);
  }
  return letters;
}

struct Ends {
  uint64_t first = 0, last = 0;
  constexpr bool operator==(const Ends&) const = default;
};

/// Of a name of two letters at least; they overlap in one that is short.
constexpr Ends ends(std::string_view name) {
  const auto both = [&]<class Word>(Word) -> Ends {
    return {word<Word>(name.data()), word<Word>(name.data() + name.size() - sizeof(Word))};
  };
  if (name.size() >= sizeof(uint64_t)) return both(uint64_t{});
  return name.size() >= sizeof(uint32_t) ? both(uint32_t{}) : both(uint16_t{});
}

constexpr size_t hash(const Ends& ends, size_t size) {
  const uint64_t mixed = (ends.first * 0x9e3779b97f4a7c15 + ends.last + size) * 0xd6e8feb86659fd93;
  return mixed >> (64 - kTableBits);
}

constexpr std::array<uint8_t, kTableSize> kTable = [] {
  std::array<uint8_t, kTableSize> table{};
  for (size_t id = 1; id < kNames.size(); ++id) {
    size_t cell = hash(ends(kNames[id]), kNames[id].size());
    while (table[cell] != 0) cell = (cell + 1) % kTableSize;
    table[cell] = static_cast<uint8_t>(id);
  }
  return table;
}();

// The names once more, each in a cell of the same size: found and compared without a call.
constexpr size_t kLongest = std::ranges::max(kNames, {}, &std::string_view::size).size();
struct Cell {
  Ends ends;
  uint8_t size = 0;
  char name[kLongest] = {};
};
constexpr std::array<Cell, kNames.size()> kCells = [] {
  std::array<Cell, kNames.size()> cells{};
  for (size_t id = 1; id < kNames.size(); ++id) {
    cells[id].ends = ends(kNames[id]);
    cells[id].size = static_cast<uint8_t>(kNames[id].size());
    std::ranges::copy(kNames[id], cells[id].name);
  }
  return cells;
}();

bool same(const Cell& cell, std::string_view name, const Ends& ends) {
  if (cell.size != name.size() || cell.ends != ends) return false;
  constexpr size_t kWord = sizeof(uint64_t);
  for (size_t at = kWord; at + kWord < name.size(); at += kWord) {  // the last word was compared, and may overlap this one
    if (at + 2 * kWord > name.size()) at = name.size() - 2 * kWord;
    if (word<uint64_t>(cell.name + at) != word<uint64_t>(name.data() + at)) return false;
  }
  return true;
}
static_assert(std::ranges::none_of(kNames, [](std::string_view name) { return name.size() == 1; }));

}  // namespace

std::string_view header_name(HeaderId id) { return kNames[static_cast<size_t>(id)]; }

HeaderId header_id(std::string_view name) {
  if (name.size() < 2) return HeaderId::kOther;
  const Ends letters = ends(name);
  for (size_t cell = hash(letters, name.size()); kTable[cell] != 0; cell = (cell + 1) % kTableSize) {
    if (same(kCells[kTable[cell]], name, letters)) return static_cast<HeaderId>(kTable[cell]);
  }
  return HeaderId::kOther;
}

}  // namespace weir::http
