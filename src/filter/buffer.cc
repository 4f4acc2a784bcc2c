#include "filter/buffer.h"

#include <optional>

#include "base/byte_queue.h"

namespace weir::filter {

namespace {

class Buffer final : public Filter {
 public:
  explicit Buffer(uint64_t most) : most_(most) {}

  Verdict on_request(Exchange& exchange) override {
    if (exchange.request_ends_with_head()) return Verdict::proceed();
    held_.emplace(exchange.loop.blocks());
    want_request_body();
    return Verdict::pause();
  }

  /// A body that comes all at once is not measured: it is there already (as in Envoy).
  void on_request_body(Exchange& exchange, std::string_view bytes, bool end_stream) override {
    if (!held_) return;  // refused
    held_->append(bytes);
    if (end_stream) return finish(exchange, true);
    if (held_->size() <= most_) return;
    held_.reset();
    exchange.count_too_large();
    exchange.reply_later({.status = 413, .body = "Payload Too Large", .details = "request_payload_too_large"});
  }

  void on_request_trailers(Exchange& exchange) override {
    if (!held_) return;
    finish(exchange, false);
    exchange.pass_request_trailers(*this);
  }

 private:
  void finish(Exchange& exchange, bool end_stream) {
    if (!exchange.request.has(http::HeaderId::kContentLength)) {
      exchange.request.add(http::HeaderId::kContentLength, exchange.arena.decimal(static_cast<int64_t>(held_->size())));
      exchange.request.remove(http::HeaderId::kTransferEncoding);
    }
    size_t left = held_->size();
    if (left == 0) exchange.pass_request_body(*this, {}, end_stream);
    held_->for_each_piece([&](std::string_view piece) {
      left -= piece.size();
      exchange.pass_request_body(*this, piece, end_stream && left == 0);
    });
    held_->clear();
    exchange.proceed_later();
  }

  const uint64_t most_;
  std::optional<ByteQueue> held_;
};

class BufferFactory final : public FilterFactory {
 public:
  explicit BufferFactory(BufferSpec spec) : spec_(spec) {}
  Filter* make(Exchange& exchange, const RouteSettings& settings) const override {
    const auto* said = static_cast<const BufferSpec*>(settings.most_specific());
    const BufferSpec& spec = said != nullptr ? *said : spec_;
    return spec.disabled ? nullptr : make_in<Buffer>(exchange.arena, spec.max_request_bytes);
  }

 private:
  const BufferSpec spec_;
};

}  // namespace

FilterFactoryPtr make_buffer(BufferSpec spec) { return std::make_shared<const BufferFactory>(spec); }

}  // namespace weir::filter
