// The honest crowd: many workspaces, a few of them busy and most of them quiet, whose requests
// succeed except for the failures that every integration has now and then.
//
// A workspace makes its permission mistake on one and the same permission and its delete mistake on
// one and the same API: an honest program repeats itself, it does not explore. What separates it
// from the actors of traffic_actors.cc is exactly that.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/types.h"
#include "tests/support/traffic_actors.h"
#include "tests/support/traffic_random.h"
#include "tests/support/traffic_row.h"

namespace picket {
namespace {

constexpr double kMistakeShare = 0.03;

struct Workspace {
  Client client;
  std::string api_id;
  std::string key_id;
  std::string deployment_id;
};

using Fill = void (*)(Random& random, const Workspace& workspace, Request& request);

struct Operation {
  double weight;
  std::string_view name;
  Fill fill;
};

struct Mistake {
  double weight;
  int status;
  std::string_view operation;
  std::string_view title;
  std::string_view type;
  Fill fill;
};

void append_user(Random& random, std::string& out) {
  out.append("user_").append(std::to_string(random.below(100'000)));
}

// Customer data as it hangs on keys and identities: the part of a body that differs most in size.
void append_meta(Random& random, size_t bytes, std::string& out) {
  static constexpr std::array<std::string_view, 8> kNames = {
      "plan", "team", "costCenter", "region", "createdBy", "feature", "note", "tier"};
  static constexpr std::array<std::string_view, 8> kValues = {
      "enterprise annual", "checkout and payments", "eu-central",      "migrated from v1",
      "billing@acme.test", "reports, exports",      "Zürich — Limmat", "a/b variant 7",
  };
  const size_t end = out.size() + bytes;
  out.append("{");
  int number = 0;
  while (out.size() + 40 < end) {
    if (number) out.push_back(',');
    out.push_back('"');
    out.append(random.pick(kNames)).append(std::to_string(number++)).append("\":\"");
    out.append(random.pick(kValues)).append("\"");
  }
  out.append("}");
}

void verify_request(Random&, const Workspace& workspace, Request& request) {
  request.request_body.append(R"({"apiId":")").append(workspace.api_id);
  request.request_body += R"(","key":"[REDACTED]","permissions":"documents.read"})";
}

void append_verification(Random& random, std::string_view code, Request& request) {
  const bool valid = code == "VALID";
  std::string& data = request.data;
  data.append(R"({"code":")").append(code);
  data.append(valid ? R"(","credits":)" : R"(","enabled":)");
  data.append(valid ? std::to_string(random.below(10'000)) : "true");
  data += R"(,"identity":{"externalId":")";
  append_user(random, data);
  random.append_id(data, R"(","id":"id_)");
  random.append_id(data, R"("},"keyId":"key_)");
  data += R"(","meta":)";
  append_meta(random, request.filler_bytes, data);
  data.append(R"(,"name":"prod","valid":)").append(valid ? "true}" : "false}");
}

void verify_valid(Random& random, const Workspace& workspace, Request& request) {
  verify_request(random, workspace, request);
  append_verification(random, "VALID", request);
}

void limit_answer(Random& random, bool passed, Request& request) {
  request.request_body = R"({"duration":60000,"identifier":")";
  append_user(random, request.request_body);
  request.request_body += R"(","limit":100,"namespace":"requests"})";
  const int64_t reset = to_ms(request.time) / 60'000 * 60'000 + 60'000;
  request.data = R"({"limit":100,"remaining":)";
  request.data += passed ? std::to_string(1 + random.below(99)) : "0";
  request.data.append(R"(,"reset":)").append(std::to_string(reset));
  request.data.append(passed ? R"(,"success":true})" : R"(,"success":false})");
}

void limit_passed(Random& random, const Workspace&, Request& request) {
  limit_answer(random, true, request);
}

void get_api(Random&, const Workspace& workspace, Request& request) {
  request.request_body.append(R"({"apiId":")").append(workspace.api_id).append("\"}");
  request.data.append(R"({"id":")").append(workspace.api_id).append(R"(","name":"payments"})");
}

void get_key(Random& random, const Workspace& workspace, Request& request) {
  request.request_body.append(R"({"decrypt":false,"keyId":")");
  request.request_body.append(workspace.key_id).append("\"}");
  request.data.append(R"({"createdAt":1767225600000,"enabled":true,"keyId":")");
  request.data.append(workspace.key_id).append(R"(","meta":)");
  append_meta(random, request.filler_bytes, request.data);
  request.data += R"(,"start":"acme_3aZk"})";
}

void create_key(Random& random, const Workspace& workspace, Request& request) {
  request.request_body.append(R"({"apiId":")").append(workspace.api_id).append(R"(","meta":)");
  append_meta(random, request.filler_bytes, request.request_body);
  request.request_body += R"(,"name":"prod","prefix":"acme"})";
  request.data = R"({"key":"[REDACTED]","keyId":")";
  random.append_id(request.data, "key_");
  request.data += "\"}";
}

void list_keys(Random& random, const Workspace& workspace, Request& request) {
  request.request_body.append(R"({"apiId":")").append(workspace.api_id).append("\",\"limit\":100}");
  request.data = "[";
  const size_t end = std::max<size_t>(request.filler_bytes, 300);
  while (request.data.size() < end) {
    if (request.data.size() > 1) request.data.push_back(',');
    random.append_id(request.data, R"({"createdAt":1767225600000,"enabled":true,"keyId":"key_)");
    request.data += R"(","meta":)";
    append_meta(random, 120, request.data);
    request.data += R"(,"start":"acme_3aZk"})";
  }
  request.data += "]";
}

void update_key(Random& random, const Workspace& workspace, Request& request) {
  request.request_body.append(R"({"keyId":")").append(workspace.key_id).append(R"(","meta":)");
  append_meta(random, request.filler_bytes, request.request_body);
  request.request_body += "}";
  request.data = "{}";
}

constexpr std::array<Operation, 7> kOperations = {{
    {0.58, "keys.verifyKey", verify_valid},
    {0.20, "ratelimit.limit", limit_passed},
    {0.06, "apis.getApi", get_api},
    {0.05, "keys.getKey", get_key},
    {0.04, "keys.createKey", create_key},
    {0.04, "apis.listKeys", list_keys},
    {0.03, "keys.updateKey", update_key},
}};

void bad_input(Random&, const Workspace& workspace, Request& request) {
  request.request_body.append(R"({"apiId":")").append(workspace.api_id);
  request.request_body += R"(","remaining":100})";
  request.workspace_id = {};  // the validator runs before authentication
  request.refusal.detail = "POST request body for '/v2/keys.createKey' failed to validate schema";
  request.refusal.validation = R"([{"location":"/additionalProperties",)"
                               R"("message":"additional properties 'remaining' not allowed"}])";
}

void unknown_key(Random& random, const Workspace&, Request& request) {
  random.append_id(request.request_body, R"({"keyId":"key_)");
  request.request_body += "\"}";
  request.refusal.detail = "The requested key does not exist.";
  request.refusal.internal = "key not found: key not found";
}

void unknown_root_key(Random& random, const Workspace& workspace, Request& request) {
  get_api(random, workspace, request);
  request.workspace_id = {};
  request.refusal.detail = "The provided root key is invalid. We could not find the requested key.";
  request.refusal.internal = "invalid root key: key does not exist: key does not exist";
}

void not_ready(Random&, const Workspace& workspace, Request& request) {
  request.request_body.append(R"({"deploymentId":")").append(workspace.deployment_id).append("\"}");
  request.refusal.detail = "The deployment is not ready.";
  request.refusal.internal =
      "deploygate rejected promote/rollback: The deployment is not ready.: target precondition "
      "failed";
}

void one_missing_permission(Random&, const Workspace& workspace, Request& request) {
  request.request_body.append(R"({"keyId":")").append(workspace.key_id).append("\"}");
  request.refusal.detail.append("Missing one of these permissions: api.*.update_key or api.");
  request.refusal.detail.append(workspace.api_id).append(".update_key");
  request.refusal.internal.append(request.refusal.detail).append(": insufficient permissions");
}

void one_protected_api(Random&, const Workspace& workspace, Request& request) {
  request.request_body.append(R"({"apiId":")").append(workspace.api_id).append("\"}");
  request.refusal.detail =
      "This API has delete protection enabled. Disable it before attempting to delete.";
  request.refusal.internal = "api is protected from deletion: delete protected";
}

void known_identity(Random& random, const Workspace&, Request& request) {
  request.request_body = R"({"externalId":")";
  append_user(random, request.request_body);
  request.request_body += "\"}";
  request.refusal.detail = "An identity with this externalId already exists.";
  request.refusal.internal = "identity already exists: duplicate key";
}

// Denials that the API answers with 200: the request was fine, the end user's key was not.
void verify_denied(Random& random, const Workspace& workspace, Request& request) {
  static constexpr std::array<std::string_view, 5> kCodes = {
      "EXPIRED", "USAGE_EXCEEDED", "RATE_LIMITED", "DISABLED", "INSUFFICIENT_PERMISSIONS"};
  verify_request(random, workspace, request);
  append_verification(random, random.pick(kCodes), request);
}

void verify_unknown(Random& random, const Workspace& workspace, Request& request) {
  verify_request(random, workspace, request);
  request.data = R"({"code":"NOT_FOUND","valid":false})";
}

void limit_denied(Random& random, const Workspace&, Request& request) {
  limit_answer(random, false, request);
}

constexpr std::array<Mistake, 10> kMistakes = {{
    {0.20, 200, "keys.verifyKey", "", "", verify_denied},
    {0.20, 200, "keys.verifyKey", "", "", verify_unknown},
    {0.06, 200, "ratelimit.limit", "", "", limit_denied},
    {0.16, 400, "keys.createKey", "Bad Request", "unkey/application/invalid_input", bad_input},
    {0.14, 404, "keys.getKey", "Not Found", "unkey/data/key_not_found", unknown_key},
    {0.08, 401, "apis.getApi", "Unauthorized", "unkey/authentication/key_not_found",
     unknown_root_key},
    {0.05, 403, "keys.updateKey", "Insufficient Permissions",
     "unkey/authorization/insufficient_permissions", one_missing_permission},
    {0.05, 409, "identities.createIdentity", "Conflicting Resource",
     "unkey/data/identity_already_exists", known_identity},
    {0.03, 412, "deployments.promoteDeployment", "Precondition Failed",
     "unkey/application/deployment_not_ready", not_ready},
    {0.03, 412, "apis.deleteApi", "Resource is protected", "unkey/application/protected_resource",
     one_protected_api},
}};

template <typename Table>
const auto& weighted(Random& random, const Table& table) {
  double sum = 0;
  for (const auto& entry : table) sum += entry.weight;
  double draw = random.unit() * sum;
  for (const auto& entry : table) {
    if (draw < entry.weight) return entry;
    draw -= entry.weight;
  }
  return table.back();
}

class HonestCrowd final : public Actor {
 public:
  HonestCrowd(Random& random, uint32_t workspaces) {
    for (uint32_t i = 0; i < std::max(workspaces, 1U); ++i) {
      Workspace workspace{make_client(random), random.id("api_"), random.id("key_"),
                          random.id("d_")};
      workspaces_.push_back(std::move(workspace));
    }
  }

  void request(Random& random, Request& request) override {
    // Squaring the draw gives the first workspaces more of the traffic than the last.
    const double draw = random.unit();
    const auto index = static_cast<size_t>(draw * draw * static_cast<double>(workspaces_.size()));
    const Workspace& workspace = workspaces_[index];
    request.client = &workspace.client;
    request.workspace_id = workspace.client.workspace_id;
    request.latency_ms = 2 + static_cast<int>(random.below(8) * random.below(8));
    if (!random.chance(kMistakeShare)) {
      const Operation& operation = weighted(random, kOperations);
      request.operation = operation.name;
      operation.fill(random, workspace, request);
      return;
    }
    const Mistake& mistake = weighted(random, kMistakes);
    request.operation = mistake.operation;
    request.refused = mistake.status != 200;
    request.refusal.status = mistake.status;
    request.refusal.title = mistake.title;
    request.refusal.type = mistake.type;
    mistake.fill(random, workspace, request);
  }

 private:
  std::vector<Workspace> workspaces_;
};

}  // namespace

std::unique_ptr<Actor> make_honest_crowd(Random& random, uint32_t workspaces) {
  return std::make_unique<HonestCrowd>(random, workspaces);
}

}  // namespace picket
