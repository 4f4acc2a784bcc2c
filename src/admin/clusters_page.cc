// /clusters: every cluster with its limits, every endpoint with what is counted and known of it; text or JSON.
#include "admin/catalog.h"
#include "admin/message_json.h"
#include "base/number_text.h"
#include "envoy/admin/v3/clusters.pb.h"
#include "net/address_config.h"
#include "upstream/stat_names.h"

namespace weir::admin {

namespace {

constexpr size_t kPiece = 64 * 1024;

/// In Envoy's order.
std::string health_flags(const upstream::Endpoint& endpoint) {
  using upstream::Health;
  using upstream::HealthFlag;
  const uint32_t flags = endpoint.flags();
  const Health eds = endpoint.health;
  std::string text;
  const auto add = [&](bool set, std::string_view name) {
    if (set) text += name;
  };
  add((flags & HealthFlag::kFailedActiveCheck) != 0, "/failed_active_hc");
  add((flags & HealthFlag::kFailedOutlierCheck) != 0, "/failed_outlier_check");
  add(eds == Health::kUnhealthy || eds == Health::kTimeout, "/failed_eds_health");
  add((flags & HealthFlag::kDegradedActiveCheck) != 0, "/degraded_active_hc");
  add(eds == Health::kDegraded, "/degraded_eds_health");
  add((flags & HealthFlag::kPendingRemoval) != 0, "/pending_dynamic_removal");
  add((flags & HealthFlag::kPendingActiveCheck) != 0, "/pending_active_hc");
  add((flags & HealthFlag::kExcludedByCheck) != 0, "/excluded_via_immediate_hc_fail");
  add((flags & HealthFlag::kActiveCheckTimeout) != 0, "/active_hc_timeout");
  add(eds == Health::kDraining, "/eds_status_draining");
  return text.empty() ? "healthy" : text;
}

void write_line(std::string& out, std::string_view subject, std::string_view name, std::string_view value) {
  (((((out += subject) += "::") += name) += "::") += value) += '\n';
}
void write_line(std::string& out, std::string_view subject, std::string_view name, uint64_t value) {
  append_number((((out += subject) += "::") += name) += "::", value);
  out += '\n';
}

std::string rate(double percent) {
  std::string text;
  append_shortest(text, percent);
  return text;
}

void write_endpoint(std::string& out, const std::string& cluster, const upstream::Endpoint& endpoint) {
  const std::string subject = cluster + "::" + endpoint.address->text();
  const upstream::EndpointCounts counts = upstream::counts_of(endpoint);
  const auto write = [&](const stats::LabelledStats::Value& count) { write_line(out, subject, count.name, count.value); };
  // All eight by name: the two gauges stand before their counters.
  write(counts.gauges()[0]);
  for (const auto& count : counts.counters().first(2)) write(count);
  write(counts.gauges()[1]);
  for (const auto& count : counts.counters().subspan(2)) write(count);
  write_line(out, subject, "hostname", endpoint.hostname);
  write_line(out, subject, "health_flags", health_flags(endpoint));
  write_line(out, subject, "weight", endpoint.weight);
  write_line(out, subject, "region", endpoint.locality.region);
  write_line(out, subject, "zone", endpoint.locality.zone);
  write_line(out, subject, "sub_zone", endpoint.locality.sub_zone);
  write_line(out, subject, "canary", endpoint.canary ? "true" : "false");
  write_line(out, subject, "priority", endpoint.priority);
  const upstream::OutlierRecord* record = endpoint.outlier.get();
  write_line(out, subject, "success_rate", rate(record == nullptr ? -1 : record->success_rate.load()));
  write_line(out, subject, "local_origin_success_rate", rate(record == nullptr ? -1 : record->local_origin_success_rate.load()));
}

void write_limits(std::string& out, std::string_view cluster, std::string_view priority,
                  const upstream::CircuitBreakers& limits) {
  const std::string subject = std::string(cluster) + "::" + std::string(priority);
  write_line(out, subject, "max_connections", limits.connections.limit());
  write_line(out, subject, "max_pending_requests", limits.pending_requests.limit());
  write_line(out, subject, "max_requests", limits.requests.limit());
  write_line(out, subject, "max_retries", limits.retry_limit());
}

void write_cluster(std::string& out, const upstream::ClusterState& cluster) {
  const upstream::ClusterSpec& spec = *cluster.spec;
  write_line(out, spec.name, "observability_name", spec.stat_name);
  if (spec.outlier) {
    write_line(out, spec.name, "outlier::success_rate_average", rate(cluster.external_rates.average));
    write_line(out, spec.name, "outlier::success_rate_ejection_threshold", rate(cluster.external_rates.threshold));
    write_line(out, spec.name, "outlier::local_origin_success_rate_average", rate(cluster.local_origin_rates.average));
    write_line(out, spec.name, "outlier::local_origin_success_rate_ejection_threshold",
               rate(cluster.local_origin_rates.threshold));
  }
  write_limits(out, spec.name, "default_priority", cluster.breakers[0]);
  write_limits(out, spec.name, "high_priority", cluster.breakers[1]);
  write_line(out, spec.name, "added_via_api", spec.added_via_api ? "true" : "false");
  if (!spec.eds_service_name.empty()) write_line(out, spec.name, "eds_service_name", spec.eds_service_name);
  if (const upstream::EndpointSetPtr set = cluster.endpoints.load()) {
    for (const upstream::EndpointPtr& endpoint : set->endpoints) write_endpoint(out, spec.name, *endpoint);
  }
}

// ---- JSON ----

void fill_limits(const upstream::CircuitBreakers& limits, envoy::config::core::v3::RoutingPriority priority,
                 envoy::config::cluster::v3::CircuitBreakers& message) {
  auto& thresholds = *message.add_thresholds();
  thresholds.set_priority(priority);
  const auto shown = [](uint64_t limit) { return static_cast<uint32_t>(limit); };
  thresholds.mutable_max_connections()->set_value(shown(limits.connections.limit()));
  thresholds.mutable_max_pending_requests()->set_value(shown(limits.pending_requests.limit()));
  thresholds.mutable_max_requests()->set_value(shown(limits.requests.limit()));
  thresholds.mutable_max_retries()->set_value(shown(limits.retry_limit()));
}

void fill_endpoint(const upstream::Endpoint& endpoint, envoy::admin::v3::HostStatus& message) {
  namespace core = envoy::config::core::v3;
  net::write_address(*endpoint.address, *message.mutable_address());
  const upstream::EndpointCounts counts = upstream::counts_of(endpoint);
  const auto add = [&message](const stats::LabelledStats::Value& count, envoy::admin::v3::SimpleMetric::Type type) {
    auto& metric = *message.add_stats();
    metric.set_type(type);
    metric.set_name(std::string(count.name));
    metric.set_value(count.value);
  };
  for (const auto& count : counts.counters()) add(count, envoy::admin::v3::SimpleMetric::COUNTER);
  for (const auto& count : counts.gauges()) add(count, envoy::admin::v3::SimpleMetric::GAUGE);
  constexpr core::HealthStatus kHealth[] = {core::HEALTHY, core::DEGRADED, core::UNHEALTHY, core::DRAINING, core::TIMEOUT};
  auto& status = *message.mutable_health_status();
  status.set_eds_health_status(kHealth[static_cast<size_t>(endpoint.health)]);
  const uint32_t flags = endpoint.flags();
  using upstream::HealthFlag;
  status.set_failed_active_health_check((flags & HealthFlag::kFailedActiveCheck) != 0);
  status.set_failed_outlier_check((flags & HealthFlag::kFailedOutlierCheck) != 0);
  status.set_failed_active_degraded_check((flags & HealthFlag::kDegradedActiveCheck) != 0);
  status.set_pending_dynamic_removal((flags & HealthFlag::kPendingRemoval) != 0);
  status.set_pending_active_hc((flags & HealthFlag::kPendingActiveCheck) != 0);
  status.set_excluded_via_immediate_hc_fail((flags & HealthFlag::kExcludedByCheck) != 0);
  status.set_active_hc_timeout((flags & HealthFlag::kActiveCheckTimeout) != 0);
  message.set_weight(endpoint.weight);
  message.set_hostname(endpoint.hostname);
  message.set_priority(endpoint.priority);
  auto& locality = *message.mutable_locality();
  locality.set_region(endpoint.locality.region);
  locality.set_zone(endpoint.locality.zone);
  locality.set_sub_zone(endpoint.locality.sub_zone);
}

std::string cluster_json(const upstream::ClusterState& cluster, config::Schema& schema) {
  const upstream::ClusterSpec& spec = *cluster.spec;
  envoy::admin::v3::Clusters message;
  auto& status = *message.add_cluster_statuses();
  status.set_name(spec.name);
  status.set_added_via_api(spec.added_via_api);
  if (const upstream::EndpointSetPtr set = cluster.endpoints.load()) {
    for (const upstream::EndpointPtr& endpoint : set->endpoints) fill_endpoint(*endpoint, *status.add_host_statuses());
  }
  fill_limits(cluster.breakers[0], envoy::config::core::v3::DEFAULT, *status.mutable_circuit_breakers());
  fill_limits(cluster.breakers[1], envoy::config::core::v3::HIGH, *status.mutable_circuit_breakers());
  status.set_observability_name(spec.stat_name);
  status.set_eds_service_name(spec.eds_service_name);
  return message_json(message, schema);
}

/// One cluster's element of the list: what stands between "[" and "]" of the document that holds only it.
std::string_view only_element(std::string_view document) {
  const size_t from = document.find('[') + 1;
  return document.substr(from, document.rfind("\n ]") - from);
}

}  // namespace

Response clusters_page(Site& site, const Request& request) {
  Response response;
  if (request.query.get("format") == "json") {
    response.content_type = Response::kJson;
    response.rest = [clusters = site.subject.clusters(), next = size_t{0}, &schema = site.schema](std::string& out) mutable {
      const size_t enough = out.size() + kPiece;
      if (clusters.empty()) {
        out += "{}\n";
        return false;
      }
      if (next == 0) out += "{\n \"cluster_statuses\": [";
      while (next < clusters.size() && out.size() < enough) {
        if (next != 0) out += ',';
        out += only_element(cluster_json(*clusters[next], schema));
        clusters[next++].reset();
      }
      if (next < clusters.size()) return true;
      out += "\n ]\n}\n";
      return false;
    };
    return response;
  }
  response.rest = [clusters = site.subject.clusters(), next = size_t{0}](std::string& out) mutable {
    const size_t enough = out.size() + kPiece;
    while (next < clusters.size() && out.size() < enough) {
      write_cluster(out, *clusters[next]);
      clusters[next++].reset();
    }
    return next < clusters.size();
  };
  return response;
}

}  // namespace weir::admin
