// CHECK: what must hold, or the process ends at once with the place. The only macro of the project.
#pragma once

namespace weir {

/// Prints the failed condition with its place and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace weir

#define CHECK(condition) (__builtin_expect(!!(condition), 1) ? (void)0 : ::weir::check_failed(#condition, __FILE__, __LINE__))
