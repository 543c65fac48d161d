// Smoothing, stacking and CMVN of base rows: the bits of the CPU engine, whose own test holds the definition.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/engine/cpu/assemble.hpp"

#include "tests/engine/cuda/host_warp.hpp"
#include "tests/engine/ticks.hpp"

namespace melstream::engine::cuda {
namespace {

constexpr float kUnwritten = 1e30F;

std::shared_ptr<const FrontEnd> stacking(int m, int n, int n_mels) {
  FrontEndSpec spec = FrontEndCatalog().find("funasr-80")->spec();
  spec.name = "stacked";
  spec.transform.geometry.hop = 80;  // 64 frames of the usual one span too much
  spec.lfr = {m, n};
  spec.mel.n_mels = n_mels;
  return std::make_shared<const FrontEnd>(spec);
}

/// All rows of a segment of n_frames base rows, from pieces that hold the frames which each row reads.
class Assembled {
 public:
  Assembled(std::shared_ptr<const FrontEnd> front_end, Smoothing smoothing, std::int64_t n_frames)
      : cpu_(front_end, smoothing,
             std::make_shared<const cpu::TransformTables>(cpu::transform_tables(front_end->spec().transform, 4)), 4),
        n_frames_(n_frames),
        n_values_(cpu_.rows().n_values()) {
    const auto n_floats = static_cast<std::size_t>(n_frames * n_values_);
    base_ = test::made_up_audio(n_floats, static_cast<std::uint32_t>(n_frames));
    const LowFrameRate lfr = cpu_.geometry().lfr;
    n_rows_ = smoothing == Smoothing::kBox3x3Valid ? n_frames - 2 : (n_frames + lfr.n - 1) / lfr.n;
    params_.n_values = n_values_;
    params_.n_bins = cpu_.n_bins();
    params_.lfr_m = lfr.m;
    params_.smoothing = smoothing;
    if (const auto& cmvn = front_end->spec().cmvn) {
      params_.cmvn_shift = cmvn->shift.data();
      params_.cmvn_scale = cmvn->scale.data();
    }
  }

  /// @param is_whole all frames in one piece; else each row has one of its own, as long as need be, behind something
  /// else. @param is_open the segment's end is not known.
  template <typename Warp>
  void expect_bits_of_cpu(bool is_whole, bool is_open) const {
    for (std::int64_t row = 0; row < n_rows_; ++row) {
      const IndexRange frames =
          is_whole ? IndexRange{0, n_frames_} : frames_of_rows(cpu_.geometry(), row, 1, samples_of(n_frames_));
      constexpr std::int64_t kBefore = 2;  // base rows of another piece
      std::vector<float> piece(static_cast<std::size_t>((kBefore + frames.size()) * n_values_), kUnwritten);
      std::copy(base_.begin() + frames.begin * n_values_, base_.begin() + frames.end * n_values_,
                piece.begin() + kBefore * n_values_);
      AssembleJob job;
      job.base = kBefore;
      job.centre = static_cast<std::int32_t>(cpu_.centre_of(row) - frames.begin);
      job.low = static_cast<std::int32_t>(-frames.begin);
      job.high = is_open ? 1 << 30 : static_cast<std::int32_t>(n_frames_ - 1 - frames.begin);
      job.place = {1, 0};
      const auto n_bins = static_cast<std::size_t>(params_.n_bins);
      std::vector<float> actual(n_bins + 2, kUnwritten), expected(n_bins);
      AssembleParams params = params_;
      params.jobs = &job;
      params.base_rows = piece.data();
      params.rows = actual.data();
      params.n_rows = 1;
      assemble_row(Warp(), params, 0);
      const float maximum =
          cpu::assemble_row(cpu_, {base_.data(), 0, is_open ? kOpenEnd : n_frames_}, row, expected.data());
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), actual.begin() + 1))
          << "row " << row << " of " << n_frames_ << " frames";
      EXPECT_EQ(actual.front(), maximum) << row;
      EXPECT_EQ(actual.back(), kUnwritten);
    }
  }

 private:
  std::int64_t samples_of(std::int64_t n_frames) const {
    std::int64_t n_samples = 0;
    while (frame_count(cpu_.geometry().frame, n_samples) < n_frames) ++n_samples;
    return n_samples;
  }

  cpu::CpuPrepared cpu_;
  std::int64_t n_frames_;
  std::int64_t n_values_;
  std::int64_t n_rows_ = 0;
  std::vector<float> base_;
  AssembleParams params_;
};

void check(const std::shared_ptr<const FrontEnd>& front_end, Smoothing smoothing, std::int64_t n_frames) {
  SCOPED_TRACE(front_end->name() + ", " + std::to_string(n_frames) + " frames");
  const Assembled assembled(front_end, smoothing, n_frames);
  for (const bool is_whole : {true, false}) {
    assembled.expect_bits_of_cpu<test::HostWarp>(is_whole, false);
    assembled.expect_bits_of_cpu<test::WarpOnHost<true>>(is_whole, false);
  }
}

TEST(AssembleKernel, SmoothsAsTheCpuEngineDoesAtEveryBorder) {
  FrontEndSpec narrow = FrontEndCatalog().find("kaldi-80")->spec();
  narrow.name = "narrow";
  narrow.mel.n_mels = 3;
  for (const auto& front_end : {FrontEndCatalog().find("whisper-80"), FrontEndCatalog().find("nemo-128"),
                                std::make_shared<const FrontEnd>(narrow)}) {
    for (const std::int64_t n_frames : {1, 2, 3, 4, 9}) {
      check(front_end, Smoothing::kBox3x3, n_frames);
      if (n_frames >= 3) check(front_end, Smoothing::kBox3x3Valid, n_frames);
    }
  }
}

TEST(AssembleKernel, SmoothsAlikeWhileTheSegmentGrows) {
  // All but the last frame, which the next one may still change.
  const auto whisper = FrontEndCatalog().find("whisper-80");
  const Assembled valid(whisper, Smoothing::kBox3x3Valid, 6);
  valid.expect_bits_of_cpu<test::HostWarp>(true, true);
  valid.expect_bits_of_cpu<test::HostWarp>(false, true);
}

TEST(AssembleKernel, StacksAsTheCpuEngineDoesAtBothEnds) {
  for (const std::int64_t n_frames : {1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 20}) {
    check(FrontEndCatalog().find("paraformer-560"), Smoothing::kNone, n_frames);
    for (const auto& [m, n] : {std::pair{4, 3}, {1, 3}, {2, 9}, {5, 1}, {64, 64}}) {
      check(stacking(m, n, 5), Smoothing::kNone, n_frames);
    }
  }
}

TEST(AssembleKernel, NormalisesAsTheCpuEngineDoes) {
  Cmvn cmvn{std::vector<float>(560), std::vector<float>(560)};
  for (std::size_t i = 0; i < 560; ++i) {
    cmvn.shift[i] = static_cast<float>(i) / 7.0F;
    cmvn.scale[i] = i % 2 == 0 ? 0.3F : -2.0F;
  }
  for (const std::int64_t n_frames : {1, 8, 20}) {
    check(FrontEndCatalog().with_cmvn("paraformer-560", cmvn), Smoothing::kNone, n_frames);
  }
  FrontEndSpec spec = FrontEndCatalog().find("kaldi-80")->spec();
  spec.cmvn = Cmvn{std::vector<float>(80, -8.0F), std::vector<float>(80, 0.1F)};
  check(std::make_shared<const FrontEnd>(spec), Smoothing::kNone, 4);
}

}  // namespace
}  // namespace melstream::engine::cuda
