// Diagnostic: one thing that is wrong (or doubtful) in a configuration, with its place and what to do about it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::config {

/// A place in a file. Line and column count from 1; 0 means unknown.
struct Position {
  std::string file;
  uint32_t line = 0;
  uint32_t column = 0;
};

/// One finding. `path` is the field path in Envoy's names, such as `static_resources.clusters[0].lb_policy`.
struct Diagnostic {
  Position at;
  std::string path;
  std::string message;
  std::string hint;

  /// `file:line:column: path: message; hint`, without what is unknown.
  std::string text() const;
};

/// The errors and warnings of one load, in the order found; bounded, so that a hostile file cannot fill memory.
class Diagnostics {
 public:
  static constexpr size_t kMaxErrors = 100;
  static constexpr size_t kMaxWarnings = 100;

  void error(Diagnostic diagnostic);
  void warning(Diagnostic diagnostic);

  /// Whether there is at least one error.
  bool failed() const { return !errors_.empty(); }
  /// Whether more errors would not be kept, so that one may as well stop looking.
  bool full() const { return errors_.size() >= kMaxErrors; }
  const std::vector<Diagnostic>& errors() const { return errors_; }
  const std::vector<Diagnostic>& warnings() const { return warnings_; }
  std::vector<Diagnostic>& errors() { return errors_; }
  std::vector<Diagnostic>& warnings() { return warnings_; }
  /// All errors, one a line.
  std::string text() const;

 private:
  std::vector<Diagnostic> errors_;
  std::vector<Diagnostic> warnings_;
};

/// A piece of user text made fit for an error message: one line, printable, at most ~60 bytes, in quotes.
std::string quoted(std::string_view text);

/// The candidate nearest to `word` by edit distance (case and underscores do not count), or empty if none is near.
std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace weir::config
