#include "base/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace weir {
namespace {

std::string written(const std::string& pattern, std::string_view message = "hi") {
  std::string out;
  LogPattern(pattern).write({LogLevel::kWarning, "main", message, "src/main/run.cc", 7, "run", 1'700'000'000'012'345'678}, out);
  return out;
}

class LogTest : public testing::Test {
 protected:
  LogTest() {
    log_.set_pattern("%l %n %v");
    EXPECT_TRUE(log_.open_file(path_));
  }
  ~LogTest() override { ::unlink(path_.c_str()); }
  std::string content() {
    std::stringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }
  const std::string path_ = testing::TempDir() + "log_test." + std::to_string(getpid());
  Log log_;
};

TEST_F(LogTest, ArgumentsReplaceBracesInTurn) {
  const std::string name = "web";
  log_.info("upstream", "{} has {} of {} hosts ({} %), {}", name, 1, size_t{2}, 0.5, true);
  log_.info("main", "nothing to fill in: {");
  EXPECT_EQ(content(), "info upstream web has 1 of 2 hosts (0.5 %), true\ninfo main nothing to fill in: {\n");
}

TEST_F(LogTest, EachComponentHasItsOwnLevel) {
  EXPECT_TRUE(log_.set_levels("upstream:debug,main:off"));
  log_.debug("upstream", "seen");
  log_.debug("http", "unseen");
  log_.critical("main", "unseen");
  EXPECT_EQ(content(), "debug upstream seen\n");
}

TEST_F(LogTest, AListOfLevelsWithAnErrorChangesNothing) {
  EXPECT_FALSE(log_.set_levels("upstream:debug,nope:debug"));
  EXPECT_FALSE(log_.set_levels("upstream:debug,main:loud"));
  EXPECT_EQ(log_.level(log_component("upstream")), LogLevel::kInfo);
}

TEST_F(LogTest, ARotatedFileIsOpenedAgainUnderItsName) {
  log_.info("main", "old");
  ::unlink(path_.c_str());
  EXPECT_TRUE(log_.reopen());
  log_.info("main", "new");
  EXPECT_EQ(content(), "info main new\n");
}

TEST(LogPattern, PatternsAreThoseOfSpdlogWithEnvoysAdditions) {
  setenv("TZ", "UTC", 1);
  tzset();
  EXPECT_EQ(written("[%Y-%m-%d %T.%e][%l][%n] [%g:%#] %v"), "[2023-11-14 22:13:20.012][warning][main] [src/main/run.cc:7] hi\n");
  EXPECT_EQ(written("%L %s %f %F %E %% %q"), "W run.cc 012345 012345678 1700000000 % %q\n");
  EXPECT_EQ(written("%8l|%-8l|%=9l|%3l"), " warning|warning | warning |warning\n");
  EXPECT_EQ(written("%_", "a\nb"), "a\\nb\n");
  EXPECT_EQ(written("{\"m\":\"%j\"}", "a\"b\n"), "{\"m\":\"a\\\"b\\n\"}\n");
  EXPECT_EQ(written("%z"), "+00:00\n");
}

}  // namespace
}  // namespace weir
