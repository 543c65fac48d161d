#include "tests/engine/cuda/emulated_memory.hpp"

#include <cstring>
#include <new>

#include <sys/mman.h>
#include <unistd.h>

namespace melstream::test {
namespace {

constexpr std::size_t kAlignment = 256;

/// Before what is handed out.
struct Header {
  void* mapping = nullptr;
  std::size_t mapped_bytes = 0;
  std::size_t n_bytes = 0;
  std::size_t* counted_in = nullptr;
};
static_assert(sizeof(Header) <= kAlignment);

constexpr std::size_t rounded_up(std::size_t n, std::size_t step) noexcept { return (n + step - 1) / step * step; }

void give_back(std::byte* memory) noexcept {
  Header header;
  std::memcpy(&header, memory - sizeof header, sizeof header);
  *header.counted_in -= header.n_bytes;
  munmap(header.mapping, header.mapped_bytes);
}

}  // namespace

engine::cuda::Memory emulated_memory(std::size_t n_bytes, std::size_t& counted_in) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t used_bytes = rounded_up(kAlignment + rounded_up(n_bytes, kAlignment), page);
  void* const mapping = mmap(nullptr, used_bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  auto* const end = static_cast<std::byte*>(mapping) + used_bytes;
  mprotect(end, page, PROT_NONE);
  std::byte* const memory = end - rounded_up(n_bytes, kAlignment);
  const Header header{mapping, used_bytes + page, n_bytes, &counted_in};
  std::memcpy(memory - sizeof header, &header, sizeof header);
  counted_in += n_bytes;
  return {memory, engine::cuda::FreeMemory{give_back}};
}

}  // namespace melstream::test
