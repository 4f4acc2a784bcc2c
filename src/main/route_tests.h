// RouteTests: requests sent through a route configuration in the mind, compared with what was expected; and which routes they
// reached.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/names.h"
#include "config/diagnostic.h"
#include "config/schema.h"
#include "envoy/config/route/v3/route.pb.h"
#include "route/table.h"
#include "weir/route_tests/v1/route_tests.pb.h"

namespace weir::main {

struct RouteTestResult {
  std::string name;
  std::vector<std::string> failures;
};

/// Which aspects of each route were checked with success. A route with weighted clusters counts once for each of them.
class RouteCoverage {
 public:
  enum class Aspect : uint8_t {
    kCluster,
    kVirtualCluster,
    kVirtualHost,
    kPathRewrite,
    kHostRewrite,
    kRedirectPath,
    kRedirectCode
  };
  struct Key {
    size_t virtual_host, route, cluster;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  void mark(const Key& key, Aspect aspect) { covered_[key] |= 1u << static_cast<unsigned>(aspect); }
  bool has(const Key& key) const { return covered_.contains(key); }
  /// In percent: of the routes; or, `comprehensive`, of all aspects of all routes.
  double percent(const route::RouteConfig& config, bool comprehensive) const;

 private:
  std::map<Key, uint32_t> covered_;
};

class RouteTests {
 public:
  /// `routes` has passed the constraints of its .proto file.
  RouteTests(config::Schema& schema, const envoy::config::route::v3::RouteConfiguration& routes)
      : schema_(schema), routes_(routes) {}

  /// Reports what is wrong with the routes themselves; then nothing can be tested.
  bool compile(config::Diagnostics& diagnostics);
  RouteTestResult run(const weir::route_tests::v1::RouteTest& test, config::Diagnostics& diagnostics);

  const RouteCoverage& coverage() const { return coverage_; }
  const route::RouteConfig& config() const { return tables_.at("")->config(); }

 private:
  /// The routes as they are while the runtime key `key` is on ("" for none) and all others are off.
  std::shared_ptr<const route::RouteTable> table(const std::string& key, config::Diagnostics& diagnostics);

  config::Schema& schema_;
  const envoy::config::route::v3::RouteConfiguration& routes_;
  Names clusters_;
  std::map<std::string, std::shared_ptr<const route::RouteTable>> tables_;  // by runtime key
  RouteCoverage coverage_;
};

}  // namespace weir::main
