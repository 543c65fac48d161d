#include "client/publisher.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include <grpcpp/grpcpp.h>

#include "melstream/v1/audio_service.grpc.pb.h"

namespace melstream::client {
namespace {

constexpr std::chrono::seconds kStartTimeout{10};

}  // namespace

struct Publisher::Call {
  explicit Call(const Connection& connection) : stub(v1::AudioService::NewStub(connection.channel())) {}

  /// Reads until the call ends. Thread: reader.
  void read_responses() {
    v1::StreamAudioResponse response;
    while (stream->Read(&response)) {
      const std::lock_guard lock(mutex);
      if (response.has_started()) started = response.started();
      if (response.has_progress()) progress = response.progress();
      if (response.has_ended()) {
        ended = response.ended();
        progress = response.ended().totals();
      }
      changed.notify_all();
    }
    const std::lock_guard lock(mutex);
    closed = true;
    changed.notify_all();
  }

  /// Half-closes unless done, waits for the reader, takes the status.
  grpc::Status close() {
    stream->WritesDone();
    if (reader.joinable()) reader.join();
    finished = true;
    return stream->Finish();
  }

  grpc::ClientContext context;
  std::unique_ptr<v1::AudioService::Stub> stub;
  std::unique_ptr<grpc::ClientReaderWriter<v1::StreamAudioRequest, v1::StreamAudioResponse>> stream;
  v1::StreamAudioRequest request;  ///< reused, so that writing does not allocate; the writing thread's
  bool finished = false;           ///< the writing thread's

  mutable std::mutex mutex;  ///< guards what follows
  std::condition_variable changed;
  std::optional<v1::StreamStarted> started;
  std::optional<v1::StreamEnded> ended;
  v1::StreamProgress progress;
  bool closed = false;

  std::thread reader;
};

Publisher::Publisher(const Connection& connection, const v1::AudioConfig& config)
    : call_(std::make_unique<Call>(connection)) {
  Call& call = *call_;
  call.stream = call.stub->StreamAudio(&call.context);
  *call.request.mutable_config() = config;
  call.stream->Write(call.request);
  call.reader = std::thread([&call] { call.read_responses(); });
  bool silent = false;
  bool opened = false;
  {
    std::unique_lock lock(call.mutex);
    silent = !call.changed.wait_for(lock, kStartTimeout, [&] { return call.started || call.closed; });
    opened = call.started.has_value();
  }
  if (opened) return;
  if (silent) call.context.TryCancel();
  const grpc::Status status = call.close();
  if (silent || status.ok()) {
    throw ClientError(ExitCode::kUnavailable, "the daemon at " + connection.server() + " did not open the stream");
  }
  throw CallError(status);
}

Publisher::~Publisher() {
  if (call_->finished) return;
  call_->context.TryCancel();
  call_->close();
}

const v1::StreamStarted& Publisher::started() const noexcept { return *call_->started; }

bool Publisher::write(std::span<const std::byte> chunk) {
  call_->request.mutable_audio()->set_content(chunk.data(), chunk.size());
  return call_->stream->Write(call_->request);
}

v1::StreamEnded Publisher::finish() {
  const grpc::Status status = call_->close();
  if (!status.ok()) throw CallError(status);
  if (!call_->ended) throw ClientError(ExitCode::kFailure, "the daemon ended the call without the stream's totals");
  return *call_->ended;
}

v1::StreamProgress Publisher::progress() const {
  const std::lock_guard lock(call_->mutex);
  return call_->progress;
}

void Publisher::cancel() noexcept { call_->context.TryCancel(); }

}  // namespace melstream::client
