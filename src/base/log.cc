#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/number_text.h"
#include "base/text.h"

namespace weir {

namespace {

constexpr std::string_view kLevelNames[] = {"trace", "debug", "info", "warning", "error", "critical", "off"};
constexpr std::string_view kLevelLetters = "TDIWECO";

/// The path inside the project: what precedes the last "src/" says only where somebody built it.
std::string_view project_path(std::string_view path) {
  const size_t at = path.rfind("/src/");
  return at == std::string_view::npos ? path : path.substr(at + 1);
}

void append_time(std::string& out, const char* format, const tm& time) {
  char text[64];
  out.append(text, strftime(text, sizeof text, format, &time));
}

void append_padded(std::string& out, int64_t value, int digits) {
  char text[24];
  out.append(text, static_cast<size_t>(snprintf(text, sizeof text, "%0*lld", digits, static_cast<long long>(value))));
}

void append_escaped_newlines(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

void append_json_escaped(std::string& out, std::string_view text) {
  std::string quoted;
  append_json_string(quoted, text);
  out.append(quoted, 1, quoted.size() - 2);
}

void pad(std::string& out, size_t from, int width, char align) {
  const size_t size = out.size() - from;
  if (size >= static_cast<size_t>(width)) return;
  const size_t missing = static_cast<size_t>(width) - size;
  const size_t left = align == '>' ? missing : align == '=' ? missing / 2 : 0;
  out.insert(from, left, ' ');
  out.append(missing - left, ' ');
}

void append_flag(char flag, const LogPattern::Line& line, const tm& time, std::string& out) {
  const int64_t second_part = line.wall_ns % kNsPerSecond;
  switch (flag) {
    case 'v':
      out += line.message;
      break;
    case '_':
      append_escaped_newlines(out, line.message);
      break;
    case 'j':
      append_json_escaped(out, line.message);
      break;
    case 'n':
      out += line.component;
      break;
    case 'l':
      out += level_name(line.level);
      break;
    case 'L':
      out += kLevelLetters[static_cast<size_t>(line.level)];
      break;
    case 't':
      append_number(out, static_cast<uint64_t>(gettid()));
      break;
    case 'P':
      append_number(out, static_cast<uint64_t>(getpid()));
      break;
    case 'g':
      out += line.file;
      break;
    case 's':
      out += line.file.substr(line.file.rfind('/') + 1);
      break;
    case '#':
      append_number(out, line.line);
      break;
    case '!':
      out += line.function;
      break;
    case '@':
      append_number(((out += line.file) += ':'), line.line);
      break;
    case 'e':
      append_padded(out, second_part / 1'000'000, 3);
      break;
    case 'f':
      append_padded(out, second_part / 1'000, 6);
      break;
    case 'F':
      append_padded(out, second_part, 9);
      break;
    case 'E':
      append_number(out, static_cast<uint64_t>(line.wall_ns / kNsPerSecond));
      break;
    case 'D':
    case 'x':
      append_time(out, "%m/%d/%y", time);
      break;
    case 'C':
      append_time(out, "%y", time);
      break;
    case 'c':
      append_time(out, "%a %b %e %H:%M:%S %Y", time);
      break;
    case 'T':
    case 'X':
      append_time(out, "%H:%M:%S", time);
      break;
    case 'R':
      append_time(out, "%H:%M", time);
      break;
    case 'r':
      append_time(out, "%I:%M:%S %p", time);
      break;
    case 'z': {
      append_time(out, "%z", time);
      if (out.size() >= 2) out.insert(out.size() - 2, 1, ':');
      break;
    }
    case 'a':
    case 'A':
    case 'b':
    case 'B':
    case 'Y':
    case 'm':
    case 'd':
    case 'H':
    case 'I':
    case 'M':
    case 'S':
    case 'p': {
      const char format[] = {'%', flag, 0};
      append_time(out, format, time);
      break;
    }
    default:
      break;  // %^ and %$ (colours) show nothing
  }
}

constexpr std::string_view kFlags = "v_jnlLtPgs#!@efFEDxCcTXRrzaAbBYmdHIMSp^$";

}  // namespace

std::string_view level_name(LogLevel level) { return kLevelNames[static_cast<size_t>(level)]; }

Result<LogLevel> parse_level(std::string_view name) {
  for (size_t i = 0; i < std::size(kLevelNames); ++i) {
    if (kLevelNames[i] == name) return static_cast<LogLevel>(i);
  }
  return failure("unknown log level \"" + std::string(name) + "\": use trace, debug, info, warning, error, critical or off");
}

void LogArgument::append_to(std::string& out) const {
  switch (kind_) {
    case Kind::kText:
      out += text_;
      break;
    case Kind::kSigned:
      out += std::to_string(signed_);
      break;
    case Kind::kUnsigned:
      append_number(out, unsigned_);
      break;
    case Kind::kDouble:
      append_decimal(out, double_);
      break;
  }
}

LogPattern::LogPattern(std::string_view pattern) {
  std::string literal;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      literal += pattern[i];
      continue;
    }
    Piece piece{0, {}, 0, '>'};
    size_t at = i + 1;
    if (pattern[at] == '-' || pattern[at] == '=') piece.align = pattern[at++] == '-' ? '<' : '=';
    while (at < pattern.size() && is_digit(pattern[at]) && piece.width < 64) piece.width = piece.width * 10 + pattern[at++] - '0';
    if (at < pattern.size() && kFlags.find(pattern[at]) != std::string_view::npos) {
      if (!literal.empty()) pieces_.push_back({0, std::exchange(literal, {})});
      piece.flag = pattern[at];
      pieces_.push_back(std::move(piece));
      i = at;
    } else if (pattern[i + 1] == '%') {
      literal += '%';
      ++i;
    } else {
      literal += '%';  // not a flag: stands for itself
    }
  }
  if (!literal.empty()) pieces_.push_back({0, std::move(literal)});
}

void LogPattern::write(const Line& line, std::string& out) const {
  const time_t seconds = line.wall_ns / kNsPerSecond;
  tm time;
  localtime_r(&seconds, &time);
  for (const Piece& piece : pieces_) {
    if (piece.flag == 0) {
      out += piece.literal;
      continue;
    }
    const size_t from = out.size();
    append_flag(piece.flag, line, time, out);
    if (piece.width != 0) pad(out, from, piece.width, piece.align);
  }
  out += '\n';
}

Log::Log(LogLevel level) { set_all_levels(level); }

Log::~Log() {
  if (fd_ > 2) ::close(fd_);
}

void Log::set_all_levels(LogLevel level) {
  for (auto& each : levels_) each.store(static_cast<uint8_t>(level), std::memory_order_relaxed);
}

Result<> Log::set_levels(std::string_view list) {
  std::vector<std::pair<size_t, LogLevel>> changes;
  while (!list.empty()) {
    std::string_view level = next_token(list);
    const std::string_view name = next_token(level, ':');
    const size_t component = log_component(name);
    if (component == kLogComponentCount) return failure("unknown log component \"" + std::string(name) + "\"");
    const auto parsed = parse_level(level);
    if (!parsed) return failure(parsed.error().message);
    changes.emplace_back(component, *parsed);
  }
  for (const auto& [component, level] : changes) set_level(component, level);
  return {};
}

Result<> Log::open_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return failure("cannot open the log file " + path + ": " + strerror(errno));
  const std::lock_guard lock(mutex_);
  if (fd_ > 2) ::close(fd_);
  fd_ = fd;
  path_ = path;
  return {};
}

Result<> Log::reopen() { return path_.empty() ? Result<>() : open_file(std::string(path_)); }

void Log::write(LogLevel level, size_t component, std::string_view text, const std::source_location& where,
                std::initializer_list<LogArgument> args) {
  std::string message;
  for (const LogArgument& arg : args) {
    const size_t at = text.find("{}");
    message += text.substr(0, at);
    arg.append_to(message);
    text.remove_prefix(at + 2);
  }
  message += text;
  std::string line;
  pattern_.write({level, kLogComponents[component], message, project_path(where.file_name()), where.line(), where.function_name(),
                  wall_now()},
                 line);
  const std::lock_guard lock(mutex_);
  [[maybe_unused]] const ssize_t written = ::write(fd_, line.data(), line.size());  // nowhere to complain
}

}  // namespace weir
