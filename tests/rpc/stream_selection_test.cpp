// Which streams a selection contains, what it refuses, and how it reads in a list.
#include "melstream/rpc/stream_selection.hpp"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"
#include "melstream/core/host_arena.hpp"
#include "melstream/pipeline/segment.hpp"

namespace melstream::test {
namespace {

class StreamSelectionTest : public ::testing::Test {
 protected:
  static rpc::StreamSelection by_ids(const std::vector<std::string>& ids) {
    v1::StreamSelection selection;
    selection.mutable_ids()->mutable_ids()->Add(ids.begin(), ids.end());
    return rpc::StreamSelection(selection);
  }
  static rpc::StreamSelection by_labels(const std::string& labels) {
    v1::StreamSelection selection;
    selection.set_labels(labels);
    return rpc::StreamSelection(selection);
  }
  bool contains(const rpc::StreamSelection& selection, const std::string& id,
                const std::map<std::string, std::string>& labels = {}) {
    const pipeline::Stream stream({.id = id, .labels = labels}, {}, geometries_, arena_.take(), nullptr);
    return selection.contains(stream);
  }
  template <typename Make>
  static std::string refused_field(Make make) {
    try {
      make();
    } catch (const core::Error& error) {
      EXPECT_EQ(error.code(), core::ErrorCode::kInvalidArgument);
      return error.field();
    }
    return "taken";
  }

 private:
  core::HostArena arena_{{.max_bytes = std::size_t{16} << 20, .lock = false}};
  const pipeline::GeometryTable geometries_{{}};
};

TEST_F(StreamSelectionTest, AllIsEveryStream) {
  v1::StreamSelection all;
  all.mutable_all();
  EXPECT_TRUE(contains(rpc::StreamSelection(all), "a"));
  EXPECT_TRUE(contains(rpc::StreamSelection(), "a"));
  EXPECT_EQ(rpc::StreamSelection(all).text(), "all");
  EXPECT_EQ(rpc::StreamSelection().text(), "all");
}

TEST_F(StreamSelectionTest, IdsAreThoseNamedEachOnce) {
  const rpc::StreamSelection selection = by_ids({"mic", "call", "mic"});
  EXPECT_TRUE(contains(selection, "mic"));
  EXPECT_TRUE(contains(selection, "call"));
  EXPECT_FALSE(contains(selection, "mic2"));
  EXPECT_EQ(selection.text(), "ids: call, mic");
}

TEST_F(StreamSelectionTest, LabelsAreThoseOfTheStream) {
  const rpc::StreamSelection selection = by_labels("room in (a, b), !muted");
  EXPECT_TRUE(contains(selection, "mic", {{"room", "b"}}));
  EXPECT_FALSE(contains(selection, "mic", {{"room", "b"}, {"muted", ""}}));
  EXPECT_FALSE(contains(selection, "mic"));
  EXPECT_EQ(selection.text(), "labels: room in (a, b), !muted");
}

TEST_F(StreamSelectionTest, SaysWhichFieldIsWrong) {
  EXPECT_EQ(refused_field([] { rpc::StreamSelection{v1::StreamSelection{}}; }), "streams");
  EXPECT_EQ(refused_field([] { by_ids({}); }), "ids");
  EXPECT_EQ(refused_field([] { by_ids({"mic", "no body"}); }), "ids");
  EXPECT_EQ(refused_field([] { by_ids({""}); }), "ids");
  EXPECT_EQ(refused_field([] { by_labels("a="); }), "labels");
  EXPECT_EQ(refused_field([] { by_labels(""); }), "labels");
  EXPECT_EQ(refused_field([] { by_ids(std::vector<std::string>(10'001, "mic")); }), "ids");
  EXPECT_EQ(refused_field([] { by_ids(std::vector<std::string>(10'000, "mic")); }), "taken");
}

TEST_F(StreamSelectionTest, ItsTextIsOneShortLine) {
  std::vector<std::string> ids;
  for (int i = 0; i < 100; ++i) ids.push_back("stream-" + std::to_string(1000 + i));
  const std::string text = by_ids(ids).text();
  EXPECT_LE(text.size(), 95U);
  EXPECT_EQ(text.substr(0, 30), "ids: stream-1000, stream-1001,");
  EXPECT_EQ(text.substr(text.size() - 11), ", ... (100)") << text;
  EXPECT_EQ(by_labels("a=\"\n\"").text(), "labels: a=\"\\x0a\"");
  // Two bytes a character: none is cut in half.
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "\xc3\xa4";
  const std::string cut = by_labels("a=\"" + umlauts + "\"").text();
  EXPECT_LE(cut.size(), 85U);
  EXPECT_EQ(cut.substr(cut.size() - 5), "\xc3\xa4...");
}

}  // namespace
}  // namespace melstream::test
