#include "client/recording_options.hpp"

namespace melstream::client {

void add_record(CLI::App& app, SubscribeOptions& options, Action& action) {
  auto* command = app.add_subcommand("record", "Keep the features of a stream with their timing and gaps; never audio");
  add_subscription(*command, options);
  command->add_option("--out", options.out_path, "The recording: a new file, F.mel")->required();
  add_server(*command, options.common);
  command->footer(
      "Until the stream ends, or Ctrl-C. What a killed recorder wrote can be played.\nFeatures still tell what was "
      "said: send a recording to those only who may know.\nExamples:\n"
      "  melstream record desk --front-end whisper-80 --out bug.mel\n"
      "  melstream play bug.mel");
  command->callback([&] { action = [&] { return run_record(options); }; });
}

void add_play(CLI::App& app, PlayOptions& options, Action& action) {
  auto* command = app.add_subcommand("play", "A recording again, as files, or served to other clients");
  command->add_option("FILE", options.path, "What 'melstream record' wrote")->required();
  command->add_option("--pace", options.pace, "realtime (as it was) or fast")->capture_default_str();
  command->add_option("--out", options.out_path,
                      "X.npz (rows, times, gaps), X.ark with X.scp (Kaldi), X.npy, X.jsonl, or - for JSON lines");
  command->add_option("--fill-gaps", options.fill_gaps, "nan: a .npy has NaN where frames are missing");
  command->add_flag("--crc", options.crc, "JSON lines: frame_crc32, zlib's CRC-32 of each frame's float32 bytes");
  command->add_flag("--no-values", options.no_values, "JSON lines without the values");
  command->add_option("--listen", options.listen,
                      "Serve it at unix:PATH or 127.0.0.1:PORT: each Subscribe gets it from its beginning");
  command->add_flag("--json", options.common.json, "JSON lines on standard output");
  command->footer(
      "Exit status: 1 if the recording was cut off.\nExamples:\n"
      "  melstream play bug.mel --out bug.npz\n"
      "  melstream play bug.mel --listen unix:/tmp/bug.sock\n"
      "  melstream view --wait --server unix:/tmp/bug.sock");
  command->callback([&] { action = [&] { return run_play(options); }; });
}

}  // namespace melstream::client
