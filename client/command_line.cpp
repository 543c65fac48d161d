// The commands and their options, with their help; what several commands have in common is command_options.hpp.
#include "client/command_line.hpp"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <stdlib.h>  // setenv

#include "client/command_options.hpp"
#include "client/commands.hpp"
#include "client/feature_names.hpp"
#include "client/recording_options.hpp"

namespace melstream::client {
namespace {

void add_extract(CLI::App& app, ExtractOptions& options, Action& action) {
  auto* command = app.add_subcommand("extract", "Write the features of a whole file");
  add_input(*command, options.input, "One channel, counted from 0, or mix");
  add_front_end(*command, options.features, nullptr);
  add_features(*command, options.features, true);
  command->add_option("--pad-to", options.pad_to_seconds, "Pad with silence, or cut, to so many seconds first")
      ->each([&options](const std::string&) { options.has_pad_to = true; });
  command->add_option("--out", options.out_path, "X.npy: float32 [frames, bins]")->required()->check(kNpyFile);
  add_common(*command, options.common);
  command->footer(
      "Examples:\n"
      "  melstream extract speech.wav --front-end whisper-80 --out speech.npy\n"
      "  melstream extract speech.wav --front-end whisper-80 --normalization whisper_window --pad-to 30 --out x.npy\n"
      "  sox in.mp3 -t raw -r 16000 -e signed -b 16 -c 1 - | melstream extract - --front-end kaldi-80 --out x.npy");
  command->callback([&] { action = [&] { return run_extract(options); }; });
}

void add_push(CLI::App& app, PushOptions& options, Action& action) {
  auto* command = app.add_subcommand("push", "Publish a stream from a file or stdin");
  add_input(*command, options.input,
            "One channel, counted from 0, or mix, or split: a stream a channel, ID.0, ID.1 ...");
  command->add_option("--stream", options.stream, "Id of the stream; default push-RANDOM");
  command->add_option("--pace", options.pace, "realtime, or fast: as fast as the daemon takes it")
      ->capture_default_str();
  add_labels(*command, options.labels);
  command->add_option("--conceal", options.conceal, "What fills losses of under 25 ms: none, zero or hold")
      ->capture_default_str();
  command->add_flag("--takeover", options.takeover, "Replace a live stream of that id");
  add_common(*command, options.common);
  command->footer(
      "Ctrl-C ends the stream politely.\nExamples:\n"
      "  melstream push speech.wav --stream demo\n"
      "  arecord -q -t raw -f S16_LE -r 16000 -c 1 | melstream push - --stream desk --pace fast");
  command->callback([&] { action = [&] { return run_push(options); }; });
}

void add_subscribe(CLI::App& app, SubscribeOptions& options, Action& action) {
  auto* command = app.add_subcommand("subscribe", "Follow the features of a stream, or of many");
  add_subscription(*command, options);
  command->add_option("--policy", options.policy, "When we are too slow: drop_oldest, disconnect or block")
      ->capture_default_str();
  command->add_option("--out", options.out_path,
                      "X.npy, X.jsonl, - for JSON lines on stdout, or FOLDER/: a file STREAM.EPOCH.npy for each stream "
                      "and epoch");
  command->add_option("--format", options.format, "Of the files in FOLDER/: npy or jsonl")->capture_default_str();
  command->add_option("--fill-gaps", options.fill_gaps, "nan: a .npy has NaN where frames are missing");
  command->add_flag("--crc", options.crc, "JSON lines: frame_crc32, zlib's CRC-32 of each frame's float32 bytes");
  command->add_flag("--no-values", options.no_values, "JSON lines without the values");
  command->add_option("--resume", options.resume,
                      "Go on right behind the response with this resume_token; --start counts if the stream has begun "
                      "anew since");
  command->add_option("--resume-file", options.resume_file,
                      "Keep the newest tokens in this file, and go on from those in it");
  command->add_flag("--no-ack", options.no_ack, "Do not tell the daemon what was read");
  add_common(*command, options.common);
  command->footer(
      "Many streams are followed until Ctrl-C.\nExamples:\n"
      "  melstream subscribe demo --front-end whisper-80 --wait\n"
      "  melstream subscribe demo --front-end kaldi-80 --wait --start frame:0 --out demo.npy\n"
      "  melstream subscribe demo --front-end nemo-80 --out - | jq .first_frame\n"
      "  melstream subscribe --labels room=kitchen --front-end whisper-80 --out features/ --fill-gaps nan\n"
      "  melstream subscribe --all --front-end kaldi-80 --json --crc --no-values --reconnect --resume-file "
      "tokens.json");
  command->callback([&] { action = [&] { return run_subscribe(options); }; });
}

void add_subscribers(CLI::App& app, CommonOptions& options, Action& action) {
  auto* command = app.add_subcommand("subscribers", "List who subscribes, and how far each is behind");
  add_common(*command, options);
  command->callback([&] { action = [&] { return run_subscribers(options); }; });
}

void add_window(CLI::App& app, WindowOptions& options, Action& action) {
  auto* command = app.add_subcommand("window", "The exact offline features of a part of a stream");
  command->add_option("STREAM", options.stream, "Id of the stream")->required();
  command->add_option("--start", options.start_seconds, "Seconds from the stream's beginning")->required();
  command->add_option("--duration", options.duration_seconds, "Seconds")->required();
  add_front_end(*command, options.features, nullptr);
  add_features(*command, options.features, true);
  command->add_option("--pad-to", options.pad_to_seconds, "Pad with zeros, or cut, to so many seconds first")
      ->each([&options](const std::string&) { options.has_pad_to = true; });
  command->add_flag("--zero-fill", options.zero_fill, "Zeros where audio was lost, instead of an error");
  command->add_option("--timeout", options.timeout_seconds, "Seconds to wait for audio yet to come")
      ->capture_default_str();
  command->add_option("--out", options.out_path, "X.npy: float32 [frames, bins]")->check(kNpyFile);
  add_common(*command, options.common);
  command->footer(
      "Example:\n"
      "  melstream window demo --start 3 --duration 5 --front-end whisper-80 --normalization whisper_window --pad-to "
      "30 "
      "--out w.npy");
  command->callback([&] { action = [&] { return run_window(options); }; });
}

void add_selector(CLI::App& command, std::string& labels, bool& has_labels) {
  command
      .add_option("--labels", labels,
                  "Streams with such labels: key=value, key!=value, key in (a, b), key notin (a, b), key, !key, joined "
                  "by commas")
      ->each([&has_labels](const std::string&) { has_labels = true; });
}

void add_windows(CLI::App& app, WindowsOptions& options, Action& action) {
  auto* command = app.add_subcommand("windows", "The exact offline features of windows of many streams");
  command->add_flag("--follow", options.follow, "A window of each stream, every so many seconds, until Ctrl-C");
  command->add_option("--stream", options.streams.ids, "Id of a stream, now or later; may be repeated")
      ->take_all()
      ->allow_extra_args(false);
  add_selector(*command, options.streams.labels, options.streams.has_labels);
  command->add_flag("--all", options.streams.all, "All streams, now and later");
  command->add_option("--every", options.every_seconds, "Seconds from one window's begin to the next, 0.01 to 3600");
  command->add_option("--length", options.length_seconds, "Seconds of a window, as far as the daemon's audio history");
  command->add_option("--list", options.list_path,
                      "Instead of --follow: a file of JSON lines {\"stream\": ID, \"begin_sample\": N, "
                      "\"end_sample\": N}");
  add_front_end(*command, options.features, nullptr);
  add_features(*command, options.features, true);
  command->add_option("--pad-to", options.pad_to_seconds, "Pad with zeros, or cut, to so many seconds first")
      ->each([&options](const std::string&) { options.has_pad_to = true; });
  command->add_option("--gaps", options.gaps, "Where audio was lost: refuse the window, or zero-fill")
      ->capture_default_str();
  command->add_option("--timeout", options.timeout_seconds, "With --list: seconds to wait for audio yet to come")
      ->capture_default_str();
  command->add_option(
      "--out", options.out_path,
      "A folder for STREAM.EPOCH.BEGIN.npy (BEGIN in samples at 16 kHz), or - for JSON lines on stdout");
  command->add_option("--count", options.n_windows, "Stop after so many windows")->check(kPositive);
  add_common(*command, options.common);
  command->footer(
      "Examples:\n"
      "  melstream windows --follow --all --every 5 --length 30 --front-end whisper-80 --out windows\n"
      "  melstream windows --follow --labels 'room in (a, b)' --every 1 --length 2 --front-end kaldi-80 --json\n"
      "  melstream windows --list windows.jsonl --front-end whisper-80 --out -");
  command->callback([&] { action = [&] { return run_windows(options); }; });
}

void add_listings(CLI::App& app, StreamsOptions& streams, StreamsOptions& watch, FrontEndsOptions& front_ends,
                  CommonOptions& info, Action& action) {
  auto* command = app.add_subcommand("streams", "List the streams that are live or still readable");
  add_selector(*command, streams.labels, streams.has_labels);
  add_common(*command, streams.common);
  command->callback([&] { action = [&] { return run_streams(streams); }; });
  command = app.add_subcommand("watch", "A line for each stream that is there, comes, ends or is forgotten");
  add_selector(*command, watch.labels, watch.has_labels);
  add_common(*command, watch.common);
  command->callback([&] { action = [&] { return run_watch(watch); }; });
  command = app.add_subcommand("front-ends", "List the front ends");
  command->add_option("--spec", front_ends.spec, "Print the canonical text of one, and its SHA-256");
  add_common(*command, front_ends.common);
  command->callback([&] { action = [&] { return run_front_ends(front_ends); }; });
  command = app.add_subcommand("info", "Version, engine and load of the daemon");
  add_common(*command, info);
  command->callback([&] { action = [&] { return run_info(info); }; });
}

void add_sources(CLI::App& app, OpenOptions& open, CloseOptions& close, CommonOptions& sources, CommonOptions& devices,
                 Action& action) {
  auto* command = app.add_subcommand("open", "Let the daemon open a source: a microphone, a socket, a file");
  command->add_option("URI", open.uri, "mic:NAME, tcp://HOST:PORT, rtp://HOST:PORT, file:PATH ...")->required();
  command->add_option("--stream", open.stream, "Id of the source, and of its stream")->required();
  add_labels(*command, open.labels);
  add_common(*command, open.common);
  command->footer(
      "Until 'melstream close ID', or until the daemon ends; [[source]] in its config lasts longer.\nExamples:\n"
      "  melstream open mic:default --stream desk --label room=4\n"
      "  melstream open 'tcp://127.0.0.1:7000?rate=48000&channels=2' --stream gateway");
  command->callback([&] { action = [&] { return run_open(open); }; });
  command = app.add_subcommand("close", "Close a source; its streams end");
  command->add_option("ID", close.id, "Id of the source")->required();
  add_common(*command, close.common);
  command->callback([&] { action = [&] { return run_close(close); }; });
  command = app.add_subcommand("sources", "List the sources that the daemon runs, and how they are doing");
  add_common(*command, sources);
  command->callback([&] { action = [&] { return run_sources(sources); }; });
  command = app.add_subcommand("devices", "List what can capture on the daemon's machine");
  add_common(*command, devices);
  command->callback([&] { action = [&] { return run_devices(devices); }; });
}

void add_view(CLI::App& app, ViewOptions& options, Action& action) {
  auto* command = app.add_subcommand("view", "A stream's spectrogram in the terminal");
  command->add_option("STREAM", options.stream,
                      "Id of the stream; default: the only live one, with --wait the first to come");
  add_front_end(*command, options.features, "whisper-80");
  add_features(*command, options.features, false);
  command->add_flag("--wait", options.wait, "Wait for a stream that is yet to come");
  command->add_flag("--until-end", options.until_end,
                    "Leave when the stream ends, instead of waiting for its next life");
  command->add_option("--frames", options.n_frames, "Leave after so many frames")->check(kPositive);
  command->add_flag("--summary", options.summary, "Print frames, gaps and added latency at the end");
  command->add_flag("--plain", options.plain, "Characters without colour; also where NO_COLOR is set");
  add_server(*command, options.common);
  command->footer("Example:\n  melstream view demo --wait --until-end --summary");
  command->callback([&] { action = [&] { return run_view(options); }; });
}

void add_listen(CLI::App& app, ListenOptions& options, Action& action) {
  auto* command = app.add_subcommand("listen", "Your microphone's spectrogram in the terminal, in one command");
  command->add_option("--device", options.device, "Name of the microphone, as of 'melstream devices'")
      ->capture_default_str();
  command->add_option("--file", options.file_path, "Play this file as a microphone would");
  add_front_end(*command, options.view.features, "whisper-80");
  add_features(*command, options.view.features, false);
  command->add_option("--frames", options.view.n_frames, "Leave after so many frames")->check(kPositive);
  command->add_flag("--plain", options.view.plain, "Characters without colour; also where NO_COLOR is set");
  add_server(*command, options.view.common);
  command->footer(
      "The daemon captures; where none runs, one is started for as long as this command. Ctrl-C ends it.\nExamples:\n"
      "  melstream listen\n"
      "  melstream listen --file speech.wav");
  command->callback([&] { action = [&] { return run_listen(options); }; });
}

void add_load(CLI::App& app, LoadOptions& options, Action& action) {
  auto* command = app.add_subcommand("load", "Load a daemon with streams and readers, and judge how it does");
  command->add_option("--streams", options.n_streams, "Live streams; with --find: to begin with")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  command
      ->add_option("--encoding", options.encoding, "PCMU (MULAW), PCMA (ALAW), LINEAR16, LINEAR24, LINEAR32 or FLOAT32")
      ->capture_default_str();
  command->add_option("--sample-rate", options.sample_rate_hz, "Samples a second; default 8000 of G.711, else 16000")
      ->check(CLI::Range(8000, 192'000));
  add_front_end_name(*command, options.front_end);
  command->add_option("--seconds", options.seconds, "Measured, after the ramp; default 60, with --find 10 for each run")
      ->check(CLI::Range(0.5, 86'400.0));
  command->add_option("--ramp-s", options.ramp_s, "Seconds in which the streams begin, one after the other")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 600.0));
  command->add_option("--chunk-ms", options.chunk_ms, "Milliseconds of audio a message and stream")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command->add_flag("--batch", options.batch, "Send many streams by one call, StreamAudioBatch, as gateways do");
  command
      ->add_option("--subscribe", options.subscribe,
                   "one: a call for each stream; many: one call for all; none: nobody reads")
      ->capture_default_str();
  command->add_option("--block", options.block_frames, "Frames a block")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command
      ->add_option("--connections", options.n_connections,
                   "Connections that the senders' calls share, and as many for the readers'; default one for 50 calls")
      ->check(CLI::Range(1, 10'000));
  command->add_option("--threads", options.n_threads, "Threads that send, and as many that read")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  command->add_option("--max-p99-ms", options.max_p99_ms, "Not sustained if the p99 latency is above it")
      ->check(CLI::Range(0.1, 60'000.0));
  command->add_flag("--find", options.find, "Search the largest number of streams that is sustained");
  command->add_flag("--spawn", options.spawn, "Start a private melstreamd for it, and end it");
  add_common(*command, options.common);
  command->footer(
      "Made-up speech goes in, in real time; features come out and are checked. Ctrl-C ends it early, with the verdict "
      "so far.\nExit status: 0 sustained, 1 not.\nExamples:\n"
      "  melstream load --streams 1500 --encoding PCMU --front-end kaldi-80 --seconds 60 --batch --subscribe many\n"
      "  melstream load --find --spawn --front-end whisper-80");
  command->callback([&] { action = [&] { return run_load(options); }; });
}

void add_top(CLI::App& app, TopOptions& options, Action& action) {
  auto* command = app.add_subcommand("top", "Streams, readers and the engine's load, refreshed each second");
  command->add_option("--labels", options.labels, "Only streams with these labels, as of 'melstream streams'");
  command->add_option("--sort", options.order, "name, level, subscribers, lag, gaps, gap-rate or behind")
      ->capture_default_str();
  command->add_flag("--once", options.once, "Print it once and end; so does it without a terminal, and --json");
  add_common(*command, options.common);
  command->footer("Keys: q quits, Tab shows readers, letters sort, / chooses labels, arrows scroll.");
  command->callback([&] { action = [&] { return run_top(options); }; });
}

void add_checks(CLI::App& app, VerifyOptions& verify, CompareOptions& compare, Action& action) {
  auto* command = app.add_subcommand("verify", "Check the running daemon against the golden features");
  command->add_option("--golden", verify.golden_folder, "Folder of the golden set; default: the installed one");
  command->add_option("--preset", verify.preset, "Only this one");
  command->add_option("--jobs", verify.jobs, "Streams beside each other")->capture_default_str();
  add_common(*command, verify.common);
  command->callback([&] { action = [&] { return run_verify(verify); }; });
  command = app.add_subcommand("compare", "Compare two feature files by the golden set's tolerance rule");
  command->add_option("A.npy", compare.actual_path, "What was measured")->required();
  command->add_option("B.npy", compare.reference_path, "The reference")->required();
  command->add_option("--front-end", compare.front_end, "Name of the front end or golden preset")->required();
  command->add_option("--audio", compare.clip, "Golden clip (jfk, chirp, ...) whose own tolerance counts");
  command->add_option("--golden", compare.golden_folder, "Folder of the golden set; default: the installed one");
  command->add_flag("--json", compare.json, "Print JSON for programs");
  command->footer(
      "Example:\n  melstream compare mine.npy golden/features/whisper80_raw/jfk.npy --front-end whisper-80 "
      "--audio jfk");
  command->callback([&] { action = [&] { return run_compare(compare); }; });
}

void add_privacy(CLI::App& app, PrivacyOptions& options, Action& action) {
  auto* command = app.add_subcommand("privacy", "Where audio is now, for how long, and who reads its features");
  command->add_option("--stream", options.stream, "Only of this stream");
  add_common(*command, options.common);
  command->footer(
      "All of it is read from the daemon and its kernel at this moment. Features still contain the words: "
      "docs/security.md.");
  command->callback([&] { action = [&] { return run_privacy(options); }; });
}

void add_doctor(CLI::App& app, DoctorOptions& options, Action& action) {
  auto* command =
      app.add_subcommand("doctor", "What is wrong with this installation; or which front end a model wants");
  auto* config =
      command->add_option("--config", options.config, "The daemon's config; default /etc/melstream/melstream.toml");
  auto* certificate = command->add_option("--cert", options.certificate, "A certificate to check, not the config's");
  auto* key = command->add_option("--key", options.key, "Its private key");
  auto* model = command->add_option(
      "--model", options.model, "Instead: folder or file of a model of Hugging Face, NeMo, sherpa-onnx, FunASR, Kaldi");
  model->excludes(config)->excludes(certificate)->excludes(key);
  auto* write = command->add_option("--write", options.write_path,
                                    "With --model: a new file for the [[front_end]] that fits, if none is served");
  write->needs(model);
  command->add_option("--name", options.name, "Name of that front end; default: the model's folder")->needs(write);
  add_common(*command, options.common);
  command->footer(
      "Each line is ok, a warning or a FAIL, with what to do. Nothing is changed. Exit status: 0 nothing fails, 1 a "
      "check "
      "fails. With --model: 0 a served front end fits, or it was written; 1 none fits; 66 the model cannot be read; 69 "
      "no "
      "daemon to compare with.\nExamples:\n  melstream doctor\n  melstream doctor --model models/whisper-tiny");
  command->callback([&] { action = [&] { return run_doctor(options); }; });
}

/// For an option that does not exist: the one that was likely meant.
std::string hint_for(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  const CLI::App& command = chosen.empty() ? app : *chosen.front();
  std::vector<std::string> names;
  for (const auto* option : command.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  }
  std::string hint;
  for (const auto& extra : app.remaining(true)) {
    const std::string close = nearest(extra.substr(0, extra.find('=')), names);
    if (!close.empty()) hint += "; did you mean " + close + "?";
  }
  return hint;
}

/// Without a command: the one that was likely meant.
std::string hint_for_command(const CLI::App& app, const std::string& word) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  const std::string close = nearest(word, names);
  return close.empty() ? "" : "; did you mean '" + close + "'?";
}

int usage_error(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  std::string message = error.what();
  if (app.get_subcommands().empty()) {
    if (argc > 1 && argv[1][0] != '-') {
      message = "there is no command '" + std::string(argv[1]) + "'" + hint_for_command(app, argv[1]);
    }
  } else {
    message += hint_for(app);
  }
  const auto chosen = app.get_subcommands();
  const std::string command = chosen.empty() ? "" : " " + chosen.front()->get_name();
  std::fprintf(stderr, "melstream: %s\nSee 'melstream%s --help'.\n", message.c_str(), command.c_str());
  return static_cast<int>(ExitCode::kUsage);
}

int run(const Action& action) {
  try {
    const ExitCode code = action();
    // A full disk behind a redirection shows here at last.
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      throw ClientError(ExitCode::kFailure, std::string("standard output cannot be written: ") + std::strerror(errno));
    }
    return static_cast<int>(code);
  } catch (const ClientError& error) {
    std::fprintf(stderr, "melstream: %s\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "melstream: %s\n", error.what());
    return static_cast<int>(ExitCode::kFailure);
  }
}

}  // namespace

int run_command_line(int argc, char** argv) {
  CLI::App app("melstream: exact streaming features for speech recognition. Talks to a running melstreamd.",
               "melstream");
  app.set_version_flag("--version", std::string("melstream ") + MELSTREAM_VERSION);
  // Before the command it stands for the environment; after the command it stands above that.
  app.add_option("--server", "unix:PATH, HOST:PORT or tls:HOST:PORT; may also follow the command")
      ->each([](const std::string& address) { setenv("MELSTREAM_SERVER", address.c_str(), 1); });
  app.require_subcommand(1);
  app.footer("Help for a command: melstream COMMAND --help");
  Action action;
  ExtractOptions extract;
  PushOptions push;
  SubscribeOptions subscribe;
  SubscribeOptions record;
  PlayOptions play;
  CommonOptions subscribers;
  WindowOptions window;
  WindowsOptions windows;
  StreamsOptions streams;
  StreamsOptions watch;
  FrontEndsOptions front_ends;
  CommonOptions info;
  OpenOptions open;
  CloseOptions close;
  CommonOptions sources;
  CommonOptions devices;
  ViewOptions view;
  ListenOptions listen;
  LoadOptions load;
  TopOptions top;
  VerifyOptions verify;
  CompareOptions compare;
  DoctorOptions doctor;
  PrivacyOptions privacy;
  add_extract(app, extract, action);
  add_push(app, push, action);
  add_subscribe(app, subscribe, action);
  add_record(app, record, action);
  add_play(app, play, action);
  add_subscribers(app, subscribers, action);
  add_window(app, window, action);
  add_windows(app, windows, action);
  add_listings(app, streams, watch, front_ends, info, action);
  add_sources(app, open, close, sources, devices, action);
  add_view(app, view, action);
  add_listen(app, listen, action);
  add_load(app, load, action);
  add_top(app, top, action);
  add_checks(app, verify, compare, action);
  add_doctor(app, doctor, action);
  add_privacy(app, privacy, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error, argc, argv);
  }
  return run(action);
}

}  // namespace melstream::client
