#include "melstream/access/tokens.hpp"

#include <filesystem>
#include <set>

#include <gtest/gtest.h>
#include <stdlib.h>  // mkdtemp

#include "melstream/core/error.hpp"

#include "tests/support/test_certificates.hpp"

namespace melstream::access {
namespace {

const std::vector<std::string> kNames{"asr", "desk"};

std::string fault_of(const std::string& text) {
  try {
    parse_tokens(text, "tokens", kNames);
  } catch (const core::Error& error) {
    return error.what();
  }
  return {};
}

TEST(Tokens, ReadsTokensAndHashes) {
  const std::string hash = to_hex(sha256_of("another-token-of-desk"));
  const auto tokens = parse_tokens("# who\n\nasr  a-token-of-the-recogniser\r\ndesk sha256:" + hash, "tokens", kNames);
  ASSERT_EQ(tokens.size(), 2U);
  EXPECT_EQ(tokens[0].identity, "asr");
  EXPECT_EQ(find_token(tokens, "a-token-of-the-recogniser"), 0U);
  EXPECT_EQ(find_token(tokens, "another-token-of-desk"), 1U);
  EXPECT_EQ(find_token(tokens, "a-token-of-the-recogniseR"), std::nullopt);
  EXPECT_EQ(find_token(tokens, ""), std::nullopt);
}

TEST(Tokens, HashesAsSha256Does) {
  // FIPS 180-2, appendix B.1.
  EXPECT_EQ(to_hex(sha256_of("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Tokens, NamesEveryFaultyLineButNeverTheToken) {
  const std::string faults =
      fault_of("asr short\nnobody a-token-of-nobody-here\nasr\nasr sha256:12\nasr one-good-token-here x");
  EXPECT_NE(faults.find("tokens:1: a token has 16"), std::string::npos) << faults;
  EXPECT_NE(faults.find("tokens:2: no [[identity]]"), std::string::npos) << faults;
  EXPECT_NE(faults.find("tokens:3: expected IDENTITY"), std::string::npos) << faults;
  EXPECT_NE(faults.find("tokens:4: expected 64"), std::string::npos) << faults;
  EXPECT_NE(faults.find("tokens:5: expected IDENTITY"), std::string::npos) << faults;
  for (const char* secret : {"short", "a-token-of-nobody-here", "one-good-token-here"}) {
    EXPECT_EQ(faults.find(secret), std::string::npos) << faults;
  }
  EXPECT_NE(fault_of("asr the-same-token-twice\ndesk the-same-token-twice").find("tokens:2: this token"),
            std::string::npos);
}

class TokenFile : public ::testing::Test {
 public:
  ~TokenFile() override { std::filesystem::remove_all(folder_); }

 protected:
  TokenFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "melstream-tokens-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  core::ErrorCode code_of(unsigned mode) {
    const std::string path = folder_ + "/tokens";
    test::write_file(path, "asr a-token-of-the-recogniser\n", mode);
    try {
      read_tokens(path, kNames);
    } catch (const core::Error& error) {
      message_ = error.what();
      return error.code();
    }
    return core::ErrorCode::kInternal;  // none
  }
  std::string folder_;
  std::string message_;
};

TEST_F(TokenFile, MustBeItsOwnersAlone) {
  EXPECT_EQ(code_of(0600), core::ErrorCode::kInternal);
  EXPECT_EQ(code_of(0400), core::ErrorCode::kInternal);
  EXPECT_EQ(code_of(0440), core::ErrorCode::kInternal);  // its group is ours
  for (const unsigned mode : {0604U, 0660U, 0666U, 0620U}) {
    EXPECT_EQ(code_of(mode), core::ErrorCode::kPermissionDenied) << std::oct << mode;
    EXPECT_NE(message_.find("chmod 0600"), std::string::npos) << message_;
  }
}

TEST_F(TokenFile, ThatIsMissingIsToldByName) {
  try {
    read_tokens(folder_ + "/none", kNames);
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), core::ErrorCode::kNotFound);
    EXPECT_NE(std::string(error.what()).find(folder_ + "/none"), std::string::npos);
  }
}

TEST(Tokens, MakesNewOnesThatAreGood) {
  std::set<std::string> made;
  for (int i = 0; i < 100; ++i) {
    const std::string token = make_token();
    EXPECT_EQ(token.size(), 43U);
    EXPECT_TRUE(made.insert(token).second);
    EXPECT_EQ(parse_tokens("asr " + token, "tokens", kNames).size(), 1U);
  }
}

}  // namespace
}  // namespace melstream::access
