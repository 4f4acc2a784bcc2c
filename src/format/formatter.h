// Formatter: text with %OPERATORS%, compiled once: one compiler and one evaluator for header values, direct responses, local
// replies and access logs.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "format/operator.h"
#include "format/stream_info.h"

namespace weir::format {

/// Envoy's default access log line (access log docs, "Default Format String"), with its line break.
extern const std::string_view kDefaultLogFormat;

struct FormatterOptions {
  /// What has no value is "" instead of "-".
  bool omit_empty_values = false;
  OperatorSet operators;
};

/// Immutable; safe for all threads.
class Formatter {
 public:
  /// "%%" is a percent sign. Errors name the operator and its position.
  static Result<Formatter> compile(std::string_view format, const FormatterOptions& options = {});
  /// Text that is meant as it stands.
  static Formatter literal(std::string text);

  void append(std::string& out, const FormatContext& context) const;
  /// The text lives in the arena, in the request, or (literals) in this formatter.
  std::string_view evaluate(Arena& arena, const FormatContext& context) const;

  bool is_literal() const { return parts_.empty(); }
  /// Only for literals.
  std::string_view literal_text() const { return tail_; }
  /// The operator, if the format is just that one and nothing around it.
  const Operator* single_operator() const {
    return parts_.size() == 1 && parts_[0].before.empty() && tail_.empty() ? &parts_[0].op : nullptr;
  }

 private:
  struct Part {
    std::string before;  // literal text in front of the operator
    Operator op;
  };

  template <class Out>
  void write(Out& out, const FormatContext& context) const;

  std::vector<Part> parts_;
  std::string tail_;
  std::string_view missing_ = "-";
};

}  // namespace weir::format
