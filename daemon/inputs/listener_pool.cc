#include "daemon/inputs/listener_pool.h"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <utility>

#include "daemon/inputs/http_listener.h"
#include "daemon/inputs/listen_socket.h"

namespace picket {
namespace {

template <class T>
Diagnostics put(Result<std::unique_ptr<T>> made, std::unique_ptr<T>& into) {
  if (!made) return std::move(made).error();
  into = *std::move(made);
  return {};
}

}  // namespace

ListenerPool::Entry::Entry() = default;
ListenerPool::Entry::~Entry() = default;
ListenerPool::ListenerPool() = default;
ListenerPool::~ListenerPool() = default;

ListenerPool::ClaimResult ListenerPool::http(const ListenAddress& address) {
  return claim(key_of(address), true,
               [&](Entry& entry) { return put(HttpListener::make(address), entry.http); });
}

ListenerPool::ClaimResult ListenerPool::tcp(const ListenAddress& address) {
  return claim(key_of(address), false,
               [&](Entry& entry) { return put(ListenSocket::tcp(address), entry.socket); });
}

ListenerPool::ClaimResult ListenerPool::unix_socket(const std::string& path) {
  return claim(path, false,
               [&](Entry& entry) { return put(ListenSocket::unix_socket(path), entry.socket); });
}

// One text for one address. Who asks for any free port shares it with nobody.
std::string ListenerPool::key_of(const ListenAddress& address) {
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(address.host, error);
  const std::string host = error ? address.host : ip.to_string();
  if (address.port == 0) return fmt::format("{} port 0 ({})", host, ++any_port_);
  return fmt::format("{} port {}", host, address.port);
}

ListenerPool::ClaimResult ListenerPool::claim(const std::string& key, bool shared,
                                              const Open& open) {
  const auto found = entries_.find(key);
  Entry* entry = found == entries_.end() ? nullptr : found->second.get();
  // What another type has left here is of no use, nor is what cannot be reached.
  const auto fits = [shared](const Entry& left) {
    return shared ? left.http != nullptr : left.socket && left.socket->can_be_reached();
  };
  if (entry && entry->claims == 0 && !fits(*entry)) {
    entries_.erase(found);
    entry = nullptr;
  }
  if (entry && entry->claims > 0 && (!shared || !entry->http)) {
    return fail({}, fmt::format("cannot listen on {}: another input does", key));
  }
  if (!entry) {
    if (Diagnostics problems = open_entry(key, open); has_errors(problems)) {
      return std::unexpected(std::move(problems));
    }
    entry = entries_[key].get();
  }
  auto claim = std::make_unique<Claim>(*entry);
  if (entry->http) entry->http->expect(entry->claims, changing_);
  return claim;
}

// A socket that nobody needs any more may be in the way, as 0.0.0.0 is of 127.0.0.1.
Diagnostics ListenerPool::open_entry(const std::string& key, const Open& open) {
  auto entry = std::make_unique<Entry>();
  Diagnostics problems = open(*entry);
  if (has_errors(problems)) {
    close_unclaimed();
    problems = open(*entry);
  }
  if (!has_errors(problems)) entries_[key] = std::move(entry);
  return problems;
}

void ListenerPool::hold() {
  changing_ = true;
  for (const auto& [key, entry] : entries_) {
    if (entry->http) entry->http->expect(entry->claims, changing_);
  }
}

void ListenerPool::settle() {
  changing_ = false;
  close_unclaimed();
  for (const auto& [key, entry] : entries_) {
    if (entry->http) entry->http->expect(entry->claims, changing_);
  }
}

void ListenerPool::drain() {
  for (const auto& [key, entry] : entries_) {
    if (entry->http) entry->http->drain();
  }
}

void ListenerPool::close_unclaimed() {
  std::erase_if(entries_, [](const auto& entry) { return entry.second->claims == 0; });
}

}  // namespace picket
