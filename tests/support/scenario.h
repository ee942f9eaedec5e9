// Scenario: a day of an API with ground truth: who is honest, who is hostile, and why each request
// was refused.
//
// Where Traffic draws each row from a mix, a scenario has callers with a plan of their own: the
// forgotten job that comes every five minutes, the pipeline that promotes too early, the scan that
// tries one permission every twenty minutes. Rows come out in the order in which batches of a
// ClickHouse table would bring them, so up to `spread` out of order.
//
// Invariants
//  1. Equal options give equal bytes.
//  2. Callers share no workspace and no key. Only the tenants of a shared address share that. One
//     that stands for several people may have several keys and workspaces.
//  3. Every row that the API refused has a cause, and no other row has one.
// Thread rule: plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/types.h"
#include "tests/support/traffic_random.h"
#include "tests/support/traffic_row.h"

namespace picket {

// Day: every kind of caller. Weeks: those whose doings take that long, with few rows a day.
enum class Cast { Day, Weeks };

struct ScenarioOptions {
  Cast cast = Cast::Day;
  uint64_t seed = 1;
  Timestamp start = timestamp_ms(1'787'270'400'000);  // midnight
  Duration length{24 * 3'600'000};
  uint32_t honest = 100;
  uint32_t hostile = 30;
  Duration spread{10'000};  // how much later than in order a row may come
  RowStyle style = RowStyle::Plain;
};

struct Caller {
  std::string_view kind = {};
  bool hostile = false;
  bool fast = false;   // hostile: tries at least one thing a minute
  Client client = {};  // its workspace, address and program
  std::string key_id = {};
  std::vector<std::string> more_keys = {};
  std::vector<std::string> more_workspaces = {};
};

struct ScenarioRow {
  Timestamp time{};
  Timestamp arrival{};
  uint32_t caller = 0;
  std::string_view cause = {};  // empty: not refused
  std::string request_id = {};
  std::string text = {};  // without the newline
};

struct Scenario {
  std::vector<Caller> callers = {};
  std::vector<ScenarioRow> rows = {};  // in order of arrival
};

Scenario make_scenario(const ScenarioOptions& options);

// One JSON line per caller: kind, hostile, identity, and how many refusals it got of each cause.
std::string truth_lines(const Scenario& scenario);

// What a kind of caller writes its plan with.
class Plan {
 public:
  Plan(const ScenarioOptions& options, uint64_t seed, uint32_t caller, Caller& who, Scenario& out);

  Random& random() { return random_; }
  Caller& who() { return who_; }
  uint32_t number() const { return caller_; }
  Timestamp start() const { return options_.start; }
  Timestamp end() const { return options_.start + options_.length; }
  // A time within the scenario that leaves `before_end` to its end.
  Timestamp some_time(Duration before_end);
  // Between 0.5 and 1.5 times `mean`.
  Duration about(Duration mean);

  // A request at `time` by this caller; fill it, then send it. Rows after the end are left out.
  Request& begin(Timestamp time, std::string_view operation);
  void send(std::string_view cause = {});
  // A row of key_verifications instead, for the caller's key.
  void verification(Timestamp time, std::string_view outcome, std::string_view path,
                    std::string_view cause = {});
  // The same for any key, without a path. Of a key that the gateway does not know, which `key_id`
  // says by being empty, the row names the app only.
  void key_check(Timestamp time, std::string_view source, std::string_view outcome,
                 std::string_view key_id);
  // A line of the process log that names the key and the missing permission, and no address.
  void denied_line(Timestamp time, std::string_view key_id, std::string_view permission);

 private:
  void add(Timestamp time, std::string_view cause, std::string text);

  const ScenarioOptions& options_;
  Random random_;
  uint32_t caller_;
  Caller& who_;
  Scenario& out_;
  Request request_;
  std::string scratch_;
};

struct CallerKind {
  std::string_view name;
  bool fast = false;
  void (*write)(Plan& plan) = nullptr;
};

// In scenario_honest.cc and scenario_hostile.cc; the first honest kind is the ordinary one.
std::vector<CallerKind> honest_kinds();
std::vector<CallerKind> hostile_kinds();
// In scenario_teams.cc and scenario_patient.cc: many people and jobs in one workspace, and probers
// who hide among others or take their time.
std::vector<CallerKind> team_kinds();
std::vector<CallerKind> patient_kinds();
// The cast of weeks, in the same files.
std::vector<CallerKind> honest_kinds_of_weeks();
std::vector<CallerKind> hostile_kinds_of_weeks();

std::vector<CallerKind> cast_of(Cast cast, bool hostile);

}  // namespace picket
