// Output of type `alertmanager`: every alert to every Alertmanager, again and again while it fires.
//
// Alertmanagers of one cluster tell duplicates apart themselves, so each URL gets everything
// through a queue of its own and no load balancer may stand in between. Nothing is retried as such:
// every resend_interval all that fires or was resolved lately is sent anew, and a receiver that was
// not reachable gets that sooner, after a pause that doubles. deliver() waits until one receiver
// has the events, since one is enough to page somebody, or until all have failed. Tested by
// tests/daemon/outputs/alertmanager_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/outputs/alert_book.h"
#include "daemon/outputs/output.h"
#include "daemon/outputs/post_queue.h"

namespace picket {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kFirstPause{2'000};
constexpr milliseconds kDrain{2'000};  // what finish() may take

struct Options {
  std::vector<std::string> urls = {};  // bases, e.g. http://127.0.0.1:9093
  milliseconds resend_interval{60'000};
  milliseconds timeout{10'000};
  int64_t batch = 256;
};

Result<Options> parse(const Node& node) {
  Diagnostics diagnostics;
  MapReader map(node, "output", diagnostics);
  map.string("type", "");
  map.string("name", "");
  Options options;
  const Node* const urls = map.require("urls");
  options.urls = map.strings("urls");
  options.resend_interval = map.duration("resend_interval", options.resend_interval);
  options.timeout = map.duration("timeout", options.timeout);
  options.batch = map.integer("batch", options.batch, 1, 10'000);
  map.finish();
  const auto problem = [&](const char* key, std::string message, std::string hint) {
    const Node* const at = node.find(key);
    diagnostics.push_back({at ? at->where() : node.where(), std::move(message), std::move(hint)});
  };
  if (urls != nullptr && options.urls.empty()) problem("urls", "no URL given", "");
  for (const std::string& url : options.urls) {
    if (is_base_url(url)) continue;
    problem("urls", fmt::format("'{}' is not a usable URL", url),
            "write http://host:port or https://host:port, without user, query or fragment");
  }
  if (options.resend_interval < milliseconds(1'000)) {
    problem("resend_interval", "resend_interval is below 1s", "the usual value is 1m");
  }
  if (options.timeout < milliseconds(10)) problem("timeout", "timeout is below 10ms", "");
  if (has_errors(diagnostics)) return std::unexpected(std::move(diagnostics));
  return options;
}

std::string alerts_url(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url + "/api/v2/alerts";
}

// One Alertmanager and when it is due to hear everything before the next general re-send.
struct Receiver {
  std::unique_ptr<PostQueue> queue;
  milliseconds pause = kFirstPause;
  std::optional<Timestamp> repeat_at = {};
};

class AlertmanagerOutput final : public Output {
 public:
  AlertmanagerOutput(Options options, OutputContext context)
      : options_(std::move(options)),
        book_({.resend_interval = options_.resend_interval,
               .batch_max = static_cast<size_t>(options_.batch),
               .external_url = context.external_url}) {
    for (const std::string& url : options_.urls) {
      receivers_.push_back({.queue = std::make_unique<PostQueue>(
                                PostOptions{.url = alerts_url(url), .timeout = options_.timeout})});
    }
  }

  std::error_code deliver(const std::vector<AlertEvent>& events, Timestamp now) override {
    if (events.empty()) return {};
    const auto bodies = std::make_shared<const std::vector<AlertBody>>(book_.apply(events, now));
    const auto round = std::make_shared<Round>(receivers_.size());
    for (const Receiver& receiver : receivers_) receiver.queue->post(bodies, round, false);
    const auto patience = options_.timeout + milliseconds(500);
    if (round->wait_any(steady_clock::now() + patience)) return {};
    // This failure is the answer; tick() need not tell it again.
    for (Receiver& receiver : receivers_) note_failure(receiver, now);
    return std::make_error_code(std::errc::host_unreachable);
  }

  std::error_code tick(Timestamp now) override {
    bool failed = false;
    for (Receiver& receiver : receivers_) failed = note_failure(receiver, now) || failed;
    // A wall clock that was set back must not silence the re-sends.
    if (now >= resend_at_ || resend_at_ - now > options_.resend_interval) {
      resend_at_ = now + options_.resend_interval;
      repeat(now, [](const Receiver&) { return true; });
    } else {
      repeat(now, [now](const Receiver& r) { return r.repeat_at && now >= *r.repeat_at; });
    }
    return failed ? std::make_error_code(std::errc::host_unreachable) : std::error_code();
  }

  // Alerts are not resolved at shutdown: a restart carries on, and if none comes Alertmanager ends
  // them by itself.
  void finish(Timestamp) override {
    const auto deadline = steady_clock::now() + kDrain;
    for (const Receiver& receiver : receivers_) receiver.queue->stop(deadline);
  }

  std::string last_error() const override {
    std::string out;
    for (const Receiver& receiver : receivers_) {
      const std::string error = receiver.queue->last_error();
      if (!error.empty()) out += (out.empty() ? "" : "; ") + error;
    }
    return out;
  }

 private:
  // Plans an early repetition for a receiver that was not reachable. A refusal (4xx) plans nothing:
  // the same bytes would be refused again, so it waits for the general re-send.
  bool note_failure(Receiver& receiver, Timestamp now) {
    const std::optional<PostFailure> failure = receiver.queue->take_failure();
    if (!failure) {
      if (receiver.queue->last_error().empty()) receiver.pause = kFirstPause;
      return false;
    }
    if (*failure == PostFailure::Unavailable) {
      receiver.repeat_at = now + receiver.pause;
      receiver.pause = std::min(receiver.pause * 2, options_.resend_interval);
    }
    return true;
  }

  template <class Wanted>
  void repeat(Timestamp now, Wanted wanted) {
    if (std::ranges::none_of(receivers_, wanted)) return;
    const auto bodies = std::make_shared<const std::vector<AlertBody>>(book_.all(now));
    for (Receiver& receiver : receivers_) {
      if (!wanted(receiver)) continue;
      receiver.repeat_at.reset();
      if (!bodies->empty()) receiver.queue->post(bodies, std::make_shared<Round>(1), true);
    }
  }

  const Options options_;
  AlertBook book_;
  std::vector<Receiver> receivers_;
  Timestamp resend_at_{};
};

}  // namespace

Result<std::unique_ptr<Output>> make_alertmanager_output(const Node& node, OutputContext context) {
  PICKET_TRY(Options options, parse(node));
  return std::make_unique<AlertmanagerOutput>(std::move(options), std::move(context));
}

}  // namespace picket
