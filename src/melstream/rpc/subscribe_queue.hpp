// The thread "ms-subscribe": a completion queue that serves all calls of Subscribe. It takes every completion there is,
// then, if the tick thread published rows, goes once over all calls. May wait on: its queue.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include "melstream/rpc/environment.hpp"
#include "melstream/rpc/feature_service.hpp"
#include "melstream/rpc/queue_budget.hpp"
#include "melstream/rpc/resume_token.hpp"
#include "melstream/rpc/shared_blocks.hpp"
#include "melstream/rpc/subscribe_call.hpp"
#include "melstream/v1/admin_service.pb.h"

namespace melstream::rpc {

class SubscribeQueue {
 public:
  /// The server that `service` belongs to and that made `queue` has started. All references outlive this.
  SubscribeQueue(const Environment& environment, FeatureServiceBase& service,
                 std::unique_ptr<grpc::ServerCompletionQueue> queue, QueueBudget& budget);
  SubscribeQueue(const SubscribeQueue&) = delete;
  SubscribeQueue& operator=(const SubscribeQueue&) = delete;
  ~SubscribeQueue();

  /// Rows may be there, or a drain has begun. Any thread that may call gRPC.
  void wake();
  /// Calls that a client has opened.
  int n_calls() const noexcept { return n_calls_.load(std::memory_order_acquire); }
  /// A client has opened one since the start.
  bool served_any() const noexcept { return served_any_.load(std::memory_order_acquire); }
  /// Ends the thread. The server has shut down; wake() is no longer called. Idempotent.
  void stop();
  /// Asks for `beat` on ms-subscribe. Any thread that may call gRPC.
  void provoke(std::function<void()> beat);
  /// Who subscribes now, of what `grant` reaches. Asks the thread and waits for its answer; nothing after stop(). Any
  /// thread but ms-subscribe.
  std::vector<v1::SubscriptionInfo> describe(const access::Grant& grant);
  /// True once no call is left: the kernel has all of their bytes, though a slow client may not have read them yet.
  /// False if some are left after `patience`.
  bool wait_until_idle(std::chrono::milliseconds patience);

 private:
  struct Description {
    const access::Grant& grant;  ///< of one who waits for the answer
    std::promise<std::vector<v1::SubscriptionInfo>> answer;
  };

  void run();
  void handle(void* tag, bool ok);
  void add_call();
  void remove_call(SubscribeCall& call);
  void set_n_calls(int n);
  void note_clocks();
  void serve_tick();
  /// Responses that nobody takes must not keep others from having theirs.
  void cut_stalled(std::int64_t now_mono_ns);
  void answer_descriptions(std::int64_t now_mono_ns);
  void look_at_lag();

  const Environment& environment_;
  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::int64_t wall_minus_mono_ns_ = 0;  ///< ms-subscribe
  ResumeTokens tokens_;                  ///< ms-subscribe
  BlockSharing sharing_;                 ///< ms-subscribe
  QueueBudget& budget_;
  const ReaderParts reader_parts_;
  const CallParts call_parts_;
  grpc::Alarm alarm_;
  // Set by wake(), cleared when the alarm comes out of the queue: at most one is under way.
  std::atomic<bool> alarm_set_{false};
  // Writer: stop(); reader: ms-subscribe, after the alarm that stop() sets.
  std::atomic<bool> stopping_{false};
  // Writer: ms-subscribe (under idle_mutex_); readers: any.
  std::atomic<int> n_calls_{0};
  // Writer: ms-subscribe; readers: any.
  std::atomic<bool> served_any_{false};
  std::mutex idle_mutex_;
  std::condition_variable idle_;
  std::mutex descriptions_mutex_;          // protects descriptions_
  std::vector<Description> descriptions_;  ///< asked for
  std::mutex beat_mutex_;                  // protects beat_
  std::function<void()> beat_;             ///< asked for
  // ms-subscribe:
  std::vector<std::unique_ptr<SubscribeCall>> calls_;  ///< those that wait for a client too
  bool woken_ = false;
  std::int64_t tidied_mono_ns_ = 0;
  bool shut_down_ = false;
  std::thread thread_;  // last: it uses all above
};

}  // namespace melstream::rpc
