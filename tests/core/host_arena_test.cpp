// The arena of audio memory: bounds, reuse, wiping, and what the kernel is told about it.
#include "melstream/core/host_arena.hpp"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

namespace melstream::core {
namespace {

constexpr std::size_t kBlockBytes = kBlockSamples * sizeof(float);
constexpr std::size_t kSlabBytes = std::size_t{4} << 20;

// The runtimes of the sanitizers replace mlock by one that does nothing and reports success.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMlockIsReal = false;
#else
constexpr bool kMlockIsReal = true;
#endif

bool all_zero(std::span<const float> samples) {
  return std::all_of(samples.begin(), samples.end(), [](float sample) { return sample == 0.0F; });
}

/// The flags the kernel shows for the mapping that holds `address`, with a space around each.
std::string vm_flags(const void* address) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream smaps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    if (std::istringstream range(line); range >> std::hex >> begin >> dash >> end && dash == '-') {
      inside = begin <= wanted && wanted < end;
    }
    if (inside && line.rfind("VmFlags:", 0) == 0) return line.substr(8) + " ";
  }
  return {};
}

TEST(HostArena, GivesAdjacentZeroedBlocks) {
  HostArena arena({.max_bytes = kSlabBytes, .lock = false});
  const AudioMemory one = arena.take();
  const AudioMemory three = arena.take(3);
  EXPECT_EQ(one.samples().size(), kBlockSamples);
  EXPECT_EQ(three.samples().size(), 3 * kBlockSamples);
  EXPECT_TRUE(all_zero(one.samples()));
  EXPECT_TRUE(all_zero(three.samples()));
  EXPECT_EQ(arena.usage().used_bytes, 4 * kBlockBytes);
}

TEST(HostArena, WipesWhatIsGivenBack) {
  HostArena arena({.max_bytes = kSlabBytes, .lock = false});
  const float* first = nullptr;
  {
    const AudioMemory memory = arena.take(64);
    first = memory.samples().data();
    std::fill(memory.samples().begin(), memory.samples().end(), 0.25F);
  }
  EXPECT_EQ(arena.usage().used_bytes, 0u);
  const AudioMemory again = arena.take(64);
  ASSERT_EQ(again.samples().data(), first);
  EXPECT_TRUE(all_zero(again.samples()));
}

TEST(HostArena, FillsTheFirstHoleThatIsLargeEnough) {
  HostArena arena({.max_bytes = kSlabBytes, .lock = false});
  AudioMemory a = arena.take(2);
  const AudioMemory b = arena.take(1);
  AudioMemory c = arena.take(4);
  const AudioMemory d = arena.take(57);
  const float* const at_a = a.samples().data();
  const float* const at_c = c.samples().data();
  a = AudioMemory();
  c = AudioMemory();
  const AudioMemory three = arena.take(3);
  const AudioMemory two = arena.take(2);
  EXPECT_EQ(three.samples().data(), at_c);
  EXPECT_EQ(two.samples().data(), at_a);
}

TEST(HostArena, MovedMemoryIsGivenBackOnce) {
  HostArena arena({.max_bytes = kSlabBytes, .lock = false});
  AudioMemory a = arena.take();
  AudioMemory b = std::move(a);
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): what a move leaves behind is the point
  EXPECT_EQ(arena.usage().used_bytes, kBlockBytes);
  b = AudioMemory();
  EXPECT_EQ(arena.usage().used_bytes, 0u);
}

TEST(HostArena, RefusesBeyondItsLimitAndSaysTheFigures) {
  HostArena arena({.max_bytes = kSlabBytes + 1, .lock = false});  // rounded up to two slabs
  EXPECT_EQ(arena.usage().max_bytes, 2 * kSlabBytes);
  const AudioMemory a = arena.take(64);
  const AudioMemory b = arena.take(63);
  try {
    const AudioMemory c = arena.take(2);
    FAIL() << "taken beyond the limit";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
    EXPECT_NE(std::string(error.what()).find("8388608"), std::string::npos) << error.what();
  }
  EXPECT_EQ(arena.usage().used_bytes, 127 * kBlockBytes);
  EXPECT_EQ(arena.take(1).samples().size(), kBlockSamples);
}

TEST(HostArena, RefusesAnImpossibleSize) {
  HostArena arena({.max_bytes = kSlabBytes, .lock = false});
  EXPECT_THROW(arena.take(0), Error);
  EXPECT_THROW(arena.take(65), Error);
}

TEST(HostArena, TellsTheObserverOfEachSlabBeforeItsMemoryIsHandedOut) {
  std::vector<std::span<std::byte>> slabs;
  HostArena arena({.max_bytes = 2 * kSlabBytes, .lock = false},
                  [&slabs](std::span<std::byte> slab) { slabs.push_back(slab); });
  std::vector<AudioMemory> taken;
  for (int i = 0; i < 128; ++i) {
    taken.push_back(arena.take());
    const auto* const first = reinterpret_cast<const std::byte*>(taken.back().samples().data());
    const auto known = std::count_if(slabs.begin(), slabs.end(), [first](std::span<std::byte> slab) {
      return first >= slab.data() && first + kBlockBytes <= slab.data() + slab.size();
    });
    ASSERT_EQ(known, 1);
  }
  EXPECT_EQ(slabs.size(), 2u);
  EXPECT_EQ(arena.usage().mapped_bytes, 2 * kSlabBytes);
}

TEST(HostArena, SurvivesAnObserverThatThrows) {
  int calls = 0;
  HostArena arena({.max_bytes = 2 * kSlabBytes, .lock = false}, [&calls](std::span<std::byte>) {
    if (++calls == 2) throw Error(ErrorCode::kInternal, "cannot pin");
  });
  const AudioMemory a = arena.take(64);
  EXPECT_THROW(arena.take(), Error);
  EXPECT_EQ(arena.usage().mapped_bytes, kSlabBytes);
  EXPECT_EQ(arena.take().samples().size(), kBlockSamples);  // the third call of the observer lets it pass
}

TEST(HostArena, StaysOutOfCoreDumpsAndChildren) {
  HostArena arena({.max_bytes = kSlabBytes, .lock = false});
  const AudioMemory memory = arena.take();
  const std::string flags = vm_flags(memory.samples().data());
  EXPECT_NE(flags.find(" dd "), std::string::npos) << flags;
  EXPECT_NE(flags.find(" wf "), std::string::npos) << flags;
}

TEST(HostArena, LocksWhereTheLimitsAllowAndCountsIt) {
  if (!kMlockIsReal) GTEST_SKIP() << "under a sanitizer mlock does nothing";
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
  HostArena arena({.max_bytes = kSlabBytes, .lock = true});
  const AudioMemory memory = arena.take();
  const bool shown = vm_flags(memory.samples().data()).find(" lo ") != std::string::npos;
  EXPECT_EQ(arena.usage().locked_bytes, shown ? kSlabBytes : 0u);
  EXPECT_TRUE(shown || limit.rlim_cur < 2 * kSlabBytes);  // RLIM_INFINITY is the largest number
}

TEST(HostArena, WorksWhereLockingIsRefused) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_MEMLOCK, &before), 0);
  // Room for less than one slab. A process with CAP_IPC_LOCK is not bound by it: then all is locked.
  const rlimit small{.rlim_cur = 4096, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_MEMLOCK, &small), 0);
  std::size_t shown = 0;
  {
    HostArena arena({.max_bytes = 2 * kSlabBytes, .lock = true});
    const AudioMemory a = arena.take(64);
    const AudioMemory b = arena.take(64);
    for (const AudioMemory* memory : {&a, &b}) {
      if (vm_flags(memory->samples().data()).find(" lo ") != std::string::npos) shown += kSlabBytes;
    }
    if (!kMlockIsReal) shown = arena.usage().locked_bytes;
    EXPECT_EQ(arena.usage().locked_bytes, shown);
    EXPECT_EQ(arena.usage().mapped_bytes, 2 * kSlabBytes);
  }
  EXPECT_TRUE(shown == 0 || shown == 2 * kSlabBytes) << shown;
  EXPECT_EQ(setrlimit(RLIMIT_MEMLOCK, &before), 0);
}

TEST(HostArena, ServesSeveralThreads) {
  HostArena arena({.max_bytes = 2 * kSlabBytes, .lock = false});
  const auto work = [&arena](float mark) {
    for (int i = 0; i < 200; ++i) {
      const AudioMemory memory = arena.take(1 + static_cast<std::size_t>(i) % 4);
      ASSERT_EQ(memory.samples().front(), 0.0F);
      memory.samples().front() = mark;
      ASSERT_EQ(memory.samples().front(), mark);
    }
  };
  {
    const std::jthread a(work, 1.0F);
    const std::jthread b(work, 2.0F);
  }
  EXPECT_EQ(arena.usage().used_bytes, 0u);
}

}  // namespace
}  // namespace melstream::core
