// What libsndfile reads comes out with every bit that the file has.
#include "melstream/audio/file/pcm_file.hpp"

#include <cstdint>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

const std::string kAudio = std::string(MELSTREAM_GOLDEN_DIR) + "/audio/";

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::byte> read_all(PcmFile& file, std::size_t n_samples) {
  std::vector<std::byte> all;
  for (auto part = file.read(n_samples); !part.empty(); part = file.read(n_samples)) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const core::Error& error) {
    return error.what();
  }
  return "";
}

TEST(PcmFile, GivesTheSamplesOfA16BitFileAsTheyAre) {
  PcmFile file(kAudio + "espeak.wav");
  EXPECT_EQ(file.format().encoding, core::PcmEncoding::kLinear16);
  EXPECT_EQ(file.format().sample_rate_hz, 16000);
  EXPECT_EQ(file.format().n_channels, 1);
  const std::string whole = bytes_of(kAudio + "espeak.wav");
  const auto samples = read_all(file, 333);
  ASSERT_EQ(samples.size(), whole.size() - 44);
  for (std::size_t i = 0; i < samples.size(); ++i) ASSERT_EQ(samples[i], static_cast<std::byte>(whole[44 + i]));
}

TEST(PcmFile, ExpandsG711AsTheReferenceDoes) {
  PcmFile file(kAudio + "espeak_8k_mulaw.wav");
  EXPECT_EQ(file.format().encoding, core::PcmEncoding::kLinear16);
  EXPECT_EQ(file.format().sample_rate_hz, 8000);
  PcmFile reference(kAudio + "espeak_8k_mulaw_decoded.wav");
  EXPECT_EQ(read_all(file, 100), read_all(reference, 1000));
}

TEST(PcmFile, BeginsAgain) {
  PcmFile file(kAudio + "short561.wav");
  const auto first = read_all(file, 100);
  ASSERT_TRUE(file.rewind());
  EXPECT_EQ(read_all(file, 561), first);
}

TEST(PcmFile, ReadsFromMemory) {
  const std::string whole = bytes_of(kAudio + "short561.wav");
  PcmFile memory(std::as_bytes(std::span(whole)), "memory");
  PcmFile file(kAudio + "short561.wav");
  EXPECT_EQ(read_all(memory, 100), read_all(file, 100));
}

TEST(PcmFile, SaysWhatIsWrong) {
  EXPECT_NE(refusal([] { PcmFile("/nowhere/x.wav"); }).find("file '/nowhere/x.wav': "), std::string::npos);
  EXPECT_NE(refusal([] { PcmFile file(kAudio); }).find("no regular file"), std::string::npos);
  EXPECT_NE(refusal([] { PcmFile("/dev/zero"); }).find("no regular file"), std::string::npos);
  EXPECT_NE(refusal([] { PcmFile(std::string(MELSTREAM_GOLDEN_DIR) + "/README.md"); }).find("audio"),
            std::string::npos);
  EXPECT_NE(refusal([] { PcmFile(std::span<const std::byte>(), "empty"); }), "");
}

}  // namespace
}  // namespace melstream::audio
