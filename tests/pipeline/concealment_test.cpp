// Rows that read samples which no source sent say so, and their values are those of the audio with these samples in
// place: fed by hand, and through the ingest.
#include <array>
#include <tuple>

#include "melstream/audio/ingest.hpp"
#include "melstream/audio/resampler.hpp"

#include "tests/pipeline/pipeline_fixture.hpp"

namespace melstream::test {
namespace {

using core::FilledSpan;
using core::GapReason;
using engine::Smoothing;
using pipeline::StartAt;

constexpr auto kConcealed = FilledSpan::Kind::kConcealed;
constexpr auto kSuppressed = FilledSpan::Kind::kSuppressed;
constexpr StartAt kFromFrame0{.kind = StartAt::Kind::kFrame, .frame = 0};

struct Choice {
  const char* front_end = "";
  Smoothing smoothing = Smoothing::kNone;
};

constexpr std::array kChoices = {Choice{"whisper-80"},
                                 Choice{"whisper-80", Smoothing::kBox3x3},
                                 Choice{"whisper-80", Smoothing::kBox3x3Valid},
                                 Choice{"kaldi-80"},
                                 Choice{"nemo-80"},
                                 Choice{"mfcc-13"},
                                 Choice{"paraformer-560"}};

/// A segment's samples, by what they are.
enum class Sample : std::uint8_t { kSent, kMadeUp, kSilent };

struct Said {
  float concealed_share = 0.0F;
  bool suppressed = false;
  bool operator==(const Said&) const = default;
};

class ConcealmentTest : public PipelineTest {
 protected:
  /// What row `row` of a segment must say, counted sample by sample over all that its frames read.
  Said expected(const Choice& choice, std::int64_t row, const std::vector<Sample>& segment) const {
    const engine::RowGeometry g = catalog_.find(choice.front_end)->rows(choice.smoothing);
    const auto n = static_cast<std::int64_t>(segment.size());
    const std::int64_t n_frames = engine::frame_count(g.frame, n);
    std::int64_t first = row * g.lfr.n - g.lfr.m / 2;
    std::int64_t last = first + g.lfr.m - 1;
    if (g.smoothing == Smoothing::kBox3x3) std::tie(first, last) = std::pair{row - 1, row + 1};
    if (g.smoothing == Smoothing::kBox3x3Valid) std::tie(first, last) = std::pair{row, row + 2};
    std::int64_t low = n;
    std::int64_t high = -1;
    for (std::int64_t frame = first; frame <= last; ++frame) {
      const std::int64_t at = std::clamp<std::int64_t>(frame, 0, n_frames - 1) * g.frame.hop - g.frame.left;
      for (std::int64_t i = at - g.frame.lead; i < at + g.frame.window; ++i) {
        const std::int64_t sample = engine::resolve_edge(g.frame.edge, i, n);
        if (sample < 0) continue;
        low = std::min(low, sample);
        high = std::max(high, sample);
      }
    }
    Said said;
    int n_made_up = 0;
    for (std::int64_t i = low; i <= high; ++i) {
      n_made_up += segment[static_cast<std::size_t>(i)] == Sample::kMadeUp ? 1 : 0;
      said.suppressed = said.suppressed || segment[static_cast<std::size_t>(i)] == Sample::kSilent;
    }
    said.concealed_share = static_cast<float>(n_made_up) / static_cast<float>(high - low + 1);
    return said;
  }

  std::vector<Said> expected_rows(const Choice& choice, const std::vector<Sample>& segment) const {
    const engine::RowGeometry g = catalog_.find(choice.front_end)->rows(choice.smoothing);
    const std::int64_t n_rows = engine::row_count(g, static_cast<std::int64_t>(segment.size()));
    std::vector<Said> rows;
    for (std::int64_t row = 0; row < n_rows; ++row) rows.push_back(expected(choice, row, segment));
    return rows;
  }

  static std::vector<Said> said(const Received& received) {
    std::vector<Said> rows;
    for (const pipeline::RowInfo& info : received.infos) rows.push_back({info.concealed_share, info.suppressed});
    return rows;
  }

  /// A segment with every kind of sample at its start, its end and many times between.
  static std::vector<Sample> make_segment(std::size_t n, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::vector<Sample> segment(30, Sample::kSilent);
    while (segment.size() < n) {
      segment.resize(segment.size() + 1 + random() % 900, Sample::kSent);
      segment.resize(segment.size() + 1 + random() % 399, random() % 3 == 0 ? Sample::kSilent : Sample::kMadeUp);
    }
    segment.resize(n - 20);
    segment.resize(n, Sample::kMadeUp);
    return segment;
  }

  /// Tells the feed of the marks of a segment that begins at the feed's next sample, as far as sample `until`, from the
  /// first that was not told yet.
  static void mark(pipeline::Stream& stream, const std::vector<Sample>& segment, std::size_t& at, std::size_t until) {
    const core::SampleIndex begin = stream.feed().written() - static_cast<core::SampleIndex>(at);
    while (at < until) {
      std::size_t end = at;
      while (end < until && segment[end] == segment[at]) ++end;
      if (segment[at] != Sample::kSent) {
        stream.feed().mark({begin + static_cast<core::SampleIndex>(at), begin + static_cast<core::SampleIndex>(end),
                            segment[at] == Sample::kMadeUp ? kConcealed : kSuppressed});
      }
      at = end;
    }
  }

  void publish_marked(pipeline::Stream& stream, const std::vector<Sample>& segment, std::span<const float> samples,
                      std::size_t chunk) {
    for (std::size_t at = 0; at < samples.size();) {
      const std::size_t n = std::min(chunk, samples.size() - at);
      std::size_t told = at;
      mark(stream, segment, told, at + n);
      write(stream, samples.subspan(at, n));
      at += n;
      tick();
    }
  }
};

TEST_F(ConcealmentTest, EveryRowTellsWhatItReadsHoweverTheAudioCame) {
  const std::vector<Sample> first = make_segment(9000, 1);
  const std::vector<Sample> second = make_segment(5003, 2);
  const auto samples = noise(9000, 3);
  for (const std::size_t chunk : {7, 160, 1600}) {
    auto stream = open("s");
    std::vector<std::unique_ptr<pipeline::Subscription>> subscriptions;
    for (const Choice& choice : kChoices) {
      subscriptions.push_back(subscribe("s", choice.front_end, {.smoothing = choice.smoothing, .start = kFromFrame0}));
    }
    begin(*stream);
    publish_marked(*stream, first, samples, chunk);
    begin(*stream, 9000 + 700);
    publish_marked(*stream, second, std::span(samples).first(5003), chunk);
    end(*stream);
    for (std::size_t i = 0; i < kChoices.size(); ++i) {
      Received received;
      drain(*subscriptions[i], received);
      received.expect_tiled();
      std::vector<Said> wanted = expected_rows(kChoices[i], first);
      const std::vector<Said> rest = expected_rows(kChoices[i], second);
      wanted.insert(wanted.end(), rest.begin(), rest.end());
      EXPECT_TRUE(said(received) == wanted) << kChoices[i].front_end << " in chunks of " << chunk;
    }
  }
}

TEST_F(ConcealmentTest, RowsOfSentSamplesSayNothing) {
  auto stream = open("s");
  auto subscription = subscribe("s", "whisper-80", {.start = kFromFrame0});
  begin(*stream);
  stream->feed().mark({1639, 1721, kConcealed});  // from the last sample of row 9 to the first of row 12
  publish(*stream, noise(4700, 1));
  end(*stream);
  Received received;
  drain(*subscription, received);
  ASSERT_EQ(received.infos.size(), 29U);
  for (std::int64_t frame = 0; frame < 29; ++frame) {
    const bool touches = 160 * frame + 200 > 1639 && 160 * frame - 200 < 1721;
    EXPECT_EQ(received.infos[static_cast<std::size_t>(frame)].concealed_share > 0, touches) << frame;
    EXPECT_FALSE(received.infos[static_cast<std::size_t>(frame)].suppressed);
  }
  EXPECT_FLOAT_EQ(received.infos[9].concealed_share, 1.0F / 400.0F);
  EXPECT_FLOAT_EQ(received.infos[10].concealed_share, 82.0F / 400.0F);
  EXPECT_FLOAT_EQ(received.infos[12].concealed_share, 1.0F / 400.0F);
}

TEST_F(ConcealmentTest, AFrontEndFromTheAudioHistoryTellsTheSame) {
  build({.audio_history_s = 30.0});
  const std::vector<Sample> segment = make_segment(20 * 16000, 4);
  const auto samples = noise(segment.size(), 5);
  auto stream = open("s");
  auto live = subscribe("s", "kaldi-80", {.start = kFromFrame0});
  begin(*stream);
  publish_marked(*stream, segment, samples, 1600);
  auto late = subscribe("s", "whisper-80", {.start = kFromFrame0});
  auto again = subscribe("s", "kaldi-80", {.start = kFromFrame0});
  for (int i = 0; i < 100; ++i) tick();
  end(*stream);
  Received first;
  Received second;
  drain(*late, first);
  EXPECT_TRUE(said(first) == expected_rows({"whisper-80"}, segment));
  EXPECT_EQ(first.values, offline("whisper-80", samples));
  // Replay repeats them.
  first = {};
  drain(*live, first);
  drain(*again, second);
  EXPECT_TRUE(said(first) == expected_rows({"kaldi-80"}, segment));
  EXPECT_TRUE(said(first) == said(second));
  EXPECT_EQ(first.values, second.values);
}

/// The source's samples after resampling, all at once.
std::vector<float> resampled(const std::vector<float>& source, int rate_hz) {
  if (rate_hz == 16000) return source;
  audio::Resampler resampler(rate_hz);
  std::vector<float> out(4 * source.size() + 4096);
  std::size_t n = 0;
  for (std::span<const float> rest = source; !rest.empty();) {
    const auto step = resampler.process(rest, std::span(out).subspan(n));
    rest = rest.subspan(step.consumed);
    n += step.produced;
  }
  for (std::size_t more = 1; more > 0; n += more) more = resampler.flush(std::span(out).subspan(n));
  out.resize(n);
  return out;
}

struct IngestCase {
  int rate_hz;
  core::Conceal conceal;
};

class ConcealedIngestTest : public ConcealmentTest, public testing::WithParamInterface<IngestCase> {};

TEST_P(ConcealedIngestTest, FramesEqualThoseOfTheAudioWithTheFillsInPlace) {
  const auto [rate_hz, conceal] = GetParam();
  auto stream = open("s");
  auto subscription = subscribe("s", "kaldi-80", {.start = kFromFrame0});
  audio::Ingest ingest({.encoding = core::PcmEncoding::kFloat32, .sample_rate_hz = rate_hz}, {&stream->feed()}, clock_,
                       conceal);
  const auto packet = static_cast<std::size_t>(rate_hz / 100);  // 10 ms
  const auto sent = noise(400 * packet, 6);
  std::vector<float> whole;  // what the audio is with the fills in place
  std::vector<FilledSpan> spans;
  std::mt19937 random(7);
  for (std::size_t i = 0; i < 400; ++i) {
    const std::span<const float> bytes = std::span(sent).subspan(i * packet, packet);
    const auto at = static_cast<std::int64_t>(whole.size());
    const std::uint32_t what = i == 0 || i == 399 ? 9 : random() % 10;
    if (what < 2 && (spans.empty() || spans.back().end < at)) {  // one packet of 10 ms is lost
      ingest.lose(static_cast<std::int64_t>(packet), GapReason::kNetLoss);
      whole.resize(whole.size() + packet, conceal == core::Conceal::kHold ? whole.back() : 0.0F);
      spans.push_back({at, static_cast<std::int64_t>(whole.size()), kConcealed});
    } else if (what == 2) {
      ingest.push_suppressed(static_cast<std::int64_t>(packet), {.received_mono_ns = clock_.mono_ns()});
      whole.resize(whole.size() + packet, 0.0F);
      spans.push_back({at, static_cast<std::int64_t>(whole.size()), kSuppressed});
    } else {
      ingest.push(std::as_bytes(bytes), {.received_mono_ns = clock_.mono_ns()});
      whole.insert(whole.end(), bytes.begin(), bytes.end());
    }
    tick();
  }
  ingest.finish(core::EndReason::kCompleted);
  tick();
  Received received;
  drain(*subscription, received);
  received.expect_tiled();
  EXPECT_TRUE(received.holes.empty());
  const std::vector<float> audio = resampled(whole, rate_hz);
  EXPECT_EQ(received.values, offline("kaldi-80", audio));

  std::vector<Sample> segment(audio.size(), Sample::kSent);
  const auto at_16k = [rate = rate_hz](std::int64_t n) { return (n * 16000 + rate / 2) / rate; };
  for (const FilledSpan& span : spans) {
    std::fill(segment.begin() + at_16k(span.begin), segment.begin() + at_16k(span.end),
              span.kind == kConcealed ? Sample::kMadeUp : Sample::kSilent);
  }
  EXPECT_TRUE(said(received) == expected_rows({"kaldi-80"}, segment));
  const auto status = stream->status();
  EXPECT_EQ(status.concealed_samples, std::count(segment.begin(), segment.end(), Sample::kMadeUp));
  EXPECT_EQ(status.suppressed_samples, std::count(segment.begin(), segment.end(), Sample::kSilent));
  EXPECT_EQ(status.gap_samples, 0);
}

INSTANTIATE_TEST_SUITE_P(Cases, ConcealedIngestTest,
                         testing::Values(IngestCase{16000, core::Conceal::kZero},
                                         IngestCase{16000, core::Conceal::kHold},
                                         IngestCase{8000, core::Conceal::kZero},
                                         IngestCase{44100, core::Conceal::kHold}));

/// Losses of any length among pushes of any length, and what became of each.
class AnyOrderTest : public ConcealmentTest {
 protected:
  using Ranges = std::vector<engine::IndexRange>;

  void run(pipeline::Stream& stream) {
    audio::Ingest ingest({.encoding = core::PcmEncoding::kFloat32}, {&stream.feed()}, clock_, core::Conceal::kZero);
    std::mt19937 random(8);
    const auto audio = noise(600, 9);
    engine::IndexRange lost;  // not settled yet
    for (int i = 0; i < 500; ++i) {
      const auto n = static_cast<std::int64_t>(1 + random() % 600);
      if (random() % 3 == 0) {
        ingest.lose(n, GapReason::kNetLoss);
        lost.end += n;
      } else {
        const auto concealed_before = ingest.counters().concealed;
        ingest.push(std::as_bytes(std::span(audio).first(static_cast<std::size_t>(n))),
                    {.received_mono_ns = clock_.mono_ns()});
        if (lost.size() > 0) (ingest.counters().concealed > concealed_before ? concealed_ : gaps_).push_back(lost);
        lost = {lost.end + n, lost.end + n};
      }
      tick();
    }
    if (lost.size() > 0) gaps_.push_back(lost);
    EXPECT_EQ(ingest.counters().dropped_by[static_cast<std::size_t>(GapReason::kCaptureOverflow)], 0);
    ingest.finish(core::EndReason::kCompleted);
    tick();
  }
  static bool touches(const Ranges& ranges, std::int64_t begin, std::int64_t end) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [&](const engine::IndexRange& range) { return range.begin < end && range.end > begin; });
  }

  Ranges concealed_;  ///< timeline
  Ranges gaps_;       ///< timeline
};

TEST_F(AnyOrderTest, NoRowSpansALossThatIsNotFlagged) {
  auto stream = open("s");
  auto subscription = subscribe("s", "mfcc-13", {.start = kFromFrame0});  // snip_edges: a row reads its window alone
  const engine::FrameGeometry frame = catalog_.find("mfcc-13")->rows(Smoothing::kNone).frame;
  ASSERT_EQ(frame.count, engine::FrameCount::kSnip);
  run(*stream);
  ASSERT_GT(concealed_.size(), 50U);
  ASSERT_GT(gaps_.size(), 20U);
  std::int64_t n_flagged = 0;
  std::int64_t n_rows = 0;
  pipeline::RowBatch batch;
  for (;;) {
    const pipeline::Delivery delivery = subscription->next(clock_.mono_ns(), batch);
    if (std::holds_alternative<std::monostate>(delivery)) break;
    if (!std::holds_alternative<pipeline::RowsTaken>(delivery)) continue;
    for (std::int32_t i = 0; i < batch.n_frames; ++i, ++n_rows) {
      const std::int64_t begin = batch.first_sample + frame.hop * i - frame.left;
      EXPECT_FALSE(touches(gaps_, begin, begin + frame.window)) << begin;
      const bool is_flagged = batch.infos[static_cast<std::size_t>(i)].concealed_share > 0;
      EXPECT_EQ(is_flagged, touches(concealed_, begin, begin + frame.window)) << begin;
      n_flagged += is_flagged ? 1 : 0;
    }
  }
  EXPECT_GT(n_flagged, 50);
  EXPECT_GT(n_rows - n_flagged, 50);
}

}  // namespace
}  // namespace melstream::test
