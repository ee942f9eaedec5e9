#include "daemon/inputs/listen_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cerrno>
#include <utility>

namespace picket {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::local::stream_protocol;
using boost::system::error_code;

// Of a socket in the file system; 0: there is none.
uint64_t inode_of(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode) ? info.st_ino : 0;
}

// Removes a socket that nobody listens on any more. Anything else stays where it is.
void remove_stale(const std::string& path) {
  if (inode_of(path) == 0) return;
  asio::io_context loop;
  stream_protocol::socket probe(loop);
  error_code error;
  probe.connect(stream_protocol::endpoint(path), error);
  if (error == asio::error::connection_refused) ::unlink(path.c_str());
}

// Binds and listens; `path`: of a unix socket. The descriptor is the caller's.
template <class Protocol>
Result<int> listen_on(const typename Protocol::endpoint& endpoint, const std::string& where,
                      const std::string& path) {
  asio::io_context loop;
  typename Protocol::acceptor acceptor(loop);
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  // Before anybody can connect.
  if (!error && !path.empty() && ::chmod(path.c_str(), 0660) != 0) {
    error.assign(errno, boost::system::system_category());
  }
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail({}, fmt::format("cannot listen on {}: {}", where, error.message()));
  return acceptor.release(error);
}

}  // namespace

Result<std::unique_ptr<ListenSocket>> ListenSocket::tcp(const ListenAddress& address) {
  const std::string where = fmt::format("{} port {}", address.host, address.port);
  error_code error;
  const auto ip = asio::ip::make_address(address.host, error);
  if (error) {
    return fail({}, fmt::format("'{}' is not an IP address to listen on", address.host));
  }
  PICKET_TRY(const int socket, listen_on<asio::ip::tcp>({ip, address.port}, where, ""));
  return std::unique_ptr<ListenSocket>(new ListenSocket(socket, ""));
}

Result<std::unique_ptr<ListenSocket>> ListenSocket::unix_socket(const std::string& path) {
  remove_stale(path);
  PICKET_TRY(const int socket, listen_on<stream_protocol>({path}, path, path));
  return std::unique_ptr<ListenSocket>(new ListenSocket(socket, path));
}

ListenSocket::ListenSocket(int socket, std::string path)
    : socket_(socket), path_(std::move(path)), inode_(inode_of(path_)) {}

ListenSocket::~ListenSocket() {
  // While it is open nothing else gets its inode.
  if (!path_.empty() && can_be_reached()) ::unlink(path_.c_str());
  ::close(socket_);
}

bool ListenSocket::can_be_reached() const { return path_.empty() || inode_of(path_) == inode_; }

int ListenSocket::duplicate() const { return ::fcntl(socket_, F_DUPFD_CLOEXEC, 0); }

}  // namespace picket
