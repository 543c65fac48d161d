// A recording survives what happens to files: cut anywhere it plays up to there, damage anywhere is told.
#include "client/recording/recording_file.hpp"

#include <gtest/gtest.h>

#include "tests/client/expect_error.hpp"
#include "tests/client/responses.hpp"
#include "tests/client/temp_folder.hpp"

namespace melstream::client {
namespace {

constexpr std::int64_t kBegin = 1'700'000'000'000'000'000;

v1::RecordingHeader header() {
  v1::RecordingHeader header;
  header.set_begin_time_ns(kBegin);
  header.mutable_front_end()->set_name("whisper-80");
  return header;
}

void record(const std::string& path) {
  RecordingWriter writer(path, header());
  writer.write(of("mic", 7, start_response(0), "token"), {}, kBegin + 10);
  writer.write(of("mic", 7, block_response(0, 4), "token"), {}, kBegin + 30);
  writer.write(of("mic", 7, gap_response(4, 2), "token"), {}, kBegin + 20);  // the wall clock stepped back
  writer.write(of("mic", 7, end_response(6)), {}, kBegin + 40);
  writer.finish();
}

std::vector<v1::RecordingEntry> read(RecordingReader& reader) {
  std::vector<v1::RecordingEntry> entries;
  for (v1::RecordingEntry entry; reader.next(entry);) entries.push_back(entry);
  return entries;
}

TEST(RecordingFile, HasAllWithItsTimesAndNoTokens) {
  const TempFolder folder;
  record(folder.path("a.mel"));
  RecordingReader reader(folder.path("a.mel"));
  EXPECT_EQ(reader.header().front_end().name(), "whisper-80");
  const auto entries = read(reader);
  EXPECT_TRUE(reader.complete());
  ASSERT_EQ(entries.size(), 4);
  EXPECT_EQ(entries[0].after_ns(), 10);
  EXPECT_EQ(entries[1].after_ns(), 30);
  EXPECT_EQ(entries[2].after_ns(), 30) << "time never goes back";
  EXPECT_EQ(entries[1].response().block().frame_count(), 4);
  EXPECT_TRUE(entries[0].response().start().resume_token().empty());
  EXPECT_TRUE(entries[1].response().block().resume_token().empty());
  EXPECT_TRUE(entries[2].response().gap().resume_token().empty());
}

TEST(RecordingFile, CutAnywhereItPlaysUpToThere) {
  const TempFolder folder;
  record(folder.path("a.mel"));
  const std::string content = folder.read("a.mel");
  std::size_t n_before = 0;
  for (std::size_t n = 8; n < content.size(); ++n) {
    const std::string path = folder.write("cut.mel", content.substr(0, n));
    try {
      RecordingReader reader(path);
      const std::size_t n_entries = read(reader).size();
      EXPECT_FALSE(reader.complete());
      EXPECT_GE(n_entries, n_before);
      n_before = n_entries;
    } catch (const ClientError& error) {
      EXPECT_NE(std::string(error.what()).find("ends within its header"), std::string::npos) << error.what();
    }
  }
  EXPECT_EQ(n_before, 4);
}

TEST(RecordingFile, DamageAnywhereIsTold) {
  const TempFolder folder;
  record(folder.path("a.mel"));
  const std::string content = folder.read("a.mel");
  for (std::size_t at = 0; at < content.size(); ++at) {
    std::string damaged = content;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    const std::string path = folder.write("damaged.mel", damaged);
    bool told = false;
    try {
      RecordingReader reader(path);
      read(reader);
      told = !reader.complete();  // a length that leads beyond the end reads as cut off
    } catch (const ClientError& error) {
      told = error.code() == ExitCode::kInput;
    }
    EXPECT_TRUE(told) << "byte " << at;
  }
}

TEST(RecordingFile, NothingIsReplacedAndNothingElseIsRead) {
  const TempFolder folder;
  const std::string there = folder.write("a.mel", "precious");
  expect_error(ExitCode::kInput, {"is there already"}, [&] { RecordingWriter(there, header()); });
  EXPECT_EQ(folder.read("a.mel"), "precious");
  expect_error(ExitCode::kInput, {"is no recording"}, [&] { RecordingReader reader(there); });
  expect_error(ExitCode::kInput, {"No such file"}, [&] { RecordingReader reader(folder.path("b.mel")); });
}

}  // namespace
}  // namespace melstream::client
