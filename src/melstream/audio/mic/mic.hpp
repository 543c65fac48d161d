// One microphone: when its device is opened and closed, what its samples become, what is lost when it fails. Runs on
// ms-capture; never waits.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>

#include "melstream/audio/mic/capture.hpp"
#include "melstream/audio/mic/capture_clock.hpp"
#include "melstream/audio/mic/mic_control.hpp"
#include "melstream/audio/mic/mic_options.hpp"
#include "melstream/audio/source.hpp"

namespace melstream::audio {

class Mic final {
 public:
  /// All that it is given outlives end().
  Mic(const core::SourceSpec& spec, MicOptions options, const SourceParts& parts, MicControl& control);

  /// ms-capture, every 5 ms; 50 ms do where it returns false.
  bool pass();

  // Any thread.
  core::SourceStatus status() const;
  /// Touches nothing that it was given from then on. Only the first call counts.
  void end(core::EndReason reason);

 private:
  enum class Phase : std::uint8_t {
    kResting,    ///< nobody wants it
    kLookingUp,  ///< which device it is, and its format
    kOpening,    ///< the device
    kCapturing,
    kPaused,  ///< until the next attempt
    kEnded,
  };
  struct Counts {
    void add(const core::CaptureCounts& more);
    void add(const core::IngestCounters& more);

    core::CaptureCounts captured;  ///< of devices that were closed
    core::IngestCounters ingest;   ///< of streams that ended
    std::int64_t n_losses = 0;
    std::int64_t n_reopens = 0;
    std::int64_t n_missing = 0;  ///< samples per channel that no device delivered
  };

  // What follows is called with the mutex held.
  void step(std::int64_t now);
  void poll_readers(std::int64_t now);
  void attempt();
  void rest(std::int64_t now);
  void on_answer(std::int64_t now);
  void on_looked_up(std::int64_t now, const Capture::Result& result);
  void on_opened(std::int64_t now, const Capture::Result& result);
  void fail(std::int64_t now, DeviceProblem problem, const std::string& message);
  void pause(std::int64_t now, const std::string& problem);
  std::int64_t back_off_ns();

  void open_stream(std::int64_t now, const core::PcmFormat& format);
  void close_stream(core::EndReason reason);
  bool has_audio() const;

  void take_blocks();
  void take_block(const core::CaptureBlock& block);
  void push(std::span<const float> interleaved, std::int64_t received_ns, std::int64_t capture_ns);
  /// Samples that no device delivered; the clock is advanced by them already.
  void miss(std::int64_t n_samples);
  void watch(std::int64_t now);
  void lose_device(std::int64_t now, std::string_view event, const SourceEvent::Fields& fields);
  /// What the outage has cost so far, so that readers hear of a gap before its end.
  void count_outage(std::int64_t now);
  void drop_capture();

  void tell_hang(std::int64_t now);
  void tell(SourceEvent::Level level, std::string_view name, SourceEvent::Fields fields) const;
  std::string detail() const;
  std::string device_text() const;

  const core::SourceSpec spec_;
  const MicOptions options_;
  const SourceParts parts_;
  MicControl& control_;

  mutable std::mutex mutex_;  // protects what follows
  Phase phase_ = Phase::kResting;
  std::string problem_;  // of kPaused
  std::string told_problem_;
  std::int64_t retry_ns_ = 0;
  int n_failures_ = 0;  // in a row
  std::minstd_rand random_;

  bool wanted_ = false;
  std::int64_t last_read_ns_ = 0;  // 0: nobody read since it rested
  std::int64_t next_poll_ns_ = 0;
  std::int64_t hang_told_ns_ = 0;  // the hang that began then

  std::unique_ptr<core::OpenStream> stream_;
  core::PcmFormat format_;
  std::shared_ptr<std::atomic<bool>> taken_over_;  // set by any thread, read by ms-capture; nothing goes with it
  std::optional<CaptureClock> clock_;              // of the stream
  bool was_refused_format_ = false;                // at the last opening, and the device was not looked up since
  bool looked_again_ = false;                      // after that

  std::shared_ptr<Capture> capture_;
  std::shared_ptr<core::CaptureRing> ring_;
  core::AudioDevice device_;  // the last that was found
  std::int64_t opened_ns_ = 0;
  std::int64_t block_ns_ = 0;          // length of the last block
  std::int64_t backlog_since_ns_ = 0;  // 0: there is none
  bool device_was_lost_ = false;       // and no sample came since
  std::int64_t n_outage_ = 0;          // samples per channel that are missing since then
  bool first_block_ = false;           // the next is the device's first
  Counts counts_;
};

}  // namespace melstream::audio
