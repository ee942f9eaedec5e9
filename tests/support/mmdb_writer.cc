#include "tests/support/mmdb_writer.h"

#include <arpa/inet.h>

#include <array>
#include <cstring>
#include <map>

namespace picket {
namespace {

constexpr size_t kSeparator = 16;  // zero bytes between tree and data

// Types of the format that are used here.
enum class Type : uint8_t { Text = 2, Uint16 = 5, Uint32 = 6, Map = 7, Uint64 = 9, Array = 11 };

void put_control(std::string& out, Type type, size_t size) {
  const auto number = static_cast<unsigned>(type);
  const bool extended = number > 7;
  const size_t shown = size < 29 ? size : 29;  // 29: one more byte says how many more
  out += static_cast<char>((extended ? 0 : number) << 5 | shown);
  if (extended) out += static_cast<char>(number - 7);
  if (shown == 29) out += static_cast<char>(size - 29);
}

void put_text(std::string& out, const std::string& text) {
  put_control(out, Type::Text, text.size());
  out += text;
}

void put_number(std::string& out, Type type, uint64_t number, size_t bytes) {
  put_control(out, type, bytes);
  for (size_t i = bytes; i-- > 0;) out += static_cast<char>(number >> 8 * i);
}

// A value already written, by its key.
using Encoded = std::map<std::string, std::string>;

std::string put_map(const Encoded& values) {
  std::map<std::string, Encoded> inner;
  Encoded flat;
  for (const auto& [key, value] : values) {
    const size_t dot = key.find('.');
    if (dot == std::string::npos) {
      flat[key] = value;
    } else {
      inner[key.substr(0, dot)][key.substr(dot + 1)] = value;
    }
  }
  for (const auto& [key, map] : inner) flat[key] = put_map(map);
  std::string out;
  put_control(out, Type::Map, flat.size());
  for (const auto& [key, value] : flat) {
    put_text(out, key);
    out += value;
  }
  return out;
}

std::string put_record(const MmdbRecord& record) {
  Encoded values;
  for (const auto& [key, text] : record.texts) put_text(values[key], text);
  for (const auto& [key, number] : record.numbers) {
    put_number(values[key], Type::Uint32, number, 4);
  }
  return put_map(values);
}

struct Network {
  std::array<uint8_t, 16> bytes{};
  unsigned bits = 0;
};

// IPv4 networks lie in the first 2^32 addresses of IPv6.
Network parse_network(const std::string& text) {
  Network network;
  const size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  const bool v4 = address.find(':') == std::string::npos;
  inet_pton(v4 ? AF_INET : AF_INET6, address.c_str(), network.bytes.data() + (v4 ? 12 : 0));
  network.bits = static_cast<unsigned>(std::stoul(text.substr(slash + 1))) + (v4 ? 96 : 0);
  return network;
}

struct Tree {
  static constexpr int64_t kNothing = -1;
  struct Child {
    int64_t node = kNothing;
    int64_t data = kNothing;  // offset in the data section
  };
  std::vector<std::array<Child, 2>> nodes{1};

  void insert(const Network& network, int64_t data) {
    size_t at = 0;
    for (unsigned i = 0; i < network.bits; ++i) {
      const size_t side = network.bytes[i / 8] >> (7 - i % 8) & 1;
      if (i + 1 == network.bits) {
        nodes[at][side].data = data;
      } else if (nodes[at][side].node == kNothing) {
        nodes[at][side].node = static_cast<int64_t>(nodes.size());
        nodes.emplace_back();
      }
      if (i + 1 < network.bits) at = static_cast<size_t>(nodes[at][side].node);
    }
  }

  std::string bytes() const {
    std::string out;
    const auto count = static_cast<int64_t>(nodes.size());
    for (const auto& node : nodes) {
      for (const Child& child : node) {
        int64_t value = count;  // "not found"
        if (child.node != kNothing) value = child.node;
        if (child.data != kNothing) value = count + static_cast<int64_t>(kSeparator) + child.data;
        for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
      }
    }
    return out;
  }
};

std::string metadata(const std::string& type, size_t nodes) {
  constexpr uint64_t kBuilt = 1'790'000'000;  // a day in 2026
  Encoded values;
  put_number(values["binary_format_major_version"], Type::Uint16, 2, 2);
  put_number(values["binary_format_minor_version"], Type::Uint16, 0, 2);
  put_number(values["build_epoch"], Type::Uint64, kBuilt, 8);
  put_text(values["database_type"], type);
  values["description"] = put_map({});
  put_number(values["ip_version"], Type::Uint16, 6, 2);
  put_control(values["languages"], Type::Array, 0);
  put_number(values["node_count"], Type::Uint32, nodes, 4);
  put_number(values["record_size"], Type::Uint16, 32, 2);
  return "\xAB\xCD\xEFMaxMind.com" + put_map(values);
}

}  // namespace

std::string mmdb_file(const std::string& type, const std::vector<MmdbRecord>& records) {
  Tree tree;
  std::string data;
  for (const MmdbRecord& record : records) {
    tree.insert(parse_network(record.network), static_cast<int64_t>(data.size()));
    data += put_record(record);
  }
  return tree.bytes() + std::string(kSeparator, '\0') + data + metadata(type, tree.nodes.size());
}

}  // namespace picket
