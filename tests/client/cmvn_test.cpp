#include "client/cmvn.hpp"

#include "tests/client/expect_error.hpp"

namespace melstream::client {
namespace {

TEST(Cmvn, ReadsTheGoldenFile) {
  const CmvnVectors cmvn = read_cmvn(MELSTREAM_GOLDEN_DIR "/cmvn/am.mvn");
  ASSERT_EQ(cmvn.shift.size(), 560u);
  ASSERT_EQ(cmvn.scale.size(), 560u);
  EXPECT_EQ(cmvn.shift[0], -8.443239f);
  EXPECT_EQ(cmvn.scale[0], 0.1409013f);
}

TEST(Cmvn, BracketsOfSpliceDoNotCount) {
  const CmvnVectors cmvn = parse_cmvn(
      "<Nnet>\n<Splice> 2 2\n[ 0 ]\n<AddShift> 2 2\n<LearnRateCoef> 0 [ -1 2.5 ]\n<Rescale> 2 2\n<LearnRateCoef> 0 "
      "[ 3e-1\n 4 ]\n</Nnet>\n",
      "am.mvn");
  EXPECT_EQ(cmvn.shift, (std::vector<float>{-1, 2.5f}));
  EXPECT_EQ(cmvn.scale, (std::vector<float>{0.3f, 4}));
}

TEST(Cmvn, RefusesWhatIsNotCmvn) {
  const auto refuse = [](const char* text, std::initializer_list<const char*> words) {
    expect_error(ExitCode::kInput, words, [&] { parse_cmvn(text, "am.mvn"); });
  };
  refuse("", {"am.mvn", "<AddShift>"});
  refuse("<AddShift> 1 1\n[ 1 ]\n", {"<Rescale>"});
  refuse("<AddShift> 1 1\n<Rescale> 1 1\n[ 1 ]\n", {"<AddShift>", "numbers"});
  refuse("<AddShift> 1 1\n[ one ]\n<Rescale> 1 1\n[ 1 ]\n", {"<AddShift>", "numbers"});
  refuse("<AddShift> 1 1\n[ nan ]\n<Rescale> 1 1\n[ 1 ]\n", {"numbers"});
  refuse("<AddShift> 1 1\n[ ]\n<Rescale> 1 1\n[ 1 ]\n", {"no numbers"});
  refuse("<AddShift> 1 1\n[ 1\n<Rescale> 1 1\n[ 1 ]\n", {"<AddShift>"});
  refuse("<AddShift> 1 1\n[ 1 2 ]\n<Rescale> 1 1\n[ 1 ]\n", {"2 shifts", "1 scales"});
}

}  // namespace
}  // namespace melstream::client
