// OptionSet: how a command declares its options, without CLI11's headers.
//
// Including CLI11 costs seven seconds a file, so option_set.cc and command_table.cc alone do; every
// command states its options through this. A value that the user does not give keeps its default.
//
// Thread rule: main thread, before parsing. The values must live until the command has run.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace picket {

class OptionSet {
 public:
  // REQUIRES: `app` outlives the set.
  explicit OptionSet(CLI::App& app) : app_(app) {}

  void text(const char* name, std::string& value, const char* about);
  // May be given several times; takes one value each time, so that logs may follow.
  void texts(const char* name, std::vector<std::string>& values, const char* about);
  void flag(const char* name, bool& value, const char* about);
  // A number of bytes from 1 to 1 TiB, also as 64KiB or 8MiB.
  void size(const char* name, uint64_t& value, const char* about);
  void size(const char* name, std::optional<uint64_t>& value, const char* about);
  // --workers and --batch-bytes, which change nothing but speed.
  template <class Workers, class Bytes>
  void speed(Workers& workers, Bytes& batch_bytes) {
    count("--workers", workers, "decode threads; changes only the speed");
    size("--batch-bytes", batch_bytes, "bytes per batch; changes only the speed");
  }
  // The logs to read, at least one.
  void logs(std::vector<std::string>& values);
  // A word without a name, or the flag in its place: exactly one of them.
  struct Word {
    const char* name;
    std::string& value;
    const char* about;
  };
  struct Flag {
    const char* name;
    bool& value;
    const char* about;
  };
  // The same for a third way, an option with a value.
  void word_or_flag(const Word& word, const Flag& flag, const Word& option);
  // Files or folders without a name, at least one.
  void paths(std::vector<std::string>& values, const char* about);

 private:
  // A number of threads, 1 to 64.
  void count(const char* name, uint32_t& value, const char* about);
  void count(const char* name, std::optional<uint32_t>& value, const char* about);

  CLI::App& app_;
};

}  // namespace picket
