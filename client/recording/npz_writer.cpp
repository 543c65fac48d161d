// NumPy's .npz: a zip of .npy files (numpy/lib/format.py), stored without compression by libarchive.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "client/exit_codes.hpp"
#include "client/npy.hpp"
#include "client/number_text.hpp"
#include "client/recording/export_writers.hpp"
#include "client/stream_positions.hpp"

namespace melstream::client {
namespace {

/// A zip that appears at its place complete or not at all.
class ZipFile {
 public:
  explicit ZipFile(std::string path)
      : path_(std::move(path)),
        temporary_path_(path_ + ".partial-" + std::to_string(getpid())),
        archive_(archive_write_new()) {
    if (archive_ == nullptr) throw std::bad_alloc();
    archive_write_set_format_zip(archive_);
    check(archive_write_zip_set_compression_store(archive_));
    check(archive_write_open_filename(archive_, temporary_path_.c_str()));
  }
  ZipFile(const ZipFile&) = delete;
  ZipFile& operator=(const ZipFile&) = delete;
  ~ZipFile() {
    archive_write_free(archive_);
    if (!committed_) std::remove(temporary_path_.c_str());
  }

  void add(const std::string& name, const std::string& header, std::span<const std::byte> values) {
    archive_entry* const entry = archive_entry_new2(archive_);
    archive_entry_set_pathname(entry, (name + ".npy").c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(header.size() + values.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    const int status = archive_write_header(archive_, entry);
    archive_entry_free(entry);
    check(status);
    put(header.data(), header.size());
    put(values.data(), values.size());
  }

  void commit() {
    check(archive_write_close(archive_));
    if (std::rename(temporary_path_.c_str(), path_.c_str()) != 0) refuse(std::strerror(errno));
    committed_ = true;
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw ClientError(ExitCode::kInput, path_ + ": cannot be written: " + why);
  }
  void check(int status) const {
    if (status == ARCHIVE_OK) return;
    const char* const why = archive_error_string(archive_);
    refuse(why == nullptr ? "unknown error" : why);
  }
  void put(const void* bytes, std::size_t n) const {
    if (archive_write_data(archive_, bytes, n) != static_cast<la_ssize_t>(n)) check(ARCHIVE_FATAL);
  }

  std::string path_;
  std::string temporary_path_;
  archive* archive_;
  bool committed_ = false;
};

class NpzWriter final : public ResponseWriter {
 public:
  NpzWriter(std::string path, const v1::RecordingHeader& header)
      : path_(std::move(path)),
        spec_(header.front_end().spec()),
        spec_sha256_(header.front_end().spec_sha256()),
        begin_ns_(header.begin_time_ns()) {}

  void write(const v1::SubscribeResponse& response, std::span<const float> values, std::int64_t now_ns) override {
    if (response.has_start()) {
      const auto& start = response.start();
      spec_sha256_ = start.spec_sha256();  // with CMVN, where the text is that of the front end without
      open_[start.stream()] = start.stream() + "." + hex_epoch(start.epoch());
      Life& life = lives_[open_[start.stream()]];
      life.bins = start.bins();
      life.hop = start.hop_samples();
      return;
    }
    const auto found = open_.find(stream_of(response));
    if (found == open_.end()) return;
    Life& life = lives_[found->second];
    if (response.has_block()) {
      life.add(response.block(), values, now_ns - begin_ns_);
    } else if (response.has_gap()) {
      life.gaps.push_back(response.gap().first_frame());
      life.gaps.push_back(response.gap().frame_count());
    } else if (response.has_discontinuity()) {
      life.discontinuities.push_back(response.discontinuity().next_frame());
    }
  }

  void finish() override {
    ZipFile zip(path_);
    for (const auto& [name, life] : lives_) life.put(zip, lives_.size() > 1 ? name + "." : std::string());
    put_text(zip, "spec", spec_);
    put_text(zip, "spec_sha256", spec_sha256_);
    zip.commit();
  }

 private:
  struct Life {
    int bins = 0;
    int hop = 0;
    std::vector<float> features;
    std::vector<std::int64_t> frames;
    std::vector<std::int64_t> samples;
    std::vector<std::int64_t> capture_time_ns;
    std::vector<std::int64_t> arrival_ns;
    std::vector<std::int64_t> gaps;
    std::vector<std::int64_t> discontinuities;

    void add(const v1::FeatureBlock& block, std::span<const float> values, std::int64_t arrival) {
      constexpr std::int64_t kNsPerSample = 62'500;  // of the timeline, at 16 kHz
      features.insert(features.end(), values.begin(), values.end());
      for (std::int64_t i = 0; i < block.frame_count(); ++i) {
        frames.push_back(block.first_frame() + i);
        samples.push_back(block.first_sample() + i * hop);
        capture_time_ns.push_back(block.capture_time_ns() + i * hop * kNsPerSample);
        arrival_ns.push_back(arrival);
      }
    }

    void put(ZipFile& zip, const std::string& prefix) const {
      const auto rows = static_cast<std::int64_t>(frames.size());
      zip.add(prefix + "features", npy_header(rows, bins), std::as_bytes(std::span(features)));
      const auto put_integers = [&](const char* name, const std::vector<std::int64_t>& values) {
        const std::string shape = "(" + std::to_string(values.size()) + ",)";
        zip.add(prefix + name, npy_header("<i8", shape), std::as_bytes(std::span(values)));
      };
      put_integers("frames", frames);
      put_integers("samples", samples);
      put_integers("capture_time_ns", capture_time_ns);
      put_integers("arrival_ns", arrival_ns);
      zip.add(prefix + "gaps", npy_header("<i8", "(" + std::to_string(gaps.size() / 2) + ", 2)"),
              std::as_bytes(std::span(gaps)));
      put_integers("discontinuities", discontinuities);
    }
  };

  /// As an array of bytes without dimensions: bytes(data["spec"].item()).
  static void put_text(ZipFile& zip, const char* name, const std::string& text) {
    zip.add(name, npy_header("|S" + std::to_string(text.size()), "()"), std::as_bytes(std::span(text)));
  }

  std::string path_;
  std::string spec_;
  std::string spec_sha256_;
  std::int64_t begin_ns_;
  std::map<std::string, std::string> open_;  ///< from streams to the life that is told of
  std::map<std::string, Life> lives_;
};

}  // namespace

std::unique_ptr<ResponseWriter> make_npz_writer(const std::string& path, const v1::RecordingHeader& header) {
  return std::make_unique<NpzWriter>(path, header);
}

}  // namespace melstream::client
