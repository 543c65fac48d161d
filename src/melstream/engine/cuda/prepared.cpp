#include "melstream/engine/cuda/prepared.hpp"

#include <cstring>
#include <span>
#include <utility>

#include "melstream/engine/tables.hpp"

namespace melstream::engine::cuda {
namespace {

/// Tables side by side, each at a multiple of 16 bytes.
class Blob {
 public:
  /// Returns where it begins.
  template <typename Value>
  std::size_t add(const std::vector<Value>& values) {
    const std::size_t at = (bytes_.size() + 15) / 16 * 16;
    bytes_.resize(at + values.size() * sizeof(Value));
    if (!values.empty()) std::memcpy(bytes_.data() + at, values.data(), values.size() * sizeof(Value));
    return at;
  }
  std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

template <typename Value>
const Value* table_at(const TablePool::Block& block, std::size_t at) noexcept {
  return reinterpret_cast<const Value*>(block.get() + at);
}

}  // namespace

TablePool::Block TablePool::upload(std::span<const std::byte> tables) {
  constexpr std::size_t kGrain = 4096;
  const std::size_t n_bytes = (tables.size() + kGrain) / kGrain * kGrain;
  Block block(nullptr, {this, n_bytes});
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = free_by_n_bytes_.find(n_bytes); found != free_by_n_bytes_.end()) {
      block.reset(found->second);
      free_by_n_bytes_.erase(found);
    } else {
      blocks_.push_back(device_.allocate(n_bytes));
      block.reset(blocks_.back().get());
    }
  }
  device_.upload(block.get(), tables);
  return block;
}

void TablePool::give_back(std::byte* memory, std::size_t n_bytes) noexcept {
  const std::lock_guard lock(mutex_);
  free_by_n_bytes_.emplace(n_bytes, memory);
}

CudaPrepared::CudaPrepared(const std::shared_ptr<const FrontEnd>& front_end, Smoothing smoothing,
                           std::shared_ptr<const TransformTables> transform, const Sizes& sizes, TablePool& pool)
    : PlannedPrepared(front_end, smoothing, transform.get(),
                      sizes.unit_frames_of(*front_end, front_end->n_bins(smoothing))),
      transform_(std::move(transform)) {
  const FrontEndSpec& spec = this->front_end().spec();
  const MelFilters filters = mel_filters(spec.mel, spec.transform.n_fft);
  Blob blob;
  const std::size_t first_bin = blob.add(filters.first_bin);
  const std::size_t offset = blob.add(filters.offset);
  const std::size_t weights = blob.add(filters.weights);
  const std::size_t cepstrum =
      spec.cepstrum ? blob.add(cepstrum_matrix(*spec.cepstrum, spec.mel.n_mels)) : std::size_t{0};
  const std::size_t shift = spec.cmvn ? blob.add(spec.cmvn->shift) : std::size_t{0};
  const std::size_t scale = spec.cmvn ? blob.add(spec.cmvn->scale) : std::size_t{0};
  block_ = pool.upload(blob.bytes());

  rows_.first_bin = table_at<std::int32_t>(block_, first_bin);
  rows_.offset = table_at<std::int32_t>(block_, offset);
  rows_.weights = table_at<float>(block_, weights);
  rows_.n_bins = spec.transform.n_fft / 2 + 1;
  rows_.n_mels = spec.mel.n_mels;
  rows_.log = spec.log;
  if (spec.cepstrum) {
    rows_.cepstrum = table_at<float>(block_, cepstrum);
    rows_.n_ceps = spec.cepstrum->n_ceps;
    rows_.energy_first = spec.cepstrum->energy == EnergyTerm::kRawEnergy;
  }
  if (spec.cmvn) {
    assemble_.cmvn_shift = table_at<float>(block_, shift);
    assemble_.cmvn_scale = table_at<float>(block_, scale);
  }
  assemble_.n_values = rows_.n_values();
  assemble_.n_bins = n_bins();
  assemble_.lfr_m = spec.lfr.m;
  assemble_.smoothing = smoothing;
}

std::shared_ptr<const TransformTables> PreparedMaker::transform(const TransformSpec& spec) const {
  auto tables = std::make_shared<TransformTables>();
  tables->spec = spec;
  tables->plans = plans_->find_or_make(spec.n_fft);
  std::vector<float> window = window_weights(spec.window, spec.geometry.window);
  // All steps before the window are linear and the scale is a power of two: the bits are those of scaled samples.
  for (float& weight : window) weight *= spec.scale;
  Blob blob;
  const std::size_t at = blob.add(window);
  tables->block = pool_->upload(blob.bytes());
  tables->gather.window = table_at<float>(tables->block, at);
  tables->gather.n_window = spec.geometry.window;
  tables->gather.n_fft = spec.n_fft;
  tables->gather.remove_dc = spec.remove_dc;
  tables->gather.pre_emphasis_scope = spec.pre_emphasis_scope;
  tables->gather.pre_emphasis = spec.pre_emphasis;
  tables->gather.energy_scale = spec.scale * spec.scale;
  return tables;
}

std::shared_ptr<const CudaPrepared> PreparedMaker::prepared(const std::shared_ptr<const FrontEnd>& front_end,
                                                            Smoothing smoothing,
                                                            std::shared_ptr<const TransformTables> transform) const {
  return std::make_shared<const CudaPrepared>(front_end, smoothing, std::move(transform), sizes_, *pool_);
}

}  // namespace melstream::engine::cuda
