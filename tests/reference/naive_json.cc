// Recursive descent, one character at a time (see naive_json.h).
#include "tests/reference/naive_json.h"

#include <fmt/format.h>

namespace picket {
namespace {

using Kind = NaiveValue::Kind;

void append_utf8(std::string& out, uint32_t c) {
  const auto put = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  }
}

void merge(NaiveValue& into, NaiveValue value) {
  if (into.kind != Kind::Object || value.kind != Kind::Object) {
    into = std::move(value);
    return;
  }
  for (auto& [key, member] : value.members) merge(into.members[key], std::move(member));
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool document(NaiveValue& out) { return value(out) && (space(), at_ == text_.size()); }

 private:
  void space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }
  bool take(char c) {
    space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool value(NaiveValue& out) {
    space();
    if (take('{')) return object(out);
    if (take('[')) return array(out);
    if (take('"')) {
      out.kind = Kind::String;
      return string(out.text);
    }
    const size_t end = std::min(text_.find_first_of(" \t\r\n,]}", at_), text_.size());
    out.text = text_.substr(at_, end - at_);
    at_ = end;
    if (out.text == "null") {
      out = {};
      return true;
    }
    const bool boolean = out.text == "true" || out.text == "false";
    out.kind = boolean ? Kind::Bool : Kind::Number;
    return boolean ||
           (!out.text.empty() && out.text.find_first_not_of("0123456789+-.eE") == out.text.npos);
  }

  bool object(NaiveValue& out) {
    out.kind = Kind::Object;
    if (take('}')) return true;
    do {
      std::string key;
      NaiveValue member;
      if (!take('"') || !string(key) || !take(':') || !value(member)) return false;
      merge(out.members[key], std::move(member));
    } while (take(','));
    return take('}');
  }

  bool array(NaiveValue& out) {
    out.kind = Kind::Array;
    if (take(']')) return true;
    do {
      if (!value(out.items.emplace_back())) return false;
    } while (take(','));
    return take(']');
  }

  bool hex(uint32_t& out) {
    out = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_ == text_.size()) return false;
      const size_t digit = std::string_view("0123456789abcdefABCDEF").find(text_[at_]);
      if (digit == std::string_view::npos) return false;
      out = out * 16 + static_cast<uint32_t>(digit > 15 ? digit - 6 : digit);
    }
    return true;
  }

  bool unicode(std::string& out) {
    uint32_t c = 0;
    if (!hex(c)) return false;
    if (c >= 0xD800 && c < 0xDC00 && text_.substr(at_).starts_with("\\u")) {
      uint32_t low = 0;
      at_ += 2;
      if (!hex(low)) return false;
      c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, c);
    return true;
  }

  // Behind the opening quote.
  bool string(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (c != '\\') {
        out += c;
        continue;
      }
      if (at_ == text_.size()) return false;
      const char name = text_[at_++];
      if (name == 'u') {
        if (!unicode(out)) return false;
      } else if (const size_t known = kNames.find(name); known != kNames.npos) {
        out += kMeanings[known];
      } else {
        return false;
      }
    }
    return false;
  }

  std::string_view text_;
  size_t at_ = 0;
};

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

std::string naive_json(const NaiveValue& value) {
  std::string out;
  switch (value.kind) {
    case Kind::Null:
      return "null";
    case Kind::Bool:
    case Kind::Number:
      return value.text;
    case Kind::String:
      return quoted(value.text);
    case Kind::Array:
      for (const NaiveValue& item : value.items) {
        out += (out.empty() ? "" : ",") + naive_json(item);
      }
      return "[" + out + "]";
    case Kind::Object:
      for (const auto& [key, member] : value.members) {
        out += (out.empty() ? "" : ",") + quoted(key) + ":" + naive_json(member);
      }
      return "{" + out + "}";
  }
  return out;
}

std::optional<NaiveValue> parse_naive_json(std::string_view text) {
  NaiveValue value;
  if (!Reader(text).document(value)) return std::nullopt;
  return value;
}

}  // namespace picket
