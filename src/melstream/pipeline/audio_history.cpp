#include "melstream/pipeline/audio_history.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "melstream/core/error.hpp"

namespace melstream::pipeline {
namespace {

constexpr std::int64_t kBlock = static_cast<std::int64_t>(core::kBlockSamples);

}  // namespace

AudioHistoryPool::AudioHistoryPool(core::HostArena& arena, std::size_t budget_bytes)
    : arena_(arena), budget_blocks_(budget_bytes / (core::kBlockSamples * sizeof(float))) {
  free_.reserve(budget_blocks_);
}

void AudioHistoryPool::reserve(std::size_t n_blocks) {
  {
    const std::lock_guard lock(mutex_);
    n_reserved_ += n_blocks;
  }
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (n_mapped_ >= std::min(n_reserved_, budget_blocks_)) return;
      ++n_mapped_;
    }
    core::AudioMemory memory;
    try {
      memory = arena_.take();  // maps memory: not under the mutex, which the tick thread takes too
    } catch (const core::Error&) {
      const std::lock_guard lock(mutex_);
      --n_mapped_;
      return;  // the arena is full: the pool lives with what it has
    }
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(memory));
  }
}

void AudioHistoryPool::unreserve(std::size_t n_blocks) {
  const std::lock_guard lock(mutex_);
  n_reserved_ -= n_blocks;
}

std::size_t AudioHistoryPool::blocks_mapped() const {
  const std::lock_guard lock(mutex_);
  return n_mapped_;
}

core::AudioMemory AudioHistoryPool::take() {
  const std::lock_guard lock(mutex_);
  if (!free_.empty()) {
    core::AudioMemory memory = std::move(free_.back());
    free_.pop_back();
    return memory;
  }
  AudioHistory* oldest = nullptr;
  for (AudioHistory* history : histories_) {
    if (history->evictable() && (oldest == nullptr || history->oldest_stamp() < oldest->oldest_stamp()))
      oldest = history;
  }
  return oldest != nullptr ? oldest->evict() : core::AudioMemory{};
}

std::uint64_t AudioHistoryPool::next_stamp() {
  const std::lock_guard lock(mutex_);
  return ++stamp_;
}

void AudioHistoryPool::give(core::AudioMemory memory) {
  if (memory.empty()) return;
  std::memset(memory.samples().data(), 0, memory.samples().size_bytes());
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(memory));
}

void AudioHistoryPool::add(AudioHistory* history) {
  const std::lock_guard lock(mutex_);
  histories_.push_back(history);
}

void AudioHistoryPool::remove(AudioHistory* history) {
  const std::lock_guard lock(mutex_);
  std::erase(histories_, history);
}

AudioHistory::AudioHistory(AudioHistoryPool& pool, std::int64_t max_samples)
    : pool_(pool),
      max_blocks_(static_cast<std::size_t>((max_samples + kBlock - 1) / kBlock) + 1),
      blocks_(max_blocks_),
      stamps_(max_blocks_) {
  pool_.add(this);
}

AudioHistory::~AudioHistory() {
  pool_.remove(this);  // first: the tick thread may be looking for the oldest block
  clear();
}

void AudioHistory::reserve() {
  n_reserved_ = max_blocks_;
  pool_.reserve(n_reserved_);
}

void AudioHistory::append(std::span<const float> samples) {
  while (!samples.empty()) {
    const std::int64_t at = end_ % kBlock;
    if (at == 0) {
      filling_ = start_block();
      if (!filling_) drop_blocks();  // no memory anywhere: what was held no longer adjoins what comes
    }
    const auto n = std::min<std::int64_t>(static_cast<std::int64_t>(samples.size()), kBlock - at);
    const std::lock_guard lock(mutex_);
    if (filling_) {
      float* block = blocks_[static_cast<std::size_t>(end_ / kBlock) % max_blocks_].samples().data();
      std::memcpy(block + at, samples.data(), static_cast<std::size_t>(n) * sizeof(float));
    } else {
      begin_ = end_ + n;
    }
    end_ += n;
    samples = samples.subspan(static_cast<std::size_t>(n));
  }
}

bool AudioHistory::start_block() {
  const std::int64_t number = end_ / kBlock;
  core::AudioMemory memory;
  if (number - first_block_ == static_cast<std::int64_t>(max_blocks_)) {
    memory = evict();
  } else {
    memory = pool_.take();
  }
  if (memory.empty()) return false;
  const std::uint64_t stamp = pool_.next_stamp();
  const std::lock_guard lock(mutex_);
  if (end_block_ <= first_block_) {
    first_block_ = number;
    begin_ = end_;
  }
  const std::size_t slot = static_cast<std::size_t>(number) % max_blocks_;
  blocks_[slot] = std::move(memory);
  stamps_[slot] = stamp;
  end_block_ = number + 1;
  return true;
}

core::AudioMemory AudioHistory::evict() {
  const std::lock_guard lock(mutex_);
  core::AudioMemory memory = std::move(blocks_[static_cast<std::size_t>(first_block_) % max_blocks_]);
  ++first_block_;
  begin_ = std::max(begin_, first_block_ * kBlock);
  return memory;
}

std::uint64_t AudioHistory::oldest_stamp() const noexcept {
  return stamps_[static_cast<std::size_t>(first_block_) % max_blocks_];
}

std::array<std::span<const float>, 2> AudioHistory::view(core::SampleIndex begin, std::size_t n) const noexcept {
  assert(begin >= begin_ && begin + static_cast<core::SampleIndex>(n) <= end_ && n <= core::kBlockSamples);
  const std::int64_t number = begin / kBlock;
  const auto at = static_cast<std::size_t>(begin % kBlock);
  const std::size_t head = std::min(n, core::kBlockSamples - at);
  const std::span<const float> first =
      blocks_[static_cast<std::size_t>(number) % max_blocks_].samples().subspan(at, head);
  if (head == n) return {first, {}};
  return {first, blocks_[static_cast<std::size_t>(number + 1) % max_blocks_].samples().first(n - head)};
}

void AudioHistory::clear() {
  drop_blocks();
  pool_.unreserve(std::exchange(n_reserved_, 0));
}

void AudioHistory::drop_blocks() {
  for (core::AudioMemory& block : blocks_) {
    core::AudioMemory memory;
    {
      const std::lock_guard lock(mutex_);
      std::swap(memory, block);
    }
    pool_.give(std::move(memory));
  }
  const std::lock_guard lock(mutex_);
  begin_ = end_;
  first_block_ = end_block_ = (end_ + kBlock - 1) / kBlock;
}

std::int64_t AudioHistory::max_samples() const noexcept { return static_cast<std::int64_t>(max_blocks_) * kBlock; }

engine::IndexRange AudioHistory::held() const {
  const std::lock_guard lock(mutex_);
  return {begin_, end_};
}

bool AudioHistory::copy(core::SampleIndex begin, std::span<float> out) const {
  const std::lock_guard lock(mutex_);
  if (begin < begin_ || begin + static_cast<core::SampleIndex>(out.size()) > end_) return false;
  while (!out.empty()) {
    const std::size_t n = std::min(out.size(), core::kBlockSamples - static_cast<std::size_t>(begin % kBlock));
    const auto parts = view(begin, n);
    std::memcpy(out.data(), parts[0].data(), n * sizeof(float));
    out = out.subspan(n);
    begin += static_cast<core::SampleIndex>(n);
  }
  return true;
}

}  // namespace melstream::pipeline
