// Actors: who sends the requests of Traffic. One kind is one small class and one line of the table.
//
// Thread rule: one owner each; actors of one Traffic share its Random.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "tests/support/traffic_random.h"
#include "tests/support/traffic_row.h"

namespace picket {

class Actor {
 public:
  virtual ~Actor() = default;
  // Fills a cleared Request (time and request id are set already).
  virtual void request(Random& random, Request& request) = 0;
};

struct ActorKind {
  std::string_view name;
  double share = 0;  // of all rows
  bool honest = false;
  // `workspaces` is how many callers an honest crowd has; the others are one caller each.
  std::unique_ptr<Actor> (*make)(Random& random, uint32_t workspaces) = nullptr;
};

// All kinds, in traffic_actors.cc. The honest one is always there.
std::span<const ActorKind> actor_kinds();

// The honest crowd, in traffic_honest.cc.
std::unique_ptr<Actor> make_honest_crowd(Random& random, uint32_t workspaces);

// A caller with an id, address and program of its own.
Client make_client(Random& random);

}  // namespace picket
