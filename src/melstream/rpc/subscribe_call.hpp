// One call of Subscribe on the completion queue: config, then deliveries, one write at a time, until End. Thread: only
// "ms-subscribe".
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include <grpcpp/completion_queue.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include "melstream/pipeline/subscription.hpp"
#include "melstream/rpc/delivery_encoder.hpp"
#include "melstream/rpc/environment.hpp"
#include "melstream/rpc/feature_service.hpp"

namespace melstream::rpc {

class SubscribeCall {
 public:
  /// Operations that come back through the queue.
  enum class Step : std::uint8_t { kAccept, kCancelled, kRead, kWrite, kFinish };
  struct Tag {
    SubscribeCall* call;
    Step step;
  };

  /// Waits for a client. All references outlive the call.
  SubscribeCall(const Environment& environment, FeatureServiceBase& service, grpc::ServerCompletionQueue& queue);
  SubscribeCall(const SubscribeCall&) = delete;
  SubscribeCall& operator=(const SubscribeCall&) = delete;

  /// A client is there. @param admitted false: too many, it is told so.
  void accepted(bool admitted);
  /// A step came back.
  void complete(Step step, bool ok);
  /// Writes what there is, if a write can be started: the next delivery, or a heartbeat.
  void pump(std::int64_t now_mono_ns);
  /// No step is under way and none will be: it can be freed.
  bool over() const noexcept { return n_pending_ == 0; }

 private:
  void read();
  void on_read(bool ok);
  void subscribe(const v1::SubscribeConfig& config);
  void deliver(std::int64_t now_mono_ns);
  void write(std::int64_t now_mono_ns);
  void finish(const grpc::Status& status);
  void let_go();
  void* tag(Step step) noexcept;

  const Environment& environment_;
  std::array<Tag, 5> tags_;
  int n_pending_ = 0;  ///< steps under way
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<v1::SubscribeResponse, v1::SubscribeRequest> stream_;
  v1::SubscribeRequest request_;
  v1::SubscribeResponse response_;

  std::unique_ptr<pipeline::Subscription> subscription_;  ///< from config to end
  std::optional<DeliveryEncoder> encoder_;
  bool accepted_ = false;  ///< a client is there
  bool configured_ = false;
  bool writing_ = false;
  bool finishing_ = false;                   ///< finish() was called, or the client is gone
  std::optional<grpc::Status> last_status_;  ///< to be sent when the write under way is done
  bool unpoked_ = false;                     ///< rows were taken from a stream that waits for this reader
  std::int64_t told_mono_ns_ = 0;            ///< when the last response was begun
};

}  // namespace melstream::rpc
