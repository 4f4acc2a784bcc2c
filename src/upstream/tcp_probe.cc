// Active checks over TCP: whether a connection comes about and, if asked for, whether the right bytes come back.
#include <memory>
#include <string>
#include <utility>

#include "upstream/connect_within.h"
#include "upstream/health_checker.h"
#include "upstream/pool.h"
#include "upstream/transport.h"

namespace weir::upstream {

namespace {

constexpr size_t kMostBytes = 64 * 1024;

class TcpProbe final : public HealthProbe, private net::ByteStream::Handler {
 public:
  TcpProbe(const ProbeContext& context, const Endpoint& endpoint, Events& events)
      : context_(context),
        events_(events),
        target_(0, endpoint.check_address != nullptr ? endpoint.check_address : endpoint.address),
        no_stats_(std::make_unique<ClusterStats>()) {
    target_.hostname = endpoint.hostname;
    target_.transport_match = context.spec.transport_match.value_or(endpoint.transport_match);
  }
  ~TcpProbe() override { drop(); }

  void ask() override {
    asking_ = true;
    received_.clear();
    if (stream_ != nullptr) return send();
    const Transport& transport = context_.cluster.spec->transport_for(target_.transport_match);
    const PoolContext context{context_.loop, context_.cluster, *no_stats_, context_.cluster.workers(), connection_id_};
    stream_ = connect_within(2 * context_.spec.timeout_ms, context, target_, transport, {}, context_.spec.alpn);
    stream_->set_handler(*this);
  }
  void give_up() override {
    asking_ = false;
    drop();
  }

 private:
  void send() {
    if (!context_.spec.send.empty()) stream_->write(context_.spec.send);
  }

  void on_connected() override {
    if (!context_.spec.receive.empty()) return send();
    drop();  // connecting is all that was asked
    asking_ = false;
    events_.on_passed(false);
  }

  void on_bytes(std::string_view bytes) override {
    if (!asking_) return;
    received_ += bytes.substr(0, kMostBytes - std::min(kMostBytes, received_.size()));
    size_t at = 0;
    for (const std::string& piece : context_.spec.receive) {
      const size_t found = received_.find(piece, at);
      if (found == std::string::npos) return;  // the timeout decides
      at = found + piece.size();
    }
    asking_ = false;
    if (!context_.spec.reuse_connection) drop();
    events_.on_passed(false);
  }
  void on_end() override { broken(); }
  void on_failure(const net::StreamFailure&) override {
    dead_ = true;
    broken();
  }
  void broken() {
    drop();
    if (std::exchange(asking_, false)) events_.on_failed(CheckFailure::kNetwork, false);
  }

  void drop() {
    if (stream_ == nullptr) return;
    if (!std::exchange(dead_, false)) stream_->abort();
    context_.loop.dispose(std::move(stream_));
  }

  const ProbeContext context_;
  Events& events_;
  Endpoint target_;
  std::unique_ptr<ClusterStats> no_stats_;  // checks are no traffic
  uint64_t connection_id_ = 0;
  std::unique_ptr<net::ByteStream> stream_;
  std::string received_;
  bool asking_ = false;
  bool dead_ = false;
};

}  // namespace

std::unique_ptr<HealthProbe> make_tcp_probe(const ProbeContext& context, const Endpoint& endpoint, HealthProbe::Events& events) {
  return std::make_unique<TcpProbe>(context, endpoint, events);
}

}  // namespace weir::upstream
