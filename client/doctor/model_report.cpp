// melstream doctor --model: which front end a model wants, and whether the daemon has it.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/doctor/model_match.hpp"
#include "client/json_object.hpp"

namespace melstream::client {
namespace {

using doctor::FieldDifference;
using doctor::ModelFrontEnd;
using doctor::ModelMatch;
using doctor::ServedFrontEnd;

std::vector<ServedFrontEnd> served_front_ends(const ServerOption& server) {
  std::vector<ServedFrontEnd> served;
  const v1::ListFrontEndsResponse response = Connection(server).list_front_ends();
  for (const auto& info : response.front_ends()) {
    served.push_back({info.name(), doctor::parse_spec(info.spec())});
  }
  return served;
}

/// What stands in the command line of a subscriber.
std::string use_of(const ModelFrontEnd& model, const ModelMatch& match) {
  std::string use = "--front-end " + match.front_end;
  if (model.cmvn && !match.has_cmvn && !model.cmvn_path.empty()) use += " --cmvn " + model.cmvn_path;
  return use;
}

/// Advice that depends on what was found.
std::vector<std::string> advice(const ModelFrontEnd& model, const ModelMatch& match, bool wrote) {
  std::vector<std::string> lines = model.notes;
  if (model.normalization == "whisper_window") {
    lines.emplace_back(
        "the model normalizes over its 30 s: --normalization whisper_window with --pad-to 30 (extract, window); in a "
        "stream running_max comes near");
  } else if (!model.normalization.empty()) {
    lines.push_back("the model normalizes over the utterance: --normalization " + model.normalization +
                    " (extract, window); a stream has no utterances");
  }
  if (model.cmvn && !match.front_end.empty() && !match.has_cmvn && !wrote) {
    lines.push_back("the model has CMVN: " +
                    (model.cmvn_path.empty() ? std::string() : "subscribe with --cmvn " + model.cmvn_path + ", or ") +
                    "--write FILE defines a front end that has it within");
  }
  return lines;
}

std::string differences_json(const std::vector<FieldDifference>& differences) {
  std::vector<std::string> elements;
  elements.reserve(differences.size());
  for (const FieldDifference& one : differences) {
    JsonObject json;
    json.add("field", one.key).add("model", one.wanted).add("served", one.served);
    elements.push_back(json.text());
  }
  return json_array(elements);
}

std::string texts_json(const std::vector<std::string>& texts) {
  std::vector<std::string> elements;
  elements.reserve(texts.size());
  for (const std::string& text : texts) elements.push_back(json_string(text));
  return json_array(elements);
}

std::string fields_json(const doctor::SpecFields& fields) {
  JsonObject json;
  for (const auto& [key, value] : fields) json.add(key, value);
  return json.text();
}

void print_json(const ModelFrontEnd& model, const ModelMatch& match, bool compared, bool wrote) {
  JsonObject json;
  json.add("format", model.format).add("kind", model.kind).add("file", model.path);
  json.add("raw_audio", model.raw_audio).add("compared", compared);
  json.add_json("front_end", match.front_end.empty() ? "null" : json_string(match.front_end));
  json.add_json("nearest", match.nearest.empty() ? "null" : json_string(match.nearest));
  json.add_json("differences", differences_json(match.differences));
  json.add_json("fields", fields_json(model.fields)).add("has_cmvn", model.cmvn.has_value());
  json.add("cmvn_within", match.has_cmvn).add("cmvn_file", model.cmvn_path).add("normalization", model.normalization);
  json.add_json("obstacles", texts_json(model.obstacles)).add_json("notes", texts_json(advice(model, match, wrote)));
  json.add("toml_name", match.toml_name).add("toml", match.toml);
  std::printf("%s\n", json.text().c_str());
}

void print_differences(const ModelMatch& match) {
  std::printf("front end   none that is served; the nearest is %s, which differs:\n", match.nearest.c_str());
  for (const FieldDifference& one : match.differences) {
    const std::string wanted = one.wanted.empty() ? "nothing" : doctor::shown_value(one.wanted);
    const std::string served = one.served.empty() ? "nothing" : doctor::shown_value(one.served);
    std::printf("  %-20s the model has %s, %s has %s\n", one.key.c_str(), wanted.c_str(), match.nearest.c_str(),
                served.c_str());
  }
}

void print_text(const ModelFrontEnd& model, const ModelMatch& match, bool wrote) {
  std::printf("model       %s, %s (%s)\n", model.kind.c_str(), model.format.c_str(), model.path.c_str());
  if (model.raw_audio) std::puts("front end   none is needed: the model takes samples, not features");
  if (!match.front_end.empty()) {
    std::printf("front end   %s\nuse         melstream subscribe STREAM %s\n", match.front_end.c_str(),
                use_of(model, match).c_str());
  } else if (!match.nearest.empty()) {
    print_differences(match);
  }
  for (const auto& obstacle : model.obstacles) std::printf("cannot be   %s\n", obstacle.c_str());
  for (const auto& note : advice(model, match, wrote)) std::printf("note        %s\n", note.c_str());
  if (match.front_end.empty() && !match.toml.empty() && !wrote) {
    std::printf("define it   put this into the daemon's config, or have it written by --write FILE:\n\n%s\n",
                match.toml.c_str());
  }
}

/// Refuses to write over something else: the config of a daemon is no place for a whole file.
void write_toml(const std::string& path, const ModelFrontEnd& model, const ModelMatch& match) {
  if (std::ifstream(path).good()) {
    throw ClientError(ExitCode::kUsage, path +
                                            " is there already: --write makes a new file, whose lines go into the "
                                            "daemon's config");
  }
  std::ofstream file(path, std::ios::binary);
  file << "# What " << model.kind << " (" << model.format << ") takes; written by melstream doctor --model.\n"
       << match.toml;
  file.close();
  if (!file) throw ClientError(ExitCode::kFailure, path + ": cannot be written: " + std::strerror(errno));
}

/// After all that is on stdout.
void say(const std::string& text) {
  std::fflush(stdout);
  std::fprintf(stderr, "melstream: %s\n", text.c_str());
}

}  // namespace

ExitCode run_doctor_model(const DoctorOptions& options) {
  ModelFrontEnd model = doctor::read_model(options.model);
  std::vector<ServedFrontEnd> served;
  std::optional<ClientError> unreachable;
  if (!model.raw_audio) {
    try {
      served = served_front_ends(options.common.server);
    } catch (const ClientError& error) {
      unreachable = error;
    }
  }
  const ModelMatch match = match_model(model, served, options.name);
  const bool writes = !options.write_path.empty() && !match.toml.empty();
  if (writes) write_toml(options.write_path, model, match);
  if (options.common.json) {
    print_json(model, match, !unreachable, writes);
  } else {
    print_text(model, match, writes);
    if (writes) {
      std::printf("wrote       %s: front end %s; add it to the daemon's config and restart the daemon\n",
                  options.write_path.c_str(), match.toml_name.c_str());
    }
  }
  if (!options.write_path.empty() && !writes) {
    say(match.front_end.empty() ? "nothing is written: no front end of the daemon's would fit"
                                : "nothing is written: " + match.front_end + " is served already");
  }
  if (!model.obstacles.empty()) return ExitCode::kFailure;
  if (unreachable) {
    say("not compared with what a daemon serves: " + std::string(unreachable->what()));
    return unreachable->code();
  }
  return model.raw_audio || !match.front_end.empty() || writes ? ExitCode::kOk : ExitCode::kFailure;
}

}  // namespace melstream::client
