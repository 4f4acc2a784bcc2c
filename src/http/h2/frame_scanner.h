// FrameScanner: follows the frame headers in a stream of HTTP/2 bytes (RFC 9113 §4.1), without looking into frames.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::http::h2 {

class FrameScanner {
 public:
  struct Frame {
    uint8_t type, flags;
    uint32_t stream_id;
  };

  /// `skip`: bytes before the first frame (the client's connection preface).
  explicit FrameScanner(size_t skip) : skip_(skip) {}

  /// Calls `visit(frame, end)` for each frame header that is completed by these bytes; `end` is where in them.
  template <class F>
  void scan(std::string_view bytes, F&& visit) {
    const char* const begin = bytes.data();
    while (!bytes.empty()) {
      const size_t passed = std::min(skip_, bytes.size());
      skip_ -= passed;
      bytes.remove_prefix(passed);
      if (bytes.empty()) return;
      const size_t taken = std::min(kHeader - have_, bytes.size());
      std::copy_n(bytes.data(), taken, header_ + have_);
      have_ += taken;
      bytes.remove_prefix(taken);
      if (have_ < kHeader) return;
      have_ = 0;
      skip_ = size_t{byte(0)} << 16 | size_t{byte(1)} << 8 | byte(2);
      const uint32_t id = uint32_t{byte(5)} << 24 | uint32_t{byte(6)} << 16 | uint32_t{byte(7)} << 8 | byte(8);
      visit(Frame{byte(3), byte(4), id & 0x7fffffff}, static_cast<size_t>(bytes.data() - begin));
    }
  }

 private:
  static constexpr size_t kHeader = 9;
  uint8_t byte(size_t i) const { return static_cast<uint8_t>(header_[i]); }

  size_t skip_;
  size_t have_ = 0;
  char header_[kHeader];
};

}  // namespace weir::http::h2
