// Searches for the largest load that is carried: doubling, then bisecting. Pure.
#pragma once

namespace melstream::client {

class CapacitySearch {
 public:
  /// @param first to try. @param most that may be tried. Both at least 1.
  CapacitySearch(int first, int most) noexcept : next_(first < most ? first : most), most_(most) {}

  /// What to try next; meaningless when done().
  int next() const noexcept { return next_; }
  void report(bool sustained) noexcept {
    (sustained ? good_ : bad_) = next_;
    if (bad_ == kNone) {
      next_ = good_ > most_ / 2 ? most_ : 2 * good_;
    } else {
      next_ = good_ + (bad_ - good_) / 2;
    }
  }
  /// The largest is known to a twentieth, or there is nothing more to try.
  bool done() const noexcept {
    if (good_ == most_) return true;
    return bad_ != kNone && bad_ - good_ <= (good_ / kTolerance > 1 ? good_ / kTolerance : 1);
  }
  /// 0: not even one.
  int largest() const noexcept { return good_; }
  bool reached_most() const noexcept { return good_ == most_; }

 private:
  static constexpr int kNone = 0;
  static constexpr int kTolerance = 20;

  int next_;
  int most_;
  int good_ = 0;
  int bad_ = kNone;  ///< the smallest that was not carried
};

}  // namespace melstream::client
