#include "tests/support/scenario_refusals.h"

#include <string>
#include <string_view>

#include "rules/types.h"
#include "tests/support/scenario.h"
#include "tests/support/traffic_row.h"

namespace picket {
namespace {

void refuse(Request& request, int status, std::string_view title, std::string_view type) {
  request.refused = true;
  request.refusal.status = status;
  request.refusal.title = title;
  request.refusal.type = type;
}

void name_target(Request& request, const Target& target) {
  request.request_body.append("{\"").append(target.key).append("\":\"");
  request.request_body.append(target.id).append("\"}");
}

void hide_key(Plan& plan, Timestamp time, std::string_view operation, const Target& target,
              std::string_view internal) {
  Request& request = plan.begin(time, operation);
  name_target(request, target);
  refuse(request, 404, "Not Found", "unkey/data/key_not_found");
  request.refusal.detail = "The requested key does not exist.";
  request.refusal.internal = internal;
  plan.send("cross_workspace");
}

}  // namespace

void succeed(Plan& plan, Timestamp time, std::string_view operation, const Target& target) {
  name_target(plan.begin(time, operation), target);
  plan.send();
}

void lack_permission(Plan& plan, Timestamp time, std::string_view operation,
                     std::string_view permission) {
  Request& request = plan.begin(time, operation);
  name_target(request, {"keyId", plan.random().id("key_")});
  refuse(request, 403, "Insufficient Permissions", "unkey/authorization/insufficient_permissions");
  request.refusal.detail.append("Missing permission: '").append(permission).append("'");
  request.refusal.internal = request.refusal.detail + ": insufficient permissions";
  plan.send("insufficient_permissions");
}

void hide_deployment(Plan& plan, Timestamp time, std::string_view operation, std::string_view id) {
  Request& request = plan.begin(time, operation);
  name_target(request, {"deploymentId", id});
  refuse(request, 404, "Not Found", "unkey/data/deployment_not_found");
  request.refusal.detail = "The requested deployment does not exist.";
  request.refusal.internal =
      "authorization failed; returning not found to avoid leaking deployment existence: "
      "deployment not found";
  plan.send("masked_denial");
}

void foreign_key(Plan& plan, Timestamp time, std::string_view key_id) {
  hide_key(plan, time, "keys.getKey", {"keyId", key_id},
           "key belongs to different workspace: key not found");
}

void foreign_portal_key(Plan& plan, Timestamp time, std::string_view key_id) {
  hide_key(plan, time, "portal.rerollKey", {"keyId", key_id},
           "key does not belong to portal session identity: key not found");
}

void gone(Plan& plan, Timestamp time, std::string_view api_id) {
  Request& request = plan.begin(time, "apis.deleteApi");
  name_target(request, {"apiId", api_id});
  refuse(request, 404, "Not Found", "unkey/data/api_not_found");
  request.refusal.detail = "The requested API does not exist or has been deleted.";
  request.refusal.internal = "api not found: api not found";
  plan.send("order_dependency");
}

void protect_api(Plan& plan, Timestamp time, std::string_view api_id) {
  Request& request = plan.begin(time, "apis.deleteApi");
  name_target(request, {"apiId", api_id});
  refuse(request, 412, "Resource is protected", "unkey/application/protected_resource");
  request.refusal.detail =
      "This API has delete protection enabled. Disable it before attempting to delete.";
  request.refusal.internal = "api is protected from deletion: delete protected";
  plan.send("protected_resource");
}

void deployment_not_ready(Plan& plan, Timestamp time, std::string_view id) {
  Request& request = plan.begin(time, "deployments.promoteDeployment");
  name_target(request, {"deploymentId", id});
  refuse(request, 412, "Precondition Failed", "unkey/application/deployment_not_ready");
  request.refusal.detail = "The deployment is not ready.";
  request.refusal.internal = "deploygate rejected promote/rollback: The deployment is not ready.";
  plan.send("order_dependency");
}

void over_plan(Plan& plan, Timestamp time) {
  Request& request = plan.begin(time, "domains.createDomain");
  name_target(request, {"domain", "www.acme.test"});
  refuse(request, 403, "Forbidden", "unkey/limits/custom_domain_limit_exceeded");
  request.refusal.detail =
      "Your plan does not allow another custom domain. Upgrade your plan, or remove a domain you "
      "no longer need, then retry.";
  request.refusal.internal = "workspace holds 3 of 3 allowed custom domains";
  plan.send("plan_limit");
}

void over_rate(Plan& plan, Timestamp time, int retry_after_s) {
  Request& request = plan.begin(time, "keys.verifyKey");
  request.request_body = R"({"key":"[REDACTED]"})";
  refuse(request, 429, "Too Many Requests", "user/too_many_requests/workspace_rate_limited");
  request.refusal.detail =
      "This workspace has exceeded its API rate limit of 100/1m0s. Please try again later.";
  request.refusal.internal = "workspace rate limit exceeded";
  request.refusal.retry_after_s = retry_after_s;
  plan.send("quota_limit");
}

void old_property(Plan& plan, Timestamp time) {
  Request& request = plan.begin(time, "keys.createKey");
  request.workspace_id = {};  // the validator runs before authentication
  request.request_body = R"({"apiId":"api_1","remaining":100})";
  refuse(request, 400, "Bad Request", "unkey/application/invalid_input");
  request.refusal.detail = "POST request body for '/v2/keys.createKey' failed to validate schema";
  request.refusal.validation = R"([{"location":"/additionalProperties",)"
                               R"("message":"additional properties 'remaining' not allowed"}])";
  plan.send("unsupported_operation");
}

void dead_key(Plan& plan, Timestamp time, std::string_view operation, KeyState state, int day) {
  Request& request = plan.begin(time, operation);
  request.workspace_id = {};
  request.request_body = "{}";
  std::string& detail = request.refusal.detail;
  detail = "The provided root key is invalid. ";
  switch (state) {
    case KeyState::Unknown:
      refuse(request, 401, "Unauthorized", "unkey/authentication/key_not_found");
      detail += "We could not find the requested key.";
      request.refusal.internal = "invalid root key: key does not exist";
      break;
    case KeyState::Disabled:
      refuse(request, 403, "Key is disabled", "unkey/authorization/key_disabled");
      detail += "The key is disabled.";
      request.refusal.internal = "invalid root key: key is disabled";
      break;
    case KeyState::Expired:
      refuse(request, 403, "Forbidden", "unkey/authorization/forbidden");
      detail += "the key has expired on 2026-07-" + std::to_string(10 + day) + "T00:00:00Z";
      request.refusal.internal = "invalid root key: key has expired";
      break;
  }
  plan.send("credential_state");
}

void verify(Plan& plan, Timestamp time, std::string_view code, std::string_view key_id) {
  Request& request = plan.begin(time, "keys.verifyKey");
  request.request_body = R"({"key":"[REDACTED]"})";
  const bool valid = code == "VALID";
  request.data = "{\"code\":\"";
  request.data.append(code);
  if (!key_id.empty()) request.data.append("\",\"keyId\":\"").append(key_id);
  request.data.append("\",\"valid\":").append(valid ? "true}" : "false}");
  plan.send(valid ? "" : "credential_state");
}

void refuse_query(Plan& plan, Timestamp time, QueryFault fault, std::string_view name) {
  Request& request = plan.begin(time, "analytics.getVerifications");
  request.request_body.append("{\"query\":\"SELECT * FROM ").append(name).append("\"}");
  std::string& detail = request.refusal.detail;
  std::string_view cause = "policy_violation";
  std::string_view type = "user/bad_request/invalid_analytics_function";
  switch (fault) {
    case QueryFault::Syntax:
      type = "user/bad_request/invalid_analytics_query";
      detail.append("Syntax error: unexpected '").append(name).append("'");
      cause = "unsupported_operation";
      break;
    case QueryFault::Table:
      type = "user/bad_request/invalid_analytics_table";
      detail.append("Access to table '").append(name).append("' is not allowed.");
      break;
    case QueryFault::Function:
      detail.append("Table function '").append(name);
      detail += "' is not allowed for security reasons";
      break;
    case QueryFault::Settings:
      type = "user/bad_request/invalid_analytics_query";
      detail = "SETTINGS clauses are not allowed";
      break;
  }
  refuse(request, 400, "Bad Request", type);
  request.refusal.internal = detail;
  plan.send(cause);
}

}  // namespace picket
