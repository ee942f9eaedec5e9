// Honest callers that look hostile to a rule that only counts: many people and jobs in one
// workspace, many tenants behind one address, jobs that meet many boundaries in a short time.
#include <algorithm>
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

constexpr Duration kDay = hours(24);

constexpr std::array<std::string_view, 12> kLists = {"apis.listKeys",
                                                     "apps.listApps",
                                                     "deployments.listDeployments",
                                                     "domains.listDomains",
                                                     "gateway.listPolicies",
                                                     "environments.listEnvironments",
                                                     "identities.listIdentities",
                                                     "permissions.listRoles",
                                                     "permissions.listPermissions",
                                                     "projects.listProjects",
                                                     "ratelimit.listOverrides",
                                                     "environments.listEnvironmentVariables"};
constexpr std::array<std::string_view, 12> kReadRights = {"api.*.read_key",
                                                          "app.*.read_app",
                                                          "deployment.*.read_deployment",
                                                          "domain.*.read_domain",
                                                          "gateway.*.read_policy",
                                                          "environment.*.read_environment",
                                                          "identity.*.read_identity",
                                                          "rbac.*.read_role",
                                                          "rbac.*.read_permission",
                                                          "project.*.read_project",
                                                          "ratelimit.*.read_override",
                                                          "environment.*.read_variable"};

std::string address_of(const Plan& plan, int person) {
  return "198.20." + std::to_string(plan.number() % 250) + "." + std::to_string(1 + person);
}

// One person's working day: uses a few operations, and now and then one it has no right for, most
// of the time more than once.
void person(Plan& plan, Timestamp morning, int rights) {
  std::array<std::string_view, 4> operations;
  for (std::string_view& operation : operations) operation = plan.random().pick(kLists);
  const Timestamp evening = morning + hours(9);
  for (Timestamp time = morning; time < evening; time += plan.about(minutes(6))) {
    succeed(plan, time, plan.random().pick(operations), {"apiId", "api_own"});
  }
  for (int i = 0; i < rights; ++i) {
    const Right& right = plan.random().pick(kRights);
    Timestamp time = morning + minutes(plan.random().below(8 * 60));
    for (uint32_t tries = 1 + plan.random().below(5); tries > 0; --tries) {
      lack_permission(plan, time, right.operation, right.permission);
      time += plan.about(minutes(15));
    }
  }
}

// Eight people, each of whom lacks other rights, each at a desk of their own or all in one office.
void team(Plan& plan) {
  for (int i = 0; i < 8; ++i) {
    plan.who().client.ip_address = address_of(plan, i);
    person(plan, plan.start() + hours(7) + plan.about(hours(2)), 1 + i % 3);
  }
}
void office(Plan& plan) {
  for (int i = 0; i < 8; ++i) {
    person(plan, plan.start() + hours(7) + plan.about(hours(2)), 1 + i % 2);
  }
}

// Walks over what a stage has left behind: much is gone, some is protected.
void clean_up(Plan& plan, Timestamp time, int resources, double protected_share) {
  for (int i = 0; i < resources; ++i) {
    const std::string id = plan.random().id("api_");
    if (plan.random().chance(protected_share)) {
      protect_api(plan, time, id);
    } else if (plan.random().chance(0.5)) {
      gone(plan, time, id);
    } else {
      succeed(plan, time, "apis.deleteApi", {"apiId", id});
    }
    time += seconds(1);
  }
}
void nightly_cleanup(Plan& plan) {
  for (Timestamp time = plan.start() + hours(2); time < plan.end(); time += kDay) {
    clean_up(plan, time + plan.about(minutes(5)), 60, 0.3);
  }
}

// May delete nothing at all.
void powerless_cleanup(Plan& plan) {
  const Timestamp time = plan.some_time(minutes(10));
  for (int i = 0; i < 60; ++i) {
    lack_permission(plan, time + seconds(i), "apis.deleteApi",
                    "api." + plan.random().id("api_") + ".delete_api");
  }
}

// Lists everything once, with a key that may not read all of it.
void migration(Plan& plan) {
  Timestamp time = plan.some_time(hours(1));
  for (size_t i = 0; i < kLists.size(); ++i) {
    if (plan.random().chance(0.4)) {
      lack_permission(plan, time, kLists[i], kReadRights[i]);
    } else {
      for (int page = 0; page < 20; ++page) {
        succeed(plan, time + page * seconds(1), kLists[i], {"cursor", std::to_string(page)});
      }
    }
    time += plan.about(seconds(10));
  }
}

// Three services go live on one day, each of which lacks three rights until the evening.
void three_integrations(Plan& plan) {
  for (int service = 0; service < 3; ++service) {
    plan.who().client.ip_address = address_of(plan, service);
    const Timestamp begin = plan.some_time(hours(6));
    const size_t first = plan.random().below(kRights.size());
    for (int i = 0; i < 100; ++i) {
      const Timestamp time = begin + i * minutes(3) + plan.about(seconds(30));
      succeed(plan, time, kLists[static_cast<size_t>(service)], {"apiId", "api_own"});
      const Right& right = kRights[(first + static_cast<size_t>(i) % 3) % kRights.size()];
      lack_permission(plan, time + seconds(2), right.operation, right.permission);
    }
  }
}

// Fifty tenants behind one address. Some have a job whose key is dead, some lack a right.
void shared_network(Plan& plan) {
  const std::string own = plan.who().client.workspace_id;
  for (int tenant = 0; tenant < 50; ++tenant) {
    plan.who().client.workspace_id = plan.random().id("ws_");
    plan.who().more_workspaces.push_back(plan.who().client.workspace_id);
    const Duration period = plan.about(minutes(10));
    const bool dead = tenant % 8 == 0;
    const auto state = static_cast<KeyState>(plan.random().below(3));
    const int day = static_cast<int>(plan.random().below(15));
    const Right& right = plan.random().pick(kRights);
    for (Timestamp time = plan.start() + plan.about(minutes(5)); time < plan.end();
         time += period) {
      if (dead) {
        dead_key(plan, time, "apis.getApi", state, day);
      } else {
        succeed(plan, time, plan.random().pick(kLists), {"apiId", "api_own"});
        if (tenant % 5 == 0) lack_permission(plan, time, right.operation, right.permission);
      }
    }
  }
  plan.who().client.workspace_id = own;
}

// A server with three forgotten jobs, each with a dead key, beside one that works.
void old_server(Plan& plan) {
  for (int job = 0; job < 3; ++job) {
    for (Timestamp time = plan.start() + plan.about(minutes(20)); time < plan.end();
         time += minutes(20)) {
      dead_key(plan, time, "apis.getApi", static_cast<KeyState>(job), 3);
    }
  }
  for (Timestamp time = plan.start(); time < plan.end(); time += minutes(15)) {
    succeed(plan, time, "apis.getApi", {"apiId", "api_own"});
  }
}

// An app whose customers' trials have run out, so that half of its keys are expired.
void expired_trials(Plan& plan) {
  std::vector<std::string> keys(80);
  for (std::string& key : keys) key = plan.random().id("key_");
  for (Timestamp time = plan.start(); time < plan.end(); time += plan.about(minutes(3))) {
    const uint32_t key = plan.random().below(80);
    plan.key_check(time, "api", key % 2 == 0 ? "EXPIRED" : "VALID", keys[key]);
  }
}

// The same behind the gateway, with some disabled keys, and a client whose key was deleted.
void gateway_app(Plan& plan) {
  std::vector<std::string> keys(80);
  for (std::string& key : keys) key = plan.random().id("key_");
  for (Timestamp time = plan.start(); time < plan.end(); time += plan.about(minutes(2))) {
    const uint32_t key = plan.random().below(80);
    const std::string_view outcome = key < 4 ? "DISABLED" : key < 10 ? "EXPIRED" : "VALID";
    plan.key_check(time, "gateway", outcome, keys[key]);
    if (plan.random().chance(0.3)) plan.key_check(time + seconds(5), "gateway", "NOT_FOUND", "");
  }
}

// The same person lacks something new once in a while; a service goes live each week.
void team_of_weeks(Plan& plan) {
  for (Timestamp day = plan.start(); day < plan.end(); day += kDay) {
    for (int i = 0; i < 4; ++i) {
      plan.who().client.ip_address = address_of(plan, i);
      const Timestamp morning = day + hours(8) + plan.about(hours(1));
      for (Timestamp time = morning; time < morning + hours(9); time += plan.about(hours(1))) {
        succeed(plan, time, plan.random().pick(kLists), {"apiId", "api_own"});
      }
      if (!plan.random().chance(0.1)) continue;
      const Right& right = plan.random().pick(kRights);
      lack_permission(plan, morning + plan.about(hours(3)), right.operation, right.permission);
    }
  }
}

void weekly_integration(Plan& plan) {
  for (Timestamp time = plan.start(); time < plan.end(); time += plan.about(hours(6))) {
    succeed(plan, time, "apis.getApi", {"apiId", "api_own"});
  }
  for (Timestamp week = plan.start() + kDay; week < plan.end(); week += 7 * kDay) {
    const size_t first = plan.random().below(kRights.size());
    for (int i = 0; i < 36; ++i) {
      const Right& right = kRights[(first + static_cast<size_t>(i) % 3) % kRights.size()];
      lack_permission(plan, week + i * minutes(10), right.operation, right.permission);
    }
  }
}

// One right is missing for good, and the job comes every hour.
void patient_job(Plan& plan) {
  const Right& right = plan.random().pick(kRights);
  for (Timestamp time = plan.start(); time < plan.end(); time += hours(1)) {
    lack_permission(plan, time, right.operation, right.permission);
  }
}

// A report that is changed now and then, and has a wrong table each time at first.
void reports_of_weeks(Plan& plan) {
  static constexpr std::array<std::string_view, 3> kTables = {"verifications", "logs", "usage"};
  for (Timestamp day = plan.start(); day < plan.end(); day += 4 * kDay) {
    const Timestamp time = day + plan.about(hours(10));
    refuse_query(plan, time, QueryFault::Table, plan.random().pick(kTables));
    succeed(plan, time + minutes(3), "analytics.getVerifications", {"query", "SELECT 1"});
  }
}

void dead_job_of_weeks(Plan& plan) {
  for (Timestamp time = plan.start(); time < plan.end(); time += hours(6)) {
    dead_key(plan, time, "identities.listIdentities", KeyState::Expired);
  }
}

}  // namespace

std::vector<CallerKind> team_kinds() {
  return {
      {"team", false, team},
      {"office", false, office},
      {"nightly_cleanup", false, nightly_cleanup},
      {"powerless_cleanup", false, powerless_cleanup},
      {"migration", false, migration},
      {"three_integrations", false, three_integrations},
      {"shared_network", false, shared_network},
      {"old_server", false, old_server},
      {"expired_trials", false, expired_trials},
      {"gateway_app", false, gateway_app},
  };
}

std::vector<CallerKind> honest_kinds_of_weeks() {
  return {
      {"team_of_weeks", false, team_of_weeks},
      {"weekly_integration", false, weekly_integration},
      {"nightly_cleanup", false, nightly_cleanup},
      {"patient_job", false, patient_job},
      {"reports_of_weeks", false, reports_of_weeks},
      {"dead_job_of_weeks", false, dead_job_of_weeks},
  };
}

}  // namespace picket
