// Hostile callers who hide: among successes, among other people, behind several keys or addresses,
// or behind their patience.
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "rules/types.h"
#include "tests/support/scenario.h"
#include "tests/support/scenario_refusals.h"

namespace picket {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::array<std::string_view, 4> kHarmless = {"apis.getApi", "identities.getIdentity",
                                                       "keys.verifyKey", "permissions.listRoles"};

const Right& right_of(const Plan& plan, size_t i) {
  return kRights[(plan.number() + i) % kRights.size()];
}

// One new refusal every twenty minutes, and a few harmless requests after each.
void slow_among_successes(Plan& plan) {
  Timestamp time = plan.some_time(hours(8));
  for (size_t i = 0; i < kRights.size(); ++i) {
    lack_permission(plan, time, right_of(plan, i).operation, right_of(plan, i).permission);
    for (uint32_t n = 2 + plan.random().below(5); n > 0; --n) {
      succeed(plan, time + minutes(2) * n, plan.random().pick(kHarmless), {"apiId", "api_own"});
    }
    time += plan.about(minutes(20));
  }
}

void fast_among_successes(Plan& plan) {
  Timestamp time = plan.some_time(minutes(10));
  for (size_t i = 0; i < kRights.size(); ++i) {
    lack_permission(plan, time, right_of(plan, i).operation, right_of(plan, i).permission);
    for (int n = 1; n < 4; ++n) {
      succeed(plan, time + seconds(n), plan.random().pick(kHarmless), {"apiId", "api_own"});
    }
    time += plan.about(seconds(8));
  }
}

// Lists of dead and unknown keys, one every half hour.
void half_hourly_keys(Plan& plan) {
  Timestamp time = plan.start() + plan.about(hours(2));
  for (int i = 0; i < 30; ++i) {
    const auto state = static_cast<KeyState>(plan.random().below(3));
    dead_key(plan, time, "keys.whoami", state, static_cast<int>(plan.random().below(15)));
    time += plan.about(minutes(30));
  }
}

// Ids of other workspaces, most of them invented and so of nobody.
void guess_ids(Plan& plan, Timestamp time, int count, Duration mean) {
  for (int i = 0; i < count; ++i) {
    if (plan.random().chance(0.5)) {
      foreign_key(plan, time, plan.random().id("key_"));
    } else {
      gone(plan, time, plan.random().id("api_"));
    }
    time += plan.about(mean);
  }
}
void fast_guesses(Plan& plan) { guess_ids(plan, plan.some_time(minutes(5)), 40, seconds(4)); }
void slow_guesses(Plan& plan) {
  guess_ids(plan, plan.start() + plan.about(hours(2)), 40, minutes(20));
}

// Keys of end users that are tried at the gateway, which leaves nothing but verifications.
void gateway_keys(Plan& plan) {
  static constexpr std::array<std::string_view, 4> kOutcomes = {"NOT_FOUND", "NOT_FOUND",
                                                                "DISABLED", "EXPIRED"};
  Timestamp time = plan.some_time(minutes(10));
  for (int i = 0; i < 80; ++i) {
    const std::string_view outcome = plan.random().pick(kOutcomes);
    plan.key_check(time, "gateway", outcome,
                   outcome == "NOT_FOUND" ? "" : plan.random().id("key_"));
    time += plan.about(seconds(3));
  }
}
// On the API, unknown keys leave no row at all.
void verified_keys(Plan& plan) {
  Timestamp time = plan.some_time(minutes(10));
  for (int i = 0; i < 60; ++i) {
    plan.key_check(time, "api", plan.random().chance(0.5) ? "DISABLED" : "EXPIRED",
                   plan.random().id("key_"));
    time += plan.about(seconds(4));
  }
}

// Forbidden tables and functions between queries that are in order.
void queries_among_reports(Plan& plan) {
  static constexpr std::array<std::string_view, 6> kTables = {"system.users",
                                                              "system.tables",
                                                              "system.clusters",
                                                              "system.settings",
                                                              "information_schema.tables",
                                                              "system.processes"};
  static constexpr std::array<std::string_view, 3> kFunctions = {"url", "file", "remote"};
  Timestamp time = plan.some_time(minutes(30));
  for (size_t i = 0; i < 12; ++i) {
    succeed(plan, time - seconds(10), "analytics.getVerifications", {"query", "SELECT 1"});
    if (i % 2 == 0) {
      refuse_query(plan, time, QueryFault::Table, kTables[i / 2]);
    } else {
      refuse_query(plan, time, QueryFault::Function, kFunctions[i / 2 % kFunctions.size()]);
    }
    time += plan.about(minutes(1));
  }
}

void paths_among_documents(Plan& plan) {
  Timestamp time = plan.some_time(hours(3));
  for (int i = 0; i < 24; ++i) {
    plan.verification(time, "VALID", "/v1/documents/" + std::to_string(i % 3));
    plan.verification(time + seconds(2), "INSUFFICIENT_PERMISSIONS",
                      "/v1/admin/" + std::to_string(i), "insufficient_permissions");
    time += plan.about(minutes(4));
  }
}

// Three keys of one workspace on three machines share the rights between them.
void three_keys(Plan& plan) {
  Timestamp time = plan.some_time(hours(3));
  for (size_t i = 0; i < kRights.size(); ++i) {
    plan.who().client.ip_address = "198.19.3." + std::to_string(1 + i % 3);
    lack_permission(plan, time, right_of(plan, i).operation, right_of(plan, i).permission);
    time += plan.about(minutes(6));
  }
}

// The same in the process log, which names keys and no addresses.
void three_logged_keys(Plan& plan) {
  for (int i = 0; i < 3; ++i) plan.who().more_keys.push_back(plan.random().id("key_"));
  Timestamp time = plan.some_time(hours(1));
  for (size_t i = 0; i < kRights.size(); ++i) {
    plan.denied_line(time, plan.who().more_keys[i % 3], right_of(plan, i).permission);
    time += plan.about(minutes(2));
  }
}

void slow_portal_user(Plan& plan) {
  Timestamp time = plan.start() + plan.about(hours(3));
  for (int i = 0; i < 18; ++i) {
    foreign_portal_key(plan, time, plan.random().id("key_"));
    time += plan.about(minutes(15));
  }
}

// A stolen key at an address of its own, beside the everyday business of the workspace.
void thief(Plan& plan) {
  for (Timestamp time = plan.start(); time < plan.end(); time += plan.about(minutes(3))) {
    for (const std::string_view operation : kHarmless) {
      succeed(plan, time + plan.about(seconds(30)), operation, {"apiId", "api_own"});
    }
  }
  const std::string own = plan.who().client.ip_address;
  plan.who().client.ip_address = "198.19.4." + std::to_string(1 + plan.number() % 250);
  Timestamp time = plan.some_time(hours(8));
  for (size_t i = 0; i < kRights.size(); ++i) {
    lack_permission(plan, time, right_of(plan, i).operation, right_of(plan, i).permission);
    time += plan.about(minutes(15));
  }
  plan.who().client.ip_address = own;
}

// Two refusals a day, each at another hour.
template <class Refuse>
void two_a_day(Plan& plan, Refuse refuse) {
  int i = 0;
  for (Timestamp day = plan.start(); day < plan.end(); day += hours(24)) {
    refuse(i++, day + plan.about(hours(6)));
    refuse(i++, day + plan.about(hours(15)));
    for (int n = 0; n < 6; ++n) {
      succeed(plan, day + plan.about(hours(12)), plan.random().pick(kHarmless),
              {"apiId", "api_own"});
    }
  }
}
void rights_of_weeks(Plan& plan) {
  two_a_day(plan, [&](int i, Timestamp time) {
    const Right& right = right_of(plan, static_cast<size_t>(i));
    lack_permission(plan, time, right.operation, right.permission);
  });
}
void ids_of_weeks(Plan& plan) {
  two_a_day(plan, [&](int, Timestamp time) { foreign_key(plan, time, plan.random().id("key_")); });
}
void resources_of_weeks(Plan& plan) {
  two_a_day(plan, [&](int, Timestamp time) { protect_api(plan, time, plan.random().id("api_")); });
}
void mixture_of_weeks(Plan& plan) {
  two_a_day(plan, [&](int i, Timestamp time) {
    const Right& right = right_of(plan, static_cast<size_t>(i));
    switch (i % 4) {
      case 0:
        return foreign_key(plan, time, plan.random().id("key_"));
      case 1:
        return refuse_query(plan, time, QueryFault::Table, "system.t" + std::to_string(i));
      default:
        return lack_permission(plan, time, right.operation, right.permission);
    }
  });
}

}  // namespace

std::vector<CallerKind> patient_kinds() {
  return {
      {"slow_among_successes", false, slow_among_successes},
      {"fast_among_successes", true, fast_among_successes},
      {"half_hourly_keys", false, half_hourly_keys},
      {"fast_guesses", true, fast_guesses},
      {"slow_guesses", false, slow_guesses},
      {"gateway_keys", true, gateway_keys},
      {"verified_keys", true, verified_keys},
      {"queries_among_reports", false, queries_among_reports},
      {"paths_among_documents", false, paths_among_documents},
      {"three_keys", false, three_keys},
      {"three_logged_keys", false, three_logged_keys},
      {"slow_portal_user", false, slow_portal_user},
      {"thief", false, thief},
  };
}

std::vector<CallerKind> hostile_kinds_of_weeks() {
  return {
      {"rights_of_weeks", false, rights_of_weeks},
      {"ids_of_weeks", false, ids_of_weeks},
      {"resources_of_weeks", false, resources_of_weeks},
      {"mixture_of_weeks", false, mixture_of_weeks},
  };
}

}  // namespace picket
