#include "melstream/core/freed_memory.hpp"

#include <malloc.h>

namespace melstream::core {

void wipe_freed_memory() noexcept {
#ifdef M_PERTURB
  mallopt(M_PERTURB, 0x5A);  // any value but 0; glibc fills with it when memory is freed
#endif
}

}  // namespace melstream::core
