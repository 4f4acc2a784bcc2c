// For fuzz targets: a user of streams that does what the input says: answer, pause, give up, or nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/arena.h"
#include "base/check.h"
#include "http/stream.h"

namespace weir::http::h2 {

/// The steps of one input.
class Script {
 public:
  Script(const uint8_t* data, size_t size) : bytes_(reinterpret_cast<const char*>(data), size) {}
  uint8_t next() {
    if (bytes_.empty()) return 0;
    const uint8_t value = static_cast<uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return value;
  }
  std::string_view take(size_t size) {
    const std::string_view part = bytes_.substr(0, size);
    bytes_.remove_prefix(part.size());
    return part;
  }
  bool done() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

/// Checks that events come in an order that makes sense, and that the text of headers can be read.
class FuzzUser final : public StreamEvents {
 public:
  FuzzUser(Script& script, bool server) : script_(script), server_(server) {}

  HeaderMap& incoming_headers() override { return memory().headers; }
  HeaderMap& incoming_trailers() override { return memory().trailers; }
  void on_headers(bool end_stream) override {
    CHECK(stream_ != nullptr && !head_);
    head_ = true;
    read(memory().headers);
    came(end_stream);
  }
  void on_informational() override {
    CHECK(stream_ != nullptr && !server_ && !head_);
    read(memory().headers);
  }
  void on_body(std::string_view bytes, bool end_stream) override {
    CHECK(stream_ != nullptr && head_ && !ended_ && !inside_);
    for (const char c : bytes) sum_ += static_cast<unsigned char>(c);
    came(end_stream);
  }
  void on_trailers() override {
    CHECK(stream_ != nullptr && head_ && !ended_ && !inside_);
    read(memory().trailers);
    came(true);
  }
  void on_metadata(std::string_view block) override {
    CHECK(stream_ != nullptr && !ended_ && !inside_ && !block.empty());
    act(script_.next());
  }
  void on_reset(Reset, std::string_view details) override {
    CHECK(stream_ != nullptr && !inside_);
    sum_ += details.size();
    gone();
  }
  void on_room() override { CHECK(stream_ != nullptr && !inside_); }
  void on_complete() override {
    CHECK(stream_ != nullptr && !inside_);
    gone();
  }

  void attach(Stream& stream) { stream_ = &stream; }
  bool open() const { return stream_ != nullptr; }

  /// Does one thing with the stream, if it is still there.
  void act(uint8_t what) {
    if (stream_ == nullptr) return;
    inside_ = true;
    switch (what % 8) {
      case 0:
        stream_->pause();
        break;
      case 1:
        stream_->resume();
        break;
      case 2:
        stream_->reset(what & 8 ? Reset::kLocal : Reset::kLocalRefused);
        gone();
        break;
      case 3:
        if (server_ && !head_sent_) {
          HeaderMap continue_100(memory().arena);
          continue_100.set_status(100);
          stream_->send_informational(continue_100);
        }
        break;
      case 4:
        send_head(what & 8);
        break;
      case 5:
        send_body(what & 8 ? 5000 : 10, what & 16);
        break;
      case 6:
        if (head_sent_ && !end_sent_) {
          end_sent_ = true;
          HeaderMap trailers(memory().arena);
          if (what & 8) trailers.add(memory().arena.copy("grpc-status"), memory().arena.copy("0"));
          stream_->send_trailers(trailers);
        }
        break;
      default:
        if ((what & 8) != 0) {
          stream_->send_metadata({"\0\1k\1v", 5});
        } else {
          stream_->over_limit();
        }
    }
    inside_ = false;
  }

  void send_head(bool end_stream) {
    if (head_sent_) return;
    head_sent_ = true;
    end_sent_ = end_stream;
    HeaderMap head(memory().arena);
    if (server_) {
      head.set_status(200);
    } else {
      head.set_pseudo(HeaderId::kMethod, memory().arena.copy("GET"));
      head.set_pseudo(HeaderId::kScheme, "http");
      head.set_pseudo(HeaderId::kAuthority, memory().arena.copy("a.example"));
      head.set_pseudo(HeaderId::kPath, memory().arena.copy("/"));
    }
    head.add(memory().arena.copy("x-name"), memory().arena.copy("value"));
    stream_->send_headers(head, end_stream);
  }

 private:
  void send_body(size_t size, bool end_stream) {
    if (!head_sent_ || end_sent_) return;
    end_sent_ = end_stream;
    static constexpr char kBytes[5000] = {};
    stream_->send_body({kBytes, size}, end_stream);
  }
  void read(const HeaderMap& headers) {
    for (const Header& line : headers) {
      for (const char c : line.name) sum_ += static_cast<unsigned char>(c);
      for (const char c : line.value) sum_ += static_cast<unsigned char>(c);
    }
  }
  void came(bool end_stream) {
    ended_ |= end_stream;
    act(script_.next());
  }
  /// The memory goes at once, so that whoever still looks at it is found out.
  void gone() {
    stream_ = nullptr;
    memory_.reset();
  }
  struct Memory {
    Arena arena;
    HeaderMap headers{arena}, trailers{arena};
  };
  Memory& memory() {
    CHECK(memory_ != nullptr);
    return *memory_;
  }

  Script& script_;
  const bool server_;
  std::unique_ptr<Memory> memory_ = std::make_unique<Memory>();
  Stream* stream_ = nullptr;
  bool head_ = false, ended_ = false, head_sent_ = false, end_sent_ = false, inside_ = false;
  volatile size_t sum_ = 0;
};

}  // namespace weir::http::h2
