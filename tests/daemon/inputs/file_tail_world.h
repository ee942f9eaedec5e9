// World: one log, the files that rotation made of it, the tail that follows it, and what can be
// known of every line.
//
// The model keeps every line that was ever written and where its bytes are now: in files, in
// copies, in compressed copies, in deleted files that the tail has open. A line is safe while it is
// in a place that the tail can find: a name of the pattern, or content that a checkpoint proves.
// Safe lines must arrive exactly once, lines that stopped being safe before they arrived at most
// once, and nothing else may arrive. Crashes keep the batches up to a random one, so "arrived"
// means committed.
//
// Thread rule: one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/inputs/file_checkpoint.h"
#include "tests/daemon/inputs/file_set_harness.h"
#include "tests/support/packed.h"

namespace picket {

enum class Step : uint8_t {
  Write,
  WriteLong,
  WritePart,
  WriteLate,  // to the file that was renamed last, by a writer that has not noticed
  Rotate,
  CopyTruncate,
  Truncate,
  Delete,
  Pack,
  Scan,
  Turn,
  PollAndTurn,
  Settle,
  PassGrace,
  Crash,  // or start, when it is down
  Deny,   // or allow
  Count_,
};
struct StepKind {
  const char* name;
  uint32_t weight;  // how often it comes up
};
inline constexpr StepKind kSteps[] = {
    {"Write", 6},  {"WriteLong", 3},    {"WritePart", 3}, {"WriteLate", 2},
    {"Rotate", 5}, {"CopyTruncate", 4}, {"Truncate", 1},  {"Delete", 1},
    {"Pack", 3},   {"Scan", 3},         {"Turn", 3},      {"PollAndTurn", 3},
    {"Settle", 4}, {"PassGrace", 2},    {"Crash", 5},     {"Deny", 1}};
static_assert(std::size(kSteps) == static_cast<size_t>(Step::Count_));

// What differs from one world to the next.
struct Climate {
  bool all_names = false;  // the pattern means the rotated names too
  bool births = true;      // the file system records birth times; inodes are reused otherwise
  bool small_batches = true;
  bool up_at_first = true;
};

struct Deed {
  Step step = Step::Write;
  uint32_t amount = 0;
  uint32_t calls = 0;  // of the disk that the tail makes before it happens
};
using Life = std::vector<Deed>;

inline std::string to_text(const Life& life) {
  std::string text;
  for (const Deed& deed : life)
    text += std::string(kSteps[static_cast<size_t>(deed.step)].name) + "(" +
            std::to_string(deed.amount) + ")" +
            (deed.calls > 0 ? "@" + std::to_string(deed.calls) + " " : " ");
  return text;
}

class World {
 public:
  explicit World(Climate climate)
      : tail_({climate.all_names ? "/log/a.log*" : "/log/a.log"}), climate_(climate) {
    tail_.disk.record_birth(climate.births);
    if (climate.small_batches) tail_.batch_bytes = 64;
    if (climate.up_at_first) start();
  }

  // What went wrong; empty when nothing did.
  std::string live(const Life& life) {
    for (const Deed& deed : life) {
      if (of_writer(deed.step) && (deed.calls > 0 || !later_.empty())) {
        later_.push_back(deed);
        continue;
      }
      act(deed);
      judge();
      if (!problem_.empty()) return problem_;
    }
    finish();
    return problem_;
  }

 private:
  static constexpr uint32_t kRotations = 3;

  struct Line {
    bool safe = true;
    int arrived = 0;  // committed
  };

  static bool of_writer(Step step) { return step < Step::Scan; }

  // Before each call of the disk while the tail acts.
  void called() {
    if (later_.empty() || ++calls_ < later_.front().calls) return;
    const auto hook = std::exchange(tail_.disk.hooks.call, nullptr);
    calls_ = 0;
    judge();
    act(later_.front());
    judge();
    later_.pop_front();
    tail_.disk.hooks.call = hook;
  }

  // 0: before it was rotated.
  static std::string rotated(uint32_t number) {
    return number == 0 ? kLog : kLog + "." + std::to_string(number);
  }
  bool exists(const std::string& path) const {
    return tail_.disk.stat(path, {Symlinks::Refuse}).has_value();
  }
  FileIdentity identity(const std::string& path) const {
    return tail_.disk.stat(path, {Symlinks::Refuse})->identity;
  }

  void act(const Deed& deed) {
    switch (deed.step) {
      case Step::Write:
        return append(kLog, lines(1 + deed.amount % 3, 0));
      case Step::WriteLong:
        return append(kLog, lines(1 + deed.amount % 3, 70));
      case Step::WritePart:
        return append(kLog, "<" + std::to_string(next_line_++) + ";");
      case Step::WriteLate:
        if (late_) append(rotated(1), lines(1 + deed.amount % 2, 0));
        return;
      case Step::Rotate:
        if (exists(kLog)) rotate(deed.amount % 2 == 0);
        return;
      case Step::CopyTruncate:
        if (exists(kLog)) copy_truncate();
        return;
      case Step::Truncate:
        if (exists(kLog)) tail_.disk.truncate(kLog, 0);
        return;
      case Step::Delete:
        if (exists(kLog)) remove(kLog);
        return;
      case Step::Pack:
        return pack(1 + deed.amount % kRotations, deed.amount % 2 == 0);
      case Step::Deny:
        denial_.path =
            denial_.path.empty() ? (deed.amount % 2 == 0 ? "/log" : rotated(deed.amount % 3)) : "";
        denial_.ever = true;
        return;
      default:
        if (!denial_.path.empty()) tail_.disk.deny(denial_.path);
        // The model looks through the disk itself, so nothing happens in the midst of a denial.
        if (denial_.path.empty()) tail_.disk.hooks.call = [this] { called(); };
        act_tail(deed);
        tail_.disk.hooks.call = nullptr;
        if (!denial_.path.empty()) tail_.disk.allow(denial_.path);
    }
  }

  void act_tail(const Deed& deed) {
    if (!up_) {
      if (deed.step == Step::Crash) start();
      return;
    }
    switch (deed.step) {
      case Step::Scan:
        return tail_.files().scan();
      case Step::Turn:
        tail_.files().turn();
        return;
      case Step::PollAndTurn:
        tail_.files().poll(1000);
        tail_.files().turn();
        return;
      case Step::Settle:
        return tail_.settle();
      case Step::PassGrace:
        late_ = false;
        return tail_.pass_grace();
      case Step::Crash:
        return crash(deed.amount);
      default:
        return;
    }
  }

  std::string lines(uint32_t count, size_t padding) {
    std::string text;
    for (uint32_t i = 0; i < count; ++i)
      text += std::to_string(next_line_++) + std::string(padding, '.') + "\n";
    return text;
  }

  void append(const std::string& path, const std::string& text) {
    const std::string before = exists(path) ? tail_.disk.text(path) : "";
    const size_t cut = before.rfind('\n') + 1;  // npos + 1 is 0
    const std::string open = before.substr(cut);
    const Lines whole = split_lines(open + text);
    if (!open.empty()) {
      // It may arrive alone when the rest is destroyed, but not beside the whole line.
      lines_[open].safe = false;
      begun_[whole.front()].insert(open);
    }
    for (const std::string& line : whole) lines_[line] = {};
    if (cut == 0) first_lines_.insert(whole.front());
    tail_.disk.write(path, text);
  }

  void shift() {
    for (uint32_t number = kRotations; number > 0; --number) {
      for (const std::string ending : {"", ".gz", ".zst"}) {
        const std::string from = rotated(number) + ending;
        if (!exists(from)) continue;
        if (number == kRotations) {
          remove(from);
          continue;
        }
        if (!ending.empty()) plain_[rotated(number + 1) + ending] = plain_[from];
        tail_.disk.rename(from, rotated(number + 1) + ending);
      }
    }
    late_ = false;
  }

  void rotate(bool create) {
    shift();
    tail_.disk.rename(kLog, rotated(1));
    late_ = true;
    if (create) tail_.disk.write(kLog, "");
  }

  void copy_truncate() {
    shift();
    tail_.disk.copy(kLog, rotated(1));
    tail_.disk.truncate(kLog, 0);
  }

  void remove(const std::string& path) {
    // Inode numbers may be used again, so it is settled now whether the tail has it open.
    if (up_ && !is_packed(path) && is_known(identity(path), opened()))
      held_[identity(path)] += content(path);
    tail_.disk.remove(path);
  }

  void pack(uint32_t number, bool gz) {
    const std::string path = rotated(number);
    if (!exists(path)) return;
    const std::string packed = path + (gz ? ".gz" : ".zst");
    const std::string text = tail_.disk.text(path);
    plain_[packed] = text;
    tail_.disk.write(packed, gz ? gzip(text) : zstd(text));
    remove(path);
    if (number == 1) late_ = false;
  }

  std::string content(const std::string& path) const {
    const auto packed = plain_.find(path);
    return packed != plain_.end() && is_packed(path) ? packed->second : tail_.disk.text(path);
  }
  static bool is_packed(const std::string& path) {
    return path.ends_with(".gz") || path.ends_with(".zst");
  }

  void start() {
    up_ = true;
    tail_.start(checkpoints_);
  }

  void crash(uint32_t amount) {
    const size_t committed = amount % (tail_.sink.batches.size() + 1);
    for (const std::string& line : tail_.sink.lines(committed)) arrive(line);
    checkpoints_ = tail_.sink.checkpoints(committed, checkpoints_);
    tail_.sink.batches.clear();
    held_.clear();
    up_ = false;
  }

  void arrive(const std::string& line) {
    const auto known = lines_.find(line);
    const auto whole = destroyed_line(line);
    if (known == lines_.end() && whole) {
      begun_[*whole].insert(line);
      lines_[line] = {false, 1};
    } else if (known == lines_.end()) {
      problem_ = "arrived, but was never written: " + line;
    } else if (line.ends_with(';') && cannot_be_proven(line)) {
      known->second.arrived = 1;
    } else if (++known->second.arrived > 1) {
      problem_ = "arrived twice: " + line;
    }
  }

  // The start of a first line, held when the file was cut and its copy could not be looked for: it
  // is read at once, and from the copy as well. A checkpoint at the start of a file leads to no
  // copy, because any content would match it.
  bool cannot_be_proven(const std::string& part) const {
    const auto line = first_lines_.lower_bound(part);
    return denial_.ever && line != first_lines_.end() && line->starts_with(part);
  }

  // A line of which only `part` could be read before it was destroyed, or was out of reach.
  std::optional<std::string> destroyed_line(const std::string& part) const {
    for (auto line = lines_.lower_bound(part);
         line != lines_.end() && line->first.starts_with(part); ++line) {
      if (!line->second.safe || denial_.ever) return line->first;
    }
    return std::nullopt;
  }

  // Marks the lines that cannot be found any more.
  void judge() {
    if (!tail_.sink.problems.empty()) problem_ = std::exchange(tail_.sink.problems, {}).front();
    const auto known = decoded(tail_.sink.checkpoints(std::string::npos, checkpoints_));
    std::set<std::string> findable;
    const auto note = [&](const std::string& text) {
      for (std::string& line : split_lines(text)) findable.insert(std::move(line));
    };
    for (const std::string& path : tail_.disk.glob("/log/*")) {
      if (can_be_found(path, known)) note(content(path));
    }
    for (const auto& [identity, text] : held_) note(text);
    for (const std::string& line : tail_.sink.lines()) findable.insert(line);
    for (auto& [text, line] : lines_) {
      if (line.arrived == 0 && !findable.contains(text)) line.safe = false;
    }
  }

  static std::vector<FileCheckpoint> decoded(const std::map<std::string, std::string>& texts) {
    std::vector<FileCheckpoint> checkpoints;
    for (const auto& [key, value] : texts) {
      if (const auto checkpoint = decode_checkpoint(value)) checkpoints.push_back(*checkpoint);
    }
    return checkpoints;
  }

  // Of the files that the tail has open.
  std::vector<FileCheckpoint> opened() const {
    std::map<std::string, std::string> here;
    for (const LineBatch& batch : tail_.sink.batches) {
      // What comes with the end of a stream is about a file that is not open: it is put aside, or
      // may not be opened, or is gone.
      here[batch.checkpoint.key] =
          batch.kind == BatchKind::EndOfStream ? "" : batch.checkpoint.value;
    }
    return decoded(here);
  }

  static bool is_known(const FileIdentity& identity, const std::vector<FileCheckpoint>& known) {
    return std::any_of(known.begin(), known.end(),
                       [&](const auto& one) { return same_file(one, identity); });
  }

  bool can_be_found(const std::string& path, const std::vector<FileCheckpoint>& known) const {
    if (!is_packed(path) && (climate_.all_names || path == kLog)) return true;
    const std::string text = content(path);
    return std::any_of(known.begin(), known.end(), [&](const FileCheckpoint& one) {
      const uint64_t length = std::min<uint64_t>(one.offset, Trail::kBytes);
      if (text.size() < one.offset ||
          content_hash(std::string_view(text).substr(0, length)) != one.head ||
          content_hash(std::string_view(text).substr(one.offset - length, length)) != one.tail)
        return false;
      return one.offset > 0 || (!is_packed(path) && same_file(one, identity(path)));
    });
  }

  void finish() {
    denial_.path.clear();
    for (; !later_.empty(); later_.pop_front()) act(later_.front());
    judge();
    if (!up_) start();
    for (const std::string& path : tail_.disk.glob(climate_.all_names ? "/log/*" : kLog)) {
      const std::string& text = tail_.disk.text(path);
      if (!is_packed(path) && !text.empty() && !text.ends_with('\n')) tail_.disk.write(path, "\n");
    }
    for (int look = 0; look < 3; ++look) tail_.pass_grace();
    judge();
    crash(static_cast<uint32_t>(tail_.sink.batches.size()));
    for (const auto& [whole, parts] : begun_) {
      int arrived = lines_[whole].arrived;
      for (const std::string& part : parts)
        arrived += cannot_be_proven(part) ? 0 : lines_[part].arrived;
      if (arrived > 1) problem_ = "arrived in pieces: " + whole;
    }
    for (const auto& [text, line] : lines_) {
      if (problem_.empty() && line.safe && line.arrived == 0) problem_ = "did not arrive: " + text;
    }
  }

  inline static const std::string kLog = "/log/a.log";

  TailHarness tail_;
  Climate climate_;
  struct {
    std::string path = {};  // what the tail may not look at
    bool ever = false;
  } denial_ = {};
  std::deque<Deed> later_ = {};  // of the writer, waiting for calls of the disk
  uint32_t calls_ = 0;           // since the last of them
  bool up_ = false;
  bool late_ = false;  // the writer may still have rotated(1) open
  int next_line_ = 0;
  std::map<std::string, Line> lines_;                   // by text
  std::map<std::string, std::set<std::string>> begun_;  // line -> what may arrive of it instead
  std::map<std::string, std::string> plain_;            // content of compressed files
  std::set<std::string> first_lines_ = {};              // of any file, at any time
  std::map<FileIdentity, std::string> held_;            // deleted while the tail was up
  std::map<std::string, std::string> checkpoints_;      // as of the last crash
  std::string problem_;
};

}  // namespace picket
