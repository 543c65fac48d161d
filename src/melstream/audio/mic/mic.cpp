#include "melstream/audio/mic/mic.hpp"

#include <algorithm>
#include <utility>

#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

constexpr std::int64_t kMsNs = core::kNsPerSecond / 1000;
constexpr std::int64_t kPollNs = 50 * kMsNs;
constexpr std::int64_t kFirstBackOffNs = 500 * kMsNs;
constexpr std::int64_t kLongestBackOffNs = 10 * core::kNsPerSecond;

}  // namespace

Mic::Mic(const core::SourceSpec& spec, MicOptions options, const SourceParts& parts, MicControl& control)
    : spec_(spec),
      options_(std::move(options)),
      parts_(parts),
      control_(control),
      random_(static_cast<std::minstd_rand::result_type>(std::hash<std::string>()(spec.id))),
      wanted_(options_.always) {}

bool Mic::pass() {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::kEnded) return false;
  const std::int64_t now = parts_.clock.mono_ns();
  if (taken_over_ && taken_over_->load(std::memory_order_relaxed)) {
    drop_capture();
    close_stream(core::EndReason::kTakenOver);
    pause(now, "another publisher took the stream over; it is taken back when that one ends");
  }
  poll_readers(now);
  step(now);
  return phase_ == Phase::kLookingUp || phase_ == Phase::kOpening || phase_ == Phase::kCapturing;
}

void Mic::step(std::int64_t now) {
  switch (phase_) {
    case Phase::kResting:
      if (wanted_ || !stream_) attempt();
      break;
    case Phase::kPaused:
      if (stream_ && clock_->missing_until(now) >= format_.sample_rate_hz) count_outage(now);
      if (stream_ && !wanted_) return rest(now);
      if (now >= retry_ns_) attempt();
      break;
    case Phase::kLookingUp:
    case Phase::kOpening:
      if (stream_ && !wanted_) return rest(now);
      on_answer(now);
      break;
    case Phase::kCapturing:
      take_blocks();
      watch(now);
      if (!wanted_) rest(now);
      break;
    case Phase::kEnded:
      break;
  }
}

void Mic::poll_readers(std::int64_t now) {
  if (now < next_poll_ns_) return;
  next_poll_ns_ = now + kPollNs;
  tell_hang(now);
  if (options_.always) return;
  if (stream_ && stream_->n_readers() > 0) last_read_ns_ = now;
  wanted_ = last_read_ns_ > 0 && (last_read_ns_ == now || now - last_read_ns_ < options_.linger_ns);
}

void Mic::attempt() {
  CaptureRequest request{.source_id = spec_.id,
                         .name = options_.name,
                         .known = device_,
                         .format = std::nullopt,
                         .was_refused_format = looked_again_,
                         .n_failures = n_failures_};
  phase_ = !stream_ || was_refused_format_ ? Phase::kLookingUp : Phase::kOpening;
  if (phase_ == Phase::kOpening) {
    request.format = CaptureFormat{
        .sample_rate_hz = format_.sample_rate_hz, .n_channels = format_.n_channels, .latency_s = options_.latency_s};
  }
  capture_ = control_.want(std::move(request));
}

void Mic::rest(std::int64_t now) {
  drop_capture();
  last_read_ns_ = 0;
  n_failures_ = 0;
  problem_.clear();
  device_was_lost_ = false;
  phase_ = Phase::kResting;
  if (!has_audio()) return;
  // The next capture is a life of its own.
  close_stream(core::EndReason::kCompleted);
  open_stream(now, format_);
}

void Mic::on_answer(std::int64_t now) {
  const Capture::Result result = capture_->result();
  switch (result.state) {
    case Capture::State::kPending:
      return;
    case Capture::State::kFailed:
      return fail(now, result.problem, result.message);
    case Capture::State::kReady:
      return phase_ == Phase::kLookingUp ? on_looked_up(now, result) : on_opened(now, result);
  }
}

void Mic::on_looked_up(std::int64_t now, const Capture::Result& result) {
  drop_capture();
  core::PcmFormat format;
  try {
    format = mic_format(options_, result.device);
  } catch (const DeviceError& error) {
    return fail(now, error.problem(), error.what());
  }
  device_ = result.device;
  looked_again_ = std::exchange(was_refused_format_, false);
  const bool same =
      stream_ && format.sample_rate_hz == format_.sample_rate_hz && format.n_channels == format_.n_channels;
  if (stream_ && !same) close_stream(core::EndReason::kSourceLost);
  phase_ = Phase::kResting;
  if (!stream_) open_stream(now, format);
  if (same) attempt();
}

void Mic::on_opened(std::int64_t now, const Capture::Result& result) {
  device_ = result.device;
  ring_ = result.ring;
  opened_ns_ = now;
  block_ns_ = 0;
  backlog_since_ns_ = 0;
  first_block_ = true;
  problem_.clear();
  told_problem_.clear();
  looked_again_ = false;
  phase_ = Phase::kCapturing;
  if (device_was_lost_) return;
  tell(SourceEvent::Level::kInfo, "device_opened",
       {{"device", device_.name},
        {"host_api", device_.host_api},
        {"sample_rate_hz", std::to_string(format_.sample_rate_hz)},
        {"n_channels", std::to_string(format_.n_channels)}});
}

void Mic::fail(std::int64_t now, DeviceProblem problem, const std::string& message) {
  drop_capture();
  was_refused_format_ = was_refused_format_ || (problem == DeviceProblem::kFormat && stream_);
  if (message != told_problem_) {
    tell(SourceEvent::Level::kWarning, problem == DeviceProblem::kNotFound ? "device_not_found" : "device_refused",
         {{"reason", message}});
  }
  told_problem_ = message;
  pause(now, message);
}

void Mic::pause(std::int64_t now, const std::string& problem) {
  problem_ = problem;
  retry_ns_ = now + back_off_ns();
  ++n_failures_;
  phase_ = Phase::kPaused;
}

std::int64_t Mic::back_off_ns() {
  const std::int64_t whole = std::min(kLongestBackOffNs, kFirstBackOffNs << std::min(n_failures_, 5));
  // Up to a fifth less, so that many microphones of one server do not come at once.
  return whole - std::uniform_int_distribution<std::int64_t>(0, whole / 5)(random_);
}

void Mic::open_stream(std::int64_t now, const core::PcmFormat& format) {
  format_ = format;
  taken_over_ = std::make_shared<std::atomic<bool>>(false);
  core::StreamRequest request{.id = spec_.id,
                              .labels = spec_.labels,
                              .format = format,
                              .conceal = options_.conceal,
                              .fast = false,
                              .local = true,
                              .on_takeover = [flag = taken_over_] { flag->store(true, std::memory_order_relaxed); }};
  try {
    stream_ = parts_.open_stream(std::move(request));
    clock_.emplace(format.sample_rate_hz);
  } catch (const core::Error& error) {
    fail(now, DeviceProblem::kRefused, error.what());
  }
}

void Mic::close_stream(core::EndReason reason) {
  if (!stream_) return;
  stream_->ingest().finish(reason);
  counts_.add(stream_->ingest().counters());
  stream_.reset();
  taken_over_.reset();
  clock_.reset();
}

bool Mic::has_audio() const { return stream_ && stream_->ingest().counters().offered > 0; }

void Mic::drop_capture() {
  if (!capture_) return;
  control_.release(*capture_);
  if (ring_) counts_.add(ring_->counts());
  capture_.reset();
  ring_.reset();
}

void Mic::tell_hang(std::int64_t now) {
  const auto busy = control_.busy();
  if (!busy || busy->source_id != spec_.id || !is_hang(*busy, now) || hang_told_ns_ == busy->since_ns) return;
  hang_told_ns_ = busy->since_ns;
  tell(SourceEvent::Level::kWarning, "audio_backend_hangs",
       {{"call", busy->call},
        {"device", busy->device},
        {"for", std::to_string((now - busy->since_ns) / core::kNsPerSecond) + " s"}});
}

void Mic::tell(SourceEvent::Level level, std::string_view name, SourceEvent::Fields fields) const {
  parts_.tell({.level = level, .name = name, .fields = std::move(fields)});
}

void Mic::end(core::EndReason reason) {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::kEnded) return;
  if (phase_ == Phase::kCapturing) take_blocks();
  drop_capture();
  close_stream(reason);
  phase_ = Phase::kEnded;
}

}  // namespace melstream::audio
