// LogFile: plain, gzip and zstd logs give the same lines; damaged ones give all that is readable.
#include "daemon/log_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/support/packed.h"
#include "tests/support/utf16.h"

namespace picket {
namespace {

namespace fs = std::filesystem;

std::string many_lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "{\"line\":" + std::to_string(i * 7919) + "}\n";
  return text;
}

// What came out of a log, put together again.
struct Reading {
  std::string text = {};
  std::string error = {};
  size_t batches = 0;
  bool offsets_fit = true;
  uint64_t consumed = 0;
};

class LogFileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              ("picket_log_file_" + std::to_string(::getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(std::string_view content) const {
    const std::string path = folder_ / "log";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  Reading read(std::string_view content, CutterLimits limits = {}) const {
    Reading reading;
    auto log = LogFile::open(write(content), limits);
    if (!log) {
      reading.error = log.error().front().message;
      return reading;
    }
    EXPECT_EQ((*log)->size(), content.size());
    while (auto batch = (*log)->next()) {
      ++reading.batches;
      reading.offsets_fit &= batch->offset == reading.text.size();
      EXPECT_EQ(batch->kind, BatchKind::Lines);
      reading.text += batch->bytes.view();
    }
    EXPECT_FALSE((*log)->next());
    reading.error = (*log)->error();
    reading.consumed = (*log)->consumed();
    return reading;
  }

  std::string refused(const std::string& path) const {
    auto log = LogFile::open(path);
    return log ? "opened" : log.error().front().message;
  }

  fs::path folder_;
};

TEST_F(LogFileTest, EveryFormatGivesTheSameLines) {
  const std::string text = many_lines(200'000) + "last line without its end";
  for (const std::string& stored : {text, gzip(text), zstd(text)}) {
    const Reading reading = read(stored, {.batch_bytes = 64 << 10, .max_line = 1 << 20});
    EXPECT_TRUE(reading.text == text);
    EXPECT_TRUE(reading.offsets_fit);
    EXPECT_EQ(reading.error, "");
    EXPECT_EQ(reading.consumed, stored.size());
    EXPECT_GT(reading.batches, 10U);
  }
}

TEST_F(LogFileTest, Utf16GivesTheSameLines) {
  const std::string text = many_lines(1000) + "last line \xF0\x9F\x98\x80 without its end";
  for (const auto encoding : {TextEncoding::Utf16Le, TextEncoding::Utf16Be}) {
    const std::string plain = utf16_mark(encoding) + utf16(text, encoding);
    for (const std::string& stored : {plain, gzip(plain), zstd(plain)}) {
      auto log = LogFile::open(write(stored), {.batch_bytes = 1001, .max_line = 1 << 20});
      ASSERT_TRUE(log);
      std::string read;
      uint64_t offset = 2;
      while (auto batch = (*log)->next()) {
        EXPECT_EQ(batch->offset, offset);
        offset += stored_size(*batch, batch->bytes.view());
        read += batch->bytes.view();
      }
      EXPECT_EQ((*log)->error(), "");
      EXPECT_TRUE(read == text);
      EXPECT_EQ(offset, plain.size());
    }
  }
}

TEST_F(LogFileTest, MembersAndFramesFollowEachOther) {
  const std::string a = "one\ntw";
  const std::string b = "o\nthree\n";
  EXPECT_EQ(read(gzip(a) + gzip("") + gzip(b)).text, a + b);
  EXPECT_EQ(read(zstd(a) + zstd("") + zstd(b)).text, a + b);
  const std::string skippable("\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
  EXPECT_EQ(read(skippable + zstd(a) + skippable + zstd(b)).text, a + b);
}

TEST_F(LogFileTest, ZeroPaddingBehindGzipIsNoDamage) {
  const Reading reading = read(gzip("one\n") + std::string(1000, '\0'));
  EXPECT_EQ(reading.text, "one\n");
  EXPECT_EQ(reading.error, "");
}

TEST_F(LogFileTest, SmallAndEmptyLogs) {
  for (const char* text : {"", "\n", "a", "\x1f", "ab\n"}) {
    EXPECT_EQ(read(text).text, text);
    EXPECT_EQ(read(text).error, "");
  }
  EXPECT_EQ(read(gzip("")).text, "");
  EXPECT_EQ(read(gzip("")).error, "");
  EXPECT_EQ(read(zstd("")).error, "");
}

TEST_F(LogFileTest, CutOffDataIsDeliveredThenReported) {
  const std::string text = many_lines(50'000);
  for (const std::string& stored : {gzip(text), zstd(text)}) {
    const Reading reading = read(stored.substr(0, stored.size() / 2));
    EXPECT_GT(reading.text.size(), text.size() / 10);
    EXPECT_TRUE(text.starts_with(reading.text));
    EXPECT_EQ(reading.error, "is cut off in its compressed data");
  }
  EXPECT_EQ(read(gzip(text).substr(0, 5)).error, "is cut off in its compressed data");
}

TEST_F(LogFileTest, CorruptDataIsDeliveredThenReported) {
  const std::string text = many_lines(200'000);
  for (std::string stored : {gzip(text), zstd(text)}) {
    for (size_t i = stored.size() / 2; i < stored.size() / 2 + 64; ++i) stored[i] = '\xa5';
    const Reading reading = read(stored);
    EXPECT_GT(reading.text.size(), text.size() / 10);
    EXPECT_TRUE(reading.error.starts_with("is corrupt: ")) << reading.error;
  }
  const Reading trailing = read(gzip("one\n") + "not gzip");
  EXPECT_EQ(trailing.text, "one\n");
  EXPECT_TRUE(trailing.error.starts_with("is corrupt: ")) << trailing.error;
}

TEST_F(LogFileTest, HugeZstdWindowIsRefused) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 28);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  std::string out(1 << 10, '\0');
  ZSTD_inBuffer input{"one\n", 4, 0};
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  // Flushed first, so that the frame's header cannot settle for the size of what follows.
  ZSTD_compressStream2(context, &output, &input, ZSTD_e_flush);
  EXPECT_EQ(ZSTD_compressStream2(context, &output, &input, ZSTD_e_end), 0U);
  ZSTD_freeCCtx(context);
  out.resize(output.pos);
  EXPECT_TRUE(read(out).error.starts_with("is corrupt: ")) << read(out).error;
}

TEST_F(LogFileTest, LongLineInsideCompressedData) {
  const std::string text = "a\n" + std::string(3 << 20, 'x') + "\nb\n";
  auto log = LogFile::open(write(gzip(text)), {.batch_bytes = 4096, .max_line = 1 << 20});
  ASSERT_TRUE(log);
  std::string kinds;
  while (auto batch = (*log)->next()) {
    const bool oversize = batch->kind == BatchKind::OversizeLine;
    kinds += oversize ? 'O' : 'L';
    EXPECT_EQ(batch->oversize_length, oversize ? 3U << 20 : 0U);
  }
  EXPECT_EQ(kinds, "LOL");
}

TEST_F(LogFileTest, RefusesWhatIsNoLog) {
  EXPECT_EQ(refused(folder_ / "absent"), "no such file");
  EXPECT_EQ(refused(folder_), "is a directory, not a log file");
  const std::string path = write("x\n");
  fs::permissions(path, fs::perms::none);
  if (::access(path.c_str(), R_OK) != 0) {
    EXPECT_TRUE(refused(path).starts_with("cannot be opened: ")) << refused(path);
  }
}

TEST_F(LogFileTest, APipeIsReadToItsEnd) {
  const std::string path = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const std::string command = "(printf '\\037'; printf 'one\\ntwo') > '" + path + "' &";
  ASSERT_EQ(std::system(command.c_str()), 0);
  auto log = LogFile::open(path);
  ASSERT_TRUE(log);
  EXPECT_EQ((*log)->size(), 0U);
  std::string text;
  while (auto batch = (*log)->next()) text += batch->bytes.view();
  EXPECT_EQ(text, "\x1fone\ntwo");
}

}  // namespace
}  // namespace picket
