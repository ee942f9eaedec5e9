// Honest callers: what goes wrong for people who mean well, however often it does.
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

constexpr std::array<std::string_view, 8> kOperations = {
    "keys.verifyKey", "apis.getApi",
    "keys.getKey",    "keys.createKey",
    "apis.listKeys",  "identities.getIdentity",
    "keys.updateKey", "ratelimit.listOverrides"};

void works(Plan& plan, Timestamp time) {
  succeed(plan, time, plan.random().pick(kOperations), {"apiId", "api_own"});
}

// The everyday business, all through the day.
void business(Plan& plan, Duration mean) {
  for (Timestamp time = plan.start(); time < plan.end(); time += plan.about(mean)) {
    works(plan, time);
  }
}

void ordinary(Plan& plan) {
  business(plan, minutes(2));
  for (int i = 0; i < 4; ++i) {
    const Timestamp time = plan.some_time(minutes(5));
    switch (plan.random().below(4)) {
      case 0:
        lack_permission(plan, time, "keys.deleteKey", "api.*.delete_key");
        break;
      case 1:
        protect_api(plan, time, "api_own");
        break;
      case 2:
        deployment_not_ready(plan, time, "d_own");
        break;
      default:
        old_property(plan, time);
        break;
    }
  }
}

// Ten thousand retries of one permission within a day.
void one_permission(Plan& plan) {
  for (Timestamp time = plan.start(); time < plan.end(); time += plan.about(seconds(9))) {
    lack_permission(plan, time, "keys.updateKey", "api.*.update_key");
  }
}

// One right is missing, and hides each of the deployments that the job walks over.
void hidden_deployments(Plan& plan) {
  for (Timestamp time = plan.start(); time < plan.end(); time += hours(1)) {
    for (int i = 0; i < 30; ++i) {
      hide_deployment(plan, time + seconds(i), "deployments.getDeployment",
                      "d_own" + std::to_string(i));
    }
  }
}

// Three permissions are missing until somebody grants them, and are retried until then.
void new_integration(Plan& plan) {
  business(plan, minutes(5));
  static constexpr std::array<std::string_view, 3> kMissing = {
      "api.*.create_key", "identity.*.create_identity", "ratelimit.*.set_override"};
  const Timestamp begin = plan.some_time(hours(3));
  for (int round = 0; round < 20; ++round) {
    for (const std::string_view permission : kMissing) {
      lack_permission(plan, begin + round * minutes(5) + plan.about(seconds(20)), "keys.createKey",
                      permission);
    }
  }
}

void early_promotion(Plan& plan) {
  business(plan, minutes(10));
  for (int release = 0; release < 8; ++release) {
    const std::string id = plan.random().id("d_");
    Timestamp time = plan.some_time(minutes(10));
    const uint32_t tries = 1 + plan.random().below(6);
    for (uint32_t i = 0; i < tries; ++i) {
      deployment_not_ready(plan, time, id);
      time += plan.about(seconds(15));
    }
    succeed(plan, time, "deployments.promoteDeployment", {"deploymentId", id});
  }
}

// Tenants behind one address and with the same program, each with a small trouble of its own.
void shared_address(Plan& plan) {
  plan.who().client.ip_address = "198.19.0.1";
  plan.who().client.user_agent = "node";
  business(plan, minutes(2));
  const auto state = static_cast<KeyState>(plan.random().below(3));
  for (int i = 0; i < 6; ++i) {
    const Timestamp time = plan.some_time(minutes(5));
    dead_key(plan, time, "apis.getApi", state, static_cast<int>(plan.number() % 15));
    lack_permission(plan, plan.some_time(minutes(5)), "keys.deleteKey", "api.*.delete_key");
  }
}

// One more tenant there, whose job never stops.
void shared_address_loop(Plan& plan) {
  shared_address(plan);
  for (Timestamp time = plan.start(); time < plan.end(); time += seconds(10)) {
    dead_key(plan, time, "identities.listIdentities", KeyState::Disabled);
  }
}

void forgotten_job(Plan& plan, KeyState state, Duration period) {
  for (Timestamp time = plan.start(); time < plan.end(); time += period) {
    dead_key(plan, time + plan.about(seconds(1)), "identities.listIdentities", state);
  }
}
void disabled_job(Plan& plan) { forgotten_job(plan, KeyState::Disabled, minutes(5)); }
void disabled_loop(Plan& plan) { forgotten_job(plan, KeyState::Disabled, seconds(10)); }
void expired_job(Plan& plan) { forgotten_job(plan, KeyState::Expired, minutes(10)); }
void deleted_job(Plan& plan) { forgotten_job(plan, KeyState::Unknown, seconds(30)); }

// Types a key wrong a few times, then right.
void mistyped_key(Plan& plan) {
  Timestamp time = plan.some_time(hours(2));
  for (int i = 0; i < 6; ++i) {
    dead_key(plan, time, "apis.getApi", KeyState::Unknown);
    time += plan.about(seconds(20));
  }
  for (int i = 0; i < 30; ++i) works(plan, time += plan.about(minutes(2)));
}

// A clean-up that fails on an API, then on two more, each night.
void protected_cleanup(Plan& plan) {
  business(plan, minutes(5));
  for (int night = 0; night < 4; ++night) {
    const Timestamp time = plan.start() + night * hours(6);
    for (int i = 0; i < 12; ++i) {
      protect_api(plan, time + i * seconds(20), "api_own" + std::to_string(i % 3));
    }
  }
}

// The configuration of an old environment names three keys that are now another workspace's.
void old_environment(Plan& plan) {
  business(plan, minutes(10));
  std::array<std::string, 3> ids;
  for (std::string& id : ids) id = plan.random().id("key_");
  for (Timestamp time = plan.start(); time < plan.end(); time += minutes(15)) {
    for (const std::string& id : ids) foreign_key(plan, time += seconds(1), id);
  }
}

void plan_schedule(Plan& plan) {
  business(plan, minutes(20));
  for (Timestamp time = plan.start(); time < plan.end(); time += hours(1)) over_plan(plan, time);
}

// Is refused at the end of each busy minute, and waits as told.
void obedient(Plan& plan) {
  for (int burst = 0; burst < 40; ++burst) {
    const Timestamp time = plan.some_time(minutes(2));
    for (int i = 0; i < 10; ++i) works(plan, time + seconds(i));
    over_rate(plan, time + seconds(11), 49);
    works(plan, time + seconds(61));
  }
}

// Does not wait, which is bad manners and no attack.
void impatient(Plan& plan) {
  business(plan, minutes(5));
  const Timestamp time = plan.some_time(minutes(30));
  for (int i = 0; i < 400; ++i) over_rate(plan, time + i * seconds(3), 20);
}

void outdated(Plan& plan) {
  for (Timestamp time = plan.start(); time < plan.end(); time += plan.about(minutes(10))) {
    if (plan.random().chance(0.5)) {
      succeed(plan, time, "deploy.getDeployment", {"deploymentId", "d_own"});
    } else {
      old_property(plan, time);
    }
  }
}

// Learns the query language: syntax errors, and two names that do not exist.
void analyst(Plan& plan) {
  Timestamp time = plan.some_time(hours(3));
  for (int i = 0; i < 12; ++i) {
    refuse_query(plan, time, QueryFault::Syntax, "WHRE" + std::to_string(i));
    time += plan.about(minutes(2));
    if (i % 4 == 0) refuse_query(plan, time, QueryFault::Table, "verifications");
    if (i % 5 == 0) refuse_query(plan, time, QueryFault::Table, "logs");
    succeed(plan, time + seconds(30), "analytics.getVerifications", {"query", "SELECT 1"});
  }
}

// Functions in a cloud: one missing right on many addresses.
void functions(Plan& plan) {
  for (Timestamp time = plan.start(); time < plan.end(); time += plan.about(minutes(3))) {
    plan.who().client.ip_address = "198.19.1." + std::to_string(plan.random().below(200));
    works(plan, time);
    lack_permission(plan, time + seconds(1), "keys.updateKey", "api.*.update_key");
  }
}

// An end user of a customer, who clicks on what the plan lacks now and then.
void end_user(Plan& plan) {
  for (Timestamp time = plan.start(); time < plan.end(); time += plan.about(minutes(4))) {
    plan.verification(time, "VALID", "/v1/documents/" + std::to_string(plan.random().below(400)));
    if (!plan.random().chance(0.1)) continue;
    plan.verification(time + seconds(1), "INSUFFICIENT_PERMISSIONS",
                      "/v1/premium/" + std::to_string(plan.random().below(6)),
                      "insufficient_permissions");
  }
}

void expired_end_user(Plan& plan) {
  for (Timestamp time = plan.start(); time < plan.end(); time += plan.about(minutes(15))) {
    plan.verification(time, "EXPIRED", "/v1/documents", "credential_state");
  }
}

// A backend whose users show every state of keys now and then, and one who repeats a wrong key.
void backend(Plan& plan) {
  static constexpr std::array<std::string_view, 3> kBad = {"NOT_FOUND", "DISABLED", "EXPIRED"};
  for (Timestamp time = plan.start(); time < plan.end(); time += plan.about(minutes(1))) {
    const bool bad = plan.random().chance(0.05);
    const std::string_view code = bad ? plan.random().pick(kBad) : "VALID";
    verify(plan, time, code, code == "NOT_FOUND" ? "" : plan.random().id("key_"));
  }
  const Timestamp time = plan.some_time(minutes(30));
  for (int i = 0; i < 100; ++i) verify(plan, time + i * seconds(10), "NOT_FOUND", "");
}

}  // namespace

std::vector<CallerKind> honest_kinds() {
  return {
      {"ordinary", false, ordinary},
      {"one_permission", false, one_permission},
      {"new_integration", false, new_integration},
      {"shared_address", false, shared_address},
      {"early_promotion", false, early_promotion},
      {"shared_address", false, shared_address},
      {"hidden_deployments", false, hidden_deployments},
      {"disabled_job", false, disabled_job},
      {"ordinary", false, ordinary},
      {"disabled_loop", false, disabled_loop},
      {"expired_job", false, expired_job},
      {"deleted_job", false, deleted_job},
      {"shared_address", false, shared_address},
      {"mistyped_key", false, mistyped_key},
      {"protected_cleanup", false, protected_cleanup},
      {"old_environment", false, old_environment},
      {"plan_schedule", false, plan_schedule},
      {"shared_address", false, shared_address},
      {"obedient", false, obedient},
      {"impatient", false, impatient},
      {"outdated", false, outdated},
      {"shared_address", false, shared_address},
      {"shared_address_loop", false, shared_address_loop},
      {"analyst", false, analyst},
      {"functions", false, functions},
      {"backend", false, backend},
      {"end_user", false, end_user},
      {"expired_end_user", false, expired_end_user},
  };
}

}  // namespace picket
