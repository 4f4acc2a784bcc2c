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
    route: {cluster: nowhere}
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
           "match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: c1, weight: 1}, {name: c2}]}}",
           "match: {prefix: /, filter_state: [{key: k, address_match: {ranges: [{address_prefix: 10.0.0, prefix_len: 8}]}}]}, "
           "route: "
           "{cluster: c1}",
           "match: {prefix: /, dynamic_metadata: [{filter: f, path: [{key: a}], value: {string_match: {safe_regex: {regex: "
           "'('}}}}]}, "
           "route: {cluster: c1}",
           "match: {prefix: /}, route: {cluster: c1, hash_policy: [{cookie: {name: c, ttl: -1s}}]}",
           "match: {prefix: /}, route: {cluster: c1, hash_policy: [{header: {header_name: x, regex_rewrite: {pattern: {regex: "
           "'('}}}}]}",
           "match: {prefix: /}, route: {cluster: c1, rate_limits: [{actions: [{header_value_match: {descriptor_value: v, "
           "headers: "
           "[{name: a, string_match: {safe_regex: {regex: '('}}}]}}]}]}",
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

constexpr char kType[] = "type.googleapis.com/";

std::string in_matcher(std::string_view input, std::string_view condition, std::string_view action) {
  return "virtual_hosts: [{name: v, domains: ['*'], matcher: {matcher_list: {matchers: [{predicate: {single_predicate: {input: "
         "{name: i, typed_config: {'@type': " +
         (kType + std::string(input)) + "}}, " + std::string(condition) +
         "}}, on_match: {action: {name: a, typed_config: {'@type': " + (kType + std::string(action)) + "}}}}]}}}]";
}

TEST(RouteConfiguration, MatchersAreRefusedWhereEnvoyRefusesThem) {
  const std::string header = "envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: x";
  const std::string exact = "value_match: {exact: a}";
  const std::string route = "envoy.config.route.v3.Route, match: {prefix: /}, route: {cluster: c1}";
  const std::string at = "virtual_hosts[0].matcher.matcher_list.matchers[0].";
  const std::string single = at + "predicate.single_predicate.";
  const std::string action = at + "on_match.action.typed_config";
  const std::string conditions = "envoy.extensions.matching.input_matchers.";
  const struct {
    std::string yaml, error;
  } kCases[] = {
      {in_matcher(header, exact, route), ""},
      {in_matcher(header, exact, "envoy.config.route.v3.Route, match: {prefix: /}, route: {cluster: nowhere}"), ""},
      {in_matcher(header, exact, "envoy.config.route.v3.RouteList, routes: []"), ""},
      {in_matcher("envoy.extensions.matching.common_inputs.network.v3.FilterStateInput, key: k", exact, route), ""},
      {in_matcher("envoy.type.matcher.v3.HttpRequestQueryParamMatchInput, query_param: x", exact, route),
       single + "input.typed_config"},
      {in_matcher("envoy.type.matcher.v3.HttpResponseHeaderMatchInput, header_name: x", exact, route),
       single + "input.typed_config"},
      {in_matcher("envoy.extensions.matching.common_inputs.network.v3.SourceIPInput", exact, route),
       single + "input.typed_config"},
      {in_matcher("xds.type.matcher.v3.HttpAttributesCelMatchInput", exact, route), single + "input.typed_config"},
      {in_matcher("google.protobuf.StringValue, value: x", exact, route), single + "input.typed_config"},
      {in_matcher(header, "value_match: {safe_regex: {google_re2: {}, regex: '('}}", route),
       single + "value_match.safe_regex.regex"},
      {in_matcher(header, "value_match: {ignore_case: true, safe_regex: {google_re2: {}, regex: a}}", route),
       single + "value_match.ignore_case"},
      {in_matcher(header,
                  "custom_match: {name: c, typed_config: {'@type': " + (kType + conditions) +
                      "consistent_hashing.v3.ConsistentHashing, threshold: 4, modulo: 3}}",
                  route),
       single + "custom_match.typed_config.threshold"},
      {in_matcher(header, exact, "google.protobuf.StringValue, value: x"), action},
      {in_matcher(header, exact, "envoy.config.route.v3.Route, match: {safe_regex: {regex: '('}}, route: {cluster: c1}"),
       action + ".match.safe_regex.regex"},
      {in_matcher(header, exact,
                  "envoy.config.route.v3.RouteList, routes: [{match: {prefix: /}, route: {weighted_clusters: {clusters: "
                  "[{name: c1, weight: 0}]}}}]"),
       action + ".routes[0].route.weighted_clusters.clusters"},
      {"virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: c1}}], matcher: {}}]",
       "virtual_hosts[0].matcher"},
      {"virtual_hosts: [{name: v, domains: ['*'], matcher: {on_no_match: {keep_matching: true, action: {name: a, typed_config: "
       "{'@type': " +
           (kType + route) + "}}}}}]",
       "virtual_hosts[0].matcher.on_no_match.keep_matching"},
  };
  for (const auto& each : kCases) {
    const std::string errors = compile_yaml(each.yaml).errors;
    EXPECT_TRUE(each.error.empty() ? errors.empty() : errors.starts_with(each.error + ": ")) << each.yaml << "\n" << errors;
  }
}

TEST(RouteConfiguration, RoutesOfMatchersKnowWhereTheyStand) {
  const Outcome outcome =
      compile_yaml(in_matcher("envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: x", "value_match: {exact: a}",
                              "envoy.config.route.v3.RouteList, routes: [{match: {prefix: /a}, route: {cluster: c1}}, {match: "
                              "{prefix: /b}, route: {cluster: c1}}]"));
  ASSERT_EQ(outcome.errors, "");
  EXPECT_EQ(path_of(outcome.table->config().virtual_hosts[0], 1),
            "matcher.matcher_list.matchers[0].on_match.action.typed_config.routes[1]");
}

TEST(RouteConfiguration, ARouteWhoseOptionalPluginIsUnknownIsLeftOut) {
  const std::string plugin =
      "extension: {name: p, typed_config: {'@type': type.googleapis.com/google.protobuf.StringValue, value: x}}";
  EXPECT_EQ(
      compile_yaml(in_route("match: {prefix: /}, route: {inline_cluster_specifier_plugin: {is_optional: true, " + plugin + "}}"))
          .errors,
      "");
  EXPECT_NE(compile_yaml(in_route("match: {prefix: /}, route: {inline_cluster_specifier_plugin: {" + plugin + "}}")).errors, "");
  EXPECT_NE(compile_yaml(in_route("match: {prefix: /}, route: {cluster_specifier_plugin: nowhere}")).errors, "");
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
  EXPECT_EQ(forward.time_limits->idle_timeout_ms, 0u);
  EXPECT_EQ(forward.cluster_not_found_status, 404);
  EXPECT_EQ(forward.priority, Priority::kHigh);
  const WeightedClusters& clusters = *forward.weighted_clusters();
  EXPECT_EQ(clusters.total_weight, 4u);
  EXPECT_EQ(clusters.entries[1].cluster.id, 1u);
}

}  // namespace
}  // namespace weir::route
