// The vector type of the kernels without Highway: four lanes in the compiler's own vectors, for any machine. Multiply
// and add are two roundings here. Same functions as simd_highway-inl.hpp; included by kernels-inl.hpp.

using V = float __attribute__((vector_size(16)));
using Ints = std::int32_t __attribute__((vector_size(16)));
inline constexpr std::size_t kLanes = 4;

MELSTREAM_INLINE V load(const float* from) { return *reinterpret_cast<const V*>(from); }
MELSTREAM_INLINE void store(V v, float* to) { *reinterpret_cast<V*>(to) = v; }
MELSTREAM_INLINE void store_unaligned(V v, float* to) { std::memcpy(to, &v, sizeof v); }
MELSTREAM_INLINE V broadcast(float value) { return V{value, value, value, value}; }
MELSTREAM_INLINE V mul_add(V a, V b, V c) { return a * b + c; }
MELSTREAM_INLINE V neg_mul_add(V a, V b, V c) { return c - a * b; }
MELSTREAM_INLINE V mul_sub(V a, V b, V c) { return a * b - c; }
MELSTREAM_INLINE V maximum(V a, V b) { return a > b ? a : b; }

MELSTREAM_INLINE void split_exponent(V x, V* mantissa, V* exponent) {
  const Ints bits = reinterpret_cast<Ints>(x);
  const Ints steps = (bits - kTwoThirdsBits) >> 23;
  *mantissa = reinterpret_cast<V>(bits - (steps << 23));
  *exponent = __builtin_convertvector(steps, V);
}

MELSTREAM_INLINE V load_stripe(const float* const* frames, std::size_t at) {
  V stripe;
  std::memcpy(&stripe, frames[0] + at, sizeof stripe);
  return stripe;
}
MELSTREAM_INLINE void store_stripe(V stripe, float* const* rows, std::size_t at) {
  std::memcpy(rows[0] + at, &stripe, sizeof stripe);
}

MELSTREAM_INLINE void transpose_blocks(V v[4]) {
  const V a = v[0], b = v[1], c = v[2], d = v[3];
  v[0] = V{a[0], b[0], c[0], d[0]};
  v[1] = V{a[1], b[1], c[1], d[1]};
  v[2] = V{a[2], b[2], c[2], d[2]};
  v[3] = V{a[3], b[3], c[3], d[3]};
}
