// File names as text: folder, joining, wildcards, endings.
//
// Thread rule: pure functions.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace picket {

// "." for a bare name, "/" for one in the root.
inline std::string folder_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, slash == 0 ? 1 : slash));
}

inline std::string_view name_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

// The inverse of the two above: a name in "." stays bare, as its pattern was.
inline std::string path_in(std::string_view folder, std::string_view name) {
  if (folder == ".") return std::string(name);
  std::string path(folder);
  if (!path.ends_with('/')) path += '/';
  return path.append(name);
}

inline bool has_wildcard(std::string_view pattern) {
  return pattern.find_first_of("*?[") != std::string_view::npos;
}

// The folder of a pattern that no wildcard can change.
inline std::string fixed_folder(std::string_view pattern) {
  return folder_of(pattern.substr(0, pattern.find_first_of("*?[")));
}

// What a name looked like before rotation put numbers behind it: "a.log" of "a.log.1" and of
// "a.log-20240101.2".
inline std::string_view rotation_stem(std::string_view name) {
  const size_t last = name.find_last_not_of("0123456789.-_");
  const size_t stem = last == std::string_view::npos ? name.size() : last + 1;
  const bool numbered = stem < name.size() && std::string_view(".-_").contains(name[stem]);
  return numbered ? name.substr(0, stem) : name;
}

// Whether rotation may have made `path` from `origin`, or both from the same name.
inline bool made_from(std::string_view path, std::string_view origin) {
  return path.starts_with(origin.substr(0, origin.rfind('/') + 1)) &&
         name_of(path).starts_with(rotation_stem(name_of(origin)));
}

// What log rotation compresses; such a file is never read as it is.
inline bool is_compressed_name(std::string_view path) {
  constexpr std::array<std::string_view, 5> kEndings = {".gz", ".zst", ".xz", ".bz2", ".lz4"};
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view ending) { return path.ends_with(ending); });
}

}  // namespace picket
