// How much memory the process holds, as the allocator and the kernel see it.
#pragma once

#include <cstdint>

namespace weir::admin {

/// In bytes.
struct ProcessMemory {
  uint64_t allocated = 0;  // handed out by malloc
  uint64_t heap_size = 0;  // taken from the kernel by malloc
  uint64_t free = 0;       // in malloc's hands, not handed out
  uint64_t unmapped = 0;   // given back to the kernel but still reserved (always 0 with glibc)
  uint64_t physical = 0;   // resident
};

ProcessMemory process_memory();

}  // namespace weir::admin
