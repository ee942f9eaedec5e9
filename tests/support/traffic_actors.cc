#include "tests/support/traffic_actors.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tests/support/traffic_random.h"
#include "tests/support/traffic_row.h"

namespace picket {
namespace {

constexpr std::array<std::string_view, 8> kUserAgents = {
    "speakeasy-sdk/typescript 2.0.4 2.677.3 2.0.0 @unkey/api",
    "speakeasy-sdk/typescript 2.1.0 2.698.1 2.0.0 @unkey/api",
    "speakeasy-sdk/go 2.1.2 2.686.7 2.0.0 github.com/unkeyed/sdks/api/go/v2",
    "speakeasy-sdk/python 2.0.3 2.681.1 2.0.0 unkey.py",
    "node",
    "Go-http-client/2.0",
    "python-requests/2.32.3",
    "axios/1.7.9",
};
constexpr std::array<std::string_view, 5> kRegions = {"us-east-1", "us-west-2", "eu-central-1",
                                                      "ap-northeast-1", "ap-southeast-2"};

void refuse(Request& request, int status, std::string_view title, std::string_view type) {
  request.refused = true;
  request.refusal.status = status;
  request.refusal.title = title;
  request.refusal.type = type;
}

void send(Request& request, const Client& client, std::string_view operation) {
  request.client = &client;
  request.workspace_id = client.workspace_id;
  request.operation = operation;
}

// Hits its workspace's request limit and sends again without waiting for Retry-After.
class QuotaHammer final : public Actor {
 public:
  explicit QuotaHammer(Random& random) : client_(make_client(random)) {}
  void request(Random& random, Request& request) override {
    send(request, client_, "ratelimit.limit");
    request.request_body = R"({"namespace":"sms","identifier":"user_)";
    request.request_body += std::to_string(random.below(40));
    request.request_body += R"(","limit":10,"duration":60000})";
    refuse(request, 429, "Too Many Requests", "user/too_many_requests/workspace_rate_limited");
    request.refusal.detail =
        "This workspace has exceeded its API rate limit of 100/1m0s. Please try again later.";
    request.refusal.internal = "workspace rate limit exceeded: workspace rate limit exceeded";
    request.refusal.retry_after_s = 1 + static_cast<int>(random.below(59));
    request.latency_ms = 1 + static_cast<int>(random.below(3));
  }

 private:
  Client client_;
};

// Tries to delete one protected thing after another, a new one each time.
class ProtectedProber final : public Actor {
 public:
  explicit ProtectedProber(Random& random) : client_(make_client(random)) {}
  void request(Random& random, Request& request) override {
    struct Kind {
      std::string_view operation;
      std::string_view key;
      std::string_view prefix;
      std::string_view noun;
      std::string_view internal;
    };
    static constexpr std::array<Kind, 3> kKinds = {{
        {"apis.deleteApi", "apiId", "api_", "API", "api is protected from deletion: "},
        {"apps.deleteApp", "app", "app_", "app", "app is protected from deletion: "},
        {"projects.deleteProject", "project", "proj_", "project",
         "project is protected from deletion: "},
    }};
    const Kind& kind = random.pick(kKinds);
    send(request, client_, kind.operation);
    request.request_body.append("{\"").append(kind.key).append("\":\"");
    random.append_id(request.request_body, kind.prefix);
    request.request_body.append("\"}");
    refuse(request, 412, "Resource is protected", "unkey/application/protected_resource");
    request.refusal.detail.append("This ").append(kind.noun);
    request.refusal.detail +=
        " has delete protection enabled. Disable it before attempting to delete.";
    request.refusal.internal.append(kind.internal).append("delete protected");
    request.latency_ms = 5 + static_cast<int>(random.below(10));
  }

 private:
  Client client_;
};

// Walks through the permissions of every family to see which of them its key lacks. Deployments
// hide a denial behind a 404; only the operator's column tells.
class PermissionScanner final : public Actor {
 public:
  explicit PermissionScanner(Random& random) : client_(make_client(random)) {}
  void request(Random& random, Request& request) override {
    const Step& step = kSteps[next_++ % kSteps.size()];
    send(request, client_, step.operation);
    const std::string target = random.id(step.prefix);
    request.request_body.append("{\"").append(step.key).append("\":\"");
    request.request_body.append(target).append("\"}");
    request.latency_ms = 4 + static_cast<int>(random.below(6));
    if (step.masked) {
      refuse(request, 404, "Not Found", "unkey/data/deployment_not_found");
      request.refusal.detail = "The requested deployment does not exist.";
      request.refusal.internal =
          "authorization failed; returning not found to avoid leaking deployment existence: "
          "deployment not found";
      return;
    }
    refuse(request, 403, "Insufficient Permissions",
           "unkey/authorization/insufficient_permissions");
    std::string& detail = request.refusal.detail;
    detail.append("Missing one of these permissions: ").append(step.resource).append(".*.");
    detail.append(step.action).append(" or ").append(step.resource).append(".");
    detail.append(target).append(".").append(step.action);
    request.refusal.internal.append(detail).append(": insufficient permissions");
  }

 private:
  struct Step {
    std::string_view operation;
    std::string_view key;
    std::string_view prefix;
    std::string_view resource;
    std::string_view action;
    bool masked;
  };
  static constexpr std::array<Step, 16> kSteps = {{
      {"apis.deleteApi", "apiId", "api_", "api", "delete_api"},
      {"keys.deleteKey", "keyId", "key_", "api", "delete_key"},
      {"keys.updateKey", "keyId", "key_", "api", "update_key"},
      {"keys.rerollKey", "keyId", "key_", "api", "create_key"},
      {"keys.getKey", "keyId", "key_", "api", "read_key"},
      {"permissions.createRole", "name", "role_", "rbac", "create_role"},
      {"permissions.deleteRole", "role", "role_", "rbac", "delete_role"},
      {"permissions.createPermission", "name", "perm_", "rbac", "create_permission"},
      {"permissions.deletePermission", "permission", "perm_", "rbac", "delete_permission"},
      {"identities.deleteIdentity", "identity", "id_", "identity", "delete_identity"},
      {"identities.updateIdentity", "identity", "id_", "identity", "update_identity"},
      {"ratelimit.setOverride", "namespace", "rlns_", "ratelimit", "set_override"},
      {"ratelimit.deleteOverride", "namespace", "rlns_", "ratelimit", "delete_override"},
      {"projects.deleteProject", "project", "proj_", "project", "delete_project"},
      {"deployments.stopDeployment", "deploymentId", "d_", "deployment", "stop", true},
      {"environments.setEnvironmentVariables", "environment", "env_", "environment",
       "update_environment"},
  }};

  Client client_;
  size_t next_ = 0;
};

// A job nobody stopped when its root key was disabled. The row has no workspace: the key was
// refused before one was known.
class DisabledKeyLoop final : public Actor {
 public:
  explicit DisabledKeyLoop(Random& random) : client_(make_client(random)) {
    client_.workspace_id.clear();
  }
  void request(Random& random, Request& request) override {
    send(request, client_, "identities.listIdentities");
    request.request_body = R"({"limit":100})";
    refuse(request, 403, "Key is disabled", "unkey/authorization/key_disabled");
    request.refusal.detail = "The provided root key is invalid. The key is disabled.";
    request.refusal.internal = "invalid root key: key is disabled: key is disabled";
    request.latency_ms = 1 + static_cast<int>(random.below(4));
  }

 private:
  Client client_;
};

// A release script that promotes a deployment before it is ready, and simply tries again.
class OrderLoop final : public Actor {
 public:
  explicit OrderLoop(Random& random) : client_(make_client(random)), deployment_(random.id("d_")) {}
  void request(Random& random, Request& request) override {
    send(request, client_, "deployments.promoteDeployment");
    request.request_body.append(R"({"deploymentId":")").append(deployment_).append("\"}");
    refuse(request, 412, "Precondition Failed", "unkey/application/deployment_not_ready");
    request.refusal.detail = "The deployment is not ready.";
    request.refusal.internal =
        "deploygate rejected promote/rollback: The deployment is not ready.: target precondition "
        "failed";
    request.latency_ms = 8 + static_cast<int>(random.below(12));
  }

 private:
  Client client_;
  std::string deployment_;
};

template <typename T>
std::unique_ptr<Actor> hire(Random& random, uint32_t) {
  return std::make_unique<T>(random);
}

constexpr std::array<ActorKind, 6> kKinds = {{
    {"honest", 0.96, true, make_honest_crowd},
    {"quota_hammer", 0.008, false, hire<QuotaHammer>},
    {"protected_prober", 0.008, false, hire<ProtectedProber>},
    {"permission_scanner", 0.008, false, hire<PermissionScanner>},
    {"disabled_key_loop", 0.008, false, hire<DisabledKeyLoop>},
    {"order_loop", 0.008, false, hire<OrderLoop>},
}};

}  // namespace

std::span<const ActorKind> actor_kinds() { return kKinds; }

Client make_client(Random& random) {
  Client client;
  client.workspace_id = random.id("ws_");
  client.user_agent = random.pick(kUserAgents);
  // The three networks that are reserved for documentation.
  static constexpr std::array<std::string_view, 3> kNetworks = {"192.0.2.", "198.51.100.",
                                                                "203.0.113."};
  client.ip_address = random.pick(kNetworks);
  client.ip_address += std::to_string(1 + random.below(254));
  client.region = random.pick(kRegions);
  return client;
}

}  // namespace picket
