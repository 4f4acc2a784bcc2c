// /weir/live and /weir/requests: what the page at / asks every second. Numbers are as they are now, not as of the last flush.
#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <utility>

#include "admin/catalog.h"
#include "admin/process_memory.h"
#include "base/clock.h"
#include "base/json_text.h"
#include "base/number_text.h"
#include "base/text.h"
#include "envoy/admin/v3/server_info.pb.h"

namespace weir::admin {

namespace {

constexpr size_t kMostClusters = 200;

using stats::Buckets;

/// Responses by class: 1xx … 5xx.
using Classes = std::array<uint64_t, 5>;

class Json {
 public:
  Json& open(char bracket) {
    comma();
    text_ += bracket;
    fresh_ = true;
    return *this;
  }
  Json& close(char bracket) {
    text_ += bracket;
    fresh_ = false;
    return *this;
  }
  Json& key(std::string_view name) {
    comma();
    append_json_string(text_, name);
    text_ += ':';
    fresh_ = true;
    return *this;
  }
  Json& text(std::string_view value) {
    comma();
    append_json_string(text_, value);
    return *this;
  }
  Json& number(double value) {
    comma();
    append_json_number(text_, value);
    return *this;
  }
  Json& raw(std::string_view value) {
    comma();
    text_ += value;
    return *this;
  }
  std::string take() { return std::move(text_); }

 private:
  void comma() {
    if (!std::exchange(fresh_, false)) text_ += ',';
  }
  std::string text_;
  bool fresh_ = true;
};

void write_classes(Json& json, const Classes& classes) {
  json.key("codes").open('[');
  for (const uint64_t count : classes) json.number(static_cast<double>(count));
  json.close(']');
}

void write_buckets(Json& json, const Buckets& buckets) {
  json.key("time").open('[');
  for (const auto& bucket : buckets) {
    json.open('[').number(bucket.low).number(bucket.width).number(static_cast<double>(bucket.count)).close(']');
  }
  json.close(']');
}

/// "downstream_rq_3xx" gives 2.
std::optional<size_t> class_of(std::string_view statistic) {
  constexpr std::string_view kStart = "downstream_rq_";
  if (statistic.size() != kStart.size() + 3 || !statistic.starts_with(kStart) || !statistic.ends_with("xx")) return std::nullopt;
  const char digit = statistic[kStart.size()];
  if (digit < '1' || digit > '5') return std::nullopt;
  return static_cast<size_t>(digit - '1');
}

struct Prefix {
  Classes classes = {};
  uint64_t active = 0;
  Buckets time;
};

/// Reads http.<prefix>.downstream_rq_*.
class HttpReader final : public stats::StatVisitor {
 public:
  HttpReader() : StatVisitor(stats::StatKind::kCounter | stats::StatKind::kGauge | stats::StatKind::kHistogram) {}
  std::map<std::string, Prefix, std::less<>> prefixes;

 private:
  static constexpr std::string_view kStart = "http.";
  Prefix* find(std::string_view name, std::string_view& statistic) {
    const size_t dot = name.starts_with(kStart) ? name.find(".downstream_", kStart.size()) : std::string_view::npos;
    if (dot == std::string_view::npos) return nullptr;
    statistic = name.substr(dot + 1);
    return &prefixes[std::string(name.substr(kStart.size(), dot - kStart.size()))];
  }
  void on_counter(std::string_view name, uint64_t value, bool used) override {
    if (Prefix* prefix = find(name, name)) {
      if (const auto digit = class_of(name)) prefix->classes[*digit] = value;
    }
  }
  void on_gauge(std::string_view name, uint64_t value, bool) override {
    if (Prefix* prefix = find(name, name); prefix != nullptr && name == "downstream_rq_active") prefix->active = value;
  }
  void on_histogram(std::string_view name, const stats::HistogramCells& cells, stats::Unit) override {
    if (Prefix* prefix = find(name, name); prefix != nullptr && name == "downstream_rq_time") prefix->time = cells.buckets();
  }
};

/// Visits the sources whose names begin with `start` (and perhaps one more).
void visit_under(stats::Registry& registry, std::string_view start, stats::StatVisitor& visitor) {
  std::string cursor(start.substr(0, start.size() - 1));  // just before the first of them
  while (registry.visit_next(cursor, visitor) && cursor.starts_with(start)) {
  }
}

struct ListenerNumbers {
  uint64_t connections = 0, connections_total = 0;
  std::map<std::string, Classes> http;
};

/// Reads listener.<stat prefix>.downstream_cx_* and .http.<prefix>.downstream_rq_*.
class ListenerReader final : public stats::StatVisitor {
 public:
  explicit ListenerReader(std::string start)
      : StatVisitor(stats::StatKind::kCounter | stats::StatKind::kGauge), start_(std::move(start)) {}
  ListenerNumbers numbers;

 private:
  void on_counter(std::string_view name, uint64_t value, bool used) override {
    if (!name.starts_with(start_)) return;
    name.remove_prefix(start_.size());
    if (name == "downstream_cx_total") numbers.connections_total = value;
    if (!name.starts_with("http.")) return;
    const size_t dot = name.find(".downstream_rq_");
    if (dot == std::string_view::npos) return;
    if (const auto digit = class_of(name.substr(dot + 1))) numbers.http[std::string(name.substr(5, dot - 5))][*digit] = value;
  }
  void on_gauge(std::string_view name, uint64_t value, bool) override {
    if (name.starts_with(start_) && name.substr(start_.size()) == "downstream_cx_active") numbers.connections = value;
  }
  const std::string start_;
};

void write_listeners(Site& site, Json& json) {
  json.key("listeners").open('[');
  for (const ListenerView& listener : site.subject.listeners()) {
    const std::string start = "listener." + stats::sanitize(listener.stat_prefix) + ".";
    ListenerReader reader(start);
    visit_under(site.stats, start, reader);
    json.open('{').key("name").text(listener.name).key("addresses").open('[');
    for (const net::AddressPtr& address : listener.addresses) json.text(address->text());
    json.close(']').key("cx_active").number(static_cast<double>(reader.numbers.connections));
    json.key("cx_total").number(static_cast<double>(reader.numbers.connections_total)).key("http").open('[');
    for (const auto& [prefix, classes] : reader.numbers.http) {
      write_classes(json.open('{').key("prefix").text(prefix), classes);
      json.close('}');
    }
    json.close(']').close('}');
  }
  json.close(']');
}

struct ClusterNumbers {
  const upstream::ClusterState* cluster;
  uint64_t requests = 0;
  int64_t connections = 0;
};

void write_cluster(Json& json, const ClusterNumbers& numbers) {
  const upstream::ClusterState& cluster = *numbers.cluster;
  std::vector<stats::CodeCounters::Seen> seen;
  Buckets time;
  cluster.stats.for_each([&](const upstream::ClusterStats& shard) {
    shard.codes.add_to(seen);
    stats::merge_buckets(time, shard.upstream_rq_time.buckets());
  });
  Classes classes = {};
  for (const auto& each : seen) {
    if (each.code >= 100 && each.code < 600) classes[static_cast<size_t>(each.code / 100 - 1)] += each.count;
  }
  size_t usable = 0, total = 0;
  if (const upstream::EndpointSetPtr endpoints = cluster.endpoints.load()) {
    total = endpoints->endpoints.size();
    usable = static_cast<size_t>(std::ranges::count_if(endpoints->endpoints, [](const auto& each) { return each->usable(); }));
  }
  json.open('{').key("name").text(cluster.spec->name);
  json.key("cx_active").number(static_cast<double>(numbers.connections));
  json.key("endpoints").open('[').number(static_cast<double>(usable)).number(static_cast<double>(total)).close(']');
  write_classes(json, classes);
  write_buckets(json, time);
  json.close('}');
}

/// The clusters that most requests went to.
void write_clusters(Site& site, Json& json) {
  const std::vector<upstream::ClusterStatePtr> clusters = site.subject.clusters();
  std::vector<ClusterNumbers> list;
  for (const upstream::ClusterStatePtr& cluster : clusters) {
    ClusterNumbers numbers{.cluster = cluster.get()};
    cluster->stats.for_each([&](const upstream::ClusterStats& shard) {
      numbers.requests += shard.upstream_rq_total.value();
      numbers.connections += shard.upstream_cx_active.value();
    });
    list.push_back(numbers);
  }
  if (list.size() > kMostClusters) {
    std::ranges::stable_sort(list, std::ranges::greater(), &ClusterNumbers::requests);
    list.resize(kMostClusters);
  }
  json.key("clusters_total").number(static_cast<double>(clusters.size())).key("clusters").open('[');
  for (const ClusterNumbers& each : list) write_cluster(json, each);
  json.close(']');
}

}  // namespace

Response live_page(Site& site, const Request&) {
  envoy::admin::v3::ServerInfo info;
  site.subject.describe(info);
  Json json;
  json.open('{').key("now_ms").number(static_cast<double>(monotonic_now()) / kNsPerMs);
  json.key("state").text(envoy::admin::v3::ServerInfo::State_Name(static_cast<int>(site.subject.state())));
  json.key("version").text(info.version()).key("uptime_s").number(static_cast<double>(info.uptime_current_epoch().seconds()));
  json.key("node").open('{').key("id").text(info.node().id()).key("cluster").text(info.node().cluster()).close('}');
  json.key("workers").number(info.command_line_options().concurrency());
  json.key("connections").number(static_cast<double>(site.subject.connections()));
  json.key("memory").number(static_cast<double>(process_memory().physical));
  write_listeners(site, json);
  HttpReader http;
  visit_under(site.stats, "http.", http);
  json.key("http").open('[');
  for (const auto& [name, prefix] : http.prefixes) {
    json.open('{').key("prefix").text(name).key("active").number(static_cast<double>(prefix.active));
    write_classes(json, prefix.classes);
    write_buckets(json, prefix.time);
    json.close('}');
  }
  json.close(']');
  write_clusters(site, json);
  json.close('}');
  return Response::json(json.take());
}

Response requests_page(Site& site, const Request& request) {
  observe::RequestFeed* feed = site.subject.request_feed();
  if (feed == nullptr) return Response::error(404, "nothing is shown here\n");
  const auto after = parse_number<uint64_t>(request.query.get("after").value_or("0")).value_or(0);
  const observe::RequestFeed::News news = feed->look(after, monotonic_now());
  Json json;
  json.open('{').key("now_ms").number(static_cast<double>(wall_now() / kNsPerMs));
  json.key("next").number(static_cast<double>(news.next)).key("dropped").number(static_cast<double>(news.dropped));
  json.key("requests").open('[');
  for (const std::string& each : news.descriptions) json.raw(each);
  json.close(']').close('}');
  return Response::json(json.take());
}

}  // namespace weir::admin
