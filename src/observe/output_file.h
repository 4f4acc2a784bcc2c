// OutputFile: a file, pipe or terminal that is only ever appended to, and that never makes its writer wait for a reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::observe {

/// Owns its descriptor. Not thread-safe.
class OutputFile {
 public:
  /// Creates the file if need be. "/dev/stdout" and "/dev/stderr" mean the process's own, whatever they are.
  static Result<OutputFile> open(const std::string& path);
  /// Whether open() would succeed, as far as one can tell without opening or making anything.
  static Result<> check(const std::string& path);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  ~OutputFile();

  enum class Outcome : uint8_t { kDone, kStalled, kFailed };
  /// Appends `text` from `written` on, and moves `written`. Stalled: a reader has to make room first (poll descriptor()).
  Outcome write(std::string_view text, size_t& written);

  /// Opens the path anew; after an error the old file goes on being used.
  Result<> reopen();

  int descriptor() const { return fd_; }
  const std::string& path() const { return path_; }

 private:
  enum class Kind : uint8_t { kFile, kPipe, kSocket };
  OutputFile(std::string path, int fd);

  std::string path_;
  int fd_ = -1;
  Kind kind_ = Kind::kFile;
};

}  // namespace weir::observe
