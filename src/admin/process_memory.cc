#include "admin/process_memory.h"

#include <malloc.h>
#include <unistd.h>

#include <fstream>

namespace weir::admin {

ProcessMemory process_memory() {
  const struct mallinfo2 info = mallinfo2();
  ProcessMemory memory;
  memory.allocated = info.uordblks + info.hblkhd;
  memory.heap_size = info.arena + info.hblkhd;
  memory.free = info.fordblks;
  uint64_t total_pages = 0;
  uint64_t resident_pages = 0;
  if (std::ifstream("/proc/self/statm") >> total_pages >> resident_pages) {
    memory.physical = resident_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  }
  return memory;
}

}  // namespace weir::admin
