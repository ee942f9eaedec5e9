#include "tests/support/clickhouse_server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "tests/support/packed.h"

namespace picket::testing {
namespace {

constexpr std::string_view kException =
    "Code: 395. DB::Exception: Value passed to 'throwIf' function is non-zero. (version 25.6.4.12)";

int64_t number_after(std::string_view text, std::string_view what) {
  const size_t at = text.find(what);
  return at == text.npos ? 0 : std::atoll(text.data() + at + what.size());
}

std::string chunk(std::string_view text) {
  return text.empty() ? std::string() : fmt::format("{:x}\r\n{}\r\n", text.size(), text);
}

}  // namespace

ClickhouseServer::ClickhouseServer(const std::string& certificate, const std::string& key) {
  if (!certificate.empty()) {
    tls_ = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate_chain_file(tls_, certificate.c_str());
    SSL_CTX_use_PrivateKey_file(tls_, key.c_str(), SSL_FILETYPE_PEM);
  }
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ::bind(listener_, reinterpret_cast<sockaddr*>(&address), length);
  ::listen(listener_, 64);
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

ClickhouseServer::~ClickhouseServer() {
  closing_ = true;
  thread_.join();
  ::close(listener_);
  SSL_CTX_free(tls_);
}

void ClickhouseServer::insert(int64_t cursor, const std::string& row) {
  const std::lock_guard lock(mutex_);
  table_.emplace(cursor, row + "\n");
}

void ClickhouseServer::fail_next(std::vector<ClickhouseFault> faults) {
  const std::lock_guard lock(mutex_);
  faults_.assign(faults.begin(), faults.end());
}

std::vector<std::string> ClickhouseServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void ClickhouseServer::run() {
  while (!closing_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (::poll(&waiting, 1, 20) <= 0) continue;
    Peer peer{::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC), nullptr};
    if (peer.fd < 0) continue;
    const timeval patience{5, 0};
    ::setsockopt(peer.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    bool good = true;
    if (tls_) {
      peer.ssl = SSL_new(tls_);
      SSL_set_fd(peer.ssl, peer.fd);
      good = SSL_accept(peer.ssl) == 1;
    }
    if (good) serve(peer);
    if (peer.ssl && good) SSL_shutdown(peer.ssl);
    SSL_free(peer.ssl);
    ::close(peer.fd);
  }
}

void ClickhouseServer::send(Peer peer, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = peer.ssl ? SSL_write(peer.ssl, text.data(), static_cast<int>(text.size()))
                               : ::send(peer.fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    text.remove_prefix(static_cast<size_t>(n));
  }
}

std::string ClickhouseServer::read_request(Peer peer) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const size_t end = text.find("\r\n\r\n");
    if (end != text.npos) {
      const size_t body = static_cast<size_t>(number_after(text, "Content-Length: "));
      if (text.size() >= end + 4 + body) return text;
    }
    const ssize_t n = peer.ssl ? SSL_read(peer.ssl, buffer, sizeof buffer)
                               : ::recv(peer.fd, buffer, sizeof buffer, 0);
    if (n <= 0) return {};
    text.append(buffer, static_cast<size_t>(n));
  }
}

std::vector<std::string> ClickhouseServer::rows_for(std::string_view request) {
  const auto from = table_.lower_bound(number_after(request, "param_cursor="));
  const auto until = table_.lower_bound(number_after(request, "param_until="));
  std::vector<std::pair<int64_t, std::string>> found(from, until);
  std::ranges::shuffle(found, random_);
  std::ranges::stable_sort(found, {}, &std::pair<int64_t, std::string>::first);
  const auto limit = static_cast<size_t>(number_after(request, " LIMIT "));
  std::vector<std::string> rows;
  for (size_t i = 0; i < std::min(limit, found.size()); ++i) rows.push_back(found[i].second);
  return rows;
}

void ClickhouseServer::serve(Peer peer) {
  const std::string request = read_request(peer);
  if (request.empty()) return;
  ClickhouseFault fault = ClickhouseFault::None;
  std::vector<std::string> rows;
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    if (!faults_.empty()) {
      fault = faults_.front();
      faults_.pop_front();
    }
    rows = rows_for(request);
  }
  if (fault == ClickhouseFault::Hang) {
    char byte = 0;
    while (!closing_ && ::recv(peer.fd, &byte, 1, 0) > 0) {
    }
    return;
  }
  if (fault >= ClickhouseFault::Status401 && fault <= ClickhouseFault::Status500) {
    constexpr int kStatus[] = {401, 403, 404, 500};
    const int status =
        kStatus[static_cast<int>(fault) - static_cast<int>(ClickhouseFault::Status401)];
    send(peer, fmt::format("HTTP/1.1 {} No\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}",
                           status, kException.size(), kException));
    return;
  }
  const bool gzip = request.find("Accept-Encoding: gzip") != request.npos;
  answer(peer, fault, std::move(rows), gzip);
}

void ClickhouseServer::answer(Peer peer, ClickhouseFault fault, std::vector<std::string> rows,
                              bool gzip) {
  using enum ClickhouseFault;
  std::string half;
  for (size_t i = 0; i < rows.size() / 2; ++i) half += rows[i];
  std::string all = half;
  for (size_t i = rows.size() / 2; i < rows.size(); ++i) all += rows[i];
  const std::string torn = rows.empty() ? "" : rows.back().substr(0, rows.back().size() / 2);
  std::string text = all;
  if (fault == ExceptionBetweenRows) text = fmt::format("{}{}\n", half, kException);
  if (fault == ExceptionInsideRow) text = fmt::format("{}{}{}\n", half, torn, kException);
  if (fault == ExceptionAsJson)
    text = fmt::format("{}{{\"exception\": \"{}\"}}\n", half, kException);
  if (fault == ExceptionInHeader) text = fmt::format("{}\n", kException);
  if (fault == CutBetweenRows) text = half;
  if (fault == CutInsideRow) text = half + torn;
  if (fault == NotARow) text = half + "{\"t\":\"x\"}\n";
  std::string head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: x\r\n";
  if (fault == ExceptionInHeader) head += "X-ClickHouse-Exception-Code: 395\r\n";
  if (fault == NoLength) return send(peer, head + "\r\n" + half);
  head += "Transfer-Encoding: chunked\r\n";
  if (gzip) {
    head += "Content-Encoding: gzip\r\n";
    text = picket::gzip(text);
    if (fault == CutGzip) text.resize(text.size() / 2);
    if (fault == CorruptGzip && text.size() > 12) text[text.size() / 2] ^= 0x55;
  }
  const bool cut = fault == CutBetweenRows || fault == CutInsideRow;
  send(peer, head + "\r\n" + chunk(text.substr(0, text.size() / 3)));
  send(peer, chunk(text.substr(text.size() / 3)) + (cut ? "" : "0\r\n\r\n"));
}

}  // namespace picket::testing
