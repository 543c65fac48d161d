#include "client/golden.hpp"

#include <filesystem>
#include <numbers>
#include <system_error>

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include "client/exit_codes.hpp"
#include "client/text_file.hpp"

namespace melstream::client {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

[[noreturn]] void refuse(const std::string& why) {
  throw ClientError(ExitCode::kInput, "the golden set's manifest " + why + "; copy the golden set again");
}

const Value& field(const Struct& object, const std::string& key) {
  const auto found = object.fields().find(key);
  if (found == object.fields().end()) refuse("has an entry without '" + key + "'");
  return found->second;
}

const std::string& text(const Struct& object, const std::string& key) { return field(object, key).string_value(); }

double number_or(const Struct& object, const std::string& key, double otherwise) {
  const auto found = object.fields().find(key);
  return found == object.fields().end() ? otherwise : found->second.number_value();
}

Tolerance parse_tolerance(const Struct& object) {
  Tolerance tolerance;
  const std::string& type = text(object, "type");
  if (type == "log") {
    tolerance.kind = Tolerance::Kind::kLog;
    // "base" is the number 10 or the string "e".
    tolerance.base = number_or(object, "base", 0) == 10 ? 10.0 : std::numbers::e;
  } else if (type == "linear") {
    tolerance.kind = Tolerance::Kind::kLinear;
  } else if (type != "abs") {
    refuse("has the unknown tolerance type '" + type + "'");
  }
  tolerance.group = static_cast<int>(number_or(object, "group", 0));
  tolerance.atol = number_or(object, "atol", 0);
  tolerance.rtol = number_or(object, "rtol", 0);
  tolerance.lam = number_or(object, "lam", 0);
  tolerance.kappa = number_or(object, "kappa", 0);
  if (object.fields().count("mean_atol") != 0) tolerance.mean_atol = number_or(object, "mean_atol", 0);
  return tolerance;
}

std::string executable_folder() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string() : path.parent_path().string();
}

}  // namespace

const GoldenEntry* GoldenSet::find(std::string_view preset, std::string_view clip) const noexcept {
  for (const GoldenEntry& entry : entries) {
    if (entry.preset == preset && entry.clip == clip) return &entry;
  }
  return nullptr;
}

std::string find_golden_folder(const std::string& given) {
  std::vector<std::string> folders;
  if (!given.empty()) {
    folders.push_back(given);
  } else {
    const std::string program = executable_folder();
    if (!program.empty()) folders.push_back(program + "/../share/melstream/golden");
    folders.emplace_back(MELSTREAM_GOLDEN_FOLDER);
  }
  std::string tried;
  for (const auto& folder : folders) {
    std::error_code error;
    if (std::filesystem::exists(folder + "/manifest.json", error)) return folder;
    tried += (tried.empty() ? "" : ", ") + folder;
  }
  throw ClientError(ExitCode::kInput,
                    "no golden set (manifest.json) in " + tried + "; give its folder with --golden DIR");
}

GoldenSet load_golden(const std::string& folder) {
  Struct manifest;
  const auto status = google::protobuf::util::JsonStringToMessage(read_text_file(folder + "/manifest.json"), &manifest);
  if (!status.ok()) refuse("is not JSON: " + std::string(status.message()));
  GoldenSet golden;
  golden.folder = folder;
  const Struct& audio = field(manifest, "audio").struct_value();
  for (const Value& value : field(manifest, "entries").list_value().values()) {
    const Struct& object = value.struct_value();
    golden.entries.push_back(
        {text(object, "preset"), text(object, "audio"), folder + "/" + text(object, "audio_file"),
         folder + "/" + text(object, "file"), static_cast<std::int64_t>(number_or(object, "n_frames", 0)),
         static_cast<int>(number_or(object, "bins", 0)), parse_tolerance(field(object, "tolerance").struct_value())});
  }
  for (const Value& value : field(manifest, "genuine_errors").list_value().values()) {
    const Struct& object = value.struct_value();
    const std::string& clip = text(object, "audio");
    golden.refusals.push_back(
        {text(object, "preset"), clip, folder + "/" + text(field(audio, clip).struct_value(), "file"), {}, 0, 0, {}});
  }
  if (golden.entries.empty()) refuse("has no entries");
  return golden;
}

}  // namespace melstream::client
