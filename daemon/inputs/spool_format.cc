#include "daemon/inputs/spool_format.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>

namespace picket {
namespace {

constexpr std::string_view kMagic = "picketsp";
constexpr uint32_t kVersion = 1;
constexpr std::string_view kEnding = ".spool";
constexpr size_t kOffsetDigits = 20;
constexpr size_t kCheckedBytes = kRecordHeadBytes - 8;  // of the head, by its own check
constexpr size_t kPieceBytes = 256 << 10;

template <class T>
void put(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    out += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
  }
}

// Takes the number at the front. REQUIRES: there are enough bytes.
template <class T>
T take(std::string_view& bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  }
  bytes.remove_prefix(sizeof(T));
  return static_cast<T>(value);
}

uint64_t head_check(std::string_view head, uint64_t offset) {
  return XXH3_64bits_withSeed(head.data(), kCheckedBytes, offset);
}

}  // namespace

std::string segment_header() {
  std::string out(kMagic);
  put<uint32_t>(out, kVersion);
  put<uint32_t>(out, 0);
  return out;
}

HeaderState check_segment_header(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes || !bytes.starts_with(kMagic)) return HeaderState::Damaged;
  bytes.remove_prefix(kMagic.size());
  return take<uint32_t>(bytes) == kVersion ? HeaderState::Good : HeaderState::OtherVersion;
}

std::string encode_record_head(const RecordHead& head, uint64_t offset) {
  std::string out;
  out.reserve(kRecordHeadBytes);
  put<uint32_t>(out, head.size);
  put<uint32_t>(out, static_cast<uint32_t>(head.kind));
  put<int64_t>(out, to_ms(head.arrival));
  put<uint64_t>(out, head.line_length);
  put<uint64_t>(out, head.payload_check);
  put<uint64_t>(out, head_check(out, offset));
  return out;
}

std::optional<RecordHead> decode_record_head(std::string_view bytes, uint64_t offset) {
  if (bytes.size() < kRecordHeadBytes) return std::nullopt;
  const uint64_t expected = head_check(bytes, offset);
  RecordHead head;
  head.size = take<uint32_t>(bytes);
  head.kind = static_cast<RecordKind>(take<uint32_t>(bytes));
  head.arrival = timestamp_ms(take<int64_t>(bytes));
  head.line_length = take<uint64_t>(bytes);
  head.payload_check = take<uint64_t>(bytes);
  const bool known = head.kind == RecordKind::Lines || head.kind == RecordKind::OversizeLine;
  if (take<uint64_t>(bytes) != expected || head.size == 0 || !known) return std::nullopt;
  return head;
}

struct PayloadCheck::State {
  State() = default;
  ~State() { XXH3_freeState(hash); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  XXH3_state_t* hash = XXH3_createState();
};

PayloadCheck::PayloadCheck(uint64_t offset) : state_(std::make_unique<State>()) {
  XXH3_64bits_reset_withSeed(state_->hash, offset);
}
PayloadCheck::~PayloadCheck() = default;

void PayloadCheck::add(std::string_view part) {
  XXH3_64bits_update(state_->hash, part.data(), part.size());
}

uint64_t PayloadCheck::value() const { return XXH3_64bits_digest(state_->hash); }

DiskResult<std::optional<RecordHead>> read_record_head(const DiskFile& file, uint64_t at,
                                                       uint64_t offset) {
  char bytes[kRecordHeadBytes];
  const DiskResult<size_t> got = file.read_at(at, bytes, sizeof(bytes));
  if (!got) return std::unexpected(got.error());
  return decode_record_head({bytes, *got}, offset);
}

DiskResult<bool> payload_is_good(const DiskFile& file, uint64_t at, const RecordHead& head,
                                 uint64_t offset) {
  PayloadCheck check(offset);
  std::string piece(std::min<size_t>(head.size, kPieceBytes), '\0');
  char last = '\0';
  for (uint64_t done = 0; done < head.size;) {
    const size_t want = std::min<uint64_t>(head.size - done, piece.size());
    const DiskResult<size_t> got = file.read_at(at + kRecordHeadBytes + done, piece.data(), want);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return false;
    check.add({piece.data(), *got});
    last = piece[*got - 1];
    done += *got;
  }
  return check.value() == head.payload_check && last == '\n';
}

std::string segment_name(uint64_t offset) { return fmt::format("{:020}{}", offset, kEnding); }

std::optional<uint64_t> segment_offset(std::string_view name) {
  if (name.size() != kOffsetDigits + kEnding.size() || !name.ends_with(kEnding)) {
    return std::nullopt;
  }
  uint64_t offset = 0;
  const char* end = name.data() + kOffsetDigits;
  const auto [stop, error] = std::from_chars(name.data(), end, offset);
  if (error != std::errc() || stop != end) return std::nullopt;
  return offset;
}

DiskResult<std::vector<uint64_t>> list_segments(const Disk& disk, const std::string& folder) {
  const auto names = disk.list(folder);
  if (!names) return std::unexpected(names.error());
  std::vector<uint64_t> offsets;
  for (const std::string& name : *names) {
    if (const auto offset = segment_offset(name)) offsets.push_back(*offset);
  }
  std::sort(offsets.begin(), offsets.end());
  return offsets;
}

}  // namespace picket
