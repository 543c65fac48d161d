#include "melstream/core/mapped_array.hpp"

#include <cerrno>
#include <string>
#include <system_error>

#include <sys/mman.h>

#include "melstream/core/error.hpp"

namespace melstream::core {

void* map_pages(std::size_t n_bytes) {
  if (n_bytes == 0) return nullptr;
  void* const pages = mmap(nullptr, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (pages == MAP_FAILED) {
    throw Error(ErrorCode::kResourceExhausted, "cannot map " + std::to_string(n_bytes) +
                                                   " bytes: " + std::generic_category().message(errno) +
                                                   "; close a stream or a subscription");
  }
  madvise(pages, n_bytes, MADV_DONTDUMP);  // features tell the words; a refusal changes nothing else
  return pages;
}

void unmap_pages(void* pages, std::size_t n_bytes) noexcept {
  if (pages != nullptr) munmap(pages, n_bytes);
}

}  // namespace melstream::core
