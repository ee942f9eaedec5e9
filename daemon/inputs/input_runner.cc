#include "daemon/inputs/input_runner.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

#include "daemon/log.h"

namespace picket {

namespace asio = boost::asio;

Result<std::unique_ptr<InputRunner>> InputRunner::make(const InputSettings& settings,
                                                       std::string identity,
                                                       const RunnerContext& context,
                                                       Checkpoints checkpoints) {
  std::unique_ptr<InputRunner> runner(new InputRunner(settings, std::move(identity), context));
  for (const InputKind& kind : input_kinds()) {
    if (kind.type != settings.type) continue;
    PICKET_TRY(runner->input_,
               kind.make(*settings.node, {.executor = context.input_io.get_executor(),
                                          .sink = runner->gate_,
                                          .disk = context.disk,
                                          .clock = context.clock,
                                          .name = settings.name,
                                          .batch_bytes = context.batch_bytes,
                                          .max_line = settings.max_line,
                                          .checkpoints = std::move(checkpoints),
                                          .receive = runner->receiving_.io.get_executor(),
                                          .state_folder = context.state_folder,
                                          .listeners = &context.listeners}));
    return runner;
  }
  return fail(settings.node->where(), "there is no such type of input");
}

InputRunner::InputRunner(const InputSettings& settings, std::string identity,
                         const RunnerContext& context)
    : name_(settings.name),
      identity_(std::move(identity)),
      input_io_(context.input_io),
      on_end_(context.on_end) {}

InputRunner::~InputRunner() {
  if (!started_) return;
  gate_.shut();
  cancel();
  end();
}

void InputRunner::start() {
  started_ = true;
  if (input_->receives()) {
    receiving_.thread = std::thread([this] { receiving_.io.run(); });
  }
  asio::co_spawn(input_io_, input_->run(),
                 asio::bind_cancellation_slot(
                     cancel_->slot(), [this, on_end = on_end_](const std::exception_ptr& error) {
                       if (error) log_error("input '{}' ended with an exception", name_);
                       {
                         MutexLock lock(mutex_);
                         ended_ = true;
                         changed_.notify_all();
                       }
                       // From here on the runner may be gone.
                       if (on_end) on_end();
                     }));
}

void InputRunner::cancel() {
  // The input may end by itself before this is run, and the runner with it.
  asio::post(input_io_, [signal = cancel_] { signal->emit(asio::cancellation_type::terminal); });
}

void InputRunner::end() {
  {
    MutexLock lock(mutex_);
    while (!ended_) changed_.wait(mutex_);
  }
  receiving_.work.reset();
  if (receiving_.thread.joinable()) receiving_.thread.join();
  started_ = false;
}

InputStats InputRunner::stats() const {
  InputStats stats = input_->stats();
  stats.bytes_read += before_.bytes_read;
  stats.rotations += before_.rotations;
  stats.truncations += before_.truncations;
  stats.read_errors += before_.read_errors;
  if (!stats.push || !before_.push) return stats;
  PushStats& push = *stats.push;
  push.requests += before_.push->requests;
  for (size_t i = 0; i < push.refused.size(); ++i) push.refused[i] += before_.push->refused[i];
  push.spool_records += before_.push->spool_records;
  push.spool_syncs += before_.push->spool_syncs;
  push.spool_errors += before_.push->spool_errors;
  push.spool_lost_bytes += before_.push->spool_lost_bytes;
  push.spool_torn_bytes += before_.push->spool_torn_bytes;
  return stats;
}

bool InputRunner::ended() const {
  MutexLock lock(mutex_);
  return ended_;
}

}  // namespace picket
