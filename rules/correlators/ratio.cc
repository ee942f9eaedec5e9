// ratio: the share of events of one kind among all, within the timespan.
//
// Method: the timespan is cut into 60 slices of equal length, aligned to the epoch, each with two
// counters; an event belongs to the slice of its time, and the window is the slice of the newest
// event and the 59 before it. This is the basic-window form of a sliding count (Datar, Gionis,
// Indyk, Motwani, "Maintaining Stream Statistics over Sliding Windows", SIAM J. Comput. 31(6),
// 2002, section 1, name finer ones). It replaces a list of all event times, whose size grows with
// the traffic of the noisiest actor; this is 480 bytes per group whatever happens. The price: the
// window begins at the border of a slice, so the oldest sixtieth of the timespan counts only as
// far as it lies in it. A share hardly feels that; a count would, and has an exact window.
//
// Example: timespan 60 s, so slices of 1 s. At 100.2 s the window is [41 s, 102 s) without what is
// yet to come: an event at 40.9 s is out (59.3 s old), one at 41.0 s is in.
//
// A late event counts in its own slice, if that is still in the window, else not at all.
//
// `rest_once_per` counts what is not of the part at most once in that long. The rest is most of the
// traffic and becomes background (correlator.h); a share near 1 means the same, since a rest that
// is rare is rarely cut short. `once_per` does so with both kinds: then a caller in a tight loop
// weighs no more than one in a slow one, and a busy service with its usual errors shows a half. A
// slice holds a bit for each of its at most 64 quanta instead of a count. Example: `once_per: 10s`
// within 2 h, so slices of 12 quanta: 300 refusals and 50 successes within ten seconds are one
// event of two.
//
// `rest_per` counts the rest once per quantum and value, such as each customer behind a shared
// address: twenty who succeed in the same second weigh twenty. The slice then holds a bit for each
// of 64 hashes of both. Two values may share a bit, and more than 64 count as 64: the rest is taken
// for smaller than it is (linear counting without its correction: Whang, Vander-Zanden, Taylor, ACM
// TODS 15(2), 1990).
//
// Tested by tests/rules/correlators/ratio_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <utility>

#include "rules/bytes.h"
#include "rules/correlator.h"
#include "rules/correlators/option_reader.h"

namespace picket {
namespace {

constexpr int64_t kSlices = 60;
constexpr int64_t kQuantaMax = 64;  // in a slice

struct Options {
  uint64_t part = 0;   // roles
  uint64_t whole = 0;  // roles
  double gte = 0.5;
  int64_t min_events = 10;
  Duration timespan{0};
  Duration quantum{0};    // 0: every event counts
  bool part_too = false;  // at most one event in each quantum: of the rest, or of both
  bool rest_per = false;  // of the rest, one for each value
  Wiring wiring = {};
};

Result<Options> read_options(const CorrelationSpec& spec) {
  OptionReader reader(spec);
  Options options;
  options.part = reader.roles("part");
  options.whole = reader.roles("whole");
  // More than nothing: a share of zero is always reached.
  constexpr double kSmallest = 1e-9;
  options.gte = reader.number("gte", {.min = kSmallest, .max = 1, .ends = true});
  options.min_events = reader.integer("min_events", 1, options.min_events);
  options.timespan = reader.required_timespan();
  options.part_too = reader.has("once_per");
  const std::string_view key = options.part_too ? "once_per" : "rest_once_per";
  if (options.part_too && reader.has("rest_once_per")) {
    reader.error("rest_once_per", "'once_per' is for the rest as well: only one of the two can be");
  } else if (reader.has("rest_per") && !reader.has("rest_once_per")) {
    reader.error("rest_per", "'rest_per' needs 'rest_once_per'");
  } else if (reader.has(key)) {
    options.rest_per = reader.has("rest_per");
    if (options.rest_per) reader.fields("rest_per");
    options.quantum = reader.duration(key);
    const int64_t slices = kSlices * std::max<int64_t>(options.quantum.count(), 1);
    if (options.timespan.count() % slices != 0 || options.timespan.count() / slices > kQuantaMax) {
      reader.error(key, fmt::format("a sixtieth of the timespan ({}) must be 1 to {} times '{}'",
                                    duration_text(options.timespan / kSlices), kQuantaMax, key));
    }
  }
  return reader.finish(std::move(options));
}

class State final : public GroupState {
 public:
  // Counts, or a bit for each quantum (or hash) that had such an event.
  struct Slice {
    uint64_t part = 0;
    uint64_t rest = 0;
  };

  State(bool part_bits, bool rest_bits) : part_{part_bits}, rest_{rest_bits} {}

  size_t bytes() const override { return sizeof(*this); }

  void encode(std::string& out) const override {
    put_bytes(out, newest_);
    for (const Slice& slice : slices_) {
      put_bytes(out, slice.part);
      put_bytes(out, slice.rest);
    }
  }

  bool decode(std::string_view in) override {
    if (!take_bytes(in, newest_)) return false;
    part_.sum = rest_.sum = 0;
    for (Slice& slice : slices_) {
      if (!take_bytes(in, slice.part) || !take_bytes(in, slice.rest)) return false;
      if (!part_.possible(slice.part) || !rest_.possible(slice.rest)) return false;
      part_.sum += part_.events(slice.part);
      rest_.sum += rest_.events(slice.rest);
    }
    return in.empty() && newest_ >= kNever && newest_ <= -kNever;
  }

  // Moves the window so that it ends with slice `index`, if that is ahead.
  void move_to(int64_t index) {
    if (index <= newest_) return;
    if (index - newest_ >= kSlices) {
      slices_ = {};
      part_.sum = rest_.sum = 0;
    }
    for (int64_t i = std::max(newest_ + 1, index - kSlices + 1); i <= index; ++i) {
      Slice& slice = at(i);
      part_.sum -= part_.events(slice.part);
      rest_.sum -= rest_.events(slice.rest);
      slice = {};
    }
    newest_ = index;
  }

  // An event in slice `index`; where bits are kept, its own one.
  void count(int64_t index, uint64_t bit, bool is_part) {
    if (index <= newest_ - kSlices) return;
    Slice& slice = at(index);
    if (is_part) {
      part_.count(slice.part, bit);
    } else {
      rest_.count(slice.rest, bit);
    }
  }

  // The sums over the window that ends with slice `index`, without moving there.
  std::pair<uint64_t, uint64_t> part_and_whole_at(int64_t index) const {
    State moved = *this;
    moved.move_to(index);
    return {moved.part(), moved.whole()};
  }

  uint64_t part() const { return part_.sum; }
  uint64_t whole() const { return part_.sum + rest_.sum; }

 private:
  static constexpr uint64_t kCountMax = std::numeric_limits<uint32_t>::max();
  struct Kind {
    bool bits = false;
    uint64_t sum = 0;  // over the slices
    uint64_t events(uint64_t slice) const {
      return bits ? static_cast<uint64_t>(std::popcount(slice)) : slice;
    }
    bool possible(uint64_t slice) const { return bits || slice <= kCountMax; }
    void count(uint64_t& slice, uint64_t bit) {
      sum -= events(slice);
      if (bits) {
        slice |= bit;
      } else if (slice < kCountMax) {
        ++slice;  // past four thousand million the share of those stands for the rest
      }
      sum += events(slice);
    }
  };
  static constexpr int64_t kNever = -kTimeLimitMs * kSlices - 1;

  Slice& at(int64_t index) {
    return slices_[static_cast<size_t>(index - floor_div(index, kSlices) * kSlices)];
  }

  Kind part_;
  Kind rest_;
  int64_t newest_ = kNever;  // index of the slice that ends the window
  std::array<Slice, kSlices> slices_{};
};

class Ratio final : public Correlator {
 public:
  explicit Ratio(const Options& options) : options_(options) {}

  std::unique_ptr<GroupState> make_state() const override {
    const bool rest_bits = options_.quantum > Duration(0);
    return std::make_unique<State>(options_.part_too, rest_bits);
  }

  bool wants_valueless_hits() const override { return true; }

  Background background() const override {
    if (options_.quantum == Duration(0)) return {};
    return {.roles = options_.whole & ~options_.part, .quantum = options_.quantum};
  }

  Judgement process(GroupState& group, const GroupHit& hit) const override {
    auto& state = static_cast<State&>(group);
    const int64_t index = slice_of(hit.time);
    state.move_to(index);
    // What is part of the part is part of the whole, whether the rules say so or not.
    const bool part = (hit.roles & options_.part) != 0;
    if (part || (hit.roles & options_.whole) != 0) {
      state.count(index, bit_of(hit, index, part), part);
    }
    if (state.whole() == 0) return {};
    // Divided and not multiplied: 7 / 100 is the double that 0.07 is, but 0.07 * 100 is above 7.
    const double whole = static_cast<double>(state.whole());
    const double share = static_cast<double>(state.part()) / whole;
    const double enough = std::min(1.0, whole / static_cast<double>(options_.min_events));
    return {.holds = enough >= 1 && share >= options_.gte,
            .value = share,
            .progress = enough * std::min(1.0, share / options_.gte)};
  }

  std::string describe(const GroupState& group, Timestamp now) const override {
    const auto [part, whole] = static_cast<const State&>(group).part_and_whole_at(slice_of(now));
    const std::optional<uint64_t> more = more_of_part(part, whole);
    return fmt::format("{} of {} events within {}; holds from a share of {:g} and {} events on; {}",
                       part, whole, duration_text(options_.timespan), options_.gte,
                       options_.min_events,
                       !more       ? "others must leave first"
                       : *more > 0 ? fmt::format("{} more of the part would do", *more)
                                   : "it holds");
  }

 private:
  // How many in a row, all of the part, would do. Nothing when no number would: a share of 1 cannot
  // be reached while there is another event.
  std::optional<uint64_t> more_of_part(uint64_t part, uint64_t whole) const {
    uint64_t more = 0;
    if (whole < static_cast<uint64_t>(options_.min_events)) {
      more = static_cast<uint64_t>(options_.min_events) - whole;
    }
    const double lacks = options_.gte * static_cast<double>(whole) - static_cast<double>(part);
    if (lacks <= 0) return more;
    if (options_.gte >= 1) return std::nullopt;
    return std::max(more, static_cast<uint64_t>(std::ceil(lacks / (1 - options_.gte))));
  }

  // Exact also when the timespan is no multiple of 60 ms: slice borders need not be whole numbers.
  int64_t slice_of(Timestamp time) const {
    return floor_div(bounded_ms(time) * kSlices, options_.timespan.count());
  }
  // Where bits are kept for such a hit: that of its quantum in slice `index`, or of a hash.
  uint64_t bit_of(const GroupHit& hit, int64_t index, bool part) const {
    if (options_.quantum == Duration(0)) return 0;
    const int64_t begin = index * (options_.timespan.count() / kSlices);
    const auto quantum =
        static_cast<uint64_t>((bounded_ms(hit.time) - begin) / options_.quantum.count());
    if (part || !options_.rest_per) return uint64_t{1} << quantum;
    constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;
    return uint64_t{1} << ((hit.value_hash + quantum) * kOdd >> 58);
  }

  Options options_;
};

}  // namespace

Result<void> prepare_ratio(CorrelationSpec& spec) {
  PICKET_TRY(Options options, read_options(spec));
  adopt(std::move(options.wiring), spec);
  return {};
}

Result<std::unique_ptr<Correlator>> make_ratio(const CorrelationSpec& spec) {
  PICKET_TRY(Options options, read_options(spec));
  return std::make_unique<Ratio>(options);
}

}  // namespace picket
