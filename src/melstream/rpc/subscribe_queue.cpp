#include "melstream/rpc/subscribe_queue.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include <pthread.h>

#include <grpc/support/time.h>

#include "melstream/core/units.hpp"

namespace melstream::rpc {
namespace {

// Calls that wait for a client: a burst of new clients need not wait for this thread one by one.
constexpr int kWaitingCalls = 8;
constexpr int kCompletionsAtOnce = 512;
constexpr std::int64_t kTidyNs = core::kNsPerSecond / 2;

gpr_timespec at_once() { return gpr_time_0(GPR_CLOCK_MONOTONIC); }

}  // namespace

SubscribeQueue::SubscribeQueue(const Environment& environment, FeatureServiceBase& service,
                               std::unique_ptr<grpc::ServerCompletionQueue> queue, QueueBudget& budget)
    : environment_(environment),
      queue_(std::move(queue)),
      budget_(budget),
      reader_parts_{environment, tokens_, sharing_, wall_minus_mono_ns_},
      call_parts_{reader_parts_, service, *queue_, budget_},
      thread_([this] {
        pthread_setname_np(pthread_self(), "ms-subscribe");
        run();
      }) {}

SubscribeQueue::~SubscribeQueue() { stop(); }

void SubscribeQueue::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(descriptions_mutex_);
    stopping_.store(true, std::memory_order_release);
  }
  wake();
  thread_.join();
}

void SubscribeQueue::wake() {
  if (alarm_set_.exchange(true, std::memory_order_acq_rel)) return;
  alarm_.Set(queue_.get(), at_once(), &alarm_);
}

bool SubscribeQueue::wait_until_idle(std::chrono::milliseconds patience) {
  std::unique_lock lock(idle_mutex_);
  return idle_.wait_for(lock, patience, [this] { return n_calls() == 0; });
}

void SubscribeQueue::run() {
  for (int i = 0; i < kWaitingCalls; ++i) add_call();
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) {
    note_clocks();
    handle(tag, ok);
    // All that is there, before rows are read: a call that can write again is served in the same pass. Not for ever:
    // one that floods must not keep the tick from the others.
    for (int n = 0; n < kCompletionsAtOnce && !shut_down_; ++n) {
      if (queue_->AsyncNext(&tag, &ok, at_once()) != grpc::CompletionQueue::GOT_EVENT) break;
      handle(tag, ok);
    }
    if (std::exchange(woken_, false)) serve_tick();
  }
  calls_.clear();
  answer_descriptions(0);
}

void SubscribeQueue::note_clocks() {
  const std::int64_t mono_ns = environment_.clock().mono_ns();
  wall_minus_mono_ns_ = environment_.clock().wall_ns() - mono_ns;
}

void SubscribeQueue::serve_tick() {
  const std::int64_t now = environment_.clock().mono_ns();
  for (const auto& call : calls_) call->on_tick(now);
  answer_descriptions(now);
  std::function<void()> beat;
  {
    const std::lock_guard lock(beat_mutex_);
    beat = std::exchange(beat_, nullptr);
  }
  if (beat) beat();
  if (now - tidied_mono_ns_ < kTidyNs) return;
  tidied_mono_ns_ = now;
  sharing_.tidy();
  look_at_lag();
  cut_stalled(now);
}

void SubscribeQueue::look_at_lag() {
  ServerStats& stats = *environment_.stats;
  std::int64_t largest_ns = 0;
  core::Histogram<kLagBoundsNs>::Counts lags;
  for (const auto& call : calls_) {
    const auto lag_ns = call->lag_ns();
    if (!lag_ns) continue;
    lags.add(*lag_ns);
    largest_ns = std::max(largest_ns, *lag_ns);
  }
  stats.subscriber_lag.add(lags);
  stats.subscriber_lag_max_ns.store(largest_ns, std::memory_order_relaxed);
}

void SubscribeQueue::provoke(std::function<void()> beat) {
  {
    const std::lock_guard lock(beat_mutex_);
    beat_ = std::move(beat);
  }
  wake();
}

void SubscribeQueue::cut_stalled(std::int64_t now_mono_ns) {
  if (!budget_.is_short()) return;
  SubscribeCall* longest = nullptr;
  std::int64_t since = now_mono_ns - std::chrono::nanoseconds(environment_.options.stall_patience).count();
  for (const auto& call : calls_) {
    const auto writing_since = call->writing_since_mono_ns();
    if (!writing_since || *writing_since > since) continue;
    longest = call.get();
    since = *writing_since;
  }
  if (longest != nullptr) longest->cut();
}

std::vector<v1::SubscriptionInfo> SubscribeQueue::describe(const access::Grant& grant) {
  std::future<std::vector<v1::SubscriptionInfo>> answer;
  {
    const std::lock_guard lock(descriptions_mutex_);
    if (stopping_.load(std::memory_order_acquire)) return {};
    descriptions_.push_back({.grant = grant, .answer = {}});
    answer = descriptions_.back().answer.get_future();
  }
  wake();
  return answer.get();
}

void SubscribeQueue::answer_descriptions(std::int64_t now_mono_ns) {
  std::vector<Description> asked;
  {
    const std::lock_guard lock(descriptions_mutex_);
    asked.swap(descriptions_);
  }
  for (Description& one : asked) {
    try {
      std::vector<v1::SubscriptionInfo> infos;
      for (const auto& call : calls_) {
        if (!call->is_within(one.grant)) continue;
        if (v1::SubscriptionInfo info; call->describe(now_mono_ns, info)) infos.push_back(std::move(info));
      }
      one.answer.set_value(std::move(infos));
    } catch (const std::bad_alloc&) {
      one.answer.set_exception(std::current_exception());
    }
  }
}

void SubscribeQueue::handle(void* tag, bool ok) {
  if (tag == &alarm_) {
    alarm_set_.exchange(false, std::memory_order_acq_rel);  // what was stored before wake() is seen from here on
    woken_ = true;
    // Here and not in stop(): asking for a call on a queue that another thread has shut down ends the process.
    if (stopping_.load(std::memory_order_acquire) && !std::exchange(shut_down_, true)) queue_->Shutdown();
    return;
  }
  const auto& [call, step] = *static_cast<SubscribeCall::Tag*>(tag);
  if (step == SubscribeCall::Step::kAccept && ok) {
    const int n = n_calls() + 1;
    served_any_.store(true, std::memory_order_release);
    environment_.stats->subscriptions_opened.fetch_add(1, std::memory_order_relaxed);
    set_n_calls(n);
    call->accepted(n <= environment_.options.max_subscriptions);
    add_call();
    return;
  }
  call->complete(step, ok);
  if (!call->over()) return;
  if (step != SubscribeCall::Step::kAccept) {
    environment_.stats->subscription_closed(call->close_reason());
    set_n_calls(n_calls() - 1);
  }
  remove_call(*call);
}

void SubscribeQueue::add_call() {
  if (!shut_down_) calls_.push_back(std::make_unique<SubscribeCall>(call_parts_));
}

void SubscribeQueue::remove_call(SubscribeCall& call) {
  const auto found = std::find_if(calls_.begin(), calls_.end(), [&](const auto& one) { return one.get() == &call; });
  std::swap(*found, calls_.back());
  calls_.pop_back();
}

void SubscribeQueue::set_n_calls(int n) {
  {
    const std::lock_guard lock(idle_mutex_);
    n_calls_.store(n, std::memory_order_release);
  }
  if (n == 0) idle_.notify_all();
}

}  // namespace melstream::rpc
