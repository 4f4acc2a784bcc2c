// bootstrap.stats_sinks becomes StatSinkSpecs.
#include <algorithm>

#include "config/path.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/metrics/v3/stats.pb.h"
#include "envoy/extensions/stat_sinks/graphite_statsd/v3/graphite_statsd.pb.h"
#include "main/stat_sinks.h"
#include "net/address_config.h"

namespace weir::main {

namespace {

using config::FieldPath;
using envoy::config::bootstrap::v3::Bootstrap;
using envoy::config::metrics::v3::DogStatsdSink;
using envoy::config::metrics::v3::StatsdSink;
using envoy::extensions::stat_sinks::graphite_statsd::v3::GraphiteStatsdSink;
using Tags = stats::StatsdFormat::Tags;

template <class Config>
bool read_udp(const Config& config, Tags tags, const FieldPath& at, StatSinkSpec& spec, config::Diagnostics& diagnostics) {
  spec.format.tags = tags;
  spec.address = net::read_address(config.address(), FieldPath{&at, "address"}, diagnostics);
  if constexpr (requires { config.max_bytes_per_datagram(); }) spec.format.batch_bytes = config.max_bytes_per_datagram().value();
  return spec.address != nullptr;
}

bool read_one(const google::protobuf::Any& from, bool has_node, const Bootstrap& bootstrap, const FieldPath& at,
              StatSinkSpec& spec, config::Diagnostics& diagnostics) {
  const auto prefix = [&](const std::string& given) {
    if (!given.empty()) spec.format.prefix = given;
  };
  if (StatsdSink plain; from.UnpackTo(&plain)) {
    prefix(plain.prefix());
    if (plain.has_address()) return read_udp(plain, Tags::kInNames, at, spec, diagnostics);
    spec.cluster = plain.tcp_cluster_name();
    const auto& clusters = bootstrap.static_resources().clusters();
    const bool known = std::ranges::any_of(clusters, [&](const auto& each) { return each.name() == spec.cluster; });
    const std::string name = FieldPath{&at, "tcp_cluster_name"}.text();
    if (!known)
      diagnostics.error({{}, name, "there is no cluster " + config::quoted(spec.cluster), "name one of static_resources"});
    if (has_node) return known;
    diagnostics.error({{}, name, "node.id and node.cluster must be set", "or give --service-node and --service-cluster"});
    return false;
  }
  if (DogStatsdSink dog; from.UnpackTo(&dog)) {
    prefix(dog.prefix());
    return read_udp(dog, Tags::kDog, at, spec, diagnostics);
  }
  if (GraphiteStatsdSink graphite; from.UnpackTo(&graphite)) {
    prefix(graphite.prefix());
    return read_udp(graphite, Tags::kGraphite, at, spec, diagnostics);
  }
  diagnostics.error({{}, at.text(), "no sink that is implemented", "there are statsd, dog_statsd and graphite_statsd"});
  return false;
}

}  // namespace

std::vector<StatSinkSpec> read_stat_sinks(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, bool has_node,
                                          config::Diagnostics& diagnostics) {
  std::vector<StatSinkSpec> result;
  const FieldPath list{nullptr, "stats_sinks"};
  for (int i = 0; i < bootstrap.stats_sinks_size(); ++i) {
    const FieldPath item{&list, {}, i};
    StatSinkSpec spec;
    if (read_one(bootstrap.stats_sinks(i).typed_config(), has_node, bootstrap, FieldPath{&item, "typed_config"}, spec,
                 diagnostics)) {
      result.push_back(std::move(spec));
    }
  }
  return result;
}

void declare_stat_sinks(config::SupportTable& table) {
  constexpr char kSinks[] = "envoy.stats_sinks";
  table.message<envoy::config::metrics::v3::StatsSink>().fields({"name"}).extensions("typed_config", kSinks);
  table.extension<StatsdSink>(kSinks, "envoy.stat_sinks.statsd").all_fields();
  table.extension<DogStatsdSink>(kSinks, "envoy.stat_sinks.dog_statsd").all_fields();
  table.extension<GraphiteStatsdSink>(kSinks, "envoy.stat_sinks.graphite_statsd").all_fields();
}

}  // namespace weir::main
