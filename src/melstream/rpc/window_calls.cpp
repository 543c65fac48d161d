#include "melstream/rpc/window_calls.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include <grpcpp/server_context.h>

#include "melstream/core/error.hpp"
#include "melstream/rpc/block_encoder.hpp"
#include "melstream/rpc/convert.hpp"
#include "melstream/rpc/feature_choice.hpp"
#include "melstream/rpc/status.hpp"

namespace melstream::rpc {
namespace {

constexpr std::size_t kMaxParked = 256;
// Answered so long before the call's deadline, so that the answer still gets there.
constexpr std::chrono::milliseconds kBeforeDeadline{30};
// A call without a deadline must not keep its place for ever.
constexpr std::chrono::seconds kLongestWait{60};

grpc::Status draining_status() {
  return {grpc::StatusCode::UNAVAILABLE, "the daemon is shutting down; try again later"};
}

}  // namespace

/// Owns itself until OnDone().
class WindowCall final : public grpc::ServerUnaryReactor {
 public:
  /// Throws Error as GetWindow documents.
  static std::shared_ptr<WindowCall> make(const Environment& environment, WindowCalls& calls,
                                          grpc::CallbackServerContext& context, const v1::GetWindowRequest& request,
                                          v1::GetWindowResponse& response) {
    std::shared_ptr<WindowCall> call(new WindowCall(environment, calls, context, request, response));
    call->self_ = call;
    return call;
  }

  /// True if it is finished now. Worker.
  bool answer_if_ready() {
    if (cancelled_.load(std::memory_order_acquire)) {
      Finish(grpc::Status::CANCELLED);
      return true;
    }
    const bool in_time = std::chrono::system_clock::now() + kBeforeDeadline < deadline_;
    if (in_time && pipeline::WindowReader::must_wait(*stream_, window_)) return false;
    try {
      answer();
      Finish(grpc::Status::OK);
    } catch (const std::exception& error) {
      Finish(to_status(error));
    }
    return true;
  }

  void OnCancel() override {
    cancelled_.store(true, std::memory_order_release);
    calls_.wake();
  }
  void OnDone() override { const std::shared_ptr<WindowCall> last = std::move(self_); }

 private:
  WindowCall(const Environment& environment, WindowCalls& calls, grpc::CallbackServerContext& context,
             const v1::GetWindowRequest& request, v1::GetWindowResponse& response)
      : environment_(environment),
        calls_(calls),
        response_(response),
        choice_(choose_features(request.features(), environment.registry().catalog())),
        deadline_(std::min(context.deadline(), std::chrono::system_clock::now() + kLongestWait)) {
    window_.begin = request.begin_sample();
    window_.end = request.end_sample();
    window_.front_end = choice_.front_end;
    window_.smoothing = choice_.smoothing;
    window_.normalization = choice_.normalization;
    window_.fixed_max = choice_.fixed_max;
    if (request.has_pad_to_samples()) window_.pad_to_samples = request.pad_to_samples();
    window_.zero_fill = zero_fill(request.gaps());
    pipeline::WindowReader::validate(window_);
    find_stream(request);
  }

  static bool zero_fill(v1::WindowGaps gaps) {
    switch (gaps) {
      case v1::WINDOW_GAPS_UNSPECIFIED:
      case v1::WINDOW_GAPS_REFUSE:
        return false;
      case v1::WINDOW_GAPS_ZERO_FILL:
        return true;
      default:
        throw core::Error(core::ErrorCode::kInvalidArgument,
                          std::to_string(gaps) + " is not known here; use REFUSE or ZERO_FILL", "gaps");
    }
  }

  void find_stream(const v1::GetWindowRequest& request) {
    pipeline::validate_stream_id(request.stream());
    stream_ = environment_.registry().find(request.stream());
    if (!stream_) {
      throw core::Error(core::ErrorCode::kNotFound,
                        "no stream '" + request.stream() + "'; `melstream streams` tells what there is", "stream");
    }
    if (request.has_epoch() && request.epoch() != stream_->epoch()) {
      throw core::Error(core::ErrorCode::kFailedPrecondition,
                        "stream '" + request.stream() + "' has epoch " + std::to_string(stream_->epoch()) + ", not " +
                            std::to_string(request.epoch()) + ": it was opened anew",
                        "epoch");
    }
  }

  void answer() {
    const pipeline::Window window = environment_.parts.windows.read(*stream_, window_);
    response_.set_epoch(stream_->epoch());
    response_.set_spec_sha256(choice_.front_end->sha256());
    response_.set_frame_count(static_cast<std::int32_t>(window.n_frames));
    response_.set_bins(window.n_bins);
    if (window.n_frames > 0) {
      pack_values(window.values, window.n_bins, choice_.element_type, choice_.layout, *response_.mutable_values());
    }
    response_.set_window_max(window.max);
    response_.set_capture_time_ns(window.capture_wall_ns);
    for (const engine::IndexRange& range : window.filled) set_range(range, *response_.add_filled());
    for (const engine::IndexRange& range : window.concealed) set_range(range, *response_.add_concealed());
    for (const engine::IndexRange& range : window.suppressed) set_range(range, *response_.add_suppressed());
    set_engine_info(environment_.parts.window_engine, environment_.options.build, *response_.mutable_engine());
  }

  const Environment& environment_;
  WindowCalls& calls_;
  v1::GetWindowResponse& response_;
  const FeatureChoice choice_;
  const std::chrono::system_clock::time_point deadline_;
  pipeline::WindowRequest window_;
  std::shared_ptr<pipeline::Stream> stream_;
  // Writer: gRPC; reader: worker.
  std::atomic<bool> cancelled_{false};
  std::shared_ptr<WindowCall> self_;
};

WindowCalls::WindowCalls(const Environment& environment)
    : environment_(environment), worker_("ms-window", {.on_wake = [this] { answer_ready(); }, .on_period = {}}) {}

WindowCalls::~WindowCalls() = default;

grpc::ServerUnaryReactor* WindowCalls::start(grpc::CallbackServerContext& context, const v1::GetWindowRequest& request,
                                             v1::GetWindowResponse& response) {
  grpc::Status refusal;
  try {
    auto call = WindowCall::make(environment_, *this, context, request, response);
    WindowCall* const reactor = call.get();
    const std::lock_guard lock(mutex_);
    if (closed_) {
      reactor->Finish(draining_status());
    } else if (parked_.size() >= kMaxParked) {
      reactor->Finish({grpc::StatusCode::RESOURCE_EXHAUSTED,
                       std::to_string(parked_.size()) + " windows are asked for already; try again later"});
    } else {
      parked_.push_back(std::move(call));
      n_parked_.store(static_cast<int>(parked_.size()), std::memory_order_release);
      worker_.wake();
    }
    return reactor;
  } catch (const std::exception& error) {
    refusal = to_status(error);
  }
  grpc::ServerUnaryReactor* const reactor = context.DefaultReactor();
  reactor->Finish(refusal);
  return reactor;
}

void WindowCalls::answer_ready() {
  std::vector<std::shared_ptr<WindowCall>> calls;
  {
    const std::lock_guard lock(mutex_);
    calls.swap(parked_);
  }
  std::erase_if(calls, [](const auto& call) { return call->answer_if_ready(); });
  const std::lock_guard lock(mutex_);
  if (closed_) {
    for (const auto& call : calls) call->Finish(draining_status());
    calls.clear();
  }
  parked_.insert(parked_.begin(), calls.begin(), calls.end());
  n_parked_.store(static_cast<int>(parked_.size()), std::memory_order_release);
}

void WindowCalls::end_all() {
  std::vector<std::shared_ptr<WindowCall>> calls;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    calls.swap(parked_);
    n_parked_.store(0, std::memory_order_release);
  }
  for (const auto& call : calls) call->Finish(draining_status());
}

}  // namespace melstream::rpc
