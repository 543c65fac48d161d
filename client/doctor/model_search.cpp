// Which file of a model says which features it takes.
#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "client/doctor/model_file.hpp"
#include "client/doctor/model_front_end.hpp"
#include "client/exit_codes.hpp"

namespace melstream::client::doctor {
namespace {

namespace fs = std::filesystem;

/// A folder with more is no model's.
constexpr std::size_t kMostEntries = 100'000;

using Reader = ModelFrontEnd (*)(const std::string& path);

bool ends_with(const std::string& text, std::string_view ending) {
  return text.size() >= ending.size() && text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
}

/// Regular files of one folder, sorted; nothing if there is no such folder. Never goes deeper, so that links in a
/// circle are of no concern.
std::vector<std::string> files_of(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (names.size() == kMostEntries) break;
    if (is_regular_file(at->path().string())) names.push_back(at->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// Of several ONNX files the encoder takes the features; the whole floats before what was quantized.
std::vector<std::string> onnx_files(const std::vector<std::string>& names) {
  std::vector<std::string> found;
  for (const std::string& name : names) {
    if (ends_with(name, ".onnx")) found.push_back(name);
  }
  const auto rank = [](const std::string& name) {
    const bool other = name.find("decoder") != std::string::npos || name.find("joiner") != std::string::npos;
    return (name.find("encoder") != std::string::npos ? 0
            : other                                   ? 4
                                                      : 2) +
           (name.find("int8") != std::string::npos ? 1 : 0);
  };
  std::stable_sort(found.begin(), found.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return found;
}

struct Candidate {
  fs::path path;
  Reader read;
};

/// All that might say it, the best first.
std::vector<Candidate> candidates_in(const fs::path& folder) {
  const std::vector<std::string> names = files_of(folder);
  std::vector<Candidate> found;
  const auto add = [&](const fs::path& in, const std::string& name, Reader read) {
    found.push_back({in / name, read});
  };
  const auto add_if_there = [&](const char* name, Reader read) {
    if (std::binary_search(names.begin(), names.end(), name)) add(folder, name, read);
  };
  add_if_there("preprocessor_config.json", read_hugging_face);
  add_if_there("processor_config.json", read_hugging_face);
  add_if_there("model_config.yaml", read_nemo);
  for (const std::string& name : names) {
    if (ends_with(name, ".nemo")) add(folder, name, read_nemo_archive);
  }
  add_if_there("config.yaml", read_yaml_config);
  for (const fs::path& in : {folder / "conf", folder}) {
    const std::vector<std::string> confs = files_of(in);
    for (const char* wanted : {"online", "fbank", "mfcc"}) {
      for (const std::string& name : confs) {
        const bool named = name.rfind(wanted, 0) == 0 && ends_with(name, ".conf");
        // online_cmvn.conf and its like say nothing of features.
        if (named && name.find("cmvn") == std::string::npos) add(in, name, read_kaldi_conf);
      }
    }
  }
  for (const std::string& name : onnx_files(names)) add(folder, name, read_sherpa_onnx);
  return found;
}

ModelFrontEnd read_folder(const std::string& path) {
  const std::vector<Candidate> candidates = candidates_in(path);
  if (candidates.empty()) {
    throw ClientError(ExitCode::kInput,
                      path +
                          ": has none of preprocessor_config.json (Hugging Face), model_config.yaml or *.nemo (NeMo), "
                          "config.yaml (FunASR), conf/*.conf (Kaldi), *.onnx (sherpa-onnx): is it a model's folder?");
  }
  // A file that says nothing of features (an ONNX file of plain weights) does not stand in the way of one that does.
  std::string reasons;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    try {
      ModelFrontEnd model = candidates[i].read(candidates[i].path.string());
      if (!reasons.empty()) model.notes.push_back("left aside: " + reasons);
      return model;
    } catch (const ClientError& error) {
      reasons += (reasons.empty() ? "" : "; ") + std::string(error.what());
    }
  }
  throw ClientError(ExitCode::kInput, reasons);
}

struct Ending {
  std::string_view text;
  Reader read;
};

constexpr std::array kEndings = {
    Ending{".json", read_hugging_face},   Ending{".nemo", read_nemo_archive}, Ending{".tar", read_nemo_archive},
    Ending{".tar.gz", read_nemo_archive}, Ending{".yaml", read_yaml_config},  Ending{".yml", read_yaml_config},
    Ending{".conf", read_kaldi_conf},     Ending{".onnx", read_sherpa_onnx},
};

}  // namespace

ModelFrontEnd read_model(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return read_folder(path);
  check_regular_file(path);
  for (const Ending& ending : kEndings) {
    if (ends_with(path, ending.text)) return ending.read(path);
  }
  throw ClientError(ExitCode::kInput,
                    path + ": name a model's folder, or a file that ends in .json, .yaml, .nemo, .onnx or .conf");
}

}  // namespace melstream::client::doctor
