#include "route/route_config.h"

#include <gtest/gtest.h>

#include "config/load.h"
#include "envoy/config/route/v3/route.pb.h"

namespace weir::route {
namespace {

struct Outcome {
  std::shared_ptr<const RouteTable> table;
  std::string errors;
};

/// What becomes of a RouteConfiguration in YAML; clusters whose names begin with "c" exist.
Outcome compile_yaml(std::string_view yaml) {
  config::Schema schema;
  config::SupportTable support;
  declare_support(support);
  auto loaded =
      config::load<envoy::config::route::v3::RouteConfiguration>(schema, {.yaml = std::string(yaml), .support = &support});
  Names names;
  const ReadContext context{schema, names, [](std::string_view name) { return name.starts_with('c'); }};
  Outcome outcome;
  if (loaded.ok()) outcome.table = compile(*loaded, context, loaded.diagnostics);
  for (const config::Diagnostic& error : loaded.diagnostics.errors()) outcome.errors += error.path + ": " + error.message + "\n";
  return outcome;
}

std::string in_route(std::string_view lines) {
  return "virtual_hosts: [{name: v, domains: ['*'], routes: [{" + std::string(lines) + "}]}]";
}

TEST(RouteConfiguration, AllErrorsAreReportedAtOnceWithTheirPaths) {
  const Outcome outcome = compile_yaml(R"(
virtual_hosts:
- name: one
  domains: [a.com]
  routes:
  - match: {safe_regex: {regex: '('}}
    route: {cluster: nowhere, timeout: -1s}
  request_headers_to_add: [{header: {key: ':path', value: x}}]
- name: two
  domains: [A.com]
  response_headers_to_remove: [Host]
)");
  EXPECT_EQ(outcome.table, nullptr);
  EXPECT_EQ(
      outcome.errors,
      "virtual_hosts[0].routes[0].match.safe_regex.regex: '(' is not a regular expression (RE2): missing ): (\n"
      "virtual_hosts[0].routes[0].route.cluster: there is no cluster 'nowhere'\n"
      "virtual_hosts[0].routes[0].route.timeout: must not be negative\n"
      "virtual_hosts[0].request_headers_to_add[0].header.key: ':path' cannot be changed: pseudo-headers and host are out of "
      "reach "
      "here\n"
      "virtual_hosts[1].response_headers_to_remove[0]: 'Host' cannot be removed: every request needs its pseudo-headers and "
      "host\n"
      "virtual_hosts[1].domains[0]: the domain 'A.com' is claimed twice in this route configuration (case does not count)\n");
}

TEST(RouteConfiguration, ImpossibleRoutesAreRefused) {
  for (const std::string_view bad : {
           "match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: c1, weight: 0}]}}",
           "match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: c1, weight: 4294967295}, {name: c2, weight: 1}]}}",
           "match: {prefix: /}, route: {weighted_clusters: {clusters: [{weight: 1}]}}",
           "match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: c1, cluster_header: x, weight: 1}]}}",
           "match: {prefix: /}, route: {cluster: c1, prefix_rewrite: /a, regex_rewrite: {pattern: {regex: a}, substitution: b}}",
           "match: {prefix: /}, route: {cluster: c1, upgrade_configs: [{upgrade_type: a}, {upgrade_type: A}]}",
           "match: {prefix: /}, route: {cluster: c1, upgrade_configs: [{upgrade_type: websocket, connect_config: {}}]}",
           "match: {prefix: /}, route: {cluster: c1}, request_headers_to_add: [{header: {key: a, value: '%FOO%'}}]",
           "match: {prefix: /}, route: {cluster: c1}, request_headers_to_add: [{header: {key: a, value: b}, append: true, "
           "append_action: ADD_IF_ABSENT}]",
           "match: {prefix: /, headers: [{name: a, string_match: {safe_regex: {regex: '('}}}]}, route: {cluster: c1}",
           "match: {prefix: /, headers: [{name: a, string_match: {safe_regex: {regex: a}, ignore_case: true}}]}, route: "
           "{cluster: c1}",
           "match: {prefix: /}, direct_response: {status: 200, body: {filename: /does/not/exist}}",
           "match: {prefix: /}, route: {cluster: c1, retry_policy: {retry_back_off: {base_interval: 2s, max_interval: 1s}}}",
       }) {
    EXPECT_NE(compile_yaml(in_route(bad)).errors, "") << bad;
  }
}

TEST(RouteConfiguration, ADirectResponseIsLimitedTo4096BytesUnlessSaidOtherwise) {
  const std::string body(4097, 'x');
  EXPECT_EQ(
      compile_yaml(in_route("match: {prefix: /}, direct_response: {status: 200, body: {inline_string: '" + body + "'}}")).errors,
      "virtual_hosts[0].routes[0].direct_response.body: is larger than the 4096 bytes that are allowed here\n");
  EXPECT_EQ(compile_yaml("max_direct_response_body_size_bytes: 5000\n" +
                         in_route("match: {prefix: /}, direct_response: {status: 200, body: {inline_string: '" + body + "'}}"))
                .errors,
            "");
}

TEST(RouteConfiguration, EverythingARouteSaysArrivesInItsValue) {
  const Outcome outcome = compile_yaml(in_route(R"(
      name: r, match: {path_separated_prefix: /API, case_sensitive: false},
      route: {weighted_clusters: {clusters: [{name: c1, weight: 1}, {name: c2, weight: 3}]}, timeout: 2.5s, idle_timeout: 0s,
              host_rewrite_literal: h, prefix_rewrite: /v1, priority: HIGH, cluster_not_found_response_code: NOT_FOUND})"));
  ASSERT_EQ(outcome.errors, "");
  const Route& route = outcome.table->config().virtual_hosts[0].routes[0];
  EXPECT_EQ(route.name, "r");
  EXPECT_EQ(route.match.path.text, "/api");
  const Forward& forward = *route.forward();
  EXPECT_EQ(forward.timeout_ms, 2500u);
  EXPECT_EQ(forward.idle_timeout_ms, 0u);
  EXPECT_EQ(forward.cluster_not_found_status, 404);
  EXPECT_EQ(forward.priority, Priority::kHigh);
  const auto& clusters = std::get<WeightedClusters>(forward.cluster);
  EXPECT_EQ(clusters.total_weight, 4u);
  EXPECT_EQ(clusters.entries[1].cluster.id, 1u);
}

}  // namespace
}  // namespace weir::route
