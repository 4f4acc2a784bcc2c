// LogFiles: lines arrive whole and in order, files are rotated, and a reader that stalls costs lines, not memory or time.
#include "observe/log_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <thread>
#include <vector>

#include "stats/visitor.h"

namespace weir::observe {
namespace {

/// A directory of its own for each test.
class LogFileTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/weir_log_test_XXXXXX";
    directory_ = mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string path(const std::string& name) const { return directory_ + "/" + name; }

  static std::string content(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  static void add_line(LogFile& file, size_t thread, const std::string& line) {
    file.buffer(thread) += line + "\n";
    file.end_line(thread);
  }
  static bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 500; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  static uint64_t stat(LogFiles& files, const std::string& name) {
    struct Finder : stats::StatVisitor {
      Finder() : StatVisitor(stats::StatKinds::all()) {}
      void on_counter(std::string_view name, uint64_t value, bool used) override { values[std::string(name)] = value; }
      void on_gauge(std::string_view name, uint64_t value, bool) override { values[std::string(name)] = value; }
      std::map<std::string, uint64_t> values;
    } finder;
    files.visit(finder);
    files.visit_own(finder);
    return finder.values.at(name);
  }

 private:
  std::string directory_;
};

TEST_F(LogFileTest, LinesOfAllWorkersAreInTheFileWhenLogFilesAreGone) {
  {
    LogFiles files({.threads = 3});
    LogFile* file = files.open(path("a")).value();
    add_line(*file, 0, "zero");
    add_line(*file, 2, "two");
    add_line(*file, 1, "one");
    EXPECT_EQ(content(path("a")), "");  // nothing is written for a single line
  }
  EXPECT_EQ(content(path("a")), "zero\none\ntwo\n");
}

TEST_F(LogFileTest, AFullBufferIsWrittenWithoutWaitingForATimer) {
  LogFiles files({.threads = 1, .flush_bytes = 10});
  LogFile* file = files.open(path("a")).value();
  add_line(*file, 0, "12345678");
  add_line(*file, 0, "abc");
  EXPECT_TRUE(eventually([&] { return content(path("a")) == "12345678\nabc\n"; }));
}

TEST_F(LogFileTest, FlushWritesOnlyWhatTheCallingThreadHasBuffered) {
  LogFiles files({.threads = 2});
  LogFile* file = files.open(path("a")).value();
  add_line(*file, 0, "mine");
  add_line(*file, 1, "theirs");
  files.flush(0);
  EXPECT_TRUE(eventually([&] { return content(path("a")) == "mine\n"; }));
}

TEST_F(LogFileTest, TheSamePathIsTheSameFileAndExistingContentIsKept) {
  std::ofstream(path("a")) << "old\n";
  {
    LogFiles files({.threads = 1});
    LogFile* file = files.open(path("a")).value();
    EXPECT_EQ(files.open(path("a")).value(), file);
    EXPECT_NE(files.open(path("b")).value(), file);
    add_line(*file, 0, "new");
  }
  EXPECT_EQ(content(path("a")), "old\nnew\n");
}

TEST_F(LogFileTest, AFileThatCannotBeOpenedIsAnErrorWithPathAndReason) {
  LogFiles files({.threads = 1});
  const auto file = files.open(path("no/such/folder"));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message, "cannot open '" + path("no/such/folder") + "' for writing: No such file or directory");
}

TEST_F(LogFileTest, AfterReopeningLinesGoToTheNewFileAndNoneIsLost) {
  LogFiles files({.threads = 1});
  LogFile* file = files.open(path("a")).value();
  add_line(*file, 0, "before");
  files.flush(0);
  ASSERT_TRUE(eventually([&] { return content(path("a")) == "before\n"; }));
  std::filesystem::rename(path("a"), path("a.1"));
  files.reopen_all();
  add_line(*file, 0, "after");
  files.flush(0);
  EXPECT_TRUE(eventually([&] { return content(path("a")) == "after\n"; }));
  EXPECT_EQ(content(path("a.1")), "before\n");
}

TEST_F(LogFileTest, WhenReopeningFailsTheOldFileGoesOnBeingUsed) {
  std::filesystem::create_directory(path("d"));
  LogFiles files({.threads = 1});
  LogFile* file = files.open(path("d/a")).value();
  std::filesystem::rename(path("d"), path("e"));
  files.reopen_all();
  EXPECT_TRUE(eventually([&] { return stat(files, "reopen_failed") == 1; }));
  add_line(*file, 0, "kept");
  files.flush(0);
  EXPECT_TRUE(eventually([&] { return content(path("e/a")) == "kept\n"; }));
}

TEST_F(LogFileTest, AStalledReaderCostsLinesButNeitherMemoryNorTimeNorOtherFiles) {
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  const int reader = open(path("fifo").c_str(), O_RDONLY | O_NONBLOCK);
  constexpr size_t kLines = 10'000;
  {
    LogFiles files({.threads = 1, .flush_bytes = 1000, .max_pending_bytes = 100'000, .shutdown_ms = 20});
    LogFile* fifo = files.open(path("fifo")).value();
    for (size_t i = 0; i < kLines; ++i) add_line(*fifo, 0, std::string(99, 'x'));
    EXPECT_LE(stat(files, "write_total_buffered"), 102'000u);
    const uint64_t dropped = files.lines_dropped();
    EXPECT_GT(dropped, kLines / 2);
    EXPECT_EQ(stat(files, "lines_dropped"), dropped);

    add_line(*files.open(path("b")).value(), 0, "still here");
    files.flush(0);
    EXPECT_TRUE(eventually([&] { return content(path("b")) == "still here\n"; }));

    // Once somebody reads, everything that was kept arrives, in whole lines.
    std::string text;
    EXPECT_TRUE(eventually([&] {
      char piece[65536];
      for (ssize_t got; (got = read(reader, piece, sizeof piece)) > 0;) text.append(piece, static_cast<size_t>(got));
      return text.size() == (kLines - files.lines_dropped()) * 100;
    }));
    for (size_t i = 0; i < text.size(); ++i) ASSERT_EQ(text[i], i % 100 == 99 ? '\n' : 'x');
    for (size_t i = 0; i < kLines; ++i) add_line(*fifo, 0, std::string(99, 'x'));
  }  // and destruction does not wait for ever
  close(reader);
}

TEST_F(LogFileTest, AFullDiskIsCountedAndWritingIsTriedAgain) {
  LogFiles files({.threads = 1});
  LogFile* file = files.open("/dev/full").value();
  add_line(*file, 0, "a");
  add_line(*file, 0, "b");
  files.flush(0);
  EXPECT_TRUE(eventually([&] { return stat(files, "write_failed") == 1; }));
  EXPECT_EQ(files.lines_dropped(), 2u);
  add_line(*file, 0, "c");
  files.flush(0);
  EXPECT_TRUE(eventually([&] { return stat(files, "write_failed") == 2; }));
}

TEST_F(LogFileTest, StatisticsCountLinesBuffersAndBytes) {
  LogFiles files({.threads = 2});
  LogFile* file = files.open(path("a")).value();
  add_line(*file, 0, "abc");
  add_line(*file, 0, "de");
  add_line(*file, 1, "f");
  EXPECT_EQ(stat(files, "write_buffered"), 3u);
  EXPECT_EQ(stat(files, "write_total_buffered"), 9u);
  EXPECT_EQ(stat(files, "write_completed"), 0u);
  files.flush(0);
  files.flush(1);
  EXPECT_TRUE(eventually([&] { return stat(files, "write_total_buffered") == 0; }));
  EXPECT_EQ(stat(files, "write_completed"), 2u);
  EXPECT_EQ(stat(files, "flushed_by_timer"), 2u);
  EXPECT_EQ(stat(files, "write_failed"), 0u);
}

TEST_F(LogFileTest, ManyWorkersWriteAtOnceAndEveryLineIsWhole) {
  constexpr size_t kThreads = 4, kLines = 20'000;
  {
    LogFiles files({.threads = kThreads, .flush_bytes = 4096});
    LogFile* file = files.open(path("a")).value();
    std::vector<std::thread> workers;
    for (size_t thread = 0; thread < kThreads; ++thread) {
      workers.emplace_back([&, thread] {
        for (size_t i = 0; i < kLines; ++i) {
          add_line(*file, thread, "worker " + std::to_string(thread) + " line " + std::to_string(i));
          if (i % 1000 == 0) files.flush(thread);
          if (thread == 0 && i % 5000 == 0) files.reopen_all();
        }
      });
    }
    for (std::thread& worker : workers) worker.join();
    EXPECT_EQ(files.lines_dropped(), 0u);
  }
  std::ifstream in(path("a"));
  std::vector<size_t> next(kThreads, 0);
  std::string line;
  while (std::getline(in, line)) {
    size_t thread = 0, number = 0;
    ASSERT_EQ(sscanf(line.c_str(), "worker %zu line %zu", &thread, &number), 2) << line;
    ASSERT_EQ(number, next.at(thread)++);
  }
  EXPECT_EQ(next, std::vector<size_t>(kThreads, kLines));
}

}  // namespace
}  // namespace weir::observe
