// What all fuzz targets share: their entry point and rules made from bytes.
//
// A target is one *_fuzz.cc that defines LLVMFuzzerTestOneInput. With clang and PICKET_FUZZ it is
// linked to libFuzzer; otherwise to replay_main.cc, which runs the files of tests/fuzz/corpus/NAME
// through it once, as a test. So a target that a change breaks is noticed without a fuzzer.
//
// Thread rule: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "rules/rule_set.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace picket {

// Ends the process with `what`, so that the fuzzer keeps the input.
void fuzz_expect(bool holds, std::string_view what);

// A schema with the time `t` in milliseconds, the actor `who`, and raw paths.
Schema fuzz_schema();

// The rules of `text`, whatever of them loads; problems are rendered, and null when it is no YAML.
std::shared_ptr<const RuleSet> fuzz_rules(std::string text);

}  // namespace picket
