// Any bytes as a stored read position of a file: refused, or understood and written the same again.
#include "daemon/inputs/file_checkpoint.h"
#include "daemon/keeper.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace picket;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto checkpoint = decode_checkpoint(text)) {
    const std::string written = encode_checkpoint(*checkpoint);
    const auto again = decode_checkpoint(written);
    fuzz_expect(again.has_value(), "what was written cannot be read");
    fuzz_expect(encode_checkpoint(*again) == written, "it does not stay the same");
    fuzz_expect(again->offset == checkpoint->offset, "the offset changes");
  }
  std::string source;
  std::string key;
  if (split_checkpoint_key(text, source, key)) {
    fuzz_expect(checkpoint_key(source, key) == text, "a key does not stay the same");
  }
  return 0;
}
