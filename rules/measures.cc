#include "rules/measures.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace picket {

void ExactSum::add(double number) {
  size_t kept = 0;
  for (double part : parts_) {
    if (std::abs(number) < std::abs(part)) std::swap(number, part);
    double high = number + part;
    double low = part - (high - number);  // what `high` had no room for
    if (low != 0) parts_[kept++] = low;
    number = high;
  }
  parts_.resize(kept);
  if (number != 0) parts_.push_back(number);
}

double ExactSum::rounded() const {
  double sum = 0;
  double rest = 0;
  size_t left = parts_.size();
  while (left > 0 && rest == 0) {
    double part = parts_[--left];
    double high = sum + part;
    rest = part - (high - sum);
    sum = high;
  }
  // A rest of exactly half a unit was rounded to even; what lies below it decides the direction.
  if (left > 0 && rest != 0 && (rest < 0) == (parts_[left - 1] < 0)) {
    double twice = rest * 2;
    double moved = sum + twice;
    if (moved - sum == twice) sum = moved;
  }
  return sum;
}

uint64_t SumMeasure::payload(const GroupHit& hit) {
  return std::bit_cast<uint64_t>(hit.number.value_or(0));
}

void SumMeasure::add(uint64_t payload) {
  sum.add(std::bit_cast<double>(payload));
  ++count;
}

void SumMeasure::remove(uint64_t payload) {
  sum.add(-std::bit_cast<double>(payload));
  --count;
}

std::optional<double> SumMeasure::value(Options options) const {
  if (!options.mean) return sum.rounded();
  if (count == 0) return std::nullopt;
  return sum.rounded() / static_cast<double>(count);
}

void RankMeasure::add(uint64_t payload) {
  double number = std::bit_cast<double>(payload);
  sorted.insert(std::upper_bound(sorted.begin(), sorted.end(), number), number);
}

void RankMeasure::remove(uint64_t payload) {
  sorted.erase(std::lower_bound(sorted.begin(), sorted.end(), std::bit_cast<double>(payload)));
}

std::optional<double> RankMeasure::value(Options options) const {
  if (sorted.empty()) return std::nullopt;
  size_t size = sorted.size();
  if (!options.percentile) {
    if (size % 2 == 1) return sorted[size / 2];
    return sorted[size / 2 - 1] + (sorted[size / 2] - sorted[size / 2 - 1]) / 2;
  }
  // Multiplied first: 95 / 100 * 20 would come out a little above 19.
  double place = std::ceil(*options.percentile * static_cast<double>(size) / 100);
  auto rank = static_cast<size_t>(std::clamp(place, 1.0, static_cast<double>(size)));
  return sorted[rank - 1];
}

}  // namespace picket
