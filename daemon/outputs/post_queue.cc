// Tested by tests/daemon/outputs/alertmanager_test.cc.
#include "daemon/outputs/post_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/failpoint.h"
#include "rules/json_writer.h"

namespace picket {
namespace {

constexpr size_t kAnswerBytesMax = 512;  // enough to quote in an error

class AnswerStart final : public HttpAnswerSink {
 public:
  void on_status(int) override {}
  void on_header(std::string_view, std::string_view) override {}
  bool on_data(std::string_view bytes) override {
    text.append(bytes.substr(0, kAnswerBytesMax - text.size()));
    return true;
  }
  std::string text;
};

}  // namespace

void Round::report(bool arrived) {
  MutexLock lock(mutex_);
  if (waiting_ > 0) --waiting_;
  arrived_ = arrived_ || arrived;
  changed_.notify_all();
}

bool Round::wait_any(std::chrono::steady_clock::time_point deadline) {
  MutexLock lock(mutex_);
  while (!arrived_ && waiting_ > 0 && changed_.wait_until(mutex_, deadline)) {
  }
  return arrived_;
}

PostQueue::PostQueue(PostOptions options)
    : options_(std::move(options)), client_({.timeout = options_.timeout}, abort_) {
  thread_ = std::thread([this] { run(); });
}

PostQueue::~PostQueue() { stop(std::chrono::steady_clock::now()); }

void PostQueue::post(const std::shared_ptr<const std::vector<AlertBody>>& bodies,
                     const std::shared_ptr<Round>& round, bool replace) {
  MutexLock lock(mutex_);
  while (!jobs_.empty() && (replace || jobs_.size() >= kQueueMax)) {
    jobs_.front().round->report(false);
    jobs_.pop_front();
  }
  if (closing_) return round->report(false);
  jobs_.push_back({bodies, round});
  changed_.notify_all();
}

std::optional<PostFailure> PostQueue::take_failure() {
  MutexLock lock(mutex_);
  return std::exchange(failure_, std::nullopt);
}

std::string PostQueue::last_error() const {
  MutexLock lock(mutex_);
  return last_error_;
}

void PostQueue::stop(std::chrono::steady_clock::time_point deadline) {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(mutex_);
    while ((!jobs_.empty() || !idle_) && changed_.wait_until(mutex_, deadline)) {
    }
    closing_ = true;
    abort_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void PostQueue::run() {
  for (;;) {
    Job job;
    {
      MutexLock lock(mutex_);
      idle_ = true;
      changed_.notify_all();
      while (jobs_.empty() && !closing_) changed_.wait(mutex_);
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      idle_ = false;
    }
    job.round->report(send(job));
  }
}

void PostQueue::record(const std::string& error, std::optional<PostFailure> failure) {
  MutexLock lock(mutex_);
  last_error_ = error;
  if (failure) failure_ = failure;
}

// A body that is refused does not keep the next one from being sent, but a receiver that is not
// there is not asked twice.
bool PostQueue::send(const Job& job) {
  bool arrived = true;
  for (const AlertBody& body : *job.bodies) {
    AnswerStart answer;
    failpoint(Failpoint::AlertPost);
    const HttpOutcome outcome =
        client_.post({options_.url, {"Content-Type: application/json"}, body.json}, answer);
    failpoint(Failpoint::AlertPosted);
    if (!outcome.error.empty()) {
      record(fmt::format("{}: {}", options_.url, outcome.error), PostFailure::Unavailable);
      return false;
    }
    const int status = outcome.status;
    if (status / 100 == 2) continue;
    arrived = false;
    std::string text = fmt::format("{}: status {}: ", options_.url, status);
    append_printable(text, answer.text);
    const bool later = status >= 500 || status == 429;
    record(text, later ? PostFailure::Unavailable : PostFailure::Refused);
    if (later) return false;
  }
  if (arrived) record({}, std::nullopt);
  return arrived;
}

}  // namespace picket
