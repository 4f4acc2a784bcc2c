#include "main/demo.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <string_view>
#include <thread>
#include <utility>

#include "loop/event_loop.h"
#include "main/echo.h"
#include "main/options.h"
#include "main/server.h"

namespace weir::main {

namespace {

constexpr std::string_view kBootstrap = R"yaml(
admin:
  address: { socket_address: { address: 127.0.0.1, port_value: @ADMIN@ } }
static_resources:
  listeners:
  - name: demo
    address: { socket_address: { address: 127.0.0.1, port_value: @PORT@ } }
    enable_reuse_port: false # a second demo is to hear that the port is taken, not to share it
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: demo
          use_remote_address: true
          route_config:
            name: demo
            virtual_hosts:
            - name: demo
              domains: ["*"]
              routes:
              # Whoever asks for a version gets it ...
              - match: { prefix: /, headers: [{ name: version, string_match: { exact: v2 } }] }
                route: { cluster: v2 }
              - match: { prefix: /, headers: [{ name: version, string_match: { exact: v1 } }] }
                route: { cluster: v1 }
              # ... all others are split: five in a hundred try the canary.
              - match: { prefix: / }
                route:
                  weighted_clusters:
                    clusters:
                    - { name: v1, weight: 95 }
                    - { name: v2, weight: 5 }
          http_filters:
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
  - name: v1
    connect_timeout: 1s
    type: STATIC
    load_assignment:
      cluster_name: v1
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: @V1@ } } } }] }]
  - name: v2
    connect_timeout: 1s
    type: STATIC
    load_assignment:
      cluster_name: v2
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: @V2@ } } } }] }]
)yaml";

/// The echo upstreams, on a thread of their own.
class Upstreams {
 public:
  Upstreams() : loop_(2) {}
  ~Upstreams() {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
  }
  Result<> start() {
    for (auto& [server, version] : {std::pair{&v1_, "v1"}, std::pair{&v2_, "v2"}}) {
      auto opened = EchoServer::open(loop_, 0, version);
      if (!opened) return std::unexpected(opened.error());
      *server = std::move(*opened);
    }
    thread_ = std::thread([this] { loop_.run(); });
    return {};
  }
  uint16_t v1_port() const { return v1_->port(); }
  uint16_t v2_port() const { return v2_->port(); }

 private:
  loop::EventLoop loop_;
  std::unique_ptr<EchoServer> v1_, v2_;
  std::thread thread_;
};

void print_what_to_try(uint16_t port, uint16_t admin_port) {
  const std::string url = "http://127.0.0.1:" + std::to_string(port);
  std::cout << "Weir listens on " << url << ", its admin pages on http://127.0.0.1:" << admin_port << "\n"
            << "Try:\n"
            << "  curl " << url << "/hello\n"
            << "  curl -H 'version: v2' " << url << "/hello\n"
            << "  for i in $(seq 100); do curl -s " << url << "/ | grep -o 'v[12]' | head -1; done | sort | uniq -c\n"
            << "  curl -s http://127.0.0.1:" << admin_port << "/stats | grep cluster.v\n"
            << "Ctrl-C ends it." << std::endl;
}

}  // namespace

std::string demo_bootstrap(uint16_t port, uint16_t admin_port, uint16_t v1_port, uint16_t v2_port) {
  std::string text(kBootstrap);
  for (const auto& [name, value] : {std::pair{"@PORT@", port}, {"@ADMIN@", admin_port}, {"@V1@", v1_port}, {"@V2@", v2_port}}) {
    for (size_t at; (at = text.find(name)) != std::string::npos;)
      text.replace(at, std::string_view(name).size(), std::to_string(value));
  }
  return text;
}

int run_demo(int argc, char** argv) {
  CLI::App app("Weir in front of two echo upstreams, to try it out", "weir demo");
  uint16_t port = 10000, admin_port = 9901;
  bool print_config = false;
  app.add_option("--port", port, "Where Weir listens");
  app.add_option("--admin-port", admin_port, "Where its admin pages are");
  app.add_flag("--print-config", print_config, "Print the configuration and exit");
  CLI11_PARSE(app, argc, argv);
  if (print_config) {
    std::cout << demo_bootstrap(port, admin_port, 8081, 8082);
    return 0;
  }

  Server::block_signals();
  Upstreams upstreams;
  if (auto started = upstreams.start(); !started) {
    std::cerr << started.error().message << "\n";
    return 1;
  }
  Options options;
  options.config_yaml = demo_bootstrap(port, admin_port, upstreams.v1_port(), upstreams.v2_port());
  options.log_level = "warning";
  options.drain_time_s = 1;
  return run_server(options, [&] { print_what_to_try(port, admin_port); });
}

}  // namespace weir::main
