#include "daemon/page/browser_microphones.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "melstream/core/error.hpp"

namespace melstream::page {
namespace {

constexpr std::size_t kMostMicrophones = 4;
constexpr int kMostNames = 9;
constexpr std::int64_t kGraceNs = 10 * core::kNsPerSecond;
constexpr std::int64_t kIdleNs = 30 * core::kNsPerSecond;
constexpr std::int64_t kMostLostSeconds = 3600;

[[noreturn]] void refuse(core::ErrorCode code, const std::string& message) { throw core::Error(code, message); }

}  // namespace

BrowserMicrophones::Microphone& BrowserMicrophones::open_new(const MicrophoneStart& start) {
  if (microphones_.size() >= kMostMicrophones) {
    refuse(core::ErrorCode::kResourceExhausted,
           "four browsers send their microphones already: stop one, or wait ten seconds after closing its page");
  }
  auto taken_over = std::make_shared<std::atomic<bool>>(false);
  core::StreamRequest request;
  request.labels = {{"source", "browser"}};
  request.source_kind = "page";
  request.format.encoding = core::PcmEncoding::kFloat32;
  request.format.sample_rate_hz = start.rate_hz;
  request.on_takeover = [taken_over] { taken_over->store(true, std::memory_order_release); };
  for (int i = 1;; ++i) {
    request.id = i == 1 ? "browser" : "browser-" + std::to_string(i);
    try {
      microphones_.push_back({.key = start.key,
                              .rate_hz = start.rate_hz,
                              .id = request.id,
                              .bytes = audio::PcmByteStream(open_(request), request.format),
                              .taken_over = taken_over});
      return microphones_.back();
    } catch (const core::Error& error) {
      if (error.code() != core::ErrorCode::kAlreadyExists || i == kMostNames) throw;
    }
  }
}

BrowserMicrophones::Microphone& BrowserMicrophones::attach(const MicrophoneStart& start, std::uint64_t holder) {
  const auto found = std::find_if(microphones_.begin(), microphones_.end(),
                                  [&start](const Microphone& one) { return one.key == start.key; });
  if (found != microphones_.end() && found->rate_hz != start.rate_hz) {
    refuse(core::ErrorCode::kInvalidArgument, "another sample rate than before: a new key is needed");
  }
  Microphone& microphone = found == microphones_.end() ? open_new(start) : *found;
  microphone.holder = holder;
  microphone.left_ns.reset();
  return microphone;
}

BrowserMicrophones::Microphone* BrowserMicrophones::find(std::string_view key, std::uint64_t holder) {
  const auto found = std::find_if(microphones_.begin(), microphones_.end(), [&](const Microphone& one) {
    return one.key == key && one.holder == holder && !one.taken_over->load(std::memory_order_acquire);
  });
  return found == microphones_.end() ? nullptr : &*found;
}

void BrowserMicrophones::detach(std::string_view key, std::uint64_t holder, bool completed, std::int64_t now_ns) {
  Microphone* const microphone = find(key, holder);
  if (microphone == nullptr) return;
  microphone->holder = 0;
  microphone->left_ns = now_ns;
  if (!completed) return;
  microphone->bytes.finish(core::EndReason::kCompleted);
  microphones_.remove_if([microphone](const Microphone& one) { return &one == microphone; });
}

void BrowserMicrophones::tick(std::int64_t now_ns) {
  microphones_.remove_if([now_ns](Microphone& one) {
    const bool taken_over = one.taken_over->load(std::memory_order_acquire);
    const bool lost = one.left_ns && now_ns - *one.left_ns >= kGraceNs;
    if (taken_over) one.bytes.finish(core::EndReason::kTakenOver);
    if (lost) one.bytes.finish(core::EndReason::kSourceLost);
    return taken_over || lost;
  });
}

void BrowserMicrophones::end_all(core::EndReason reason) {
  for (Microphone& one : microphones_) one.bytes.finish(reason);
  microphones_.clear();
}

void MicrophoneChannel::on_text(std::string_view text, std::int64_t now_ns) {
  if (!key_.empty()) refuse(core::ErrorCode::kInvalidArgument, "the microphone has started already");
  const MicrophoneStart start = parse_microphone_start(text);
  const auto& microphone = microphones_.attach(start, holder_);
  key_ = start.key;
  heard_ns_ = now_ns;
  const std::int64_t next = microphone.bytes.stream().ingest().counters().offered;
  started_ = nlohmann::json{{"started", {{"stream", microphone.id}, {"next_sample", next}}}}.dump();
}

void MicrophoneChannel::on_binary(std::span<const std::byte> bytes, std::int64_t now_ns) {
  if (key_.empty()) refuse(core::ErrorCode::kInvalidArgument, "audio before its start");
  BrowserMicrophones::Microphone* const microphone = microphones_.find(key_, holder_);
  if (microphone == nullptr) refuse(core::ErrorCode::kAlreadyExists, "the stream has ended, or another page feeds it");
  heard_ns_ = now_ns;
  AudioPiece piece = parse_audio(bytes);
  core::PcmIngest& ingest = microphone->bytes.stream().ingest();
  const std::int64_t missing = piece.first_sample - ingest.counters().offered;
  if (missing > kMostLostSeconds * microphone->rate_hz) {
    refuse(core::ErrorCode::kInvalidArgument, "more than an hour is missing: start anew");
  }
  if (missing > 0) ingest.lose(missing, core::GapReason::kNetLoss);
  if (missing < 0) {  // sent again
    const auto known = std::min(static_cast<std::size_t>(-missing), piece.samples.size() / sizeof(float));
    piece.samples = piece.samples.subspan(known * sizeof(float));
  }
  microphone->bytes.push(piece.samples, now_ns);
}

bool MicrophoneChannel::next(PageMessage& message, std::int64_t now_ns) {
  if (now_ns - heard_ns_ >= kIdleNs) refuse(core::ErrorCode::kUnavailable, "no audio came for 30 s");
  if (!key_.empty() && microphones_.find(key_, holder_) == nullptr) {
    refuse(core::ErrorCode::kAlreadyExists, "the stream has ended, or another page feeds it");
  }
  if (started_.empty()) return false;
  message.is_text = true;
  message.bytes = std::exchange(started_, {});
  return true;
}

void MicrophoneChannel::on_closed(bool completed, std::int64_t now_ns) {
  if (!key_.empty()) microphones_.detach(key_, holder_, completed, now_ns);
}

}  // namespace melstream::page
