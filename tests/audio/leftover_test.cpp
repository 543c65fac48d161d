// After a stream's end no copy of its audio is left in the process: neither in buffers nor in what libsoxr freed.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <sys/uio.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "melstream/core/freed_memory.hpp"

#include "tests/audio/ingest_fixture.hpp"

namespace melstream::audio {
namespace {

/// A chunk of audio, made anew into the same bytes each time, so that no other copy of it need be kept.
class SecretAudio {
 public:
  static constexpr std::size_t kSamples = 960;
  static constexpr std::size_t kMarkBytes = 16;
  using Mark = std::array<std::uint8_t, kMarkBytes>;  ///< four samples that are found nowhere else, inverted

  std::span<const std::byte> bytes() {
    std::uint32_t state = 12345;
    for (std::size_t i = 0; i < kSamples; ++i) {
      state = state * 1664525U + 1013904223U;
      // A float in [0.25, 0.5) with a random mantissa.
      const std::uint32_t bits = 0x3E800000U | state >> 9;
      std::memcpy(bytes_.data() + 4 * i, &bits, 4);
    }
    return bytes_;
  }
  void forget() { std::fill(bytes_.begin(), bytes_.end(), std::byte{0}); }

  /// How often marks, one at every 16th sample, lie in writable memory.
  int n_marks_in_memory() {
    bytes();
    std::vector<Mark> inverted;
    for (std::size_t i = 0; i + 4 <= kSamples; i += 16) {
      auto& mark = inverted.emplace_back();
      for (std::size_t j = 0; j < kMarkBytes; ++j)
        mark[j] = static_cast<std::uint8_t>(~std::to_integer<unsigned>(bytes_[4 * i + j]));
    }
    forget();
    int found = 0;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) found += marks_in(line, inverted);
    return found;
  }

 private:
  static int marks_in(const std::string& mapping, const std::vector<Mark>& inverted) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    std::string access;
    std::istringstream(mapping) >> std::hex >> begin >> dash >> end >> access;
    // Not the stack: registers saved there by the making of the marks themselves may hold one.
    if (access.rfind("rw", 0) != 0 || mapping.find("[stack]") != std::string::npos ||
        end - begin > (std::size_t{256} << 20))
      return 0;
    // Read through the kernel, so that holes are no fault, and through one window that is cleared after each look, so
    // that the search leaves no copies that it would find later.
    static std::array<std::uint8_t, 65536 + kMarkBytes> window;
    int found = 0;
    for (std::uintptr_t at = begin; at < end; at += 65536) {
      iovec to{window.data(), std::min<std::size_t>(window.size(), end - at)};
      // An address of this process, as the kernel told it.
      iovec from{reinterpret_cast<void*>(at), to.iov_len};  // NOLINT(performance-no-int-to-ptr)
      const ssize_t n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
      for (ssize_t i = 0; i < n; ++i) window[static_cast<std::size_t>(i)] ^= 0xFF;
      for (const Mark& mark : inverted) {
        found +=
            n > 0 && memmem(window.data(), static_cast<std::size_t>(n), mark.data(), kMarkBytes) != nullptr ? 1 : 0;
      }
      explicit_bzero(window.data(), window.size());
    }
    return found;
  }

  std::array<std::byte, 4 * kSamples> bytes_{};
};

class Leftover : public ::testing::TestWithParam<int> {};

TEST_P(Leftover, NoAudioIsLeftAfterTheEnd) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's allocator keeps freed memory as it was";
#endif
  core::wipe_freed_memory();
  SecretAudio secret;
  {
    test::Publisher publisher({.encoding = core::PcmEncoding::kFloat32, .sample_rate_hz = GetParam()});
    for (int i = 0; i < 20; ++i) {
      publisher.push(secret.bytes());
      core::AudioFeed& feed = *publisher.feeds[0];
      while (feed.boundary() != nullptr) feed.pop_boundary();
      feed.release(feed.ring().written());
    }
    EXPECT_GT(secret.n_marks_in_memory(), 0);  // the search finds it while it is there
    publisher.ingest->finish(core::EndReason::kCompleted);
    publisher.feeds[0]->give_back();
    EXPECT_EQ(secret.n_marks_in_memory(), 0);
  }
  EXPECT_EQ(secret.n_marks_in_memory(), 0);
}

INSTANTIATE_TEST_SUITE_P(Rates, Leftover,
                         ::testing::Values(8000, 11025, 15999, 16000, 22050, 24000, 32000, 44100, 48000, 96000, 192000),
                         [](const auto& rate) { return std::to_string(rate.param); });

}  // namespace
}  // namespace melstream::audio
