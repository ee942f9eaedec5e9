// Generation: the parts of the daemon that one configuration builds, from reading to delivering.
//
// What lives as long as the process is given to it: see GenerationParts.
//
// Threads: the input thread, which is given, runs the inputs; each push input has two more; one
// runs the engine; N decode; one each output. Stop order: inputs, queue, decoders, engine (which
// commits), outputs with a deadline.
//
// Phases: build(), start(), end(). Thread rule: the owner's thread, which is not the input thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/dead_letter.h"
#include "daemon/inputs/input_runner.h"
#include "daemon/outputs/delivery.h"
#include "daemon/plan.h"
#include "daemon/published.h"
#include "daemon/store.h"

namespace picket {

class Keeper;
class Pipeline;

// What outlives every generation.
struct GenerationParts {
  Store& store;
  PublishedState& published;
  Disk& disk;
  const Clock& clock;
  boost::asio::io_context& input_io;
  std::string state_folder = ".";
  std::function<void()> on_input_end = {};  // on the input thread, when one has ended by itself
};

class Generation {
 public:
  Generation(std::shared_ptr<const Plan> plan, GenerationParts parts);
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // Builds everything and takes ports and folders. Nothing runs yet.
  Diagnostics build();
  // REQUIRES: build() went well; the input thread runs.
  void start();
  // Stops everything in order.
  void end();

  // True when there are inputs and none has anything more to say.
  bool inputs_ended() const;
  const Plan& plan() const { return *plan_; }

 private:
  class Reporter;
  using Checkpoints = std::vector<InputRunner::Checkpoints>;

  void build_outputs(Diagnostics& diagnostics);
  void build_inputs(Diagnostics& diagnostics);
  void build_pipeline();
  void restore();
  Checkpoints load_checkpoints();

  const std::shared_ptr<const Plan> plan_;
  const GenerationParts parts_;
  std::unique_ptr<DeadLetterFile> dead_letters_;
  std::vector<std::unique_ptr<Delivery>> deliveries_;
  std::unique_ptr<Keeper> keeper_;
  std::unique_ptr<Pipeline> pipeline_;
  std::vector<std::unique_ptr<InputRunner>> inputs_;
  std::shared_ptr<Reporter> reporter_;
};

}  // namespace picket
