#include "filter/stateful_session.h"

#include <algorithm>

#include "base/clock.h"
#include "loop/event_loop.h"
#include "route/request_hash.h"

namespace weir::filter {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kAddressField = 1 << 3 | 2;  // of the message: a text
constexpr char kExpiresField = 2 << 3 | 0;  // a number

void put_varint(std::string& to, uint64_t number) {
  for (; number >= 0x80; number >>= 7) to += static_cast<char>(number | 0x80);
  to += static_cast<char>(number);
}

bool take_varint(std::string_view& from, uint64_t& number) {
  number = 0;
  for (int shift = 0; !from.empty() && shift < 64; shift += 7) {
    const auto byte = static_cast<unsigned char>(from.front());
    from.remove_prefix(1);
    number |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

/// A path "/a" stands for itself and what is below it, "/a/" for the latter.
bool below(std::string_view request, std::string_view path) {
  if (path.empty() || path == "/") return true;
  if (!request.starts_with(path)) return false;
  if (path.back() == '/' || request.size() == path.size()) return true;
  const char next = request[path.size()];
  return next == '/' || next == '?' || next == '#';
}

class StatefulSession final : public Filter {
 public:
  explicit StatefulSession(const StatefulSessionSpec& spec) : spec_(spec) {}

  Verdict on_request(Exchange& exchange) override {
    active_ = spec_.kind != StatefulSessionSpec::Kind::kNone && below(exchange.request.path(), spec_.path);
    if (!active_) return Verdict::proceed();
    const std::string address = known(exchange);
    if (!address.empty()) {
      wanted_ = exchange.info.wanted_host = exchange.arena.copy(address);
      exchange.info.wanted_host_strict = spec_.strict;
    }
    return Verdict::proceed();
  }

  /// The client is told where its session is, unless it knows.
  Verdict on_response(Exchange& exchange) override {
    if (!active_ || exchange.info.upstream_remote_address == nullptr) return Verdict::proceed();
    const std::string& address = exchange.info.upstream_remote_address->text();
    if (address == wanted_) return Verdict::proceed();
    if (spec_.kind == StatefulSessionSpec::Kind::kHeader) {
      exchange.response.set(spec_.name, exchange.arena.copy(base64(address)));
      return Verdict::proceed();
    }
    const int64_t expires_s = spec_.ttl_s == 0 ? 0 : exchange.loop.now() / kNsPerSecond + spec_.ttl_s;
    const std::string cookie = spec_.name + "=\"" + session_value(address, expires_s) + "\"" + spec_.cookie_tail;
    exchange.response.add(http::HeaderId::kSetCookie, exchange.arena.copy(cookie));
    return Verdict::proceed();
  }

 private:
  std::string known(const Exchange& exchange) const {
    if (spec_.kind == StatefulSessionSpec::Kind::kCookie) {
      return session_address(route::cookie_value(exchange.request, spec_.name), exchange.loop.now() / kNsPerSecond);
    }
    for (const http::Header& line : exchange.request) {
      if (line.name == spec_.name) return from_base64(line.value);
    }
    return {};
  }

  const StatefulSessionSpec& spec_;
  std::string_view wanted_;
  bool active_ = false;
};

class Factory final : public FilterFactory {
 public:
  explicit Factory(StatefulSessionSpec spec) : spec_(std::move(spec)) {}
  Filter* make(Exchange& exchange, const RouteSettings& settings) const override {
    // A route that disables the filter says so with a specification of no kind.
    const auto* said = static_cast<const StatefulSessionSettings*>(settings.most_specific());
    return make_in<StatefulSession>(exchange.arena, said != nullptr ? said->spec : spec_);
  }

 private:
  const StatefulSessionSpec spec_;
};

}  // namespace

std::string base64(std::string_view bytes) {
  std::string result;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0);
    for (size_t k = 0; k < 4; ++k) result += k <= count ? kAlphabet[group >> (18 - 6 * k) & 63] : '=';
  }
  return result;
}

std::string from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return {};
  size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  std::string result;
  uint32_t group = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t value = kAlphabet.find(text[i]);
    if (value == std::string_view::npos) return {};
    group = group << 6 | static_cast<uint32_t>(value);
    if (i % 4 != 0) result += static_cast<char>(group >> (6 - 2 * (i % 4)));
  }
  return result;
}

std::string session_value(std::string_view address, int64_t expires_s) {
  std::string message(1, kAddressField);
  put_varint(message, address.size());
  message += address;
  if (expires_s != 0) {
    message += kExpiresField;
    put_varint(message, static_cast<uint64_t>(expires_s));
  }
  return base64(message);
}

std::string session_address(std::string_view value, int64_t now_s) {
  std::string bytes = from_base64(value);
  std::string_view rest = bytes, address;
  while (!rest.empty()) {
    uint64_t field = 0, number = 0;
    if (!take_varint(rest, field) || field >> 3 == 0) return bytes;
    if ((field & 7) == 0) {
      if (!take_varint(rest, number)) return bytes;
      if (field == kExpiresField && number != 0 && static_cast<int64_t>(number) < now_s) return {};
      continue;
    }
    if ((field & 7) == 2 && !take_varint(rest, number)) return bytes;
    const uint64_t size = (field & 7) == 2 ? number : (field & 7) == 1 ? 8 : (field & 7) == 5 ? 4 : UINT64_MAX;
    if (size > rest.size()) return bytes;
    if (field == kAddressField) address = rest.substr(0, size);
    rest.remove_prefix(size);
  }
  return std::string(address);
}

FilterFactoryPtr make_stateful_session(StatefulSessionSpec spec) { return std::make_shared<const Factory>(std::move(spec)); }

}  // namespace weir::filter
