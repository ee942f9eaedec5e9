// Engine state to rows and back.
//
// Format: one row per changed group (key: GroupKey; value: u32 version, last hit, rank in the
// table, state, dossier, and when the group waits for a moment that moment and the group's values),
// one per changed alert (key: GroupKey; value: AlertTable::encode), one per changed slot of the
// reorder buffer (key: u32 slot, most significant byte first; value: i64 key, i64 time, u32 place,
// u64 order, text record), with one row of what the numbers in those records mean (key "rules";
// value: HitVocabulary), and one meta row, rewritten each time:
//   u32 version, i64 watermark
//   u32 n, n x (text source, bool has lateness, i64 lateness, i64 newest, u64 order, u64 identity,
//     u32 place, bool ended): streams
//   u32 n, n x (text GroupKey, i64 until): alerts that may not open again yet
// Each value ends in a hash of its key and the bytes before, so that a damaged row is not believed.
// Volume: a row per group that took a hit since the last commit, and a row per hit that did not
// pass between two commits, typically a few hundred bytes each. A reader passes over rows that it
// cannot read or whose rule is gone, and counts them; rows of another version are passed over too.
// Hits of another rule set are translated (hit_translation.h).
//
// Tested by snapshot_test.cc.
#include <xxhash.h>

#include <algorithm>

#include "rules/bytes.h"
#include "rules/engine.h"
#include "rules/hit_translation.h"

namespace picket {
namespace {

// In 1 the streams ended with their order, and their place was that in the list; and behind the
// cooldowns came the fingerprint of the rule set and the hits that wait, as u32 n and n values of
// what are rows of their own now.
constexpr uint32_t kMetaVersion = 2;
// 1 had no version: such rows began with the time of the last hit, in milliseconds. Up to 2,
// `absence` knew of several that wait only the oldest and the newest.
constexpr uint32_t kGroupVersion = 3;
constexpr std::string_view kMetaKey = "meta";
constexpr std::string_view kVocabularyKey = "rules";
constexpr size_t kFormerStreamsMax = 256;

uint64_t hash_of(std::string_view key, std::string_view value) {
  return XXH3_64bits_withSeed(value.data(), value.size(), XXH3_64bits(key.data(), key.size()));
}

void seal(std::string_view key, std::string& value) { put_bytes(value, hash_of(key, value)); }

std::string slot_key(uint32_t slot) {
  std::string key;
  for (int shift = 24; shift >= 0; shift -= 8) key += static_cast<char>(slot >> shift);
  return key;
}

std::optional<uint32_t> slot_of(std::string_view key) {
  if (key.size() != sizeof(uint32_t)) return std::nullopt;
  uint32_t slot = 0;
  for (const char byte : key) slot = slot << 8 | static_cast<uint8_t>(byte);
  return slot;
}

bool take_pending(std::string_view& in, PendingHit& hit) {
  int64_t key = 0;
  int64_t time = 0;
  if (!take_bytes(in, key) || !take_bytes(in, time) || !take_bytes(in, hit.place) ||
      !take_bytes(in, hit.order) || !take_text(in, hit.record)) {
    return false;
  }
  hit.key = timestamp_ms(key);
  hit.time = timestamp_ms(time);
  return true;
}

// Takes the hash off; false when it is not that of the rest.
bool unseal(std::string_view key, std::string_view& value) {
  uint64_t hash = 0;
  if (value.size() < sizeof(hash)) return false;
  std::string_view tail = value.substr(value.size() - sizeof(hash));
  value.remove_suffix(sizeof(hash));
  return take_bytes(tail, hash) && hash == hash_of(key, value);
}

}  // namespace

EngineChanges Engine::take_changes() {
  EngineChanges changes;
  GroupTable::Changes groups = groups_.take_changes();
  for (const GroupKey& key : groups.erased) changes.groups.push_back({key.encode(), {}, true});
  for (const Group* group : groups.changed) {
    std::string value;
    put_bytes(value, kGroupVersion);
    put_bytes(value, to_ms(group->last));
    put_bytes(value, group->place.rank);
    std::string state;
    group->state->encode(state);
    put_text(value, state);
    group->dossier.encode(value);
    const TimedState* timed = group->state->timed();
    if (timed != nullptr && timed->entry()) {
      put_bytes(value, to_ms(timed->entry()->wake));
      put_text(value, timed->values());
    }
    std::string key = group->key.encode();
    seal(key, value);
    changes.groups.push_back({std::move(key), std::move(value), false});
  }
  std::sort(changed_alerts_.begin(), changed_alerts_.end());
  changed_alerts_.erase(std::unique(changed_alerts_.begin(), changed_alerts_.end()),
                        changed_alerts_.end());
  for (const GroupKey& group : changed_alerts_) {
    ActiveAlert* active = alerts_.find(group);
    std::string key = group.encode();
    std::string value;
    if (active) {
      active->changed = false;
      refresh(*active);
      value = AlertTable::encode(*active);
      seal(key, value);
    }
    changes.alerts.push_back({std::move(key), std::move(value), active == nullptr});
  }
  changed_alerts_.clear();
  save_hits(changes.hits);
  changes.meta = encode_meta();
  return changes;
}

const std::string& Engine::vocabulary() {
  if (pending_.vocabulary.empty()) pending_.vocabulary = HitVocabulary::of(*rules_).encode();
  return pending_.vocabulary;
}

void Engine::save_hits(std::vector<EngineChanges::Row>& rows) {
  pending_.hits.take_changes([&rows](uint32_t slot, const PendingHit* hit) {
    EngineChanges::Row row{.key = slot_key(slot), .value = {}, .erase = hit == nullptr};
    if (hit != nullptr) {
      put_bytes(row.value, to_ms(hit->key));
      put_bytes(row.value, to_ms(hit->time));
      put_bytes(row.value, hit->place);
      put_bytes(row.value, hit->order);
      put_text(row.value, hit->record);
      seal(row.key, row.value);
    }
    rows.push_back(std::move(row));
  });
  const bool wanted = !rows.empty() && !pending_.vocabulary_saved;
  if (!wanted && !pending_.vocabulary_due) return;
  pending_.vocabulary_saved = true;
  pending_.vocabulary_due = false;
  EngineChanges::Row meaning{.key = std::string(kVocabularyKey), .value = vocabulary()};
  seal(meaning.key, meaning.value);
  rows.push_back(std::move(meaning));
}

// Those that may go on, and those of which something may still wait: as far as time has not got to
// where they were.
Engine::NamedStreams Engine::streams_to_save() const {
  NamedStreams named;
  const auto ahead = [this](const StreamState& stream) {
    return stream.started() && stream.watermark() > time_.mark;
  };
  for (const StreamState& stream : streams_) {
    if (stream.ended && !ahead(stream)) continue;
    named.emplace_back(stats_.sources[stream.source].name, &stream);
  }
  size_t former = 0;
  for (const auto& [source, stream] : saved_streams_) {
    if (ahead(stream) && former++ < kFormerStreamsMax) named.emplace_back(source, &stream);
  }
  return named;
}

std::string Engine::encode_meta() const {
  std::string meta;
  put_bytes(meta, kMetaVersion);
  put_bytes(meta, to_ms(time_.mark));
  const NamedStreams streams = streams_to_save();
  put_bytes(meta, static_cast<uint32_t>(streams.size()));
  for (const auto& [source, stream] : streams) {
    put_text(meta, source);
    put_bytes(meta, stream->lateness.has_value());
    put_bytes(meta, static_cast<int64_t>(stream->lateness.value_or(Duration(0)).count()));
    put_bytes(meta, to_ms(stream->newest));
    put_bytes(meta, stream->order);
    put_bytes(meta, stream->identity);
    put_bytes(meta, stream->place);
    put_bytes(meta, stream->ended);
  }
  put_bytes(meta, static_cast<uint32_t>(cooling_.all().size()));
  for (const auto& [key, until] : cooling_.all()) {
    put_text(meta, key.encode());
    put_bytes(meta, to_ms(until));
  }
  seal(kMetaKey, meta);
  return meta;
}

size_t Engine::restore(const EngineChanges& saved) {
  size_t passed_over = 0;
  for (const auto& row : saved.groups) passed_over += !restore_group(row);
  for (const auto& row : saved.alerts) passed_over += !restore_alert(row);
  if (!saved.meta.empty()) passed_over += !restore_meta(saved.meta);
  return passed_over + restore_hits(saved.hits);
}

bool Engine::restore_group(const EngineChanges::Row& row) {
  std::optional<GroupKey> key = GroupKey::decode(row.key);
  if (!key || groups_.find(*key)) return false;
  auto rule = by_fingerprint_.find(key->rule);
  if (rule == by_fingerprint_.end()) return false;
  const CorrelationProgram& program = rules_->correlations()[rule->second];
  std::string_view in = row.value;
  if (!unseal(row.key, in)) return false;
  uint32_t version = 0;
  int64_t last = 0;
  uint8_t rank = 0;
  std::string_view state;
  Dossier dossier;
  std::unique_ptr<GroupState> made = program.correlator->make_state();
  int64_t wake = 0;
  std::string values;
  if (!take_bytes(in, version) || version != kGroupVersion || !take_bytes(in, last) ||
      !take_bytes(in, rank) || !take_text(in, state) || !dossier.decode(in)) {
    return false;
  }
  bool waits = !in.empty();
  if (waits && (!take_bytes(in, wake) || !take_text(in, values) || !in.empty())) return false;
  if (!made->decode(state)) return false;
  if (waits) {
    auto timed = std::make_unique<TimedState>(std::move(made), time_.timers, std::move(values));
    timed->set({timestamp_ms(wake), rule->second, *key});
    made = std::move(timed);
  }
  Group* group = groups_.add(*key, std::move(made));
  group->correlation = rule->second;
  group->last = timestamp_ms(last);
  group->dossier = std::move(dossier);
  group->place.stored = true;
  // Whether it fires is what the alert's row says: without that row nothing would ever end it.
  groups_.restore(*group, rank);
  return true;
}

bool Engine::restore_alert(const EngineChanges::Row& row) {
  std::string_view in = row.value;
  if (!unseal(row.key, in)) return false;
  std::optional<ActiveAlert> active = AlertTable::decode(in);
  if (!active || alerts_.find(active->key)) return false;
  auto rule = by_fingerprint_.find(active->key.rule);
  if (rule == by_fingerprint_.end()) return false;
  active->correlation = rule->second;
  const RuleHead& known = head(rules_->correlations()[rule->second]);
  active->alert.rule = {known.id, known.name, known.title};
  if (!active->shadow) ++stats_.alerts_active[static_cast<size_t>(active->alert.severity)];
  if (Group* group = groups_.find(active->key)) {
    group->firing = true;
    groups_.touch(*group, 1.0, group->dossier.events());
  }
  active->rank = rank_of(*active);
  alerts_.open(*std::move(active));
  return true;
}

bool Engine::restore_meta(std::string_view in) {
  uint32_t version = 0;
  int64_t mark = 0;
  if (!unseal(kMetaKey, in) || !take_bytes(in, version) || version < 1 || version > kMetaVersion ||
      !take_bytes(in, mark)) {
    return false;
  }
  time_.mark = timestamp_ms(mark);
  if (!restore_streams(in, version) || !restore_cooling(in)) return false;
  if (version > 1) return in.empty();
  uint64_t fingerprint = 0;
  if (!take_bytes(in, fingerprint) || fingerprint != rules_->fingerprint()) return false;
  return restore_pending(in);
}

bool Engine::restore_streams(std::string_view& in, uint32_t version) {
  uint32_t count = 0;
  if (!take_bytes(in, count)) return false;
  for (uint32_t i = 0; i < count; ++i) {
    std::string source;
    StreamState stream;
    bool has_lateness = false;
    int64_t lateness = 0;
    int64_t newest = 0;
    if (!take_text(in, source) || !take_bytes(in, has_lateness) || !take_bytes(in, lateness) ||
        !take_bytes(in, newest) || !take_bytes(in, stream.order)) {
      return false;
    }
    stream.place = i;
    const bool more = version > 1;
    if (more && (!take_bytes(in, stream.identity) || !take_bytes(in, stream.place) ||
                 !take_bytes(in, stream.ended))) {
      return false;
    }
    pending_.next_place = std::max(pending_.next_place, stream.place + 1);
    if (has_lateness) stream.lateness = Duration(lateness);
    stream.newest = timestamp_ms(newest);
    saved_streams_.emplace_back(std::move(source), stream);
  }
  return true;
}

bool Engine::restore_cooling(std::string_view& in) {
  uint32_t count = 0;
  if (!take_bytes(in, count)) return false;
  for (uint32_t i = 0; i < count; ++i) {
    std::string_view key;
    int64_t until = 0;
    if (!take_text(in, key) || !take_bytes(in, until)) return false;
    if (std::optional<GroupKey> group = GroupKey::decode(key)) {
      cooling_.add(*group, timestamp_ms(until));
    }
  }
  return true;
}

bool Engine::restore_pending(std::string_view& in) {
  uint32_t count = 0;
  if (!take_bytes(in, count)) return false;
  PendingHit hit;
  for (uint32_t i = 0; i < count; ++i) {
    if (!take_pending(in, hit)) return false;
    pending_.next_place = std::max(pending_.next_place, hit.place + 1);
    pending_.hits.push(hit);
  }
  return in.empty();
}

// A row that is passed over is erased: once the meaning of the numbers is another it would be
// misunderstood.
size_t Engine::restore_hits(const std::vector<EngineChanges::Row>& rows) {
  if (rows.empty()) return 0;
  std::optional<HitTranslation> translation;
  const auto written = std::ranges::find(rows, kVocabularyKey, &EngineChanges::Row::key);
  std::string_view meaning = written == rows.end() ? std::string_view() : written->value;
  bool known = written != rows.end() && unseal(kVocabularyKey, meaning);
  if (known && meaning == vocabulary()) {
    pending_.vocabulary_saved = true;
  } else {
    const auto former = known ? HitVocabulary::decode(meaning) : std::nullopt;
    known = former.has_value();
    pending_.vocabulary_due = written != rows.end();
    if (former) translation.emplace(*former, HitVocabulary::of(*rules_));
  }
  size_t passed_over = written != rows.end() && !known ? 1 : 0;
  PendingHit hit;
  for (const EngineChanges::Row& row : rows) {
    if (row.key == kVocabularyKey) continue;
    const std::optional<uint32_t> slot = slot_of(row.key);
    std::string_view in = row.value;
    const bool good = known && slot && unseal(row.key, in) && take_pending(in, hit) && in.empty();
    if (good) pending_.next_place = std::max(pending_.next_place, hit.place + 1);
    if (good && (!translation || translation->translate(hit.record))) {
      if (!pending_.hits.restore(*slot, hit, translation.has_value())) ++passed_over;
    } else {
      if (slot) pending_.hits.restore_empty(*slot);
      passed_over += !good;
    }
  }
  return passed_over;
}

}  // namespace picket
