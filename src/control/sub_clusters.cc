// Sub clusters of dynamic forward proxies (sub_clusters_config): made when a request names a host, and gone when none does any
// more.
#include "control/clusters.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster.pb.h"

namespace weir::control {

using envoy::config::cluster::v3::Cluster;
using envoy::config::core::v3::UpstreamHttpProtocolOptions;
using ForwardProxy = envoy::extensions::clusters::dynamic_forward_proxy::v3::ClusterConfig;

namespace {

/// As in the parent, where nothing is said of it, the names of clients are sent and checked.
void names_in_tls(Cluster& message) {
  const google::protobuf::FieldDescriptor& field = *Cluster::descriptor()->FindFieldByName("upstream_http_protocol_options");
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (reflection.HasField(message, &field)) return;
  auto* options = static_cast<UpstreamHttpProtocolOptions*>(reflection.MutableMessage(&message, &field));
  options->set_auto_sni(true);
  options->set_auto_san_validation(true);
}

/// As its parent, but for the one name that it looks up.
Cluster sub_cluster_message(const std::string& parent, const std::string& name, const upstream::HostPort& target) {
  Cluster message;
  message.ParseFromString(parent);
  ForwardProxy config;
  message.cluster_type().typed_config().UnpackTo(&config);
  names_in_tls(message);
  message.set_name(name);
  message.clear_cluster_type();
  message.set_type(Cluster::STRICT_DNS);
  message.set_lb_policy(config.sub_clusters_config().lb_policy());
  auto& assignment = *message.mutable_load_assignment();
  assignment.set_cluster_name(name);
  assignment.clear_endpoints();
  auto& address =
      *assignment.add_endpoints()->add_lb_endpoints()->mutable_endpoint()->mutable_address()->mutable_socket_address();
  address.set_address(target.host);
  address.set_port_value(target.port);
  return message;
}

}  // namespace

void Clusters::begin_sub_clusters(Entry& entry) {
  entry.state->sub_clusters = std::make_shared<upstream::SubClusters>(
      context_.loop, *entry.state->spec->forward_proxy->sub_clusters,
      upstream::SubClusters::Callbacks{
          .make = [this, &entry](const auto& name, const auto& target) { make_sub_cluster(entry, name, target); },
          .drop = [this](const auto& name) { drop_sub_cluster(name); }});
}

/// One that cannot be made, or is not warm in time, is waited for until whoever waits gives up.
void Clusters::make_sub_cluster(Entry& parent, const std::string& name, const upstream::HostPort& target) {
  if (const auto active = active_.find(name); active != active_.end()) {  // of another parent, or configured
    return parent.state->sub_clusters->made(name, active->second->state->spec->id);
  }
  const Cluster message = sub_cluster_message(parent.kept.bytes, name, target);
  config::Diagnostics diagnostics;
  EntryPtr entry = read(message, config::FieldPath{}, true, diagnostics, number_of_sub_cluster(name));
  if (entry == nullptr) return context_.log.warning("forward_proxy", "{}: {}", name, diagnostics.text());
  entry->is_sub_cluster = true;
  entry->owner = parent.state->sub_clusters;
  stats_.cluster_added.add();
  start(*entry);
  if (entry->warm && !awaits_secrets(*entry)) {
    activate(std::move(entry));
  } else {
    warming_[name] = std::move(entry);
  }
  count();
}

void Clusters::drop_sub_cluster(const std::string& name) {
  for (const auto& [parent, entry] : active_) {
    if (entry->state->sub_clusters != nullptr) entry->state->sub_clusters->forget(name);
  }
  for (EntryMap* entries : {&active_, &warming_}) {
    const auto found = entries->find(name);
    if (found == entries->end() || !found->second->is_sub_cluster) continue;
    const EntryPtr entry = found->second;
    const uint32_t id = entry->state->spec->id;
    if (context_.cluster_names.find(name) != id) spare_numbers_.push_back(id);
    if (entries == &active_) {
      remove_active(found);
    } else {
      entries->erase(found);
    }
  }
  count();
}

void Clusters::drop_sub_clusters_of(const upstream::ClusterState& parent) {
  parent.sub_clusters->close();
  for (const std::string& name : parent.sub_clusters->names()) drop_sub_cluster(name);
}

/// Clients choose the names: they must not pile up where numbers are given for ever. A name that the configuration knows has its
/// own.
uint32_t Clusters::number_of_sub_cluster(const std::string& name) {
  if (const uint32_t known = context_.cluster_names.find(name); known != Names::kNone) return known;
  if (spare_numbers_.empty()) {
    return context_.cluster_names.intern("sub cluster " + std::to_string(context_.cluster_names.size()));
  }
  const uint32_t number = spare_numbers_.front();
  spare_numbers_.pop_front();
  return number;
}

void Clusters::on_published() {
  for (const auto& [owner, name] : std::exchange(new_sub_clusters_, {})) {
    const upstream::SubClustersPtr sub_clusters = owner.lock();
    const upstream::ClusterStatePtr state = find(name);
    if (sub_clusters != nullptr && state != nullptr) sub_clusters->made(name, state->spec->id);
  }
}

}  // namespace weir::control
