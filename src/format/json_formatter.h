// JsonFormatter: a JSON text with %OPERATORS% in its strings, compiled once. A string that is one operator and nothing else
// becomes the operator's value: a number, or null if it has none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "format/formatter.h"

namespace weir::format {

/// Immutable once it is built; safe for all threads.
class JsonFormatter {
 public:
  // Building: the text from left to right.
  /// JSON that is the same every time: punctuation, keys, numbers.
  void add_text(std::string_view json) { tail_ += json; }
  /// A string that is the same every time.
  void add_string(std::string_view text);
  /// A string value with operators in it. Errors as those of Formatter::compile().
  Result<> add_format(std::string_view format, const FormatterOptions& options = {});

  void append(std::string& out, const FormatContext& context) const;

 private:
  struct Part {
    std::string before;
    Formatter value;  // never a literal
  };
  std::vector<Part> parts_;
  std::string tail_;
};

}  // namespace weir::format
