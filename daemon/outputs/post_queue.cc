// The only user of libcurl among the outputs that speak to Alertmanager.
// Tested by tests/daemon/outputs/alertmanager_test.cc.
#include "daemon/outputs/post_queue.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "rules/json_writer.h"

namespace picket {
namespace {

constexpr size_t kAnswerBytesMax = 512;  // enough to quote in an error

size_t keep_answer(char* data, size_t size, size_t count, void* answer) {
  auto& text = *static_cast<std::string*>(answer);
  text.append(data,
              std::min(size * count, kAnswerBytesMax - std::min(text.size(), kAnswerBytesMax)));
  return size * count;
}

int check_abort(void* abort, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(abort)->load() ? 1 : 0;
}

using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

// Without "Expect" curl would wait a second for a go-ahead before larger bodies.
Headers json_headers() {
  curl_slist* list = curl_slist_append(nullptr, "Content-Type: application/json");
  list = curl_slist_append(list, "Expect:");
  return {list, &curl_slist_free_all};
}

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

PostQueue::PostQueue(PostOptions options) : options_(std::move(options)) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  curl_ = curl_easy_init();
  thread_ = std::thread([this] { run(); });
}

PostQueue::~PostQueue() {
  stop(std::chrono::steady_clock::now());
  curl_easy_cleanup(curl_);
  curl_global_cleanup();
}

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
  if (curl_ == nullptr) {
    record("out of memory", PostFailure::Unavailable);
    return false;
  }
  const Headers headers = json_headers();
  bool arrived = true;
  for (const AlertBody& body : *job.bodies) {
    std::string answer;
    curl_easy_reset(curl_);  // keeps the connection
    curl_easy_setopt(curl_, CURLOPT_URL, options_.url.c_str());
    curl_easy_setopt(curl_, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl_, CURLOPT_USERAGENT, "picket/" PICKET_VERSION);
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, body.json.data());
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.json.size()));
    curl_easy_setopt(curl_, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
    curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, keep_answer);
    curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl_, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl_, CURLOPT_XFERINFOFUNCTION, check_abort);
    curl_easy_setopt(curl_, CURLOPT_XFERINFODATA, &abort_);
    const CURLcode code = curl_easy_perform(curl_);
    if (code != CURLE_OK) {
      record(fmt::format("{}: {}", options_.url, curl_easy_strerror(code)),
             PostFailure::Unavailable);
      return false;
    }
    long status = 0;
    curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
    if (status / 100 == 2) continue;
    arrived = false;
    std::string text = fmt::format("{}: status {}: ", options_.url, status);
    append_printable(text, answer);
    const bool later = status >= 500 || status == 429;
    record(text, later ? PostFailure::Unavailable : PostFailure::Refused);
    if (later) return false;
  }
  if (arrived) record({}, std::nullopt);
  return arrived;
}

}  // namespace picket
