// Outbox: alert events from the moment they are decided until every output has them.
//
// An event is written to the state file in the very transaction that holds the engine state and the
// input positions from which it follows, and only then handed to the outputs; it leaves the file
// once all of them have it. So whenever the process dies, an event is either not decided yet, and
// will be again, or it is in the file and goes out after the restart. An output may then get it a
// second time, and knows that (Outgoing::again): the file output looks at what it has written, for
// Alertmanager the second message says nothing new.
//
// Events that only refresh counts (Updated) are not kept: the next one says the same and more. They
// wait with the others so that the order stays.
//
// Rows: "e" + number, big-endian: an event (alert_codec.h). "a" + output: the number up to which
// that output has all events, as text. Numbers rise for the life of the state file.
//
// Bounds: what an output has dropped for want of room counts as delivered (delivery.h). Thread
// rule: the engine's thread. Tested by tests/daemon/outbox_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "daemon/outputs/delivery.h"
#include "daemon/store.h"
#include "rules/alert.h"

namespace picket {

class Outbox {
 public:
  // The names of the outputs, in their order.
  explicit Outbox(std::vector<std::string> outputs);

  // Takes in the rows of a state file. Returns for each output what it may not have, in order. An
  // output that the rows do not know has nothing to catch up on.
  std::vector<std::vector<Outgoing>> restore(const std::vector<StateChange>& rows);

  void add(std::vector<AlertEvent> events);
  bool waiting() const { return !waiting_.empty(); }
  // Appends what has changed for the state file. `acked`: by output, see Delivery::acked().
  void collect(const std::vector<uint64_t>& acked, std::vector<StateChange>& changes);
  // The events to hand to every output now, after a commit.
  std::vector<Outgoing> take();

 private:
  std::vector<std::string> outputs_;
  std::vector<uint64_t> acked_;    // as collected last
  std::vector<StateChange> rows_;  // new ones, not collected yet
  std::deque<uint64_t> kept_;      // numbers of rows that are in the file or on their way there
  std::vector<Outgoing> waiting_;
  uint64_t newest_ = 0;
};

}  // namespace picket
