// TextScan: which of many short texts occur in a value, found in one pass.
//
// A thin layer over Hyperscan's literal matcher, the only place that sees it. Letters match in
// either case (ASCII); the caller compares again where case or more context matters.
//
// Hyperscan and not its fork Vectorscan: version 5.4.9 of that (Debian 12) misses texts in values
// of more than 64 bytes when it looks for two or three of them. A lost match is a rule that keeps
// silent, so text_scan_test.cc tries every offset, and fails there.
//
// Method: FDR, bucketed shift-or over SIMD registers (Wang et al., "Hyperscan: A Fast
// Multi-pattern Regex Matcher for Modern CPUs", NSDI 2019). It replaces one search per text: with
// 4,000 texts of eight bytes a value of 160 bytes costs about 0.4 us instead of 60.
//
// Thread rule: const after make(), shared; each thread brings a ScanScratch of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct hs_database;
struct hs_scratch;

namespace picket {

class TextScan;

// Working memory of scans; one per thread, good for every TextScan that prepare() has seen.
class ScanScratch {
 public:
  void prepare(const TextScan& scan);
  hs_scratch* get() const { return scratch_.get(); }

 private:
  struct Free {
    void operator()(hs_scratch* scratch) const;
  };
  std::unique_ptr<hs_scratch, Free> scratch_;
};

class TextScan {
 public:
  // The longest text that is looked for; longer ones only slow down compiling.
  static constexpr size_t kTextMax = 8;

  // REQUIRES: at least one text, none empty. Null when the library refuses, which it does for want
  // of memory only.
  static std::unique_ptr<TextScan> make(const std::vector<std::string>& texts);

  // Calls visit(state, index, end) for every place where texts[index] ends in `value`, in rising
  // order of `end`.
  using Visit = void (*)(void* state, uint32_t index, size_t end);
  // REQUIRES: scratch.prepare(*this) was called.
  void scan(std::string_view value, const ScanScratch& scratch, Visit visit, void* state) const;

 private:
  friend class ScanScratch;
  struct Free {
    void operator()(hs_database* database) const;
  };
  std::unique_ptr<hs_database, Free> database_;
};

}  // namespace picket
