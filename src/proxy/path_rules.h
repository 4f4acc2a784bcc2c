// Path rules: what is done to a request's path and host before anybody looks at them, so that everybody sees the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/runtime.h"
#include "http/header_map.h"

namespace weir::proxy {

/// %2F and %5C in a path: some servers take them for slashes, others do not.
enum class EscapedSlashes : uint8_t { kKeep, kReject, kRedirect, kForward };

struct PathRules {
  bool normalize = false;      // see normalize_path()
  bool merge_slashes = false;  // see merge_slashes()
  EscapedSlashes escaped_slashes = EscapedSlashes::kKeep;
  RuntimeKey refuse_fragments;  // a path with '#' is refused; if false, what follows it is cut off
};

enum class PathVerdict : uint8_t {
  kGoOn,
  kReject,
  kRedirect  // :path says where to
};

/// Applies the rules to :path, in Envoy's order: fragments are refused (or cut off), then slashes are unescaped, then the path is
/// normalized, then slashes are merged. The query is never touched. A request without :path goes on.
PathVerdict apply_path_rules(http::HeaderMap& request, const PathRules& rules);

/// RFC 3986 §6.2.2 as the URL standard of browsers does it: dot segments are resolved (also %2e), backslashes become slashes,
/// percent-escapes of unreserved characters are decoded, and "<>^`{|} are escaped. `path` has no query. Nothing if it holds %00.
/// The answer is `path` itself if it is normal already, else it lives in `arena`.
std::optional<std::string_view> normalize_path(Arena& arena, std::string_view path);

/// "//" becomes "/"; a path of nothing but slashes becomes "//".
std::string_view merge_slashes(Arena& arena, std::string_view path);

/// %2F becomes "/" and %5C becomes "\". The answer is `path` itself if there are none.
std::string_view unescape_slashes(Arena& arena, std::string_view path);

struct HostRules {
  enum class Port : uint8_t { kKeep, kStripMatching, kStripAny } port = Port::kKeep;
  bool strip_trailing_dot = false;
};

/// Applies the rules to :authority. `listener_port` is the one that kStripMatching compares with. CONNECT keeps its port.
void apply_host_rules(http::HeaderMap& request, const HostRules& rules, uint32_t listener_port);

}  // namespace weir::proxy
