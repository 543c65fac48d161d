// One call of Subscribe on the completion queue: config, then responses, one write at a time, until the end. Requests
// and responses are raw bytes, so that blocks are serialized once for all readers. Thread: only "ms-subscribe".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>

#include <grpcpp/completion_queue.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/byte_buffer.h>

#include "melstream/access/access.hpp"
#include "melstream/rpc/credit.hpp"
#include "melstream/rpc/environment.hpp"
#include "melstream/rpc/feature_choice.hpp"
#include "melstream/rpc/feature_service.hpp"
#include "melstream/rpc/queue_budget.hpp"
#include "melstream/rpc/response_source.hpp"
#include "melstream/rpc/server_stats.hpp"
#include "melstream/rpc/stream_reader.hpp"
#include "melstream/v1/admin_service.pb.h"

namespace melstream::rpc {

/// What all calls stand on; outlives them.
struct CallParts {
  const ReaderParts& reader;
  FeatureServiceBase& service;
  grpc::ServerCompletionQueue& queue;
  QueueBudget& budget;

  const Environment& environment() const noexcept { return reader.environment; }
};

class SubscribeCall {
 public:
  /// Operations that come back through the queue.
  enum class Step : std::uint8_t { kAccept, kCancelled, kRead, kWrite, kFinish };
  struct Tag {
    SubscribeCall* call;
    Step step;
  };

  /// Waits for a client.
  explicit SubscribeCall(const CallParts& parts);
  SubscribeCall(const SubscribeCall&) = delete;
  SubscribeCall& operator=(const SubscribeCall&) = delete;

  /// A client is there. @param admitted false: too many, it is told so.
  void accepted(bool admitted);
  /// A step came back.
  void complete(Step step, bool ok);
  /// A tick has passed: writes what there is, if a write can be started, or a heartbeat.
  void on_tick(std::int64_t now_mono_ns);
  /// No step is under way and none will be: it can be freed.
  bool over() const noexcept { return n_pending_ == 0; }

  /// Since when a write is under way that the client does not take; nothing without one.
  std::optional<std::int64_t> writing_since_mono_ns() const noexcept;
  /// Ends the call, whose client takes nothing, to have the memory back.
  void cut();
  /// Once it is over.
  CloseReason close_reason() const noexcept { return close_reason_; }
  /// How much computed audio time it has not been told of, of the stream where it is most; nothing without a stream.
  std::optional<std::int64_t> lag_ns() const;
  /// False for one that has no config yet.
  bool describe(std::int64_t now_mono_ns, v1::SubscriptionInfo& out) const;

 private:
  void read();
  void on_read(bool ok);
  void on_request(const v1::SubscribeRequest& request);
  void on_write(bool ok);
  void subscribe(const v1::SubscribeConfig& config);
  void pump(std::int64_t now_mono_ns);
  void deliver(std::int64_t now_mono_ns);
  /// A heartbeat, if nothing else was told for a second.
  void beat(std::int64_t now_mono_ns);
  void write(WireMessage& message, bool is_last, std::int64_t now_mono_ns);
  void check_config_timeout(std::int64_t now_mono_ns);
  void finish(const grpc::Status& status, CloseReason reason);
  void send_last_status();
  /// With what the error means to the client.
  void fail(const std::exception& error);
  void let_go();
  void* tag(Step step) noexcept;

  const CallParts& parts_;
  std::array<Tag, 5> tags_;
  int n_pending_ = 0;  ///< steps under way
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_;
  grpc::ByteBuffer request_;

  std::shared_ptr<access::Grant> grant_;  ///< once accepted and admitted, to the end
  FeatureChoice features_;
  std::unique_ptr<ResponseSource> source_;  ///< from config to end
  std::optional<WireMessage> message_;      ///< from config on: its memory is reused
  Credit credit_;
  bool accepted_ = false;  ///< a client is there
  bool configured_ = false;
  bool writing_ = false;
  bool missed_tick_ = false;  ///< one passed during the write under way
  bool has_more_ = false;     ///< the message under way was full
  bool finishing_ = false;    ///< finish() was called, or the client is gone
  CloseReason close_reason_ = CloseReason::kCancelled;
  std::optional<grpc::Status> last_status_;  ///< to be sent when the write under way is done, or at last_words_until_
  std::optional<std::int64_t> last_words_until_mono_ns_;  ///< of a retired server: the last message is being read
  bool unpoked_ = false;                                  ///< rows were taken from a stream that waits for this reader
  std::int64_t told_mono_ns_ = 0;                         ///< when the last response was begun
  std::size_t n_queued_bytes_ = 0;                        ///< of the write under way
};

}  // namespace melstream::rpc
