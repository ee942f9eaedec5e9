// ListenerPool: the ports and sockets that push inputs listen on.
//
// They belong to the process, not to the inputs: an input that a reload replaces leaves its place,
// its successor takes it, and the socket stays open all the while, so nobody who connects is
// refused. Inputs of type http may share a port; see IngestRouter. What nobody claims any more when
// a reload is through is closed.
//
// Thread rule: hold(), settle(), drain() and the claiming belong to the owner's thread, which also
// destroys the claims; all calls on a claim are for any thread. The pool outlives the claims.
// Errors: an address that cannot be taken, or that an input has which does not share it.
// Tested by tests/daemon/inputs/listener_pool_test.cc.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "config/result.h"
#include "daemon/http/server.h"

namespace picket {

class HttpListener;
class ListenSocket;

class ListenerPool {
 private:
  struct Entry {
    Entry();
    ~Entry();
    std::unique_ptr<HttpListener> http;    // either this
    std::unique_ptr<ListenSocket> socket;  // or that
    size_t claims = 0;
  };

 public:
  // An input's place at a listener. Giving it up closes nothing yet.
  class Claim {
   public:
    explicit Claim(Entry& entry) : entry_(&entry) { ++entry_->claims; }
    ~Claim() { --entry_->claims; }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

    // REQUIRES: http().
    HttpListener& http() const { return *entry_->http; }
    // REQUIRES: tcp() or unix_socket().
    ListenSocket& socket() const { return *entry_->socket; }

   private:
    Entry* entry_;
  };
  using ClaimResult = Result<std::unique_ptr<Claim>>;

  ListenerPool();
  ~ListenerPool();
  ListenerPool(const ListenerPool&) = delete;
  ListenerPool& operator=(const ListenerPool&) = delete;

  // Listens there, unless that is so already.
  ClaimResult http(const ListenAddress& address);
  ClaimResult tcp(const ListenAddress& address);
  ClaimResult unix_socket(const std::string& path);

  // Inputs are about to be replaced: requests for one that is not there wait. So it is at first.
  void hold();
  // All inputs have claimed their places.
  void settle();
  // The process ends: nobody is let in any more.
  void drain();

 private:
  using Open = std::function<Diagnostics(Entry&)>;

  std::string key_of(const ListenAddress& address);
  ClaimResult claim(const std::string& key, bool shared, const Open& open);
  Diagnostics open_entry(const std::string& key, const Open& open);
  void close_unclaimed();

  std::map<std::string, std::unique_ptr<Entry>> entries_;  // by address
  size_t any_port_ = 0;  // how many asked for any free port; each gets its own
  bool changing_ = true;
};

}  // namespace picket
