// A spool with any damage: it opens, what is read was written, and new lines come out.
//
// The input is a list of edits of four bytes (segment and action, place of two bytes, value) to a
// genuine spool of several segments; what is left over is appended to the last one.
#include <algorithm>
#include <array>

#include "daemon/inputs/spool_reader.h"
#include "daemon/inputs/spool_writer.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/fake_disk.h"

namespace picket {
namespace {

constexpr const char* kFolder = "s/spool/a";
constexpr std::array<std::string_view, 6> kLines = {"one\n",  "two\ntwo\n", "three\n",
                                                    "four\n", "five\n",     "six\n"};
constexpr std::string_view kNew = "a new line\n";

std::unique_ptr<SpoolWriter> open(FakeDisk& disk) {
  auto writer = SpoolWriter::open(disk, {.folder = kFolder, .segment_bytes = 80}, 0);
  // Only another version may be refused.
  return writer ? *std::move(writer) : nullptr;
}

bool write(SpoolWriter& writer, std::string_view lines) {
  const SpoolRecord record{.parts = {lines}};
  return writer.write({&record, 1}) == SpoolVerdict::Durable;
}

void damage(FakeDisk& disk, std::string_view edits) {
  const std::vector<std::string> paths = disk.glob(std::string(kFolder) + "/*");
  for (; edits.size() >= 4; edits.remove_prefix(4)) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(edits[i]); };
    const std::string& path = paths[byte(0) % paths.size()];
    const uint64_t size = disk.stat(path, {Symlinks::Refuse})->size;
    const uint64_t place = (byte(1) * 256U + byte(2)) % (size + 1);
    std::string bytes(size, '\0');
    (*disk.open(path, {Symlinks::Refuse}))->read_at(0, bytes.data(), size);
    switch (byte(0) / 64) {
      case 0:
        disk.truncate(path, place);
        break;
      case 1:
        bytes.insert(place, 1, edits[3]);
        disk.rewrite(path, bytes);
        break;
      default:
        if (place < size) bytes[place] = edits[3];
        disk.rewrite(path, bytes);
    }
  }
  if (!edits.empty()) disk.write(paths.back(), edits);
}

std::string read_all(FakeDisk& disk, const SpoolEnd& end) {
  SpoolReader reader(disk, kFolder, 0);
  std::string all;
  std::array<char, 7> piece;
  for (;;) {
    const auto got = reader.read(end, piece);
    fuzz_expect(got.has_value(), "a read failed");
    if (*got == 0) break;
    all.append(piece.data(), *got);
  }
  fuzz_expect(reader.offset() == end.offset, "the reader stopped before the end");
  return all;
}

}  // namespace
}  // namespace picket

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace picket;
  FakeDisk disk;
  auto writer = open(disk);
  for (const std::string_view lines : kLines) fuzz_expect(write(*writer, lines), "no write");
  writer.reset();
  damage(disk, {reinterpret_cast<const char*>(data), size});
  writer = open(disk);
  if (!writer) return 0;
  fuzz_expect(write(*writer, kNew), "nothing can be written any more");
  const std::string all = read_all(disk, writer->end());
  // A subset of what was written, in order, and the new line.
  std::string_view left = all;
  for (const std::string_view lines : kLines) {
    if (left.starts_with(lines)) left.remove_prefix(lines.size());
  }
  fuzz_expect(left == kNew, "something else was read");
  return 0;
}
