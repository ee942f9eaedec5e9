// Hostile callers: those who find out what they may do, by trying, fast or patiently.
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

// Tries each right once, from a random one on.
void try_rights(Plan& plan, Timestamp time, size_t count, Duration mean) {
  const size_t first = plan.random().below(kRights.size());
  for (size_t i = 0; i < count; ++i) {
    const Right& right = kRights[(first + i) % kRights.size()];
    lack_permission(plan, time, right.operation, right.permission);
    time += plan.about(mean);
  }
}

void fast_permissions(Plan& plan) {
  try_rights(plan, plan.some_time(minutes(2)), kRights.size(), seconds(3));
}
void slow_permissions(Plan& plan) {
  try_rights(plan, plan.some_time(hours(8)), kRights.size(), minutes(20));
}
void hourly_permissions(Plan& plan) {
  try_rights(plan, plan.start() + plan.about(hours(2)), kRights.size(), hours(1));
}

// The same with a stolen key, beside the workspace's own business.
void stolen_key(Plan& plan) {
  for (Timestamp time = plan.start(); time < plan.end(); time += plan.about(minutes(2))) {
    succeed(plan, time, "keys.verifyKey", {"apiId", "api_own"});
    succeed(plan, time + seconds(1), "apis.getApi", {"apiId", "api_own"});
  }
  try_rights(plan, plan.some_time(hours(2)), kRights.size(), minutes(5));
}

void try_protected(Plan& plan, Duration length, Duration mean) {
  Timestamp time = plan.some_time(length);
  for (int i = 0; i < 18; ++i) {
    protect_api(plan, time, plan.random().id("api_"));
    time += plan.about(mean);
  }
}
void fast_protected(Plan& plan) { try_protected(plan, minutes(3), seconds(5)); }
void slow_protected(Plan& plan) { try_protected(plan, hours(8), minutes(20)); }

void try_foreign(Plan& plan, Duration length, Duration mean) {
  Timestamp time = plan.some_time(length);
  for (int i = 0; i < 18; ++i) {
    foreign_key(plan, time, plan.random().id("key_"));
    time += plan.about(mean);
  }
}
void fast_foreign(Plan& plan) { try_foreign(plan, minutes(3), seconds(4)); }
void slow_foreign(Plan& plan) { try_foreign(plan, hours(8), minutes(20)); }

void portal_user(Plan& plan) {
  Timestamp time = plan.some_time(minutes(3));
  for (int i = 0; i < 18; ++i) {
    foreign_portal_key(plan, time, plan.random().id("key_"));
    time += plan.about(seconds(5));
  }
}

// A right here, a protected API there, a table and a hidden deployment next.
void slow_mixture(Plan& plan) {
  Timestamp time = plan.some_time(hours(10));
  for (size_t i = 0; i < 20; ++i) {
    const Right& right = kRights[i % kRights.size()];
    if (i % 5 == 2) {
      protect_api(plan, time, plan.random().id("api_"));
    } else if (i % 5 == 4) {
      hide_deployment(plan, time, "deployments.stopDeployment", plan.random().id("d_"));
    } else {
      lack_permission(plan, time, right.operation, right.permission);
    }
    time += plan.about(minutes(25));
  }
}

void try_keys(Plan& plan, Duration length, Duration mean) {
  Timestamp time = plan.some_time(length);
  for (int i = 0; i < 24; ++i) {
    const auto state = static_cast<KeyState>(plan.random().below(3));
    dead_key(plan, time, "keys.whoami", state, static_cast<int>(plan.random().below(15)));
    time += plan.about(mean);
  }
}
void key_list(Plan& plan) { try_keys(plan, minutes(4), seconds(4)); }
void slow_key_list(Plan& plan) { try_keys(plan, hours(10), minutes(20)); }

// Keys of end users, tried on the API of a customer.
void end_user_keys(Plan& plan) {
  static constexpr std::array<std::string_view, 4> kCodes = {"NOT_FOUND", "NOT_FOUND", "DISABLED",
                                                             "EXPIRED"};
  Timestamp time = plan.some_time(minutes(5));
  for (int i = 0; i < 60; ++i) {
    const std::string_view code = plan.random().pick(kCodes);
    verify(plan, time, code, code == "NOT_FOUND" ? "" : plan.random().id("key_"));
    time += plan.about(seconds(3));
  }
}

void guessed_keys(Plan& plan) {
  Timestamp time = plan.some_time(minutes(10));
  for (int i = 0; i < 200; ++i) {
    dead_key(plan, time, "apis.getApi", KeyState::Unknown);
    time += plan.about(seconds(2));
  }
}

void try_queries(Plan& plan, Duration length, Duration mean) {
  static constexpr std::array<std::string_view, 4> kTables = {"system.users", "system.tables",
                                                              "information_schema.tables", "keys"};
  static constexpr std::array<std::string_view, 3> kFunctions = {"url", "file", "remote"};
  Timestamp time = plan.some_time(length);
  for (size_t i = 0; i < 12; ++i) {
    if (i % 4 == 3) {
      refuse_query(plan, time, QueryFault::Settings, "x");
    } else if (i % 2 == 0) {
      refuse_query(plan, time, QueryFault::Table, kTables[i / 2 % kTables.size()]);
    } else {
      refuse_query(plan, time, QueryFault::Function, kFunctions[i / 2 % kFunctions.size()]);
    }
    time += plan.about(mean);
  }
}
void queries(Plan& plan) { try_queries(plan, minutes(10), seconds(20)); }
void slow_queries(Plan& plan) { try_queries(plan, hours(5), minutes(20)); }

void walk_paths(Plan& plan, Duration length, Duration mean) {
  Timestamp time = plan.some_time(length);
  plan.verification(time - seconds(5), "VALID", "/v1/documents");
  for (int i = 0; i < 18; ++i) {
    plan.verification(time, "INSUFFICIENT_PERMISSIONS", "/v1/admin/" + std::to_string(i),
                      "insufficient_permissions");
    time += plan.about(mean);
  }
}
void fast_paths(Plan& plan) { walk_paths(plan, minutes(3), seconds(3)); }
void slow_paths(Plan& plan) { walk_paths(plan, hours(8), minutes(20)); }

// Several machines share the work, so that each shows little.
void many_machines(Plan& plan) {
  Timestamp time = plan.some_time(hours(2));
  for (size_t i = 0; i < kRights.size(); ++i) {
    plan.who().client.ip_address = "198.19.2." + std::to_string(1 + i);
    lack_permission(plan, time, kRights[i].operation, kRights[i].permission);
    time += plan.about(minutes(4));
  }
}

void gets_through(Plan& plan) {
  const Timestamp time = plan.some_time(minutes(10));
  try_rights(plan, time, 10, seconds(4));
  plan.begin(time + minutes(2), "keys.createKey").data =
      R"({"key":"[REDACTED]","keyId":")" + plan.random().id("key_") + R"("})";
  plan.send();
}

}  // namespace

std::vector<CallerKind> hostile_kinds() {
  return {
      {"fast_permissions", true, fast_permissions},
      {"slow_permissions", false, slow_permissions},
      {"hourly_permissions", false, hourly_permissions},
      {"portal_user", true, portal_user},
      {"fast_protected", true, fast_protected},
      {"slow_protected", false, slow_protected},
      {"fast_foreign", true, fast_foreign},
      {"slow_foreign", false, slow_foreign},
      {"key_list", true, key_list},
      {"queries", true, queries},
      {"slow_queries", false, slow_queries},
      {"slow_key_list", false, slow_key_list},
      {"end_user_keys", true, end_user_keys},
      {"slow_mixture", false, slow_mixture},
      {"fast_paths", true, fast_paths},
      {"slow_paths", false, slow_paths},
      {"stolen_key", false, stolen_key},
      {"many_machines", false, many_machines},
      {"gets_through", true, gets_through},
      {"guessed_keys", true, guessed_keys},
  };
}

}  // namespace picket
