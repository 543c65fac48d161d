// What libraries print is dropped, what others print is not.
#include "melstream/audio/mic/quiet_stderr.hpp"

#include <cstdio>
#include <thread>

#include <gtest/gtest.h>

namespace melstream::audio {
namespace {

/// From a thread that no test has made quiet.
void print(const char* text) {
  std::thread([text] { std::fprintf(stderr, "%s %d\n", text, 1); }).join();
}

TEST(QuietStderr, DropsWhatQuietThreadsPrintAndPortAudiosOwn) {
  quieten_sound_libraries();
  testing::internal::CaptureStderr();
  print("first");
  {
    const QuietScope quiet;
    std::fprintf(stderr, "Cannot connect to server socket err = No such file\n");
    print("second");
  }
  std::thread([] {
    quieten_this_thread();
    std::fprintf(stderr, "from a callback\n");
  }).join();
  print("Expression 'ret' failed in 'src/hostapi/alsa/pa_linux_alsa.c', line:");
  print("third");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "first 1\nsecond 1\nthird 1\n");
}

}  // namespace
}  // namespace melstream::audio
