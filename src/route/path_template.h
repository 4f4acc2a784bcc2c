// PathTemplate: "/users/{id}/*" as a pattern for paths, and rewrites that use what its variables caught
// (envoy.path.match.uri_template, envoy.path.rewrite.uri_template).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "format/regex.h"

namespace weir::route {

using format::Regex;
using format::RegexRewrite;

/// Operators: `*` is one segment, `**` any number of characters; `{name}` and `{name=pattern}` catch what they match.
class PathTemplate {
 public:
  static Result<PathTemplate> compile(std::string_view pattern);

  bool matches(std::string_view path) const { return compiled_->regex.full_match(path); }
  std::string_view literal_prefix() const { return compiled_->literal_prefix; }
  const std::vector<std::string>& variables() const { return compiled_->variables; }
  const std::string& pattern() const { return compiled_->pattern; }
  const Regex& regex() const { return compiled_->regex; }

 private:
  struct Compiled {
    std::string pattern;
    std::string literal_prefix;
    std::vector<std::string> variables;  // in the order of the regex's groups
    Regex regex;
  };
  std::shared_ptr<const Compiled> compiled_;
};

/// "/people/{id}" with the variables of the route's PathTemplate.
class TemplateRewrite {
 public:
  /// Refuses variables that `matched` does not have.
  static Result<TemplateRewrite> compile(std::string_view pattern, const PathTemplate& matched);

  std::string_view apply(std::string_view path, Arena& arena) const { return rewrite_.apply(path, arena); }

 private:
  RegexRewrite rewrite_;
};

}  // namespace weir::route
