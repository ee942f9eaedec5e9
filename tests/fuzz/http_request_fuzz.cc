// Any bytes on a connection to the ingest listener or to the status page: the server, its limits,
// the routes and the way to the spool are the real ones, only the socket is not.
//
// The first byte chooses the service, the second how the rest is cut into reads. All of it is sent
// once more in one piece: where a read ends must make no difference to what is answered.
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <charconv>
#include <memory>
#include <utility>

#include "daemon/http/server.h"
#include "daemon/http/status_service.h"
#include "daemon/inputs/ingest_router.h"
#include "daemon/inputs/spool_reader.h"
#include "daemon/published.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/fake_disk.h"
#include "tests/support/manual_clock.h"

namespace picket {
namespace {

namespace asio = boost::asio;

constexpr uint64_t kBodyMax = 256;
constexpr uint64_t kUnpackedMax = 512;
constexpr const char* kFolder = "s/spool/a";

// Gives the bytes in pieces and keeps what is written.
class PiecesStream final : public ByteStream {
 public:
  PiecesStream(std::string_view bytes, size_t piece, std::string& written)
      : bytes_(bytes), piece_(piece), written_(written) {}

  asio::awaitable<StreamOpen> open() override { co_return StreamOpen::Good; }
  asio::awaitable<StreamRead> read(std::span<char> into, size_t* count) override {
    *count = std::min({piece_, into.size(), bytes_.size()});
    std::copy_n(bytes_.begin(), *count, into.begin());
    bytes_.remove_prefix(*count);
    co_return *count > 0 && !closed_ ? StreamRead::Bytes : StreamRead::Ended;
  }
  asio::awaitable<bool> write(std::string_view head, std::string_view body) override {
    fuzz_expect(!closed_, "something was written after the end");
    written_.append(head).append(body);
    co_return true;
  }
  asio::awaitable<void> end() override {
    closed_ = true;
    co_return;
  }
  void close() override { closed_ = true; }

 private:
  std::string_view bytes_;
  const size_t piece_;
  std::string& written_;
  bool closed_ = false;
};

struct Outcome {
  std::string answers = {};
  std::string spooled = {};
  PushStats stats = {};
};

HttpServerOptions limits() {
  return {.header_bytes_max = 512, .bodies_bytes_max = 2 * kBodyMax, .connections_max = 2};
}

// One connection from its beginning to its end.
void converse(asio::io_context& loop, std::unique_ptr<HttpService> service, Spool* spool,
              std::unique_ptr<ByteStream> stream) {
  auto server = HttpServer::make(loop.get_executor(), {.port = 0}, std::move(service), limits());
  fuzz_expect(server.has_value(), "no port");
  (*server)->take(std::move(stream));
  do {
    loop.restart();
    loop.poll();
  } while (spool && spool->step());
  fuzz_expect((*server)->connections() == 0, "the connection did not end with its client");
}

std::string read_back(FakeDisk& disk, const Spool& spool) {
  SpoolReader reader(disk, kFolder, 0);
  std::string all;
  std::string piece(4096, '\0');
  for (;;) {
    const auto got = reader.read(spool.end(), piece);
    fuzz_expect(got.has_value(), "the spool cannot be read");
    if (*got == 0) return all;
    all.append(piece, 0, *got);
  }
}

Outcome ingest(std::string_view bytes, size_t piece) {
  Outcome outcome;
  FakeDisk disk;
  ManualClock clock;
  PushCounters counters;
  asio::io_context loop{1};
  auto writer = SpoolWriter::open(disk, {.folder = kFolder, .segment_bytes = 1 << 16}, 0);
  fuzz_expect(writer.has_value(), "no spool");
  Spool spool(*std::move(writer), clock);
  IngestService input({.source = "a", .limits = {kUnpackedMax}, .body_max = kBodyMax}, spool,
                      counters, loop.get_executor());
  auto router = std::make_unique<IngestRouter>(loop.get_executor());
  router->join(input);
  router->expect(1, false);
  converse(loop, std::move(router), &spool,
           std::make_unique<PiecesStream>(bytes, piece, outcome.answers));
  outcome.spooled = read_back(disk, spool);
  outcome.stats = counters.stats();
  return outcome;
}

Outcome status(std::string_view bytes, size_t piece) {
  Outcome outcome;
  PublishedState state;
  asio::io_context loop{1};
  auto service = std::make_unique<StatusService>(
      state, loop.get_executor(),
      [](const Orders::Answer& answer) { answer({.successful = true, .text = "reloaded"}); });
  converse(loop, std::move(service), nullptr,
           std::make_unique<PiecesStream>(bytes, piece, outcome.answers));
  return outcome;
}

// What is announced as the length of the next answer's body, which begins at `head`.
size_t body_size(std::string_view answer, size_t head) {
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  const size_t at = answer.find(kLength);
  fuzz_expect(at < head, "an answer without a length");
  size_t size = 0;
  std::from_chars(answer.data() + at + kLength.size(), answer.data() + head, size);
  return size;
}

std::string without_go_aheads(std::string answers) {
  constexpr std::string_view kGoAhead = "HTTP/1.1 100 Continue\r\n\r\n";
  for (size_t at = 0; (at = answers.find(kGoAhead, at)) != answers.npos;) {
    answers.erase(at, kGoAhead.size());
  }
  return answers;
}

// What must not depend on how the bytes were cut. Go-aheads do, because the body may be there
// already; and of a request that is wrong in two ways, or breaks off, one of them is seen first.
std::string certain(std::string answers) {
  answers = without_go_aheads(std::move(answers));
  for (const char* refusal : {"HTTP/1.1 400 ", "HTTP/1.1 413 ", "HTTP/1.1 431 "}) {
    answers.resize(std::min(answers.size(), answers.find(refusal)));
  }
  return answers;
}

// Where exactly a header is too large depends on the reads: then the one goes on longer.
bool agree(const Outcome& a, const Outcome& b) {
  std::string_view first = a.spooled;
  std::string_view second = b.spooled;
  std::string said = certain(a.answers);
  std::string also = certain(b.answers);
  constexpr std::string_view kTooLarge = "HTTP/1.1 431 ";
  if (a.answers.contains(kTooLarge) || b.answers.contains(kTooLarge)) {
    first = first.substr(0, second.size());
    second = second.substr(0, first.size());
    said.resize(std::min(said.size(), also.size()));
    also.resize(said.size());
  }
  return first == second && said == also;
}

// The sum of the acknowledged lines.
uint64_t acknowledged(std::string_view answers) {
  constexpr std::string_view kLines = "\r\n\r\n{\"lines\":";
  uint64_t lines = 0;
  for (size_t at = 0; (at = answers.find(kLines, at)) != answers.npos;) {
    at += kLines.size();
    uint64_t count = 0;
    std::from_chars(answers.data() + at, answers.data() + answers.size(), count);
    lines += count;
  }
  constexpr std::string_view kOtlp = "\r\n\r\n{}\n";
  for (size_t at = 0; (at = answers.find(kOtlp, at)) != answers.npos; at += kOtlp.size()) ++lines;
  return lines;
}

// Every answer is whole; what they acknowledge is in the spool, and nothing else.
void check_ingest(const Outcome& outcome) {
  uint64_t taken = 0;
  const std::string answers = without_go_aheads(outcome.answers);
  std::string_view rest = answers;
  while (!rest.empty()) {
    fuzz_expect(rest.starts_with("HTTP/1.1 "), "an answer that is none");
    const size_t end = rest.find("\r\n\r\n");
    fuzz_expect(end != rest.npos, "an answer without a body");
    const size_t whole = end + 4 + body_size(rest, end);
    fuzz_expect(whole <= rest.size() || !rest.starts_with("HTTP/1.1 200 "), "an answer is cut");
    if (rest.starts_with("HTTP/1.1 200 ")) ++taken;
    rest.remove_prefix(std::min(whole, rest.size()));
  }
  uint64_t refused = 0;
  for (const uint64_t count : outcome.stats.refused) refused += count;
  fuzz_expect(outcome.stats.requests == taken + refused, "a request is counted twice or not");
  fuzz_expect(outcome.spooled.size() <= taken * (kUnpackedMax + 1), "more is spooled than taken");
  fuzz_expect(outcome.spooled.empty() || outcome.spooled.back() == '\n', "half a line is spooled");
  const auto lines = static_cast<uint64_t>(std::ranges::count(outcome.spooled, '\n'));
  fuzz_expect(lines == acknowledged(outcome.answers), "lines are acknowledged and not there");
}

}  // namespace
}  // namespace picket

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace picket;
  if (size < 2) return 0;
  const bool is_ingest = data[0] % 4 != 0;
  const size_t piece = 1 + data[1];
  const std::string_view bytes(reinterpret_cast<const char*>(data + 2), size - 2);
  const auto run = is_ingest ? ingest : status;
  const Outcome cut = run(bytes, piece);
  const Outcome whole = run(bytes, bytes.size() + 1);
  fuzz_expect(agree(cut, whole), "it matters where a read ends; in pieces:\n" + cut.answers +
                                     "\nin one piece:\n" + whole.answers);
  if (is_ingest) {
    check_ingest(cut);
    check_ingest(whole);
  }
  return 0;
}
