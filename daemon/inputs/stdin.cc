// The `stdin` input: reads standard input to its end, once.
//
//   - type: stdin
//     name: piped
//
// Nothing is remembered: a pipe cannot be read twice.
//
// Asio would switch the descriptor to non-blocking, and with it the terminal or pipe of every
// process that shares it. So it goes into an epoll set of its own, Asio waits for that set, and the
// data is read with plain read(). What epoll does not take (a regular file, /dev/null) is always
// readable and read without waiting.
//
// Tested by tests/daemon/inputs/stdin_test.cc.
#include <sys/epoll.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "config/settings.h"
#include "daemon/inputs/input.h"
#include "daemon/inputs/line_cutter.h"

namespace picket {
namespace {

// A pipe holds no more than this, so a larger buffer would stay mostly empty.
constexpr size_t kPipeBytes = 64 << 10;

class Stdin final : public Input {
 public:
  explicit Stdin(InputContext context)
      : context_(std::move(context)),
        cutter_({context_.batch_bytes, context_.max_line}),
        readiness_(context_.executor) {}

  boost::asio::awaitable<void> run() override;
  InputStats stats() const override { return stats_; }

 private:
  enum class Step : uint8_t { Read, Ended, Closed };

  void open();
  boost::asio::awaitable<bool> readable();
  Step read_once();
  bool push(LineBatch batch);
  void finish();
  void failed(int error);

  const InputContext context_;
  LineCutter cutter_;
  boost::asio::posix::stream_descriptor readiness_;
  size_t read_bytes_ = kPipeBytes;
  StreamId stream_ = 0;
  InputStats stats_ = {};
};

boost::asio::awaitable<void> Stdin::run() {
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  stream_ = context_.sink.open_stream({context_.source, "-"});
  stats_.files_open = 1;
  open();
  Step step = Step::Read;
  while (step == Step::Read) {
    if (!co_await readable()) break;
    step = read_once();
  }
  if (step == Step::Ended) finish();
  stats_.files_open = 0;
}

// Leaves readiness_ closed when there is nothing to wait for.
void Stdin::open() {
  const int set = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event interest = {};
  interest.events = EPOLLIN;
  boost::system::error_code error;
  if (set >= 0 && ::epoll_ctl(set, EPOLL_CTL_ADD, STDIN_FILENO, &interest) == 0) {
    readiness_.assign(set, error);
    if (!error) return;
  }
  if (set >= 0) ::close(set);
  read_bytes_ = context_.batch_bytes;
}

// False when cancelled.
boost::asio::awaitable<bool> Stdin::readable() {
  namespace asio = boost::asio;
  co_await asio::this_coro::throw_if_cancelled(false);
  if (readiness_.is_open()) {
    const auto [error] = co_await readiness_.async_wait(asio::posix::stream_descriptor::wait_read,
                                                        asio::as_tuple(asio::use_awaitable));
    co_return !error;
  }
  co_await asio::post(context_.executor, asio::use_awaitable);
  const auto state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() == asio::cancellation_type::none;
}

Stdin::Step Stdin::read_once() {
  const std::span<char> space = cutter_.space(read_bytes_);
  const ssize_t got = ::read(STDIN_FILENO, space.data(), space.size());
  if (got < 0) {
    if (errno == EINTR || errno == EAGAIN) return Step::Read;
    failed(errno);
    return Step::Ended;
  }
  if (got == 0) return Step::Ended;
  stats_.bytes_read += static_cast<uint64_t>(got);
  cutter_.commit(static_cast<size_t>(got));
  while (std::optional<LineBatch> batch = cutter_.next()) {
    if (!push(*std::move(batch))) return Step::Closed;
  }
  return Step::Read;
}

bool Stdin::push(LineBatch batch) {
  batch.stream = stream_;
  batch.arrival = context_.clock.now();
  return context_.sink.push(std::move(batch));
}

void Stdin::finish() {
  std::optional<LineBatch> last = cutter_.finish();
  if (last && !push(*std::move(last))) return;
  LineBatch end;
  end.kind = BatchKind::EndOfStream;
  end.offset = cutter_.read_offset();
  push(std::move(end));
}

void Stdin::failed(int error) {
  ++stats_.read_errors;
  stats_.last_error = "-: " + std::error_code(error, std::system_category()).message();
}

}  // namespace

Result<std::unique_ptr<Input>> make_stdin_input(const Node& node, InputContext context) {
  Diagnostics diagnostics;
  MapReader reader(node, "stdin input", diagnostics);
  for (const char* common : kCommonInputKeys) reader.optional(common);
  reader.finish();
  if (has_errors(diagnostics)) return std::unexpected(std::move(diagnostics));
  return std::make_unique<Stdin>(std::move(context));
}

}  // namespace picket
