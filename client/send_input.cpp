#include "client/send_input.hpp"

#include <chrono>
#include <cstddef>
#include <vector>

#include "client/pace.hpp"

namespace melstream::client {

void send_input(Publisher& publisher, AudioInput& input, std::int64_t n_chunk, bool realtime,
                const Interrupt& interrupt, const std::function<void()>& on_chunk) {
  Pace pace(input.format().rate_hz, std::chrono::steady_clock::now());
  std::vector<std::byte> chunk;
  const auto step = static_cast<std::int64_t>(input.format().bytes_per_step());
  while (!interrupt.requested()) {
    input.read(n_chunk, chunk);
    if (chunk.empty()) return;
    const auto deadline = pace.after(static_cast<std::int64_t>(chunk.size()) / step);
    if (realtime && !interrupt.wait_until(deadline)) return;
    if (!publisher.write(chunk)) return;
    on_chunk();
  }
}

}  // namespace melstream::client
