// Large arrays that come and go with what clients ask for: straight from the kernel, and back to it at once, so that
// they leave no holes in the heap and cost no memory once they are gone. Kept out of core dumps.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace melstream::core {

/// Pages that exist from here on, zero-filled, so that no thread meets a page fault in them. Null for 0 bytes. Throws
/// Error(kResourceExhausted) when there are none.
void* map_pages(std::size_t n_bytes);
void unmap_pages(void* pages, std::size_t n_bytes) noexcept;

/// A fixed number of values, all bits 0 at first. Move-only.
template <typename T>
class MappedArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  /// Throws Error(kResourceExhausted).
  explicit MappedArray(std::size_t size) : data_(static_cast<T*>(map_pages(size * sizeof(T)))), size_(size) {}
  MappedArray(MappedArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedArray& operator=(MappedArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~MappedArray() { unmap_pages(data_, size_ * sizeof(T)); }

  std::size_t size() const noexcept { return size_; }
  T& operator[](std::size_t at) noexcept { return data_[at]; }
  const T& operator[](std::size_t at) const noexcept { return data_[at]; }
  std::span<T> span() noexcept { return {data_, size_}; }
  std::span<const T> span() const noexcept { return {data_, size_}; }

 private:
  T* data_;
  std::size_t size_;
};

}  // namespace melstream::core
