// Where each followed stream is: the token to go on with, and what was handed out already, so that a subscription that
// was broken off and resumed gives each frame once.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "melstream/v1/feature_service.pb.h"

#include "client/resume_file.hpp"

namespace melstream::client {

/// The stream that a response is about; empty for heartbeats.
const std::string& stream_of(const v1::SubscribeResponse& response);

class StreamPositions {
 public:
  /// @param many whether streams come and go: then those that have ended are forgotten. The token of a single stream
  /// stays, so that who resumes it after its end is told of the end, not of frames that it has.
  explicit StreamPositions(bool many) : many_(many) {}

  /// Tokens of an earlier run.
  void restore(const ResumeTokens& tokens);
  /// Takes off a response what came before: whole frames in front of a block or gap, or all of it. Levels and maxima of
  /// a block that is cut stay those of the whole. False: nothing of it is new.
  bool admit(v1::SubscribeResponse& response);
  /// Call it when the response is where it belongs: from there on the subscription can be resumed.
  void keep_token(const v1::SubscribeResponse& response);
  void keep_token(const std::string& stream, const std::string& token) { positions_[stream].token = token; }
  /// Its life is over for the daemon.
  void forget(const std::string& stream) { positions_.erase(stream); }

  /// Floats a frame; 0 before the stream's start.
  int bins(const std::string& stream) const;
  ResumeTokens tokens() const;
  /// Frames that came again and were taken off.
  std::int64_t n_duplicates() const noexcept { return n_duplicates_; }

 private:
  struct Position {
    std::string token;
    std::uint64_t epoch = 0;
    std::int64_t next_frame = 0;
    std::int64_t seen_frames = 0;  ///< those before are duplicates: how far the subscription before came
    int bins = 0;
    int hop_samples = 0;
    bool started = false;
  };

  bool admit_start(v1::SubscriptionStart& start);
  bool admit_block(v1::FeatureBlock& block);
  bool admit_gap(v1::Gap& gap);
  /// That of a started life of the stream; nullptr for any other.
  Position* find(const std::string& stream, std::uint64_t epoch);

  bool many_;
  std::unordered_map<std::string, Position> positions_;
  std::int64_t n_duplicates_ = 0;
};

/// Whether a stream's life is gone for the daemon, so that nothing can be resumed.
bool is_epoch_changed(const v1::SubscribeFailure& failure);

}  // namespace melstream::client
