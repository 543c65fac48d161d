#include "melstream/rpc/block_encoder.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "melstream/rpc/convert.hpp"
#include "melstream/rpc/float16.hpp"

namespace melstream::rpc {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

static_assert(std::endian::native == std::endian::little, "values go out as they lie in memory");

constexpr std::uint32_t kValuesTag =
    WireFormatLite::MakeTag(v1::FeatureBlock::kValuesFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);

std::size_t element_bytes(ElementType type) noexcept {
  return type == ElementType::kFloat16 ? sizeof(std::uint16_t) : sizeof(float);
}

/// Where a tensor's elements go.
struct Packing {
  std::size_t n_frames;
  std::size_t n_bins;
  ElementType type;
  Layout layout;
};

/// @param element what float becomes, of type T.
template <typename T, typename Element>
void pack_row_as(std::span<const float> row, std::size_t frame, const Packing& packing, char* out, Element element) {
  const bool by_time = packing.layout == Layout::kTimeMajor;
  const std::size_t step = by_time ? 1 : packing.n_frames;
  std::size_t at = by_time ? frame * packing.n_bins : frame;
  for (const float value : row) {
    const T packed = element(value);
    std::memcpy(out + at * sizeof(T), &packed, sizeof(T));
    at += step;
  }
}

void pack_row(std::span<const float> row, std::size_t frame, const Packing& packing, char* out) {
  if (packing.type == ElementType::kFloat16) {
    pack_row_as<std::uint16_t>(row, frame, packing, out, to_float16);
  } else {
    pack_row_as<float>(row, frame, packing, out, [](float v) { return v; });
  }
}

/// Sums over the rows of a view.
struct Totals {
  float max = -std::numeric_limits<float>::infinity();
  float peak = 0.0F;
  double mean_square = 0.0;
  double concealed_share = 0.0;
  bool concealed = false;
  bool suppressed = false;
};

Totals totals_of(const pipeline::RowView& rows) {
  Totals totals;
  for (const auto part : rows.infos) {
    for (const pipeline::RowInfo& info : part) {
      totals.max = std::max(totals.max, info.max);
      totals.peak = std::max(totals.peak, info.peak);
      totals.mean_square += info.mean_square;
      totals.concealed_share += info.concealed_share;
      totals.concealed = totals.concealed || info.concealed_share > 0.0F;
      totals.suppressed = totals.suppressed || info.suppressed;
    }
  }
  return totals;
}

}  // namespace

void pack_values(std::span<const float> values, int n_bins, ElementType type, Layout layout, std::string& out) {
  const auto bins = static_cast<std::size_t>(n_bins);
  const Packing packing{.n_frames = values.size() / bins, .n_bins = bins, .type = type, .layout = layout};
  out.resize(values.size() * element_bytes(type));
  for (std::size_t frame = 0; frame < packing.n_frames; ++frame) {
    pack_row(values.subspan(frame * bins, bins), frame, packing, out.data());
  }
}

BlockEncoder::BlockEncoder(const FeatureChoice& choice)
    : normalization_(choice.normalization),
      fixed_max_(choice.fixed_max),
      element_type_(choice.element_type),
      layout_(choice.layout),
      n_bins_(static_cast<std::size_t>(choice.front_end->n_bins(choice.smoothing))),
      row_(n_bins_) {}

void BlockEncoder::pack(const pipeline::RowView& rows, float running_max, char* out) {
  const bool plain = normalization_ == engine::Normalization::kNone && element_type_ == ElementType::kFloat32 &&
                     layout_ == Layout::kTimeMajor;
  if (plain) {
    for (const auto part : rows.values) {
      if (!part.empty()) std::memcpy(out, part.data(), part.size_bytes());
      out += part.size_bytes();
    }
    return;
  }
  const Packing packing{
      .n_frames = static_cast<std::size_t>(rows.n_frames), .n_bins = n_bins_, .type = element_type_, .layout = layout_};
  float m = normalization_ == engine::Normalization::kFixedMax ? fixed_max_ : running_max;
  std::size_t frame = 0;
  for (std::size_t i = 0; i < rows.values.size(); ++i) {
    for (std::size_t k = 0; k < rows.infos[i].size(); ++k, ++frame) {
      const std::span<const float> row = rows.values[i].subspan(k * n_bins_, n_bins_);
      if (normalization_ == engine::Normalization::kNone) {
        pack_row(row, frame, packing, out);
        continue;
      }
      if (normalization_ == engine::Normalization::kRunningMax) m = std::max(m, rows.infos[i][k].max);
      std::copy(row.begin(), row.end(), row_.begin());
      engine::whisper_frame(row_, m);
      pack_row(row_, frame, packing, out);
    }
  }
}

void BlockEncoder::set_figures(const pipeline::RowView& rows, const BlockSource& source) {
  const Totals totals = totals_of(rows);
  const pipeline::RowInfo& last = rows.infos[1].empty() ? rows.infos[0].back() : rows.infos[1].back();
  v1::FeatureBlock& out = figures_;
  out.set_stream(source.stream);
  out.set_epoch(source.epoch);
  out.set_first_frame(rows.first_frame);
  out.set_frame_count(rows.n_frames);
  out.set_first_sample(rows.first_sample);
  out.set_capture_time_ns(rows.capture_wall_ns);
  out.set_received_time_ns(last.received_mono_ns + source.wall_minus_mono_ns);
  out.set_block_max(totals.max);
  out.set_rms_dbfs(power_dbfs(totals.mean_square / rows.n_frames));
  out.set_peak_dbfs(amplitude_dbfs(totals.peak));
  out.set_concealed_share(static_cast<float>(totals.concealed_share / rows.n_frames));
  const auto flag = [](bool is_set, v1::BlockFlag value) { return is_set ? static_cast<unsigned>(value) : 0U; };
  out.set_flags(
      flag(rows.segment_start, v1::BLOCK_FLAG_SEGMENT_START) | flag(rows.segment_end, v1::BLOCK_FLAG_SEGMENT_END) |
      flag(totals.suppressed, v1::BLOCK_FLAG_SUPPRESSED_SILENCE) | flag(totals.concealed, v1::BLOCK_FLAG_CONCEALED));
}

EncodedBlock BlockEncoder::encode(const pipeline::RowView& rows, const BlockSource& source, float running_max) {
  assert(rows.n_frames > 0);
  set_figures(rows, source);
  const std::size_t n_value_bytes = static_cast<std::size_t>(rows.n_frames) * n_bins_ * element_bytes(element_type_);
  const auto n_values = static_cast<std::uint32_t>(n_value_bytes);
  const std::size_t n_figures = figures_.ByteSizeLong();
  const std::size_t n_header = CodedOutputStream::VarintSize32(kValuesTag) + CodedOutputStream::VarintSize32(n_values);
  grpc_slice slice = grpc_slice_malloc(n_figures + n_header + n_value_bytes);
  std::uint8_t* at = figures_.SerializeWithCachedSizesToArray(GRPC_SLICE_START_PTR(slice));
  at = CodedOutputStream::WriteVarint32ToArray(kValuesTag, at);
  at = CodedOutputStream::WriteVarint32ToArray(n_values, at);
  pack(rows, running_max, reinterpret_cast<char*>(at));
  return {.first_frame = rows.first_frame,
          .n_frames = rows.n_frames,
          .max_before = max_before(running_max),
          .block_max = figures_.block_max(),
          .segment_end = rows.segment_end,
          .bytes = grpc::Slice(slice, grpc::Slice::STEAL_REF)};
}

}  // namespace melstream::rpc
