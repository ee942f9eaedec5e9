// The refusals that callers of a Scenario meet: each fills a request as the API would answer it and
// sends it with the cause that a reader of the answer should name.
//
// Thread rule: as Plan.
#pragma once

#include <array>
#include <string_view>

#include "rules/types.h"
#include "tests/support/scenario.h"

namespace picket {

// An answer with status 200. `target` stands in the body under `key`.
struct Target {
  std::string_view key;
  std::string_view id;
};
void succeed(Plan& plan, Timestamp time, std::string_view operation, const Target& target);

// `permission` as the API writes it, for example "api.*.delete_key".
void lack_permission(Plan& plan, Timestamp time, std::string_view operation,
                     std::string_view permission);
// Operations with the right that each takes.
struct Right {
  std::string_view operation;
  std::string_view permission;
};
inline constexpr std::array<Right, 18> kRights = {{
    {"apis.deleteApi", "api.*.delete_api"},
    {"keys.deleteKey", "api.*.delete_key"},
    {"keys.updateKey", "api.*.update_key"},
    {"keys.createKey", "api.*.create_key"},
    {"keys.getKey", "api.*.read_key"},
    {"apis.listKeys", "api.*.read_api"},
    {"permissions.createRole", "rbac.*.create_role"},
    {"permissions.deleteRole", "rbac.*.delete_role"},
    {"permissions.createPermission", "rbac.*.create_permission"},
    {"permissions.deletePermission", "rbac.*.delete_permission"},
    {"identities.deleteIdentity", "identity.*.delete_identity"},
    {"identities.updateIdentity", "identity.*.update_identity"},
    {"identities.getIdentity", "identity.*.read_identity"},
    {"ratelimit.setOverride", "ratelimit.*.set_override"},
    {"ratelimit.deleteOverride", "ratelimit.*.delete_override"},
    {"projects.deleteProject", "project.*.delete_project"},
    {"environments.listEnvironmentVariables", "environment.*.read_environment"},
    {"gateway.setPolicies", "gateway.*.set_policies"},
}};

// A denial that is shown as a 404 of a deployment.
void hide_deployment(Plan& plan, Timestamp time, std::string_view operation, std::string_view id);
void foreign_key(Plan& plan, Timestamp time, std::string_view key_id);
// A portal user asks for the key of another one.
void foreign_portal_key(Plan& plan, Timestamp time, std::string_view key_id);
// Deleting what is not there any more.
void gone(Plan& plan, Timestamp time, std::string_view api_id);
void protect_api(Plan& plan, Timestamp time, std::string_view api_id);
void deployment_not_ready(Plan& plan, Timestamp time, std::string_view id);
void over_plan(Plan& plan, Timestamp time);
void over_rate(Plan& plan, Timestamp time, int retry_after_s);
void old_property(Plan& plan, Timestamp time);

enum class KeyState { Unknown, Disabled, Expired };
// Refused authentication: the row has no workspace. `day` tells expired keys apart.
void dead_key(Plan& plan, Timestamp time, std::string_view operation, KeyState state, int day = 1);

// keys.verifyKey answers with status 200 and `code`; `key_id` is empty for a key that nobody knows.
void verify(Plan& plan, Timestamp time, std::string_view code, std::string_view key_id);

enum class QueryFault { Syntax, Table, Function, Settings };
void refuse_query(Plan& plan, Timestamp time, QueryFault fault, std::string_view name);

}  // namespace picket
