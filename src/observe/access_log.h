// AccessLog: a filter, a line and a file: what is written about a request when it is over.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "format/stream_info.h"
#include "observe/log_filter.h"

namespace weir::observe {

class LogFile;

/// How a request becomes a line. Immutable; safe for all threads.
class LogLine {
 public:
  virtual ~LogLine() = default;
  /// Appends the line, with its line break if it is to have one.
  virtual void append(std::string& out, const format::FormatContext& context) const = 0;
};

/// Immutable, shared by all workers. The file must outlive it.
class AccessLog {
 public:
  AccessLog(LogFilter filter, std::unique_ptr<const LogLine> line, LogFile& file);

  /// Appends a line to the worker's own buffer if the filter lets the request pass. Takes no lock and writes nothing
  /// itself, but for handing a full buffer to the writer thread.
  void log(const format::FormatContext& context, size_t worker) const;

 private:
  LogFilter filter_;
  std::unique_ptr<const LogLine> line_;
  LogFile& file_;
};

}  // namespace weir::observe
