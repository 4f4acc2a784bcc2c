#include "loop/event_loop.h"

#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/check.h"

namespace weir::loop {

namespace {
constexpr int kEventsPerTurn = 256;
constexpr int kEventsPerTimeCheck = 16;
constexpr MonotonicNs kWallCheckInterval = 100 * kNsPerMs;
constexpr unsigned long kTimerSlack = 5'000;  // ns by which the kernel may stretch a pause
}  // namespace

/// The descriptor that wakes the loop when there is mail.
class EventLoop::Doorbell : public Source {
 public:
  explicit Doorbell(EventLoop& loop) : loop_(loop), fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    CHECK(fd_ >= 0);
    loop_.watch(fd_, *this, EPOLLIN);
  }
  ~Doorbell() { close(fd_); }

  void ring() {
    const uint64_t one = 1;
    // A full counter means that the loop has been woken anyway.
    [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof one);
  }

  void on_ready(uint32_t) override {
    uint64_t count;
    [[maybe_unused]] const ssize_t got = read(fd_, &count, sizeof count);
    loop_.take_mail();
  }

 private:
  EventLoop& loop_;
  int fd_;
};

EventLoop::EventLoop(uint64_t random_seed)
    : epoll_(epoll_create1(EPOLL_CLOEXEC)),
      now_(monotonic_now()),
      wall_offset_(wall_now() - now_),
      timers_(now_),
      random_(random_seed),
      scratch_(new char[kScratchSize]),
      events_(kEventsPerTurn) {
  CHECK(epoll_ >= 0);
  doorbell_ = std::make_unique<Doorbell>(*this);
}

EventLoop::~EventLoop() {
  end_turn();
  doorbell_.reset();
  close(epoll_);
}

void EventLoop::run() {
  prctl(PR_SET_TIMERSLACK, kTimerSlack);
  while (!stopping_.load(std::memory_order_acquire)) turn(-1);
}

void EventLoop::turn(int64_t max_wait_ms) {
  int64_t wait = timers_.ms_until_next(now_);
  if (max_wait_ms >= 0 && (wait < 0 || wait > max_wait_ms)) wait = max_wait_ms;
  if (!next_turn_.empty() || !turn_end_.empty() || !graveyard_.empty()) wait = 0;

  wait_for_news(static_cast<int>(wait));
  refresh_time();

  List<NextTurn> due;
  due.take_all(next_turn_);
  while (!due.empty()) due.pop_front().on_next_turn();

  for (event_next_ = 0; event_next_ < event_count_;) {
    const epoll_event& event = events_[event_next_++];
    if (event.data.ptr == nullptr) continue;
    static_cast<Source*>(event.data.ptr)->on_ready(event.events);
    if (event_next_ % kEventsPerTimeCheck == 0) refresh_time();
  }
  event_count_ = 0;

  timers_.advance(now_);
  end_turn();
}

void EventLoop::wait_for_news(int max_ms) {
  const auto look = [&](int max_ms) {
    const int found = epoll_wait(epoll_, events_.data() + event_count_, kEventsPerTurn - event_count_, max_ms);
    CHECK(found >= 0 || errno == EINTR);
    event_count_ += std::max(found, 0);
  };
  const MonotonicNs pause = patience_.end_turn(now_);
  if (pause == 0 || max_ms == 0) return look(max_ms);

  const MonotonicNs asleep = monotonic_now();
  look(max_ms);
  if (event_count_ == 0 || event_count_ == kEventsPerTurn || !patience_.pays(pause, monotonic_now() - asleep)) return;
  const timespec time{.tv_sec = 0, .tv_nsec = pause};
  nanosleep(&time, nullptr);
  look(0);
}

void EventLoop::end_turn() {
  // Writing may provoke more writing and more disposing; what is put off from here on is bounded by the next turn.
  List<TurnEnd> due;
  due.take_all(turn_end_);
  while (!due.empty()) due.pop_front().on_turn_end();
  while (!graveyard_.empty()) {
    std::vector<std::unique_ptr<Disposable>> dead;
    dead.swap(graveyard_);
  }
}

void EventLoop::refresh_time() {
  now_ = monotonic_now();
  timers_.set_now(now_);
  if (now_ - wall_checked_ > kWallCheckInterval) {  // somebody may have set the clock
    wall_checked_ = now_;
    wall_offset_ = wall_now() - now_;
  }
}

void EventLoop::stop() {
  stopping_.store(true, std::memory_order_release);
  doorbell_->ring();
}

void EventLoop::watch(int fd, Source& source, uint32_t epoll_events) {
  epoll_event event{.events = epoll_events | EPOLLET, .data = {.ptr = &source}};
  CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
}

void EventLoop::rewatch(int fd, Source& source, uint32_t epoll_events) {
  epoll_event event{.events = epoll_events | EPOLLET, .data = {.ptr = &source}};
  CHECK(epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) == 0);
}

void EventLoop::unwatch(int fd, Source& source) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  for (int i = event_next_; i < event_count_; ++i) {
    if (events_[i].data.ptr == &source) events_[i].data.ptr = nullptr;
  }
}

void EventLoop::post(std::move_only_function<void()> act) {
  bool first;
  {
    std::lock_guard lock(mail_mutex_);
    first = mail_.empty();
    mail_.push_back(std::move(act));
  }
  if (first) doorbell_->ring();
}

void EventLoop::take_mail() {
  std::vector<std::move_only_function<void()>> mail;
  {
    std::lock_guard lock(mail_mutex_);
    mail.swap(mail_);
  }
  for (auto& act : mail) act();
}

}  // namespace weir::loop
