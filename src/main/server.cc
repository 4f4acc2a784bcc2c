#include "main/server.h"

#include <malloc.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "base/names.h"
#include "config/load.h"
#include "config/support.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "loop/event_loop.h"
#include "main/bootstrap_config.h"
#include "main/features.h"
#include "main/signals.h"
#include "observe/access_log_config.h"
#include "observe/log_file.h"
#include "proxy/listener.h"
#include "proxy/listener_config.h"
#include "proxy/stat_names.h"
#include "proxy/worker.h"
#include "route/route_config.h"
#include "stats/registry.h"
#include "upstream/cluster_config.h"

namespace weir::main {

namespace {

using envoy::config::bootstrap::v3::Bootstrap;

size_t worker_count(const Options& options) {
  if (options.concurrency) return *options.concurrency;
  if (options.cpuset_threads) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(CPU_COUNT(&set), 1);
  }
  return std::max(std::thread::hardware_concurrency(), 1u);
}

uint64_t random_seed() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

/// Everything that lives as long as the process.
class Process {
 public:
  explicit Process(const Options& options)
      : options_(options), workers_wanted_(worker_count(options)), loop_(random_seed()), random_(random_seed()) {}

  int run(const std::function<void()>& on_listening);

 private:
  bool set_up_log();
  bool load();
  bool read_clusters();
  bool read_listeners();
  bool open_listeners();
  void start_workers();
  void shut_down(int signal);
  void wait_for_drain();
  bool report();

  const Options& options_;
  const size_t workers_wanted_;
  Log log_;
  loop::EventLoop loop_;
  Random random_;
  config::Schema schema_;
  config::SupportTable support_;
  config::Loaded<Bootstrap> bootstrap_;
  config::Diagnostics diagnostics_;
  BootstrapSpec spec_;
  stats::Registry registry_;
  Names cluster_names_;
  std::unique_ptr<observe::LogFiles> logs_;
  std::unique_ptr<proxy::StatScopes> scopes_;
  std::vector<upstream::ClusterStatePtr> clusters_;
  std::vector<proxy::ListenerSpecPtr> listener_specs_;
  std::vector<proxy::ListenerStatePtr> listeners_;
  std::atomic<int64_t> connections_ = 0;
  std::vector<std::unique_ptr<proxy::Worker>> workers_;
  bool draining_ = false;
  MonotonicNs drain_deadline_ = 0;
  loop::Timer drain_timer_ = loop::Timer::calling<&Process::wait_for_drain>(loop_.timers(), *this);
};

bool Process::set_up_log() {
  if (auto level = parse_level(options_.log_level)) {
    log_.set_all_levels(*level);
  } else {
    std::cerr << level.error().message << "\n";
    return false;
  }
  if (options_.log_format_given) log_.set_pattern(options_.log_format);
  if (!options_.component_log_level.empty()) {
    if (auto set = log_.set_levels(options_.component_log_level); !set) {
      std::cerr << set.error().message << "\n";
      return false;
    }
  }
  if (!options_.log_path.empty()) {
    if (auto opened = log_.open_file(options_.log_path); !opened) {
      std::cerr << opened.error().message << "\n";
      return false;
    }
  }
  return true;
}

/// Prints what was found; false if there was an error.
bool Process::report() {
  for (config::Diagnostic warning : diagnostics_.warnings()) {
    bootstrap_.positions.locate(warning);
    log_.warning("config", "{}", warning.text());
  }
  for (config::Diagnostic error : diagnostics_.errors()) {
    bootstrap_.positions.locate(error);
    std::cerr << error.text() << "\n";
  }
  const bool good = !diagnostics_.failed();
  diagnostics_ = {};
  return good;
}

bool Process::load() {
  config::LoadOptions load{options_.config_path, options_.config_yaml,
                           options_.allow_unknown_static_fields ? config::UnknownFields::kWarn : config::UnknownFields::kReject};
  if (load.path.empty() && load.yaml.empty()) {
    std::cerr << "At least one of --config-path or --config-yaml is needed\n";
    return false;
  }
  bootstrap_ = config::load_bootstrap(schema_, load);
  diagnostics_ = bootstrap_.diagnostics;
  if (!report()) return false;
  declare_all(support_);
  check_support(schema_, support_, *bootstrap_.message, diagnostics_);
  spec_ = read_bootstrap(*bootstrap_.message, options_, diagnostics_);
  return report();
}

bool Process::read_clusters() {
  const auto& resources = bootstrap_->static_resources();
  const config::FieldPath root{nullptr, "static_resources"};
  const config::FieldPath list{&root, "clusters"};
  for (int i = 0; i < resources.clusters_size(); ++i) {
    const config::FieldPath at{&list, {}, i};
    auto spec = upstream::read_cluster(resources.clusters(i), at, diagnostics_);
    if (spec == nullptr) continue;
    spec->id = cluster_names_.intern(spec->name);
    auto state = std::make_shared<upstream::ClusterState>(spec, workers_wanted_);
    state->endpoints = upstream::make_endpoint_set(spec->assignment, workers_wanted_, nullptr);
    if (clusters_.size() <= spec->id) clusters_.resize(spec->id + 1);
    if (clusters_[spec->id] != nullptr) diagnostics_.error({{}, at.text(), "a second cluster named " + spec->name, {}});
    clusters_[spec->id] = std::move(state);
  }
  return report();
}

bool Process::read_listeners() {
  route::ReadContext read_context{schema_, cluster_names_, [this](std::string_view name) {
                                    const uint32_t id = cluster_names_.find(name);
                                    return id < clusters_.size() && clusters_[id] != nullptr;
                                  }};
  proxy::ListenerConfigContext context{
      .clusters = cluster_names_,
      .stats = *scopes_,
      .random = random_,
      .read_routes = [&](const auto& routes, const config::FieldPath& at,
                         config::Diagnostics& diagnostics) { return route::compile(routes, read_context, diagnostics, at); },
      .find_rds = [](const auto&, const std::string&, const config::FieldPath&, config::Diagnostics&) { return nullptr; },
      .read_access_log = [&](const auto& log, const config::FieldPath& at,
                             config::Diagnostics& diagnostics) { return observe::read_access_log(log, *logs_, at, diagnostics); },
      .service_cluster = spec_.identity.node_cluster,
      .connection_limits = {}};
  const auto& resources = bootstrap_->static_resources();
  const config::FieldPath root{nullptr, "static_resources"};
  const config::FieldPath list{&root, "listeners"};
  for (int i = 0; i < resources.listeners_size(); ++i) {
    auto spec = proxy::read_listener(resources.listeners(i), config::FieldPath{&list, {}, i}, context, diagnostics_);
    if (spec != nullptr) listener_specs_.push_back(std::move(spec));
  }
  proxy::check_listeners(listener_specs_, list, diagnostics_);
  return report();
}

bool Process::open_listeners() {
  for (const proxy::ListenerSpecPtr& spec : listener_specs_) {
    auto sockets = proxy::ListenSockets::open(*spec, workers_wanted_);
    if (!sockets) {
      std::cerr << "listener " << spec->name << ": " << sockets.error().message << "\n";
      return false;
    }
    listeners_.push_back(std::make_shared<proxy::ListenerState>(spec, std::move(*sockets), workers_wanted_));
  }
  return true;
}

void Process::start_workers() {
  auto snapshot = std::make_shared<proxy::Snapshot>();
  snapshot->clusters = clusters_;
  snapshot->listeners = listener_specs_;
  for (size_t i = 0; i < workers_wanted_; ++i) {
    workers_.push_back(std::make_unique<proxy::Worker>(i, random_seed(), spec_.identity, *logs_, connections_));
  }
  for (auto& worker : workers_) {
    worker->adopt(snapshot);
    for (const auto& listener : listeners_) worker->listen(listener);
    worker->start(options_.file_flush_interval_ms);
  }
}

/// The first signal drains: no new connections, the present ones finish what they do. The second one ends at once.
void Process::shut_down(int) {
  if (std::exchange(draining_, true)) {
    loop_.stop();
    return;
  }
  for (auto& worker : workers_) {
    worker->stop_listening_all();
    worker->drain();
  }
  drain_deadline_ = loop_.now() + options_.drain_time_s * kNsPerSecond;
  wait_for_drain();
}

void Process::wait_for_drain() {
  if (connections_.load() == 0 || loop_.now() >= drain_deadline_) {
    loop_.stop();
    return;
  }
  drain_timer_.arm(20);
}

int Process::run(const std::function<void()>& on_listening) {
  if (!set_up_log() || !load()) return 1;
  logs_ = std::make_unique<observe::LogFiles>(
      observe::LogFileOptions{.threads = workers_wanted_ + 1, .flush_bytes = options_.file_flush_min_size_kb * 1024});
  scopes_ = std::make_unique<proxy::StatScopes>(registry_, workers_wanted_);
  if (!read_clusters() || !read_listeners()) return 1;
  if (options_.mode == Mode::kValidate) {
    std::cout << "configuration '" << options_.config_path << "' OK\n";
    return 0;
  }
  if (options_.mode == Mode::kInitOnly) return 0;

  const Signals signals(loop_, {SIGINT, SIGTERM, SIGUSR1, SIGHUP}, [this](int signal) {
    if (signal == SIGUSR1) logs_->reopen_all();
    if (signal == SIGINT || signal == SIGTERM) shut_down(signal);
  });
  if (!open_listeners()) return 1;
  start_workers();
  malloc_trim(0);
  if (on_listening) on_listening();
  log_.info("main", "starting main dispatch loop");
  loop_.run();
  for (auto& worker : workers_) worker->stop();
  return 0;
}

}  // namespace

void Server::block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGINT, SIGTERM, SIGUSR1, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

int run_server(const Options& options, const std::function<void()>& on_listening) {
  Server::block_signals();
  Process process(options);
  return process.run(on_listening);
}

}  // namespace weir::main
