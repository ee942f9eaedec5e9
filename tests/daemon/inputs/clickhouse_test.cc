// The clickhouse input against a server on loopback: pages, ties, restarts, and all the ways in
// which an answer may be no answer.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <set>

#include "tests/daemon/inputs/input_harness.h"
#include "tests/support/certificate.h"
#include "tests/support/clickhouse_server.h"

namespace picket {
namespace {

using testing::ClickhouseFault;
using testing::ClickhouseServer;
using ::testing::HasSubstr;
using ::testing::Not;
using Rows = std::multiset<std::string>;

class ClickhouseTest : public ::testing::Test {
 protected:
  std::string yaml(const ClickhouseServer& server, std::string_view more = "",
                   std::string_view scheme = "http") const {
    return fmt::format(
        "{{type: clickhouse, name: rows, url: '{}://127.0.0.1:{}', cursor: t, every: 10ms, "
        "start: beginning, query: 'SELECT * FROM r WHERE t >= {{cursor:Int64}}'{}}}",
        scheme, server.port(), more);
  }
  void start(std::string_view more = "") { input_.start("clickhouse", yaml(server_, more)); }
  void insert(int64_t t, int id) {
    const std::string row = fmt::format(R"({{"t":{},"id":{}}})", t, id);
    server_.insert(t, row);
    expected_.insert(row);
  }
  Rows got() const {
    const auto lines = input_.sink.lines();
    return {lines.begin(), lines.end()};
  }
  bool run_until_failed() {
    return input_.run_until([&] { return !input_.input->stats().last_error.empty(); });
  }
  size_t requests() const { return server_.requests().size(); }
  // Two more answers, so that what would come twice has come.
  void settle() {
    const size_t before = requests();
    ASSERT_TRUE(input_.run_until([&] { return requests() >= before + 2; }));
  }

  ClickhouseServer server_;
  Rows expected_;
  InputHarness input_;
};

TEST_F(ClickhouseTest, RowsComeInOrderPageByPage) {
  for (int i = 0; i < 25; ++i) insert(1'000 + i / 2, i);
  start(", page: 4, user: picket, database: 'a b', settings: {max_threads: 2}");
  ASSERT_TRUE(input_.run_until_lines(25));
  settle();
  EXPECT_EQ(got(), expected_);
  insert(2'000, 100);
  ASSERT_TRUE(input_.run_until_lines(26));
  EXPECT_EQ(got(), expected_);
  EXPECT_TRUE(input_.sink.problems.empty());
  const std::string request = server_.requests().at(0);
  for (const char* part :
       {"POST /?param_cursor=0&param_until=", "&database=a%20b", "&max_threads=2",
        "&max_execution_time=30", "output_format_json_quote_64bit_integers=0",
        "Authorization: Basic ", "SELECT * FROM (\nSELECT * FROM r WHERE t >= {cursor:Int64}\n)",
        "ORDER BY `t` LIMIT 4 FORMAT JSONEachRow"}) {
    EXPECT_THAT(request, HasSubstr(part));
  }
}

TEST_F(ClickhouseTest, MoreTiesThanAPageHolds) {
  for (int i = 0; i < 50; ++i) insert(7, i % 40);  // some rows are equal as a whole
  start(", page: 3");
  ASSERT_TRUE(input_.run_until_lines(50));
  settle();
  EXPECT_EQ(got(), expected_);
}

TEST_F(ClickhouseTest, WhatIsYoungerThanTheDelayIsLeftForLater) {
  const int64_t now = to_ms(SystemClock().now());
  insert(now - 3'600'000, 1);
  server_.insert(now - 600'000, R"({"t":0})");  // would break the answer
  start(", delay: 30m");
  ASSERT_TRUE(input_.run_until_lines(1));
  settle();
  EXPECT_EQ(got(), expected_);
  EXPECT_EQ(input_.input->stats().last_error, "");
}

TEST_F(ClickhouseTest, ARestartBeforeTheFirstRowGoesOnFromTheFirstStart) {
  const auto cursor_of = [](const std::string& request) {
    return std::stoll(request.substr(request.find("param_cursor=") + 13));
  };
  const int64_t before = to_ms(SystemClock().now());
  input_.start("clickhouse", yaml(server_, ", delay: 1ms"));
  settle();
  input_.stop();
  EXPECT_EQ(cursor_of(server_.requests().at(0)), 0);
  // The saved position counts, whatever `start` says now.
  std::string tail = yaml(server_, ", delay: 1ms");
  tail.replace(tail.find("beginning"), 9, "end");
  const size_t count = requests();
  input_.start("clickhouse", tail);
  settle();
  EXPECT_EQ(cursor_of(server_.requests().at(count)), 0);
  input_.stop();
  // Without one it does.
  input_.sink.batches.clear();
  const size_t later = requests();
  input_.start("clickhouse", tail);
  settle();
  EXPECT_GE(cursor_of(server_.requests().at(later)), before - 1);
}

struct FaultCase {
  ClickhouseFault fault;
  const char* says;
};

class ClickhouseFaultTest : public ClickhouseTest,
                            public ::testing::WithParamInterface<FaultCase> {};

TEST_P(ClickhouseFaultTest, IsToldCountedAndSurvived) {
  for (int i = 0; i < 9; ++i) insert(100 + i / 2, i);
  server_.fail_next({GetParam().fault});
  start(", timeout: 300ms");
  ASSERT_TRUE(run_until_failed());
  EXPECT_THAT(input_.input->stats().last_error, HasSubstr(GetParam().says));
  EXPECT_EQ(input_.input->stats().read_errors, 1u);
  for (const std::string& line : input_.sink.lines()) EXPECT_TRUE(expected_.contains(line)) << line;
  ASSERT_TRUE(input_.run_until_lines(9));
  settle();
  EXPECT_EQ(got(), expected_);
  EXPECT_EQ(input_.input->stats().last_error, "");
}

INSTANTIATE_TEST_SUITE_P(
    All, ClickhouseFaultTest,
    ::testing::Values(FaultCase{ClickhouseFault::ExceptionBetweenRows,
                                "is not all rows: Code: 395"},
                      FaultCase{ClickhouseFault::ExceptionInsideRow, "is not all rows: {\"t\""},
                      FaultCase{ClickhouseFault::ExceptionAsJson, "without an integer in 't'"},
                      FaultCase{ClickhouseFault::ExceptionInHeader, "status 200: "},
                      FaultCase{ClickhouseFault::CutBetweenRows, "Transferred a partial file"},
                      FaultCase{ClickhouseFault::CutInsideRow, "Transferred a partial file"},
                      FaultCase{ClickhouseFault::NoLength, "does not say where it ends"},
                      FaultCase{ClickhouseFault::CutGzip, "gzip data is cut off"},
                      FaultCase{ClickhouseFault::CorruptGzip, "gzip data is corrupt"},
                      FaultCase{ClickhouseFault::Status401, "status 401: Code: 395"},
                      FaultCase{ClickhouseFault::Status403, "status 403: Code: 395"},
                      FaultCase{ClickhouseFault::Status404, "status 404: Code: 395"},
                      FaultCase{ClickhouseFault::Status500, "status 500: Code: 395"},
                      FaultCase{ClickhouseFault::Hang, "Timeout was reached"},
                      FaultCase{ClickhouseFault::NotARow, "without an integer in 't'"}));

TEST_F(ClickhouseTest, ARowOverMaxLineHarmsNoNeighbour) {
  insert(1, 1);
  const std::string large = fmt::format(R"({{"t":2,"x":"{}"}})", std::string(17 << 20, 'x'));
  server_.insert(2, large);
  insert(3, 3);
  start();
  ASSERT_TRUE(input_.run_until_lines(3));
  EXPECT_EQ(input_.sink.lines().at(1), fmt::format("<oversize {}>", large.size()));
  EXPECT_TRUE(input_.sink.problems.empty());
}

// Random rows, pages, faults and crashes; a crash keeps any prefix of the batches.
TEST_F(ClickhouseTest, EveryRowOnceWhateverHappens) {
  std::minstd_rand random(5);
  int id = 0;
  std::map<std::string, std::string> committed;
  Rows kept;
  for (int life = 0; life < 15; ++life) {
    for (int i = 0; i < 40; ++i)
      insert(1'000 + life * 20 + static_cast<int>(random() % 20), ++id % 300);
    std::vector<ClickhouseFault> faults(random() % 3);
    for (auto& fault : faults) fault = static_cast<ClickhouseFault>(random() % 9);
    server_.fail_next(faults);
    input_.sink.batches.clear();
    LineBatch saved;  // what is committed stands before what comes
    for (const auto& [key, value] : committed) saved.checkpoint = {key, value};
    if (!committed.empty()) input_.sink.batches.push_back(std::move(saved));
    start(fmt::format(", page: {}", 1 + random() % 12));
    const size_t missing = expected_.size() - kept.size();
    ASSERT_TRUE(input_.run_until_lines(missing)) << life << " " << input_.input->stats().last_error;
    settle();
    EXPECT_EQ(input_.sink.lines().size(), missing);
    input_.stop();
    const size_t survived = random() % (input_.sink.batches.size() + 1);
    const bool last = life == 14;
    const size_t count = last ? input_.sink.batches.size() : survived;
    for (const std::string& line : input_.sink.lines(count)) kept.insert(line);
    committed = input_.sink.checkpoints(count, committed);
  }
  EXPECT_EQ(kept, expected_);
}

TEST_F(ClickhouseTest, TlsIsVerifiedAndThePasswordShownToNobody) {
  std::filesystem::create_directories(input_.state_folder);
  const std::string folder = input_.state_folder;
  testing::write_certificate(folder + "/a.pem", folder + "/a.key");
  testing::write_certificate(folder + "/b.pem", folder + "/b.key");
  std::ofstream(folder + "/secret") << "hunter2\n";
  ClickhouseServer server(folder + "/a.pem", folder + "/a.key");
  server.insert(1, R"({"t":1})");
  const auto options = [&](const char* ca) {
    return yaml(
        server,
        fmt::format(", user: u, password_file: '{0}/secret', ca_file: '{0}/{1}'", folder, ca),
        "https");
  };
  input_.start("clickhouse", options("b.pem"));
  ASSERT_TRUE(run_until_failed());
  EXPECT_THAT(input_.input->stats().last_error, HasSubstr("SSL peer certificate"));
  EXPECT_THAT(input_.input->stats().last_error, Not(HasSubstr("hunter2")));
  EXPECT_TRUE(server.requests().empty());
  input_.stop();
  input_.start("clickhouse", options("a.pem"));
  ASSERT_TRUE(input_.run_until_lines(1));
  EXPECT_THAT(server.requests().at(0), HasSubstr("Authorization: Basic dTpodW50ZXIy"));
  EXPECT_THAT(server.requests().at(0), Not(HasSubstr("hunter2")));
}

TEST_F(ClickhouseTest, StopsWhileItWaitsForAnAnswer) {
  server_.fail_next({ClickhouseFault::Hang});
  start();
  ASSERT_TRUE(input_.run_until([&] { return requests() == 1; }));
  input_.stop();
}

TEST_F(ClickhouseTest, AnUnreadablePositionStopsTheStart) {
  auto file = parse_yaml(yaml(server_), "test.yaml");
  InputContext context{
      input_.loop.get_executor(), input_.sink, input_.disk, input_.clock, 0, "test"};
  context.checkpoints = {{"position", "9 1"}};
  for (const InputKind& kind : input_kinds()) {
    if (kind.type != "clickhouse") continue;
    auto made = kind.make(file->documents.at(0), context);
    ASSERT_TRUE(made);
    EXPECT_FALSE((*made)->prepare().empty());
  }
}

}  // namespace
}  // namespace picket
