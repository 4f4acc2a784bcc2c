// LogFiles: the files that access logs write to. Workers fill buffers of their own; one thread does all the writing.
//
//   worker 0 ─ buffer ─┐  full, or flush()            writer thread
//   worker 1 ─ buffer ─┼─────────────────▶ pending ─────────────────▶ write(2)
//   worker n ─ buffer ─┘  ◀───────────────  spare
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "observe/output_file.h"
#include "observe/request_feed.h"
#include "stats/cell.h"

namespace weir::stats {
class StatVisitor;
}

namespace weir::observe {

/// One thread's share of `filesystem.*`.
struct FileStats {
  stats::Counter write_buffered;      // lines put into a buffer
  stats::Counter write_completed;     // buffers written as a whole
  stats::Counter write_failed;        // buffers that the system refused to write
  stats::Counter flushed_by_timer;    // buffers looked at because it was time to
  stats::Counter reopen_failed;       // the old file went on being used
  stats::Gauge write_total_buffered;  // bytes in all buffers, also those on their way
  stats::Counter lines_dropped;       // lines that no file will ever see
};

struct LogFileOptions {
  size_t threads = 1;                           // that log, with the numbers 0 … threads-1 (the main thread may be one)
  size_t flush_bytes = 64 << 10;                // --file-flush-min-size-kb: a buffer larger than this is handed over
  size_t max_pending_bytes = size_t{16} << 20;  // per file; what comes while so much waits is dropped and counted
  int64_t shutdown_ms = 1000;                   // how long destruction waits for readers that stall
  bool pretend = false;                         // nothing is opened or written; open() only asks whether it could be
};

class LogFiles;

/// One open file. Lives as long as its LogFiles.
class LogFile {
 public:
  LogFile(LogFiles& files, OutputFile output);
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  /// The calling thread's own buffer, to append one line to; then end_line().
  std::string& buffer(size_t thread) { return shards_[thread].text; }
  /// After each line. Hands the buffer over once it is full: only then there is a lock to take.
  void end_line(size_t thread);

  const std::string& path() const { return output_.path(); }

 private:
  friend class LogFiles;

  struct alignas(64) Shard {  // written by one thread only
    std::string text;
    uint64_t lines = 0;
    size_t counted_bytes = 0;  // of `text`, in write_total_buffered
  };
  struct Chunk {
    std::string text;
    uint64_t lines = 0;
  };

  LogFiles& files_;
  std::vector<Shard> shards_;

  // Guarded by LogFiles::mutex_.
  std::deque<Chunk> pending_;
  size_t pending_bytes_ = 0;  // includes what the writer has taken but not written yet
  std::vector<std::string> spare_;
  bool reopen_ = false;

  // The writer's own.
  OutputFile output_;
  bool reopening_ = false;
  std::deque<Chunk> taken_;
  size_t written_ = 0;  // bytes of the first chunk
  bool stalled_ = false;
};

/// All log files of the process. Destruction writes what is buffered; nobody may log any more by then.
class LogFiles {
 public:
  explicit LogFiles(LogFileOptions options);
  ~LogFiles();
  LogFiles(const LogFiles&) = delete;
  LogFiles& operator=(const LogFiles&) = delete;

  /// The file at `path`, created if need be; always the same object for the same path. "/dev/stdout" and "/dev/stderr" are the
  /// process's own. The error says why it cannot be opened. From any thread.
  Result<LogFile*> open(const std::string& path);

  /// Hands over what the calling thread has buffered: from a timer, every --file-flush-interval-msec, and before it ends.
  void flush(size_t thread);
  /// Has all files opened anew before anything else is written to them (after log rotation). From any thread.
  void reopen_all();

  /// Shows what stands behind `filesystem.`; and what is Weir's own, behind `weir.filesystem.`. From any thread.
  void visit(stats::StatVisitor& visitor);
  void visit_own(stats::StatVisitor& visitor);
  uint64_t lines_dropped() const;

  /// What the admin page shows of requests.
  RequestFeed& feed() { return feed_; }

 private:
  friend class LogFile;
  using Lock = std::unique_lock<std::mutex>;

  void hand_over(LogFile& file, size_t thread, const Lock&);
  void wake(const Lock&);

  void run();
  bool take_work(const Lock&);
  void write_taken(LogFile& file);
  void finish_chunk(LogFile& file, bool ok);
  void wait(bool stopping);
  bool anything_taken() const;

  FileStats& writer_stats() { return stats_.mine(options_.threads); }

  const LogFileOptions options_;
  stats::Sharded<FileStats> stats_;  // the last shard is the writer's
  RequestFeed feed_;

  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<LogFile>, std::less<>> files_;
  bool woken_ = false;
  bool stop_ = false;

  std::vector<LogFile*> known_;  // the writer's copy of files_
  int wake_fd_;
  std::thread writer_;
};

}  // namespace weir::observe
