#include "proxy/grpc_call.h"

#include <utility>

#include "base/arena.h"
#include "base/text.h"
#include "http/grpc_frame.h"
#include "loop/event_loop.h"
#include "loop/timer.h"
#include "proxy/attempt.h"
#include "proxy/local_reply.h"
#include "proxy/worker.h"

namespace weir::proxy {

namespace {

using http::HeaderId;

constexpr size_t kMostAnswer = 4 * 1024 * 1024;
constexpr int kDeadlineExceeded = 4, kInternal = 13, kUnavailable = 14;

/// Lives until the end of the turn in which its handle lets go of it.
class Exchange final : public loop::Disposable, private AttemptEvents {
 public:
  Exchange(Worker& worker, const filter::CallSpec& spec, std::string_view message, const format::FormatContext& context,
           filter::CallEvents& events)
      : worker_(worker),
        events_(&events),
        attempt_(*this, info_, worker.loop()),
        timer_(loop::Timer::calling<&Exchange::on_timeout>(worker.loop().timers(), *this)),
        verdict_timer_(loop::Timer::calling<&Exchange::tell>(worker.loop().timers(), *this)) {
    frame_ = http::grpc_frame(message);
    request_.set_pseudo(HeaderId::kMethod, "POST");
    request_.set_pseudo(HeaderId::kScheme, "http");
    request_.set_pseudo(HeaderId::kPath, memory_.copy(spec.path));
    request_.set_pseudo(HeaderId::kAuthority, memory_.copy(spec.authority.empty() ? spec.cluster : spec.authority));
    request_.add("te", "trailers");
    if (spec.timeout_ms > 0) request_.add("grpc-timeout", memory_.join(memory_.decimal(spec.timeout_ms), "m"));
    request_.add(HeaderId::kContentType, "application/grpc");
    for (const filter::CallSpec::Header& header : spec.metadata) {
      request_.add(memory_.copy(header.name), memory_.copy(header.value.evaluate(memory_, context)));
    }
    request_.add(HeaderId::kEnvoyInternal, "true");
    if (const net::AddressPtr& own = worker.identity().address) request_.add(HeaderId::kForwardedFor, memory_.copy(own->ip()));
    info_.internal_request = true;
    info_.request_complete = worker.loop().now();
    upstream::Cluster* cluster = worker.cluster(spec.cluster);
    if (cluster == nullptr) {
      finish(kUnavailable, "Cluster not available");
      return;
    }
    if (spec.timeout_ms > 0) timer_.arm(spec.timeout_ms);
    attempt_.start(*cluster, upstream::Priority::kDefault, http::Protocol::kHttp2, request_);
  }

  void let_go() {
    events_ = nullptr;
    timer_.cancel();
    verdict_timer_.cancel();
    attempt_.abort();
    attempt_.forget();
  }

 private:
  upstream::Host* choose_host(upstream::Cluster& cluster) override {
    upstream::AnyEndpoint any;
    return cluster.choose(any);
  }
  http::HeaderMap& response_headers() override { return response_; }
  http::HeaderMap& response_trailers() override { return trailers_; }
  bool request_ended() const override { return true; }
  void on_connected() override {
    attempt_.stream()->send_headers(request_, false);
    attempt_.stream()->send_body(frame_, true);
  }
  void on_informational() override { response_.clear(); }
  void on_headers(bool end_stream) override {
    attempt_.count_answer(response_.status());
    if (end_stream) answered(response_);
  }
  void on_body(std::string_view bytes, bool end_stream) override {
    if (answer_.size() + bytes.size() > kMostAnswer) {
      attempt_.abort();
      return finish(kInternal, "the answer is too large");
    }
    answer_ += bytes;
    if (end_stream) answered(response_);
  }
  void on_trailers() override { answered(trailers_); }
  void on_room() override {}
  void on_failure(const UpstreamFailure& failure) override {
    if (!attempt_.answered()) attempt_.count_answer(failure.no_host ? 503 : describe(failure.reason).status);
    finish(kUnavailable, failure.no_host ? std::string_view("no healthy upstream") : describe(failure.reason).text);
  }

  void answered(const http::HeaderMap& with_status) {
    attempt_.complete();
    const auto status = parse_number<int>(with_status.get(HeaderId::kGrpcStatus));
    if (response_.status() != 200) return finish(grpc_status_of(response_.status()), "");
    if (!status) return finish(kInternal, "the answer has no gRPC status");
    if (*status != 0) return finish(*status, with_status.get(HeaderId::kGrpcMessage));
    if (answer_.size() < 5 || answer_[0] != 0) return finish(kInternal, "the answer is no message of gRPC");
    size_t size = 0;
    for (size_t i = 1; i < 5; ++i) size = size << 8 | static_cast<unsigned char>(answer_[i]);
    if (size != answer_.size() - 5) return finish(kInternal, "the answer is not one message of gRPC");
    finish(0, "");
  }

  void on_timeout() {
    attempt_.count_timeout();
    attempt_.cluster()->stats().upstream_rq_timeout.add();
    if (!attempt_.answered()) attempt_.count_answer(504);
    attempt_.abort();
    finish(kDeadlineExceeded, "upstream request timeout");
  }

  void finish(int status, std::string_view text) {
    timer_.cancel();
    status_ = status;
    text_ = text;
    verdict_timer_.arm(0);  // whoever asked may still be asking
  }
  void tell() {
    if (events_ == nullptr) return;
    filter::CallEvents& events = *std::exchange(events_, nullptr);
    if (status_ == 0) {
      events.on_answer(std::string_view(answer_).substr(5));
    } else {
      events.on_call_failed(status_, text_);
    }
  }

  Worker& worker_;
  filter::CallEvents* events_;
  Arena memory_;
  http::HeaderMap request_{memory_}, response_{memory_}, trailers_{memory_};
  format::StreamInfo info_;
  Attempt attempt_;
  loop::Timer timer_, verdict_timer_;
  std::string frame_, answer_, text_;
  int status_ = 0;
};

class Handle final : public filter::Call {
 public:
  Handle(loop::EventLoop& loop, std::unique_ptr<Exchange> exchange) : loop_(loop), exchange_(std::move(exchange)) {}
  ~Handle() override {
    exchange_->let_go();
    loop_.dispose(std::move(exchange_));
  }

 private:
  loop::EventLoop& loop_;
  std::unique_ptr<Exchange> exchange_;
};

/// Keeps itself until there is an answer, or none any more.
class Letter final : public loop::Disposable, private filter::CallEvents {
 public:
  static void send(Worker& worker, const filter::CallSpec& spec, std::string_view message, const format::FormatContext& context) {
    auto letter = std::unique_ptr<Letter>(new Letter(worker.loop()));
    filter::CallEvents& events = *letter;
    letter->exchange_ = std::make_unique<Exchange>(worker, spec, message, context, events);
    letter->self_ = std::move(letter);
  }

 private:
  explicit Letter(loop::EventLoop& loop) : loop_(loop) {}
  void on_answer(std::string_view) override { end(); }
  void on_call_failed(int, std::string_view) override { end(); }
  void end() {
    exchange_->let_go();
    loop_.dispose(std::move(exchange_));
    loop_.dispose(std::move(self_));
  }

  loop::EventLoop& loop_;
  std::unique_ptr<Exchange> exchange_;
  std::unique_ptr<Letter> self_;
};

}  // namespace

void tell_grpc(Worker& worker, const filter::CallSpec& spec, std::string_view message, const format::FormatContext& context) {
  Letter::send(worker, spec, message, context);
}

std::unique_ptr<filter::Call> start_grpc_call(Worker& worker, const filter::CallSpec& spec, std::string_view message,
                                              const format::FormatContext& context, filter::CallEvents& events) {
  return std::make_unique<Handle>(worker.loop(), std::make_unique<Exchange>(worker, spec, message, context, events));
}

}  // namespace weir::proxy
