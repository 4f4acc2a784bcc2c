// Log: what the process says about itself. One Log, owned by main and handed down by reference; written from any thread.
//   log.info("main", "all clusters initialized in {} ms", elapsed_ms);
// The component and the number of {} are checked by the compiler; nothing is formatted while the level is off.
#pragma once

#include <array>
#include <atomic>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.h"

namespace weir {

enum class LogLevel : uint8_t { kTrace, kDebug, kInfo, kWarning, kError, kCritical, kOff };

/// "trace" … "off".
std::string_view level_name(LogLevel level);
Result<LogLevel> parse_level(std::string_view name);

/// Envoy's loggers, in the order in which /logging lists them.
constexpr std::string_view kLogComponents[] = {"admin",
                                               "alternate_protocols_cache",
                                               "aws",
                                               "assert",
                                               "backtrace",
                                               "basic_auth",
                                               "cache_filter",
                                               "client",
                                               "config",
                                               "connection",
                                               "conn_handler",
                                               "compression",
                                               "credential_injector",
                                               "decompression",
                                               "dns",
                                               "dubbo",
                                               "envoy_bug",
                                               "ext_authz",
                                               "ext_proc",
                                               "rocketmq",
                                               "file",
                                               "filter",
                                               "forward_proxy",
                                               "geolocation",
                                               "grpc",
                                               "happy_eyeballs",
                                               "hc",
                                               "health_checker",
                                               "http",
                                               "http2",
                                               "hystrix",
                                               "init",
                                               "io",
                                               "jwt",
                                               "kafka",
                                               "key_value_store",
                                               "lua",
                                               "local_rate_limit",
                                               "main",
                                               "matcher",
                                               "mcp",
                                               "misc",
                                               "mongo",
                                               "multi_connection",
                                               "notification",
                                               "oauth2",
                                               "quic",
                                               "quic_stream",
                                               "pool",
                                               "rate_limit_quota",
                                               "rbac",
                                               "rds",
                                               "redis",
                                               "router",
                                               "runtime",
                                               "stats",
                                               "secret",
                                               "tap",
                                               "testing",
                                               "thrift",
                                               "tracing",
                                               "upstream",
                                               "udp",
                                               "wasm",
                                               "websocket",
                                               "golang",
                                               "stats_sinks",
                                               "dynamic_modules"};
constexpr size_t kLogComponentCount = std::size(kLogComponents);

/// The index of a component; kLogComponentCount if there is none of that name.
constexpr size_t log_component(std::string_view name) {
  size_t index = 0;
  while (index < kLogComponentCount && kLogComponents[index] != name) ++index;
  return index;
}

/// A component named in the source: a misspelt one does not compile.
struct LogComponent {
  consteval LogComponent(const char* name) : index(log_component(name)) {
    if (index == kLogComponentCount) throw "no such component";
  }
  size_t index;
};

/// Text with one {} for each argument.
template <class... Args>
struct LogText {
  consteval LogText(const char* text, std::source_location where = std::source_location::current()) : text(text), where(where) {
    size_t places = 0;
    for (size_t i = 0; text[i] != 0; ++i) places += text[i] == '{' && text[i + 1] == '}' ? 1 : 0;
    if (places != sizeof...(Args)) throw "as many {} as arguments are needed";
  }
  std::string_view text;
  std::source_location where;
};

/// One argument: a text, an integer, a floating-point number, a bool.
class LogArgument {
 public:
  template <class T>
  requires std::convertible_to<const T&, std::string_view> LogArgument(const T& value) : kind_(Kind::kText), text_(value) {}
  LogArgument(bool value) : kind_(Kind::kText), text_(value ? "true" : "false") {}
  template <std::unsigned_integral T>
  LogArgument(T value) : kind_(Kind::kUnsigned), unsigned_(value) {}
  template <std::signed_integral T>
  LogArgument(T value) : kind_(Kind::kSigned), signed_(value) {}
  template <std::floating_point T>
  LogArgument(T value) : kind_(Kind::kDouble), double_(value) {}

  void append_to(std::string& out) const;

 private:
  enum class Kind : uint8_t { kText, kSigned, kUnsigned, kDouble } kind_;
  std::string_view text_;
  union {
    int64_t signed_;
    uint64_t unsigned_;
    double double_;
  };
};

/// spdlog's patterns, as --log-format takes them, with Envoy's %_ (newlines escaped) and %j (escaped for a JSON string).
class LogPattern {
 public:
  static constexpr std::string_view kDefault = "[%Y-%m-%d %T.%e][%t][%l][%n] [%g:%#] %v";

  struct Line {
    LogLevel level;
    std::string_view component;
    std::string_view message;
    std::string_view file;
    unsigned line;
    std::string_view function;
    int64_t wall_ns;
  };

  explicit LogPattern(std::string_view pattern = kDefault);
  /// Appends the line and a newline.
  void write(const Line& line, std::string& out) const;

 private:
  struct Piece {
    char flag;  // 0: literal text
    std::string literal;
    int width = 0;
    char align = '>';
  };
  std::vector<Piece> pieces_;
};

class Log {
 public:
  /// Writes to stderr at `level`.
  explicit Log(LogLevel level = LogLevel::kInfo);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  template <class... Args>
  void trace(LogComponent component, LogText<std::type_identity_t<Args>...> text, const Args&... args) {
    say(LogLevel::kTrace, component.index, text, args...);
  }
  template <class... Args>
  void debug(LogComponent component, LogText<std::type_identity_t<Args>...> text, const Args&... args) {
    say(LogLevel::kDebug, component.index, text, args...);
  }
  template <class... Args>
  void info(LogComponent component, LogText<std::type_identity_t<Args>...> text, const Args&... args) {
    say(LogLevel::kInfo, component.index, text, args...);
  }
  template <class... Args>
  void warning(LogComponent component, LogText<std::type_identity_t<Args>...> text, const Args&... args) {
    say(LogLevel::kWarning, component.index, text, args...);
  }
  template <class... Args>
  void error(LogComponent component, LogText<std::type_identity_t<Args>...> text, const Args&... args) {
    say(LogLevel::kError, component.index, text, args...);
  }
  template <class... Args>
  void critical(LogComponent component, LogText<std::type_identity_t<Args>...> text, const Args&... args) {
    say(LogLevel::kCritical, component.index, text, args...);
  }

  bool enabled(size_t component, LogLevel level) const {
    return static_cast<uint8_t>(level) >= levels_[component].load(std::memory_order_relaxed);
  }

  LogLevel level(size_t component) const { return static_cast<LogLevel>(levels_[component].load(std::memory_order_relaxed)); }
  void set_level(size_t component, LogLevel level) {
    levels_[component].store(static_cast<uint8_t>(level), std::memory_order_relaxed);
  }
  void set_all_levels(LogLevel level);
  /// "upstream:debug,connection:trace"; changes nothing if any part is wrong.
  Result<> set_levels(std::string_view list);

  /// At startup, before other threads log.
  void set_pattern(std::string_view pattern) { pattern_ = LogPattern(pattern); }
  /// Appends to a file instead of stderr.
  Result<> open_file(const std::string& path);
  /// Closes and opens the file again (after it was rotated).
  Result<> reopen();

 private:
  template <class... Args>
  void say(LogLevel level, size_t component, const LogText<std::type_identity_t<Args>...>& text, const Args&... args) {
    if (enabled(component, level)) [[unlikely]]
      write(level, component, text.text, text.where, {LogArgument(args)...});
  }
  void write(LogLevel level, size_t component, std::string_view text, const std::source_location& where,
             std::initializer_list<LogArgument> args);

  std::array<std::atomic<uint8_t>, kLogComponentCount> levels_;
  LogPattern pattern_;
  std::mutex mutex_;
  std::string path_;
  int fd_ = 2;
};

}  // namespace weir
