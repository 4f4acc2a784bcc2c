#include "http/header_id.h"

#include <algorithm>
#include <cstring>

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

// A name is found by its length and three of its letters; the table is filled at compile time, collisions chain to the next cell.
constexpr size_t kTableSize = 512;

constexpr size_t hash(std::string_view name) {
  const auto at = [name](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(name[i])); };
  const size_t n = name.size();
  return (n * 31 + at(0) * 7 + at(n / 2) * 131 + at(n - 1) * 17 + at(n - 1 - n / 3) * 57) % kTableSize;
}

constexpr std::array<uint8_t, kTableSize> kTable = [] {
  std::array<uint8_t, kTableSize> table{};
  for (size_t id = 1; id < kNames.size(); ++id) {
    size_t cell = hash(kNames[id]);
    while (table[cell] != 0) cell = (cell + 1) % kTableSize;
    table[cell] = static_cast<uint8_t>(id);
  }
  return table;
}();

// The names once more, each in a cell of the same size: found and compared without a call.
constexpr size_t kLongest = std::ranges::max(kNames, {}, &std::string_view::size).size();
struct Cell {
  uint8_t size = 0;
  char name[kLongest] = {};
};
constexpr std::array<Cell, kNames.size()> kCells = [] {
  std::array<Cell, kNames.size()> cells{};
  for (size_t id = 0; id < kNames.size(); ++id) {
    cells[id].size = static_cast<uint8_t>(kNames[id].size());
    std::ranges::copy(kNames[id], cells[id].name);
  }
  return cells;
}();

template <class Word>
bool differ(const char* a, const char* b) {
  Word left, right;
  std::memcpy(&left, a, sizeof left);
  std::memcpy(&right, b, sizeof right);
  return left != right;
}

/// Of the same size, in words; the last one may overlap the one before.
template <class Word>
bool same_words(const char* a, const char* b, size_t size) {
  for (size_t at = 0; at + sizeof(Word) < size; at += sizeof(Word)) {
    if (differ<Word>(a + at, b + at)) return false;
  }
  return !differ<Word>(a + size - sizeof(Word), b + size - sizeof(Word));
}

bool same(const Cell& cell, std::string_view name) {
  if (cell.size != name.size()) return false;
  if (name.size() >= sizeof(uint64_t)) return same_words<uint64_t>(cell.name, name.data(), name.size());
  return same_words<uint16_t>(cell.name, name.data(), name.size());  // none has less than two letters
}
static_assert(std::ranges::none_of(kNames, [](std::string_view name) { return name.size() == 1; }));

}  // namespace

std::string_view header_name(HeaderId id) { return kNames[static_cast<size_t>(id)]; }

HeaderId header_id(std::string_view name) {
  if (name.empty()) return HeaderId::kOther;
  for (size_t cell = hash(name); kTable[cell] != 0; cell = (cell + 1) % kTableSize) {
    if (same(kCells[kTable[cell]], name)) return static_cast<HeaderId>(kTable[cell]);
  }
  return HeaderId::kOther;
}

}  // namespace weir::http
