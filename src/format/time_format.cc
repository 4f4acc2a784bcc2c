#include "format/time_format.h"

#include <algorithm>
#include <charconv>
#include <ctime>

#include "base/text.h"

namespace weir::format {

namespace {

/// Days since 1970-01-01 as a date of the Gregorian calendar.
struct Date {
  int64_t year;
  unsigned month;
  unsigned day;
};

Date date_of(int64_t days) {
  days += 719468;  // to 0000-03-01, so that the leap day is the year's last
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const auto day_of_era = static_cast<unsigned>(days - era * 146097);
  const unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted_month = (5 * day_of_year + 2) / 153;
  const unsigned month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  return {static_cast<int64_t>(year_of_era) + era * 400 + (month <= 2), month, day_of_year - (153 * shifted_month + 2) / 5 + 1};
}

void put_digits(char* to, uint64_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i) {
    to[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

/// Text that ends silently where the room ends.
class Bounded {
 public:
  explicit Bounded(char* to) : to_(to) {}
  void append(std::string_view text) {
    const size_t size = std::min(text.size(), TimeFormat::kMaxSize - size_);
    put(to_ + size_, text.substr(0, size));
    size_ += size;
  }
  void append_digits(uint64_t value, int digits) {
    char text[20];
    put_digits(text, value, digits);
    append({text, static_cast<size_t>(digits)});
  }
  size_t size() const { return size_; }

 private:
  char* to_;
  size_t size_ = 0;
};

size_t write_default(char* to, WallNs time) {
  int64_t seconds = time / kNsPerSecond;
  int64_t nanos = time % kNsPerSecond;
  if (nanos < 0) {
    nanos += kNsPerSecond;
    --seconds;
  }
  int64_t days = seconds / 86400;
  int64_t rest = seconds % 86400;
  if (rest < 0) {
    rest += 86400;
    --days;
  }
  const Date date = date_of(days);
  put_digits(to, static_cast<uint64_t>(date.year), 4);
  to[4] = '-';
  put_digits(to + 5, date.month, 2);
  to[7] = '-';
  put_digits(to + 8, date.day, 2);
  to[10] = 'T';
  put_digits(to + 11, static_cast<uint64_t>(rest / 3600), 2);
  to[13] = ':';
  put_digits(to + 14, static_cast<uint64_t>(rest / 60 % 60), 2);
  to[16] = ':';
  put_digits(to + 17, static_cast<uint64_t>(rest % 60), 2);
  to[19] = '.';
  put_digits(to + 20, static_cast<uint64_t>(nanos / kNsPerMs), 3);
  to[23] = 'Z';
  return 24;
}

constexpr std::string_view kDefaultPattern = "%Y-%m-%dT%H:%M:%E3SZ";
constexpr std::string_view kDefaultLocalPattern = "%Y-%m-%dT%H:%M:%E3S%z";

void append_fraction(Bounded& out, int64_t nanos, int digits) {
  char text[9];
  put_digits(text, static_cast<uint64_t>(nanos), 9);
  out.append({text, static_cast<size_t>(digits)});
}

/// As many digits as are needed; none for a whole second.
int significant_digits(int64_t nanos) {
  int digits = 9;
  while (digits > 0 && nanos % 10 == 0) {
    nanos /= 10;
    --digits;
  }
  return digits;
}

}  // namespace

Result<TimeFormat> TimeFormat::compile(std::string_view pattern, TimeZone zone) {
  TimeFormat format;
  format.zone_ = zone;
  if (pattern.find_first_of("\n\r") != std::string_view::npos) {
    return failure("a time format must not hold a line break");
  }
  if (pattern.empty()) pattern = zone == TimeZone::kUtc ? kDefaultPattern : kDefaultLocalPattern;
  if (pattern == kDefaultPattern && zone == TimeZone::kUtc) return format;

  std::string literal;
  auto flush = [&] {
    if (!literal.empty()) format.parts_.push_back({Part::Kind::kLiteral, 0, std::exchange(literal, {})});
  };
  auto add = [&](Part::Kind kind, int digits, std::string_view text = {}) {
    flush();
    format.parts_.push_back({kind, static_cast<uint8_t>(digits), std::string(text)});
  };
  while (!pattern.empty()) {
    if (pattern[0] != '%' || pattern.size() == 1) {
      literal += pattern[0];
      pattern.remove_prefix(1);
      continue;
    }
    const char c = pattern[1];
    const char d = pattern.size() > 2 ? pattern[2] : '\0';
    const char e = pattern.size() > 3 ? pattern[3] : '\0';
    size_t used = 2;
    if (c == 'n') return failure("a time format must not hold a line break (%n)");
    if (c == '%') {
      literal += '%';
    } else if (c == 's') {
      add(Part::Kind::kSeconds, 0);
    } else if (c == 'f') {
      add(Part::Kind::kFraction, 9);
    } else if (c >= '1' && c <= '9' && d == 'f') {
      add(Part::Kind::kFraction, c - '0');
      used = 3;
    } else if (c == 'E' && (is_digit(d) || d == '*') && (e == 'S' || e == 'f')) {
      using Kind = Part::Kind;
      const bool star = d == '*';
      const Kind kind = e == 'S' ? (star ? Kind::kSecondsWithStarFraction : Kind::kSecondsWithFraction)
                                 : (star ? Kind::kStarFraction : Kind::kFraction);
      add(kind, star ? 0 : d - '0');
      used = 4;
    } else if (c == 'E' && d == '4' && e == 'Y') {
      add(Part::Kind::kStrftime, 0, "%Y");
      used = 4;
    } else if (c == 'E' && d == 'T') {
      literal += 'T';
      used = 3;
    } else if (c == 'E' && d == 'z') {
      add(Part::Kind::kStrftime, 0, "%Ez");
      used = 3;
    } else if ((c == 'E' || c == 'O' || std::string_view("-_^#").find(c) != std::string_view::npos) && d != '\0') {
      add(Part::Kind::kStrftime, 0, pattern.substr(0, 3));
      used = 3;
    } else {
      add(Part::Kind::kStrftime, 0, pattern.substr(0, 2));
    }
    pattern.remove_prefix(std::min(used, pattern.size()));
  }
  flush();
  return format;
}

size_t TimeFormat::write(char* to, WallNs time) const {
  if (parts_.empty()) return write_default(to, time);
  int64_t seconds = time / kNsPerSecond;
  int64_t nanos = time % kNsPerSecond;
  if (nanos < 0) {
    nanos += kNsPerSecond;
    --seconds;
  }
  const time_t whole = seconds;
  tm fields{};
  if (zone_ == TimeZone::kUtc) {
    gmtime_r(&whole, &fields);
    fields.tm_zone = "UTC";  // which the C library calls GMT
  } else {
    localtime_r(&whole, &fields);
  }

  Bounded out(to);
  for (const Part& part : parts_) {
    switch (part.kind) {
      case Part::Kind::kLiteral:
        out.append(part.text);
        break;
      case Part::Kind::kSeconds: {
        char text[24];
        out.append({text, static_cast<size_t>(std::to_chars(text, text + sizeof text, seconds).ptr - text)});
        break;
      }
      case Part::Kind::kFraction:
        append_fraction(out, nanos, part.digits);
        break;
      case Part::Kind::kStarFraction:
        append_fraction(out, nanos, significant_digits(nanos));
        break;
      case Part::Kind::kSecondsWithFraction:
      case Part::Kind::kSecondsWithStarFraction: {
        out.append_digits(static_cast<uint64_t>(fields.tm_sec), 2);
        const int digits = part.kind == Part::Kind::kSecondsWithFraction ? part.digits : significant_digits(nanos);
        if (digits == 0) break;
        out.append(".");
        append_fraction(out, nanos, digits);
        break;
      }
      case Part::Kind::kStrftime: {
        char text[128];
        if (part.text == "%Ez") {  // "+01:00"
          const size_t size = strftime(text, sizeof text, "%z", &fields);
          out.append({text, std::min<size_t>(size, 3)});
          out.append(":");
          out.append({text + std::min<size_t>(size, 3), size - std::min<size_t>(size, 3)});
          break;
        }
        out.append({text, strftime(text, sizeof text, part.text.c_str(), &fields)});
        break;
      }
    }
  }
  return out.size();
}

}  // namespace weir::format
