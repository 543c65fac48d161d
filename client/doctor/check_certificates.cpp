// Certificates, keys and tokens: readable by the daemon and by nobody else, valid, and belonging together.
#include <cerrno>
#include <cstring>
#include <memory>

#include <sys/stat.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "client/doctor/checks.hpp"
#include "client/doctor/model_file.hpp"
#include "client/exit_codes.hpp"

namespace melstream::client::doctor {
namespace {

constexpr char kCheck[] = "certificate";
constexpr std::int64_t kSecondsADay = 86'400;

struct Free {
  void operator()(BIO* bio) const noexcept { BIO_free_all(bio); }
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  void operator()(GENERAL_NAMES* names) const noexcept { GENERAL_NAMES_free(names); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

std::string openssl_error() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "is damaged" : reason;
}

/// The text of a file, or a finding that says why not.
std::optional<std::string> read(const std::string& path, const char* check, Findings& findings) {
  try {
    return read_model_text(path);
  } catch (const ClientError& error) {
    findings.push_back({Verdict::kFail, check, error.what(), "put it there, readable by the daemon's user"});
    return std::nullopt;
  }
}

Owned<BIO> memory_of(const std::string& text) {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// Seconds from now until that time.
std::int64_t seconds_until(const ASN1_TIME* time, std::int64_t now_s) {
  int days = 0;
  int seconds = 0;
  ASN1_TIME* now = ASN1_TIME_set(nullptr, static_cast<time_t>(now_s));
  ASN1_TIME_diff(&days, &seconds, now, time);
  ASN1_TIME_free(now);
  return days * kSecondsADay + seconds;
}

void check_dates(const std::string& path, const X509* certificate, std::int64_t now_s, Findings& findings) {
  const std::int64_t begins = seconds_until(X509_get0_notBefore(certificate), now_s);
  const std::int64_t ends = seconds_until(X509_get0_notAfter(certificate), now_s);
  constexpr std::int64_t kSoonDays = 14;
  if (begins > 0) {
    findings.push_back({Verdict::kFail, kCheck, path + " is not valid yet", "wait, or is the clock wrong?"});
  } else if (ends <= 0) {
    findings.push_back({Verdict::kFail, kCheck, path + " expired " + std::to_string(-ends / kSecondsADay) + " days ago",
                        "put a new one there; the daemon takes it without a restart"});
  } else {
    const bool soon = ends < kSoonDays * kSecondsADay;
    findings.push_back({soon ? Verdict::kWarning : Verdict::kOk, kCheck,
                        path + " is valid for " + std::to_string(ends / kSecondsADay) + " days more",
                        soon ? "renew it now" : ""});
  }
}

void check_names(const std::string& path, const X509* certificate, Findings& findings) {
  const Owned<GENERAL_NAMES> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (names) return;
  findings.push_back({Verdict::kWarning, kCheck, path + " has no subjectAltName: clients accept it for no host",
                      "make it anew with -addext subjectAltName=DNS:HOST"});
}

/// Who may read a secret. The daemon takes a file that its own group may read, such as root:melstream 0640.
void check_secret_mode(const std::string& path, const char* check, Findings& findings) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return;
  const std::string mode = mode_text(info.st_mode);
  if ((info.st_mode & (S_IRWXO | S_IWGRP | S_IXGRP)) != 0) {
    findings.push_back({Verdict::kFail, check,
                        path + ": others may read or change it (" + mode + "), so the daemon refuses it",
                        "chmod 0600 " + path});
  } else if ((info.st_mode & S_IRGRP) != 0 && group_name(info.st_gid) != "melstream") {
    findings.push_back({Verdict::kWarning, check,
                        path + ": group " + group_name(info.st_gid) + " may read it (" + mode +
                            "), which the daemon takes only if it runs in that group",
                        "chmod 0600 " + path + ", or chgrp melstream " + path});
  }
}

/// A key with a passphrase is none for a daemon: nobody is there to type it.
int no_passphrase(char*, int, int, void*) { return -1; }

void check_key(const std::string& path, X509* certificate, Findings& findings) {
  check_secret_mode(path, kCheck, findings);
  const auto text = read(path, kCheck, findings);
  if (!text) return;
  const Owned<BIO> bio = memory_of(*text);
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) {
    findings.push_back({Verdict::kFail, kCheck, path + " is no private key without a passphrase: " + openssl_error(),
                        "write it in PEM, unencrypted"});
    return;
  }
  if (certificate == nullptr) return;
  const bool match = X509_check_private_key(certificate, key.get()) == 1;
  ERR_clear_error();
  findings.push_back({match ? Verdict::kOk : Verdict::kFail, kCheck,
                      path + (match ? " is the certificate's key" : " is not the key of the certificate"),
                      match ? "" : "put both there, from one request"});
}

/// The first certificate of a file; a finding without one.
Owned<X509> read_certificate(const std::string& path, Findings& findings) {
  const auto text = read(path, kCheck, findings);
  if (!text) return nullptr;
  const Owned<BIO> bio = memory_of(*text);
  Owned<X509> certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) {
    findings.push_back({Verdict::kFail, kCheck, path + " is no certificate in PEM: " + openssl_error(),
                        "write it with -----BEGIN CERTIFICATE-----"});
  }
  return certificate;
}

}  // namespace

void check_certificates(const Machine& machine, const DaemonConfig& config, Findings& findings) {
  Owned<X509> certificate;
  if (!config.certificate.empty()) {
    certificate = read_certificate(config.certificate, findings);
    if (certificate) {
      check_dates(config.certificate, certificate.get(), machine.now_s, findings);
      check_names(config.certificate, certificate.get(), findings);
    }
  }
  if (!config.key.empty()) check_key(config.key, certificate.get(), findings);
  if (config.client_ca.empty()) return;
  const Owned<X509> authority = read_certificate(config.client_ca, findings);
  if (authority) check_dates(config.client_ca, authority.get(), machine.now_s, findings);
}

void check_tokens(const Machine& machine, const std::string& path, Findings& findings) {
  if (path.empty()) return;
  constexpr char kTokens[] = "tokens";
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    findings.push_back(
        {Verdict::kFail, kTokens, path + ": " + std::strerror(errno), "the daemon will not start without"});
    return;
  }
  const std::size_t n_before = findings.size();
  check_secret_mode(path, kTokens, findings);
  if (findings.size() != n_before) return;
  const bool mine = machine.user == 0 || info.st_uid == machine.user;
  findings.push_back({Verdict::kOk, kTokens,
                      path + " (" + user_name(info.st_uid) + " " + mode_text(info.st_mode) + ")" +
                          (mine ? "" : ", not to be read by you"),
                      ""});
}

}  // namespace melstream::client::doctor
