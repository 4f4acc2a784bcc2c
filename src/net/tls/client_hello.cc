#include "net/tls/client_hello.h"

#include <openssl/evp.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/text.h"

namespace weir::net {

namespace {

constexpr size_t kMaxHello = 16 * 1024;
constexpr size_t kMaxRecord = 16 * 1024;
constexpr uint16_t kSsl3 = 0x0300;
constexpr uint8_t kHandshakeRecord = 22, kClientHelloMessage = 1;
constexpr uint16_t kServerNameExtension = 0, kGroupsExtension = 10, kPointFormatsExtension = 11, kSignaturesExtension = 13,
                   kAlpnExtension = 16, kVersionsExtension = 43;

/// A piece of the message from which fields are taken front to back; stays broken once it was too short.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : left_(bytes) {}

  bool good() const { return good_; }
  bool empty() const { return left_.empty(); }
  size_t number(size_t bytes) {
    size_t value = 0;
    for (const char c : take(bytes)) value = value << 8 | static_cast<uint8_t>(c);
    return value;
  }
  std::string_view take(size_t bytes) {
    if (bytes > left_.size()) {
      good_ = false;
      left_ = {};
      return {};
    }
    const std::string_view piece = left_.substr(0, bytes);
    left_.remove_prefix(bytes);
    return piece;
  }
  /// What stands behind a length of so many bytes.
  std::string_view vector(size_t length_bytes) { return take(number(length_bytes)); }

 private:
  std::string_view left_;
  bool good_ = true;
};

bool read_server_name(std::string_view extension, ClientHello& hello) {
  Fields list(Fields(extension).vector(2));
  while (!list.empty() && list.good()) {
    const size_t type = list.number(1);
    const std::string_view name = list.vector(2);
    if (type != 0) continue;
    if (name.empty() || name.size() > 255 || name.find('\0') != std::string_view::npos) return false;
    hello.server_name = lower(name);
    return list.good();
  }
  return list.good();
}

bool read_alpn(std::string_view extension, ClientHello& hello) {
  Fields list(Fields(extension).vector(2));
  while (!list.empty() && list.good()) {
    const std::string_view protocol = list.vector(1);
    if (protocol.empty()) return false;
    hello.alpn.emplace_back(protocol);
  }
  return list.good();
}

/// What fingerprints are made of: numbers in the order in which the client gave them.
struct Abilities {
  size_t version = 0;
  std::vector<uint16_t> suites, extensions, groups, versions, signatures;
  std::vector<uint8_t> point_formats;
};

/// Numbers that clients make up to keep servers tolerant (RFC 8701).
bool is_grease(uint16_t number) { return (number & 0x0f0f) == 0x0a0a && number >> 8 == (number & 0xff); }

template <class Number>
void read_numbers(std::string_view list, std::vector<Number>& into) {
  for (Fields fields(list); !fields.empty();) into.push_back(static_cast<Number>(fields.number(sizeof(Number))));
}

void note_ability(size_t type, std::string_view data, Abilities& can) {
  can.extensions.push_back(static_cast<uint16_t>(type));
  if (type == kGroupsExtension) read_numbers(Fields(data).vector(2), can.groups);
  if (type == kPointFormatsExtension) read_numbers(Fields(data).vector(1), can.point_formats);
  if (type == kSignaturesExtension) read_numbers(Fields(data).vector(2), can.signatures);
  if (type == kVersionsExtension) read_numbers(Fields(data).vector(1), can.versions);
}

std::string hex_digest(const EVP_MD* method, std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, method, nullptr);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += "0123456789abcdef"[digest[i] >> 4];
    hex += "0123456789abcdef"[digest[i] & 15];
  }
  return hex;
}

/// The MD5 of version, suites, extensions, groups and point formats in decimal.
std::string ja3(const Abilities& can) {
  std::string text = std::to_string(can.version);
  const auto list = [&text](const auto& numbers, bool all = true) {
    text += ',';
    bool first = true;
    for (const auto number : numbers) {
      if (!all && is_grease(number)) continue;
      if (!std::exchange(first, false)) text += '-';
      text += std::to_string(number);
    }
  };
  list(can.suites, false), list(can.extensions, false);
  list(can.groups), list(can.point_formats);  // as Envoy, with whatever the client made up
  return hex_digest(EVP_md5(), text);
}

std::vector<uint16_t> without_grease(const std::vector<uint16_t>& numbers) {
  std::vector<uint16_t> result;
  std::ranges::copy_if(numbers, std::back_inserter(result), [](uint16_t number) { return !is_grease(number); });
  return result;
}

std::string hex_list(const std::vector<uint16_t>& numbers) {
  std::string text;
  for (const uint16_t number : numbers) {
    if (!text.empty()) text += ',';
    for (int shift = 12; shift >= 0; shift -= 4) text += "0123456789abcdef"[number >> shift & 15];
  }
  return text;
}

/// The first twelve digits of a SHA-256.
std::string short_digest(std::string_view text) {
  return text.empty() ? "000000000000" : hex_digest(EVP_sha256(), text).substr(0, 12);
}

std::string_view ja4_version(const Abilities& can) {
  uint16_t best = can.versions.empty() ? static_cast<uint16_t>(can.version) : 0;
  for (const uint16_t version : can.versions) {
    if (!is_grease(version)) best = std::max(best, version);
  }
  switch (best) {
    case 0x0304:
      return "13";
    case 0x0303:
      return "12";
    case 0x0302:
      return "11";
    case 0x0301:
      return "10";
    default:
      return "00";
  }
}

/// How a client looks in short, then its suites and its extensions in an order that says nothing.
std::string ja4(const Abilities& can, const ClientHello& hello) {
  std::vector<uint16_t> suites = without_grease(can.suites), extensions = without_grease(can.extensions);
  const auto two_digits = [](size_t count) {
    count = std::min<size_t>(count, 99);
    return std::string{static_cast<char>('0' + count / 10), static_cast<char>('0' + count % 10)};
  };
  const bool named = std::ranges::find(extensions, kServerNameExtension) != extensions.end();
  std::string text = "t";
  text += ja4_version(can);
  text += named ? 'd' : 'i';
  text += two_digits(suites.size()) + two_digits(extensions.size());
  if (hello.alpn.empty()) {
    text += "00";
  } else {
    for (const char c : {hello.alpn.front().front(), hello.alpn.front().back()}) {
      const bool plain = is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z');
      const auto byte = static_cast<uint8_t>(c);
      text += plain ? std::string{c} : std::string{"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
    }
  }
  std::ranges::sort(suites);
  text += '_' + short_digest(hex_list(suites)) + '_';
  std::erase_if(extensions, [](uint16_t type) { return type == kServerNameExtension || type == kAlpnExtension; });
  std::ranges::sort(extensions);
  std::string rest = hex_list(extensions);
  if (!can.signatures.empty()) rest += '_' + hex_list(can.signatures);
  return text + short_digest(rest);
}

void fingerprint(const Abilities& can, Fingerprints wanted, ClientHello& hello) {
  if ((static_cast<int>(wanted) & static_cast<int>(Fingerprints::kJa3)) != 0) hello.ja3 = ja3(can);
  if ((static_cast<int>(wanted) & static_cast<int>(Fingerprints::kJa4)) != 0) hello.ja4 = ja4(can, hello);
}

bool read_body(std::string_view body, ClientHello& hello, Fingerprints wanted) {
  Fields fields(body);
  Abilities can;
  can.version = fields.number(2);
  fields.take(32);   // random
  fields.vector(1);  // session id
  const std::string_view suites = fields.vector(2);
  const std::string_view compressions = fields.vector(1);
  if (can.version <= kSsl3 || suites.empty() || suites.size() % 2 != 0 || compressions.empty()) return false;
  if (wanted != Fingerprints::kNone) read_numbers(suites, can.suites);
  if (!fields.good()) return false;
  if (fields.empty()) {  // no extensions
    fingerprint(can, wanted, hello);
    return true;
  }
  Fields extensions(fields.vector(2));
  while (!extensions.empty() && extensions.good()) {
    const size_t type = extensions.number(2);
    const std::string_view data = extensions.vector(2);
    if (!extensions.good()) return false;
    if (wanted != Fingerprints::kNone) note_ability(type, data, can);
    if (type == kServerNameExtension && !read_server_name(data, hello)) return false;
    if (type == kAlpnExtension && !read_alpn(data, hello)) return false;
  }
  fingerprint(can, wanted, hello);
  return fields.good() && extensions.good();
}

}  // namespace

Sniff read_client_hello(std::string_view bytes, ClientHello& hello, Fingerprints wanted) {
  // The message may be spread over several records.
  std::string message;
  while (true) {
    if (!bytes.empty() && static_cast<uint8_t>(bytes[0]) != kHandshakeRecord) return Sniff::kOther;
    if (bytes.size() > 1 && bytes[1] != 3) return Sniff::kOther;
    if (bytes.size() < 5) return message.size() > kMaxHello ? Sniff::kTooLong : Sniff::kMore;
    const size_t size = static_cast<uint8_t>(bytes[3]) << 8 | static_cast<uint8_t>(bytes[4]);
    if (size == 0 || size > kMaxRecord) return Sniff::kOther;
    message += bytes.substr(5, size);
    if (!message.empty() && message[0] != kClientHelloMessage) return Sniff::kOther;
    if (message.size() >= 4) {
      Fields head(message);
      head.number(1);
      const size_t length = head.number(3);
      if (length > kMaxHello) return Sniff::kTooLong;
      if (message.size() - 4 >= length) {
        return read_body(std::string_view(message).substr(4, length), hello, wanted) ? Sniff::kFound : Sniff::kOther;
      }
    }
    if (bytes.size() < 5 + size) return Sniff::kMore;
    bytes.remove_prefix(5 + size);
  }
}

}  // namespace weir::net
