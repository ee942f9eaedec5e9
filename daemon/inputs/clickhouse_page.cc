#include "daemon/inputs/clickhouse_page.h"

#include <fmt/format.h>
#include <simdjson.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "rules/json_writer.h"

namespace picket {
namespace {

constexpr std::string_view kVersion = "1 ";
constexpr size_t kQuotedMax = 300;  // of a line that breaks an answer

template <class T>
bool take_number(std::string_view& text, T& number, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

}  // namespace

std::string encode_position(const ClickhousePosition& position) {
  std::string text = fmt::format("{}{}", kVersion, position.value);
  for (const uint64_t hash : position.ties) fmt::format_to(std::back_inserter(text), " {:x}", hash);
  return text;
}

std::optional<ClickhousePosition> decode_position(std::string_view text) {
  ClickhousePosition position;
  if (!text.starts_with(kVersion)) return std::nullopt;
  text.remove_prefix(kVersion.size());
  if (!take_number(text, position.value, 10)) return std::nullopt;
  while (text.starts_with(' ')) {
    text.remove_prefix(1);
    if (!take_number(text, position.ties.emplace_back(), 16)) return std::nullopt;
  }
  if (!text.empty()) return std::nullopt;
  return position;
}

// Behind a pointer, because the layout of simdjson's parser depends on how a file is compiled.
struct ClickhousePage::Parser {
  simdjson::dom::parser json;
};

ClickhousePage::ClickhousePage(std::string cursor, Limits limits, ClickhousePosition& position)
    : cursor_(std::move(cursor)),
      limits_(limits),
      position_(position),
      seen_value_(position.value),
      parser_(std::make_unique<Parser>()) {
  for (const uint64_t hash : position.ties) ++seen_[hash];
}

ClickhousePage::~ClickhousePage() = default;

void ClickhousePage::put(std::string_view bytes) {
  const size_t kept = buffer_.size() - begin_;
  if (begin_ > 0 && kept > 0) std::memmove(buffer_.data(), buffer_.data() + begin_, kept);
  buffer_.resize(kept);
  searched_ -= begin_;
  begin_ = 0;
  buffer_.append(bytes);
}

std::optional<std::string_view> ClickhousePage::next() {
  static_assert(PaddedBytes::kPadding >= simdjson::SIMDJSON_PADDING);
  while (problem_.empty()) {
    const size_t end = buffer_.view().find('\n', searched_);
    if (end == std::string_view::npos) {
      searched_ = buffer_.size();
      if (buffer_.size() - begin_ > limits_.row_bytes_max) {
        broken("has too long a row", buffer_.view().substr(begin_));
      }
      return std::nullopt;
    }
    const std::string_view row = buffer_.view().substr(begin_, end + 1 - begin_);
    if (!read_cursor(row, &value_)) return std::nullopt;
    begin_ = end + 1;
    searched_ = begin_;
    ++rows_;
    hash_ = XXH3_64bits(row.data(), row.size());
    if (seen(value_, hash_)) continue;
    if (value_ == position_.value && position_.ties.size() >= kTiesMax) {
      broken(fmt::format("has more than {} rows with one value of '{}'", kTiesMax, cursor_), row);
      return std::nullopt;
    }
    return row;
  }
  return std::nullopt;
}

void ClickhousePage::accept() {
  if (value_ > position_.value) position_ = {value_, {}};
  position_.ties.push_back(hash_);
}

void ClickhousePage::finish() {
  if (!problem_.empty() || begin_ == buffer_.size()) return;
  broken("ends in the middle of a row", buffer_.view().substr(begin_));
}

// False: the answer is broken.
bool ClickhousePage::read_cursor(std::string_view row, int64_t* value) {
  simdjson::dom::object fields;
  simdjson::dom::element field;
  if (parser_->json.parse(row.data(), row.size(), false).get(fields) != simdjson::SUCCESS) {
    broken("is not all rows", row);
    return false;
  }
  bool good = fields[cursor_].get(field) == simdjson::SUCCESS;
  std::string_view text;
  if (good && field.get(text) == simdjson::SUCCESS) {
    // Unless it is told otherwise, ClickHouse puts 64-bit integers into quotes.
    good = take_number(text, *value, 10) && text.empty();
  } else if (good) {
    good = field.get(*value) == simdjson::SUCCESS;
  }
  if (!good) {
    broken(fmt::format("has a row without an integer in '{}'", cursor_), row);
  } else if (*value < position_.value || *value >= limits_.until) {
    broken(fmt::format("has '{}' out of order or range", cursor_), row);
  }
  return problem_.empty();
}

// Each hash stands for one row: equal rows are as many as the table has of them.
bool ClickhousePage::seen(int64_t value, uint64_t hash) {
  if (value != seen_value_) return false;
  const auto found = seen_.find(hash);
  if (found == seen_.end()) return false;
  if (--found->second == 0) seen_.erase(found);
  return true;
}

void ClickhousePage::broken(std::string_view what, std::string_view row) {
  problem_ = fmt::format("the answer {}: ", what);
  append_printable(problem_, row.substr(0, std::min(row.find('\n'), kQuotedMax)));
}

}  // namespace picket
