#include "daemon/inputs/ingest_router.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string>
#include <utility>

namespace picket {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

HttpResponse not_now() {
  HttpResponse response = http_error(503, "the configuration is being changed");
  response.headers.emplace_back("Retry-After", "5");
  return response;
}

}  // namespace

// One request that an input is answering.
class IngestRouter::Answering {
 public:
  Answering(IngestRouter* router, const IngestService* input)
      : router_(router), at_(router->answering_.insert(input)) {}
  ~Answering() {
    router_->answering_.erase(at_);
    router_->ring();
  }
  Answering(const Answering&) = delete;
  Answering& operator=(const Answering&) = delete;

 private:
  IngestRouter* router_;
  std::multiset<const IngestService*>::iterator at_;
};

void IngestRouter::expect(size_t expected, bool changing) {
  expected_ = expected;
  changing_ = changing;
  ring();
}

void IngestRouter::join(IngestService& input) {
  const auto behind = std::ranges::find_if(
      inputs_, [&](const IngestService* other) { return other->source() > input.source(); });
  inputs_.insert(behind, &input);
  first_ = inputs_.front();
  ring();
}

asio::awaitable<void> IngestRouter::leave(IngestService& input) {
  std::erase(inputs_, &input);
  first_ = inputs_.empty() ? nullptr : inputs_.front();
  while (answering_.contains(&input)) co_await change(steady_clock::time_point::max());
}

uint64_t IngestRouter::body_max() const {
  uint64_t most = 0;
  for (const IngestService* input : inputs_) most = std::max(most, input->body_max());
  return most;
}

IngestService* IngestRouter::find(std::string_view path) const {
  const auto found = std::ranges::find_if(
      inputs_, [path](const IngestService* input) { return input->takes(path); });
  return found == inputs_.end() ? nullptr : *found;
}

// Null: the right one may still come, but did not in time.
IngestRouter::FindInput IngestRouter::input_for(std::string path) {
  const auto until = steady_clock::now() + kHoldMax;
  for (;;) {
    if (IngestService* input = find(path)) co_return input;
    const bool complete = !changing_ && inputs_.size() >= expected_;
    if (complete) co_return inputs_.empty() ? nullptr : inputs_.front();
    if (steady_clock::now() >= until) co_return nullptr;
    co_await change(until);
  }
}

// Waits until something changes.
IngestRouter::Wait IngestRouter::change(steady_clock::time_point until) {
  // Also when the coroutine is destroyed with its loop.
  struct Registration {
    Registration(std::set<Bell*>& a, Bell* b) : all(a), bell(b) { all.insert(bell); }
    ~Registration() { all.erase(bell); }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;
    std::set<Bell*>& all;
    Bell* bell;
  };
  Bell bell(executor_, until);
  const Registration registration(waiting_, &bell);
  co_await bell.async_wait(asio::as_tuple(asio::use_awaitable));
}

void IngestRouter::ring() {
  for (Bell* bell : waiting_) bell->cancel();
}

HttpService::Admission IngestRouter::admit(const HttpRequest& head) {
  IngestService* input = co_await input_for(head.path);
  if (input == nullptr) co_return HttpAdmission{.refused = not_now()};
  co_return HttpAdmission{.refused = input->admit(head), .body_bytes_max = input->body_max()};
}

HttpService::Answer IngestRouter::answer(HttpRequest request) {
  IngestService* input = co_await input_for(request.path);
  if (input == nullptr) co_return not_now();
  // It may be another one than let the header in.
  if (auto refused = input->admit(request)) co_return *std::move(refused);
  const Answering answering(this, input);
  co_return co_await input->answer(std::move(request));
}

void IngestRouter::turned_away(int status, std::string_view path) {
  IngestService* input = find(path);
  if (input == nullptr && !inputs_.empty()) input = inputs_.front();
  if (input != nullptr) input->turned_away(status);
}

}  // namespace picket
