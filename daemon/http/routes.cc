// Tested by tests/daemon/http/routes_test.cc.
#include "daemon/http/routes.h"

#include <fmt/format.h>

#include "daemon/http/status_json.h"
#include "daemon/metrics.h"
#include "rules/json_writer.h"

namespace picket {
namespace {

HttpResponse json_response(std::string body) {
  return {.content_type = "application/json", .body = std::move(body)};
}

// "OK", or 503 with the reason: what probes look at and people read.
HttpResponse probe_response(bool good, const std::string& reason) {
  if (good) return {.body = "OK\n"};
  HttpResponse response{.status = 503};
  append_printable(response.body, reason.empty() ? "not available" : reason);
  response.body += '\n';
  return response;
}

HttpResponse metrics(const HttpRequest&, const RouteContext& context) {
  return {.content_type = std::string(kMetricsContentType),
          .body = metrics_text(*context.state.latest())};
}

HttpResponse healthy(const HttpRequest&, const RouteContext& context) {
  const auto snapshot = context.state.latest();
  return probe_response(snapshot->health.healthy, snapshot->health.unhealthy_reason);
}

HttpResponse ready(const HttpRequest&, const RouteContext& context) {
  const auto snapshot = context.state.latest();
  return probe_response(snapshot->health.ready, snapshot->health.not_ready_reason);
}

HttpResponse status(const HttpRequest&, const RouteContext& context) {
  return json_response(status_json(*context.state.latest()));
}

HttpResponse sources(const HttpRequest&, const RouteContext& context) {
  return json_response(sources_json(*context.state.latest()));
}

HttpResponse rules(const HttpRequest&, const RouteContext& context) {
  return json_response(rules_json(*context.state.latest()));
}

HttpResponse alerts(const HttpRequest& request, const RouteContext& context) {
  const std::string wanted = query_value(request.query, "status").value_or("");
  const std::string id = query_value(request.query, "id").value_or("");
  if (!wanted.empty() && wanted != "firing" && wanted != "resolved") {
    return http_error(400, "status is 'firing' or 'resolved'");
  }
  return json_response(alerts_json(*context.state.latest(), {.status = wanted, .id = id}));
}

// StatusService answers it before it comes here.
HttpResponse reload(const HttpRequest&, const RouteContext&) {
  return http_error(503, "not available");
}

HttpResponse index(const HttpRequest&, const RouteContext&) {
  HttpResponse response{.body = "picket " PICKET_VERSION "\n\n"};
  for (const Route& route : routes()) {
    response.body += fmt::format("{:<5} {:<18} {}\n", route.method, route.path, route.about);
  }
  return response;
}

constexpr Route kRoutes[] = {
    {"GET", "/", "this page", index},
    {"GET", "/metrics", "metrics for Prometheus", metrics},
    {"GET", "/-/healthy", "200 while nothing needs attention, else 503 and the reason", healthy},
    {"GET", "/-/ready", "200 once the inputs are being read, else 503 and the reason", ready},
    {"POST", "/-/reload", "reads the configuration again; 500 and why, if it is refused", reload},
    {"GET", "/api/v1/status", "the state of the daemon", status},
    {"GET", "/api/v1/alerts", "alerts; ?status=firing or resolved, ?id=", alerts},
    {"GET", "/api/v1/rules", "rules and what they matched", rules},
    {"GET", "/api/v1/sources", "inputs and what became of their lines", sources},
};

}  // namespace

std::span<const Route> routes() { return kRoutes; }

HttpResponse answer(const HttpRequest& request, const RouteContext& context) {
  std::string allowed;
  for (const Route& route : kRoutes) {
    if (route.path != request.path) continue;
    if (route.method == request.method) return route.handle(request, context);
    if (!allowed.empty()) allowed += ", ";
    allowed += route.method;
    if (route.method == "GET") allowed += ", HEAD";
  }
  if (allowed.empty()) return http_error(404, "not found");
  HttpResponse response = http_error(405, "method not allowed");
  response.headers.emplace_back("Allow", allowed);
  return response;
}

}  // namespace picket
