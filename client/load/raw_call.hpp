// Client calls whose messages are bytes, many on one thread: a load generator must cost less than the server. For
// `melstream load`, and for the benchmarks of the wire.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

namespace melstream::client {

/// A copy of these bytes.
grpc::ByteBuffer to_buffer(const std::string& bytes);

template <typename Message>
grpc::ByteBuffer to_buffer(const Message& message) {
  return to_buffer(message.SerializeAsString());
}

class CallQueue;

/// A bidirectional call. Everything on the thread of its queue.
class RawCall {
 public:
  /// Who is told what came of a call's steps.
  class Owner {
   public:
    virtual ~Owner() = default;
    /// message() is the next one.
    virtual void on_read(RawCall& call) = 0;
    virtual void on_written(RawCall& call) = 0;
    /// Nothing more will come; status() says why.
    virtual void on_end(RawCall& call) = 0;
  };

  /// Starts the call with `first`; reads follow each other by themselves. All references outlive it.
  RawCall(const std::shared_ptr<grpc::Channel>& channel, const std::string& method, CallQueue& queue, int index,
          Owner& owner, const grpc::ByteBuffer& first);
  RawCall(const RawCall&) = delete;
  RawCall& operator=(const RawCall&) = delete;

  int index() const noexcept { return index_; }
  /// No message is on its way to gRPC.
  bool can_write() const noexcept { return started_ && !writing_ && !ended_; }
  /// Needs can_write().
  void write(const grpc::ByteBuffer& message);
  /// After the message under way, no more follow. Needs can_write().
  void writes_done();
  void cancel() { context_.TryCancel(); }
  grpc::ByteBuffer& message() noexcept { return message_; }
  const grpc::Status& status() const noexcept { return status_; }
  bool ended() const noexcept { return ended_; }

 private:
  friend class CallQueue;
  enum class Step : std::uint8_t { kStart, kWrite, kWritesDone, kRead, kFinish };
  struct Tag {
    RawCall* call;
    Step step;
  };
  void* tag(Step step) noexcept;
  void complete(Step step, bool ok);

  CallQueue& queue_;
  Owner& owner_;
  const int index_;
  std::array<Tag, 5> tags_;
  grpc::ClientContext context_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  grpc::ByteBuffer first_;
  grpc::ByteBuffer message_;
  grpc::Status status_;
  bool started_ = false;
  bool writing_ = false;
  bool ended_ = false;
};

/// The completion queue of calls of one thread.
class CallQueue {
 public:
  CallQueue() = default;
  CallQueue(const CallQueue&) = delete;
  CallQueue& operator=(const CallQueue&) = delete;
  /// All calls have ended and are destroyed.
  ~CallQueue();

  /// Handles what comes until then; 0: what is there.
  void run_until(std::int64_t steady_ns);
  /// Cancels those that have not ended and waits for their end. Before they are destroyed.
  void end(const std::vector<std::unique_ptr<RawCall>>& calls);
  /// True if steps of calls are under way.
  bool busy() const noexcept { return n_pending_ > 0; }

 private:
  friend class RawCall;
  grpc::CompletionQueue queue_;
  std::int64_t n_pending_ = 0;
};

}  // namespace melstream::client
