/* melstream's engine in a process of your own: log-mel features exactly as the genuine front ends compute them, of
 * whole clips or of samples as they come. C99 and C++; link with libmelstream_engine (pkg-config melstream-engine, or
 * CMake target melstream::c). docs/library.md has examples.
 *
 * Samples are mono, 16 kHz. Features are float32. Rows are frames every 10 ms (60 ms with low frame rate).
 *
 * Every function that can fail returns a melstream_status; melstream_error_message() then says what was given and what
 * is taken. A call that fails may have written some of its output. No exception crosses this border, and nothing
 * aborts. What is null where the text does not allow it is MELSTREAM_INVALID_ARGUMENT.
 *
 * Rows have the same bits whatever the calling thread's floating-point environment is (rounding, denormal numbers).
 *
 * Structs begin with struct_size: set it by the *_INIT macros, which leave everything else at its default, 0. So a
 * program keeps working with later libraries, whose structs have more fields. */
#ifndef MELSTREAM_ENGINE_H
#define MELSTREAM_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32) || !defined(__GNUC__)
#define MELSTREAM_API
#else
#define MELSTREAM_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- version */

/* Of this header. Grows when a program that was built with an older header would no longer work; the library's file
 * name (libmelstream_engine.so.1) and the version of its symbols have the same number. */
#define MELSTREAM_ABI_VERSION 1

/* MELSTREAM_ABI_VERSION of the library. Where it was loaded by hand (dlopen, ctypes), compare the two before any other
 * call. */
MELSTREAM_API uint32_t melstream_abi_version(void);

/* "0.1.0 (commit, build type)": for people and for reports. Static. */
MELSTREAM_API const char* melstream_build_id(void);

/* ---- errors */

typedef int32_t melstream_status;
enum {
  MELSTREAM_OK = 0,
  MELSTREAM_INVALID_ARGUMENT = 1,    /* the call is wrong whatever the state */
  MELSTREAM_NOT_FOUND = 2,           /* no front end of that name */
  MELSTREAM_FAILED_PRECONDITION = 3, /* wrong now: samples after a flush */
  MELSTREAM_OUT_OF_RANGE = 4,        /* an output is too small */
  MELSTREAM_UNAVAILABLE = 5,         /* no such backend or instruction set here */
  MELSTREAM_OUT_OF_MEMORY = 6,
  MELSTREAM_INTERNAL = 7 /* the engine failed: destroy it and make another */
};

/* One line about the last failure of a function on this thread; "" if there was none. Valid until this thread's next
 * call. */
MELSTREAM_API const char* melstream_error_message(void);
/* The argument or field at fault ("front_end", "clips[3].samples"); "" where there is none. Likewise. */
MELSTREAM_API const char* melstream_error_field(void);

/* ---- front ends */

/* A named definition of all that decides the numbers. Immutable: any thread may use it. */
typedef struct melstream_front_end melstream_front_end;

/* Names of the built-in ones, by index; null from melstream_front_end_count() on, which is 0 without memory. Static. */
MELSTREAM_API size_t melstream_front_end_count(void);
MELSTREAM_API const char* melstream_front_end_name_at(size_t index);

/* By name, "whisper-80". NOT_FOUND lists the names that are known. */
MELSTREAM_API melstream_status melstream_front_end_by_name(const char* name, melstream_front_end** front_end);
/* By canonical text: `key=value` lines as `melstream front-ends --spec NAME` and melstream_front_end_spec() print them.
 * Keys that are left out are those of whisper-80; a line `sha256 HASH` must be true. `name` is for messages; null:
 * "custom". */
MELSTREAM_API melstream_status melstream_front_end_by_spec(const char* name, const char* spec,
                                                           melstream_front_end** front_end);
/* Null is allowed. Engines and streams that use the front end keep what they need. */
MELSTREAM_API void melstream_front_end_free(melstream_front_end* front_end);

/* These live as long as the front end. */
MELSTREAM_API const char* melstream_front_end_name(const melstream_front_end* front_end);
MELSTREAM_API const char* melstream_front_end_spec(const melstream_front_end* front_end);
/* SHA-256 of the spec, 64 hex digits: what a subscriber of the daemon can pin. */
MELSTREAM_API const char* melstream_front_end_sha256(const melstream_front_end* front_end);

typedef int32_t melstream_smoothing;
enum {
  MELSTREAM_SMOOTHING_NONE = 0,
  MELSTREAM_SMOOTHING_BOX3X3 = 1,      /* mean over 3 frames and 3 bins; at borders that of the cells that exist */
  MELSTREAM_SMOOTHING_BOX3X3_VALID = 2 /* no borders: 2 rows and 2 bins fewer */
};

typedef int32_t melstream_normalization;
enum {
  MELSTREAM_NORMALIZATION_NONE = 0,
  MELSTREAM_NORMALIZATION_RUNNING_MAX = 1,       /* (max(v, M - 8) + 4) / 4, M the largest value so far */
  MELSTREAM_NORMALIZATION_FIXED_MAX = 2,         /* the same with the caller's fixed_max as M */
  MELSTREAM_NORMALIZATION_WHISPER_WINDOW = 3,    /* the same with the clip's largest value: Whisper itself */
  MELSTREAM_NORMALIZATION_PER_FEATURE_WINDOW = 4 /* by bin (v - mean) / (std + 1e-5) over the clip: NeMo */
};

/* Floats of one row; 0 where the front end has no such smoothing. */
MELSTREAM_API int32_t melstream_front_end_bins(const melstream_front_end* front_end, melstream_smoothing smoothing);
/* Rows of a clip of n_samples; 0 where the front end has no such smoothing, or the clip is too short for one row, or
 * longer than 2^40 samples, which no call takes. */
MELSTREAM_API int64_t melstream_front_end_rows(const melstream_front_end* front_end, melstream_smoothing smoothing,
                                               int64_t n_samples);
/* Samples from one row to the next. */
MELSTREAM_API int32_t melstream_front_end_hop(const melstream_front_end* front_end);

/* ---- engines */

/* What computes. Any number of threads may call one engine at once: each call gets n_threads processors of its own, and
 * waits for nobody ("cuda": calls take turns). A child that is forked may use an engine of its parent's ("cpu" only),
 * whatever the parent's other threads were doing. */
typedef struct melstream_engine melstream_engine;

typedef struct {
  uint32_t struct_size;
  int32_t n_threads;   /* that compute one call, the caller included, at most 256; 0: 1 */
  const char* backend; /* "cpu", "cuda", or "auto": CUDA if its plugin and a GPU are there; null: "cpu" */
  const char* simd;    /* instruction set of the CPU engine ("avx2", ...); null or "auto": the best */
  int32_t cuda_device; /* index as the driver counts */
  int32_t reserved;    /* 0 */
} melstream_engine_options;
#define MELSTREAM_ENGINE_OPTIONS_INIT \
  { sizeof(melstream_engine_options), 0, NULL, NULL, 0, 0 }

/* @param options null: the defaults. UNAVAILABLE names what is missing. */
MELSTREAM_API melstream_status melstream_engine_create(const melstream_engine_options* options,
                                                       melstream_engine** engine);
/* Null is allowed. No call may be under way, and no stream of it may be used any more but to be freed. */
MELSTREAM_API void melstream_engine_free(melstream_engine* engine);
/* "cpu" or "cuda"; "avx2", "sm_90 ...". Bits are equal only between equal builds, backends and targets. These live as
 * long as the engine. */
MELSTREAM_API const char* melstream_engine_backend(const melstream_engine* engine);
MELSTREAM_API const char* melstream_engine_target(const melstream_engine* engine);

/* ---- clips: many at once, each whole */

typedef int32_t melstream_sample_type;
enum {
  MELSTREAM_FLOAT32 = 0, /* full scale is -1 to 1 */
  MELSTREAM_INT16 = 1    /* x / 32768 */
};

typedef int32_t melstream_memory;
enum {
  MELSTREAM_HOST = 0,
  MELSTREAM_CUDA = 1 /* samples and outputs lie on the engine's GPU; nothing crosses the link */
};

typedef struct {
  uint32_t struct_size;
  melstream_sample_type sample_type;
  melstream_smoothing smoothing;
  melstream_normalization normalization;
  float fixed_max; /* for MELSTREAM_NORMALIZATION_FIXED_MAX */
  float fill;      /* written to rows of an output behind those of its clip */
  /* Zeros are added at the end, or samples cut off, until there are that many (Whisper: 480000); 0: as they are. */
  int64_t pad_to_samples;
  melstream_memory memory;
  int32_t reserved; /* 0 */
  /* MELSTREAM_CUDA: work is enqueued on this cudaStream_t, and the call returns before it is done; the samples and
   * outputs must live until it is. Null: the default stream. */
  void* cuda_stream;
} melstream_clip_options;
#define MELSTREAM_CLIP_OPTIONS_INIT \
  { sizeof(melstream_clip_options), 0, 0, 0, 0.0F, 0.0F, 0, 0, 0, NULL }

typedef struct {
  const void* samples; /* [n_samples], aligned as their type; null if there are none */
  int64_t n_samples;
} melstream_clip;

/* Value (t, m) of a clip, row t and bin m, goes to values[t * row_stride + m * bin_stride]. Time-major: row_stride =
 * bins, bin_stride = 1. Mel-major, as Whisper's models take it: row_stride = 1, bin_stride = n_rows. */
typedef struct {
  float* values;  /* null if n_rows is 0 */
  int64_t n_rows; /* room: at least the clip's rows; what is more is filled up */
  int64_t row_stride;
  int64_t bin_stride;
} melstream_output;

/* The features of clips[i] in outputs[i]; outputs do not overlap. Clips do not influence each other: each has the bits
 * that it has alone. float32 samples on the host are read where they lie; int16 samples are converted in small pieces.
 * Samples on the host that are not finite are INVALID_ARGUMENT; on the GPU they are not looked at and give NaN. Beyond
 * 1e15 times full scale their energy overflows, and rows mean nothing.
 * @param options null: the defaults. OUT_OF_RANGE: an output has fewer rows than its clip. */
MELSTREAM_API melstream_status melstream_extract(melstream_engine* engine, const melstream_front_end* front_end,
                                                 const melstream_clip_options* options, size_t n_clips,
                                                 const melstream_clip* clips, const melstream_output* outputs);

/* ---- streams: samples as they come */

/* One segment of audio. Rows equal those of melstream_extract() of all samples together, however they are pushed. One
 * thread at a time; streams of one engine do not wait for each other. Host memory. */
typedef struct melstream_stream melstream_stream;

typedef struct {
  uint32_t struct_size;
  melstream_sample_type sample_type;
  melstream_smoothing smoothing;
  melstream_normalization normalization; /* NONE, RUNNING_MAX or FIXED_MAX: the others need the whole clip */
  float fixed_max;
} melstream_stream_options;
#define MELSTREAM_STREAM_OPTIONS_INIT \
  { sizeof(melstream_stream_options), 0, 0, 0, 0.0F }

/* @param engine outlives the stream's last call but melstream_stream_free(). @param options null: the defaults. */
MELSTREAM_API melstream_status melstream_stream_create(melstream_engine* engine, const melstream_front_end* front_end,
                                                       const melstream_stream_options* options,
                                                       melstream_stream** stream);
/* Null is allowed. */
MELSTREAM_API void melstream_stream_free(melstream_stream* stream);

/* Takes samples; they are copied. Those that rows to come cannot need are dropped when rows are pulled.
 * FAILED_PRECONDITION after melstream_stream_flush(). */
MELSTREAM_API melstream_status melstream_stream_push(melstream_stream* stream, const void* samples, int64_t n_samples);
/* No more samples: the rest of the rows becomes ready, with the end padded as the genuine front end does. */
MELSTREAM_API melstream_status melstream_stream_flush(melstream_stream* stream);
/* Rows that can be pulled now; 0 for null. */
MELSTREAM_API int64_t melstream_stream_ready(const melstream_stream* stream);
/* Writes the next rows, at most max_rows, and how many they are.
 * @param rows [max_rows][bins], row-major. */
MELSTREAM_API melstream_status melstream_stream_pull(melstream_stream* stream, float* rows, int64_t max_rows,
                                                     int64_t* n_rows);
/* As when it was created: for the next segment. */
MELSTREAM_API melstream_status melstream_stream_reset(melstream_stream* stream);

#ifdef __cplusplus
}
#endif

#endif
