// Attempt: one try to get an answer from an upstream endpoint.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "format/stream_info.h"
#include "http/stream.h"
#include "loop/event_loop.h"
#include "proxy/connect_tunnel.h"
#include "proxy/try_log.h"
#include "stats/cell.h"
#include "upstream/cluster.h"
#include "upstream/outlier_report.h"

namespace weir::proxy {

/// How an attempt failed.
struct UpstreamFailure {
  http::Reset reason;
  std::string_view transport_reason;
  bool no_host = false;
  bool connected = false;  // part of the request may have been sent
};

/// What an attempt tells, and asks, whoever makes it.
class AttemptEvents {
 public:
  /// The endpoint to try; null if there is none.
  virtual upstream::Host* choose_host(upstream::Cluster& cluster) = 0;
  /// Where the response goes.
  virtual http::HeaderMap& response_headers() = 0;
  virtual http::HeaderMap& response_trailers() = 0;
  virtual bool request_ended() const = 0;
  /// How long a try may take; 0: as long as it likes.
  virtual int64_t try_limit_ms() const { return 0; }

  /// The stream is open: send the request.
  virtual void on_connected() = 0;
  virtual void on_informational() = 0;
  virtual void on_headers(bool end_stream) = 0;
  virtual void on_body(std::string_view bytes, bool end_stream) = 0;
  virtual void on_trailers() = 0;
  virtual void on_metadata(std::string_view) {}
  virtual void on_room() = 0;
  /// It ended without a complete response.
  virtual void on_failure(const UpstreamFailure& failure) = 0;

 protected:
  ~AttemptEvents() = default;
};

/// choose endpoint ─▶ wait for a connection ─▶ send ─▶ receive. Owned by whoever makes it, used again for the next
/// attempt. Writes down in the StreamInfo where it went.
class Attempt final : private upstream::PoolWaiter, private http::StreamEvents, private TunnelEvents {
 public:
  Attempt(AttemptEvents& events, format::StreamInfo& info, loop::EventLoop& loop) : events_(&events), info_(info), loop_(loop) {}
  ~Attempt() {
    abort();
    forget();
  }

  /// Chooses an endpoint and asks for a connection; on_connected() or on_failure() follows, perhaps before this returns.
  /// `downstream` decides how clusters that follow it are spoken to; the request's host may decide about the connection.
  void start(upstream::Cluster& cluster, upstream::Priority priority, http::Protocol downstream, const http::HeaderMap& request);
  /// The same, but what is sent goes over a TCP connection as it is: the request is a CONNECT that ends here. With a version the
  /// PROXY header that tells of the client goes before it.
  void start_tunnel(upstream::Cluster& cluster, upstream::Priority priority, int proxy_header_version);
  /// The stream to the endpoint; null before there is one and after it ended.
  http::Stream* stream() { return stream_; }
  upstream::Cluster* cluster() { return cluster_; }
  const upstream::Host* host() const { return host_; }

  /// From now on: whether status codes and times are counted.
  void count_codes(bool wanted) { counts_codes_ = wanted; }
  /// From now on: whether they are counted for the cluster as a whole, too.
  void count_codes_of_cluster(bool wanted) { counts_codes_of_cluster_ = wanted; }
  /// From now on: tries are written about; null: they are not.
  void log_to(const TryLogContext* logging) { logging_ = logging; }
  /// Its log line shall have this flag.
  void note(format::ResponseFlag flag) {
    if (log_ != nullptr) log_->note(flag);
  }
  /// From now on: answers are counted once more under this name, which outlives the request; "" for no other.
  void count_as(std::string_view alternative) { alternative_ = alternative; }
  /// So much of the request's body was given to the stream.
  void count_body(size_t bytes) { body_sent_ += bytes; }
  /// From now on somebody else is told.
  void report_to(AttemptEvents& events) { events_ = &events; }
  /// No head of an answer has come yet.
  bool awaits_answer() const { return cluster_ != nullptr && !answered_; }

  /// The request is answered with this status, whether the endpoint sent it or not.
  void count_answer(int status);
  /// The same for a request that was sent nowhere.
  void count_unsent(upstream::Cluster& cluster, int status);
  /// The head that came is the answer, rather than a reason to try again: it counts for or against the endpoint.
  void accept();
  /// The response was received in full: accounts for it. The milliseconds that it took since the request was complete; none if
  /// it still is not.
  std::optional<int64_t> complete();
  /// Bytes of all tries together.
  const http::StreamTraffic& traffic_of_tries() const { return traffic; }
  void forget_traffic() { traffic = {}; }
  /// A head came.
  bool answered() const { return answered_; }
  /// A try that a response of gRPC had begun for was broken off.
  bool cut_off_grpc() const { return deferred_; }
  /// Gives up: the stream is reset, the wish for a connection withdrawn.
  void abort();
  /// The endpoint took too long: `whole`: for the request and not only for the try.
  void count_timeout(bool whole = false);
  /// The same for one that may still answer: only outlier detection hears of it.
  void report_late();
  /// The request is over: lets go of the cluster, whose names its log line used.
  void forget();

 private:
  void on_pool_ready(upstream::ClientConnection& connection) override;
  void on_pool_failure(const upstream::PoolFailure& failure) override;

  http::HeaderMap& incoming_headers() override;
  http::HeaderMap& incoming_trailers() override;
  void on_headers(bool end_stream) override;
  void on_informational() override;
  void on_body(std::string_view bytes, bool end_stream) override;
  void on_trailers() override;
  void on_metadata(std::string_view block) override { events_->on_metadata(block); }
  void on_reset(http::Reset reason, std::string_view details) override;
  void on_room() override;

  void on_tunnel_open() override;
  void on_tunnel_failure(const net::StreamFailure& failure) override;

  bool choose_host(upstream::Cluster& cluster, upstream::Priority priority);
  void open_log();
  void fail(const UpstreamFailure& failure);
  void end_of_response();
  void judge(bool good);
  void refuse();
  void measure();
  void count_answer_of(upstream::Cluster& cluster, int status);
  template <class F>
  void for_each_group(upstream::Cluster& cluster, F&& f);
  void report(upstream::OutlierResult result, uint32_t code = 0);
  void release();

  AttemptEvents* events_;
  format::StreamInfo& info_;
  loop::EventLoop& loop_;
  upstream::Cluster* cluster_ = nullptr;
  upstream::Cluster* serving_ = nullptr;  // the one that the host belongs to: another one if cluster_ stands for several
  upstream::Host* host_ = nullptr;
  upstream::Pool* pool_ = nullptr;
  http::Stream* stream_ = nullptr;
  std::unique_ptr<ConnectTunnel> tunnel_;
  upstream::Budget::Lease request_lease_;
  upstream::Priority priority_ = upstream::Priority::kDefault;
  bool counted_active_ = false;
  bool grpc_ = false;
  bool answered_ = false;                        // a head came
  bool late_reported_ = false;                   // that it took too long was told already
  bool deferred_ = false;                        // of gRPC: trailers will say whether it went well
  bool good_ = false, trailers_decide_ = false;  // what the head says of that
  bool canary_ = false;
  bool refused_ = false;
  bool counts_codes_ = true, counts_codes_of_cluster_ = true;
  std::string_view alternative_;
  bool measuring_ = false;
  bool measures_try_time_ = true;
  uint32_t response_lines_ = 0, response_bytes_ = 0;  // of its head, as it came
  MonotonicNs started_at_ = 0;
  const http::HeaderMap* request_ = nullptr;
  const TryLogContext* logging_ = nullptr;
  std::unique_ptr<TryLog> log_;
  uint64_t body_sent_ = 0, body_received_ = 0;
};

}  // namespace weir::proxy
