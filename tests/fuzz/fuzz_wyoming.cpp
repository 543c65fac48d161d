// The bytes of a Wyoming connection, cut as the first byte says, through the session to where streams begin.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "melstream/audio/wyoming/wyoming_session.hpp"

#include "tests/fuzz/peer_context.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static melstream::fuzz::PeerBench bench("wyoming://127.0.0.1:0");
  if (size == 0) return 0;
  const std::size_t piece = data[0] == 0 ? size : data[0];
  std::span<const std::byte> bytes = std::as_bytes(std::span(data, size)).subspan(1);
  melstream::audio::WyomingSession session(bench.context(), {}, 0, [] {});
  while (!bytes.empty() && !session.is_over()) {
    session.receive(bytes.first(std::min(piece, bytes.size())), 0);
    bytes = bytes.subspan(std::min(piece, bytes.size()));
    static_cast<void>(session.take_output());
  }
  session.peer_left();
  return 0;
}
