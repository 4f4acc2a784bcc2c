#include "main/process_stats.h"

#include <gtest/gtest.h>

#include "stats/export.h"

namespace weir::main {
namespace {

std::string shown(stats::Registry& registry, bool used_only) {
  stats::ExportOptions options;
  options.selection.used_only = used_only;
  std::string text;
  for (auto producer = stats::text_export(registry, options); producer(text);) {
  }
  return text;
}

TEST(ProcessStats, StateAndUptimeChangeAtAFlushAndLiveAtOnce) {
  stats::Registry registry;
  ProcessStats stats(registry, 2, 0);
  stats.set_live(true);
  EXPECT_NE(shown(registry, false).find("server.live: 1\n"), std::string::npos);
  stats.flush(admin::ServerState::kDraining, 7 * kNsPerSecond, 3);
  stats.set_live(false);
  const std::string text = shown(registry, false);
  for (const char* line : {"server.live: 0\n", "server.state: 1\n", "server.uptime: 7\n", "server.total_connections: 3\n",
                           "server.concurrency: 2\n", "server.worker_1.watchdog_miss: 0\n", "workers.watchdog_mega_miss: 0\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
}

TEST(ProcessStats, AStateThatIsLiveIsShownAmongWhatWasUsed) {
  stats::Registry registry;
  ProcessStats stats(registry, 2, 0);
  EXPECT_EQ(shown(registry, true).find("server.state"), std::string::npos);
  stats.flush(admin::ServerState::kLive, 0, 0);
  EXPECT_NE(shown(registry, true).find("server.state: 0\n"), std::string::npos);
}

}  // namespace
}  // namespace weir::main
