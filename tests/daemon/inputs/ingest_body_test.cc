// Bodies as strangers send them: packed, broken, and bombs.
#include "daemon/inputs/ingest_body.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/packed.h"

namespace picket {
namespace {

constexpr UnpackLimits kLimits{.bytes_max = 4 << 20};

std::string zstd_with_window(std::string_view text, int window_log) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  out.resize(ZSTD_compress2(context, out.data(), out.size(), text.data(), text.size()));
  ZSTD_freeCCtx(context);
  return out;
}

UnpackState unpack(BodyEncoding encoding, std::string_view packed, std::string* out = nullptr,
                   UnpackLimits limits = kLimits) {
  std::string bytes;
  const UnpackState state = unpack_body(encoding, packed, limits, bytes);
  EXPECT_LE(bytes.size(), limits.bytes_max + (256 << 10));
  if (out) *out = std::move(bytes);
  return state;
}

TEST(IngestBody, EncodingsByName) {
  EXPECT_EQ(parse_body_encoding(""), BodyEncoding::Identity);
  EXPECT_EQ(parse_body_encoding("Identity"), BodyEncoding::Identity);
  EXPECT_EQ(parse_body_encoding("GZIP"), BodyEncoding::Gzip);
  EXPECT_EQ(parse_body_encoding("x-gzip"), BodyEncoding::Gzip);
  EXPECT_EQ(parse_body_encoding("zstd"), BodyEncoding::Zstd);
  for (const char* other : {"br", "deflate", "gzip, gzip", "zstd2", " "}) {
    EXPECT_FALSE(parse_body_encoding(other)) << other;
  }
}

TEST(IngestBody, RoundTrips) {
  std::mt19937 random(1);
  for (const size_t size : {0, 1, 1000, 300'000, 3'000'000}) {
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(random());
    std::string out;
    EXPECT_EQ(unpack(BodyEncoding::Gzip, gzip(text), &out), UnpackState::Good);
    EXPECT_EQ(out, text);
    EXPECT_EQ(unpack(BodyEncoding::Zstd, zstd(text), &out), UnpackState::Good);
    EXPECT_EQ(out, text);
    EXPECT_EQ(unpack(BodyEncoding::Identity, text, &out), UnpackState::Good);
    EXPECT_EQ(out, text);
  }
}

TEST(IngestBody, SeveralMembersAreOneBody) {
  std::string out;
  EXPECT_EQ(unpack(BodyEncoding::Gzip, gzip("1\n") + gzip("") + gzip("2\n"), &out),
            UnpackState::Good);
  EXPECT_EQ(out, "1\n2\n");
  EXPECT_EQ(unpack(BodyEncoding::Zstd, zstd("1\n") + zstd("2\n"), &out), UnpackState::Good);
  EXPECT_EQ(out, "1\n2\n");
}

TEST(IngestBody, WhatIsBrokenIsMalformed) {
  EXPECT_EQ(unpack(BodyEncoding::Gzip, ""), UnpackState::Malformed);
  EXPECT_EQ(unpack(BodyEncoding::Zstd, ""), UnpackState::Malformed);
  EXPECT_EQ(unpack(BodyEncoding::Gzip, "plain text\n"), UnpackState::Malformed);
  EXPECT_EQ(unpack(BodyEncoding::Zstd, "plain text\n"), UnpackState::Malformed);
  EXPECT_EQ(unpack(BodyEncoding::Gzip, gzip("a line\n") + "rubbish"), UnpackState::Malformed);
  const std::string text = "some line that is long enough to be packed, packed, packed\n";
  for (const auto& [encoding, packed] :
       {std::pair(BodyEncoding::Gzip, gzip(text)), std::pair(BodyEncoding::Zstd, zstd(text))}) {
    for (size_t cut = 0; cut < packed.size(); ++cut) {
      EXPECT_EQ(unpack(encoding, packed.substr(0, cut)), UnpackState::Malformed) << cut;
    }
  }
}

// Whatever the bytes are, there is an answer, and never more than the bound.
TEST(IngestBody, AnyBytesAreAnswered) {
  std::mt19937 random(2);
  const std::string text(100'000, 'x');
  for (const auto& [encoding, packed] :
       {std::pair(BodyEncoding::Gzip, gzip(text)), std::pair(BodyEncoding::Zstd, zstd(text))}) {
    for (int i = 0; i < 500; ++i) {
      std::string edited = packed;
      edited[random() % edited.size()] = static_cast<char>(random());
      unpack(encoding, edited);
    }
  }
}

TEST(IngestBody, BombsAreGivenUpEarly) {
  const std::string zeros(64 << 20, '\0');
  for (const auto& [encoding, bomb] :
       {std::pair(BodyEncoding::Gzip, gzip(zeros)), std::pair(BodyEncoding::Zstd, zstd(zeros))}) {
    std::string out;
    EXPECT_EQ(unpack(encoding, bomb, &out, {.bytes_max = 256 << 20}), UnpackState::TooLarge);
    EXPECT_LT(out.size(), size_t{16} << 20);
    std::string many;
    for (int i = 0; i < 20; ++i) many += bomb;
    EXPECT_EQ(unpack(encoding, many), UnpackState::TooLarge);
  }
  // A bomb inside a bomb is only as large as its shell.
  std::string out;
  EXPECT_EQ(unpack(BodyEncoding::Gzip, gzip(gzip(zeros)), &out), UnpackState::Good);
  EXPECT_LT(out.size(), size_t{100} << 10);
}

TEST(IngestBody, SizeIsBoundedToTheByte) {
  std::mt19937 random(3);
  std::string text(100'000, '\0');
  for (char& c : text) c = static_cast<char>(random());
  for (const auto& [encoding, packed] :
       {std::pair(BodyEncoding::Gzip, gzip(text)), std::pair(BodyEncoding::Zstd, zstd(text)),
        std::pair(BodyEncoding::Identity, text)}) {
    EXPECT_EQ(unpack(encoding, packed, nullptr, {.bytes_max = 100'000}), UnpackState::Good);
    EXPECT_EQ(unpack(encoding, packed, nullptr, {.bytes_max = 99'999}), UnpackState::TooLarge);
  }
}

TEST(IngestBody, ZstdWindowsAreBounded) {
  std::mt19937 random(4);
  std::string text(9 << 20, '\0');
  for (char& c : text) c = static_cast<char>(random());
  EXPECT_EQ(
      unpack(BodyEncoding::Zstd, zstd_with_window(text, 27), nullptr, {.bytes_max = 32 << 20}),
      UnpackState::Malformed);
  EXPECT_EQ(
      unpack(BodyEncoding::Zstd, zstd_with_window(text, 23), nullptr, {.bytes_max = 32 << 20}),
      UnpackState::Good);
}

TEST(IngestBody, LinesAreWhole) {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"a", "a\n"},
      {"a\n", "a\n"},
      {"a\nb", "a\nb\n"},
      {"\n", "\n"},
      {"\xEF\xBB\xBF", ""},
      {"\xEF\xBB\xBF{}", "{}\n"},
  };
  for (const auto& [body, lines] : cases) {
    std::string text = body;
    make_lines(text);
    EXPECT_EQ(text, lines);
  }
}

TEST(IngestBody, ADocumentBecomesOneLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {" \r\n\t\n", ""},
      {"{}", "{}\n"},
      {"{\r\n \"a\":\n1}\n", "{   \"a\": 1} \n"},
  };
  for (const auto& [body, line] : cases) {
    std::string text = body;
    make_one_line(text);
    EXPECT_EQ(text, line);
  }
}

}  // namespace
}  // namespace picket
