#include "proxy/connection_guard.h"

#include <algorithm>

#include "proxy/connection.h"
#include "proxy/worker.h"

namespace weir::proxy {

void ConnectionGuard::start() { next_ = &connection_.put_before(*this); }

void ConnectionGuard::on_bytes(std::string_view bytes) {
  if (admits(bytes.size())) next_->on_bytes(bytes);
}

void ConnectionGuard::on_end() {
  if (admits(0)) next_->on_end();
}

bool ConnectionGuard::admits(size_t bytes) {
  if (refused_) return false;  // it only waits to be closed
  for (Entry& entry : rules_) {
    if (entry.decided) continue;
    if (!allows(*entry.rules, bytes)) return false;
    entry.decided = !entry.rules->continuous;
  }
  if (std::ranges::all_of(rules_, &Entry::decided)) connection_.put_before_nobody();
  return true;
}

bool ConnectionGuard::allows(const ConnectionRules& rules, size_t bytes) {
  const filter::RbacSubject subject{nullptr, info_};
  const size_t worker = worker_.index();
  if (rules.engines.shadow) {
    const filter::RbacVerdict verdict = rules.engines.shadow->judge(subject);
    rules.stats.count_shadow(worker, verdict, false);
    filter::RbacNotes notes;
    notes.add(rules.shadow_keys.policy, verdict.name());
    notes.add(rules.shadow_keys.result, verdict);
    notes.add_to(info_.metadata, memory_, "envoy.filters.network.rbac");
  }
  if (!rules.engines.enforced) return true;
  const filter::RbacVerdict verdict = rules.engines.enforced->judge(subject);
  if (verdict.log_hint) filter::note_log_hint(info_.metadata, memory_, *verdict.log_hint);
  rules.stats.count_enforced(worker, verdict, false);
  if (!verdict.allowed) refuse(rules, verdict, bytes);
  return verdict.allowed;
}

void ConnectionGuard::refuse(const ConnectionRules& rules, const filter::RbacVerdict& verdict, size_t bytes) {
  refused_ = true;
  connection_.note_termination(verdict.details());
  connection_.count_unseen(bytes);
  if (rules.delay_ms <= 0) return connection_.close();
  connection_.pause_reading();
  timer_ = loop::Timer::make<&ConnectionGuard::on_delayed>(worker_.loop().timers(), *this);
  timer_->arm(rules.delay_ms);
}

void ConnectionGuard::on_delayed() { connection_.close(); }

}  // namespace weir::proxy
