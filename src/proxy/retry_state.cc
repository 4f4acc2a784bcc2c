#include "proxy/retry_state.h"

#include <algorithm>

#include "base/text.h"
#include "route/retry_conditions.h"

namespace weir::proxy {

using http::HeaderId;
using http::Reset;
using route::RetryOn;

namespace {

constexpr int64_t kBaseBackOffMs = 25;
constexpr int64_t kBackOffGrowth = 10;  // the longest back-off, in base intervals, if the policy does not say

constexpr HeaderId kRetryHeaders[] = {HeaderId::kEnvoyRetryOn,
                                      HeaderId::kEnvoyRetryGrpcOn,
                                      HeaderId::kEnvoyMaxRetries,
                                      HeaderId::kEnvoyRetriableStatusCodes,
                                      HeaderId::kEnvoyRetriableHeaderNames,
                                      HeaderId::kEnvoyHedgeOnPerTryTimeout};

bool matches_any(const std::vector<format::HeaderMatcher>& matchers, const http::HeaderMap& headers) {
  return std::ranges::any_of(matchers, [&](const format::HeaderMatcher& matcher) { return matcher.matches(headers); });
}

}  // namespace

void RetryState::begin(const route::RetryPolicy* policy, const route::HedgePolicy* hedge, http::HeaderMap& request) {
  if (hedge != nullptr) hedges_ = hedge->hedge_on_per_try_timeout;
  const bool asked = std::ranges::any_of(kRetryHeaders, [&](HeaderId id) { return request.has(id); });
  if (policy == nullptr && !asked) return;
  policy_ = policy;
  conditions_ = policy == nullptr ? 0 : policy->conditions;
  remaining_ = policy == nullptr ? 1 : policy->num_retries;
  // Asked for by a header, retries are possible even if it names nothing that there is: tries may be hedged.
  enabled_ = conditions_ != 0 || request.has(HeaderId::kEnvoyRetryOn) || request.has(HeaderId::kEnvoyRetryGrpcOn);
  if (asked) read_headers(request);
  if (policy != nullptr && !policy->retriable_request_headers.empty() && !matches_any(policy->retriable_request_headers, request))
    conditions_ = 0;
}

/// What an internal caller asks for; others' headers of that kind were removed before.
void RetryState::read_headers(http::HeaderMap& request) {
  conditions_ |= route::parse_retry_on(request.get(HeaderId::kEnvoyRetryOn)) |
                 route::parse_retry_grpc_on(request.get(HeaderId::kEnvoyRetryGrpcOn));
  if (const auto most = parse_number<uint32_t>(request.get(HeaderId::kEnvoyMaxRetries))) remaining_ = *most;
  const std::string_view hedge = request.get(HeaderId::kEnvoyHedgeOnPerTryTimeout);
  if (hedge == "true" || hedge == "false") hedges_ = hedge == "true";
  more_statuses_ = request.get(HeaderId::kEnvoyRetriableStatusCodes);
  const std::string_view names = request.get(HeaderId::kEnvoyRetriableHeaderNames);
  if (!names.empty()) {
    char* copy = request.arena().allocate_chars(names.size());
    put(copy, names);
    lower_in_place(copy, names.size());
    more_headers_ = {copy, names.size()};
  }
  request.remove_if(
      [](const http::Header& header) { return std::ranges::find(kRetryHeaders, header.id) != std::end(kRetryHeaders); });
}

RetryState::Decision RetryState::after_response(const http::HeaderMap& response, WallNs now, upstream::Cluster& cluster,
                                                const route::RequestGroups& groups, upstream::Priority priority) {
  const bool worth_it = response_is_retriable(response);
  if (worth_it) named_delay_ms_ = named_delay_ms(response, now).value_or(0);
  return decide(worth_it, cluster, groups, priority);
}

RetryState::Decision RetryState::after_reset(Reset reason, bool connected, upstream::Cluster& cluster,
                                             const route::RequestGroups& groups, upstream::Priority priority) {
  return decide(reset_is_retriable(reason, connected), cluster, groups, priority);
}

RetryState::Decision RetryState::decide(bool worth_it, upstream::Cluster& cluster, const route::RequestGroups& groups,
                                        upstream::Priority priority) {
  upstream::ClusterStats& stats = cluster.stats();
  if (lease_.held()) {
    lease_.give_back();
    if (!worth_it) {
      stats.upstream_rq_retry_success.add();
      groups.count(&route::GroupStats::upstream_rq_retry_success);
    }
  }
  if (!worth_it) return Decision::kNo;
  if (remaining_ == 0) {
    stats.upstream_rq_retry_limit_exceeded.add();
    groups.count(&route::GroupStats::upstream_rq_retry_limit_exceeded);
    return Decision::kLimitExceeded;
  }
  --remaining_;
  upstream::CircuitBreakers& breakers = cluster.state()->breakers_for(priority);
  if (breakers.retries_open()) {
    if (breakers.has_retry_budget) (void)breakers.retries.take();  // it was asked, which shows
    stats.upstream_rq_retry_overflow.add();
    groups.count(&route::GroupStats::upstream_rq_retry_overflow);
    return Decision::kOverflow;
  }
  lease_ = breakers.retries.take();
  stats.upstream_rq_retry.add();
  groups.count(&route::GroupStats::upstream_rq_retry);
  return Decision::kRetry;
}

bool RetryState::response_is_retriable(const http::HeaderMap& response) const {
  if (response.has(HeaderId::kEnvoyRateLimited)) return (conditions_ & RetryOn::kEnvoyRateLimited) != 0;
  return status_is_retriable(response.status()) || header_is_retriable(response);
}

bool RetryState::status_is_retriable(int status) const {
  if ((conditions_ & RetryOn::k5xx) != 0 && status >= 500 && status < 600) return true;
  if ((conditions_ & RetryOn::kGatewayError) != 0 && status >= 502 && status <= 504) return true;
  if ((conditions_ & RetryOn::kRetriable4xx) != 0 && status == 409) return true;
  if ((conditions_ & RetryOn::kRetriableStatusCodes) == 0) return false;
  if (policy_ != nullptr && std::ranges::find(policy_->retriable_status_codes, static_cast<uint32_t>(status)) !=
                                policy_->retriable_status_codes.end()) {
    return true;
  }
  for (std::string_view rest = more_statuses_; !rest.empty();) {
    if (parse_number<int>(next_token(rest)) == status) return true;
  }
  return false;
}

/// gRPC statuses count where they are known before a body: in the head.
bool RetryState::header_is_retriable(const http::HeaderMap& response) const {
  if ((conditions_ & RetryOn::kRetriableHeaders) != 0) {
    if (policy_ != nullptr && matches_any(policy_->retriable_headers, response)) return true;
    for (std::string_view rest = more_headers_; !rest.empty();) {
      if (response.find(next_token(rest)) != nullptr) return true;
    }
  }
  if (conditions_ < RetryOn::kGrpcFirst) return false;
  const auto status = parse_number<uint32_t>(response.get(HeaderId::kGrpcStatus));
  return status && *status <= 16 && (conditions_ & RetryOn::grpc(*status)) != 0;
}

bool RetryState::reset_is_retriable(Reset reason, bool connected) const {
  if (reason == Reset::kOverflow) return false;
  if ((conditions_ & RetryOn::kResetBeforeRequest) != 0 && !connected) return true;
  if ((conditions_ & (RetryOn::kReset | RetryOn::k5xx | RetryOn::kGatewayError)) != 0) return true;
  if ((conditions_ & RetryOn::kRefusedStream) != 0 && reason == Reset::kRemoteRefused) return true;
  return (conditions_ & RetryOn::kConnectFailure) != 0 &&
         (reason == Reset::kConnectFailure || reason == Reset::kLocalConnectFailure || reason == Reset::kConnectTimeout);
}

/// The first of the policy's reset headers that names a time from 1 ms to the policy's maximum.
std::optional<int64_t> RetryState::named_delay_ms(const http::HeaderMap& response, WallNs now) const {
  if (policy_ == nullptr) return std::nullopt;
  for (const route::RetryPolicy::ResetHeader& header : policy_->reset_headers) {
    const auto value = parse_number<int64_t>(http::first_value(response, header.name));
    if (!value || *value < 0) continue;
    const int64_t seconds = header.unix_timestamp ? *value - now / kNsPerSecond : *value;
    if (seconds <= 0 || seconds > static_cast<int64_t>(policy_->reset_max_interval_ms / 1000)) continue;
    return seconds * 1000;
  }
  return std::nullopt;
}

int64_t RetryState::next_delay_ms(Random& random, upstream::ClusterStats& stats) {
  if (named_delay_ms_ > 0) {
    stats.upstream_rq_retry_backoff_ratelimited.add();
    const int64_t delay = named_delay_ms_ + static_cast<int64_t>(random.below(static_cast<uint64_t>(named_delay_ms_) / 2));
    named_delay_ms_ = 0;
    return delay;
  }
  stats.upstream_rq_retry_backoff_exponential.add();
  const int64_t base =
      policy_ != nullptr && policy_->base_interval_ms ? static_cast<int64_t>(*policy_->base_interval_ms) : kBaseBackOffMs;
  const int64_t longest =
      policy_ != nullptr && policy_->max_interval_ms ? static_cast<int64_t>(*policy_->max_interval_ms) : base * kBackOffGrowth;
  back_off_ms_ = back_off_ms_ == 0 ? base : std::min(back_off_ms_ * 2, longest);
  return static_cast<int64_t>(random.below(static_cast<uint64_t>(back_off_ms_)));
}

void RetryState::remember(const upstream::Endpoint& endpoint, Arena& arena) {
  if (policy_ == nullptr || (!policy_->avoid_previous_hosts && policy_->new_priority_after == 0)) return;
  tried_ = arena.make<Tried>(endpoint.life.get(), priority_, tried_);
  ++tried_count_;
}

/// As in Envoy: worked out anew after every so many tries; when all priorities were tried, it begins from the start.
const upstream::PriorityShares* RetryState::shares(const upstream::PriorityLoad& usual) {
  if (policy_ == nullptr || policy_->new_priority_after == 0 || tried_count_ < policy_->new_priority_after) return nullptr;
  if (tried_count_ % policy_->new_priority_after == 0) {
    tried_priorities_.resize(std::max(tried_priorities_.size(), usual.healthy.size()));
    for (const Tried* tried = tried_; tried != nullptr; tried = tried->before) {
      if (tried->priority < tried_priorities_.size()) tried_priorities_[tried->priority] = true;
    }
    shares_ = upstream::shares_without(usual, tried_priorities_);
    if (!shares_) {
      tried_priorities_.assign(tried_priorities_.size(), false);
      tried_count_ = 0;
      tried_ = nullptr;
      shares_ = upstream::shares_without(usual, tried_priorities_);
    }
  }
  return shares_ && shares_->healthy.size() == usual.healthy.size() ? &*shares_ : nullptr;
}

bool RetryState::rejects(const upstream::Endpoint& endpoint) const {
  if (policy_ == nullptr) return false;
  if (policy_->omit_canary_hosts && endpoint.canary) return true;
  for (const auto& unwanted : policy_->omit_metadata) {
    if (!unwanted.empty() && endpoint.lb_metadata != nullptr && endpoint.lb_metadata->has_all(unwanted, true)) return true;
  }
  if (!policy_->avoid_previous_hosts) return false;
  for (const Tried* tried = tried_; tried != nullptr; tried = tried->before) {
    if (tried->life == endpoint.life.get()) return true;
  }
  return false;
}

}  // namespace weir::proxy
