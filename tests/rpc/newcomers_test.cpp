// What a selection gains, whenever one looks and whenever one takes.
#include "melstream/rpc/newcomers.hpp"

#include <gtest/gtest.h>

#include "tests/pipeline/pipeline_fixture.hpp"

namespace melstream::test {
namespace {

class NewcomersTest : public PipelineTest {
 protected:
  NewcomersTest() { build({.max_streams = 8, .history_s = 1.0}); }
  std::vector<std::string> ids_of(const std::vector<rpc::Newcomers::Newcomer>& newcomers) {
    std::vector<std::string> ids;
    for (const auto& one : newcomers) ids.push_back(one.id);
    return ids;
  }
  static std::vector<rpc::Newcomers::Newcomer> take_all(rpc::Newcomers& newcomers) {
    std::vector<rpc::Newcomers::Newcomer> all;
    while (auto one = newcomers.take()) all.push_back(std::move(*one));
    return all;
  }
  void forget_all_ended() {
    clock_.advance_ms(2000);
    registry_->collect();
    tick();  // the tick loop lets go of them too
  }
};

TEST_F(NewcomersTest, FirstThoseThatAreLiveThenEachThatOpensInOrder) {
  end(*open("over"));
  open("b");
  open("a");
  rpc::Newcomers newcomers(*registry_, rpc::StreamSelection());
  newcomers.look();
  const auto first = take_all(newcomers);
  EXPECT_EQ(ids_of(first), (std::vector<std::string>{"b", "a"}));
  for (const auto& one : first) EXPECT_TRUE(one.is_first);
  newcomers.look();
  EXPECT_FALSE(newcomers.take().has_value());
  end(*open("d"));
  open("c");
  newcomers.look();
  const auto later = take_all(newcomers);
  EXPECT_EQ(ids_of(later), (std::vector<std::string>{"d", "c"}));
  for (const auto& one : later) {
    EXPECT_FALSE(one.is_first);
    EXPECT_NE(one.stream, nullptr);
  }
}

TEST_F(NewcomersTest, WhatCameAndWentBeforeItWasTakenIsTold) {
  rpc::Newcomers newcomers(*registry_, rpc::StreamSelection());
  newcomers.look();
  std::uint64_t epoch = 0;
  {
    const auto stream = open("short");
    epoch = stream->epoch();
    newcomers.look();
    end(*stream);
  }
  forget_all_ended();
  newcomers.look();
  const auto taken = take_all(newcomers);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].id, "short");
  EXPECT_EQ(taken[0].epoch, epoch);
  EXPECT_EQ(taken[0].stream, nullptr);
}

TEST_F(NewcomersTest, WhatIsFollowedAlreadyIsNoNewcomer) {
  const auto stream = open("a");
  rpc::Newcomers newcomers(*registry_, rpc::StreamSelection());
  newcomers.know(stream->epoch());
  newcomers.look();
  EXPECT_FALSE(newcomers.take().has_value());
}

}  // namespace
}  // namespace melstream::test
