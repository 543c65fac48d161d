#include "client/audio_input.hpp"

#include <array>
#include <cstring>

#include <unistd.h>

#include "tests/client/expect_error.hpp"
#include "tests/client/temp_folder.hpp"
#include "tests/client/wav.hpp"

namespace melstream::client {
namespace {

/// All samples, read a few at a time.
std::string read_all(AudioInput& input, std::int64_t n_samples) {
  std::string all;
  std::vector<std::byte> bytes;
  while (true) {
    input.read(n_samples, bytes);
    if (bytes.empty()) return all;
    all.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
}

/// A pipe with bytes in it, closed for writing.
class Pipe {
 public:
  explicit Pipe(const std::string& content) {
    EXPECT_EQ(pipe(fds_.data()), 0);
    EXPECT_EQ(write(fds_[1], content.data(), content.size()), static_cast<ssize_t>(content.size()));
    close(fds_[1]);
  }
  ~Pipe() { close(fds_[0]); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int fd() const { return fds_[0]; }

 private:
  std::array<int, 2> fds_{};
};

TEST(AudioFile, SixteenBitsGoOutAsTheyAre) {
  const TempFolder folder;
  const std::string samples("\x00\x80\xff\x7f\x01\x00\xfe\xff", 8);
  const auto input = open_audio_file(folder.write("x.wav", wav({}, samples)));
  EXPECT_EQ(input->format().encoding, Encoding::kS16);
  EXPECT_EQ(input->format().rate_hz, 16000);
  EXPECT_EQ(input->length(), 4);
  EXPECT_EQ(input->warning(), "");
  EXPECT_EQ(read_all(*input, 3), samples);
}

TEST(AudioFile, EveryEncodingKeepsItsBits) {
  const TempFolder folder;
  struct Case {
    WavHeader header;
    Encoding encoding;
    std::string samples;
  };
  const float values[] = {0.25f, -1.5f};
  std::string floats(8, '\0');
  std::memcpy(floats.data(), values, 8);
  const std::array<Case, 5> cases = {{
      {{1, 2, 44100, 24}, Encoding::kS24, std::string("\x01\x02\x03\xff\xff\x7f\x00\x00\x80\xfe\xff\xff", 12)},
      {{1, 1, 48000, 32}, Encoding::kS32, std::string("\x01\x02\x03\x04\x00\x00\x00\x80", 8)},
      {{3, 1, 16000, 32}, Encoding::kF32, floats},
      {{7, 1, 8000, 8}, Encoding::kMulaw, std::string("\x00\x7f\x80\xff", 4)},
      {{6, 1, 8000, 8}, Encoding::kAlaw, std::string("\x2a\xd5\x00\xff", 4)},
  }};
  for (const Case& one : cases) {
    const auto input = open_audio_file(folder.write("x.wav", wav(one.header, one.samples)));
    EXPECT_EQ(input->format().encoding, one.encoding);
    EXPECT_EQ(input->format().channels, one.header.channels);
    EXPECT_EQ(input->format().rate_hz, one.header.rate_hz);
    EXPECT_EQ(read_all(*input, 1), one.samples) << encoding_name(one.encoding);
  }
}

TEST(AudioFile, WithoutSamplesIsAllRight) {
  const TempFolder folder;
  const auto input = open_audio_file(folder.write("x.wav", wav({}, "")));
  EXPECT_EQ(input->length(), 0);
  EXPECT_EQ(read_all(*input, 100), "");
}

TEST(AudioFile, TruncatedOneWarnsAndGivesWhatIsThere) {
  const TempFolder folder;
  const std::string samples(101, '\x11');
  const auto input = open_audio_file(folder.write("cut.wav", wav({}, samples, 64000)));
  EXPECT_NE(input->warning().find("truncated"), std::string::npos);
  EXPECT_NE(input->warning().find("63899 bytes"), std::string::npos) << input->warning();
  EXPECT_EQ(read_all(*input, 7), samples.substr(0, 100));
}

TEST(AudioFile, RefusesWhatIsNoAudio) {
  const TempFolder folder;
  const auto refuse = [&](const std::string& path, std::initializer_list<const char*> words) {
    expect_error(ExitCode::kInput, words, [&] { open_audio_file(path); });
  };
  refuse(folder.path("none.wav"), {"none.wav", "No such file"});
  refuse(folder.path("."), {"directory"});
  refuse(folder.write("empty.wav", ""), {"empty.wav", "empty"});
  refuse(folder.write("text.wav", "not sound at all, but long enough to be taken for a header"), {"text.wav"});
  refuse(folder.write("stub.wav", std::string("RIFF\x24\0\0\0WAVEfm", 14)), {"stub.wav"});
  refuse(folder.write("nine.wav", wav({1, 9, 16000, 16}, std::string(180, '\0'))), {"9 channels"});
  refuse(folder.write("slow.wav", wav({1, 1, 7999, 16}, std::string(20, '\0'))), {"7999"});
}

TEST(RawInput, GivesWholeSamplesAcrossChannels) {
  const Pipe pipe("aabbccddeeff");
  const auto input = open_raw_input(pipe.fd(), {Encoding::kS16, 16000, 2}, -1);
  std::vector<std::byte> bytes;
  input->read(2, bytes);
  EXPECT_EQ(bytes.size(), 8u);
  input->read(2, bytes);
  EXPECT_EQ(bytes.size(), 4u);
  input->read(2, bytes);
  EXPECT_TRUE(bytes.empty());
}

TEST(RawInput, RefusesAnOddByteAfterTheWholeSamples) {
  const Pipe pipe("aabbc");
  const auto input = open_raw_input(pipe.fd(), {Encoding::kS16, 16000, 1}, -1);
  std::vector<std::byte> bytes;
  input->read(100, bytes);
  EXPECT_EQ(bytes.size(), 4u);
  expect_error(ExitCode::kInput, {"5 bytes", "last 1"}, [&] { input->read(100, bytes); });
}

TEST(RawInput, RefusesASingleByte) {
  const Pipe pipe("c");
  const auto input = open_raw_input(pipe.fd(), {Encoding::kS16, 16000, 1}, -1);
  std::vector<std::byte> bytes;
  expect_error(ExitCode::kInput, {"last 1"}, [&] { input->read(100, bytes); });
}

TEST(RawInput, EndsWhenItIsWoken) {
  // A pipe that nothing comes from, and another that is readable: the end.
  std::array<int, 2> silent{};
  ASSERT_EQ(pipe(silent.data()), 0);
  const Pipe wake("x");
  const auto input = open_raw_input(silent[0], {Encoding::kS16, 16000, 1}, wake.fd());
  std::vector<std::byte> bytes;
  input->read(100, bytes);
  EXPECT_TRUE(bytes.empty());
  close(silent[0]);
  close(silent[1]);
}

TEST(PadOrCut, PadsWithSilenceOfTheEncoding) {
  const Pipe pcm("aabb");
  const auto padded = pad_or_cut(open_raw_input(pcm.fd(), {Encoding::kS16, 16000, 1}, -1), 4);
  EXPECT_EQ(padded->length(), 4);
  EXPECT_EQ(read_all(*padded, 3), std::string("aabb\0\0\0\0", 8));
  const Pipe telephone("ab");
  EXPECT_EQ(read_all(*pad_or_cut(open_raw_input(telephone.fd(), {Encoding::kMulaw, 8000, 1}, -1), 4), 3), "ab\xff\xff");
}

TEST(PadOrCut, CutsWhatIsLonger) {
  const Pipe pipe("aabbccdd");
  EXPECT_EQ(read_all(*pad_or_cut(open_raw_input(pipe.fd(), {Encoding::kS16, 16000, 1}, -1), 3), 2), "aabbcc");
}

TEST(PadOrCut, DoesNotHideAnOddByte) {
  const Pipe pipe("aabbc");
  const auto padded = pad_or_cut(open_raw_input(pipe.fd(), {Encoding::kS16, 16000, 1}, -1), 100);
  expect_error(ExitCode::kInput, {"last 1"}, [&] { read_all(*padded, 100); });
}

TEST(AudioFormat, LargestChunkFitsIntoAMessage) {
  EXPECT_EQ(largest_chunk({Encoding::kS16, 16000, 1}), 128000);
  EXPECT_EQ(largest_chunk({Encoding::kS24, 16000, 8}), 10666);
  EXPECT_EQ(parse_encoding("f32le"), Encoding::kF32);
  expect_error(ExitCode::kUsage, {"s16be", "s16le"}, [] { parse_encoding("s16be"); });
}

}  // namespace
}  // namespace melstream::client
