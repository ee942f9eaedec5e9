// ListenSocket: a listening TCP or unix socket, of which its users have duplicates.
//
// While one of them is open, connections queue up in the system instead of being refused.
//
// Thread rule: immutable. Tested by tests/daemon/inputs/listener_pool_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "config/result.h"
#include "daemon/http/server.h"

namespace picket {

class ListenSocket {
 public:
  static Result<std::unique_ptr<ListenSocket>> tcp(const ListenAddress& address);
  // Mode 0660. A socket of that name that nobody listens on any more is replaced; anything else of
  // that name is an error.
  static Result<std::unique_ptr<ListenSocket>> unix_socket(const std::string& path);
  // Closes it, and removes what it put into the file system, if that is still there.
  ~ListenSocket();
  ListenSocket(const ListenSocket&) = delete;
  ListenSocket& operator=(const ListenSocket&) = delete;

  // A descriptor that the caller owns; -1: there are no more.
  int duplicate() const;
  // False: somebody has removed or replaced what it is reached by.
  bool can_be_reached() const;

 private:
  ListenSocket(int socket, std::string path);

  const int socket_;
  const std::string path_;  // empty: none
  uint64_t inode_ = 0;      // of the path
};

}  // namespace picket
