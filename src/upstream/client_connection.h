// ClientConnection: one connection to an endpoint, with its codec, owned by the pool it belongs to.
#pragma once

#include <memory>
#include <string>

#include "base/list.h"
#include "http/codec.h"
#include "loop/event_loop.h"
#include "loop/timer.h"
#include "net/byte_stream.h"
#include "upstream/cluster_state.h"

namespace weir::upstream {

class Pool;

/// kConnecting ─▶ kReady ⇄ kBusy ─▶ kDraining ─▶ gone. Ready: could take another stream now.
class ClientConnection final : public ListNode<ClientConnection>,
                               public loop::Disposable,
                               private net::ByteStream::Handler,
                               private http::ClientEvents {
 public:
  enum class State : uint8_t { kConnecting, kReady, kBusy, kDraining };

  ClientConnection(Pool& pool, uint64_t id, Budget::Lease lease);
  ~ClientConnection() override;

  State state() const { return state_; }
  /// Begins an exchange; only when kReady.
  http::Stream& open_stream(http::StreamEvents& events);
  http::ClientCodec& codec() { return *codec_; }
  const net::AddressPtr& local_address() const { return stream_->local_address(); }
  uint64_t id() const { return id_; }
  http::Protocol protocol() const { return protocol_; }
  std::shared_ptr<const net::TlsInfo> tls() const { return stream_->tls(); }
  MonotonicNs connect_start() const { return connect_start_; }
  MonotonicNs connected_at() const { return connected_at_; }
  size_t active_streams() const { return codec_ == nullptr ? 0 : codec_->active_streams(); }
  size_t free_streams() const { return codec_ == nullptr ? 0 : codec_->free_streams(); }
  uint64_t bytes_sent() const { return stream_->bytes_sent(); }
  uint64_t bytes_received() const { return stream_->bytes_received(); }
  /// Takes no new streams; closes when the last one ends.
  void drain();
  void close();

 private:
  friend class Pool;
  // net::ByteStream::Handler
  void on_connected() override;
  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_failure(const net::StreamFailure& failure) override;
  void on_drained() override {
    if (codec_ != nullptr) codec_->on_drained();
  }
  void before_flush() override;
  /// A tunnel over HTTP/1 has ended, and everything was sent: that is the end of the connection.
  void on_finished() override { gone(false, active_streams() != 0); }
  // http::ClientEvents
  void on_stream_closed() override;
  void on_goaway() override;
  void on_cut() override { cut_ = true; }
  void on_protocol_error(const http::ProtocolError& error) override;
  void on_silence(bool active) override { gone(false, active); }
  void on_max_streams(uint32_t) override;

  void make_codec(http::Protocol protocol);
  void update_readiness();
  void on_idle_timeout();
  void on_duration_timeout();
  void count_sent();
  /// `active`: requests were under way, and were cut off.
  void gone(bool by_peer, bool active);

  Pool& pool_;
  const uint64_t id_;
  Budget::Lease lease_;
  std::unique_ptr<net::ByteStream> stream_;
  http::Protocol protocol_ = http::Protocol::kHttp11;
  std::unique_ptr<http::ClientCodec> codec_;  // null until the protocol is known
  loop::Timer idle_timer_;
  std::unique_ptr<loop::Timer> duration_timer_;
  State state_ = State::kConnecting;
  bool closed_ = false;
  bool stream_closed_ = false;
  bool cut_ = false;         // with a request under way
  bool peer_ended_ = false;  // nothing more comes
  uint32_t streams_opened_ = 0;
  MonotonicNs connect_start_;
  MonotonicNs connected_at_ = 0;
  MonotonicNs idle_since_ = 0;
  uint32_t last_read_ = 0;  // bytes
  bool receiving_ = false;  // what came is being looked at right now
  uint64_t counted_sent_ = 0;
};

}  // namespace weir::upstream
