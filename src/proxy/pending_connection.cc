#include "proxy/pending_connection.h"

#include <utility>

#include "proxy/listener.h"

namespace weir::proxy {

namespace {
constexpr size_t kMaxBytes = 128 * 1024;  // no filter needs more; a read brings at most half of it
}

PendingConnection::PendingConnection(ActiveListener& listener, loop::EventLoop& loop, std::unique_ptr<net::ByteStream> stream,
                                     int fd, format::ConnectionInfo info, bool handed_over)
    : listener_(listener),
      loop_(loop),
      stream_(std::move(stream)),
      fd_(fd),
      info_(std::move(info)),
      timer_(loop::Timer::calling<&PendingConnection::on_timeout>(loop.timers(), *this)),
      handed_over_(handed_over) {
  findings_.local_address = info_.local_address;
  findings_.remote_address = info_.remote_address;
  stream_->set_handler(*this);
}

PendingConnection::~PendingConnection() = default;

void PendingConnection::start() {
  run_filters();
  if (over_) return;
  if (listener_.spec().filters_timeout_ms > 0) timer_.arm(listener_.spec().filters_timeout_ms);
  stream_->start();
}

void PendingConnection::on_bytes(std::string_view bytes) {
  bytes_ += bytes;
  if (bytes_.size() > kMaxBytes) {
    listener_.stats().downstream_listener_filter_error.add();
    gone();
    return;
  }
  run_filters();
}

void PendingConnection::run_filters() {
  const auto& filters = listener_.spec().filters;
  while (next_filter_ < filters.size()) {
    size_t taken = 0;
    switch (run_listener_filter(filters[next_filter_], listener_.worker_index(), fd_, bytes_, findings_, taken)) {
      case FilterResult::kMore:
        return;
      case FilterResult::kRefuse:
        return gone();
      case FilterResult::kClose:
        listener_.stats().downstream_listener_filter_error.add();
        gone();
        return;
      case FilterResult::kGoOn:
        bytes_.erase(0, taken);
        ++next_filter_;
    }
  }
  finish();
}

void PendingConnection::finish() {
  over_ = true;
  timer_.cancel();
  info_.local_address = findings_.local_address;
  info_.remote_address = findings_.remote_address;
  info_.requested_server_name = findings_.server_name;
  info_.proxied = findings_.proxied;
  info_.extras = std::move(findings_.extras);
  stream_->pause();
  stream_->unread(std::move(bytes_));
  listener_.on_filtered(*this, std::move(stream_), std::move(info_), findings_);
}

void PendingConnection::on_timeout() {
  listener_.stats().downstream_pre_cx_timeout.add();
  if (listener_.spec().continue_on_filters_timeout) {
    finish();
  } else {
    gone();
  }
}

void PendingConnection::on_end() {
  listener_.stats().downstream_listener_filter_remote_close.add();
  gone();
}

void PendingConnection::on_failure(const net::StreamFailure&) { on_end(); }

void PendingConnection::close() { gone(); }

void PendingConnection::gone() {
  if (std::exchange(over_, true)) return;
  timer_.cancel();
  stream_->close();
  listener_.on_pending_gone(*this);
}

}  // namespace weir::proxy
