#include "daemon/commands/option_set.h"

#include <CLI/CLI.hpp>

namespace picket {
namespace {

CLI::Option* checked_size(CLI::Option* option) {
  return option->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40));
}

}  // namespace

void OptionSet::text(const char* name, std::string& value, const char* about) {
  app_.add_option(name, value, about);
}

void OptionSet::texts(const char* name, std::vector<std::string>& values, const char* about) {
  app_.add_option(name, values, about)->allow_extra_args(false);
}

void OptionSet::flag(const char* name, bool& value, const char* about) {
  app_.add_flag(name, value, about);
}

void OptionSet::size(const char* name, uint64_t& value, const char* about) {
  checked_size(app_.add_option(name, value, about));
}

void OptionSet::size(const char* name, std::optional<uint64_t>& value, const char* about) {
  checked_size(app_.add_option(name, value, about));
}

void OptionSet::count(const char* name, uint32_t& value, const char* about) {
  app_.add_option(name, value, about)->check(CLI::Range(1, 64));
}

void OptionSet::count(const char* name, std::optional<uint32_t>& value, const char* about) {
  app_.add_option(name, value, about)->check(CLI::Range(1, 64));
}

void OptionSet::logs(std::vector<std::string>& values) {
  app_.add_option("LOG", values, "log files, plain, gzip or zstd; - is standard input")->required();
}

void OptionSet::paths(std::vector<std::string>& values, const char* about) {
  app_.add_option("PATH", values, about)->required();
}

void OptionSet::word_or_flag(const Word& word, const Flag& flag, const Word& option) {
  CLI::Option_group* either = app_.add_option_group("One of these");
  either->add_option(word.name, word.value, word.about);
  either->add_flag(flag.name, flag.value, flag.about);
  either->add_option(option.name, option.value, option.about);
  either->require_option(1);
}

}  // namespace picket
