#include "melstream/rpc/block_encoder.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "melstream/rpc/convert.hpp"
#include "melstream/rpc/float16.hpp"

namespace melstream::rpc {
namespace {

static_assert(std::endian::native == std::endian::little, "values go out as they lie in memory");

/// @param element what float becomes, of type T.
template <typename T, typename Element>
void pack(std::span<const float> values, std::size_t n_bins, Layout layout, char* out, Element element) {
  const std::size_t n_frames = values.size() / n_bins;
  for (std::size_t frame = 0; frame < n_frames; ++frame) {
    for (std::size_t bin = 0; bin < n_bins; ++bin) {
      const T packed = element(values[frame * n_bins + bin]);
      const std::size_t at = layout == Layout::kTimeMajor ? frame * n_bins + bin : bin * n_frames + frame;
      std::memcpy(out + at * sizeof(T), &packed, sizeof(T));
    }
  }
}

}  // namespace

void pack_values(std::span<const float> values, int n_bins, ElementType type, Layout layout, std::string& out) {
  const auto bins = static_cast<std::size_t>(n_bins);
  if (type == ElementType::kFloat16) {
    out.resize(values.size() * sizeof(std::uint16_t));
    pack<std::uint16_t>(values, bins, layout, out.data(), to_float16);
  } else if (layout == Layout::kTimeMajor) {
    out.assign(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  } else {
    out.resize(values.size_bytes());
    pack<float>(values, bins, layout, out.data(), [](float v) { return v; });
  }
}

BlockEncoder::BlockEncoder(const FeatureChoice& choice)
    : normalization_(choice.normalization),
      fixed_max_(choice.fixed_max),
      element_type_(choice.element_type),
      layout_(choice.layout),
      n_bins_(choice.front_end->n_bins(choice.smoothing)) {}

std::span<const float> BlockEncoder::normalize(const pipeline::RowBatch& batch) {
  if (normalization_ == engine::Normalization::kNone) return batch.values;
  normalized_.assign(batch.values.begin(), batch.values.end());
  const std::span<float> values = normalized_;
  if (normalization_ == engine::Normalization::kFixedMax) {
    engine::whisper_frame(values, fixed_max_);
    return values;
  }
  assert(normalization_ == engine::Normalization::kRunningMax);
  float so_far = running_max_;
  const auto bins = static_cast<std::size_t>(n_bins_);
  for (std::size_t frame = 0; frame < batch.infos.size(); ++frame) {
    so_far = std::max(so_far, batch.infos[frame].max);
    engine::whisper_frame(values.subspan(frame * bins, bins), so_far);
  }
  return values;
}

void BlockEncoder::encode(const pipeline::RowBatch& batch, v1::FeatureBlock& out) {
  assert(batch.infos.size() * static_cast<std::size_t>(n_bins_) == batch.values.size() && !batch.infos.empty());
  pack_values(normalize(batch), n_bins_, element_type_, layout_, *out.mutable_values());

  float block_max = -std::numeric_limits<float>::infinity();
  float peak = 0.0F;
  double mean_square = 0.0;
  double concealed_share = 0.0;
  bool concealed = false;
  bool suppressed = false;
  for (const pipeline::RowInfo& info : batch.infos) {
    block_max = std::max(block_max, info.max);
    peak = std::max(peak, info.peak);
    mean_square += info.mean_square;
    concealed_share += info.concealed_share;
    concealed = concealed || info.concealed_share > 0.0F;
    suppressed = suppressed || info.suppressed;
  }
  running_max_ = std::max(running_max_, block_max);
  out.set_frame_count(batch.n_frames);
  out.set_block_max(block_max);
  out.set_running_max(running_max_);
  out.set_rms_dbfs(power_dbfs(mean_square / static_cast<double>(batch.infos.size())));
  out.set_peak_dbfs(amplitude_dbfs(peak));
  out.set_concealed_share(static_cast<float>(concealed_share / static_cast<double>(batch.infos.size())));
  const auto flag = [](bool is_set, v1::BlockFlag value) { return is_set ? static_cast<unsigned>(value) : 0U; };
  out.set_flags(flag(batch.segment_start, v1::BLOCK_FLAG_SEGMENT_START) |
                flag(batch.segment_end, v1::BLOCK_FLAG_SEGMENT_END) |
                flag(suppressed, v1::BLOCK_FLAG_SUPPRESSED_SILENCE) | flag(concealed, v1::BLOCK_FLAG_CONCEALED));
}

}  // namespace melstream::rpc
