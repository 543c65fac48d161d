// Messages put together from parts are what protobuf would have made, and blocks are shared, not copied.
#include "melstream/rpc/wire_message.hpp"

#include <random>

#include <gtest/gtest.h>

#include "melstream/rpc/shared_blocks.hpp"

namespace melstream::rpc {
namespace {

v1::SubscribeResponse parse(grpc::ByteBuffer message) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(message.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  v1::SubscribeResponse response;
  EXPECT_TRUE(response.ParseFromString(bytes));
  return response;
}

v1::FeatureBlock block_of(std::size_t n_value_bytes) {
  v1::FeatureBlock block;
  block.set_stream("s");
  block.set_epoch(1);
  block.set_first_frame(40);
  block.set_values(std::string(n_value_bytes, 'v'));
  return block;
}

v1::SubscribeResponse response_of(v1::FeatureBlock block, float running_max, const std::string& token) {
  v1::SubscribeResponse response;
  *response.mutable_block() = std::move(block);
  response.mutable_block()->set_running_max(running_max);
  response.mutable_block()->set_resume_token(token);
  return response;
}

TEST(WireMessage, OneResponseIsItself) {
  WireMessage message(WireMessage::Form::kOne);
  EXPECT_TRUE(message.empty());
  v1::SubscribeResponse response;
  response.mutable_heartbeat()->set_next_frame(12);
  message.add(response);
  EXPECT_EQ(message.n_bytes(), response.ByteSizeLong());
  EXPECT_EQ(parse(message.take()).SerializeAsString(), response.SerializeAsString());
  EXPECT_TRUE(message.empty());
}

TEST(WireMessage, ABlockIsWholeWhateverItsSize) {
  for (const std::size_t n : {0U, 1U, 100U, 127U, 128U, 1280U, 16'383U, 16'384U, 3'000'000U}) {
    WireMessage message(WireMessage::Form::kOne);
    message.add_block(grpc::Slice(block_of(n).SerializeAsString()), -2.5F, "token");
    const v1::SubscribeResponse expected = response_of(block_of(n), -2.5F, "token");
    EXPECT_EQ(message.n_bytes(), expected.ByteSizeLong()) << n;
    EXPECT_EQ(parse(message.take()).SerializeAsString(), expected.SerializeAsString()) << n;
  }
}

TEST(WireMessage, ABatchHoldsAllInOrder) {
  std::mt19937 random(3);
  WireMessage message(WireMessage::Form::kBatch);
  for (int round = 0; round < 20; ++round) {
    v1::SubscribeResponse expected;
    const auto n = static_cast<int>(1 + random() % 50);
    for (int i = 0; i < n; ++i) {
      if (random() % 4 == 0) {
        v1::SubscribeResponse gap;
        gap.mutable_gap()->set_stream("s" + std::to_string(i));
        gap.mutable_gap()->set_frame_count(static_cast<std::int64_t>(random()));
        message.add(gap);
        *expected.mutable_batch()->add_responses() = gap;
      } else {
        const v1::FeatureBlock block = block_of(random() % 3000);
        message.add_block(grpc::Slice(block.SerializeAsString()), static_cast<float>(i), "t" + std::to_string(i));
        *expected.mutable_batch()->add_responses() = response_of(block, static_cast<float>(i), "t" + std::to_string(i));
      }
    }
    EXPECT_EQ(parse(message.take()).SerializeAsString(), expected.SerializeAsString());
  }
}

TEST(WireMessage, BlocksAreNotCopied) {
  const grpc::Slice block(block_of(4000).SerializeAsString());
  WireMessage message(WireMessage::Form::kBatch);
  message.add_block(block, 0, "t");
  message.add_block(block, 1, "t");
  grpc::ByteBuffer bytes = message.take();
  std::vector<grpc::Slice> slices;
  ASSERT_TRUE(bytes.Dump(&slices).ok());
  int n_shared = 0;
  for (const grpc::Slice& slice : slices) n_shared += slice.begin() == block.begin() ? 1 : 0;
  EXPECT_EQ(n_shared, 2);
}

TEST(SharedBlocks, FindsTheNewestByFramesAndMaximum) {
  SharedBlocks shared;
  for (int i = 0; i < 6; ++i) {
    shared.add({.first_frame = i * 4, .n_frames = 4, .max_before = 1.0F, .bytes = grpc::Slice("b")});
  }
  pipeline::RowRange rows{.first_frame = 20, .n_frames = 4};
  EXPECT_NE(shared.find(rows, 1.0F), nullptr);
  EXPECT_EQ(shared.find(rows, 2.0F), nullptr);
  rows.n_frames = 3;
  EXPECT_EQ(shared.find(rows, 1.0F), nullptr);
  rows = {.first_frame = 0, .n_frames = 4};
  EXPECT_EQ(shared.find(rows, 1.0F), nullptr);  // pushed out
  rows = {.first_frame = 20, .n_frames = 4, .segment_end = true};
  EXPECT_EQ(shared.find(rows, 1.0F), nullptr);  // it went out before the segment was closed
  shared.clear();
  rows.segment_end = false;
  EXPECT_EQ(shared.find(rows, 1.0F), nullptr);
  shared.add({.first_frame = 20, .n_frames = 4, .max_before = 1.0F, .bytes = grpc::Slice(std::string(70'000, 'b'))});
  EXPECT_EQ(shared.find(rows, 1.0F), nullptr);  // too large to be kept
}

}  // namespace
}  // namespace melstream::rpc
