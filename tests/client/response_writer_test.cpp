// What `subscribe` writes: JSON lines, and a file for each life of each stream.
#include "client/response_writer.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "client/crc32.hpp"
#include "client/npy.hpp"
#include "tests/client/expect_error.hpp"
#include "tests/client/responses.hpp"
#include "tests/client/temp_folder.hpp"

namespace melstream::client {
namespace {

/// Of block_response().
std::vector<float> rows(std::int64_t first_frame, int n_frames) {
  std::vector<float> values;
  for (int i = 0; i < n_frames; ++i) {
    const auto value = static_cast<float>(first_frame + i);
    values.insert(values.end(), {value, -value});
  }
  return values;
}

void write_block(ResponseWriter& writer, const std::string& stream, std::uint64_t epoch, std::int64_t first_frame,
                 int n_frames) {
  writer.write(of(stream, epoch, block_response(first_frame, n_frames)), rows(first_frame, n_frames), 0);
}

TEST(Crc32, IsThatOfZlib) {
  // The check value of every catalogue of CRCs, and zlib.crc32(b"").
  const std::string check = "123456789";
  EXPECT_EQ(crc32(std::as_bytes(std::span(check))), 0xCBF43926U);
  EXPECT_EQ(crc32({}), 0U);
}

TEST(JsonLines, ABlockHasTheNamesOfTheContract) {
  v1::SubscribeResponse response = of("desk", 7, block_response(3, 2), "\x01\xff");
  v1::FeatureBlock& block = *response.mutable_block();
  block.set_first_sample(480);
  block.set_capture_time_ns(11);
  block.set_received_time_ns(12);
  block.set_block_max(1.5F);
  block.set_running_max(2);
  block.set_rms_dbfs(-20);
  block.set_peak_dbfs(-std::numeric_limits<float>::infinity());
  EXPECT_EQ(response_json(response, rows(3, 2)),
            R"({"type": "block", "stream": "desk", "epoch": "7", "first_frame": 3, "frame_count": 2, )"
            R"("first_sample": 480, "capture_time_ns": 11, "received_time_ns": 12, "block_max": 1.5, )"
            R"("running_max": 2, "rms_dbfs": -20, "peak_dbfs": null, "concealed_share": 0, "flags": 0, )"
            R"("resume_token": "01ff", "values": [[3, -3], [4, -4]]})");
}

TEST(JsonLines, AFrameHasTheSameCrcWhateverItsBlock) {
  // zlib.crc32(struct.pack("<2f", 4, -4)) and the same of 3.
  const std::string of_three = "1502871801";
  const std::string of_four = "2206648579";
  const BlockJsonOptions options{.values = false, .crc = true};
  const std::string both = response_json(of("a", 7, block_response(3, 2)), rows(3, 2), options);
  EXPECT_NE(both.find("\"frame_crc32\": [" + of_three + ", " + of_four + "]}"), std::string::npos) << both;
  const std::string one = response_json(of("a", 7, block_response(4, 1)), rows(4, 1), options);
  EXPECT_NE(one.find("\"frame_crc32\": [" + of_four + "]}"), std::string::npos) << one;
}

TEST(JsonLines, AFailureHasItsCodeAndToken) {
  EXPECT_EQ(response_json(failure_response("a", 8, "too slow", "\x0a"), {}),
            R"({"type": "failure", "stream": "a", "epoch": "0", "next_frame": 0, "code": "RESOURCE_EXHAUSTED", )"
            R"("message": "too slow", "resume_token": "0a"})");
}

TEST(JsonWriter, ReplacesOrAppends) {
  const TempFolder folder;
  for (const bool append : {false, false, true}) {
    make_json_writer(folder.path("x.jsonl"), {}, append)->write(of("a", 7, end_response(0)), {}, 0);
  }
  const std::string lines = folder.read("x.jsonl");
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2);
}

class FolderWriterTest : public testing::Test {
 protected:
  std::unique_ptr<ResponseWriter> npy_writer(bool fill_gaps) {
    return make_folder_writer(folder_.path("out/"), ".npy",
                              [fill_gaps](const std::string& path) { return make_npy_writer(path, fill_gaps); });
  }
  std::vector<float> values(const std::string& name) { return read_npy(folder_.path("out/" + name)).values; }
  bool exists(const std::string& name) const { return !folder_.read("out/" + name).empty(); }

  TempFolder folder_;
};

TEST_F(FolderWriterTest, AFileForEachStreamAndEpoch) {
  const auto writer = npy_writer(false);
  writer->write(of("a", 7, start_response(0)), {}, 0);
  writer->write(of("b", 0x1F, start_response(10)), {}, 0);
  write_block(*writer, "a", 7, 0, 2);
  write_block(*writer, "b", 0x1F, 10, 1);
  EXPECT_FALSE(exists("a.0000000000000007.npy"));
  writer->write(of("a", 7, end_response(2)), {}, 0);
  EXPECT_EQ(values("a.0000000000000007.npy"), rows(0, 2)) << "complete at the stream's end";
  writer->write(of("a", 8, start_response(0)), {}, 0);
  write_block(*writer, "a", 8, 0, 1);
  writer->finish();
  EXPECT_EQ(values("a.0000000000000008.npy"), rows(0, 1));
  EXPECT_EQ(values("b.000000000000001f.npy"), rows(10, 1));
}

TEST_F(FolderWriterTest, AResumedStreamGoesOnInItsFile) {
  const auto writer = npy_writer(false);
  writer->write(of("a", 7, start_response(0)), {}, 0);
  write_block(*writer, "a", 7, 0, 2);
  writer->write(of("a", 7, start_response(2)), {}, 0);
  write_block(*writer, "a", 7, 2, 2);
  writer->finish();
  EXPECT_EQ(values("a.0000000000000007.npy"), rows(0, 4));
}

TEST_F(FolderWriterTest, WhatAnotherRunWroteIsKept) {
  for (const std::int64_t first : {0, 2}) {
    const auto writer = npy_writer(false);
    writer->write(of("a", 7, start_response(first)), {}, 0);
    write_block(*writer, "a", 7, first, 2);
    writer->finish();
  }
  EXPECT_EQ(values("a.0000000000000007.npy"), rows(0, 2));
  EXPECT_EQ(values("a.0000000000000007.2.npy"), rows(2, 2));
}

TEST_F(FolderWriterTest, AGapCostsItsStreamAlone) {
  const auto writer = npy_writer(false);
  for (const char* stream : {"a", "b"}) writer->write(of(stream, 7, start_response(0)), {}, 0);
  testing::internal::CaptureStderr();
  writer->write(of("a", 7, gap_response(0, 3)), {}, 0);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("stream a"), std::string::npos);
  write_block(*writer, "a", 7, 3, 1);
  write_block(*writer, "b", 7, 0, 1);
  expect_error(ExitCode::kFailure, {"1 files are not written"}, [&] { writer->finish(); });
  EXPECT_FALSE(exists("a.0000000000000007.npy"));
  EXPECT_EQ(values("b.0000000000000007.npy"), rows(0, 1));
}

TEST_F(FolderWriterTest, AnIdNeverLeavesTheFolder) {
  const auto writer = npy_writer(false);
  writer->write(of("../x y", 7, start_response(0)), {}, 0);
  write_block(*writer, "../x y", 7, 0, 1);
  writer->finish();
  EXPECT_EQ(values("..%2Fx%20y.0000000000000007.npy"), rows(0, 1));
}

TEST_F(FolderWriterTest, NeedsAFolder) {
  expect_error(ExitCode::kInput, {"no folder"}, [&] { make_folder_writer(folder_.path("no/where"), ".npy", {}); });
}

TEST(NpyResponseWriter, AnotherLifeIsNoPartOfTheFile) {
  const TempFolder folder;
  const auto writer = make_npy_writer(folder.path("x.npy"), true);
  writer->write(of("a", 7, start_response(0)), {}, 0);
  writer->write(of("a", 7, start_response(0)), {}, 0);
  expect_error(ExitCode::kFailure, {"0000000000000008", "FOLDER/"},
               [&] { writer->write(of("a", 8, start_response(0)), {}, 0); });
}

}  // namespace
}  // namespace melstream::client
