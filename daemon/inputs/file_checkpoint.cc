// FileCheckpoint: text form and content hashes.
//
// Tested by tests/daemon/inputs/file_checkpoint_test.cc.
#include "daemon/inputs/file_checkpoint.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace picket {
namespace {

constexpr std::string_view kVersion = "1";
constexpr std::string_view kFollow = "follow";
constexpr std::string_view kFinish = "finish";

// Cuts the next word off `text`.
std::string_view take_word(std::string_view& text) {
  const size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

template <class Number>
bool take_number(std::string_view& text, Number& number, int base = 10) {
  const std::string_view word = take_word(text);
  const char* end = word.data() + word.size();
  const auto [stopped, error] = std::from_chars(word.data(), end, number, base);
  return error == std::errc() && stopped == end;
}

// The number of bytes that were there is mixed in, so that a short read never matches.
DiskResult<uint64_t> range_hash(const DiskFile& file, uint64_t offset, uint64_t length) {
  std::array<char, kProofBytes> bytes;
  const auto got = file.read_at(offset, bytes.data(), std::min(length, kProofBytes));
  if (!got) return std::unexpected(got.error());
  return XXH3_64bits_withSeed(bytes.data(), *got, *got);
}

}  // namespace

std::string encode_checkpoint(const FileCheckpoint& checkpoint) {
  const FileIdentity& id = checkpoint.identity;
  return fmt::format("{} {} {} {} {} {} {:x} {:x}", kVersion,
                     checkpoint.finishing ? kFinish : kFollow, id.device, id.inode, id.birth_ns,
                     checkpoint.offset, checkpoint.head, checkpoint.tail);
}

std::optional<FileCheckpoint> decode_checkpoint(std::string_view text) {
  if (take_word(text) != kVersion) return std::nullopt;
  const std::string_view mode = take_word(text);
  if (mode != kFollow && mode != kFinish) return std::nullopt;
  FileCheckpoint read;
  read.finishing = mode == kFinish;
  const bool whole =
      take_number(text, read.identity.device) && take_number(text, read.identity.inode) &&
      take_number(text, read.identity.birth_ns) && take_number(text, read.offset) &&
      take_number(text, read.head, 16) && take_number(text, read.tail, 16) && text.empty();
  if (!whole) return std::nullopt;
  return read;
}

DiskResult<uint64_t> head_hash(const DiskFile& file, uint64_t offset) {
  return range_hash(file, 0, offset);
}

DiskResult<uint64_t> tail_hash(const DiskFile& file, uint64_t offset) {
  const uint64_t length = std::min(offset, kProofBytes);
  return range_hash(file, offset - length, length);
}

bool same_file(const FileCheckpoint& checkpoint, const FileIdentity& identity) {
  return checkpoint.identity.inode == identity.inode &&
         checkpoint.identity.birth_ns == identity.birth_ns;
}

bool content_matches(const FileCheckpoint& checkpoint, const DiskFile& file) {
  const auto info = file.info();
  if (!info || info->size < checkpoint.offset) return false;
  const auto head = head_hash(file, checkpoint.offset);
  const auto tail = tail_hash(file, checkpoint.offset);
  return head && tail && *head == checkpoint.head && *tail == checkpoint.tail;
}

}  // namespace picket
