// FileWatch: says when a file was put in the place of another.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/result.h"
#include "loop/event_loop.h"

namespace weir::control {

/// Watches for files that are moved into place (rename), which is how a file changes as a whole; writing into one is not noticed,
/// as in Envoy. One inotify descriptor for all watches. Main thread.
class FileWatch final : private loop::Source {
 public:
  using Callback = std::function<void()>;

  explicit FileWatch(loop::EventLoop& loop);
  ~FileWatch();

  /// Ends when destroyed; the FileWatch must live longer.
  class [[nodiscard]] Handle {
   public:
    Handle() = default;
    Handle(Handle&& other) noexcept : watch_(std::exchange(other.watch_, nullptr)), number_(other.number_) {}
    Handle& operator=(Handle&& other) noexcept {
      std::swap(watch_, other.watch_);
      std::swap(number_, other.number_);
      return *this;
    }
    ~Handle() {
      if (watch_ != nullptr) watch_->forget(number_);
    }

   private:
    friend class FileWatch;
    Handle(FileWatch& watch, uint64_t number) : watch_(&watch), number_(number) {}
    FileWatch* watch_ = nullptr;
    uint64_t number_ = 0;
  };

  /// Calls back whenever something is renamed to `path`. The folder must exist.
  Result<Handle> file(const std::string& path, Callback callback);
  /// Calls back whenever anything is renamed into `folder`.
  Result<Handle> folder(const std::string& folder, Callback callback);

 private:
  struct Entry {
    int folder;
    std::string name;  // "" for all names
    Callback callback;
  };

  Result<Handle> add(const std::string& folder, std::string name, Callback callback);
  void forget(uint64_t number);
  void on_ready(uint32_t epoll_events) override;
  void on_moved(int folder, std::string_view name);

  loop::EventLoop& loop_;
  int fd_;
  uint64_t next_number_ = 1;
  std::map<uint64_t, Entry> entries_;
};

}  // namespace weir::control
