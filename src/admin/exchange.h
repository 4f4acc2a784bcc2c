// Exchange: one request to an admin page and its answer.
#pragma once

#include <string>

#include "admin/catalog.h"
#include "base/arena.h"
#include "format/stream_info.h"
#include "http/stream.h"
#include "loop/event_loop.h"
#include "loop/timer.h"

namespace weir::admin {

/// Collects the request, has it answered, and sends the answer as fast as the client takes it, a piece a time.
class Exchange final : public http::StreamEvents, public loop::NextTurn, public loop::Disposable {
 public:
  class Owner {
   public:
    /// The answer begins; called once.
    virtual void on_answer(int status) = 0;
    /// Nothing follows; `completed` if the answer went out whole.
    virtual void on_over(Exchange& exchange, bool completed) = 0;

   protected:
    ~Owner() = default;
  };

  /// `connection` outlives the exchange.
  Exchange(loop::EventLoop& loop, http::Stream& stream, Site& site, const format::ConnectionInfo& connection, Owner& owner);
  MonotonicNs started() const { return info_.start; }

 private:
  static constexpr size_t kMaxBody = 64 * 1024;
  static constexpr size_t kBytesPerTurn = 512 * 1024;

  http::HeaderMap& incoming_headers() override { return headers_; }
  http::HeaderMap& incoming_trailers() override { return trailers_; }
  void on_headers(bool end_stream) override;
  void on_body(std::string_view bytes, bool end_stream) override;
  void on_trailers() override { answer_request(); }
  void on_reset(http::Reset reason, std::string_view details) override { over(false); }
  void on_malformed(const http::ProtocolError& error) override;
  void on_room() override { send_more(); }
  void on_complete() override { over(true); }
  void on_next_turn() override { send_more(); }

  void answer_request();
  Request read_request();
  bool from_another_site() const;
  void refuse_target();
  void send(Response response);
  void send_more();
  void begin_answer(int status);
  void send_body(std::string_view bytes, bool end_stream);
  void write_log(bool completed);
  void over(bool completed);

  loop::EventLoop& loop_;
  http::Stream& stream_;
  Site& site_;
  Owner& owner_;
  Arena arena_;
  http::HeaderMap headers_, trailers_, answer_headers_;
  format::StreamInfo info_;
  std::string body_;
  bool answered_ = false;
  stats::Producer rest_;
};

}  // namespace weir::admin
