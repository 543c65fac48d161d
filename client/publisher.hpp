// One StreamAudio call: a stream that this process publishes.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "melstream/v1/audio_service.pb.h"

#include "client/connection.hpp"

namespace melstream::client {

class Publisher {
 public:
  /// Opens the stream and waits until the daemon has it. Throws CallError, or ClientError(kUnavailable) after 10 s.
  Publisher(const Connection& connection, const v1::AudioConfig& config);
  /// Cancels a call that was not finished: the daemon ends the stream with SOURCE_LOST.
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  const v1::StreamStarted& started() const noexcept;
  /// False if the call has ended; finish() then says why. Blocks while the daemon takes no more. One thread at a time.
  bool write(std::span<const std::byte> chunk);
  /// Half-closes, waits for what is left to be flushed, and returns the totals. Throws CallError. The writing thread.
  v1::StreamEnded finish();
  /// The newest that the daemon said. Any thread.
  v1::StreamProgress progress() const;
  /// Ends the call at once; write() then returns false. Any thread.
  void cancel() noexcept;

 private:
  struct Call;
  std::unique_ptr<Call> call_;
};

}  // namespace melstream::client
