// TlsStream: a ByteStream that encrypts what goes out and decrypts what comes in, over another ByteStream.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "loop/timer.h"
#include "net/byte_stream.h"
#include "net/tls/context.h"
#include "net/tls/tls_info.h"
#include "net/tls/tls_stats.h"

namespace weir::net {

/// What a client asks of one particular connection.
struct TlsTarget {
  std::string server_name;                 // SNI; "" for none
  std::vector<std::string> expected_sans;  // one of them must be in the certificate; empty: whatever the context demands
  std::string alpn;                        // as TlsContext::alpn_wire() makes it; "" for the context's own
};

/// kConnecting (the stream below is) ─▶ kHandshake ─▶ kOpen ─▶ kEnded. The handler's on_connected() is called when the handshake
/// is over, on both sides. Until then nothing of the payload goes out. A failed handshake is a StreamFailure of kind kTransport.
///
/// An idle stream owns no buffers. What is queued becomes as few records as possible; the first ones after a pause are small, so
/// that the peer can begin to read before all has arrived.
class TlsStream final : public ByteStream, private ByteStream::Handler {
 public:
  /// The server's side of `below`, which was accepted and not yet started. With `timeout_ms` (0: none) the handshake must be over
  /// that long after this call.
  static std::unique_ptr<TlsStream> accept(loop::EventLoop& loop, std::unique_ptr<ByteStream> below, TlsContextPtr context,
                                           TlsStats& stats, int64_t timeout_ms);
  /// The client's side of `below`, which is connecting. The timeout counts for both.
  static std::unique_ptr<TlsStream> connect(loop::EventLoop& loop, std::unique_ptr<ByteStream> below, TlsContextPtr context,
                                            const TlsTarget& target, TlsStats& stats, int64_t timeout_ms);
  ~TlsStream() override;

  /// Before start(): where the ends are as far as listener filters know, which may not be the socket's; key_log goes by them.
  void set_ends(const AddressPtr& local, const AddressPtr& remote);

  void start() override;
  void write(std::string_view bytes) override;
  void flush() override;
  void pause() override;
  void resume() override;
  void finish() override;
  void close() override;
  void abort() override;
  bool closed() const override { return state_ == State::kEnded; }
  const AddressPtr& local_address() const override { return below_->local_address(); }
  const AddressPtr& remote_address() const override { return below_->remote_address(); }
  std::shared_ptr<const TlsInfo> tls() const override;

 private:
  enum class State : uint8_t { kConnecting, kHandshake, kOpen, kEnded };
  struct Session;

  TlsStream(loop::EventLoop& loop, std::unique_ptr<ByteStream> below, TlsContextPtr context, TlsStats& stats);

  // ByteStream::Handler, of the stream below
  void on_connected() override;
  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_failure(const StreamFailure& failure) override;
  void on_drained() override;
  void on_finished() override;
  // what was put off
  void on_turn_end() override;
  void on_next_turn() override;

  bool shake_hands();
  void handshake_done();
  void read_plaintext();
  void deliver(std::string_view plaintext);
  void encrypt(std::string_view plaintext);
  void encrypt_queue();
  void say_goodbye();
  void fail();
  void end_with(const StreamFailure& failure);
  void on_timeout();

  std::unique_ptr<ByteStream> below_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<loop::Timer> timer_;
  std::string_view incoming_;  // what the stream below is just delivering
  ByteQueue kept_;             // what came while we were paused
  State state_ = State::kHandshake;
  bool paused_ = true;
  bool finishing_ = false;
  bool goodbye_said_ = false;
  bool peer_ended_ = false;  // no more will come
  bool peer_end_told_ = false;
  uint64_t sent_since_pause_ = 0;
  MonotonicNs last_sent_ = 0;
};

}  // namespace weir::net
