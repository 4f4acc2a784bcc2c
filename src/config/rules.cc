// Rules: the semantics of protoc-gen-validate 1.0, in our words.
#include "config/rules.h"

#include <arpa/inet.h>

#include <algorithm>
#include <ctime>

#include "base/text.h"
#include "config/diagnostic.h"

namespace weir::config {

namespace pb = google::protobuf;
using pb::FieldDescriptor;

namespace {

std::string show(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}
std::string show(float value) { return show(static_cast<double>(value)); }
template <class Integer>
std::string show(Integer value) {
  return std::to_string(value);
}

// Times as one number of nanoseconds, wide enough for all that a Duration or Timestamp can hold.
struct Nanoseconds {
  __int128 count = 0;
  auto operator<=>(const Nanoseconds&) const = default;
};

std::string show(Nanoseconds value) {
  const bool negative = value.count < 0;
  const __int128 count = negative ? -value.count : value.count;
  std::string fraction = std::to_string(static_cast<uint64_t>(count % 1'000'000'000) + 1'000'000'000).substr(1);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return (negative ? "-" : "") + std::to_string(static_cast<uint64_t>(count / 1'000'000'000)) +
         (fraction.empty() ? "" : "." + fraction) + "s";
}

Nanoseconds nanoseconds(int64_t seconds, int32_t nanos) { return {static_cast<__int128>(seconds) * 1'000'000'000 + nanos}; }
template <class Time>
Nanoseconds from(const Time& time) requires requires {
  time.seconds();
}
{ return nanoseconds(time.seconds(), time.nanos()); }
template <class Number>
Number from(Number number) requires std::is_arithmetic_v<Number> {
  return number;
}

template <class Rules, class T>
std::string check_range(const Rules& rules, T value) {
  const bool low = rules.has_gt() || rules.has_gte();
  const bool high = rules.has_lt() || rules.has_lte();
  if (!low && !high) return "";
  const bool above = rules.has_gt() ? value > from(rules.gt()) : rules.has_gte() ? value >= from(rules.gte()) : true;
  const bool below = rules.has_lt() ? value < from(rules.lt()) : rules.has_lte() ? value <= from(rules.lte()) : true;
  const T bottom = rules.has_gt() ? from(rules.gt()) : rules.has_gte() ? from(rules.gte()) : T{};
  const T top = rules.has_lt() ? from(rules.lt()) : rules.has_lte() ? from(rules.lte()) : T{};
  const bool outside = low && high && bottom > top;  // a range that excludes what lies between
  if (outside ? above || below : above && below) return "";
  std::string expected;
  if (low) expected = (rules.has_gt() ? "greater than " : "at least ") + show(bottom);
  if (high)
    expected += (expected.empty() ? "" : outside ? " or " : " and ") + ((rules.has_lt() ? "less than " : "at most ") + show(top));
  return "must be " + expected + ", got " + show(value);
}

template <class List, class T>
bool contains(const List& list, const T& value) {
  return std::any_of(list.begin(), list.end(), [&value](const auto& each) { return each == value; });
}

template <class Rules, class T>
std::string check_number(const Rules& rules, T value) {
  if (rules.ignore_empty() && value == T{}) return "";
  if (rules.has_const_() && value != rules.const_()) return "must be " + show(rules.const_()) + ", got " + show(value);
  if (rules.in_size() > 0 && !contains(rules.in(), value)) {
    std::string list;
    for (const T each : rules.in()) list += (list.empty() ? "" : ", ") + show(each);
    return "must be one of " + list + ", got " + show(value);
  }
  if (contains(rules.not_in(), value)) return "must not be " + show(value);
  return check_range(rules, value);
}

bool is_header_name(std::string_view text) {
  if (text.starts_with(':')) text.remove_prefix(1);
  static constexpr std::string_view kAllowed = "!#$%&'*+,-.^_|~`";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || kAllowed.find(c) != std::string_view::npos;
  });
}

std::string check_known_regex(const validate::StringRules& rules, std::string_view text) {
  const auto none = [text](auto bad) { return std::none_of(text.begin(), text.end(), bad); };
  const bool name = rules.well_known_regex() == validate::HTTP_HEADER_NAME;
  if (!rules.strict()) {
    if (none([](char c) { return c == '\0' || c == '\n' || c == '\r'; })) return "";
    return "must not contain a line break or NUL, got " + quoted(text);
  }
  if (name) return is_header_name(text) ? "" : "must be an HTTP header name, got " + quoted(text);
  const auto control = [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; };
  return none(control) ? "" : "must not contain control characters, got " + quoted(text);
}

bool is_ip(int family, const std::string& text) {
  unsigned char address[16];
  return ::inet_pton(family, text.c_str(), address) == 1;
}

bool is_hostname(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > 253) return false;
  while (!text.empty()) {
    const std::string_view label = text.substr(0, text.find('.'));
    const bool edges = !label.empty() && label.size() < 64 && label.front() != '-' && label.back() != '-';
    const bool letters = std::all_of(
        label.begin(), label.end(), [](char c) { return is_digit(c) || c == '-' || (to_lower(c) >= 'a' && to_lower(c) <= 'z'); });
    if (!edges || !letters) return false;
    text.remove_prefix(std::min(label.size() + 1, text.size()));
  }
  return true;
}

bool is_uri_reference(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f && std::string_view("<>\"{}|\\^`").find(c) == std::string_view::npos;
  });
}

std::string check_well_known(const validate::StringRules& rules, const std::string& text) {
  const bool ip4 = is_ip(AF_INET, text), ip6 = is_ip(AF_INET6, text);
  const auto expect = [&text](bool good, std::string_view what) {
    return good ? std::string() : "must be " + std::string(what) + ", got " + quoted(text);
  };
  switch (rules.well_known_case()) {
    case validate::StringRules::kIp:
      return expect(ip4 || ip6, "an IP address");
    case validate::StringRules::kIpv4:
      return expect(ip4, "an IPv4 address");
    case validate::StringRules::kIpv6:
      return expect(ip6, "an IPv6 address");
    case validate::StringRules::kHostname:
      return expect(is_hostname(text), "a host name");
    case validate::StringRules::kAddress:
      return expect(ip4 || ip6 || is_hostname(text), "a host name or an IP address");
    case validate::StringRules::kUri:
      return expect(is_uri_reference(text) && text.find(':') != std::string::npos, "an absolute URI");
    case validate::StringRules::kUriRef:
      return expect(is_uri_reference(text), "a URI reference");
    case validate::StringRules::kEmail: {
      const size_t at = text.rfind('@');
      return expect(at != std::string::npos && at > 0 && is_hostname(std::string_view(text).substr(at + 1)), "an e-mail address");
    }
    case validate::StringRules::kUuid: {
      static const re2::RE2 kUuid("(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
      return expect(re2::RE2::FullMatch(text, kUuid), "a UUID");
    }
    case validate::StringRules::kWellKnownRegex:
      return check_known_regex(rules, text);
    case validate::StringRules::WELL_KNOWN_NOT_SET:
      return "";
  }
  return "";
}

std::string check_length(uint64_t size, bool has_exact, uint64_t exact, bool has_least, uint64_t least, bool has_most,
                         uint64_t most, const std::string& unit) {
  if (has_exact && size != exact) return "must be " + std::to_string(exact) + " " + unit + " long";
  if (has_least && size < least) {
    return least == 1 ? "must not be empty" : "must be at least " + std::to_string(least) + " " + unit + " long";
  }
  if (has_most && size > most) return "must be at most " + std::to_string(most) + " " + unit + " long";
  return "";
}

uint64_t count_characters(std::string_view text) {
  return static_cast<uint64_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

template <class Rules>
std::string check_pieces(const Rules& rules, const std::string& text, const re2::RE2* pattern) {
  if (rules.has_const_() && text != rules.const_()) return "must be " + quoted(rules.const_()) + ", got " + quoted(text);
  if (rules.in_size() > 0 && !contains(rules.in(), text)) {
    std::string list;
    for (const std::string& each : rules.in()) list += (list.empty() ? "" : ", ") + quoted(each);
    return "must be one of " + list + ", got " + quoted(text);
  }
  if (contains(rules.not_in(), text)) return "must not be " + quoted(text);
  if (rules.has_prefix() && !text.starts_with(rules.prefix()))
    return "must start with " + quoted(rules.prefix()) + ", got " + quoted(text);
  if (rules.has_suffix() && !text.ends_with(rules.suffix()))
    return "must end with " + quoted(rules.suffix()) + ", got " + quoted(text);
  if (rules.has_contains() && text.find(rules.contains()) == std::string::npos) {
    return "must contain " + quoted(rules.contains()) + ", got " + quoted(text);
  }
  if (rules.has_pattern() && pattern != nullptr && !re2::RE2::FullMatch(text, *pattern)) {
    return "must match " + rules.pattern() + ", got " + quoted(text);
  }
  return "";
}

std::string check_string(const validate::StringRules& rules, const std::string& text, const re2::RE2* pattern) {
  if (rules.ignore_empty() && text.empty()) return "";
  std::string violated;
  if (rules.has_len() || rules.has_min_len() || rules.has_max_len()) {
    violated = check_length(count_characters(text), rules.has_len(), rules.len(), rules.has_min_len(), rules.min_len(),
                            rules.has_max_len(), rules.max_len(), "characters");
  }
  if (violated.empty()) {
    violated = check_length(text.size(), rules.has_len_bytes(), rules.len_bytes(), rules.has_min_bytes(), rules.min_bytes(),
                            rules.has_max_bytes(), rules.max_bytes(), "bytes");
  }
  if (violated.empty() && rules.has_not_contains() && text.find(rules.not_contains()) != std::string::npos) {
    violated = "must not contain " + quoted(rules.not_contains()) + ", got " + quoted(text);
  }
  if (violated.empty()) violated = check_pieces(rules, text, pattern);
  if (violated.empty() && rules.well_known_case() != validate::StringRules::WELL_KNOWN_NOT_SET) {
    violated = check_well_known(rules, text);
  }
  return violated;
}

std::string check_bytes(const validate::BytesRules& rules, const std::string& bytes, const re2::RE2* pattern) {
  if (rules.ignore_empty() && bytes.empty()) return "";
  std::string violated = check_length(bytes.size(), rules.has_len(), rules.len(), rules.has_min_len(), rules.min_len(),
                                      rules.has_max_len(), rules.max_len(), "bytes");
  if (violated.empty()) violated = check_pieces(rules, bytes, pattern);
  if (!violated.empty()) return violated;
  const bool ip4 = bytes.size() == 4, ip6 = bytes.size() == 16;
  if ((rules.ip() && !ip4 && !ip6) || (rules.ipv4() && !ip4) || (rules.ipv6() && !ip6)) return "must be an IP address in bytes";
  return "";
}

std::string check_enum(const validate::EnumRules& rules, int value, const pb::EnumDescriptor& type) {
  const auto name = [&type](int number) {
    const pb::EnumValueDescriptor* known = type.FindValueByNumber(number);
    return known != nullptr ? known->name() : std::to_string(number);
  };
  if (rules.has_const_() && value != rules.const_()) return "must be " + name(rules.const_()) + ", got " + name(value);
  if (rules.defined_only() && type.FindValueByNumber(value) == nullptr) return "unknown value " + std::to_string(value);
  if (rules.in_size() > 0 && !contains(rules.in(), value)) {
    std::string list;
    for (const int each : rules.in()) list += (list.empty() ? "" : ", ") + name(each);
    return "must be one of " + list + ", got " + name(value);
  }
  if (contains(rules.not_in(), value)) return "must not be " + name(value);
  return "";
}

template <class Rules>
std::string check_time(const Rules& rules, Nanoseconds value) {
  if (rules.has_const_() && value != from(rules.const_()))
    return "must be " + show(from(rules.const_())) + ", got " + show(value);
  return check_range(rules, value);
}

std::string check_now(const validate::TimestampRules& rules, Nanoseconds value) {
  const Nanoseconds now = nanoseconds(std::time(nullptr), 0);
  if (rules.lt_now() && value >= now) return "must be in the past";
  if (rules.gt_now() && value <= now) return "must be in the future";
  const Nanoseconds distance{value < now ? now.count - value.count : value.count - now.count};
  if (rules.has_within() && distance > from(rules.within())) return "must be within " + show(from(rules.within())) + " of now";
  return "";
}

Nanoseconds time_of(const pb::Message& message) {
  const pb::Descriptor* type = message.GetDescriptor();
  const pb::Reflection* reflection = message.GetReflection();
  return nanoseconds(reflection->GetInt64(message, type->FindFieldByNumber(1)),
                     reflection->GetInt32(message, type->FindFieldByNumber(2)));
}

std::string check_any(const validate::AnyRules& rules, const std::string& url) {
  if (rules.in_size() > 0 && !contains(rules.in(), url)) return "must not hold a " + quoted(url);
  if (contains(rules.not_in(), url)) return "must not hold a " + quoted(url);
  return "";
}

}  // namespace

std::string check_size(uint64_t size, bool has_least, uint64_t least, bool has_most, uint64_t most, const std::string& what) {
  const auto count = [&what](uint64_t number) {
    if (number == 1) return "1 " + what;
    return std::to_string(number) + " " + (what.ends_with('y') ? what.substr(0, what.size() - 1) + "ies" : what + "s");
  };
  if (has_least && size < least) return "must have at least " + count(least);
  if (has_most && size > most) return "must have at most " + count(most) + ", got " + std::to_string(size);
  return "";
}

std::string check_scalar(const pb::Message& message, const FieldDescriptor& field, int index, const validate::FieldRules& rules,
                         const re2::RE2* pattern) {
  const pb::Reflection& r = *message.GetReflection();
  const bool item = index >= 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32: {
      const int32_t value = item ? r.GetRepeatedInt32(message, &field, index) : r.GetInt32(message, &field);
      if (rules.has_sint32()) return check_number(rules.sint32(), value);
      return rules.has_sfixed32() ? check_number(rules.sfixed32(), value) : check_number(rules.int32(), value);
    }
    case FieldDescriptor::CPPTYPE_INT64: {
      const int64_t value = item ? r.GetRepeatedInt64(message, &field, index) : r.GetInt64(message, &field);
      if (rules.has_sint64()) return check_number(rules.sint64(), value);
      return rules.has_sfixed64() ? check_number(rules.sfixed64(), value) : check_number(rules.int64(), value);
    }
    case FieldDescriptor::CPPTYPE_UINT32: {
      const uint32_t value = item ? r.GetRepeatedUInt32(message, &field, index) : r.GetUInt32(message, &field);
      return rules.has_fixed32() ? check_number(rules.fixed32(), value) : check_number(rules.uint32(), value);
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      const uint64_t value = item ? r.GetRepeatedUInt64(message, &field, index) : r.GetUInt64(message, &field);
      return rules.has_fixed64() ? check_number(rules.fixed64(), value) : check_number(rules.uint64(), value);
    }
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return check_number(rules.double_(), item ? r.GetRepeatedDouble(message, &field, index) : r.GetDouble(message, &field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return check_number(rules.float_(), item ? r.GetRepeatedFloat(message, &field, index) : r.GetFloat(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL: {
      const bool value = item ? r.GetRepeatedBool(message, &field, index) : r.GetBool(message, &field);
      if (!rules.bool_().has_const_() || value == rules.bool_().const_()) return "";
      return std::string("must be ") + (rules.bool_().const_() ? "true" : "false");
    }
    case FieldDescriptor::CPPTYPE_ENUM:
      return check_enum(rules.enum_(), item ? r.GetRepeatedEnumValue(message, &field, index) : r.GetEnumValue(message, &field),
                        *field.enum_type());
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string scratch;
      const std::string& value =
          item ? r.GetRepeatedStringReference(message, &field, index, &scratch) : r.GetStringReference(message, &field, &scratch);
      return rules.has_bytes() ? check_bytes(rules.bytes(), value, pattern) : check_string(rules.string(), value, pattern);
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return "";
  }
  return "";
}

std::string check_message(const pb::Message& message, const MessageInfo& info, const validate::FieldRules& rules,
                          const re2::RE2* pattern) {
  if (rules.has_duration() && info.well_known == WellKnown::kDuration) return check_time(rules.duration(), time_of(message));
  if (rules.has_timestamp() && info.well_known == WellKnown::kTimestamp) {
    std::string violated = check_time(rules.timestamp(), time_of(message));
    return violated.empty() ? check_now(rules.timestamp(), time_of(message)) : violated;
  }
  if (rules.has_any() && info.well_known == WellKnown::kAny) return check_any(rules.any(), any_type_url(message));
  if (info.well_known == WellKnown::kWrapper && info.fields.size() == 1 &&
      rules.type_case() != validate::FieldRules::TYPE_NOT_SET) {
    return check_scalar(message, *info.fields[0].field, -1, rules, pattern);
  }
  return "";
}

std::string scalar_text(const pb::Message& message, const FieldDescriptor& field, int index) {
  const pb::Reflection& r = *message.GetReflection();
  const bool item = index >= 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return show(item ? r.GetRepeatedInt32(message, &field, index) : r.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return show(item ? r.GetRepeatedInt64(message, &field, index) : r.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return show(item ? r.GetRepeatedUInt32(message, &field, index) : r.GetUInt32(message, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return show(item ? r.GetRepeatedUInt64(message, &field, index) : r.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return show(item ? r.GetRepeatedDouble(message, &field, index) : r.GetDouble(message, &field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return show(item ? r.GetRepeatedFloat(message, &field, index) : r.GetFloat(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (item ? r.GetRepeatedBool(message, &field, index) : r.GetBool(message, &field)) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return show(item ? r.GetRepeatedEnumValue(message, &field, index) : r.GetEnumValue(message, &field));
    case FieldDescriptor::CPPTYPE_STRING:
      return item ? r.GetRepeatedString(message, &field, index) : r.GetString(message, &field);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return "";
}

}  // namespace weir::config
