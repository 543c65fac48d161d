// Front ends of the config: what is wrong with one is told at the field.
#include <string>

#include <gtest/gtest.h>

#include "tests/daemon/config_errors.hpp"

namespace melstream::daemon {
namespace {

std::string front_end(const std::string& fields) {
  return "[[front_end]]\nname = \"mine\"\nbase = \"whisper-80\"\n" + fields;
}

TEST(FrontEndConfig, NeedsNameAndBase) {
  EXPECT_EQ(errors_of("[[front_end]]\nn_mels = 64\n"),
            "m.toml:1:1: error: [[front_end]] has no 'name'\n"
            "    [[front_end]]\n"
            "    ^\n"
            "m.toml:1:1: error: [[front_end]] has no 'base'\n"
            "    [[front_end]]\n"
            "    ^\n");
}

TEST(FrontEndConfig, UnknownFieldSuggestsTheNearest) {
  EXPECT_EQ(errors_of(front_end("n_mel = 64\n")),
            "m.toml:4:1: error: unknown key 'n_mel' in [[front_end]] (did you mean 'n_mels'?)\n"
            "    n_mel = 64\n"
            "    ^\n");
}

TEST(FrontEndConfig, UnknownBase) {
  const std::string errors = errors_of("[[front_end]]\nname = \"x\"\nbase = \"wisper-80\"\n");
  EXPECT_EQ(
      errors.rfind("m.toml:3:8: error: front_end.base: unknown front end 'wisper-80' (did you mean 'whisper-80'?)", 0),
      0U)
      << errors;
}

TEST(FrontEndConfig, FieldOfTheWrongType) {
  EXPECT_EQ(errors_of(front_end("n_mels = \"many\"\n")),
            "m.toml:4:10: error: front_end.n_mels = 'many': expected a whole number\n"
            "    n_mels = \"many\"\n"
            "             ^\n");
  EXPECT_NE(errors_of(front_end("n_mels = 2020-01-01\n")).find("m.toml:4:10: error: front_end.n_mels = a date or time"),
            std::string::npos);
  EXPECT_NE(errors_of(front_end("window = \"triangle\"\n")).find("expected one of hann_periodic"), std::string::npos);
}

TEST(FrontEndConfig, ValueOutOfRangeIsToldAtItsField) {
  const std::string errors = errors_of(front_end("f_min_hz = 20\nn_mels = 0\n"));
  EXPECT_EQ(errors.rfind("m.toml:5:10: error: front end 'mine': ", 0), 0U) << errors;
}

TEST(FrontEndConfig, SeveralFieldsAndTablesAtOnce) {
  const std::string errors =
      errors_of(front_end("n_fft = true\nlog = \"two\"\n") + "[[front_end]]\nname = \"a b\"\nbase = \"kaldi-80\"\n");
  EXPECT_NE(errors.find("m.toml:4:9: error: front_end.n_fft"), std::string::npos) << errors;
  EXPECT_NE(errors.find("m.toml:5:7: error: front_end.log = 'two'"), std::string::npos) << errors;
  EXPECT_NE(errors.find("m.toml:7:8: error: front_end.name = \"a b\": expected 1 to 64 of"), std::string::npos)
      << errors;
}

TEST(FrontEndConfig, NameThatIsTaken) {
  const std::string built_in = errors_of("[[front_end]]\nname = \"kaldi-80\"\nbase = \"whisper-80\"\n");
  EXPECT_EQ(built_in.rfind("m.toml:2:8: error: front end 'kaldi-80' is already defined", 0), 0U) << built_in;
  const std::string twice = errors_of(front_end("") + front_end(""));
  EXPECT_EQ(twice.rfind("m.toml:5:8: error: front end 'mine' is defined above", 0), 0U) << twice;
}

TEST(FrontEndConfig, EveryFieldOutOfRangeIsToldWhateverElseIsWrong) {
  const std::string errors =
      errors_of(front_end("n_mels = 9999\nn_fft = 7\nzzz = 3\n") + "[features]\nalways = [\"mine\", \"mine\"]\n");
  EXPECT_NE(errors.find("m.toml:4:10: error: front end 'mine': n_mels: 9999"), std::string::npos) << errors;
  EXPECT_NE(errors.find("m.toml:5:9: error: front end 'mine': n_fft: 7"), std::string::npos) << errors;
  EXPECT_NE(errors.find("m.toml:6:1: error: unknown key 'zzz'"), std::string::npos) << errors;
  EXPECT_NE(errors.find("m.toml:8:19: error: features.always: 'mine' is there twice"), std::string::npos) << errors;
  EXPECT_EQ(errors.find("unknown front end 'mine'"), std::string::npos) << errors;
}

TEST(FrontEndConfig, CmvnMustFitTheRow) {
  EXPECT_EQ(errors_of(front_end("n_mels = 2\ncmvn_shift = [1, 2]\ncmvn_scale = [1.0, 0.5]\n")), "");
  const std::string errors = errors_of(front_end("n_mels = 2\ncmvn_shift = [1, 2, 3]\ncmvn_scale = [1, 1, 1]\n"));
  EXPECT_NE(errors.find("error: front end 'mine': "), std::string::npos) << errors;
}

TEST(FrontEndConfig, CanBeComputedAlways) {
  EXPECT_EQ(errors_of("[features]\nalways = [\"mine\"]\n" + front_end("n_mels = 64\n")), "");
}

}  // namespace
}  // namespace melstream::daemon
