#include "tests/support/traffic.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "rules/types.h"
#include "tests/support/traffic_actors.h"
#include "tests/support/traffic_row.h"

namespace picket {
namespace {

constexpr size_t kFillerMax = 64 << 10;

bool released_later(Timestamp a, uint64_t a_sequence, Timestamp b, uint64_t b_sequence) {
  return a != b ? a > b : a_sequence > b_sequence;
}

}  // namespace

Traffic::Traffic(TrafficOptions options)
    : options_(std::move(options)), random_(options_.seed), clock_(options_.start) {
  hire();
}

void Traffic::hire() {
  const auto wanted = [&](const ActorKind& kind) {
    return kind.honest || options_.actors.empty() ||
           std::find(options_.actors.begin(), options_.actors.end(), kind.name) !=
               options_.actors.end();
  };
  // Every actor draws from a generator of its own, so that leaving one out does not change what the
  // others are called.
  uint64_t salt = 0;
  double sum = 0;
  for (const ActorKind& kind : actor_kinds()) {
    Random own(options_.seed * 1000 + ++salt);
    if (!wanted(kind)) continue;
    sum += kind.share;
    cast_.push_back({sum, kind.make(own, options_.workspaces)});
  }
  for (Cast& cast : cast_) cast.up_to /= sum;
  cast_.back().up_to = 1;
}

Timestamp Traffic::next(std::string& out) {
  if (options_.jitter <= Duration(0)) return make(out);
  while (held_.empty() || held_.front().release > clock_) hold_one();
  const auto later = [](const Held& a, const Held& b) {
    return released_later(a.release, a.sequence, b.release, b.sequence);
  };
  std::pop_heap(held_.begin(), held_.end(), later);
  const Timestamp time = held_.back().time;
  out.append(held_.back().row);
  held_.pop_back();
  return time;
}

void Traffic::hold_one() {
  Held held;
  held.time = make(held.row);
  held.sequence = made_;
  const auto delay =
      static_cast<int64_t>(random_.unit() * static_cast<double>(options_.jitter.count()));
  held.release = held.time + Duration(delay);
  held_.push_back(std::move(held));
  std::push_heap(held_.begin(), held_.end(), [](const Held& a, const Held& b) {
    return released_later(a.release, a.sequence, b.release, b.sequence);
  });
}

// Refusals have the length they have; what they lack of the wanted size is owed, and paid by the
// successes that can say more.
Timestamp Traffic::make(std::string& out) {
  const auto elapsed = static_cast<int64_t>(static_cast<double>(made_) * 1000.0 / options_.rate);
  clock_ = options_.start + Duration(elapsed);
  ++made_;
  const double draw = random_.unit();
  const auto cast =
      std::find_if(cast_.begin(), cast_.end(), [&](const Cast& c) { return draw < c.up_to; });
  request_.clear();
  request_.time = clock_;
  random_.append_id(request_.request_id, "req_");
  const double filler = filler_debt_ * 2 * random_.unit();
  request_.filler_bytes =
      static_cast<size_t>(std::clamp(filler, 0.0, static_cast<double>(kFillerMax)));
  cast->actor->request(random_, request_);
  const size_t before = out.size();
  append_row(request_, options_.style, scratch_, out);
  filler_debt_ +=
      static_cast<double>(options_.row_bytes) - static_cast<double>(out.size() - before);
  return clock_;
}

}  // namespace picket
