// Where one request ends and the next begins. A server and a proxy before it that disagree on that
// let a stranger put requests into the connection of another ("request smuggling"); so whatever can
// be read in two ways is refused, and nothing behind it is looked at.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/daemon/http/server_harness.h"

namespace picket {
namespace {

using Answers = std::vector<std::string>;

// "STATUS BODY" of each answer; the body of an error is left out.
Answers answers_in(std::string_view text) {
  Answers answers;
  while (!text.empty()) {
    const size_t head = text.find("\r\n\r\n");
    const size_t length_at = text.find("Content-Length: ");
    if (!text.starts_with("HTTP/1.1 ") || head == text.npos || length_at > head) return {"?"};
    const size_t length = std::stoul(std::string(text.substr(length_at + 16, 10)));
    const std::string status(text.substr(9, 3));
    answers.push_back(status == "200" ? status + " " + std::string(text.substr(head + 4, length))
                                      : status);
    text.remove_prefix(std::min(text.size(), head + 4 + length));
  }
  return answers;
}

struct Case {
  const char* name;
  std::string request;  // behind it comes GET /next, and then the end
  Answers answers;
};

std::string post(std::string_view headers, std::string_view body) {
  return "POST /a HTTP/1.1\r\n" + std::string(headers) + "\r\n" + std::string(body);
}

const std::string kChunked = "Transfer-Encoding: chunked\r\n";
const std::string kChunks = "3\r\nabc\r\n0\r\n\r\n";
const Answers kTaken = {"200 POST /a  abc", "200 GET /next  "};
const Answers kRefused = {"400"};

const Case kCases[] = {
    // What there is no doubt about.
    {"length", post("Content-Length: 3\r\n", "abc"), kTaken},
    {"chunked", post(kChunked, kChunks), kTaken},
    {"chunked in capitals", post("TRANSFER-ENCODING: Chunked\r\n", kChunks), kTaken},
    {"chunk extension", post(kChunked, "3;name=value\r\nabc\r\n0\r\n\r\n"), kTaken},
    {"chunk size with zeros", post(kChunked, "0003\r\nabc\r\n0\r\n\r\n"), kTaken},
    {"the same length twice", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), kTaken},
    {"absolute form", "POST http://picket.example:9618/a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
     kTaken},
    {"absolute form without a path",
     "GET http://picket.example?q HTTP/1.1\r\n\r\n",
     {"200 GET / q ", "200 GET /next  "}},
    {"no body", "GET /a HTTP/1.1\r\n\r\n", {"200 GET /a  ", "200 GET /next  "}},
    {"empty line before", "\r\nGET /a HTTP/1.1\r\n\r\n", kRefused},
    {"trailers change nothing",
     post(kChunked, "3\r\nabc\r\n0\r\nContent-Encoding: gzip\r\nA: b\r\n\r\n"), kTaken},
    {"a length in the trailers", post(kChunked, "3\r\nabc\r\n0\r\nContent-Length: 900\r\n\r\n"),
     kRefused},
    {"a host", post("Host: a\r\nContent-Length: 3\r\n", "abc"), kTaken},
    {"two hosts", post("Host: a\r\nHost: b\r\nContent-Length: 3\r\n", "abc"), kRefused},
    // Two ways to tell the length.
    {"length and chunked", post("Content-Length: 3\r\n" + kChunked, kChunks), kRefused},
    {"chunked and length", post(kChunked + "Content-Length: 3\r\n", kChunks), kRefused},
    {"two lengths", post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), kRefused},
    {"a list of lengths", post("Content-Length: 3, 4\r\n", "abcd"), kRefused},
    {"chunked twice", post(kChunked + kChunked, kChunks), kRefused},
    {"chunked, chunked", post("Transfer-Encoding: chunked, chunked\r\n", kChunks), kRefused},
    {"chunked and identity", post(kChunked + "Transfer-Encoding: identity\r\n", kChunks), kRefused},
    {"identity and chunked", post("Transfer-Encoding: identity\r\n" + kChunked, kChunks), kRefused},
    // Codings that would leave the length open.
    {"xchunked", post("Transfer-Encoding: xchunked\r\n", kChunks), kRefused},
    {"identity", post("Transfer-Encoding: identity\r\nContent-Length: 3\r\n", "abc"), kRefused},
    {"gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n", kChunks), kRefused},
    {"chunked, gzip", post("Transfer-Encoding: chunked, gzip\r\n", kChunks), kRefused},
    {"quoted", post("Transfer-Encoding: \"chunked\"\r\n", kChunks), kRefused},
    {"vertical tab",
     post("Transfer-Encoding: \x0b"
          "chunked\r\n",
          kChunks),
     kRefused},
    {"no coding", post("Transfer-Encoding:\r\n", kChunks), kRefused},
    {"chunked in HTTP/1.0", "POST /a HTTP/1.0\r\n" + kChunked + "\r\n" + kChunks, kRefused},
    // Lengths that are no numbers.
    {"signed", post("Content-Length: +3\r\n", "abc"), kRefused},
    {"negative", post("Content-Length: -3\r\n", "abc"), kRefused},
    {"hexadecimal", post("Content-Length: 0x3\r\n", "abc"), kRefused},
    {"two words", post("Content-Length: 3 3\r\n", "abc"), kRefused},
    {"nothing", post("Content-Length:\r\n", "abc"), kRefused},
    {"too many digits", post("Content-Length: 18446744073709551619\r\n", "abc"), kRefused},
    // Headers that some read otherwise.
    {"space before the colon", post("Content-Length : 3\r\n", "abc"), kRefused},
    {"space before the name", post(" Content-Length: 3\r\n", "abc"), kRefused},
    {"end of line alone", "POST /a HTTP/1.1\nContent-Length: 3\n\nabc", kRefused},
    {"return alone", post("A: b\rContent-Length: 3\r\n", "abc"), kRefused},
    {"no name", post(": 3\r\n", "abc"), kRefused},
    {"no colon", post("Content-Length\r\n", "abc"), kRefused},
    {"space in the target", "GET /a b HTTP/1.1\r\n\r\n", kRefused},
    {"another version", "GET /a HTTP/2.0\r\n\r\n", kRefused},
    {"a byte above ASCII in a name", post("Content\xff-Length: 3\r\n", "abc"), kRefused},
    // Chunks.
    {"chunk size signed", post(kChunked, "+3\r\nabc\r\n0\r\n\r\n"), kRefused},
    {"chunk size hexadecimal", post(kChunked, "0x3\r\nabc\r\n0\r\n\r\n"), kRefused},
    {"chunk size of too many digits", post(kChunked, "10000000000000003\r\nabc\r\n0\r\n\r\n"),
     kRefused},
    {"no chunk size", post(kChunked, "\r\nabc\r\n0\r\n\r\n"), kRefused},
    {"space before the chunk size", post(kChunked, " 3\r\nabc\r\n0\r\n\r\n"), kRefused},
    {"chunk size ends in \\n", post(kChunked, "3\nabc\r\n0\r\n\r\n"), kRefused},
    {"chunk longer than it says", post(kChunked, "3\r\nabcd\r\n0\r\n\r\n"), kRefused},
    {"chunk shorter than it says", post(kChunked, "3\r\nab\r\n0\r\n\r\n"), kRefused},
    {"too much in chunks", post(kChunked, "FFFFFFFF\r\nabc\r\n0\r\n\r\n"), {"413"}},
};

TEST(HttpFraming, WhatCanBeReadInTwoWaysIsRefused) {
  const RunningServer server;
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    // In one piece, and byte by byte.
    for (const bool whole : {true, false}) {
      const int fd = testing::connect_to(server.port());
      const std::string text = c.request + "GET /next HTTP/1.1\r\nConnection: close\r\n\r\n";
      if (whole) testing::send_text(fd, text);
      for (size_t i = 0; i < text.size() && !whole; ++i) {
        testing::send_text(fd, {text.data() + i, 1});
      }
      ::shutdown(fd, SHUT_WR);
      EXPECT_EQ(answers_in(testing::read_to_end(fd)), c.answers) << (whole ? "whole" : "in bytes");
      ::close(fd);
    }
  }
}

}  // namespace
}  // namespace picket
