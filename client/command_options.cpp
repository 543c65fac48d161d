#include "client/command_options.hpp"

namespace melstream::client {

void add_server(CLI::App& command, CommonOptions& options) {
  ServerOption& server = options.server;
  command.add_option("--server", server.address,
                     "unix:PATH, HOST:PORT or tls:HOST:PORT; else MELSTREAM_SERVER, the user's socket, the system's "
                     "socket, 127.0.0.1:50071");
  command.add_option("--token-file", server.token_file, "File whose first line is a token that the daemon knows")
      ->envname("MELSTREAM_TOKEN_FILE");
  command
      .add_option("--tls-ca", server.ca, "PEM file: who signs the daemon's certificate, if not a root of the system")
      ->envname("MELSTREAM_TLS_CA");
  command.add_option("--tls-certificate", server.certificate, "PEM file: a certificate that the daemon knows")
      ->envname("MELSTREAM_TLS_CERTIFICATE");
  command.add_option("--tls-key", server.key, "PEM file: its key")->envname("MELSTREAM_TLS_KEY");
}

void add_common(CLI::App& command, CommonOptions& options) {
  add_server(command, options);
  command.add_flag("--json", options.json, "Print JSON for programs");
}

void add_features(CLI::App& command, FeatureOptions& options, bool window) {
  command.add_option("--smoothing", options.smoothing, "none, box3x3 or box3x3-valid");
  command.add_option(
      "--normalization", options.normalization,
      window ? "none, fixed_max, running_max, whisper_window or per_feature_window" : "none, running_max or fixed_max");
  command.add_option("--fixed-max", options.fixed_max, "The largest value that fixed_max assumes, log10 of mel energy")
      ->each([&options](const std::string&) { options.has_fixed_max = true; });
  command.add_option("--cmvn", options.cmvn_path, "Kaldi-nnet text (am.mvn) with shifts and scales");
}

void add_front_end(CLI::App& command, FeatureOptions& options, const char* standard) {
  auto* option = command.add_option("--front-end", options.front_end, "Name of a front end, or of a golden preset");
  if (standard == nullptr) {
    option->required();
  } else {
    options.front_end = standard;
    option->capture_default_str();
  }
}

void add_front_end_name(CLI::App& command, std::string& front_end) {
  command.add_option("--front-end", front_end, "Name of a front end")->capture_default_str();
}

void add_input(CLI::App& command, InputOptions& options, const char* channels) {
  command.add_option("FILE", options.path, "Audio that libsndfile reads, or - for raw samples on stdin")->required();
  const auto raw = [&options](const std::string&) { options.has_raw_format = true; };
  command.add_option("--rate", options.rate_hz, "Raw input: samples a second")->capture_default_str()->each(raw);
  command.add_option("--encoding", options.encoding, "Raw input: s16le, s24le, s32le, f32le, mulaw or alaw")
      ->capture_default_str()
      ->each(raw);
  command.add_option("--channels", options.channels, "Raw input: interleaved channels")
      ->capture_default_str()
      ->each(raw);
  command.add_option("--channel", options.channel, channels)->capture_default_str();
  command.add_option("--chunk-samples", options.chunk_samples, "Samples a channel and message; default 20 ms")
      ->check(kPositive);
}

void add_subscription(CLI::App& command, SubscribeOptions& options) {
  command.add_option("STREAM", options.streams, "Id of the stream, or ids of many");
  command.add_option("--labels", options.labels,
                     "All streams with these labels, now and later: \"room=kitchen, site!=lab, floor in (1, 2)\"");
  command.add_flag("--all", options.all, "All streams, now and later");
  add_front_end(command, options.features, nullptr);
  add_features(command, options.features, false);
  command.add_flag("--wait", options.wait, "Wait for a stream that is yet to come; many are always waited for");
  command.add_option("--start", options.start, "live, frame:N (of one stream) or back:SECONDS")->capture_default_str();
  command.add_option("--block", options.block_frames, "Frames a block")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command.add_option("--max-delay", options.max_delay_ms, "Milliseconds that a frame may wait for its block to fill")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  command.add_option("--element-type", options.element_type, "f32 or f16 on the wire")->capture_default_str();
  command.add_option("--frames", options.n_frames, "Stop after so many frames, of all streams together")
      ->check(kPositive);
  command.add_flag("--reconnect", options.reconnect,
                   "When the daemon or the connection is lost, try again until it is back; each frame comes once");
}

void add_labels(CLI::App& command, std::vector<std::string>& labels) {
  command.add_option("--label", labels, "key=value, may be repeated")->take_all()->allow_extra_args(false);
}

}  // namespace melstream::client
