#include "filter/dynamic_forward_proxy.h"

#include <algorithm>

#include "upstream/cluster.h"
#include "upstream/dns_cache.h"
#include "upstream/forward_proxy.h"
#include "upstream/sub_clusters.h"

namespace weir::filter {

namespace {

using format::ResponseFlag;
using upstream::DnsCache;

/// What of a request says where it wants to go.
class Wish final : public upstream::PickContext {
 public:
  Wish(Exchange& exchange, bool by_filter_state) : exchange_(exchange), by_filter_state_(by_filter_state) {}
  const http::HeaderMap* headers() override { return &exchange_.request; }
  const format::StreamInfo* info() override { return by_filter_state_ ? &exchange_.info : nullptr; }

 private:
  Exchange& exchange_;
  const bool by_filter_state_;
};

class ForwardProxy final : public Filter, private upstream::DnsWaiter, private upstream::SubClusterWaiter {
 public:
  ForwardProxy(const ForwardProxyFilterSpec& spec, const ForwardProxySettings* settings) : spec_(spec), settings_(settings) {}

  Verdict on_request(Exchange& exchange) override {
    exchange_ = &exchange;
    if (exchange.cluster_name.empty()) return Verdict::proceed();
    upstream::Cluster* cluster = exchange.cluster(exchange.cluster_name);
    if (cluster == nullptr || !cluster->spec().forward_proxy) return Verdict::proceed();
    if (settings_ != nullptr) rewrite_host(exchange.request);
    if (cluster->state()->sub_clusters != nullptr) return want_sub_cluster(*cluster);
    cache_ = exchange.dns_cache(spec_.cache);
    if (cache_ == nullptr) return Verdict::proceed();
    if (!cache_->has_room(exchange.worker)) {
      return Verdict::reply(503, "Dynamic forward proxy pending request overflow", "dns_cache_pending_requests_overflow");
    }
    lease_ = cache_->enter();
    Wish wish(exchange, spec_.host_from_filter_state);
    const std::string name = upstream::wanted_name(*cluster->spec().forward_proxy, wish);
    DnsCache::Found found = cache_->look_up(name, exchange.loop, exchange.worker, *this);
    if (found.wait != nullptr) {
      wait_ = std::move(found.wait);
      return Verdict::pause();
    }
    lease_.give_back();
    if (found.host == nullptr) return Verdict::reply(503, "DNS cache overflow", "dns_cache_overflow");
    if (found.host->address == nullptr) return Verdict::reply(not_found(*found.host));
    return Verdict::proceed();
  }

 private:
  static constexpr Reply kTooMany{.status = 503, .body = "Sub cluster overflow", .details = "sub_cluster_overflow"};

  void rewrite_host(http::HeaderMap& request) const {
    std::string_view host = settings_->host;
    if (!settings_->host_header.empty()) {
      const std::string_view named = request.get_joined(settings_->host_header);
      if (!named.empty()) host = named;
    }
    if (!host.empty()) request.set_pseudo(http::HeaderId::kAuthority, host);
  }

  Reply not_found(const upstream::CachedHost& host) {
    exchange_->info.flags.set(ResponseFlag::kDnsResolutionFailed);
    std::string why = host.details;
    std::ranges::replace(why, ' ', '_');
    return {.status = 503,
            .body = "DNS resolution failure",
            .details = exchange_->arena.join("dns_resolution_failure{", exchange_->arena.copy(why), "}")};
  }

  Verdict want_sub_cluster(const upstream::Cluster& cluster) {
    sub_clusters_ = cluster.state()->sub_clusters;
    const upstream::HostPort target =
        upstream::host_and_port(exchange_->request.authority(), cluster.spec().forward_proxy->default_port);
    upstream::SubClusters::Found found = sub_clusters_->want(target, exchange_->loop, *this);
    switch (found.state) {
      case upstream::SubClusters::State::kReady:
        return Verdict::proceed();
      case upstream::SubClusters::State::kTooMany:
        return Verdict::reply(kTooMany);
      case upstream::SubClusters::State::kAwaited:
        break;
    }
    sub_cluster_wait_ = std::move(found.wait);
    timer_ = loop::Timer::make<&ForwardProxy::on_timeout>(exchange_->loop.timers(), *this);
    timer_->arm(spec_.sub_cluster_timeout_ms);
    return Verdict::pause();
  }

  void on_sub_cluster(bool there) override {
    timer_->cancel();
    if (there) return exchange_->proceed_later();
    exchange_->reply_later(kTooMany);
  }

  void on_timeout() {
    sub_cluster_wait_.reset();
    exchange_->reply_later({.status = 503, .body = "Sub cluster warming timeout", .details = "sub_cluster_warming_timeout"});
  }

  void on_resolved(const upstream::CachedHost& host) override {
    lease_.give_back();
    if (host.address == nullptr) return exchange_->reply_later(not_found(host));
    exchange_->proceed_later();
  }

  const ForwardProxyFilterSpec& spec_;
  const ForwardProxySettings* const settings_;
  Exchange* exchange_ = nullptr;
  upstream::DnsCachePtr cache_;
  upstream::Budget::Lease lease_;
  DnsCache::WaitPtr wait_;
  upstream::SubClustersPtr sub_clusters_;
  upstream::SubClusters::WaitPtr sub_cluster_wait_;
  std::unique_ptr<loop::Timer> timer_;
};

class ForwardProxyFactory final : public FilterFactory {
 public:
  explicit ForwardProxyFactory(ForwardProxyFilterSpec spec) : spec_(std::move(spec)) {}
  Filter* make(Exchange& exchange, const RouteSettings& settings) const override {
    return make_in<ForwardProxy>(exchange.arena, spec_, static_cast<const ForwardProxySettings*>(settings.most_specific()));
  }

 private:
  const ForwardProxyFilterSpec spec_;
};

}  // namespace

FilterFactoryPtr make_forward_proxy(ForwardProxyFilterSpec spec) {
  return std::make_shared<const ForwardProxyFactory>(std::move(spec));
}

}  // namespace weir::filter
