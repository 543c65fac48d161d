// One call of StreamAudioBatch: the audio of many streams in one message, one lock a message. gRPC's callback threads
// bring requests, the worker keeps house and ends streams that had no room for their end, other publishers take streams
// over, the drain ends all: each step takes the session's mutex.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include <grpcpp/support/server_callback.h>

#include "melstream/access/access.hpp"
#include "melstream/rpc/environment.hpp"
#include "melstream/rpc/published_audio.hpp"
#include "melstream/rpc/publishers.hpp"
#include "melstream/v1/audio_service.pb.h"

namespace melstream::rpc {

class BatchSession final : public grpc::ServerBidiReactor<v1::StreamAudioBatchRequest, v1::StreamAudioBatchResponse>,
                           public PublishingCall,
                           public std::enable_shared_from_this<BatchSession> {
 public:
  /// The reactor of a new call; it owns itself until OnDone(). All references outlive it.
  static BatchSession* start(const Environment& environment, Publishers& publishers,
                             const grpc::CallbackServerContext& context);

  // Any thread.
  void resume() override;
  void keep_house(std::int64_t now_mono_ns) override;
  void shut_down() override;

  // gRPC.
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  struct BatchStream {
    std::uint32_t number = 0;
    std::unique_ptr<PublishedAudio> audio;  ///< null: refused
    grpc::Status refusal;
    std::int64_t heard_mono_ns = 0;
    bool taken_over = false;  ///< perhaps while it opens
    bool closing = false;     ///< its end waits for room
  };
  using Opened = std::vector<std::shared_ptr<BatchStream>>;

  BatchSession(const Environment& environment, Publishers& publishers)
      : environment_(environment), publishers_(publishers) {}

  // Without the mutex: the registry may call this session or another.
  Opened open_streams();
  void open(const v1::AudioConfig& config, const std::shared_ptr<BatchStream>& stream);
  void taken_over(const std::shared_ptr<BatchStream>& stream);

  // With the mutex held.
  void add(const Opened& opened, std::int64_t now_mono_ns);
  void take_chunks(std::int64_t now_mono_ns);
  void close_streams();
  /// Null for a stream that is over. Throws Error for a number that was never opened.
  BatchStream* find(std::uint32_t number);
  void fail(BatchStream& stream, core::EndReason reason, const grpc::Status& status);
  void end_stream(BatchStream& stream, core::EndReason reason);
  /// Ends it now, or once its feed has room for its end.
  void close(BatchStream& stream);
  void end_if_complete();
  v1::BatchUpdate& add_update(std::uint32_t number);
  void read_next();
  void wipe_request();
  void flush();
  void write();
  /// Ends streams and call. The first end counts.
  void end(core::EndReason reason, grpc::Status status);
  void send_rest();
  /// finish_call(), in a retired server once the client has had time to read.
  void finish_after_last_words();
  void finish_call(const grpc::Status& status);

  const Environment& environment_;
  Publishers& publishers_;
  std::shared_ptr<access::Grant> grant_;  ///< null: refused; else as long as the call
  std::shared_ptr<BatchSession> self_;
  std::uint32_t n_opens_ = 0;  ///< numbers used; reads alone, which are one at a time

  std::mutex mutex_;  // protects all below; request_ and response_ belong to gRPC while reading_ and writing_
  v1::StreamAudioBatchRequest request_;  ///< used again and again, so that a chunk costs no allocation
  v1::StreamAudioBatchResponse response_;
  v1::StreamAudioBatchResponse pending_;  ///< goes out next
  bool reading_ = false;                  ///< or request_ is being opened
  bool read_wanted_ = false;
  bool writing_ = false;

  std::unordered_map<std::uint32_t, std::shared_ptr<BatchStream>> streams_;
  bool blocked_ = false;  ///< a stream is closing
  bool half_closed_ = false;
  /// A write that was begun after the half-close: only its success tells a half-close from a client that is gone.
  enum class Probe : std::uint8_t { kNone, kSent, kAlive } probe_ = Probe::kNone;

  std::optional<core::EndReason> end_reason_;  ///< set: over
  grpc::Status end_status_;
  std::optional<std::int64_t> last_words_until_mono_ns_;  ///< of a retired server: the end is being read
  bool finished_ = false;                                 ///< gRPC was told
};

}  // namespace melstream::rpc
