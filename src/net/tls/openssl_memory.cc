#include "net/tls/openssl_memory.h"

#include <malloc.h>
#include <openssl/crypto.h>

#include <cstddef>
#include <cstdlib>

namespace weir::net {

namespace {

constexpr size_t kLeast = 16 * 1024, kMost = 20 * 1024;  // a record with its header, tag and padding
constexpr size_t kKept = 4;                              // one connection at a time reads and writes on a thread

/// Buffers that were given back on this thread and wait for the next record. An idle connection holds none
/// (SSL_MODE_RELEASE_BUFFERS), and malloc takes its time to find blocks of this size.
class KeptBuffers {
 public:
  ~KeptBuffers() {
    while (count_ > 0) std::free(buffers_[--count_]);
    closed_ = true;
  }
  void* take(size_t size) {
    if (count_ == 0 || malloc_usable_size(buffers_[count_ - 1]) < size) return nullptr;
    return buffers_[--count_];
  }
  bool keep(void* buffer) {
    if (closed_ || count_ == kKept) return false;
    buffers_[count_++] = buffer;
    return true;
  }

 private:
  void* buffers_[kKept];
  size_t count_ = 0;
  bool closed_ = false;  // the thread ends
};

thread_local KeptBuffers kept;

void* allocate(size_t size, const char*, int) {
  if (size >= kLeast && size <= kMost) {
    if (void* buffer = kept.take(size)) return buffer;
  }
  return std::malloc(size);
}

void* reallocate(void* block, size_t size, const char*, int) { return std::realloc(block, size); }

void release(void* block, const char*, int) {
  if (block == nullptr) return;
  const size_t size = malloc_usable_size(block);
  if (size >= kLeast && size <= kMost && kept.keep(block)) return;
  std::free(block);
}

}  // namespace

void keep_record_buffers() { CRYPTO_set_mem_functions(allocate, reallocate, release); }

}  // namespace weir::net
