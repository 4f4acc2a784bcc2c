#include "control/file_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/check.h"

namespace weir::control {

FileWatch::FileWatch(loop::EventLoop& loop) : loop_(loop), fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (fd_ >= 0) loop_.watch(fd_, *this, EPOLLIN);
}

FileWatch::~FileWatch() {
  if (fd_ < 0) return;
  loop_.unwatch(fd_, *this);
  close(fd_);
}

Result<FileWatch::Handle> FileWatch::file(const std::string& path, Callback callback) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  return add(folder, path.substr(slash == std::string::npos ? 0 : slash + 1), std::move(callback));
}

Result<FileWatch::Handle> FileWatch::folder(const std::string& folder, Callback callback) {
  return add(folder, "", std::move(callback));
}

Result<FileWatch::Handle> FileWatch::add(const std::string& folder, std::string name, Callback callback) {
  const int watched = fd_ < 0 ? -1 : inotify_add_watch(fd_, folder.c_str(), IN_MOVED_TO | IN_ONLYDIR);
  if (watched < 0) return failure("cannot watch " + folder + ": " + std::strerror(errno));
  const uint64_t number = next_number_++;
  entries_.emplace(number, Entry{watched, std::move(name), std::move(callback)});
  return Handle(*this, number);
}

void FileWatch::forget(uint64_t number) {
  const auto entry = entries_.extract(number);
  const int folder = entry.mapped().folder;  // inotify counts a folder once, however often it was added
  const bool needed = std::ranges::any_of(entries_, [&](const auto& other) { return other.second.folder == folder; });
  if (!needed) inotify_rm_watch(fd_, folder);
}

void FileWatch::on_ready(uint32_t) {
  alignas(inotify_event) char buffer[16 * 1024];
  for (ssize_t got; (got = read(fd_, buffer, sizeof buffer)) > 0;) {
    for (ssize_t at = 0; at < got;) {
      const auto& event = *reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof event + event.len);
      if ((event.mask & IN_Q_OVERFLOW) != 0) {  // something was missed: everybody looks
        for (const auto& [number, entry] : std::map(entries_)) {
          if (entries_.contains(number)) entry.callback();
        }
      } else if ((event.mask & IN_MOVED_TO) != 0) {
        on_moved(event.wd, event.name);
      }
    }
  }
}

// A callback may add and remove watches.
void FileWatch::on_moved(int folder, std::string_view name) {
  std::vector<uint64_t> meant;
  for (const auto& [number, entry] : entries_) {
    if (entry.folder == folder && (entry.name.empty() || entry.name == name)) meant.push_back(number);
  }
  for (const uint64_t number : meant) {
    const auto entry = entries_.find(number);
    if (entry == entries_.end()) continue;
    const Callback callback = entry->second.callback;
    callback();
  }
}

}  // namespace weir::control
