#include "control/configuration.h"

#include "envoy/admin/v3/config_dump.pb.h"
#include "envoy/admin/v3/config_dump_shared.pb.h"

namespace weir::control {

Configuration::Configuration(Context context)
    : context_([&] {
        context.find_cluster = [this](std::string_view name) { return clusters_.find(name); };
        return std::move(context);
      }()),
      files_(context_.loop),
      runtime_(context_, files_),
      overload_(context_),
      tls_(context_, files_),
      routes_(context_, files_),
      scopes_(context_, files_, routes_),
      filters_(context_, files_),
      clusters_(
          context_, files_, tls_, [this] { changed(); },
          [this](uint32_t id, upstream::EndpointSetPtr endpoints) {
            if (ready_) context_.publisher.publish_endpoints(id, std::move(endpoints));
          }),
      listeners_(context_, files_, tls_, [this] { changed(); }) {
  tls_.on_answer([this] {
    clusters_.check_secrets();
    listeners_.check_secrets();
  });
}

Configuration::~Configuration() = default;

bool Configuration::load(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, config::Diagnostics& diagnostics) {
  const bool runtime = runtime_.load(bootstrap, diagnostics);
  const bool overload = overload_.load(bootstrap, diagnostics);
  if (!tls_.load(bootstrap, diagnostics)) return false;
  const bool clusters = clusters_.load(bootstrap, diagnostics);
  if (!runtime || !overload || !clusters) return false;  // routes would complain about clusters that are there
  return listeners_.load(bootstrap, diagnostics);
}

void Configuration::start(std::function<void(Result<>)> on_ready) {
  on_ready_ = std::move(on_ready);
  runtime_.start();
  tls_.start();
  clusters_.start([this] { on_clusters_warm(); });
}

void Configuration::on_clusters_warm() {
  context_.log.info("upstream", "all clusters initialized");
  clusters_warm_ = true;
  tls_.start_remote([this] { on_secrets_known(); });
}

void Configuration::on_secrets_known() {
  routes_.start();
  scopes_.start();
  filters_.start();
  Result<> bound = listeners_.start();
  if (bound) {
    overload_.start();
    ready_ = true;
    publish();
  }
  on_ready_(std::move(bound));
}

// What changes in one turn makes one snapshot.
void Configuration::changed() {
  if (ready_) context_.loop.at_next_turn(*this);
}

void Configuration::publish() {
  auto snapshot = std::make_shared<proxy::Snapshot>();
  snapshot->clusters = clusters_.numbered();
  snapshot->listeners = listeners_.list();
  context_.publisher.publish(std::move(snapshot));
  clusters_.on_published();
  scopes_.sweep();
  routes_.sweep();
  filters_.sweep();
}

std::vector<std::unique_ptr<google::protobuf::Message>> Configuration::dump(bool include_endpoints) const {
  std::vector<std::unique_ptr<google::protobuf::Message>> result;
  const auto add = [&]<class M>(M message, const auto& part) {
    part.dump(message);
    result.push_back(std::make_unique<M>(std::move(message)));
  };
  add(envoy::admin::v3::ClustersConfigDump(), clusters_);
  if (include_endpoints) add(envoy::admin::v3::EndpointsConfigDump(), clusters_);
  if (!filters_.empty()) add(envoy::admin::v3::EcdsConfigDump(), filters_);
  add(envoy::admin::v3::ListenersConfigDump(), listeners_);
  add(envoy::admin::v3::ScopedRoutesConfigDump(), scopes_);
  add(envoy::admin::v3::RoutesConfigDump(), routes_);
  add(envoy::admin::v3::SecretsConfigDump(), tls_);
  return result;
}

}  // namespace weir::control
