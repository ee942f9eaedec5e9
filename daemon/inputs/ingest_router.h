// IngestRouter: what one HTTP listener answers: to each request what the input says that it is for.
//
// Inputs come and go while the listener stays: at a reload those that changed leave, and their
// successors join. A request that comes between the two waits for its input before its body is
// read, for at most kHoldMax. One whose body arrives meanwhile belongs to the successor, which
// looks at the header once more.
//
// What is for no input - a path of none, bytes that are no HTTP, a failed handshake - is answered
// and counted by the first of them by name; the connections are counted there, too.
//
// Invariants: an input that has left answers nothing any more, and what it took it has answered.
// Thread rule: the listener's thread; first() from any.
// Tested by tests/daemon/inputs/ingest_router_test.cc.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <set>
#include <vector>

#include "daemon/http/server.h"
#include "daemon/inputs/ingest_service.h"

namespace picket {

class IngestRouter final : public HttpService {
 public:
  static constexpr std::chrono::seconds kHoldMax{20};

  explicit IngestRouter(boost::asio::any_io_executor executor) : executor_(executor) {}

  // `expected`: how many inputs there are to be; until they have joined, requests that nobody takes
  // wait. `changing`: so do they while others may still come.
  void expect(size_t expected, bool changing);
  // `input` stays until leave() has returned.
  void join(IngestService& input);
  // Returns once it has nothing more to answer.
  boost::asio::awaitable<void> leave(IngestService& input);

  // Of all inputs.
  uint64_t body_max() const;
  // Null: there is none.
  const IngestService* first() const { return first_; }

  Admission admit(const HttpRequest& head) override;
  Answer answer(HttpRequest request) override;
  void turned_away(int status, std::string_view path) override;

 private:
  class Answering;
  using Bell = boost::asio::steady_timer;
  using Wait = boost::asio::awaitable<void>;
  using FindInput = boost::asio::awaitable<IngestService*>;

  IngestService* find(std::string_view path) const;
  FindInput input_for(std::string path);
  Wait change(std::chrono::steady_clock::time_point until);
  void ring();

  boost::asio::any_io_executor executor_;
  std::vector<IngestService*> inputs_;  // by name
  std::multiset<const IngestService*> answering_;
  std::atomic<const IngestService*> first_ = nullptr;
  std::set<Bell*> waiting_;  // for any change
  size_t expected_ = 0;
  bool changing_ = true;
};

}  // namespace picket
