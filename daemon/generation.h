// Generation: the parts of the daemon that one configuration builds, from reading to delivering.
//
// What lives as long as the process is given to it: see GenerationParts.
//
// Threads: the input thread, which is given, runs the inputs; each push input has up to two more;
// one runs the engine; N decode; one each output. Stop order: inputs, queue, decoders, engine
// (which commits), outputs with a deadline.
//
// Phases: build(), start(), end(). Thread rule: the owner's thread, which is not the input thread.
#pragma once

#include <functional>
#include <memory>
#include <set>
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
struct Legacy;

// What outlives every generation.
struct GenerationParts {
  Store& store;
  PublishedState& published;
  Disk& disk;
  const Clock& clock;
  boost::asio::io_context& input_io;
  ListenerPool& listeners;
  std::string state_folder = ".";
  std::function<void()> on_input_end = {};  // on the input thread, when one has ended by itself
};

class Generation {
 public:
  Generation(std::shared_ptr<const Plan> plan, GenerationParts parts);
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // Builds what is not in `legacy` and takes ports and folders. Nothing runs yet.
  Diagnostics build(const Legacy& legacy);
  // REQUIRES: build() went well with this legacy; the input thread runs.
  void start(Legacy legacy);
  // Stops everything in order, but for those inputs and outputs that `next` has too. Null: the
  // process ends.
  Legacy end(const Plan* next);

  // True when there are inputs and none has anything more to say.
  bool inputs_ended() const;
  const Plan& plan() const { return *plan_; }
  std::shared_ptr<const Plan> shared_plan() const { return plan_; }

 private:
  class Reporter;
  using Checkpoints = std::vector<InputRunner::Checkpoints>;

  void build_outputs(const Legacy& legacy, Diagnostics& diagnostics);
  void build_inputs(const Legacy& legacy, Diagnostics& diagnostics);
  Checkpoints load_checkpoints(const Legacy& legacy);
  std::set<std::string> take_over_outputs(Legacy& legacy);
  std::set<std::string> take_over_inputs(Legacy& legacy);
  void build_pipeline();
  void restore_engine(const Legacy& legacy);
  void resume_streams(Legacy& legacy, const std::set<std::string>& resumed);
  void tell_of_alerts(const std::vector<Alert>& before);
  void end_inputs(const Plan* next, Legacy& legacy);
  void end_outputs(const Plan* next, Legacy& legacy);

  const std::shared_ptr<const Plan> plan_;
  const GenerationParts parts_;
  std::unique_ptr<DeadLetterFile> dead_letters_;
  std::vector<std::unique_ptr<Delivery>> deliveries_;  // null until start(): in the legacy
  std::unique_ptr<Keeper> keeper_;
  std::unique_ptr<Pipeline> pipeline_;
  std::vector<std::unique_ptr<InputRunner>> inputs_;  // as deliveries_
  std::shared_ptr<Reporter> reporter_;
};

}  // namespace picket
