// Connection: one client of the admin server, speaking HTTP/1.1 or HTTP/2 (found out by its first bytes).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "admin/exchange.h"
#include "admin/server.h"
#include "net/tcp_stream.h"

namespace weir::admin {

class Connection final : public ListNode<Connection>,
                         public loop::Disposable,
                         private net::ByteStream::Handler,
                         private http::ServerEvents,
                         private Exchange::Owner {
 public:
  Connection(Server& server, std::unique_ptr<net::ByteStream> stream);
  ~Connection() override;

 private:
  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_failure(const net::StreamFailure& failure) override;
  void on_drained() override;
  void before_flush() override;
  http::StreamEvents& on_new_stream(http::Stream& stream) override;
  void on_protocol_error(const http::ProtocolError& error) override;
  void on_answer(int status) override;
  void on_over(Exchange& exchange, bool completed) override;

  /// False while too few bytes have come to tell.
  bool choose_codec(std::string_view bytes);
  void count_read(size_t bytes);
  void count_sent();
  void end(bool by_peer);

  Server& server_;
  proxy::HttpStats& stats_;
  format::ConnectionInfo info_;
  std::unique_ptr<net::ByteStream> stream_;
  std::unique_ptr<http::ServerCodec> codec_;
  std::string first_bytes_;  // before the codec is chosen
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  MonotonicNs opened_;
  int64_t last_read_ = 0;  // bytes: what the gauge shows as buffered
  uint64_t sent_ = 0;      // as counted so far
  bool ended_ = false;
};

}  // namespace weir::admin
