#include "main/check_routes.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "config/load.h"
#include "main/features.h"
#include "main/route_tests.h"
#include "route/explain.h"

namespace weir::main {

namespace {

struct Settings {
  std::string routes, tests;
  bool details = false, only_failures = false, comprehensive = false, show_missing = false;
  double fail_under = 0;
};

bool report(const config::Positions& positions, config::Diagnostics& diagnostics) {
  for (config::Diagnostic& error : diagnostics.errors()) {
    positions.locate(error);
    std::cerr << error.text() << "\n";
  }
  return !diagnostics.failed();
}

/// Names of tests on stdout, failures on stderr, as Envoy's tool has it.
void print(const RouteTestResult& result, const Settings& settings) {
  if (result.failures.empty()) {
    if (settings.details && !settings.only_failures) std::cout << result.name << "\n";
    return;
  }
  if (!settings.details && !settings.only_failures) return;
  std::cerr << result.name << "\n";
  for (const std::string& failure : result.failures) std::cerr << failure << "\n";
}

void print_missing(const RouteTests& tests, const config::Positions& positions) {
  const auto& hosts = tests.config().virtual_hosts;
  for (size_t i = 0; i < hosts.size(); ++i) {
    for (size_t j = 0; j < hosts[i].routes.size(); ++j) {
      const route::Route& route = hosts[i].routes[j];
      const route::Forward* forward = route.forward();
      const auto* several = forward == nullptr ? nullptr : forward->weighted_clusters();
      bool reached = false;
      for (size_t k = 0; k < (several == nullptr ? 1 : several->entries.size()); ++k) {
        reached = reached || tests.coverage().has({i, j, k});
      }
      if (reached) continue;
      const config::Position at = positions.find("virtual_hosts[" + std::to_string(i) + "]." + route::path_of(hosts[i], j));
      std::cout << "Missing test for host: " << hosts[i].name << ", route" << (route.name.empty() ? "" : " " + route.name) << ": "
                << route::describe(route.match) << " (" << at.file << ":" << at.line << ")\n";
    }
  }
}

int check(const Settings& settings) {
  config::Schema schema;
  config::SupportTable support;
  declare_all(support);
  auto routes =
      config::load<envoy::config::route::v3::RouteConfiguration>(schema, {.path = settings.routes, .support = &support});
  auto file = config::load<weir::route_tests::v1::RouteTests>(schema, {.path = settings.tests});
  const bool routes_good = report(routes.positions, routes.diagnostics);
  if (!report(file.positions, file.diagnostics) || !routes_good) return 1;

  config::Diagnostics diagnostics;
  RouteTests tests(schema, *routes);
  if (!tests.compile(diagnostics)) {
    report(routes.positions, diagnostics);
    return 1;
  }
  size_t failed = 0;
  for (int i = 0; i < file->tests_size(); ++i) {
    const RouteTestResult result = tests.run(file->tests(i), diagnostics);
    for (config::Diagnostic& error : diagnostics.errors()) error.path.insert(0, "tests[" + std::to_string(i) + "].");
    if (!report(file.positions, diagnostics)) return 1;
    print(result, settings);
    failed += result.failures.empty() ? 0 : 1;
  }
  if (failed > 0) {
    const bool silent = !settings.details && !settings.only_failures;
    std::cerr << failed << " of " << file->tests_size() << " tests failed" << (silent ? "; --only-show-failures shows them" : "")
              << "\n";
    return 1;
  }

  if (settings.comprehensive || settings.show_missing) print_missing(tests, routes.positions);
  const double percent = tests.coverage().percent(tests.config(), settings.comprehensive);
  std::cout << "Current route coverage: " << percent << "%\n";
  if (percent < settings.fail_under) {
    std::cerr << "Failed to meet coverage requirement: " << settings.fail_under << "%\n";
    return 1;
  }
  return 0;
}

}  // namespace

int run_check_routes(int argc, char** argv) {
  CLI::App app("Tests a route configuration, with test files of Envoy's router check tool.", "weir check-routes");
  Settings settings;
  bool ignored = false;
  app.add_option("-c,--config-path", settings.routes, "The RouteConfiguration: .yaml, .json, .pb or .pb_text")->required();
  app.add_option("-t,--test-path", settings.tests, "The tests: .yaml, .json, .pb or .pb_text")->required();
  app.add_flag("-d,--details", settings.details, "Name every test, and say what failed");
  app.add_flag("--only-show-failures", settings.only_failures, "Name only the tests that failed, and say why");
  app.add_flag("--covall", settings.comprehensive,
               "Coverage means every aspect of every route: cluster, virtual host, rewrites …");
  app.add_flag("--detailed-coverage", settings.show_missing, "List the routes that no test reached");
  app.add_option("-f,--fail-under", settings.fail_under, "Fail if less than so many percent of the routes are covered");
  app.add_flag("--disable-deprecation-check", ignored, "Accepted for compatibility; deprecated fields are always allowed");
  CLI11_PARSE(app, argc, argv);
  return check(settings);
}

}  // namespace weir::main
