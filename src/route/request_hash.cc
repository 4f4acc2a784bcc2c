#include "route/request_hash.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <span>

#include "base/hash.h"
#include "base/text.h"

namespace weir::route {

namespace {

using http::HeaderMap;

std::optional<uint64_t> header_hash(const HashPolicy& policy, const HeaderMap& request) {
  const auto value = [&](std::string_view text) {
    return policy.header_rewrite ? policy.header_rewrite->apply(text, request.arena()) : text;
  };
  if (http::is_pseudo(policy.header.id)) {
    const std::string_view text = request.pseudo(policy.header.id);
    if (text.data() == nullptr) return std::nullopt;
    return xxhash64(value(text));
  }
  size_t count = 0;
  for (const http::Header& line : request) count += line.name == policy.header.text;
  if (count == 0) return std::nullopt;
  auto* values = request.arena().allocate_array<std::string_view>(count);
  size_t next = 0;
  for (const http::Header& line : request) {
    if (line.name != policy.header.text) continue;
    values[next++] = value(line.value);
  }
  std::sort(values, values + count);  // so that the order of lines does not matter
  uint64_t hash = 0;
  for (const std::string_view each : std::span(values, count)) hash = xxhash64(each, hash);  // each seeds the next
  return hash;
}

std::optional<uint64_t> hash_of(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return xxhash64(text);
}

/// The client gets a cookie that stands for its connection, so that requests that race for one get the same.
std::optional<uint64_t> cookie_hash(const HashPolicy& policy, const HeaderMap& request, const format::StreamInfo& info,
                                    std::vector<std::string_view>* set_cookies) {
  const std::string_view known = cookie_value(request, policy.name);
  if (!known.empty() || !policy.cookie_ttl_s || set_cookies == nullptr || info.connection == nullptr) return hash_of(known);
  const net::AddressPtr& remote = info.client();
  const net::AddressPtr& local = info.connection->local_address;
  if (remote == nullptr || local == nullptr) return std::nullopt;
  Arena& arena = request.arena();
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016" PRIx64, xxhash64(arena.join(remote->text(), local->text())));
  const std::string_view value = arena.copy(std::string_view(digits, 16));
  std::string text = policy.name + "=\"" + std::string(value) + "\"";
  if (*policy.cookie_ttl_s != 0) text += "; Max-Age=" + std::to_string(*policy.cookie_ttl_s);
  if (!policy.cookie_path.empty()) text += "; Path=" + policy.cookie_path;
  for (const HashPolicy::CookieAttribute& attribute : policy.cookie_attributes) {
    text += "; " + attribute.name;
    if (!attribute.value.empty()) text += "=" + attribute.value;
  }
  set_cookies->push_back(arena.copy(text += "; HttpOnly"));
  return xxhash64(value);
}

std::optional<uint64_t> hash(const HashPolicy& policy, const HeaderMap& request, const format::StreamInfo& info,
                             std::vector<std::string_view>* set_cookies) {
  switch (policy.kind) {
    case HashPolicy::Kind::kHeader:
      return header_hash(policy, request);
    case HashPolicy::Kind::kCookie:
      return cookie_hash(policy, request, info, set_cookies);
    case HashPolicy::Kind::kSourceIp: {
      const net::AddressPtr address = info.connection == nullptr ? nullptr : info.client();
      return address == nullptr || !address->is_ip() ? std::nullopt : hash_of(address->ip());
    }
    case HashPolicy::Kind::kQueryParameter: {
      const std::optional<std::string_view> value = query_value(request.path(), policy.name);
      if (!value) return std::nullopt;
      return xxhash64(*value);
    }
    case HashPolicy::Kind::kFilterState: {  // only addresses have a hash
      const format::FilterState::Object* object = info.filter_state.find(policy.name);
      return object == nullptr || object->address == nullptr ? std::nullopt : hash_of(object->address->text());
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<uint64_t> request_hash(std::span<const HashPolicy> policies, const HeaderMap& request,
                                     const format::StreamInfo& info, std::vector<std::string_view>* set_cookies) {
  std::optional<uint64_t> result;
  for (const HashPolicy& policy : policies) {
    if (const std::optional<uint64_t> next = hash(policy, request, info, set_cookies)) {
      const uint64_t before = result.value_or(0);
      result = ((before << 1) | (before >> 63)) ^ *next;
    }
    if (policy.terminal && result) break;
  }
  return result;
}

std::string_view cookie_value(const HeaderMap& request, std::string_view name) {
  for (const http::Header& line : request) {
    if (line.id != http::HeaderId::kCookie) continue;
    std::string_view rest = line.value;
    while (!rest.empty()) {
      const std::string_view pair = next_token(rest, ';');
      const size_t equals = pair.find('=');
      if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
      std::string_view value = pair.substr(equals + 1);
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
      return value.data() == nullptr ? std::string_view("") : value;
    }
  }
  return {};
}

}  // namespace weir::route
