// OutputFile: opening, and writing as much as fits.
#include "observe/output_file.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace weir::observe {

namespace {

/// The descriptor of a standard stream, or -1 for other paths.
int standard_stream(std::string_view path) {
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  return -1;
}

int open_path(const std::string& path) {
  // The stream itself is shared, not opened again: opening fails for sockets, and would have an offset of its own for files.
  if (const int stream = standard_stream(path); stream >= 0) return fcntl(stream, F_DUPFD_CLOEXEC, 3);
  struct stat status;
  // A FIFO is opened for reading too, so that one without a reader is not an error: its reader may come and go.
  const bool fifo = stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
  const int flags = (fifo ? O_RDWR : O_WRONLY) | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  return ::open(path.c_str(), flags, 0644);
}

bool has_room(int fd) {
  pollfd waiting{fd, POLLOUT, 0};
  return poll(&waiting, 1, 0) > 0;
}

}  // namespace

Result<OutputFile> OutputFile::open(const std::string& path) {
  const int fd = open_path(path);
  if (fd < 0) return failure("cannot open '" + path + "' for writing: " + std::strerror(errno));
  return OutputFile(path, fd);
}

Result<> OutputFile::check(const std::string& path) {
  if (standard_stream(path) >= 0) return {};
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  struct stat status;
  if (stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
    return failure("cannot open '" + path + "' for writing: " + std::strerror(EISDIR));
  }
  const bool writable = access(path.c_str(), W_OK) == 0 || (errno == ENOENT && access(folder.c_str(), W_OK | X_OK) == 0);
  if (!writable) return failure("cannot open '" + path + "' for writing: " + std::strerror(errno));
  return {};
}

OutputFile::OutputFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {
  struct stat status;
  if (fstat(fd_, &status) != 0) return;
  if (S_ISSOCK(status.st_mode)) kind_ = Kind::kSocket;
  if (S_ISFIFO(status.st_mode) || (S_ISCHR(status.st_mode) && isatty(fd_))) kind_ = Kind::kPipe;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), kind_(other.kind_) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(kind_, other.kind_);
  return *this;
}

OutputFile::~OutputFile() {
  if (fd_ >= 0) close(fd_);
}

OutputFile::Outcome OutputFile::write(std::string_view text, size_t& written) {
  while (written < text.size()) {
    std::string_view rest = text.substr(written);
    ssize_t sent;
    if (kind_ == Kind::kSocket) {
      sent = send(fd_, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    } else {
      // A standard stream may be a blocking pipe that others share, so O_NONBLOCK is not ours to set. But where poll sees
      // room in a pipe, PIPE_BUF bytes fit.
      if (kind_ == Kind::kPipe) {
        if (!has_room(fd_)) return Outcome::kStalled;
        rest = rest.substr(0, PIPE_BUF);
      }
      sent = ::write(fd_, rest.data(), rest.size());
    }
    if (sent >= 0) {
      written += static_cast<size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return Outcome::kStalled;
    } else if (errno != EINTR) {
      return Outcome::kFailed;
    }
  }
  return Outcome::kDone;
}

Result<> OutputFile::reopen() {
  if (standard_stream(path_) >= 0) return {};
  Result<OutputFile> fresh = open(path_);
  if (!fresh) return std::unexpected(fresh.error());
  *this = std::move(*fresh);
  return {};
}

}  // namespace weir::observe
