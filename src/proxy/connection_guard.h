// ConnectionGuard: hears a connection's bytes before it does, and ends it if rules say so (envoy.filters.network.rbac).
#pragma once

#include <memory>
#include <vector>

#include "base/arena.h"
#include "filter/rbac_engine.h"
#include "format/stream_info.h"
#include "loop/timer.h"
#include "net/byte_stream.h"

namespace weir::proxy {

class Connection;
class Worker;

/// One filter's rules.
struct ConnectionRules {
  filter::RbacEngines engines;
  filter::RbacStats stats;
  filter::RbacKeys shadow_keys;
  bool continuous = false;  // judges again whenever bytes come
  int64_t delay_ms = 0;     // before a refused connection is closed
};

/// As Envoy's filter it judges when the first bytes come, or the end without any.
class ConnectionGuard final : private net::ByteStream::Handler {
 public:
  /// `info` is what is known of the connection, and where verdicts are noted.
  ConnectionGuard(Worker& worker, Connection& connection, format::StreamInfo& info)
      : worker_(worker), connection_(connection), info_(info) {}

  /// Judged in the order in which they are added; they outlive the guard.
  void add(const ConnectionRules& rules) { rules_.push_back({&rules}); }
  /// From here on it stands before the connection, until everything is decided.
  void start();

 private:
  struct Entry {
    const ConnectionRules* rules;
    bool decided = false;
  };

  // net::ByteStream::Handler
  void on_connected() override { next_->on_connected(); }
  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_failure(const net::StreamFailure& failure) override { next_->on_failure(failure); }
  void on_drained() override { next_->on_drained(); }
  void before_flush() override { next_->before_flush(); }
  void on_finished() override { next_->on_finished(); }

  bool admits(size_t bytes);
  bool allows(const ConnectionRules& rules, size_t bytes);
  void refuse(const ConnectionRules& rules, const filter::RbacVerdict& verdict, size_t bytes);
  void on_delayed();

  Worker& worker_;
  Connection& connection_;
  format::StreamInfo& info_;
  Arena memory_;
  std::vector<Entry> rules_;
  net::ByteStream::Handler* next_ = nullptr;
  std::unique_ptr<loop::Timer> timer_;
  bool refused_ = false;
};

}  // namespace weir::proxy
