// TcpProxy: a downstream connection whose bytes are passed to an endpoint, and back.
#pragma once

#include <memory>
#include <string>

#include "format/stream_info.h"
#include "loop/timer.h"
#include "proxy/connection.h"
#include "proxy/http_tunnel.h"
#include "proxy/tcp_proxy_spec.h"
#include "upstream/pick_context.h"
#include "upstream/tcp_connection.h"

namespace weir::proxy {

class Worker;

///   kConnecting ─▶ kOpen ─▶ gone, when both directions have ended
///        │           └────▶ kFlushing (one side broke: the other gets what it is still owed) ─▶ gone
///        └─▶ kConnecting again, while attempts are left; else gone
/// The endpoint is reached by a connection of its own, or by a tunnel through HTTP.
class TcpProxy final : public Connection, private upstream::PickContext, private loop::NextTurn {
 public:
  TcpProxy(Worker& worker, Accepted accepted, std::shared_ptr<const TcpProxySpec> spec);
  ~TcpProxy() override;

  /// Chooses a cluster and connects; until then nothing is read.
  void start();

  // --- Connection ---
  /// There is no word for "no new work" in a stream of bytes: it goes on until a side ends it or the drain time is over.
  void drain() override {}
  void close() override { gone(false); }
  format::StreamInfo* session() override { return &stream_info_; }

 private:
  enum class State : uint8_t { kConnecting, kOpen, kFlushing, kGone };

  /// One of the two connections, as it tells of itself.
  struct Side final : net::ByteStream::Handler {
    explicit Side(TcpProxy& proxy) : proxy(proxy) {}
    void on_connected() override { proxy.on_connected(*this); }
    void on_bytes(std::string_view bytes) override { proxy.pass_on(*this, bytes); }
    void on_end() override { proxy.on_end(*this); }
    void on_failure(const net::StreamFailure& failure) override { proxy.on_failure(*this, failure); }
    void on_drained() override { proxy.on_drained(*this); }
    void on_finished() override { proxy.on_finished(*this); }

    TcpProxy& proxy;
    net::ByteStream* stream = nullptr;
    bool ended = false;     // it will send no more
    bool finished = false;  // it has been sent everything, and was told so
    bool paused = false;
  };

  net::ByteStream::Handler& taker() override { return downstream_; }
  Side& other(Side& side) { return &side == &downstream_ ? upstream_ : downstream_; }
  std::optional<uint64_t> hash() override;
  const format::LbCriteria* criteria() override { return criteria_; }
  const format::StreamInfo* info() override { return &stream_info_; }
  void choose_cluster();
  void connect();
  void connect_later();
  void open_connection(upstream::Host& host);
  void open_tunnel(upstream::Host& host);
  void on_next_turn() override { connect(); }
  void give_up(format::ResponseFlag flag);
  void on_connected(Side& side);
  void on_upstream_connected();
  void on_connect_failure(const net::StreamFailure& failure);

  void pass_on(Side& from, std::string_view bytes);
  void on_end(Side& from);
  void on_failure(Side& side, const net::StreamFailure& failure);
  void on_drained(Side& to);
  void on_finished(Side& to);

  void on_idle();
  void on_max_duration();
  void count_bytes();
  void gone(bool by_upstream);
  void on_log_interval();
  void note_traffic();
  void write_log(format::LogType type);
  void enter_cluster();

  Worker& worker_;
  const std::shared_ptr<const TcpProxySpec> spec_;
  TcpProxyStats& stats_;
  format::StreamInfo stream_info_;
  Side downstream_{*this}, upstream_{*this};
  upstream::Cluster* cluster_ = nullptr;
  upstream::Cluster* serving_ = nullptr;          // whose endpoint it is: another one if cluster_ stands for several
  const format::LbCriteria* criteria_ = nullptr;  // of the cluster's endpoint
  std::unique_ptr<upstream::TcpConnection> upstream_connection_;
  std::unique_ptr<Arena> arena_;  // only for tunnels and metadata
  std::unique_ptr<HttpTunnel> tunnel_;
  std::string failure_reason_;
  loop::Timer idle_timer_;
  std::unique_ptr<loop::Timer> duration_timer_, retry_timer_, log_timer_;
  int64_t back_off_ms_ = 0;
  MonotonicNs connect_start_ = 0;
  MonotonicNs last_activity_;
  stats::GaugeHold flush_hold_;
  State state_ = State::kConnecting;
  uint64_t counted_received_ = 0;
  uint64_t counted_sent_ = 0;
};

}  // namespace weir::proxy
