"""melstream's engine beside the libraries that people use for the same features. `bench/compare.py` is the command.

  cases         what is computed (forms), of what (clips, lengths, batches, threads)
  features      the steps after a library's own: 3x3 mean, Whisper's normalization
  contender     what a contender is
  contenders    the libraries, one class each: numpy_contenders (on NumPy), torch_contenders, kaldi_contenders, gpu_contenders
  golden        how far a contender is from the golden features of tests/golden
  worker        the process of one contender: times, memory, copies
  device        what a profiler counted on the GPU
  rounds        all workers in turn, round after round; ratios within a round
  figures       numbers out of the rounds: ratios, overhead of a call, what is to be reached
  machine       what they were measured on
  report, plot  tables and CSV, picture
"""
