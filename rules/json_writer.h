// JsonWriter: appends JSON text to a string that the caller owns and may reuse.
//
// Everything picket prints as JSON goes through here, so one place decides what text may contain.
// Log lines are written by strangers: characters that move a cursor, reorder or hide text, or break
// a line (C0, DEL, C1, U+2028/9, bidirectional and zero-width controls, tag characters) come out as
// \uXXXX escapes, and bytes that are not UTF-8 as U+FFFD. The output is always valid UTF-8.
//
// Invariants: commas are placed by the writer; begin and end calls must pair, and inside an object
// every value follows a key(). This is not checked: a writer is used by short, tested functions.
// Thread rule: one owner; borrows the string for its life.
// Errors: none. Numbers that JSON cannot express (NaN, infinities) are written as null.
// Tested by tests/rules/json_writer_test.cc.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace picket {

// `text` as a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view text);

// `text` for a terminal, a log line or a label value: the same characters are escaped, quotes and
// backslashes stay as they are, nothing is put around it.
void append_printable(std::string& out, std::string_view text);

// The longest prefix of at most `max_bytes` that ends between two code points of `text`.
// REQUIRES: `text` is valid UTF-8.
std::string_view clip_utf8(std::string_view text, size_t max_bytes);

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  void key(std::string_view name);
  void string(std::string_view text);
  void number(double value);
  template <std::unsigned_integral T>
  void number(T value) {
    unsigned_number(value);
  }
  template <std::signed_integral T>
  void number(T value) {
    signed_number(value);
  }
  void boolean(bool value);
  void null();
  // `json` is one complete value, made by another writer.
  void raw(std::string_view json);

  // key() and value in one call, for objects.
  void member(std::string_view name, std::string_view text);
  void member(std::string_view name, const char* text) { member(name, std::string_view(text)); }
  void member(std::string_view name, std::same_as<bool> auto value) {
    key(name);
    boolean(value);
  }
  void member(std::string_view name, double value) {
    key(name);
    number(value);
  }
  template <std::integral T>
  requires(!std::same_as<T, bool>) void member(std::string_view name, T value) {
    key(name);
    number(value);
  }

 private:
  void comma() {
    if (need_comma_) out_ += ',';
    need_comma_ = true;
  }
  void open(char bracket) {
    comma();
    out_ += bracket;
    need_comma_ = false;
  }
  void close(char bracket) {
    out_ += bracket;
    need_comma_ = true;
  }
  void unsigned_number(uint64_t value);
  void signed_number(int64_t value);

  std::string& out_;
  bool need_comma_ = false;
};

}  // namespace picket
