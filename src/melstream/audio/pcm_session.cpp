#include "melstream/audio/pcm_session.hpp"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "melstream/audio/net_loop.hpp"

namespace melstream::audio {
namespace {

using OnTakeover = std::function<void()>;

/// A takeover comes on any thread, and may come when the session is gone.
core::StreamRequest with_takeover(core::StreamRequest request, NetLoop& net,
                                  const std::shared_ptr<const OnTakeover>& on_takeover) {
  request.on_takeover = [&net, weak = std::weak_ptr<const OnTakeover>(on_takeover)] {
    boost::asio::post(net.context(), [weak] {
      if (const auto call = weak.lock()) (*call)();
    });
  };
  return request;
}

}  // namespace

PcmSession::PcmSession(const core::StreamRequest& request, const SourceParts& parts, OnTakeover on_takeover)
    : id_(request.id),
      n_feeds_(request.format.channel_mode == core::ChannelMode::kSplit ? request.format.n_channels : 0),
      sample_bytes_(core::bytes_per_sample(request.format.encoding) *
                    static_cast<std::size_t>(request.format.n_channels)),
      fast_(request.fast),
      on_takeover_(std::make_shared<const OnTakeover>(std::move(on_takeover))),
      bytes_(parts.open_stream(with_takeover(request, parts.net, on_takeover_)), request.format) {}

std::vector<std::string> PcmSession::stream_ids() const {
  if (n_feeds_ == 0) return {id_};
  std::vector<std::string> ids;
  ids.reserve(static_cast<std::size_t>(n_feeds_));
  for (int i = 0; i < n_feeds_; ++i) ids.push_back(id_ + "." + std::to_string(i));
  return ids;
}

bool PcmSession::has_room(std::size_t n_bytes) noexcept {
  // What is carried counts too: it may become a sample of these bytes.
  return bytes_.stream().ingest().has_room(n_bytes == 0 ? 0 : n_bytes + sample_bytes_);
}

void PcmSession::push(std::span<const std::byte> bytes, std::int64_t received_mono_ns) {
  bytes_.push(bytes, received_mono_ns);
  if (fast_) bytes_.stream().poke();
}

void add_counters(core::IngestCounters& sum, const core::IngestCounters& more) noexcept {
  sum.offered += more.offered;
  sum.accepted += more.accepted;
  sum.dropped += more.dropped;
  for (std::size_t i = 0; i < core::kNGapReasons; ++i) sum.dropped_by[i] += more.dropped_by[i];
  sum.suppressed += more.suppressed;
  sum.concealed += more.concealed;
  sum.nonfinite += more.nonfinite;
  sum.timeline_samples += more.timeline_samples;
  sum.gap_samples += more.gap_samples;
}

void append_counters(const core::IngestCounters& sum, std::vector<core::SourceCounter>& counters) {
  counters.push_back({"samples_offered", sum.offered});
  counters.push_back({"samples_accepted", sum.accepted});
  counters.push_back({"samples_dropped", sum.dropped});
  counters.push_back({"samples_concealed", sum.concealed});
  counters.push_back({"samples_nonfinite", sum.nonfinite});
  for (std::size_t i = 0; i < core::kNGapReasons; ++i) {
    if (sum.dropped_by[i] == 0) continue;
    counters.push_back({"samples_dropped_" + std::string(name_of(static_cast<core::GapReason>(i))), sum.dropped_by[i]});
  }
}

std::string refusal_text(const core::Error& error, bool one_id) {
  std::string text = error.what();
  if (error.code() == core::ErrorCode::kAlreadyExists && one_id) {
    text += "; for several senders at once give each an id of its own: stream={id}-{n}";
  }
  return text;
}

}  // namespace melstream::audio
