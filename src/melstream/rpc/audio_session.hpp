// One call of StreamAudio: from its config to its streams' end. gRPC's callback threads bring requests, the worker
// resumes it when its feed has room again, and other publishers, the drain and the idle check end it: each step takes
// the session's mutex.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include <grpcpp/support/server_callback.h>

#include "melstream/access/access.hpp"
#include "melstream/rpc/environment.hpp"
#include "melstream/rpc/published_audio.hpp"
#include "melstream/rpc/publishers.hpp"
#include "melstream/v1/audio_service.pb.h"

namespace melstream::rpc {

class AudioSession final : public grpc::ServerBidiReactor<v1::StreamAudioRequest, v1::StreamAudioResponse>,
                           public PublishingCall,
                           public std::enable_shared_from_this<AudioSession> {
 public:
  /// The reactor of a new call; it owns itself until OnDone(). All references outlive it.
  static AudioSession* start(const Environment& environment, Publishers& publishers,
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
  AudioSession(const Environment& environment, Publishers& publishers);

  void open(const v1::AudioConfig& config);
  void taken_over();
  void fail(const std::exception& error);

  // With the mutex held.
  void take_chunk();
  void on_half_close();
  void push_pending();
  void complete();
  void block();
  void write_progress();
  void write_progress_if_due();
  void read_next();
  void wipe_request();
  /// Ends feeds and call. The first end counts.
  void end(core::EndReason reason, grpc::Status status);
  void send_end();
  /// finish_call(), in a retired server once the client has had time to read.
  void finish_after_last_words();
  void finish_call(const grpc::Status& status);

  const Environment& environment_;
  Publishers& publishers_;
  std::shared_ptr<access::Grant> grant_;  ///< null: refused; else as long as the call
  std::shared_ptr<AudioSession> self_;

  std::mutex mutex_;  // protects all below; request_ and response_ belong to gRPC while reading_ and writing_
  v1::StreamAudioRequest request_;
  v1::StreamAudioResponse response_;
  bool reading_ = false;
  bool writing_ = false;

  bool configured_ = false;                ///< a config came
  std::unique_ptr<PublishedAudio> audio_;  ///< once opened; its chunk is request_'s
  bool blocked_ = false;
  std::int64_t heard_mono_ns_;  ///< when the last request came

  bool progress_wanted_ = false;
  bool half_closed_ = false;
  /// A write that was begun after the half-close: only its success tells a half-close from a client that is gone.
  enum class Probe : std::uint8_t { kNone, kSent, kAlive } probe_ = Probe::kNone;

  std::optional<core::EndReason> end_reason_;  ///< set: over
  grpc::Status end_status_;
  bool end_sent_ = false;
  std::optional<std::int64_t> last_words_until_mono_ns_;  ///< of a retired server: the end is being read
  bool finished_ = false;                                 ///< gRPC was told
};

}  // namespace melstream::rpc
