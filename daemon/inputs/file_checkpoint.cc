// FileCheckpoint: text form and content hashes.
//
// Tested by tests/daemon/inputs/file_tail_restart_test.cc.
#include "daemon/inputs/file_checkpoint.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>

namespace picket {
namespace {

constexpr int kVersion = 3;
constexpr int kVersionWithModified = 2;
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

// Fewer than `length` bytes at the end of the file.
DiskResult<std::string> read_text(const DiskFile& file, uint64_t offset, size_t length) {
  std::string text(length, '\0');
  if (length == 0) return text;
  const auto got = file.read_at(offset, text.data(), length);
  if (!got) return std::unexpected(got.error());
  text.resize(*got);
  return text;
}

}  // namespace

std::string encode_checkpoint(const FileCheckpoint& checkpoint) {
  const FileIdentity& id = checkpoint.identity;
  return fmt::format("{} {} {} {} {} {} {:x} {:x} {} {:x}", kVersion,
                     checkpoint.finishing ? kFinish : kFollow, id.device, id.inode, id.birth_ns,
                     checkpoint.offset, checkpoint.head, checkpoint.tail, checkpoint.modified_ns,
                     checkpoint.stream);
}

std::optional<FileCheckpoint> decode_checkpoint(std::string_view text) {
  int version = 0;
  if (!take_number(text, version) || version < 1 || version > kVersion) return std::nullopt;
  const std::string_view mode = take_word(text);
  if (mode != kFollow && mode != kFinish) return std::nullopt;
  FileCheckpoint read;
  read.finishing = mode == kFinish;
  const bool whole = take_number(text, read.identity.device) &&
                     take_number(text, read.identity.inode) &&
                     take_number(text, read.identity.birth_ns) && take_number(text, read.offset) &&
                     take_number(text, read.head, 16) && take_number(text, read.tail, 16) &&
                     (version < kVersionWithModified || take_number(text, read.modified_ns)) &&
                     (version < kVersion || take_number(text, read.stream, 16)) && text.empty();
  if (!whole) return std::nullopt;
  return read;
}

std::string nameless_key(std::string_view origin, const FileIdentity& identity) {
  return fmt::format("{}.0{}", origin, identity.inode);
}

bool is_nameless(std::string_view key) {
  const std::string_view number = key.substr(key.rfind('.') + 1);
  return number.starts_with('0') && number.find_first_not_of("0123456789") == number.npos;
}

// The number of bytes is mixed in, so that a shorter text never matches.
uint64_t content_hash(std::string_view bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), bytes.size());
}

DiskResult<ContentProof> read_proof(const DiskFile& file, uint64_t offset) {
  ContentProof proof;
  const uint64_t length = std::min<uint64_t>(offset, Trail::kBytes);
  auto head = read_text(file, 0, length);
  if (!head) return std::unexpected(head.error());
  proof.head = *std::move(head);
  const auto tail = read_text(file, offset - length, length);
  if (!tail) return std::unexpected(tail.error());
  proof.trail.append(*tail);
  return proof;
}

bool same_file(const FileCheckpoint& checkpoint, const FileIdentity& identity) {
  return checkpoint.identity.inode == identity.inode &&
         checkpoint.identity.birth_ns == identity.birth_ns;
}

// The head first: to get at the bytes before the offset may mean to decompress all before them.
DiskResult<std::optional<ContentProof>> prove(const FileCheckpoint& checkpoint,
                                              const DiskFile& file) {
  const uint64_t length = std::min<uint64_t>(checkpoint.offset, Trail::kBytes);
  const auto head = read_text(file, 0, length);
  if (!head) return std::unexpected(head.error());
  if (content_hash(*head) != checkpoint.head) return std::nullopt;
  const auto tail = read_text(file, checkpoint.offset - length, length);
  if (!tail) return std::unexpected(tail.error());
  if (content_hash(*tail) != checkpoint.tail) return std::nullopt;
  return ContentProof{*head, Trail(*tail)};
}

bool content_matches(const FileCheckpoint& checkpoint, const DiskFile& file) {
  const auto proof = prove(checkpoint, file);
  return proof && *proof;
}

}  // namespace picket
