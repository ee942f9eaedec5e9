#include "daemon/inputs/ingest_body.h"

#include <algorithm>
#include <memory>
#include <span>

#include "daemon/unpack.h"

namespace picket {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr int kZstdWindowLogMax = 23;  // 8 MiB: what `zstd -19` makes, and RFC 8878 asks of all
constexpr uint64_t kRatioFreeBytes = 1 << 20;
constexpr size_t kPieceBytes = 256 << 10;

bool equal_ignoring_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, {}, [](char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
}

void drop_mark(std::string& body) {
  if (body.starts_with(kByteOrderMark)) body.erase(0, kByteOrderMark.size());
}

}  // namespace

std::optional<BodyEncoding> parse_body_encoding(std::string_view value) {
  if (value.empty() || equal_ignoring_case(value, "identity")) return BodyEncoding::Identity;
  if (equal_ignoring_case(value, "gzip") || equal_ignoring_case(value, "x-gzip")) {
    return BodyEncoding::Gzip;
  }
  if (equal_ignoring_case(value, "zstd")) return BodyEncoding::Zstd;
  return std::nullopt;
}

UnpackState unpack_body(BodyEncoding encoding, std::string_view packed, const UnpackLimits& limits,
                        std::string& out) {
  if (encoding == BodyEncoding::Identity) {
    if (packed.size() > limits.bytes_max) return UnpackState::TooLarge;
    out += packed;
    return UnpackState::Good;
  }
  const std::unique_ptr<Unpacker> unpacker =
      encoding == BodyEncoding::Gzip ? Unpacker::for_gzip() : Unpacker::for_zstd(kZstdWindowLogMax);
  const auto piece = std::make_unique_for_overwrite<char[]>(kPieceBytes);
  std::span<const char> in(packed);
  uint64_t total = 0;
  for (;;) {
    std::span<char> room(piece.get(), kPieceBytes);
    const size_t offered = in.size();
    if (unpacker->step(in, room) != nullptr) return UnpackState::Malformed;
    const size_t made = kPieceBytes - room.size();
    out.append(piece.get(), made);
    total += made;
    if (total > limits.bytes_max) return UnpackState::TooLarge;
    const uint64_t used = packed.size() - in.size();
    if (total > kRatioFreeBytes && total / limits.ratio_max > used) return UnpackState::TooLarge;
    if (made > 0 || in.size() < offered) continue;
    // All was offered and nothing came of it.
    const bool whole = in.empty() && unpacker->at_end() && !packed.empty();
    return whole ? UnpackState::Good : UnpackState::Malformed;
  }
}

void make_lines(std::string& body) {
  drop_mark(body);
  if (!body.empty() && !body.ends_with('\n')) body += '\n';
}

// JSON allows no line break inside a string, so none of them carries meaning.
void make_one_line(std::string& body) {
  drop_mark(body);
  std::ranges::replace_if(
      body, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  if (body.find_first_not_of(" \t") == std::string::npos) {
    body.clear();
  } else {
    body += '\n';
  }
}

}  // namespace picket
