// Any bytes as names and texts that become label values: what is scraped reads back as it should.
//
// Every line is a comment or `name{labels} value`; values are quoted, with only the three escapes
// that Prometheus knows; no two samples have the same labels.
#include <set>

#include "daemon/metrics.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

using picket::fuzz_expect;

// Takes a label value with its quotes off the front.
void take_value(std::string_view& text) {
  fuzz_expect(text.starts_with('"'), "a label value without quotes");
  size_t at = 1;
  for (; at < text.size() && text[at] != '"'; ++at) {
    fuzz_expect(static_cast<unsigned char>(text[at]) >= 0x20, "a control character");
    if (text[at] != '\\') continue;
    ++at;
    fuzz_expect(
        at < text.size() && std::string_view("\\\"n").find(text[at]) != std::string_view::npos,
        "an escape that Prometheus does not know");
  }
  fuzz_expect(at < text.size(), "a label value without an end");
  text.remove_prefix(at + 1);
}

void read_sample(std::string_view line) {
  const size_t name = line.find_first_not_of("abcdefghijklmnopqrstuvwxyz_");
  fuzz_expect(line.starts_with("picket_") && name != line.npos, "a strange name");
  line.remove_prefix(name);
  if (line.starts_with('{')) {
    line.remove_prefix(1);
    while (!line.starts_with('}')) {
      const size_t equals = line.find('=');
      fuzz_expect(equals != line.npos, "a label without a value");
      line.remove_prefix(equals + 1);
      take_value(line);
      if (line.starts_with(',')) line.remove_prefix(1);
    }
    line.remove_prefix(1);
  }
  fuzz_expect(line.starts_with(' ') && line.find(' ', 1) == line.npos, "more than one value");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace picket;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto take = [&rest](size_t count) {
    const std::string_view part = rest.substr(0, count);
    rest.remove_prefix(part.size());
    return std::string(part);
  };
  Snapshot snapshot;
  while (!rest.empty()) {
    const std::string name = take(5);
    snapshot.sources.push_back({.name = name});
    snapshot.engine.sources.push_back({.name = name});
    snapshot.engine.refusals[{name, take(7), take(9)}] = 1;
    snapshot.engine.rules.push_back({.id = take(6), .title = take(3)});
    snapshot.outputs.push_back({.name = take(4)});
  }
  const std::string text = metrics_text(snapshot);
  std::set<std::string_view> seen;
  for (std::string_view left = text; !left.empty();) {
    const size_t end = left.find('\n');
    fuzz_expect(end != left.npos, "the last line has no end");
    const std::string_view line = left.substr(0, end);
    left.remove_prefix(end + 1);
    if (line.starts_with("# HELP ") || line.starts_with("# TYPE ")) continue;
    read_sample(line);
    fuzz_expect(seen.insert(line.substr(0, line.rfind(' '))).second, "the same sample twice");
  }
  return 0;
}
