#include "client/subscriber.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

#include <grpcpp/grpcpp.h>

#include "melstream/v1/feature_service.grpc.pb.h"

#include "client/ack_pacer.hpp"

namespace melstream::client {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// What a completion is about.
enum Operation { kTimeout, kStart, kRead, kWrite, kFinish };

/// gRPC's tags are pointers: into this.
constexpr std::array<char, kFinish + 1> kPlaces{};

void* tag(Operation operation) noexcept { return const_cast<char*>(&kPlaces[operation]); }

Operation operation_of(const void* which) noexcept {
  return static_cast<Operation>(static_cast<const char*>(which) - kPlaces.data());
}

}  // namespace

/// The completion queue is turned by next() alone: so one thread can read, and acknowledge while there is nothing to
/// read.
struct Subscriber::Call {
  Call(const Connection& connection, const SubscriberOptions& given)
      : options(given), stub(v1::FeatureService::NewStub(connection.channel())) {}

  struct Event {
    Operation operation = kTimeout;
    bool ok = false;
  };

  /// The next completion, or kTimeout.
  Event wait(SteadyClock::duration longest) {
    void* which = nullptr;
    Event event;
    const auto deadline =
        std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::system_clock::duration>(longest);
    if (queue.AsyncNext(&which, &event.ok, deadline) != grpc::CompletionQueue::GOT_EVENT) return {};
    event.operation = operation_of(which);
    --n_under_way;
    if (event.operation == kRead) reading = false;
    if (event.operation == kWrite) writing = false;
    return event;
  }

  void read() {
    if (reading) return;
    stream->Read(&incoming, tag(kRead));
    reading = true;
    ++n_under_way;
  }

  void write(const v1::SubscribeRequest& request, bool last) {
    if (last) {
      stream->WriteLast(request, grpc::WriteOptions(), tag(kWrite));
    } else {
      stream->Write(request, tag(kWrite));
    }
    writing = true;
    ++n_under_way;
  }

  void acknowledge_if_due() {
    const auto now = SteadyClock::now();
    if (!options.acknowledge || writing || !pacer.due(n_done, now)) return;
    v1::SubscribeRequest request;
    request.mutable_acknowledgement()->set_response_count(n_done);
    write(request, false);
    pacer.sent(n_done, now);
  }

  /// Until there is something to do besides reading.
  SteadyClock::duration longest_wait(SteadyClock::time_point heard) const {
    const auto now = SteadyClock::now();
    SteadyClock::duration longest = std::chrono::hours(1);
    if (const auto due = pacer.due_at(n_done); options.acknowledge && !writing && due && *due > now)
      longest = *due - now;
    if (options.longest_silence.count() > 0) {
      const auto end = heard + options.longest_silence;
      longest = std::min(longest, end > now ? end - now : SteadyClock::duration::zero());
    }
    return longest;
  }

  bool silent_since(SteadyClock::time_point heard) const {
    return options.longest_silence.count() > 0 && SteadyClock::now() - heard >= options.longest_silence;
  }

  /// Takes the status, and what is still under way.
  grpc::Status finish() {
    finished = true;
    grpc::Status status;
    stream->Finish(&status, tag(kFinish));
    ++n_under_way;
    while (n_under_way > 0) wait(std::chrono::hours(1));
    return status;
  }

  SubscriberOptions options;
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  std::unique_ptr<v1::FeatureService::Stub> stub;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::SubscribeRequest, v1::SubscribeResponse>> stream;
  v1::SubscribeRequest first_request;
  v1::SubscribeResponse incoming;  ///< gRPC's while reading
  v1::SubscribeBatch batch;        ///< the one being handed out
  int n_handed_out = 0;            ///< of the batch
  std::int64_t n_read = 0;         ///< responses, a batch is one
  std::int64_t n_done = 0;         ///< of them: the caller has come back for the next
  AckPacer pacer;
  int n_under_way = 0;  ///< completions to come
  bool reading = false;
  bool writing = false;
  bool finished = false;
  std::atomic<bool> cancelled = false;  ///< written by cancel(), read by next() to tell our own end from a failure
};

Subscriber::Subscriber(const Connection& connection, const v1::SubscribeConfig& config,
                       const SubscriberOptions& options)
    : call_(std::make_unique<Call>(connection, options)) {
  Call& call = *call_;
  *call.first_request.mutable_config() = config;
  call.stream = call.stub->AsyncSubscribe(&call.context, &call.queue, tag(kStart));
  ++call.n_under_way;
}

Subscriber::~Subscriber() {
  Call& call = *call_;
  if (!call.finished) {
    call.context.TryCancel();
    // gRPC wants what is under way to be over before the status is asked for.
    while (call.n_under_way > 0) call.wait(std::chrono::hours(1));
    call.finish();
  }
  call.queue.Shutdown();
  void* which = nullptr;
  bool ok = false;
  while (call.queue.Next(&which, &ok)) {
  }
}

bool Subscriber::next(v1::SubscribeResponse& response) {
  Call& call = *call_;
  if (call.n_handed_out < call.batch.responses_size()) {
    response.Swap(call.batch.mutable_responses(call.n_handed_out++));
    return true;
  }
  if (call.finished) return false;
  call.n_done = call.n_read;
  auto heard = SteadyClock::now();
  if (call.n_read > 0) call.read();
  while (true) {
    call.acknowledge_if_due();
    const Call::Event event = call.wait(call.longest_wait(heard));
    if (event.operation == kTimeout) {
      if (!call.silent_since(heard)) continue;
      call.context.TryCancel();
      throw ClientError(ExitCode::kUnavailable, "the daemon has said nothing for " +
                                                    std::to_string(call.options.longest_silence.count() / 1000) + " s");
    }
    if (event.operation == kStart && event.ok) {
      call.write(call.first_request, !call.options.acknowledge);
      call.read();
    } else if (event.operation == kRead && event.ok) {
      ++call.n_read;
      if (!call.incoming.has_batch()) {
        response.Swap(&call.incoming);
        return true;
      }
      call.batch.Swap(call.incoming.mutable_batch());
      call.n_handed_out = 0;
      if (call.batch.responses_size() > 0) return next(response);
      call.n_done = call.n_read;
      heard = SteadyClock::now();
      call.read();
    } else if (event.operation != kWrite) {
      // The call is over: it was not begun, or there is nothing more to read.
      break;
    }
  }
  const grpc::Status status = call.finish();
  if (!status.ok() && !call.cancelled) throw CallError(status);
  return false;
}

void Subscriber::cancel() noexcept {
  call_->cancelled = true;
  call_->context.TryCancel();
}

}  // namespace melstream::client
