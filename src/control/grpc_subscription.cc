#include "control/grpc_subscription.h"

#include <algorithm>
#include <utility>

#include "config/duration.h"
#include "stats/table.h"

namespace weir::control {

using config::FieldPath;
using envoy::config::core::v3::ApiConfigSource;
using envoy::service::discovery::v3::DeltaDiscoveryRequest;
using envoy::service::discovery::v3::DeltaDiscoveryResponse;
using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;

namespace {

constexpr auto kPlane = stats::table<ControlPlaneStats>({
    {"control_plane.connected_state", &ControlPlaneStats::connected_state},
    {"control_plane.pending_requests", &ControlPlaneStats::pending_requests},
    {"control_plane.rate_limit_enforced", &ControlPlaneStats::rate_limit_enforced},
});

/// The name of a resource, whatever it is: it stands in `name`, or for endpoints in `cluster_name`.
std::string name_of(const google::protobuf::Any& resource, std::string_view type_url) {
  envoy::service::discovery::v3::Resource wrapper;
  if (resource.UnpackTo(&wrapper)) return wrapper.name();
  const auto* type = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
      std::string(type_url.substr(type_url.rfind('/') + 1)));
  if (type == nullptr) return {};
  const auto* field = type->FindFieldByName("name");
  if (field == nullptr) field = type->FindFieldByName("cluster_name");
  if (field == nullptr || field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_STRING) return {};
  const std::unique_ptr<google::protobuf::Message> message(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  if (!message->ParseFromString(resource.value())) return {};
  return message->GetReflection()->GetString(*message, field);
}

}  // namespace

void visit(stats::StatVisitor& visitor, ControlPlaneStats& stats) {
  stats::visit(visitor, kPlane, stats);
  visitor.text("control_plane.identifier", stats.identifier);
}

std::optional<GrpcSource> read_grpc_source(const Context& context, const ApiConfigSource& source, const FieldPath& at,
                                           config::Diagnostics& diagnostics) {
  const auto refuse = [&](const FieldPath& where, std::string what, std::string hint) -> std::optional<GrpcSource> {
    diagnostics.error({{}, where.text(), std::move(what), std::move(hint)});
    return std::nullopt;
  };
  const FieldPath services{&at, "grpc_services"};
  const bool delta = source.api_type() == ApiConfigSource::DELTA_GRPC;
  if (source.api_type() != ApiConfigSource::GRPC && !delta)
    return refuse(FieldPath{&at, "api_type"}, "only GRPC and DELTA_GRPC are implemented yet", "set one of them");
  const auto spoken = source.transport_api_version();
  if (spoken != envoy::config::core::v3::V3 && spoken != envoy::config::core::v3::AUTO)
    return refuse(FieldPath{&at, "transport_api_version"}, "only V3 is spoken", "set V3");
  if (source.grpc_services_size() != 1) return refuse(services, "expected one service", "give exactly one");
  if (source.cluster_names_size() != 0) return refuse(FieldPath{&at, "cluster_names"}, "is for REST only", "remove it");
  const FieldPath service{&services, {}, 0};
  const auto& from = source.grpc_services(0);
  if (!from.has_envoy_grpc()) return refuse(service, "only envoy_grpc is implemented", "name a cluster");
  GrpcSource result{.cluster = from.envoy_grpc().cluster_name(),
                    .authority = from.envoy_grpc().authority(),
                    .metadata = {},
                    .node_once = source.set_node_on_first_message_only(),
                    .delta = delta};
  for (const auto& header : from.initial_metadata()) result.metadata.emplace_back(header.key(), header.value());
  if (from.envoy_grpc().has_retry_policy()) {
    const auto& back_off = from.envoy_grpc().retry_policy().retry_back_off();
    result.first_retry_ms = std::max<int64_t>(config::milliseconds(back_off.base_interval()), 1);
    result.longest_retry_ms =
        back_off.has_max_interval() ? config::milliseconds(back_off.max_interval()) : 10 * result.first_retry_ms;
    if (result.longest_retry_ms < result.first_retry_ms)
      return refuse(service, "retry_back_off: max_interval must not be less than base_interval", "");
  }
  if (!check_node(context, at, diagnostics)) return std::nullopt;
  return result;
}

GrpcSubscription::GrpcSubscription(const Context& context, GrpcSource source, DiscoveryQuestion question, int64_t first_answer_ms,
                                   SubscriptionStats& stats, ControlPlaneStats& plane, OnUpdate on_update,
                                   std::function<void()> on_first)
    : Subscription(context, stats, std::move(on_update)),
      source_(std::move(source)),
      question_(std::move(question)),
      first_answer_ms_(first_answer_ms),
      plane_(plane),
      on_first_(std::move(on_first)),
      retry_timer_(loop::Timer::calling<&GrpcSubscription::connect>(context.loop.timers(), *this)),
      first_timer_(loop::Timer::calling<&GrpcSubscription::on_no_answer>(context.loop.timers(), *this)) {}

void GrpcSubscription::start() {
  stats_.update_attempt.add();
  if (first_answer_ms_ > 0) first_timer_.arm(first_answer_ms_);
  connect();
}

void GrpcSubscription::connect() {
  const upstream::ClusterStatePtr cluster = context_.find_cluster(source_.cluster);
  const upstream::EndpointSetPtr set = cluster == nullptr ? nullptr : cluster->endpoints.load();
  if (set == nullptr || set->endpoints.empty()) return on_closed(14, "no healthy upstream");
  introduced_ = false;
  upstream::GrpcStreamEvents& events = *this;
  const upstream::GrpcTarget target{source_.delta ? question_.delta_method : question_.method, source_.authority,
                                    source_.metadata};
  const upstream::EndpointPtr& endpoint = set->endpoints[endpoint_ % set->endpoints.size()];
  stream_ = std::make_unique<upstream::GrpcStream>(context_.loop, *cluster, endpoint, target, events);
  plane_.connected_state.set(1);
  ask({}, nullptr);
}

/// What requests of both protocols end with: who asks, and what became of the answer with that nonce.
template <class Request>
void GrpcSubscription::send(Request& request, std::string_view nonce, const config::Diagnostics* refused) {
  if (!introduced_ || !source_.node_once) request.mutable_node()->ParseFromString(context_.node);
  introduced_ = true;
  request.set_type_url(question_.type_url);
  request.set_response_nonce(std::string(nonce));
  if (refused != nullptr) {
    request.mutable_error_detail()->set_code(13);  // INTERNAL
    request.mutable_error_detail()->set_message(refused->text());
  }
  stream_->send(request.SerializeAsString());
}

/// The first request of a stream says what is wanted and what is known, the others only what became of an answer.
void GrpcSubscription::ask_for_changes(std::string_view nonce, const config::Diagnostics* refused) {
  DeltaDiscoveryRequest request;
  if (!introduced_) {
    for (const std::string& name : question_.names) request.add_resource_names_subscribe(name);
    for (const auto& [name, version] : versions_) (*request.mutable_initial_resource_versions())[name] = version;
  }
  send(request, nonce, refused);
}

void GrpcSubscription::ask(std::string_view nonce, const config::Diagnostics* refused) {
  if (source_.delta) return ask_for_changes(nonce, refused);
  DiscoveryRequest request;
  request.set_version_info(version_);
  for (const std::string& name : question_.names) request.add_resource_names(name);
  send(request, nonce, refused);
}

/// Changes become an answer that has only what changed; a secret that is gone stays in use.
bool GrpcSubscription::read(std::string_view message, DiscoveryResponse& response) const {
  if (!source_.delta) return response.ParseFromArray(message.data(), static_cast<int>(message.size()));
  DeltaDiscoveryResponse changes;
  if (!changes.ParseFromArray(message.data(), static_cast<int>(message.size()))) return false;
  response.set_version_info(changes.system_version_info());
  response.set_type_url(changes.type_url());
  response.set_nonce(changes.nonce());
  if (changes.has_control_plane()) *response.mutable_control_plane() = changes.control_plane();
  for (const auto& resource : changes.resources()) response.add_resources()->PackFrom(resource);
  return true;
}

/// What was taken, for the next stream.
void GrpcSubscription::remember(const DiscoveryResponse& response) {
  version_ = response.version_info();
  envoy::service::discovery::v3::Resource wrapper;
  for (const auto& resource : response.resources()) {
    if (source_.delta && resource.UnpackTo(&wrapper)) versions_[wrapper.name()] = wrapper.version();
  }
}

void GrpcSubscription::on_message(std::string_view message) {
  const MonotonicNs begin = monotonic_now();
  failures_ = 0;
  Update update;
  update.arena = config::make_arena();
  update.message = google::protobuf::Arena::CreateMessage<DiscoveryResponse>(update.arena.get());
  if (!read(message, *update.message)) {
    stream_ = nullptr;
    return on_closed(13, "the answer cannot be read");
  }
  DiscoveryResponse& response = *update.message;
  if (response.has_control_plane()) plane_.identifier = response.control_plane().identifier();
  const std::string nonce = response.nonce();
  if (response.type_url() != question_.type_url) {
    update.diagnostics.error({{}, "type_url", "expected " + question_.type_url + " but got " + response.type_url(), ""});
    return ask(nonce, &update.diagnostics);
  }
  keep_only_asked_for(response);
  if (response.resources().empty()) {  // news for somebody else
    version_ = response.version_info();
    return ask(nonce, nullptr);
  }
  config::check_resource(context_.schema, context_.dynamic_unknown_fields, &context_.support, response, update.diagnostics);
  const bool taken = deliver(update, source_.cluster, begin);
  stats_.update_attempt.add();
  if (taken) remember(response);
  ask(nonce, taken ? nullptr : &update.diagnostics);
  first_is_over();
}

void GrpcSubscription::keep_only_asked_for(DiscoveryResponse& response) const {
  auto& resources = *response.mutable_resources();
  int kept = 0;
  for (int i = 0; i < resources.size(); ++i) {
    if (std::ranges::find(question_.names, name_of(resources.Get(i), question_.type_url)) == question_.names.end()) continue;
    if (kept != i) resources.SwapElements(kept, i);
    ++kept;
  }
  resources.DeleteSubrange(kept, resources.size() - kept);
}

void GrpcSubscription::on_closed(int status, std::string_view why) {
  stream_ = nullptr;
  plane_.connected_state.set(0);
  stats_.update_failure.add();
  stats_.update_attempt.add();
  context_.log.warning("config", "{}: the stream {} ended: {}, {}", source_.cluster, question_.method, status, why);
  retry_later();
}

/// A random time below a bound that doubles with each failure.
void GrpcSubscription::retry_later() {
  ++endpoint_;
  const uint32_t doublings = std::min<uint32_t>(failures_++, 16);
  const int64_t most = std::min(source_.first_retry_ms << doublings, source_.longest_retry_ms);
  retry_timer_.arm(static_cast<int64_t>(context_.loop.random().next() % static_cast<uint64_t>(most)) + 1);
}

void GrpcSubscription::on_no_answer() {
  stats_.init_fetch_timeout.add();
  context_.log.warning("config", "{}: no answer to {} within {} ms", source_.cluster, question_.method, first_answer_ms_);
  first_is_over();
}

void GrpcSubscription::first_is_over() {
  first_timer_.cancel();
  if (on_first_) std::exchange(on_first_, nullptr)();
}

}  // namespace weir::control
