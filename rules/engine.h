// Engine: hits in, alerts out: the single, ordered heart of picket.
//
// It takes the results of batches in sequence, puts hits into event-time order, feeds them to the
// correlations and owns groups and alerts. Like all of rules/ it is a function of bytes and time:
// the wall clock comes in as an argument, and only helps an idle live stream forward.
//
// Invariants
//  1. The alerts depend on the lines and their order within each stream, not on batch sizes, worker
//     counts or (in replay) how streams were interleaved.
//  2. A hit is processed after every hit with a smaller key; alerts that end and timers that are
//  due
//     before a hit's key come before it, in the order of time. A timer at the key of a hit comes
//     after all hits of that time.
//  3. When an alert of a correlation opens, those that count it hear of it directly after the event
//     or timer that caused it, in the order of opening.
//
// Phases: add_stream before its batches; restore() before anything else.
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rules/alert_table.h"
#include "rules/cooldowns.h"
#include "rules/engine_options.h"
#include "rules/group_table.h"
#include "rules/hit.h"
#include "rules/reorder.h"
#include "rules/repeat_filter.h"
#include "rules/rule_set.h"
#include "rules/stats.h"
#include "rules/timers.h"

namespace picket {

class MatchEvent;

// The opening of an alert, as correlations that count its rule see it.
struct Match {
  RuleId rule = 0;
  Timestamp time{};
  Timestamp key{};
  std::string values;  // of its group
  Evidence evidence;   // of its group, the newest last; never empty
};

// What one event, or one match, is to one group of a correlation.
struct FeedHit {
  const Feed* feed = nullptr;
  GroupKey group;
  std::string values;
  GroupHit hit;
  bool background = false;  // see correlator.h
};

// What is being applied: an event, a match, or a moment.
struct InHand {
  HitView view;                  // of the event
  const Match* match = nullptr;  // the match, when it is one
  bool event = false;            // it is an event, and `view` is good
  Timestamp time{};              // its own
  Timestamp key{};               // its place in the order: `time`, unless it came late
  std::string values;            // of the group, see group_values.h
  std::vector<FeedHit> hits;     // what the event is to each group
  std::deque<Match> opened;      // matches that wait for their turn
  // The match as exceptions see it; made when the first one meets an exception.
  std::unique_ptr<MatchEvent> match_event;
};

class Engine {
 public:
  // `rules` are frozen; `sources` name the SourceIds in order.
  Engine(std::shared_ptr<const RuleSet> rules, std::vector<std::string> sources,
         EngineOptions options);
  ~Engine();

  // Streams are numbered in the order of these calls. Without a lateness, that of the schema of the
  // stream's first event holds. After restore() it goes on from the saved stream of that source and
  // identity, if there is one; a source with one stream at a time needs no identities.
  StreamId add_stream(SourceId source, std::optional<Duration> lateness, uint64_t identity = 0);
  // Takes a number for a stream of which nothing more will come.
  void add_ended_stream(SourceId source);
  size_t streams() const { return streams_.size(); }

  // Takes the result of the next batch of its stream. `now` is the wall time.
  void process(const HitBatch& batch, Timestamp now, std::vector<AlertEvent>& out);
  // Lets time pass without input.
  void advance(Timestamp now, std::vector<AlertEvent>& out);
  // All input has ended: processes what is left.
  void finish(std::vector<AlertEvent>& out);

  const EngineStats& stats();
  std::vector<Alert> active_alerts();

  // Calls `visit` for every group that `rule` watches, for people who ask what is missing.
  template <class Visit>
  void for_each_group(RuleId rule, const Visit& visit) const {
    groups_.for_each([&](const Group& group) {
      if (rules_->correlations()[group.correlation].rule == rule) visit(group);
    });
  }

  // What changed since the last call.
  EngineChanges take_changes();
  // Puts back what take_changes() gave, rows in any order. Rows of rules that are gone or mean
  // something else now are passed over; damaged ones too. Returns the number passed over.
  // Hits that wait are translated to these rules; they are restored by one call, as are all hits.
  size_t restore(const EngineChanges& saved);

 private:
  // engine.cc: streams, order and groups
  void count(const HitBatch& batch);
  void take_hit(StreamState& stream, const HitBatch& batch, const Hit& hit,
                std::vector<AlertEvent>& out);
  void release(bool all, std::vector<AlertEvent>& out);
  bool too_many_wait() const;
  // The watermark over all streams, and whether a single stream decides it.
  std::pair<Timestamp, bool> watermark();
  void apply(Timestamp key, Timestamp time, std::string_view record, std::vector<AlertEvent>& out);
  void expire_groups(Timestamp now);

  // engine_groups.cc: from hits and moments to judgements
  void feed_event(std::vector<AlertEvent>& out);
  void feed_matches(std::vector<AlertEvent>& out);
  void feed_match(const Match& match, const Feed& to, std::vector<AlertEvent>& out);
  void feed(const FeedHit& to, std::vector<AlertEvent>& out);
  bool fill_values(const Feed& feed, FeedHit& hit) const;
  bool fill_group(const Feed& feed, FeedHit& hit);
  // Lets timers before `end` go off, alerts that end before them first.
  void run_timers(Timestamp end, std::vector<AlertEvent>& out);
  void fire(const Timers::Entry& entry, std::vector<AlertEvent>& out);
  void set_wake(Group& group, const Judgement& judgement, Timestamp earliest);
  bool can_expire(const Group& group, Timestamp now) const;
  EvidenceView evidence() const;  // of the event
  Evidence match_evidence(const Group& group) const;

  // engine_alerts.cc: what follows from a judgement
  // Both are false when an alert should open and too many are open already.
  bool judge(Group& group, const Judgement& judgement, std::vector<AlertEvent>& out);
  bool open_alert(Group& group, const Judgement& judgement, std::vector<AlertEvent>& out);
  void update_alert(ActiveAlert& active, const Group& group, const Judgement& judgement,
                    std::vector<AlertEvent>& out);
  bool escalate(ActiveAlert& active, double value) const;
  void refresh(ActiveAlert& active);
  void resolve_due(Timestamp before, std::vector<AlertEvent>& out);
  void end_alert(ActiveAlert ended, Timestamp at, std::vector<AlertEvent>& out);
  bool too_many_alerts(size_t more) const;
  // Keeps to EngineOptions::alerts_max. REQUIRES: no group is in hand: it might be dropped.
  void end_least_alerts(std::vector<AlertEvent>& out);
  uint8_t rank_of(const ActiveAlert& active) const;
  void mark_changed(ActiveAlert& active);
  void name_alert(Alert& alert, const CorrelationProgram& program) const;
  void emit(AlertChange change, ActiveAlert& active, std::vector<AlertEvent>& out);

  // snapshot.cc
  bool restore_group(const EngineChanges::Row& row);
  bool restore_alert(const EngineChanges::Row& row);
  using NamedStreams = std::vector<std::pair<std::string_view, const StreamState*>>;
  NamedStreams streams_to_save() const;
  std::string encode_meta() const;
  bool restore_meta(std::string_view meta);
  bool restore_streams(std::string_view& in, uint32_t version);
  bool restore_cooling(std::string_view& in);
  bool restore_pending(std::string_view& in);  // of a meta row of version 1
  void save_hits(std::vector<EngineChanges::Row>& rows);
  size_t restore_hits(const std::vector<EngineChanges::Row>& rows);
  const std::string& vocabulary();

  const RuleHead& head(const CorrelationProgram& program) const {
    return *rules_->rules()[program.rule].head;
  }

  std::shared_ptr<const RuleSet> rules_;
  EngineOptions options_;
  std::vector<StreamState> streams_;
  // What restore() found and no stream has gone on from yet, by source name.
  std::vector<std::pair<std::string, StreamState>> saved_streams_;
  struct {
    RepeatFilter repeats;
    ReorderBuffer hits;
    PendingHit passing;       // into them or out of them
    uint32_t next_place = 0;  // of a new stream
    std::string vocabulary;   // HitVocabulary of the rules, encoded; empty until it is needed
    bool vocabulary_saved = false;
    bool vocabulary_due = false;  // what the state file has is another one, or damaged
  } pending_;
  struct {
    Timestamp mark = Timestamp::min();  // the watermark, which never goes back
    Timestamp wall = Timestamp::min();  // as the caller said last
    Timers timers;
  } time_;  // before groups_, whose states are entered in its timers
  GroupTable groups_;
  AlertTable alerts_;
  EngineStats stats_;
  InHand hand_;
  std::map<uint64_t, uint32_t> by_fingerprint_;  // rule fingerprint -> correlation
  Cooldowns cooling_;
  std::vector<GroupKey> changed_alerts_;
};

}  // namespace picket
