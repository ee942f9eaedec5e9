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
// Tested by tests/rules/correlators/ratio_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "rules/bytes.h"
#include "rules/correlator.h"
#include "rules/correlators/option_reader.h"

namespace picket {
namespace {

constexpr int64_t kSlices = 60;

struct Options {
  uint64_t part = 0;   // roles
  uint64_t whole = 0;  // roles
  double gte = 0.5;
  int64_t min_events = 10;
  Duration timespan{0};
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
  return reader.finish(std::move(options));
}

class State final : public GroupState {
 public:
  struct Slice {
    uint32_t part = 0;
    uint32_t whole = 0;
  };

  size_t bytes() const override { return sizeof(*this); }

  void encode(std::string& out) const override {
    put_bytes(out, newest_);
    for (const Slice& slice : slices_) {
      put_bytes(out, slice.part);
      put_bytes(out, slice.whole);
    }
  }

  bool decode(std::string_view in) override {
    if (!take_bytes(in, newest_)) return false;
    part_ = whole_ = 0;
    for (Slice& slice : slices_) {
      if (!take_bytes(in, slice.part) || !take_bytes(in, slice.whole)) return false;
      if (slice.part > slice.whole) return false;
      part_ += slice.part;
      whole_ += slice.whole;
    }
    return in.empty() && newest_ >= kNever && newest_ <= -kNever;
  }

  // Moves the window so that it ends with slice `index`, if that is ahead.
  void move_to(int64_t index) {
    if (index <= newest_) return;
    if (index - newest_ >= kSlices) {
      slices_ = {};
      part_ = whole_ = 0;
    }
    for (int64_t i = std::max(newest_ + 1, index - kSlices + 1); i <= index; ++i) {
      Slice& slice = at(i);
      part_ -= slice.part;
      whole_ -= slice.whole;
      slice = {};
    }
    newest_ = index;
  }

  void count(int64_t index, bool is_part) {
    if (index <= newest_ - kSlices) return;
    Slice& slice = at(index);
    // Four thousand million in one slice: the share of those stands for the rest.
    if (slice.whole == std::numeric_limits<uint32_t>::max()) return;
    ++slice.whole;
    ++whole_;
    slice.part += is_part ? 1U : 0U;
    part_ += is_part ? 1U : 0U;
  }

  // The counts in the window that ends with slice `index`, without moving there.
  Slice counts_at(int64_t index) const {
    State moved = *this;
    moved.move_to(index);
    return {static_cast<uint32_t>(std::min<uint64_t>(moved.part_, UINT32_MAX)),
            static_cast<uint32_t>(std::min<uint64_t>(moved.whole_, UINT32_MAX))};
  }

  uint64_t part() const { return part_; }
  uint64_t whole() const { return whole_; }

 private:
  static constexpr int64_t kNever = -kTimeLimitMs * kSlices - 1;

  Slice& at(int64_t index) {
    return slices_[static_cast<size_t>(index - floor_div(index, kSlices) * kSlices)];
  }

  int64_t newest_ = kNever;  // index of the slice that ends the window
  uint64_t part_ = 0;        // sums over the slices
  uint64_t whole_ = 0;
  std::array<Slice, kSlices> slices_{};
};

class Ratio final : public Correlator {
 public:
  explicit Ratio(const Options& options) : options_(options) {}

  std::unique_ptr<GroupState> make_state() const override { return std::make_unique<State>(); }

  Judgement process(GroupState& group, const GroupHit& hit) const override {
    auto& state = static_cast<State&>(group);
    const int64_t index = slice_of(hit.time);
    state.move_to(index);
    // What is part of the part is part of the whole, whether the rules say so or not.
    const bool part = (hit.roles & options_.part) != 0;
    if (part || (hit.roles & options_.whole) != 0) state.count(index, part);
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
    const State::Slice counts = static_cast<const State&>(group).counts_at(slice_of(now));
    const std::optional<uint64_t> more = more_of_part(counts);
    return fmt::format("{} of {} events within {}; holds from a share of {:g} and {} events on; {}",
                       counts.part, counts.whole, duration_text(options_.timespan), options_.gte,
                       options_.min_events,
                       !more       ? "others must leave first"
                       : *more > 0 ? fmt::format("{} more of the part would do", *more)
                                   : "it holds");
  }

 private:
  // How many in a row, all of the part, would do. Nothing when no number would: a share of 1 cannot
  // be reached while there is another event.
  std::optional<uint64_t> more_of_part(const State::Slice& counts) const {
    uint64_t more = 0;
    if (counts.whole < static_cast<uint64_t>(options_.min_events)) {
      more = static_cast<uint64_t>(options_.min_events) - counts.whole;
    }
    const auto part = static_cast<double>(counts.part);
    const auto whole = static_cast<double>(counts.whole);
    const double lacks = options_.gte * whole - part;
    if (lacks <= 0) return more;
    if (options_.gte >= 1) return std::nullopt;
    return std::max(more, static_cast<uint64_t>(std::ceil(lacks / (1 - options_.gte))));
  }

  // Exact also when the timespan is no multiple of 60 ms: slice borders need not be whole numbers.
  int64_t slice_of(Timestamp time) const {
    return floor_div(bounded_ms(time) * kSlices, options_.timespan.count());
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
