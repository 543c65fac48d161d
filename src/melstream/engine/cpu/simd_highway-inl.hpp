// The vector type of the kernels on Google Highway: one float of each of kLanes frames. Included by kernels-inl.hpp
// inside the namespace of one instruction target.

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using V = hn::Vec<FloatTag>;  // + - * / are defined for it
inline constexpr std::size_t kLanes = hn::MaxLanes(FloatTag());

/// Aligned to the vector.
MELSTREAM_INLINE V load(const float* from) { return hn::Load(FloatTag(), from); }
MELSTREAM_INLINE void store(V v, float* to) { hn::Store(v, FloatTag(), to); }
/// Anywhere.
MELSTREAM_INLINE void store_unaligned(V v, float* to) { hn::StoreU(v, FloatTag(), to); }
MELSTREAM_INLINE V broadcast(float value) { return hn::Set(FloatTag(), value); }
/// a * b + c, fused where the target can.
MELSTREAM_INLINE V mul_add(V a, V b, V c) { return hn::MulAdd(a, b, c); }
/// c - a * b.
MELSTREAM_INLINE V neg_mul_add(V a, V b, V c) { return hn::NegMulAdd(a, b, c); }
/// a * b - c.
MELSTREAM_INLINE V mul_sub(V a, V b, V c) { return hn::MulSub(a, b, c); }
MELSTREAM_INLINE V maximum(V a, V b) { return hn::Max(a, b); }

/// x = mantissa * 2^exponent, mantissa in [2/3, 4/3), for positive normal x.
MELSTREAM_INLINE void split_exponent(V x, V* mantissa, V* exponent) {
  const hn::RebindToSigned<FloatTag> integer;
  const auto bits = hn::BitCast(integer, x);
  const auto steps = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(integer, kTwoThirdsBits)));
  *mantissa = hn::BitCast(FloatTag(), hn::Sub(bits, hn::ShiftLeft<23>(steps)));
  *exponent = hn::ConvertTo(FloatTag(), steps);
}

/// Four floats of each of frames 0, 4, 8, ... side by side, kFloats in all.
template <std::size_t kFloats = kLanes>
MELSTREAM_INLINE auto load_stripe(const float* const* frames, std::size_t at) {
  const hn::FixedTag<float, kFloats> tag;
  if constexpr (kFloats == 4) {
    return hn::LoadU(tag, frames[0] + at);
  } else {
    const auto low = load_stripe<kFloats / 2>(frames, at);
    return hn::Combine(tag, load_stripe<kFloats / 2>(frames + kFloats / 2, at), low);
  }
}

/// The reverse: four floats to each of rows 0, 4, 8, ...
template <std::size_t kFloats = kLanes>
MELSTREAM_INLINE void store_stripe(hn::Vec<hn::FixedTag<float, kFloats>> stripe, float* const* rows, std::size_t at) {
  if constexpr (kFloats == 4) {
    hn::StoreU(stripe, hn::FixedTag<float, 4>(), rows[0] + at);
  } else {
    const hn::FixedTag<float, kFloats / 2> half;
    store_stripe<kFloats / 2>(hn::LowerHalf(half, stripe), rows, at);
    store_stripe<kFloats / 2>(hn::UpperHalf(half, stripe), rows + kFloats / 2, at);
  }
}

/// Transposes the 4x4 blocks that lie side by side in v[0..3]; its own inverse.
MELSTREAM_INLINE void transpose_blocks(V v[4]) {
  const hn::Repartition<double, FloatTag> wide;
  const auto low01 = hn::BitCast(wide, hn::InterleaveLower(FloatTag(), v[0], v[1]));
  const auto low23 = hn::BitCast(wide, hn::InterleaveLower(FloatTag(), v[2], v[3]));
  const auto high01 = hn::BitCast(wide, hn::InterleaveUpper(FloatTag(), v[0], v[1]));
  const auto high23 = hn::BitCast(wide, hn::InterleaveUpper(FloatTag(), v[2], v[3]));
  v[0] = hn::BitCast(FloatTag(), hn::InterleaveLower(wide, low01, low23));
  v[1] = hn::BitCast(FloatTag(), hn::InterleaveUpper(wide, low01, low23));
  v[2] = hn::BitCast(FloatTag(), hn::InterleaveLower(wide, high01, high23));
  v[3] = hn::BitCast(FloatTag(), hn::InterleaveUpper(wide, high01, high23));
}
