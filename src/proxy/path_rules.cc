#include "proxy/path_rules.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace weir::proxy {

namespace {

using http::HeaderId;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The byte that the escape at the beginning of `text` stands for; -1 if there is none.
int escaped_byte(std::string_view text) {
  if (text.size() < 3 || text[0] != '%' || hex_value(text[1]) < 0 || hex_value(text[2]) < 0) return -1;
  return hex_value(text[1]) * 16 + hex_value(text[2]);
}

bool unreserved(int byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '-' ||
         byte == '.' || byte == '_' || byte == '~';
}

/// Must not stand in a path as it is.
bool needs_escape(char c) {
  return static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f ||
         std::string_view("\"<>^`{|}").find(c) != std::string_view::npos;
}

bool is_slash(char c) { return c == '/' || c == '\\'; }

/// How long the dot at the beginning of `text` is: 1, 3 (%2e), or 0 if there is none.
size_t dot_size(std::string_view text) {
  if (text.starts_with('.')) return 1;
  return escaped_byte(text) == '.' ? 3 : 0;
}

/// Reads from `rest_`, writes to the arena; the output is never longer than three times the input.
class Normalizer {
 public:
  Normalizer(Arena& arena, std::string_view path) : rest_(path), out_(arena.allocate_chars(path.size() * 3)) {}

  std::optional<std::string_view> run() {
    while (!rest_.empty()) {
      if (!step()) return std::nullopt;
    }
    return std::string_view(out_, size_);
  }

 private:
  bool step() {
    if (const size_t dot = dot_size(rest_); dot != 0) {
      if (size_ > 0 && out_[size_ - 1] == '/') {
        dot_segment(dot);
      } else {
        take(dot, '.');
      }
      return true;
    }
    const char c = rest_.front();
    if (c == '%') return escape();
    if (is_slash(c)) {
      take(1, '/');
    } else if (needs_escape(c)) {
      static constexpr char kHex[] = "0123456789ABCDEF";
      const auto byte = static_cast<unsigned char>(c);
      put('%');
      put(kHex[byte >> 4]);
      take(1, kHex[byte & 15]);
    } else {
      take(1, c);
    }
    return true;
  }

  /// A dot behind a slash: "." and ".." up to the next slash or the end are segments, anything else is a name.
  void dot_segment(size_t dot) {
    const std::string_view after = rest_.substr(dot);
    const size_t second = dot_size(after);
    const std::string_view behind = after.substr(second);
    if (after.empty() || is_slash(after.front())) {
      rest_ = after.substr(std::min<size_t>(after.size(), 1));
    } else if (second != 0 && (behind.empty() || is_slash(behind.front()))) {
      rest_ = behind.substr(std::min<size_t>(behind.size(), 1));
      drop_segment();
    } else {
      take(dot, '.');
    }
  }

  /// "/a/b/" becomes "/a/"; "/" stays.
  void drop_segment() {
    if (size_ > 1) --size_;
    while (size_ > 1 && out_[size_ - 1] != '/') --size_;
    if (loose_percent_ >= size_) loose_percent_ = kNone;
  }

  bool escape() {
    const int byte = escaped_byte(rest_);
    if (byte == 0) return false;
    if (byte < 0) {
      loose_percent_ = size_;
      take(1, '%');
    } else if (unreserved(byte)) {
      take(3, static_cast<char>(byte));
      guard_loose_percent();
    } else {
      put('%');
      put(rest_[1]);
      take(3, rest_[2]);
    }
    return true;
  }

  /// Decoding must not make a new escape of a "%" that was none before: "%%32%65" is not "%2e".
  void guard_loose_percent() {
    if (loose_percent_ == kNone || hex_value(out_[loose_percent_ + 1]) < 0) return;
    const size_t behind = size_ - loose_percent_ - 1;
    const bool makes_escape = (behind == 1 && !rest_.empty() && hex_value(rest_.front()) >= 0) ||
                              (behind == 2 && hex_value(out_[loose_percent_ + 2]) >= 0);
    if (!makes_escape) return;
    std::memmove(out_ + loose_percent_ + 3, out_ + loose_percent_ + 1, behind);
    out_[loose_percent_ + 1] = '2';
    out_[loose_percent_ + 2] = '5';
    size_ += 2;
    loose_percent_ = kNone;
  }

  void put(char c) { out_[size_++] = c; }
  void take(size_t count, char c) {
    put(c);
    rest_.remove_prefix(count);
  }

  static constexpr size_t kNone = SIZE_MAX;
  std::string_view rest_;
  char* out_;
  size_t size_ = 0;
  size_t loose_percent_ = kNone;  // where in the output a "%" stands that begins no escape
};

/// Whether normalizing could change anything; most paths pass here.
bool is_normal(std::string_view path) {
  char before = 0;
  for (char c : path) {
    if (c == '%' || c == '\\' || needs_escape(c) || (c == '.' && before == '/')) return false;
    before = c;
  }
  return true;
}

std::string_view without_trailing_dot(Arena& arena, std::string_view host) {
  const size_t dot = host.rfind('.');
  if (dot == std::string_view::npos) return host;
  if (dot + 1 == host.size()) return host.substr(0, dot);
  if (host[dot + 1] == ':') return arena.join(host.substr(0, dot), host.substr(dot + 1));
  return host;
}

/// A port is a number behind the last colon, outside of the brackets of an IPv6 address.
std::string_view without_port(std::string_view host, std::optional<uint32_t> only) {
  const size_t colon = host.rfind(':');
  if (colon == std::string_view::npos) return host;
  const size_t bracket = host.rfind(']');
  if (bracket != std::string_view::npos && bracket > colon) return host;
  std::string_view digits = host.substr(colon + 1);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  const auto port = parse_number<uint32_t>(digits);
  if (!port) return host;
  return only && *only != *port ? host : host.substr(0, colon);
}

}  // namespace

std::optional<std::string_view> normalize_path(Arena& arena, std::string_view path) {
  if (is_normal(path)) return path;
  return Normalizer(arena, path).run();
}

std::string_view merge_slashes(Arena& arena, std::string_view path) {
  if (path.find("//") == std::string_view::npos) return path;
  if (path.find_first_not_of('/') == std::string_view::npos) return "//";  // a root with nothing below it, as Envoy leaves it
  char* out = arena.allocate_chars(path.size());
  char* end = std::unique_copy(path.begin(), path.end(), out, [](char a, char b) { return a == '/' && b == '/'; });
  return {out, static_cast<size_t>(end - out)};
}

std::string_view unescape_slashes(Arena& arena, std::string_view path) {
  char* out = nullptr;
  size_t size = 0;
  for (size_t i = 0; i < path.size(); ++i) {
    const int byte = escaped_byte(path.substr(i));
    const bool slash = byte == '/' || byte == '\\';
    if (slash && out == nullptr) {
      out = arena.allocate_chars(path.size());
      std::memcpy(out, path.data(), size);
    }
    if (out != nullptr) out[size] = slash ? static_cast<char>(byte) : path[i];
    ++size;
    if (slash) i += 2;
  }
  return out == nullptr ? path : std::string_view(out, size);
}

PathVerdict apply_path_rules(http::HeaderMap& request, const PathRules& rules) {
  std::string_view whole = request.path();
  if (const size_t fragment = whole.find('#'); fragment != std::string_view::npos) {
    if (rules.refuse_fragments.flag(true)) return PathVerdict::kReject;
    whole = whole.substr(0, fragment);
    request.set_pseudo(HeaderId::kPath, whole);
  }
  if (!rules.normalize && !rules.merge_slashes && rules.escaped_slashes == EscapedSlashes::kKeep) return PathVerdict::kGoOn;
  if (whole.empty()) return PathVerdict::kGoOn;

  Arena& arena = request.arena();
  const size_t query_at = std::min(whole.find('?'), whole.size());
  const std::string_view before = whole.substr(0, query_at);
  std::string_view path = before;
  PathVerdict verdict = PathVerdict::kGoOn;
  if (rules.escaped_slashes != EscapedSlashes::kKeep) {
    path = unescape_slashes(arena, path);
    if (path.size() != before.size()) {
      if (rules.escaped_slashes == EscapedSlashes::kReject) {
        request.set_pseudo(HeaderId::kPath, arena.join(path, whole.substr(query_at)));  // so it stands in the access log
        return PathVerdict::kReject;
      }
      if (rules.escaped_slashes == EscapedSlashes::kRedirect) verdict = PathVerdict::kRedirect;
    }
  }
  if (rules.normalize) {
    const auto normal = normalize_path(arena, path);
    if (!normal) return PathVerdict::kReject;
    path = *normal;
  }
  if (rules.merge_slashes) path = merge_slashes(arena, path);
  if (path.data() != before.data() || path.size() != before.size()) {
    request.set_pseudo(HeaderId::kPath, arena.join(path, whole.substr(query_at)));
  }
  return verdict;
}

void apply_host_rules(http::HeaderMap& request, const HostRules& rules, uint32_t listener_port) {
  if (rules.port == HostRules::Port::kKeep && !rules.strip_trailing_dot) return;
  const std::string_view before = request.authority();
  if (before.empty()) return;
  std::string_view host = before;
  if (rules.strip_trailing_dot) host = without_trailing_dot(request.arena(), host);
  if (rules.port == HostRules::Port::kStripAny) host = without_port(host, std::nullopt);
  if (rules.port == HostRules::Port::kStripMatching) host = without_port(host, listener_port);
  if (host.size() != before.size()) request.set_pseudo(HeaderId::kAuthority, host);
}

}  // namespace weir::proxy
