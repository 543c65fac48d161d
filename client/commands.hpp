// The commands of `melstream` and their options, as command_line.cpp fills them in. Each returns 0 or 1, or throws
// ClientError.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/exit_codes.hpp"
#include "client/server_option.hpp"

namespace melstream::client {

/// Of every command that talks to a daemon.
struct CommonOptions {
  ServerOption server;
  bool json = false;
};

/// Which numbers are wanted.
struct FeatureOptions {
  std::string front_end;      ///< a front end's name or a golden name
  std::string smoothing;      ///< empty: the name's own, else none
  std::string normalization;  ///< the same
  double fixed_max = 0;
  bool has_fixed_max = false;
  std::string cmvn_path;
};

/// Audio that goes in.
struct InputOptions {
  std::string path;  ///< "-": raw samples on stdin
  // For raw samples only.
  int rate_hz = 16000;
  std::string encoding = "s16le";
  int channels = 1;
  bool has_raw_format = false;
  std::string channel = "mix";     ///< or an index; push takes split too
  std::int64_t chunk_samples = 0;  ///< 0: 20 ms
};

struct ExtractOptions {
  CommonOptions common;
  InputOptions input;
  FeatureOptions features;
  double pad_to_seconds = 0;
  bool has_pad_to = false;
  std::string out_path;
};

struct PushOptions {
  CommonOptions common;
  InputOptions input;
  std::string stream;
  std::string pace = "realtime";
  std::vector<std::string> labels;  ///< "key=value"
  bool takeover = false;
  std::string conceal = "none";
};

struct SubscribeOptions {
  CommonOptions common;
  std::vector<std::string> streams;  ///< ids; or one of the next two
  std::string labels;                ///< streams that have these, now and later
  bool all = false;
  FeatureOptions features;
  bool wait = false;
  std::string start = "live";
  int block_frames = 4;
  int max_delay_ms = 50;
  std::string element_type = "f32";
  std::string policy = "drop_oldest";
  std::string out_path;
  std::string fill_gaps;       ///< "" or "nan"
  std::string format = "npy";  ///< of the files, where out_path is a folder: or "jsonl"
  bool crc = false;
  bool no_values = false;
  std::int64_t n_frames = 0;  ///< stop after as many; 0: at the end
  bool no_ack = false;
  std::string resume;       ///< a token, hex
  std::string resume_file;  ///< path
  bool reconnect = false;
};

struct WindowOptions {
  CommonOptions common;
  std::string stream;
  FeatureOptions features;
  double start_seconds = 0;
  double duration_seconds = 0;
  double pad_to_seconds = 0;
  bool has_pad_to = false;
  bool zero_fill = false;
  double timeout_seconds = 30;
  std::string out_path;
};

/// Which streams; make_selection() of stream_choice.hpp wants exactly one of the three.
struct StreamChoiceOptions {
  std::vector<std::string> ids;
  std::string labels;  ///< an expression
  bool has_labels = false;
  bool all = false;
};

struct WindowsOptions {
  CommonOptions common;
  bool follow = false;
  StreamChoiceOptions streams;
  double every_seconds = 0;
  double length_seconds = 0;
  std::string list_path;  ///< instead of follow: JSON lines of windows
  FeatureOptions features;
  double pad_to_seconds = 0;
  bool has_pad_to = false;
  std::string gaps = "refuse";
  double timeout_seconds = 30;  ///< of a list
  std::string out_path;         ///< a folder, "-" or nothing
  std::int64_t n_windows = 0;   ///< stop after as many; 0: never
};

struct StreamsOptions {
  CommonOptions common;
  std::string labels;  ///< an expression
  bool has_labels = false;
};

struct OpenOptions {
  CommonOptions common;
  std::string uri;
  std::string stream;
  std::vector<std::string> labels;  ///< "key=value"
};

struct CloseOptions {
  CommonOptions common;
  std::string id;
};

struct FrontEndsOptions {
  CommonOptions common;
  std::string spec;  ///< name of the front end whose canonical text is wanted
};

struct ViewOptions {
  CommonOptions common;
  std::string stream;
  FeatureOptions features;
  bool wait = false;
  bool until_end = false;
  bool summary = false;
  bool plain = false;
  std::int64_t n_frames = 0;
};

struct ListenOptions {
  ViewOptions view;  ///< without a stream
  std::string device = "default";
  std::string file_path;  ///< instead of the device
};

struct PlayOptions {
  CommonOptions common;
  std::string path;
  std::string pace = "realtime";
  std::string out_path;
  std::string fill_gaps;  ///< "" or "nan"
  std::string listen;     ///< address to serve it at, instead
  bool crc = false;
  bool no_values = false;
};

struct LoadOptions {
  CommonOptions common;
  int n_streams = 100;
  std::string encoding = "LINEAR16";
  int sample_rate_hz = 0;  ///< 0: 8000 of G.711, else 16000
  std::string front_end = "whisper-80";
  double seconds = 0;  ///< 0: 60, of a search 10 for each run
  double ramp_s = 2;
  int chunk_ms = 20;
  bool batch = false;
  std::string subscribe = "one";  ///< or "many", "none"
  int block_frames = 4;
  int n_connections = 0;  ///< 0: one for 50 calls
  int n_threads = 1;      ///< that send, and as many that read
  double max_p99_ms = 0;  ///< 0: any
  bool find = false;
  bool spawn = false;
};

struct TopOptions {
  CommonOptions common;
  std::string labels;  ///< an expression; empty: all
  std::string order = "name";
  bool once = false;
};

struct VerifyOptions {
  CommonOptions common;
  std::string golden_folder;
  std::string preset;  ///< empty: all
  int jobs = 4;
};

struct CompareOptions {
  bool json = false;
  std::string actual_path;
  std::string reference_path;
  std::string front_end;
  std::string clip;
  std::string golden_folder;
};

struct PrivacyOptions {
  CommonOptions common;
  std::string stream;  ///< an id; empty: all
};

struct DoctorOptions {
  CommonOptions common;
  std::string config;       ///< the daemon's; empty: its own place
  std::string certificate;  ///< instead of the config's
  std::string key;
  std::string model;       ///< a model's folder or file: then only that is looked at
  std::string write_path;  ///< of a new file for the front end that fits the model
  std::string name;        ///< of that front end
};

ExitCode run_extract(const ExtractOptions& options);
ExitCode run_push(const PushOptions& options);
ExitCode run_subscribe(const SubscribeOptions& options);
/// To the file options.out_path.
ExitCode run_record(const SubscribeOptions& options);
ExitCode run_play(const PlayOptions& options);
ExitCode run_subscribers(const CommonOptions& options);
ExitCode run_window(const WindowOptions& options);
ExitCode run_windows(const WindowsOptions& options);
ExitCode run_streams(const StreamsOptions& options);
ExitCode run_watch(const StreamsOptions& options);
ExitCode run_open(const OpenOptions& options);
ExitCode run_close(const CloseOptions& options);
ExitCode run_sources(const CommonOptions& options);
ExitCode run_devices(const CommonOptions& options);
ExitCode run_front_ends(const FrontEndsOptions& options);
ExitCode run_info(const CommonOptions& options);
ExitCode run_view(const ViewOptions& options);
ExitCode run_listen(const ListenOptions& options);
ExitCode run_load(const LoadOptions& options);
ExitCode run_top(const TopOptions& options);
ExitCode run_verify(const VerifyOptions& options);
ExitCode run_compare(const CompareOptions& options);
ExitCode run_privacy(const PrivacyOptions& options);
ExitCode run_doctor(const DoctorOptions& options);
/// With options.model.
ExitCode run_doctor_model(const DoctorOptions& options);

}  // namespace melstream::client
