#include "daemon/dead_letter_reader.h"

#include <openssl/evp.h>
#include <simdjson.h>

#include <algorithm>

namespace picket {
namespace {

// False when `text` is no base64.
bool decode_base64(std::string_view text, std::string& out) {
  if (text.size() % 4 != 0) return false;
  out.resize(text.size() / 4 * 3);
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return false;
  // EVP_DecodeBlock counts padding as zero bytes.
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  out.resize(static_cast<size_t>(size) - padding);
  return true;
}

}  // namespace

// Behind a pointer, because the layout of simdjson's parser depends on how a file is compiled.
struct DeadLetterReader::Parser {
  simdjson::dom::parser json;
};

DeadLetterReader::DeadLetterReader() : parser_(std::make_unique<Parser>()) {}
DeadLetterReader::~DeadLetterReader() = default;
DeadLetterReader::DeadLetterReader(DeadLetterReader&&) noexcept = default;
DeadLetterReader& DeadLetterReader::operator=(DeadLetterReader&&) noexcept = default;

void DeadLetterReader::unpack(LineBatch& batch) {
  if (batch.kind != BatchKind::Lines) return;
  PaddedBytes lines(batch.bytes.size());
  std::string_view rest = batch.bytes.view();
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view letter = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (letter.empty()) continue;
    if (const std::optional<std::string_view> line = line_of(letter)) {
      lines.append(*line);
      lines.append("\n");
    } else {
      ++refused_;
    }
  }
  batch.bytes = std::move(lines);
}

std::optional<std::string_view> DeadLetterReader::line_of(std::string_view letter) {
  simdjson::dom::object fields;
  if (parser_->json.parse(letter.data(), letter.size(), false).get(fields) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  std::string_view text;
  if (fields["reason"].get(text) != simdjson::SUCCESS) return std::nullopt;
  if (fields["line"].get(text) != simdjson::SUCCESS) {
    if (fields["line_base64"].get(text) != simdjson::SUCCESS) return std::nullopt;
    if (!decode_base64(text, decoded_)) return std::nullopt;
    text = decoded_;
  }
  // A letter holds one line; what says otherwise was not written by picket.
  if (text.find('\n') != text.npos) return std::nullopt;
  return text;
}

}  // namespace picket
