// PairedStream: one end of a connection between two parts of this process, on one loop, without a socket.
#pragma once

#include <memory>

#include "net/byte_stream.h"

namespace weir::net {

/// As with a socket, each end has its own life: closing one is the end of what the other hears, and what that one still writes
/// fails.
class PairedStream final : public ByteStream {
 public:
  struct Pair {
    std::unique_ptr<PairedStream> client, server;
  };
  /// The client's on_connected() comes in the next turn; the server's end is to be started. Of what one end has sent and the
  /// other has not yet taken, at most about `buffer` bytes are held between them. Closing both ends before the loop goes is the
  /// owners' duty.
  static Pair make(loop::EventLoop& loop, AddressPtr client_address, AddressPtr server_address, size_t buffer);
  ~PairedStream() override { close(); }

  void start() override;
  void unread(std::string bytes) override { unread_ = std::move(bytes); }
  void write(std::string_view bytes) override;
  void flush() override;
  void pause() override { paused_ = true; }
  void resume() override;
  void finish() override;
  void close() override;
  bool closed() const override { return closed_; }
  const AddressPtr& local_address() const override { return local_; }
  const AddressPtr& remote_address() const override { return remote_; }

 private:
  PairedStream(loop::EventLoop& loop, AddressPtr local, AddressPtr remote, size_t buffer)
      : ByteStream(loop), inbox_(loop.blocks()), local_(std::move(local)), remote_(std::move(remote)), buffer_(buffer) {}

  void on_turn_end() override;
  void on_next_turn() override;
  void wake();

  PairedStream* peer_ = nullptr;  // null once it is closed
  ByteQueue inbox_;               // what the peer sent
  std::string unread_;            // before that
  AddressPtr local_, remote_;
  const size_t buffer_;
  bool connecting_ = false;
  bool paused_ = true;
  bool finishing_ = false;   // finish() was asked for
  bool finished_ = false;    // and everything has been handed over
  bool peer_ended_ = false;  // no more will come
  bool end_told_ = false;
  bool broken_ = false;  // bytes were sent to a peer that is closed
  bool closed_ = false;
};

}  // namespace weir::net
