// AccessLog: filter, then append.
#include "observe/access_log.h"

#include <utility>

#include "observe/log_file.h"

namespace weir::observe {

AccessLog::AccessLog(LogFilter filter, format::FormatString format, LogFile& file)
    : filter_(std::move(filter)), format_(std::move(format)), file_(file) {}

void AccessLog::log(const format::FormatContext& context, size_t worker) const {
  if (!filter_.passes(context)) return;
  format_.append(file_.buffer(worker), context);
  file_.end_line(worker);
}

}  // namespace weir::observe
