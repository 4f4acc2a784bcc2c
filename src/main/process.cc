#include "main/process.h"

#include <malloc.h>
#include <sched.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iostream>
#include <random>
#include <thread>
#include <utility>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "filter/catalog.h"
#include "main/features.h"
#include "main/signals.h"
#include "observe/access_log_config.h"
#include "route/route_config.h"

namespace weir::main {

namespace {

constexpr int64_t kDrainCheckMs = 20;

size_t worker_count(const Options& options) {
  if (options.concurrency) return *options.concurrency;
  if (options.cpuset_threads) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<size_t>(std::max(CPU_COUNT(&set), 1));
  }
  return std::max(std::thread::hardware_concurrency(), 1u);
}

uint64_t random_seed() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

}  // namespace

Process::Process(const Options& options)
    : options_(options),
      workers_(worker_count(options)),
      started_(monotonic_now()),
      started_wall_(wall_now()),
      loop_(random_seed()),
      random_(random_seed()),
      flush_timer_(loop::Timer::calling<&Process::flush_stats>(loop_.timers(), *this)),
      drain_timer_(loop::Timer::calling<&Process::check_drained>(loop_.timers(), *this)),
      log_timer_(loop::Timer::calling<&Process::flush_logs>(loop_.timers(), *this)) {}

Process::~Process() = default;

int Process::run(const std::function<void()>& on_listening) {
  on_listening_ = on_listening;
  if (!set_up_log() || !load_bootstrap() || !build()) return 1;
  if (options_.mode == Mode::kValidate) {
    std::cout << "configuration '" << options_.config_path << "' OK\n";
    return 0;
  }

  const Signals signals(loop_, {SIGINT, SIGTERM, SIGUSR1, SIGHUP}, [this](int signal) { on_signal(signal); });
  if (!start_admin()) return 1;
  stats_->show_clusters([this] { return static_cast<int64_t>(configuration_->clusters().list().size()); });
  configuration_->start([this](Result<> bound) { on_ready(std::move(bound)); });
  make_sinks();
  flush_timer_.arm(bootstrap_.stats_flush_interval_ms);
  loop_.run();

  fleet_->stop();
  return exit_status_;
}

// --- starting ---

bool Process::set_up_log() {
  auto complain = [](const Result<>& result) {
    if (!result) std::cerr << result.error().message << "\n";
    return result.has_value();
  };
  const auto level = parse_level(options_.log_level == "warn" ? "warning" : options_.log_level);
  if (!level) {
    std::cerr << level.error().message << "\n";
    return false;
  }
  log_.set_all_levels(*level);
  std::string pattern = options_.log_format_given ? options_.log_format : std::string(LogPattern::kDefault);
  if (options_.log_format_escaped) {
    for (size_t at; (at = pattern.find("%v")) != std::string::npos;) pattern.replace(at, 2, "%_");
  }
  log_.set_pattern(pattern);
  if (!options_.component_log_level.empty() && !complain(log_.set_levels(options_.component_log_level))) return false;
  return options_.log_path.empty() || complain(log_.open_file(options_.log_path));
}

/// Logs warnings, prints errors; false if there was one.
bool Process::report(config::Diagnostics& diagnostics) {
  for (config::Diagnostic& warning : diagnostics.warnings()) {
    if (options_.skip_deprecated_logs && warning.message == "deprecated") continue;
    if (warning.at.file.empty()) loaded_.positions.locate(warning);
    log_.warning("config", "{}", warning.text());
  }
  for (config::Diagnostic& error : diagnostics.errors()) {
    if (error.at.file.empty()) loaded_.positions.locate(error);
    std::cerr << error.text() << "\n";
  }
  const bool good = !diagnostics.failed();
  diagnostics = {};
  return good;
}

bool Process::load_bootstrap() {
  const config::LoadOptions load{
      .path = options_.config_path,
      .yaml = options_.config_yaml,
      .unknown_fields = options_.allow_unknown_static_fields ? config::UnknownFields::kWarn : config::UnknownFields::kReject,
      .support = &support_};
  if (load.path.empty() && load.yaml.empty()) {
    std::cerr << "weir: no configuration; give -c FILE or --config-yaml TEXT\n";
    return false;
  }
  declare_all(support_);
  loaded_ = config::load_bootstrap(schema_, load);
  if (!report(loaded_.diagnostics)) return false;

  config::Diagnostics diagnostics;
  bootstrap_ = read_bootstrap(*loaded_, options_, diagnostics);
  const config::FieldPath at{nullptr, "stats_config"};
  stats_settings_ = stats::read_stats_config(loaded_->stats_config(), options_.stats_tags, at, diagnostics);
  if (bootstrap_.log_format && !options_.log_format_given) log_.set_pattern(*bootstrap_.log_format);
  return report(diagnostics);
}

bool Process::build() {
  registry_.configure(std::move(stats_settings_.filter), std::move(stats_settings_.bounds));
  logs_ = std::make_unique<observe::LogFiles>(
      observe::LogFileOptions{.threads = workers_ + 1, .flush_bytes = size_t{options_.file_flush_min_size_kb} * 1024});
  registrations_.push_back(registry_.add("filesystem.", [this](stats::StatVisitor& visitor) { logs_->visit(visitor); }));
  registrations_.push_back(registry_.add("weir.filesystem.", [this](stats::StatVisitor& visitor) { logs_->visit_own(visitor); }));
  scopes_ = std::make_unique<proxy::StatScopes>(registry_, workers_);
  route_stats_ = std::make_unique<route::RouteStats>(registry_, workers_);
  stats_ = std::make_unique<ProcessStats>(registry_, workers_, started_);
  if (bootstrap_.stats_server_version) stats_->set_version(*bootstrap_.stats_server_version);
  fleet_ = std::make_unique<Fleet>(workers_, bootstrap_.identity, *logs_, overload_, registry_,
                                   options_.drain_time_s * kNsPerSecond, !options_.drain_immediately);
  listener_context_ = std::make_unique<proxy::ListenerConfigContext>(listener_context());

  configuration_ = std::make_unique<control::Configuration>(
      control::Context{.loop = loop_,
                       .schema = schema_,
                       .support = support_,
                       .stats = registry_,
                       .cluster_names = cluster_names_,
                       .runtime = runtime_,
                       .log = log_,
                       .publisher = *fleet_,
                       .workers = workers_,
                       .overload = &overload_,
                       .has_node = !bootstrap_.identity.node_id.empty() && !bootstrap_.identity.node_cluster.empty(),
                       .node = bootstrap_.node,
                       .locality = bootstrap_.locality,
                       .service_cluster = bootstrap_.identity.node_cluster,
                       .dynamic_unknown_fields = options_.reject_unknown_dynamic_fields   ? config::UnknownFields::kReject
                                                 : options_.ignore_unknown_dynamic_fields ? config::UnknownFields::kIgnore
                                                                                          : config::UnknownFields::kWarn,
                       .compile_listener =
                           [this](const auto& listener, const config::FieldPath& at, config::Diagnostics& diagnostics) {
                             return proxy::read_listener(listener, at, *listener_context_, diagnostics);
                           },
                       .compile_routes =
                           [this](const auto& routes, const config::FieldPath& at, config::Diagnostics& diagnostics) {
                             return route::compile(routes, route_context(false), diagnostics, at);
                           }});
  config::Diagnostics diagnostics;
  const bool built = configuration_->load(*loaded_, diagnostics);
  const config::FieldPath admin{nullptr, "admin"};
  admin_logs_ = observe::read_admin_logs(loaded_->admin(), *logs_, &runtime_, admin, diagnostics);
  if (!report(diagnostics) || !built) return false;
  loaded_->SerializeToString(&bootstrap_bytes_);
  loaded_ = {};
  malloc_trim(0);  // the message and its text were by far the largest things so far
  return true;
}

route::ReadContext Process::route_context(bool clusters_must_exist) {
  return {.schema = schema_,
          .clusters = cluster_names_,
          .has_cluster = [this](std::string_view name) { return configuration_->clusters().has(name); },
          .validates_clusters = clusters_must_exist,
          .read_filter_settings =
              [this](const auto& settings, const config::FieldPath& at, config::Diagnostics& diagnostics) {
                const filter::FilterContext needs{
                    .stats = scopes_->all(), .runtime = &runtime_, .service_cluster = bootstrap_.identity.node_cluster};
                return filter::read_settings(settings, at, needs, diagnostics);
              },
          .max_regex_program_size = regex_program_limit(runtime_),
          .runtime = &runtime_,
          .stats = route_stats_.get(),
          .condition_stats = &scopes_->all()};
}

proxy::ListenerConfigContext Process::listener_context() {
  return {
      .clusters = cluster_names_,
      .stats = *scopes_,
      .random = random_,
      .read_routes =
          [this](const auto& routes, const config::FieldPath& at, config::Diagnostics& diagnostics) {
            auto table = route::compile(routes, route_context(true), diagnostics, at);
            if (table != nullptr) configuration_->routes().remember(table, routes);
            return table;
          },
      .find_rds =
          [this](const auto& rds, const std::string& stat_prefix, const config::FieldPath& at, config::Diagnostics& diagnostics) {
            return configuration_->routes().find(rds, stat_prefix, at, diagnostics);
          },
      .find_scopes =
          [this](const auto& config, route::ScopeKeyBuilder builder, const std::string& stat_prefix, const config::FieldPath& at,
                 config::Diagnostics& diagnostics) {
            return configuration_->scopes().find(config, std::move(builder), stat_prefix, at, diagnostics);
          },
      .find_filter =
          [this](const auto& source, const std::string& name, const filter::FilterContext& needs, const config::FieldPath& at,
                 config::Diagnostics& diagnostics) {
            return configuration_->filters().find(source, name, needs, at, diagnostics);
          },
      .read_access_log =
          [this](const auto& log, const config::FieldPath& at, config::Diagnostics& diagnostics) {
            return observe::read_access_log(log, *logs_, &runtime_, at, diagnostics);
          },
      .read_tls = [this](
                      const auto& message, const auto& names, const config::FieldPath& at,
                      config::Diagnostics& diagnostics) { return configuration_->tls().server(message, names, at, diagnostics); },
      .internal_listeners = bootstrap_.internal_listeners,
      .internal_buffer = bootstrap_.internal_buffer,
      .check_dns_cache = [this](
                             const auto& cache, const config::FieldPath& at,
                             config::Diagnostics& found) { return configuration_->clusters().check_dns_cache(cache, at, found); },
      .node_id = bootstrap_.identity.node_id,
      .service_cluster = bootstrap_.identity.node_cluster,
      .runtime = &runtime_};
}

bool Process::start_admin() {
  if (bootstrap_.admin_address == nullptr) return true;
  if (!admin_logs_.empty()) log_timer_.arm(options_.file_flush_interval_ms);
  admin_ = std::make_unique<admin::Server>(loop_, admin::Site{*this, registry_, stats_settings_.tags, schema_, log_,
                                                              std::move(admin_logs_), workers_, bootstrap_.identity.address});
  if (auto listening = admin_->listen(*bootstrap_.admin_address); !listening) {
    std::cerr << "admin: " << listening.error().message << "\n";
    return false;
  }
  log_.info("main", "admin address: {}", admin_->address().text());
  if (!options_.admin_address_path.empty()) {
    std::ofstream file(options_.admin_address_path);
    file << admin_->address().text();
    if (!file) {
      std::cerr << "cannot write --admin-address-path " << options_.admin_address_path << "\n";
      return false;
    }
  }
  return true;
}

/// All static clusters have endpoints, and all static listeners are bound (or one cannot be).
void Process::on_ready(Result<> bound) {
  if (!bound) {
    std::cerr << "weir: " << bound.error().message << "\n";
    exit_status_ = 1;
    loop_.stop();
    return;
  }
  if (options_.mode == Mode::kInitOnly) {
    loop_.stop();
    return;
  }
  if (!options_.base_id_path.empty()) {
    std::ofstream file(options_.base_id_path);
    file << options_.base_id;
    if (!file) log_.error("main", "cannot write --base-id-path {}", options_.base_id_path);
  }
  fleet_->start(options_.file_flush_interval_ms);
  live_ = true;
  configuration_->listeners().stats().workers_started.set(1);
  stats_->set_live(true);
  show_state();
  stats_->count_initialization((monotonic_now() - started_) / kNsPerMs);
  malloc_trim(0);
  log_.info("main", "starting main dispatch loop with {} workers", workers_);
  if (on_listening_) on_listening_();
}

/// Every stats_flush_interval.
void Process::flush_stats() {
  fleet_->sweep(loop_.now());
  logs_->feed().sweep(loop_.now());
  if (!bootstrap_.stats_flush_on_admin) flush_now();
  logs_->flush(workers_);
  flush_timer_.arm(bootstrap_.stats_flush_interval_ms);
}

/// Histograms are read, and everything goes to the sinks.
void Process::flush_now() {
  show_state();
  registry_.flush();
  for (const auto& sink : sinks_) sink->flush();
}

void Process::make_sinks() {
  const auto find_endpoint = [this](const std::string& name) -> net::AddressPtr {
    for (const upstream::ClusterStatePtr& cluster : configuration_->clusters().list()) {
      const upstream::EndpointSetPtr endpoints = cluster->spec->name == name ? cluster->endpoints.load() : nullptr;
      if (endpoints != nullptr && !endpoints->endpoints.empty()) return endpoints->endpoints.front()->address;
    }
    return nullptr;
  };
  for (StatSinkSpec& spec : bootstrap_.stat_sinks) {
    sinks_.push_back(make_stat_sink(std::move(spec), loop_, registry_, stats_settings_.tags, find_endpoint));
  }
}

/// The main thread's share of the logs.
void Process::flush_logs() {
  logs_->flush(workers_);
  log_timer_.arm(options_.file_flush_interval_ms);
}

/// What is shown of the process itself changes now and then.
void Process::show_state() {
  const int64_t now_s = wall_now() / kNsPerSecond;
  std::optional<int64_t> first, first_staple;  // seconds until it is no longer valid
  const auto consider = [now_s](std::optional<int64_t>& earliest, int64_t valid_until_s) {
    const int64_t left_s = std::max<int64_t>(valid_until_s - now_s, 0);
    earliest = std::min(earliest.value_or(left_s), left_s);
  };
  configuration_->tls().in_use().contexts.for_each([&](const net::TlsContext& context) {
    for (const net::TlsIdentityPtr& identity : context.common().identities) {
      consider(first, identity->facts()->valid_until_s);
      if (const auto staple = identity->staple_validity()) consider(first_staple, staple->until_s);
    }
    if (context.common().trust == nullptr) return;
    for (const net::CertificateFacts& facts : context.common().trust->authorities()) consider(first, facts.valid_until_s);
  });
  stats_->set_first_expiry(first, first_staple);
  stats_->flush(state(), loop_.now(), fleet_->connections());
}

// --- ending ---

void Process::on_signal(int signal) {
  if (signal == SIGUSR1) reopen_logs();
  if (signal == SIGINT || signal == SIGTERM) shut_down();
}

/// The first call drains: no new connections, the present ones finish what they do. The second one ends at once.
void Process::shut_down() {
  if (drain_deadline_ != 0 || !live_) {
    loop_.stop();
    return;
  }
  log_.info("main", "draining {} connections; a second signal ends at once", fleet_->connections());
  draining_ = true;
  stats_->set_live(false);
  fleet_->stop_listening(false);
  fleet_->drain(true);
  drain_deadline_ = loop_.now() + options_.drain_time_s * kNsPerSecond;
  check_drained();
}

void Process::check_drained() {
  if (stop_listening_after_drain_ && drain_deadline_ == 0) {  // a graceful /drain_listeners is over
    fleet_->stop_listening(false);
    return;
  }
  if (fleet_->connections() == 0 || loop_.now() >= drain_deadline_) {
    loop_.stop();
    return;
  }
  drain_timer_.arm(kDrainCheckMs);
}

}  // namespace weir::main
