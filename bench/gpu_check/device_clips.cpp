#include "bench/gpu_check/device_clips.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>
#include <utility>

#include "melstream/core/units.hpp"

namespace melstream::bench {
namespace {

constexpr std::size_t kAlignment = 16;

std::size_t aligned(std::size_t n_bytes) noexcept { return (n_bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

DeviceClips::DeviceClips(engine::cuda::Device& device, engine::ClipBatch batch,
                         std::span<const std::vector<float>> clips, ClipLayout layout)
    : device_(device),
      batch_(std::move(batch)),
      n_bins_(static_cast<std::size_t>(batch_.front_end->n_bins(batch_.smoothing))) {
  put_samples(clips);
  put_outputs(clips, layout);
  batch_.clips = clips_;
  batch_.outputs = outputs_;
}

void DeviceClips::put_samples(std::span<const std::vector<float>> clips) {
  const bool is_int16 = batch_.sample_type == engine::SampleType::kInt16;
  std::vector<std::byte> bytes;
  std::vector<std::size_t> places;
  for (const std::vector<float>& clip : clips) {
    places.push_back(bytes.size());
    const std::size_t n_bytes = clip.size() * (is_int16 ? sizeof(std::int16_t) : sizeof(float));
    bytes.resize(bytes.size() + aligned(n_bytes));
    std::byte* to = bytes.data() + places.back();
    if (!is_int16 && n_bytes > 0) std::memcpy(to, clip.data(), n_bytes);
    for (std::size_t i = 0; is_int16 && i < clip.size(); ++i) {
      const auto sample = static_cast<std::int16_t>(clip[i] * 32768.0F);
      std::memcpy(to + i * sizeof sample, &sample, sizeof sample);
    }
    seconds_of_audio_ += static_cast<double>(clip.size()) / core::kSampleRateHz;
  }
  samples_ = device_.allocate(std::max(bytes.size(), kAlignment));
  if (!bytes.empty()) device_.upload(samples_.get(), bytes);
  for (std::size_t i = 0; i < clips.size(); ++i) {
    const void* const address = clips[i].empty() ? nullptr : samples_.get() + places[i];
    clips_.push_back({address, static_cast<std::int64_t>(clips[i].size())});
  }
}

void DeviceClips::put_outputs(std::span<const std::vector<float>> clips, ClipLayout layout) {
  const auto n_bins = static_cast<std::int64_t>(n_bins_);
  for (const std::vector<float>& clip : clips) {
    const std::int64_t length =
        batch_.pad_to_samples > 0 ? batch_.pad_to_samples : static_cast<std::int64_t>(clip.size());
    const std::int64_t n_rows = engine::row_count(batch_.front_end->rows(batch_.smoothing), length);
    outputs_.push_back({nullptr, n_rows, layout == ClipLayout::kTime ? n_bins : 1,
                        layout == ClipLayout::kTime ? 1 : std::max<std::int64_t>(n_rows, 1)});
    n_rows_ += n_rows;
  }
  const std::size_t n_bytes = std::max(static_cast<std::size_t>(n_rows_) * n_bins_ * sizeof(float), kAlignment);
  values_ = device_.allocate(n_bytes);
  host_values_ = device_.allocate_pinned(n_bytes);
  auto* at = reinterpret_cast<float*>(values_.get());
  for (engine::DeviceOutput& output : outputs_) {
    if (output.n_rows > 0) output.values = at;
    at += output.n_rows * n_bins;
  }
}

std::vector<test::Matrix> DeviceClips::rows() {
  constexpr int kMark = 0;
  engine::cuda::Queue& queue = device_.queue();
  queue.download_async(host_values_.get(), values_.get(), static_cast<std::size_t>(n_rows_) * n_bins_ * sizeof(float));
  queue.mark_async(kMark);
  while (!queue.has_reached(kMark)) std::this_thread::yield();
  std::vector<test::Matrix> results;
  const auto* const values = reinterpret_cast<const float*>(host_values_.get());
  std::int64_t first = 0;
  for (const engine::DeviceOutput& output : outputs_) {
    test::Matrix& matrix = results.emplace_back(test::Matrix{static_cast<std::size_t>(output.n_rows), n_bins_, {}});
    for (std::int64_t row = 0; row < output.n_rows; ++row) {
      for (std::int64_t bin = 0; bin < static_cast<std::int64_t>(n_bins_); ++bin) {
        matrix.values.push_back(values[first + row * output.row_stride + bin * output.bin_stride]);
      }
    }
    first += output.n_rows * static_cast<std::int64_t>(n_bins_);
  }
  return results;
}

std::vector<float> quantised(std::span<const float> samples) {
  std::vector<float> result;
  result.reserve(samples.size());
  for (const float v : samples) {
    result.push_back(static_cast<float>(std::clamp(std::lround(v * 32768.0F), -32768L, 32767L)) / 32768.0F);
  }
  return result;
}

}  // namespace melstream::bench
