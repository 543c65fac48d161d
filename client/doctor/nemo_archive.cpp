// A .nemo file: a tar, plain or compressed, with model_config.yaml and gigabytes of weights, which are skipped.
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include <archive.h>
#include <archive_entry.h>

#include "client/doctor/model_file.hpp"
#include "client/doctor/model_front_end.hpp"
#include "client/exit_codes.hpp"

namespace melstream::client::doctor {
namespace {

constexpr std::int64_t kMaxConfigBytes = 4 << 20;
/// Of what lies before the configuration: skipping compressed weights takes time, not memory.
constexpr std::int64_t kMaxSkippedBytes = std::int64_t{32} << 30;
constexpr int kMaxEntries = 10'000;
constexpr std::size_t kBlockBytes = 64 << 10;

struct Close {
  void operator()(archive* reader) const noexcept { archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, Close>;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw ClientError(ExitCode::kInput, path + ": " + why);
}

std::string why_not(archive* reader) {
  const char* text = archive_error_string(reader);
  return text == nullptr ? "is damaged" : quoted_word(text);
}

Reader open_archive(const std::string& path) {
  check_regular_file(path);
  Reader reader(archive_read_new());
  if (!reader) throw std::bad_alloc();
  archive_read_support_format_tar(reader.get());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_xz(reader.get());
  archive_read_support_filter_zstd(reader.get());
  if (archive_read_open_filename(reader.get(), path.c_str(), kBlockBytes) != ARCHIVE_OK) {
    refuse(path, "is no .nemo file (a tar, plain or compressed): " + why_not(reader.get()));
  }
  return reader;
}

bool is_config(const char* name) {
  if (name == nullptr) return false;
  const char* slash = std::strrchr(name, '/');
  return std::strcmp(slash == nullptr ? name : slash + 1, "model_config.yaml") == 0;
}

std::string read_entry(archive* reader, archive_entry* entry, const std::string& path) {
  if (archive_entry_filetype(entry) != AE_IFREG) refuse(path, "its model_config.yaml is no regular file");
  if (archive_entry_size(entry) > kMaxConfigBytes) refuse(path, "its model_config.yaml is over 4 MiB");
  std::string text(static_cast<std::size_t>(archive_entry_size(entry)), '\0');
  std::size_t n = 0;
  while (n < text.size()) {
    const la_ssize_t got = archive_read_data(reader, text.data() + n, text.size() - n);
    if (got < 0) refuse(path, "its model_config.yaml cannot be read: " + why_not(reader));
    if (got == 0) break;
    n += static_cast<std::size_t>(got);
  }
  if (n < text.size()) refuse(path, "ends within its model_config.yaml");
  return text;
}

}  // namespace

ModelFrontEnd read_nemo_archive(const std::string& path) {
  const Reader reader = open_archive(path);
  std::int64_t skipped = 0;
  for (int i = 0; i < kMaxEntries; ++i) {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) refuse(path, "has no model_config.yaml: is it a NeMo model?");
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) {
      refuse(path, "is no .nemo file (a tar, plain or compressed), or is cut off: " + why_not(reader.get()));
    }
    if (is_config(archive_entry_pathname(entry))) {
      const std::string text = read_entry(reader.get(), entry, path);
      if (!is_utf8(text)) refuse(path, "its model_config.yaml is not text in UTF-8");
      return parse_nemo(text, path);
    }
    skipped += archive_entry_size(entry);
    if (skipped > kMaxSkippedBytes) break;
  }
  refuse(path, "has no model_config.yaml among its first 10,000 files and 32 GiB");
}

}  // namespace melstream::client::doctor
