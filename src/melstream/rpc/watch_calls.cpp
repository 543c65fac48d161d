#include "melstream/rpc/watch_calls.hpp"

#include <deque>
#include <exception>
#include <map>
#include <string>
#include <utility>

#include "melstream/rpc/caller.hpp"
#include "melstream/rpc/convert.hpp"
#include "melstream/rpc/status.hpp"
#include "melstream/rpc/stream_selection.hpp"

namespace melstream::rpc {
namespace {

constexpr std::size_t kMaxWatchCalls = 256;

/// Streams by epoch, which is random and new at each opening.
struct Seen {
  std::shared_ptr<const pipeline::Stream> stream;
  pipeline::StreamStatus status;
};
using Snapshot = std::map<std::uint64_t, Seen>;

}  // namespace

/// Owns itself until OnDone().
class WatchCall final : public grpc::ServerWriteReactor<v1::WatchStreamsResponse> {
 public:
  /// @param grant null: the call is refused.
  static std::shared_ptr<WatchCall> make(WatchCalls& calls, StreamSelection selection,
                                         std::shared_ptr<access::Grant> grant) {
    std::shared_ptr<WatchCall> call(new WatchCall(calls, std::move(selection), std::move(grant)));
    call->self_ = call;
    call->StartSendInitialMetadata();  // so that the client knows, even if there is no stream
    return call;
  }

  void update(const Snapshot& streams) {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    if (!queue_.empty()) {
      behind_ = true;
      return;
    }
    for (const auto& [epoch, seen] : streams) {
      const pipeline::StreamStatus& status = seen.status;
      if (!selection_.contains(*seen.stream)) continue;
      const auto known = known_.find(epoch);
      if (known != known_.end() && known->second.ended == status.ended) continue;
      known_[epoch] = {status.id, status.ended};
      set_stream_info(status, *queue_.emplace_back().mutable_stream());
    }
    for (auto known = known_.begin(); known != known_.end();) {
      if (streams.count(known->first) != 0) {
        ++known;
        continue;
      }
      v1::StreamInfo& info = *queue_.emplace_back().mutable_stream();
      info.set_stream(known->second.id);
      info.set_epoch(known->first);
      info.set_state(v1::STREAM_STATE_FORGOTTEN);
      known = known_.erase(known);
    }
    if (!queue_.empty()) StartWrite(&queue_.front());
  }

  void end(grpc::Status status) {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(finished_, true)) Finish(std::move(status));
  }

  bool revoked() const noexcept { return grant_ && grant_->revoked(); }

  void OnWriteDone(bool ok) override {
    bool ask = false;
    {
      const std::lock_guard lock(mutex_);
      if (finished_) return;
      if (!ok) {
        finished_ = true;
        return Finish(grpc::Status::CANCELLED);
      }
      queue_.pop_front();
      if (!queue_.empty()) return StartWrite(&queue_.front());
      ask = std::exchange(behind_, false);
    }
    if (ask) calls_.request_update_();
  }
  void OnCancel() override { end(grpc::Status::CANCELLED); }
  void OnDone() override {
    calls_.remove(*this);
    const std::shared_ptr<WatchCall> last = std::move(self_);
  }

 private:
  struct Known {
    std::string id;
    bool ended = false;
  };

  WatchCall(WatchCalls& calls, StreamSelection selection, std::shared_ptr<access::Grant> grant)
      : calls_(calls), selection_(std::move(selection)), grant_(std::move(grant)) {}

  WatchCalls& calls_;
  const StreamSelection selection_;
  const std::shared_ptr<access::Grant> grant_;
  std::shared_ptr<WatchCall> self_;
  std::mutex mutex_;                            // protects all below
  std::map<std::uint64_t, Known> known_;        ///< what the client was told
  std::deque<v1::WatchStreamsResponse> queue_;  ///< the first is being written
  bool behind_ = false;                         ///< an update came while the queue was not empty
  bool finished_ = false;
};

WatchCalls::WatchCalls(const Environment& environment, std::function<void()> request_update)
    : environment_(environment), request_update_(std::move(request_update)) {}

WatchCalls::~WatchCalls() = default;

grpc::ServerWriteReactor<v1::WatchStreamsResponse>* WatchCalls::start(const grpc::CallbackServerContext& context,
                                                                      const v1::WatchStreamsRequest& request) {
  StreamSelection selection;
  std::shared_ptr<access::Grant> grant;
  grpc::Status refusal;
  try {
    grant = admit(environment_, context, access::Access::Kind::kSubscribe);
    selection = request.has_streams() ? StreamSelection(request.streams(), grant) : StreamSelection(grant);
  } catch (const std::exception& error) {
    refusal = to_status(error);
  }
  const std::shared_ptr<WatchCall> call = WatchCall::make(*this, std::move(selection), std::move(grant));
  {
    const std::lock_guard lock(mutex_);
    if (!refusal.ok()) {
      call->end(refusal);
    } else if (closed_) {
      call->end({grpc::StatusCode::UNAVAILABLE, "the daemon is shutting down; try again later"});
    } else if (calls_.size() >= kMaxWatchCalls) {
      call->end({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many calls of WatchStreams; close one"});
    } else {
      calls_.push_back(call);
      n_calls_.store(static_cast<int>(calls_.size()), std::memory_order_release);
    }
  }
  request_update_();
  return call.get();
}

bool WatchCalls::is_stale() const noexcept {
  return n_calls_.load(std::memory_order_acquire) > 0 &&
         told_generation_.load(std::memory_order_acquire) != environment_.registry().generation();
}

void WatchCalls::update() {
  std::vector<std::shared_ptr<WatchCall>> calls;
  {
    const std::lock_guard lock(mutex_);
    calls = calls_;
  }
  if (calls.empty()) return;
  // Read before the list: what changes in between is told by the next update.
  const std::uint64_t generation = environment_.registry().generation();
  Snapshot streams;
  for (const auto& stream : environment_.registry().all())
    streams.emplace(stream->epoch(), Seen{stream, stream->status()});
  for (const auto& call : calls) call->update(streams);
  told_generation_.store(generation, std::memory_order_release);
}

void WatchCalls::end_revoked() {
  std::vector<std::shared_ptr<WatchCall>> calls;
  {
    const std::lock_guard lock(mutex_);
    calls = calls_;
  }
  for (const auto& call : calls) {
    if (call->revoked()) call->end(revoked_status(environment_));
  }
}

void WatchCalls::end_all() {
  std::vector<std::shared_ptr<WatchCall>> calls;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    calls = calls_;
  }
  for (const auto& call : calls) call->end({grpc::StatusCode::UNAVAILABLE, "the daemon is shutting down"});
}

void WatchCalls::remove(const WatchCall& call) {
  const std::lock_guard lock(mutex_);
  std::erase_if(calls_, [&](const auto& one) { return one.get() == &call; });
  n_calls_.store(static_cast<int>(calls_.size()), std::memory_order_release);
}

}  // namespace melstream::rpc
