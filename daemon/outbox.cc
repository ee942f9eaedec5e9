#include "daemon/outbox.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "daemon/failpoint.h"
#include "daemon/log.h"
#include "rules/alert_codec.h"

namespace picket {
namespace {

std::string event_key(uint64_t number) {
  std::string key = "e";
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(number >> shift);
  return key;
}

std::optional<uint64_t> event_number(std::string_view key) {
  if (key.size() != 1 + sizeof(uint64_t) || key[0] != 'e') return std::nullopt;
  uint64_t number = 0;
  for (const char c : key.substr(1)) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

std::string ack_key(std::string_view output) { return "a" + std::string(output); }

uint64_t number_of(std::string_view text) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

Outbox::Outbox(std::vector<std::string> outputs)
    : outputs_(std::move(outputs)), acked_(outputs_.size()) {}

std::vector<std::vector<Outgoing>> Outbox::restore(const std::vector<StateChange>& rows) {
  std::vector<std::vector<Outgoing>> again(outputs_.size());
  std::vector<bool> known(outputs_.size());
  for (const StateChange& row : rows) {
    if (const auto number = event_number(row.key)) newest_ = std::max(newest_, *number);
    if (!row.key.starts_with('a')) continue;
    newest_ = std::max(newest_, number_of(row.value));
    const auto found = std::ranges::find(outputs_, row.key.substr(1));
    if (found == outputs_.end()) {
      rows_.push_back({StateKind::Outbox, row.key, {}, true});
      continue;
    }
    const auto at = static_cast<size_t>(found - outputs_.begin());
    acked_[at] = number_of(row.value);
    known[at] = true;
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (known[i]) continue;
    acked_[i] = newest_;
    rows_.push_back({StateKind::Outbox, ack_key(outputs_[i]), std::to_string(newest_), false});
  }
  for (const StateChange& row : rows) {
    const auto number = event_number(row.key);
    if (!number) continue;
    kept_.push_back(*number);
    const auto event = decode_event(row.value);
    if (!event) log_error("alert {} of the state file cannot be read and is left out", *number);
    for (size_t i = 0; i < outputs_.size(); ++i) {
      if (event && *number > acked_[i]) again[i].push_back({*event, *number, true});
    }
  }
  return again;
}

void Outbox::add(std::vector<AlertEvent> events) {
  if (outputs_.empty()) return;
  for (AlertEvent& event : events) {
    Outgoing outgoing;
    if (event.change != AlertChange::Updated) {
      outgoing.number = ++newest_;
      rows_.push_back({StateKind::Outbox, event_key(newest_), encode_event(event), false});
      kept_.push_back(newest_);
    }
    outgoing.event = std::move(event);
    waiting_.push_back(std::move(outgoing));
  }
}

void Outbox::collect(const std::vector<uint64_t>& acked, std::vector<StateChange>& changes) {
  std::ranges::move(rows_, std::back_inserter(changes));
  rows_.clear();
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (acked[i] <= acked_[i]) continue;
    failpoint(Failpoint::OutboxAck);
    acked_[i] = acked[i];
    changes.push_back({StateKind::Outbox, ack_key(outputs_[i]), std::to_string(acked[i]), false});
  }
  const uint64_t done = acked_.empty() ? newest_ : *std::ranges::min_element(acked_);
  for (; !kept_.empty() && kept_.front() <= done; kept_.pop_front()) {
    changes.push_back({StateKind::Outbox, event_key(kept_.front()), {}, true});
  }
}

std::vector<Outgoing> Outbox::take() {
  failpoint(Failpoint::OutboxTake);
  return std::exchange(waiting_, {});
}

}  // namespace picket
