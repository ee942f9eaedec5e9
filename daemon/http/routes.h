// Routes: what the HTTP server answers, as a table of path, method and function.
//
// Every handler reads one Snapshot and returns a whole response, so a request never waits for the
// pipeline and sees one consistent state. HEAD is answered wherever GET is.
//
// Thread rule: pure functions of the request and the context; the server's thread calls them.
// Errors: as responses with a JSON body {"error": "..."}.
// Tested by tests/daemon/http/routes_test.cc.
#pragma once

#include <span>
#include <string_view>

#include "daemon/http/server.h"
#include "daemon/published.h"

namespace picket {

// What handlers may use.
struct RouteContext {
  const PublishedState& state;
};

struct Route {
  std::string_view method;
  std::string_view path;
  std::string_view about;  // one line for the index
  HttpResponse (*handle)(const HttpRequest& request, const RouteContext& context);
};

std::span<const Route> routes();

// Finds the route and calls it: 404 for an unknown path, 405 with Allow for a wrong method.
HttpResponse answer(const HttpRequest& request, const RouteContext& context);

}  // namespace picket
