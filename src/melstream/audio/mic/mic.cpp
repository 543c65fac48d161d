#include "melstream/audio/mic/mic.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

constexpr std::int64_t kMsNs = core::kNsPerSecond / 1000;
constexpr std::int64_t kPollNs = 50 * kMsNs;
constexpr std::int64_t kFirstBackOffNs = 500 * kMsNs;
constexpr std::int64_t kLongestBackOffNs = 10 * core::kNsPerSecond;
// A device that captured for so long is well again.
constexpr std::int64_t kWellNs = 5 * core::kNsPerSecond;
// No callback for so long: stalled. The first may take long (1.7 s were seen).
constexpr std::int64_t kStallNs = 500 * kMsNs;
constexpr std::int64_t kStallBlocks = 10;
constexpr std::int64_t kFirstCallbackNs = 3 * core::kNsPerSecond;
// Samples that lie in the sound server for nearly as long as the callback can tell, over so long: it will not catch up.
constexpr std::int64_t kBacklogNs = 900 * kMsNs;
constexpr std::int64_t kBacklogPatienceNs = 2 * core::kNsPerSecond;
constexpr std::int64_t kHangNs = 5 * core::kNsPerSecond;

void add(core::IngestCounters& sum, const core::IngestCounters& more) {
  sum.offered += more.offered;
  sum.accepted += more.accepted;
  sum.dropped += more.dropped;
  sum.concealed += more.concealed;
}

void add(core::CaptureCounts& sum, const core::CaptureCounts& more) {
  sum.n_callbacks += more.n_callbacks;
  sum.n_samples += more.n_samples;
  sum.n_overflowed += more.n_overflowed;
}

std::string seconds_text(std::int64_t ns) { return std::to_string(ns / core::kNsPerSecond) + " s"; }

}  // namespace

Mic::Mic(const core::SourceSpec& spec, MicOptions options, const SourceParts& parts, MicControl& control)
    : spec_(spec),
      options_(std::move(options)),
      parts_(parts),
      control_(control),
      random_(static_cast<std::minstd_rand::result_type>(std::hash<std::string>()(spec.id))),
      wanted_(options_.always) {}

void Mic::pass() {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::kEnded) return;
  const std::int64_t now = parts_.clock.mono_ns();
  if (taken_over_ && taken_over_->load(std::memory_order_relaxed)) {
    drop_capture();
    close_stream(core::EndReason::kTakenOver);
    pause(now, "another publisher took the stream over; it is taken back when that one ends");
  }
  poll_readers(now);
  switch (phase_) {
    case Phase::kResting:
      if (wanted_ || !stream_) attempt();
      break;
    case Phase::kPaused:
      count_outage(now);
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
    request.format = CaptureFormat{.sample_rate_hz = format_.sample_rate_hz,
                                   .n_channels = format_.n_channels,
                                   .latency_s = options_.latency_s};
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
  const bool same = stream_ && format.sample_rate_hz == format_.sample_rate_hz && format.n_channels == format_.n_channels;
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
  if (device_was_lost_) {
    ++counts_.n_reopens;
    return;
  }
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
  add(counts_.ingest, stream_->ingest().counters());
  stream_.reset();
  taken_over_.reset();
  clock_.reset();
}

bool Mic::has_audio() const { return stream_ && stream_->ingest().counters().offered > 0; }

void Mic::take_blocks() {
  while (const core::CaptureBlock* const block = ring_->block()) {
    take_block(*block);
    ring_->pop();
  }
}

void Mic::take_block(const core::CaptureBlock& block) {
  if (block.n_lost_before > 0) {
    lose(block.n_lost_before, core::GapReason::kCaptureOverflow);
    clock_->advance(block.n_lost_before);
  }
  const bool reopened = std::exchange(first_block_, false) && has_audio();
  const std::int64_t n_missing = clock_->missing_before(block, reopened);
  counts_.n_missing += n_missing;
  lose(n_missing, core::GapReason::kDeviceLost);
  if (std::exchange(device_was_lost_, false)) {
    tell(SourceEvent::Level::kInfo, "device_back",
         {{"device", device_.name}, {"attempts", std::to_string(n_failures_)}});
  }
  block_ns_ = block.n_samples * core::kNsPerSecond / format_.sample_rate_hz;
  const bool is_behind = block.called_mono_ns - block.capture_mono_ns > kBacklogNs;
  if (!is_behind) backlog_since_ns_ = 0;
  if (is_behind && backlog_since_ns_ == 0) backlog_since_ns_ = block.called_mono_ns;
  std::int64_t capture_ns = block.capture_mono_ns;
  for (const std::span<const float> part : ring_->samples()) {
    push(part, block.called_mono_ns, capture_ns);
    capture_ns += static_cast<std::int64_t>(part.size()) / format_.n_channels * core::kNsPerSecond / format_.sample_rate_hz;
  }
  clock_->advance(block.n_samples);
}

void Mic::push(std::span<const float> interleaved, std::int64_t received_ns, std::int64_t capture_ns) {
  const auto n_channels = static_cast<std::size_t>(format_.n_channels);
  const std::size_t n_most = core::kMaxChunkBytes / sizeof(float) / n_channels;  // per channel
  while (!interleaved.empty()) {
    const std::size_t n = std::min(n_most, interleaved.size() / n_channels);
    stream_->ingest().push(std::as_bytes(interleaved.first(n * n_channels)),
                           {.received_mono_ns = received_ns, .capture_mono_ns = capture_ns});
    interleaved = interleaved.subspan(n * n_channels);
    capture_ns += static_cast<std::int64_t>(n) * core::kNsPerSecond / format_.sample_rate_hz;
  }
}

void Mic::lose(std::int64_t n_samples, core::GapReason reason) { stream_->ingest().lose(n_samples, reason); }

void Mic::watch(std::int64_t now) {
  const core::CaptureCounts counts = ring_->counts();
  if (ring_->finished()) {
    take_blocks();  // what came between the look before and the end
    const bool for_rescan = capture_->result().closed_for_rescan;
    lose_device(now, "device_lost",
                {{"device", device_.name}, {"reason", for_rescan ? "the list of devices is read anew" : "it stopped"}});
    if (for_rescan) retry_ns_ = now;
    return;
  }
  const bool was_called = counts.last_called_ns > 0;
  const std::int64_t age_ns = now - std::max(opened_ns_, counts.last_called_ns);
  if (age_ns > (was_called ? std::max(kStallNs, kStallBlocks * block_ns_) : kFirstCallbackNs)) {
    return lose_device(now, "device_stalled",
                       {{"device", device_.name}, {"silent_ms", std::to_string(age_ns / kMsNs)}});
  }
  if (backlog_since_ns_ != 0 && now - backlog_since_ns_ > kBacklogPatienceNs) {
    return lose_device(now, "device_stalled", {{"device", device_.name}, {"reason", "over 0.9 s behind, and stays so"}});
  }
  if (now - opened_ns_ > kWellNs) n_failures_ = 0;
}

void Mic::lose_device(std::int64_t now, std::string_view event, const SourceEvent::Fields& fields) {
  tell(SourceEvent::Level::kWarning, event, fields);
  ++counts_.n_losses;
  device_was_lost_ = true;
  drop_capture();
  pause(now, "microphone '" + device_.name + "' was lost");
  clock_->forget_drift();
  const std::int64_t n_missing = clock_->missing_until(now);
  clock_->advance(n_missing);
  counts_.n_missing += n_missing;
  lose(n_missing, core::GapReason::kDeviceLost);
}

void Mic::count_outage(std::int64_t now) {
  if (!stream_) return;
  const std::int64_t n_missing = clock_->missing_until(now);
  if (n_missing < format_.sample_rate_hz) return;
  clock_->advance(n_missing);
  counts_.n_missing += n_missing;
  lose(n_missing, core::GapReason::kDeviceLost);
}

void Mic::drop_capture() {
  if (!capture_) return;
  control_.release(*capture_);
  if (ring_) add(counts_.captured, ring_->counts());
  capture_.reset();
  ring_.reset();
}

void Mic::tell_hang(std::int64_t now) {
  const auto busy = control_.busy();
  if (!busy || busy->source_id != spec_.id || now - busy->since_ns < kHangNs || hang_told_ns_ == busy->since_ns) return;
  hang_told_ns_ = busy->since_ns;
  tell(SourceEvent::Level::kWarning, "audio_backend_hangs",
       {{"call", busy->call}, {"device", busy->device}, {"for", seconds_text(now - busy->since_ns)}});
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

core::SourceStatus Mic::status() const {
  const std::lock_guard lock(mutex_);
  core::SourceStatus status;
  status.detail = detail();
  for (int i = 0; stream_ && i < format_.n_feeds(); ++i) {
    const bool split = format_.channel_mode == core::ChannelMode::kSplit;
    status.streams.push_back(split ? spec_.id + "." + std::to_string(i) : spec_.id);
  }
  switch (phase_) {
    case Phase::kResting:
      status.state = core::SourceState::kIdle;
      break;
    case Phase::kCapturing:
      status.state = core::SourceState::kLive;
      status.drift_ppm = clock_->drift_ppm();
      break;
    case Phase::kEnded:
      status.state = core::SourceState::kEnded;
      break;
    case Phase::kLookingUp:
    case Phase::kOpening:
    case Phase::kPaused:
      status.state = core::SourceState::kWaiting;
      break;
  }
  Counts counts = counts_;
  if (ring_) add(counts.captured, ring_->counts());
  if (stream_) add(counts.ingest, stream_->ingest().counters());
  status.counters = {{"callbacks", counts.captured.n_callbacks},
                     {"samples_captured", counts.captured.n_samples},
                     {"samples_overflowed", counts.captured.n_overflowed},
                     {"samples_missing", counts.n_missing},
                     {"samples_offered", counts.ingest.offered},
                     {"samples_accepted", counts.ingest.accepted},
                     {"samples_dropped", counts.ingest.dropped},
                     {"samples_concealed", counts.ingest.concealed},
                     {"device_losses", counts.n_losses},
                     {"device_reopens", counts.n_reopens},
                     {"rescans", control_.n_rescans()}};
  return status;
}

std::string Mic::device_text() const {
  return "'" + device_.name + "' (" + device_.host_api + "), " + std::to_string(format_.n_channels) + " channels at " +
         std::to_string(format_.sample_rate_hz) + " Hz";
}

std::string Mic::detail() const {
  const std::int64_t now = parts_.clock.mono_ns();
  switch (phase_) {
    case Phase::kResting:
      return stream_ ? device_text() + "; opened when somebody subscribes" : "looks for '" + options_.name + "'";
    case Phase::kLookingUp:
    case Phase::kOpening:
      if (const auto busy = control_.busy(); busy && now - busy->since_ns > kHangNs) {
        return "the sound system hangs (" + busy->call + " of '" + busy->device + "' for " +
               seconds_text(now - busy->since_ns) + "): restart it, and melstreamd if that does not help";
      }
      if (!problem_.empty()) return problem_ + "; tried again now";
      return phase_ == Phase::kOpening ? "opens " + device_text() : "looks for '" + options_.name + "'";
    case Phase::kCapturing:
      return device_text();
    case Phase::kPaused:
      return problem_ + "; tried again in " + seconds_text(std::max<std::int64_t>(0, retry_ns_ - now) + core::kNsPerSecond - 1);
    case Phase::kEnded:
      return "closed";
  }
  return {};
}

}  // namespace melstream::audio
