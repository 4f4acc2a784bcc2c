#include "net/tls/client_hello.h"

#include <optional>

#include "base/text.h"

namespace weir::net {

namespace {

constexpr size_t kMaxHello = 16 * 1024;
constexpr size_t kMaxRecord = 16 * 1024;
constexpr uint8_t kHandshakeRecord = 22, kClientHelloMessage = 1;
constexpr uint16_t kServerNameExtension = 0, kAlpnExtension = 16;

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

bool read_body(std::string_view body, ClientHello& hello) {
  Fields fields(body);
  fields.take(2 + 32);  // version, random
  fields.vector(1);     // session id
  fields.vector(2);     // cipher suites
  fields.vector(1);     // compression methods
  if (!fields.good()) return false;
  if (fields.empty()) return true;  // no extensions
  Fields extensions(fields.vector(2));
  while (!extensions.empty() && extensions.good()) {
    const size_t type = extensions.number(2);
    const std::string_view data = extensions.vector(2);
    if (!extensions.good()) return false;
    if (type == kServerNameExtension && !read_server_name(data, hello)) return false;
    if (type == kAlpnExtension && !read_alpn(data, hello)) return false;
  }
  return fields.good() && extensions.good();
}

}  // namespace

Sniff read_client_hello(std::string_view bytes, ClientHello& hello) {
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
        return read_body(std::string_view(message).substr(4, length), hello) ? Sniff::kFound : Sniff::kOther;
      }
    }
    if (bytes.size() < 5 + size) return Sniff::kMore;
    bytes.remove_prefix(5 + size);
  }
}

}  // namespace weir::net
