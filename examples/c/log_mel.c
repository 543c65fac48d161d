/* Log-mel features of a clip: raw float32 samples at 16 kHz on standard input, float32 rows on standard output. */
#include <melstream/engine.h>
#include <stdio.h>
#include <stdlib.h>

static void must(melstream_status status) {
  if (status == MELSTREAM_OK) return;
  fprintf(stderr, "log_mel: %s\n", melstream_error_message());
  exit(1);
}

int main(int argc, char** argv) {
  enum { kChunk = 160000 };
  float* samples = NULL;
  size_t n_samples = 0, n_read = 0;
  do {
    samples = realloc(samples, (n_samples + kChunk) * sizeof(float));
    n_read = fread(samples + n_samples, sizeof(float), kChunk, stdin);
    n_samples += n_read;
  } while (n_read > 0);
  melstream_clip clip = {samples, (int64_t)n_samples};

  melstream_front_end* front_end = NULL;
  melstream_engine* engine = NULL;
  must(melstream_front_end_by_name(argc > 1 ? argv[1] : "whisper-80", &front_end));
  must(melstream_engine_create(NULL, &engine));

  int32_t bins = melstream_front_end_bins(front_end, MELSTREAM_SMOOTHING_NONE);
  int64_t rows = melstream_front_end_rows(front_end, MELSTREAM_SMOOTHING_NONE, clip.n_samples);
  float* values = malloc((size_t)(rows * bins + 1) * sizeof(float));
  melstream_output output = {values, rows, bins, 1}; /* time-major */
  must(melstream_extract(engine, front_end, NULL, 1, &clip, &output));
  fwrite(values, sizeof(float), (size_t)(rows * bins), stdout);
  fprintf(stderr, "%lld rows of %d bins, computed on %s\n", (long long)rows, bins, melstream_engine_target(engine));

  free(values);
  free(samples);
  melstream_engine_free(engine);
  melstream_front_end_free(front_end);
  return 0;
}
