// LogFiles: buffers go from workers to the writer thread and come back empty.
#include "observe/log_file.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "base/check.h"
#include "stats/table.h"

namespace weir::observe {

namespace {

constexpr auto kFileStats = stats::table<FileStats>({{"write_buffered", &FileStats::write_buffered},
                                                     {"write_completed", &FileStats::write_completed},
                                                     {"write_failed", &FileStats::write_failed},
                                                     {"flushed_by_timer", &FileStats::flushed_by_timer},
                                                     {"reopen_failed", &FileStats::reopen_failed},
                                                     {"write_total_buffered", &FileStats::write_total_buffered}});
constexpr auto kOwnStats = stats::table<FileStats>({{"lines_dropped", &FileStats::lines_dropped}});

/// Room for the line that fills a buffer.
constexpr size_t kLastLine = 4 << 10;

}  // namespace

LogFile::LogFile(LogFiles& files, OutputFile output)
    : files_(files), shards_(files.options_.threads), output_(std::move(output)) {}

void LogFile::end_line(size_t thread) {
  Shard& shard = shards_[thread];
  FileStats& stats = files_.stats_.mine(thread);
  ++shard.lines;
  stats.write_buffered.add();
  stats.write_total_buffered.add(static_cast<int64_t>(shard.text.size() - shard.counted_bytes));
  shard.counted_bytes = shard.text.size();
  if (shard.text.size() > files_.options_.flush_bytes) files_.hand_over(*this, thread, LogFiles::Lock(files_.mutex_));
}

LogFiles::LogFiles(LogFileOptions options)
    : options_(options), stats_(options.threads + 1), feed_(options.threads), wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(wake_fd_ >= 0);
}

LogFiles::~LogFiles() {
  for (size_t thread = 0; thread < options_.threads; ++thread) flush(thread);
  {
    const Lock lock(mutex_);
    stop_ = true;
    wake(lock);
  }
  if (writer_.joinable()) writer_.join();
  close(wake_fd_);
}

Result<LogFile*> LogFiles::open(const std::string& path) {
  Lock lock(mutex_);
  if (const auto known = files_.find(path); known != files_.end()) return known->second.get();
  lock.unlock();  // workers hand over buffers while a slow file system opens the file
  if (options_.pretend) {
    if (auto writable = OutputFile::check(path); !writable) return std::unexpected(writable.error());
  }
  Result<OutputFile> output = OutputFile::open(options_.pretend ? "/dev/null" : path);
  if (!output) return std::unexpected(output.error());
  lock.lock();
  if (!writer_.joinable() && !options_.pretend) writer_ = std::thread([this] { run(); });
  return files_.try_emplace(path, std::make_unique<LogFile>(*this, std::move(*output))).first->second.get();
}

void LogFiles::flush(size_t thread) {
  const Lock lock(mutex_);
  for (const auto& [path, file] : files_) {
    stats_.mine(thread).flushed_by_timer.add();
    if (!file->shards_[thread].text.empty()) hand_over(*file, thread, lock);
  }
}

void LogFiles::reopen_all() {
  const Lock lock(mutex_);
  for (const auto& [path, file] : files_) file->reopen_ = true;
  wake(lock);
}

void LogFiles::hand_over(LogFile& file, size_t thread, const Lock& lock) {
  LogFile::Shard& shard = file.shards_[thread];
  const size_t size = shard.text.size();
  if (file.pending_bytes_ + size > options_.max_pending_bytes) {
    stats_.mine(thread).lines_dropped.add(shard.lines);
    stats_.mine(thread).write_total_buffered.subtract(static_cast<int64_t>(size));
    shard.text.clear();
  } else {
    file.pending_bytes_ += size;
    file.pending_.push_back({std::move(shard.text), shard.lines});
    shard.text = std::string();
    if (!file.spare_.empty()) {
      shard.text = std::move(file.spare_.back());
      file.spare_.pop_back();
    } else if (size > options_.flush_bytes) {
      shard.text.reserve(options_.flush_bytes + kLastLine);
    }
    wake(lock);
  }
  shard.lines = 0;
  shard.counted_bytes = 0;
}

void LogFiles::wake(const Lock&) {
  if (std::exchange(woken_, true)) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
}

void LogFiles::visit(stats::StatVisitor& visitor) { stats::visit(visitor, kFileStats, stats_); }
void LogFiles::visit_own(stats::StatVisitor& visitor) { stats::visit(visitor, kOwnStats, stats_); }

uint64_t LogFiles::lines_dropped() const {
  uint64_t sum = 0;
  stats_.for_each([&](const FileStats& stats) { sum += stats.lines_dropped.value(); });
  return sum;
}

// --- the writer thread ---

void LogFiles::run() {
  sigset_t all;
  sigfillset(&all);  // signals are for the main thread; and a closed pipe is an error like any other
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  MonotonicNs give_up = 0;
  while (true) {
    bool stopping;
    {
      const Lock lock(mutex_);
      stopping = take_work(lock);
    }
    for (LogFile* file : known_) write_taken(*file);
    if (stopping) {
      if (give_up == 0) give_up = monotonic_now() + options_.shutdown_ms * kNsPerMs;
      if (!anything_taken() || monotonic_now() >= give_up) return;
    }
    wait(stopping);
  }
}

/// Whether the writer is to end.
bool LogFiles::take_work(const Lock&) {
  woken_ = false;
  known_.clear();
  for (const auto& [path, file] : files_) {
    known_.push_back(file.get());
    if (std::exchange(file->reopen_, false)) file->reopening_ = true;
    while (!file->pending_.empty()) {
      file->taken_.push_back(std::move(file->pending_.front()));
      file->pending_.pop_front();
    }
  }
  return stop_;
}

void LogFiles::write_taken(LogFile& file) {
  file.stalled_ = false;
  // First: what was logged before a rotation may go to the new file, but what is logged after it must not go to the old one.
  if (std::exchange(file.reopening_, false) && !file.output_.reopen()) writer_stats().reopen_failed.add();
  while (!file.taken_.empty() && !file.stalled_) {
    switch (file.output_.write(file.taken_.front().text, file.written_)) {
      case OutputFile::Outcome::kDone:
        finish_chunk(file, true);
        break;
      case OutputFile::Outcome::kFailed:
        finish_chunk(file, false);
        break;
      case OutputFile::Outcome::kStalled:
        file.stalled_ = true;
    }
  }
}

/// The first chunk is done with; its buffer goes back to the workers.
void LogFiles::finish_chunk(LogFile& file, bool ok) {
  LogFile::Chunk chunk = std::move(file.taken_.front());
  file.taken_.pop_front();
  file.written_ = 0;
  FileStats& stats = writer_stats();
  (ok ? stats.write_completed : stats.write_failed).add();
  if (!ok) stats.lines_dropped.add(chunk.lines);
  const size_t size = chunk.text.size();
  stats.write_total_buffered.subtract(static_cast<int64_t>(size));
  chunk.text.clear();

  const Lock lock(mutex_);
  file.pending_bytes_ -= size;
  if (file.spare_.size() < options_.threads && chunk.text.capacity() <= 2 * options_.flush_bytes + kLastLine) {
    file.spare_.push_back(std::move(chunk.text));
  }
}

bool LogFiles::anything_taken() const {
  for (const LogFile* file : known_) {
    if (!file->taken_.empty()) return true;
  }
  return false;
}

/// Until there is something to do, or a stalled reader has made room.
void LogFiles::wait(bool stopping) {
  std::vector<pollfd> waiting{{wake_fd_, POLLIN, 0}};
  for (const LogFile* file : known_) {
    if (file->stalled_) waiting.push_back({file->output_.descriptor(), POLLOUT, 0});
  }
  constexpr int kStopCheckMs = 50;
  poll(waiting.data(), waiting.size(), stopping ? kStopCheckMs : -1);
  uint64_t count;
  [[maybe_unused]] const ssize_t got = read(wake_fd_, &count, sizeof count);
}

}  // namespace weir::observe
