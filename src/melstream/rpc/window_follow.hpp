// GetWindows that follows streams: a window of each, every so many seconds of its audio. A window is computed when the
// reader has room for it; of one who is too slow the cursor stays behind, and what it can no longer have is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "melstream/rpc/stream_selection.hpp"
#include "melstream/rpc/window_answers.hpp"
#include "melstream/rpc/window_query.hpp"

namespace melstream::rpc {

/// Where the windows of a stream lie. Pure.
struct WindowGrid {
  std::int64_t length = 0;     ///< samples
  double every_samples = 0.0;  ///< need not be whole

  /// Throws Error(kInvalidArgument, field window_seconds or every_seconds). @param longest_s of the audio history.
  static WindowGrid from(const v1::WindowFollow& request, double longest_s);
  engine::IndexRange window(std::int64_t number) const noexcept;
  /// Number of the first window that ends after this many samples.
  std::int64_t first_after(core::SampleIndex n_samples) const noexcept;
};

class WindowFollow final : public WindowAnswers {
 public:
  /// Begins now: each live stream with its first window yet to end. Throws Error as GetWindows documents.
  WindowFollow(const Environment& environment, std::shared_ptr<const access::Grant> grant,
               const v1::WindowFollow& request);
  void look() override;
  Next next(v1::GetWindowsResponse& response) override;

 private:
  struct Followed {
    std::string id;
    std::uint64_t epoch = 0;
    std::shared_ptr<pipeline::Stream> stream;  ///< null once it has ended: its histories must not wait for this reader
    pipeline::AudioHold hold;                  ///< until its last window is computed
    std::int64_t next_window = 0;
    core::SampleIndex timeline_samples = 0;                    ///< of one that has ended
    core::EndReason end_reason = core::EndReason::kCompleted;  ///< of one that has ended
  };

  void see_streams(bool beginning);
  void follow(const std::shared_ptr<pipeline::Stream>& stream, bool beginning);
  void note_ends();
  /// Its next window, with what it takes to read it.
  pipeline::WindowRequest next_of(const Followed& followed) const;
  bool is_reached(const Followed& followed) const;
  /// False if there is nothing to tell of it now. @param over the stream's end is told.
  bool tell(Followed& followed, v1::GetWindowsResponse& response, bool& over);
  void tell_window(Followed& followed, v1::GetWindowsResponse& response);

  const Environment& environment_;
  const StreamSelection selection_;
  const WindowQuery query_;
  const WindowGrid grid_;
  std::uint64_t generation_ = 0;             ///< of the registry, when it was looked at last
  std::unordered_set<std::uint64_t> known_;  ///< epochs that the registry had then
  std::vector<Followed> followed_;
  std::size_t n_ended_ = 0;  ///< of them
  std::size_t next_ = 0;     ///< whose turn it is
};

}  // namespace melstream::rpc
