#include "melstream/rpc/window_follow.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <optional>
#include <utility>

#include "melstream/core/error.hpp"
#include "melstream/rpc/convert.hpp"
#include "melstream/rpc/status.hpp"

namespace melstream::rpc {
namespace {

using core::ErrorCode;

constexpr double kMinEverySeconds = 0.01;
constexpr double kMaxEverySeconds = 3600.0;
/// Streams that have ended and of which a reader that is far behind was not told yet.
constexpr std::size_t kMaxEndedStreams = 10'000;

[[noreturn]] void refuse(const std::string& message, const std::string& field) {
  throw core::Error(ErrorCode::kInvalidArgument, message, field);
}

std::string seconds_text(double seconds) {
  std::string text = std::to_string(seconds);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

WindowQuery query_of(const v1::WindowFollow& request, const engine::FrontEndCatalog& catalog) {
  std::optional<std::int64_t> pad_to_samples;
  if (request.has_pad_to_samples()) pad_to_samples = request.pad_to_samples();
  return window_query(request.features(), pad_to_samples, request.gaps(), catalog);
}

double longest_window_s(const pipeline::RegistryOptions& options) {
  return std::max(options.audio_history_s, options.local_audio_history_s);
}

}  // namespace

WindowGrid WindowGrid::from(const v1::WindowFollow& request, double longest_s) {
  const double length_s = request.window_seconds();
  const double every_s = request.every_seconds();
  if (longest_s <= 0) {
    refuse("the daemon keeps no audio for windows; set stream.audio_history_s in its config", "window_seconds");
  }
  if (!(length_s > 0 && length_s <= longest_s)) {
    refuse("take more than 0 and at most " + seconds_text(longest_s) +
               " s, which is as far as the audio history reaches (stream.audio_history_s)",
           "window_seconds");
  }
  if (!(every_s >= kMinEverySeconds && every_s <= kMaxEverySeconds)) refuse("take 0.01 to 3600 s", "every_seconds");
  return {std::max<std::int64_t>(1, std::llround(length_s * core::kSampleRateHz)), every_s * core::kSampleRateHz};
}

engine::IndexRange WindowGrid::window(std::int64_t number) const noexcept {
  const std::int64_t begin = std::llround(static_cast<double>(number) * every_samples);
  return {begin, begin + length};
}

std::int64_t WindowGrid::first_after(core::SampleIndex n_samples) const noexcept {
  const double estimate = std::floor(static_cast<double>(n_samples - length) / every_samples);
  std::int64_t number = std::max<std::int64_t>(0, static_cast<std::int64_t>(estimate) - 1);
  while (window(number).end <= n_samples) ++number;
  return number;
}

WindowFollow::WindowFollow(const Environment& environment, std::shared_ptr<const access::Grant> grant,
                           const v1::WindowFollow& request)
    : environment_(environment),
      selection_(request.streams(), std::move(grant)),
      query_(query_of(request, environment.registry().catalog())),
      grid_(WindowGrid::from(request, longest_window_s(environment.registry().options()))) {
  pipeline::WindowRequest first = query_.window;
  first.end = grid_.length;
  pipeline::WindowReader::validate(first);
  see_streams(true);
}

void WindowFollow::look() {
  if (generation_ != environment_.registry().generation()) see_streams(false);
  for (Followed& followed : followed_) {
    if (followed.hold && followed.stream->all_seen() && !is_reached(followed)) followed.hold.release();
  }
}

void WindowFollow::see_streams(bool beginning) {
  pipeline::Registry& registry = environment_.registry();
  generation_ = registry.generation();  // first: what changes in between is seen by the next look
  std::unordered_set<std::uint64_t> known;
  for (const auto& stream : registry.all()) {
    known.insert(stream->epoch());
    if (known_.count(stream->epoch()) == 0 && selection_.contains(*stream)) follow(stream, beginning);
  }
  known_.swap(known);
  note_ends();
}

void WindowFollow::follow(const std::shared_ptr<pipeline::Stream>& stream, bool beginning) {
  if (beginning && stream->ended()) return;
  Followed followed{.id = stream->id(), .epoch = stream->epoch(), .stream = stream};
  followed.hold = pipeline::AudioHold(stream);
  if (beginning) followed.next_window = grid_.first_after(stream->timeline_samples());
  followed_.push_back(std::move(followed));
}

void WindowFollow::note_ends() {
  for (Followed& followed : followed_) {
    if (!followed.stream || !followed.stream->ended()) continue;
    followed.timeline_samples = followed.stream->timeline_samples();
    followed.end_reason = followed.stream->end_reason().value_or(core::EndReason::kCompleted);
    followed.hold.release();
    followed.stream.reset();
    ++n_ended_;
  }
  if (n_ended_ > kMaxEndedStreams) {
    throw core::Error(ErrorCode::kResourceExhausted,
                      "too slow: " + std::to_string(n_ended_) +
                          " streams have ended of which you were not told; call again, read faster or select fewer");
  }
}

pipeline::WindowRequest WindowFollow::next_of(const Followed& followed) const {
  pipeline::WindowRequest window = query_.window;
  const engine::IndexRange range = grid_.window(followed.next_window);
  window.begin = range.begin;
  window.end = range.end;
  return window;
}

bool WindowFollow::is_reached(const Followed& followed) const {
  const core::SampleIndex n_samples = followed.stream ? followed.stream->timeline_samples() : followed.timeline_samples;
  return pipeline::WindowReader::read_end(next_of(followed)) <= n_samples;
}

WindowAnswers::Next WindowFollow::next(v1::GetWindowsResponse& response) {
  for (std::size_t i = 0; i < followed_.size(); ++i) {
    const std::size_t place = (next_ + i) % followed_.size();
    bool over = false;
    if (!tell(followed_[place], response, over)) continue;
    next_ = place + 1;
    if (over) {
      --n_ended_;
      followed_.erase(followed_.begin() + static_cast<std::ptrdiff_t>(place));
      next_ = place;
    }
    return Next::kResponse;
  }
  return Next::kNotYet;
}

bool WindowFollow::tell(Followed& followed, v1::GetWindowsResponse& response, bool& over) {
  if (is_reached(followed)) {
    tell_window(followed, response);
    return true;
  }
  if (followed.stream) return false;
  response.set_stream(followed.id);
  v1::End& end = *response.mutable_end();
  end.set_stream(followed.id);
  end.set_epoch(followed.epoch);
  end.set_reason(from_end_reason(followed.end_reason));
  over = true;
  return true;
}

void WindowFollow::tell_window(Followed& followed, v1::GetWindowsResponse& response) {
  WindowQuery query = query_;
  query.window = next_of(followed);
  ++followed.next_window;
  response.set_stream(followed.id);
  set_range({query.window.begin, query.window.end}, *response.mutable_window());
  try {
    if (!followed.stream) {
      throw pipeline::WindowError(
          ErrorCode::kOutOfRange,
          "stream '" + followed.id + "' has ended and its audio is wiped; this window was not computed in time", {},
          {});
    }
    answer_window(environment_, *followed.stream, query, *response.mutable_answer());
  } catch (const std::exception& error) {
    set_window_failure(to_status(error), *response.mutable_failure());
  }
}

}  // namespace melstream::rpc
