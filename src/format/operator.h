// Operator: one %COMMAND(ARGUMENTS):LENGTH% of a format, and the value it has for a request.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "format/stream_info.h"
#include "format/time_format.h"
#include "http/header_name.h"

namespace weir::format {

/// What an operator says: text, a number (which JSON shows as such), or that there is nothing to say.
struct Value {
  enum class Kind : uint8_t { kMissing, kText, kNumber, kJson };  // kJson: a text that is JSON already
  Kind kind = Kind::kMissing;
  std::string_view text;
  int64_t number = 0;

  static Value of(std::string_view text) { return {Kind::kText, text, 0}; }
  static Value of_json(std::string_view text) { return {Kind::kJson, text, 0}; }
  static Value of_number(int64_t number) { return {Kind::kNumber, {}, number}; }
  /// Missing if empty.
  static Value of_nonempty(std::string_view text) { return text.empty() ? Value() : of(text); }
  bool missing() const { return kind == Kind::kMissing; }
};

/// Room for values that exist nowhere else; one value at a time.
class Scratch {
 public:
  char* room(size_t size) {
    if (size <= sizeof small_) return small_;
    large_.resize(size);
    return large_.data();
  }
  /// Whether `text` lies in here (and so does not outlive the next value).
  bool holds(std::string_view text) const {
    const std::less_equal<const char*> le;
    return (le(small_, text.data()) && le(text.data(), small_ + sizeof small_)) ||
           (!large_.empty() && text.data() == large_.data());
  }

 private:
  char small_[TimeFormat::kMaxSize];
  std::string large_;
};

/// What else a format may say than Envoy's built-in operators allow.
struct OperatorSet {
  /// The extension envoy.formatter.req_without_query is configured.
  bool req_without_query = false;
};

/// What the argument of an operator was compiled to; each operator uses its own few fields.
struct Parameters {
  std::array<http::HeaderName, 2> headers;  // the name and its alternative
  std::string text;                         // a fixed value, or the argument itself
  TimeFormat time;
  MonotonicNs StreamInfo::*from = nullptr;
  MonotonicNs StreamInfo::*to = nullptr;
  int64_t divisor = 1;
  uint8_t choice = 0;
  bool flag = false;
};

using Evaluate = Value (*)(const Parameters&, const FormatContext&, Scratch&);

class Operator {
 public:
  /// `name` without the percent signs; `arguments` is absent without parentheses. The error names what is wrong and what is
  /// possible.
  static Result<Operator> compile(std::string_view name, std::optional<std::string_view> arguments, std::optional<size_t> length,
                                  const OperatorSet& set);

  /// A text value is valid as long as what it was taken from, or until the next use of `scratch`.
  Value evaluate(const FormatContext& context, Scratch& scratch) const {
    Value value = evaluate_(parameters_, context, scratch);
    if (value.kind == Value::Kind::kText && value.text.size() > max_length_) value.text = value.text.substr(0, max_length_);
    return value;
  }

 private:
  Evaluate evaluate_ = nullptr;
  size_t max_length_ = std::numeric_limits<size_t>::max();
  Parameters parameters_;
};

}  // namespace weir::format
