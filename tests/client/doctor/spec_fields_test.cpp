#include "client/doctor/spec_fields.hpp"

#include <gtest/gtest.h>

#include "client/doctor/model_file.hpp"

namespace melstream::client::doctor {
namespace {

const SpecFields kPlain =
    parse_spec("cepstra=0\nf_max_hz=8000\nlog_floor=1.1920929e-07\nn_mels=80\nversion=3\nwindow=povey\n");

TEST(SpecFields, ReadsCanonicalTextWithoutTheVersion) {
  EXPECT_EQ(kPlain.size(), 5U);
  EXPECT_EQ(kPlain.at("window"), "povey");
  EXPECT_EQ(kPlain.count("version"), 0U);
}

TEST(SpecFields, ComparesNumbersAsFloat32) {
  EXPECT_TRUE(same_value("0.97", "0.97000002"));
  EXPECT_TRUE(same_value("1.1920929e-07", "0.00000011920929"));
  EXPECT_TRUE(same_value("1,2.0", "1.0,2"));
  EXPECT_FALSE(same_value("1,2", "1,2,3"));
  EXPECT_FALSE(same_value("7600", "8000"));
  EXPECT_FALSE(same_value("povey", "8000"));
}

TEST(SpecFields, ListsFieldsOfEitherSide) {
  SpecFields wanted = kPlain;
  wanted["n_mels"] = "40";
  wanted["lifter"] = "22";
  wanted.erase("log_floor");
  const auto found = differences(wanted, kPlain);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].key, "lifter");
  EXPECT_EQ(found[0].served, "");
  EXPECT_EQ(found[1].key, "log_floor");
  EXPECT_EQ(found[1].wanted, "");
  EXPECT_EQ(found[2].wanted, "40");
}

TEST(SpecFields, NearestIsNoFrontEndWithCmvnThatIsNotWanted) {
  SpecFields with_cmvn = kPlain;
  with_cmvn["cmvn_shift"] = "1";
  with_cmvn["cmvn_scale"] = "1";
  SpecFields far = kPlain;
  far["window"] = "hann_periodic";
  far["n_mels"] = "1";
  far["f_max_hz"] = "1";
  const std::vector<ServedFrontEnd> served = {{"with-cmvn", with_cmvn}, {"far", far}};
  EXPECT_EQ(nearest_front_end(kPlain, served), 1U);
  EXPECT_EQ(nearest_front_end(with_cmvn, served), 0U);
  EXPECT_EQ(nearest_front_end(kPlain, {}), std::nullopt);
}

TEST(SpecFields, TomlQuotesWordsOnly) {
  SpecFields wanted = kPlain;
  wanted["n_mels"] = "40";
  wanted["window"] = "hamming_symmetric";
  wanted["remove_dc"] = "true";
  wanted["cmvn_shift"] = "1,-2.5";
  const ServedFrontEnd base{"kaldi-80", kPlain};
  EXPECT_EQ(front_end_toml("mine", wanted, &base),
            "[[front_end]]\nname = \"mine\"\nbase = \"kaldi-80\"\ncmvn_shift = [1,-2.5]\nn_mels = 40\n"
            "remove_dc = true\nwindow = \"hamming_symmetric\"\n");
}

TEST(SpecFields, SaysWhatTheDaemonWouldRefuse) {
  EXPECT_TRUE(unservable(kPlain).empty());
  const auto refused = [](const char* key, const char* value) {
    SpecFields fields = kPlain;
    fields[key] = value;
    return unservable(fields).size();
  };
  EXPECT_EQ(refused("n_mels", "513"), 1U);
  EXPECT_EQ(refused("n_fft", "514"), 1U);
  EXPECT_EQ(refused("n_fft", "8192"), 1U);
  EXPECT_EQ(refused("f_max_hz", "11025"), 1U);
  EXPECT_EQ(refused("f_min_hz", "7999.5"), 1U);
  EXPECT_EQ(refused("cepstra", "81"), 1U);
  EXPECT_EQ(refused("lfr_m", "64"), 1U);
}

TEST(ModelFile, KnowsUtf8) {
  EXPECT_TRUE(is_utf8("whisper \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"));
  EXPECT_FALSE(is_utf8("\xC3"));
  EXPECT_FALSE(is_utf8("\xE2\x82"));
  EXPECT_FALSE(is_utf8("\xC0\xAF"));
  EXPECT_FALSE(is_utf8(std::string("a\0b", 3)));
}

TEST(ModelFile, QuotedWordsAreShortAndPlain) {
  EXPECT_EQ(quoted_word("a\x1b[31m\n"), "a?[31m?");
  EXPECT_EQ(quoted_word("\xFFz"), "?z");
  const std::string many(200, 'x');
  EXPECT_EQ(quoted_word(many), std::string(100, 'x') + "...");
  // Cut within a character: not half of it.
  EXPECT_EQ(quoted_word(std::string(99, 'x') + "\xC3\xA9 and more"), std::string(99, 'x') + "...");
}

}  // namespace
}  // namespace melstream::client::doctor
