// AccessLog: a filter, a format and a file: what is written about a request when it is over.
#pragma once

#include <cstddef>

#include "format/format_string.h"
#include "observe/log_filter.h"

namespace weir::observe {

class LogFile;

/// Immutable, shared by all workers. The file must outlive it.
class AccessLog {
 public:
  AccessLog(LogFilter filter, format::FormatString format, LogFile& file);

  /// Appends a line to the worker's own buffer if the filter lets the request pass. Takes no lock and writes nothing
  /// itself, but for handing a full buffer to the writer thread.
  void log(const format::FormatContext& context, size_t worker) const;

 private:
  LogFilter filter_;
  format::FormatString format_;
  LogFile& file_;
};

}  // namespace weir::observe
