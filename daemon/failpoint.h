// Failpoints: the places between two steps where the end of the process matters most.
//
// What must survive a crash is written in an order: synced before it is answered, committed before
// it is sent, sent before it is forgotten. Each point names a gap in such an order. picket itself
// links failpoint.cc, in which passing one does nothing; the test program picket-failpoints links
// tests/support/failpoint_main.cc instead, which ends the process there, and
// tests/e2e/failpoint_test.sh does so at each of them. The choice is made by the linker, so that
// nothing in the environment of the daemon that ships can end it.
//
// Thread rule: any thread. Not for the path of single events, because it costs a call.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace picket {

enum class Failpoint : uint8_t {
  StoreBegin,           // a commit is due, and its transaction not begun
  StoreCommit,          // all rows are written, and not committed
  StoreCommitted,       // the transaction is synced, and nobody knows
  DeadLetterWrite,      // records are due
  DeadLetterWritten,    // records are written, and their lines not committed
  DeadLetterRename,     // the file is full
  DeadLetterRenamed,    // the old file has its new name, and there is no new one
  OutboxTake,           // alerts are committed, and no output has them
  OutboxAck,            // an output has alerts, and the row that says so is not committed
  AlertFileWrite,       // lines are due
  AlertFileWritten,     // lines are written, and not synced
  AlertFileSynced,      // lines are synced, and not acknowledged
  DeliveryStart,        // alerts left the queue, and the output has not begun with them
  DeliveryDone,         // the output is done with them, and they are not acknowledged
  AlertPost,            // a body is ready to be posted
  AlertPosted,          // the receiver answered, and nobody knows
  SpoolSegment,         // a segment exists, and its folder is not synced
  SpoolWrite,           // records are due
  SpoolWritten,         // records are written, and not synced
  SpoolSynced,          // records are synced, and nobody knows
  SpoolRemove,          // a segment is done with
  SpoolRemoved,         // a segment is gone
  PushAnswer,           // lines are durable, and not acknowledged to their sender
  CheckpointAnnounce,   // read positions are committed, and the inputs do not know
  CheckpointAnnounced,  // an input knows, and has let go of nothing yet
};

// In the order of the enumerators.
inline constexpr std::array<std::string_view, 25> kFailpointNames = {
    "store_begin",         "store_commit",       "store_committed",     "dead_letter_write",
    "dead_letter_written", "dead_letter_rename", "dead_letter_renamed", "outbox_take",
    "outbox_ack",          "alert_file_write",   "alert_file_written",  "alert_file_synced",
    "delivery_start",      "delivery_done",      "alert_post",          "alert_posted",
    "spool_segment",       "spool_write",        "spool_written",       "spool_synced",
    "spool_remove",        "spool_removed",      "push_answer",         "checkpoint_announce",
    "checkpoint_announced"};
static_assert(kFailpointNames.size() == static_cast<size_t>(Failpoint::CheckpointAnnounced) + 1);

// Passes the point.
void failpoint(Failpoint point);

}  // namespace picket
