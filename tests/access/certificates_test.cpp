#include "melstream/access/certificates.hpp"

#include <ctime>
#include <filesystem>

#include <gtest/gtest.h>
#include <stdlib.h>  // mkdtemp

#include "melstream/core/error.hpp"

#include "tests/support/test_certificates.hpp"

namespace melstream::access {
namespace {

class CertificatesTest : public ::testing::Test {
 public:
  ~CertificatesTest() override { std::filesystem::remove_all(folder_); }

 protected:
  CertificatesTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "melstream-tls-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    files_ = {folder_ + "/cert.pem", folder_ + "/key.pem", folder_ + "/ca.pem"};
    write(root_.sign({}));
    test::write_file(files_.client_ca, root_.certificate(), 0644);
  }
  void write(const test::PemPair& pair) {
    test::write_file(files_.certificate, pair.certificate, 0644);
    test::write_file(files_.key, pair.key, 0600);
  }
  std::string fault() {
    try {
      read_certificates(files_, std::time(nullptr));
    } catch (const core::Error& error) {
      return error.what();
    }
    return {};
  }
  bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

  test::TestRoot root_;
  std::string folder_;
  CertificateFiles files_;
};

TEST_F(CertificatesTest, ReadsGoodOnes) {
  const Certificates read = read_certificates(files_, std::time(nullptr));
  EXPECT_NEAR(static_cast<double>(read.expiry_unix_s), static_cast<double>(std::time(nullptr)) + 3600, 60);
  EXPECT_EQ(read.client_ca, root_.certificate());
}

TEST_F(CertificatesTest, RefusesGarbageByName) {
  test::write_file(files_.certificate, "garbage", 0644);
  EXPECT_TRUE(has(fault(), files_.certificate + ": no certificate in PEM form")) << fault();
  write(root_.sign({}));
  test::write_file(files_.key, "garbage", 0600);
  EXPECT_TRUE(has(fault(), files_.key + ": no private key")) << fault();
  write(root_.sign({}));
  test::write_file(files_.client_ca,
                   root_.certificate() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0644);
  EXPECT_TRUE(has(fault(), files_.client_ca + ": a certificate after the first is broken")) << fault();
}

TEST_F(CertificatesTest, RefusesAKeyOfAnother) {
  test::write_file(files_.key, root_.sign({}).key, 0600);
  EXPECT_TRUE(has(fault(), "not the key of the certificate")) << fault();
}

TEST_F(CertificatesTest, RefusesOutOfTime) {
  write(root_.sign({.valid_from_s = -7200, .valid_to_s = -3600}));
  EXPECT_TRUE(has(fault(), "expired at ")) << fault();
  write(root_.sign({.valid_from_s = 3600, .valid_to_s = 7200}));
  EXPECT_TRUE(has(fault(), "valid only from ")) << fault();
}

TEST_F(CertificatesTest, RefusesAClientAuthorityThatHasEnded) {
  const test::PemPair old = root_.sign({.valid_from_s = -7200, .valid_to_s = -3600});
  test::write_file(files_.client_ca, old.certificate, 0644);
  EXPECT_TRUE(has(fault(), files_.client_ca + ": no certificate in it is valid now")) << fault();
  test::write_file(files_.client_ca, old.certificate + root_.certificate(), 0644);  // being replaced
  EXPECT_EQ(fault(), "");
}

TEST_F(CertificatesTest, RefusesAKeyThatOthersCanRead) {
  test::write_file(files_.key, root_.sign({}).key, 0644);
  EXPECT_TRUE(has(fault(), "chmod 0600 " + files_.key)) << fault();
}

TEST_F(CertificatesTest, RefusesWhatIsMissing) {
  files_.certificate += ".none";
  EXPECT_TRUE(has(fault(), files_.certificate)) << fault();
}

TEST_F(CertificatesTest, StampsChangeWithTheFiles) {
  const std::string before = stamp_of(files_);
  EXPECT_FALSE(before.empty());
  EXPECT_EQ(stamp_of(files_), before);
  std::filesystem::rename(files_.key, folder_ + "/old.pem");
  EXPECT_EQ(stamp_of(files_), "");
  write(root_.sign({}));
  EXPECT_NE(stamp_of(files_), before);
}

}  // namespace
}  // namespace melstream::access
