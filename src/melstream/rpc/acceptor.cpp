#include "melstream/rpc/acceptor.hpp"

#include <atomic>
#include <cerrno>
#include <future>
#include <list>
#include <memory>
#include <system_error>
#include <thread>

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "melstream/core/clock.hpp"
#include "melstream/rpc/connection_table.hpp"

namespace melstream::rpc {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;

constexpr std::chrono::milliseconds kOutOfFdsPause{100};
// Then the others get their turn, wakes above all.
constexpr int kAcceptsAtOnce = 32;
// The kernel does not wake anybody when a peer has read.
constexpr std::chrono::milliseconds kLookAgain{10};

int make_wake_fd() {
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "cannot make an event descriptor");
  return fd;
}

RejectReason reason_of(ConnectionTable::Admission admission) noexcept {
  switch (admission) {
    case ConnectionTable::Admission::kTooManyOfAddress:
      return RejectReason::kAddress;
    case ConnectionTable::Admission::kTooFast:
      return RejectReason::kRate;
    default:
      return RejectReason::kLimit;
  }
}

}  // namespace

struct Acceptor::State {
  /// Readiness of a listener; the ListenSocket keeps the descriptor.
  struct Listener {
    Listener(asio::io_context& context, std::size_t the_number, ListenSocket the_socket)
        : number(the_number), socket(std::move(the_socket)), ready(context, socket.fd()), pause(context) {}
    ~Listener() { ready.release(); }
    const std::size_t number;
    ListenSocket socket;
    Descriptor ready;
    asio::steady_timer pause;
  };

  State(const ConnectionLimits& limits, Hooks the_hooks)
      : hooks(std::move(the_hooks)),
        connections(limits),
        wake_event(context, make_wake_fd()),
        cut(context),
        look(context) {}

  void wait_for_connection(Listener& listener);
  void accept_all(Listener& listener);
  void take(const Listener& listener, int fd, const sockaddr_storage& peer);
  void reject(const Listener& listener, RejectReason reason) const;
  void count_connections();
  void wait_for_wake();
  void tell_when_taken(std::chrono::steady_clock::time_point deadline, std::shared_ptr<std::promise<bool>> taken);

  asio::io_context context{1};
  const Hooks hooks;
  const core::SystemClock clock;
  ConnectionTable connections;    // accept thread
  std::list<Listener> listeners;  // accept thread
  Descriptor wake_event;
  asio::steady_timer cut;   // accept thread
  asio::steady_timer look;  // accept thread
  // Set by wake() (any thread), cleared by the accept thread before on_wake: at most one event is under way.
  std::atomic<bool> wake_pending{false};
  // Writer: accept thread; readers: any. Each is a count of its own.
  std::atomic<std::int64_t> n_accepted{0};
  std::atomic<std::int64_t> n_refused{0};
  std::atomic<std::int64_t> n_out_of_fds{0};
  std::thread thread;  // last: it uses all above
};

void Acceptor::State::wait_for_connection(Listener& listener) {
  listener.ready.async_wait(Descriptor::wait_read, [this, &listener](const boost::system::error_code& error) {
    if (!error) accept_all(listener);
  });
}

void Acceptor::State::accept_all(Listener& listener) {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    sockaddr_storage peer{};
    socklen_t peer_size = sizeof(peer);
    const int fd =
        accept4(listener.socket.fd(), reinterpret_cast<sockaddr*>(&peer), &peer_size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      take(listener, fd, peer);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      // The connection stays in the kernel's queue; the socket stays readable, so waiting for that would spin.
      n_out_of_fds.fetch_add(1, std::memory_order_relaxed);
      reject(listener, RejectReason::kNoFds);
      listener.pause.expires_after(kOutOfFdsPause);
      listener.pause.async_wait([this, &listener](const boost::system::error_code& error) {
        if (!error) wait_for_connection(listener);
      });
      return;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    }
    // Else this one connection failed (ECONNABORTED and its like): the next may not.
  }
  wait_for_connection(listener);
}

void Acceptor::State::take(const Listener& listener, int fd, const sockaddr_storage& peer) {
  const ConnectionTable::Admission admission =
      connections.add(fd, foreign_address(peer), clock.mono_ns(), listener.socket.kind());
  if (admission != ConnectionTable::Admission::kAdmitted) {
    n_refused.fetch_add(1, std::memory_order_relaxed);
    reject(listener, reason_of(admission));
    close(fd);
    return;
  }
  n_accepted.fetch_add(1, std::memory_order_relaxed);
  if (hooks.stats != nullptr) hooks.stats->accepted(listener.socket.kind());
  set_connection_options(fd, listener.socket.is_tcp());
  hooks.hand_over(listener.number, fd);
}

void Acceptor::State::reject(const Listener& listener, RejectReason reason) const {
  if (hooks.stats != nullptr) hooks.stats->rejected(listener.socket.kind(), reason);
}

void Acceptor::State::count_connections() {
  if (hooks.stats == nullptr) return;
  const auto live = connections.count_live_by_listener();
  for (std::size_t i = 0; i < live.size(); ++i) {
    hooks.stats->connections_active[i].store(live[i], std::memory_order_relaxed);
  }
}

void Acceptor::State::tell_when_taken(std::chrono::steady_clock::time_point deadline,
                                      std::shared_ptr<std::promise<bool>> taken) {
  const bool all = connections.all_taken();
  if (all || std::chrono::steady_clock::now() >= deadline) {
    taken->set_value(all);
    return;
  }
  look.expires_after(kLookAgain);
  look.async_wait([this, deadline, taken = std::move(taken)](const boost::system::error_code&) mutable {
    tell_when_taken(deadline, std::move(taken));
  });
}

void Acceptor::State::wait_for_wake() {
  wake_event.async_wait(Descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    eventfd_t count = 0;
    eventfd_read(wake_event.native_handle(), &count);
    wake_pending.store(false, std::memory_order_release);
    hooks.on_wake();
    wait_for_wake();
  });
}

Acceptor::Acceptor(std::vector<ListenSocket> listeners, const ConnectionLimits& limits, Hooks hooks)
    : state_(std::make_unique<State>(limits, std::move(hooks))) {
  for (ListenSocket& socket : listeners) {
    state_->listeners.emplace_back(state_->context, state_->listeners.size(), std::move(socket));
    state_->wait_for_connection(state_->listeners.back());
  }
  state_->wait_for_wake();
  state_->thread = std::thread([state = state_.get()] {
    pthread_setname_np(pthread_self(), "ms-accept");
    state->context.run();
  });
}

Acceptor::~Acceptor() { stop(); }

void Acceptor::stop() {
  if (!state_->thread.joinable()) return;
  state_->context.stop();
  state_->thread.join();
}

void Acceptor::wake() noexcept {
  if (state_->wake_pending.exchange(true, std::memory_order_acq_rel)) return;
  eventfd_write(state_->wake_event.native_handle(), 1);
}

void Acceptor::set_limits(const ConnectionLimits& limits) {
  asio::post(state_->context, [this, limits] { state_->connections.set_limits(limits); });
}

void Acceptor::look(std::function<void()> beat) {
  asio::post(state_->context, [this, beat = std::move(beat)] {
    state_->count_connections();
    beat();
  });
}

void Acceptor::stop_accepting() {
  std::promise<void> stopped;
  asio::post(state_->context, [this, &stopped] {
    // The handlers of a closed listener may still be queued: they find an error, but their listener must be there.
    for (State::Listener& listener : state_->listeners) {
      listener.pause.cancel();
      listener.ready.cancel();
    }
    asio::post(state_->context, [this, &stopped] {
      state_->listeners.clear();
      stopped.set_value();
    });
  });
  stopped.get_future().wait();
}

bool Acceptor::wait_until_taken(std::chrono::steady_clock::time_point deadline) {
  const auto taken = std::make_shared<std::promise<bool>>();
  std::future<bool> answer = taken->get_future();
  asio::post(state_->context, [this, deadline, taken] { state_->tell_when_taken(deadline, taken); });
  return answer.get();
}

void Acceptor::expect_answers_within(std::chrono::milliseconds patience) {
  asio::post(state_->context,
             [this, patience] { state_->connections.set_patience(static_cast<int>(patience.count())); });
}

void Acceptor::cut_connections_after(std::chrono::milliseconds delay) {
  asio::post(state_->context, [this, delay] {
    state_->cut.expires_after(delay);
    state_->cut.async_wait([this](const boost::system::error_code& error) {
      if (!error) state_->connections.cut_all();
    });
  });
}

AcceptCounts Acceptor::counts() const noexcept {
  return {.accepted = state_->n_accepted.load(std::memory_order_relaxed),
          .refused = state_->n_refused.load(std::memory_order_relaxed),
          .out_of_fds = state_->n_out_of_fds.load(std::memory_order_relaxed)};
}

}  // namespace melstream::rpc
