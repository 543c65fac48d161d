// Resume tokens: where a subscription stood, sealed so that nobody but this daemon can make one. A token tells its
// holder nothing that he was not sent, and asking with a made-up one is answered as with one whose stream is forgotten.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "melstream/pipeline/feature_history.hpp"
#include "melstream/rpc/feature_choice.hpp"

namespace melstream::rpc {

/// What a token says.
struct ResumePoint {
  std::string stream;
  std::uint64_t epoch = 0;
  pipeline::Cursor cursor;
  float running_max = 0.0F;
};

/// HMAC-SHA-256 (RFC 2104), cut to 128 bits, under a random key that lives as long as the object. Not thread-safe.
class ResumeTokens {
 public:
  /// Throws std::runtime_error if there is no randomness.
  ResumeTokens();
  ResumeTokens(const ResumeTokens&) = delete;
  ResumeTokens& operator=(const ResumeTokens&) = delete;
  ~ResumeTokens();

  /// @param features those that the frames are of: another front end or smoothing counts other frames.
  /// @param out its memory is reused.
  void seal(const ResumePoint& point, const FeatureChoice& features, std::string& out);
  /// Throws Error: kInvalidArgument (no token at all, or one for other features), EpochChanged (not ours).
  ResumePoint open(std::string_view token, const FeatureChoice& features);
  /// The id that a token claims, ours or not; empty if that is no id.
  static std::string claimed_stream(std::string_view token);

 private:
  struct Mac;
  const std::unique_ptr<Mac> mac_;
};

}  // namespace melstream::rpc
