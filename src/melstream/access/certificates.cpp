#include "melstream/access/certificates.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "melstream/access/tokens.hpp"
#include "melstream/core/error.hpp"

namespace melstream::access {
namespace {

using core::Error;
using core::ErrorCode;

constexpr std::size_t kMostBytes = std::size_t{1} << 20;

template <auto free>
struct Free {
  template <typename T>
  void operator()(T* pointer) const noexcept {
    free(pointer);
  }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, Free<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

[[noreturn]] void refuse(const std::string& path, const std::string& why,
                         ErrorCode code = ErrorCode::kInvalidArgument) {
  ERR_clear_error();
  throw Error(code, path + ": " + why);
}

std::string read_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    refuse(path, std::generic_category().message(errno),
           errno == EACCES || errno == EPERM ? ErrorCode::kPermissionDenied : ErrorCode::kNotFound);
  }
  std::string text(kMostBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMostBytes) refuse(path, "larger than 1 MiB: this is no PEM file of certificates");
  return text;
}

Bio bio_of(const std::string& text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

/// Without asking at the terminal for a password.
int no_password(char*, int, int, void*) { return 0; }

/// The certificates, one at least; all must be readable.
std::vector<X509Ptr> parse_chain(const std::string& path, const std::string& text) {
  const Bio bio = bio_of(text);
  std::vector<X509Ptr> chain;
  while (X509Ptr next{PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr)}) chain.push_back(std::move(next));
  if (chain.empty()) refuse(path, "no certificate in PEM form (-----BEGIN CERTIFICATE-----) in it");
  const unsigned long error = ERR_peek_last_error();
  if (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE) {
    refuse(path, "a certificate after the first is broken");
  }
  ERR_clear_error();
  return chain;
}

std::int64_t unix_time(const ASN1_TIME* time) {
  std::tm calendar{};
  if (ASN1_TIME_to_tm(time, &calendar) != 1) return 0;
  return timegm(&calendar);
}

std::string date_text(std::int64_t unix_s) {
  const auto time = static_cast<std::time_t>(unix_s);
  std::tm calendar{};
  gmtime_r(&time, &calendar);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &calendar);
  return text;
}

/// Who signs clients may be replaced by another in the same file: one that is valid now is enough.
void check_any_valid(const std::string& path, const std::vector<X509Ptr>& chain, std::int64_t now_unix_s) {
  std::int64_t latest_end = 0;
  for (const X509Ptr& one : chain) {
    const std::int64_t end = unix_time(X509_get0_notAfter(one.get()));
    if (now_unix_s >= unix_time(X509_get0_notBefore(one.get())) && now_unix_s < end) return;
    latest_end = std::max(latest_end, end);
  }
  refuse(path, "no certificate in it is valid now; the last ends at " + date_text(latest_end));
}

}  // namespace

Certificates read_certificates(const CertificateFiles& files, std::int64_t now_unix_s) {
  check_secret_file(files.key);
  Certificates read{.certificate = read_file(files.certificate), .key = read_file(files.key), .client_ca = {}};
  const X509Ptr certificate = std::move(parse_chain(files.certificate, read.certificate).front());
  const Bio key_bio = bio_of(read.key);
  const Key key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_password, nullptr));
  if (!key) refuse(files.key, "no private key in PEM form without a password in it");
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    refuse(files.key, "this is not the key of the certificate in " + files.certificate);
  }
  const std::int64_t from = unix_time(X509_get0_notBefore(certificate.get()));
  read.expiry_unix_s = unix_time(X509_get0_notAfter(certificate.get()));
  if (now_unix_s < from) refuse(files.certificate, "valid only from " + date_text(from) + "; is the clock right?");
  if (now_unix_s >= read.expiry_unix_s) {
    refuse(files.certificate, "expired at " + date_text(read.expiry_unix_s) + "; renew it");
  }
  if (!files.client_ca.empty()) {
    read.client_ca = read_file(files.client_ca);
    check_any_valid(files.client_ca, parse_chain(files.client_ca, read.client_ca), now_unix_s);
  }
  return read;
}

std::string stamp_of(const CertificateFiles& files) {
  std::string stamp;
  for (const std::string* path : {&files.certificate, &files.key, &files.client_ca}) {
    if (path->empty()) continue;
    struct stat info {};
    if (stat(path->c_str(), &info) != 0) return {};
    stamp += std::to_string(info.st_ino) + ":" + std::to_string(info.st_size) + ":" +
             std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec) + " ";
  }
  return stamp;
}

}  // namespace melstream::access
