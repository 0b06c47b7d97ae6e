#include "engines/toml.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "engines/files.h"
#include "host/error.h"
#include "host/text.h"
#include "oci/strict_json.h"

namespace engines {

namespace {

constexpr std::string_view begin_mark = "# ipcguard: begin", end_mark = "# ipcguard: end\n";

// Where our block is, and how long; of no length at the front where there is none.
std::pair<std::size_t, std::size_t> find_block(std::string_view text) {
  const std::size_t begin = text.find(begin_mark);
  const std::size_t end = begin == text.npos ? begin : text.find(end_mark, begin);
  if (end == text.npos) return {0, 0};
  return {begin, end + end_mark.size() - begin};
}

}  // namespace

toml::table parse_toml(std::string_view text, const std::string& name) {
  try {
    return toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    const auto& at = error.source().begin;
    throw host::Error(host::ErrorKind::invalid_config,
                      name + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) +
                          ": it is not TOML: " + host::printable(error.description(), 200));
  }
}

void refuse_folded(const toml::table& table, const std::string& name, const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    const std::size_t dot = std::min(key.find('.'), key.size());
    const std::string first = key.substr(0, dot), rest = key.substr(std::min(dot + 1, key.size()));
    for (const auto& [at, value] : table) {
      const std::string there(at.str());
      if (there != first && first != "*" && oci::folds_to(there, first))
        throw host::Error(host::ErrorKind::invalid_config, name + ":" + std::to_string(value.source().begin.line) +
                                                               ": the key " + host::quoted(there) + " is read as \"" +
                                                               first + "\": write it that way, once");
      if ((there == first || first == "*") && !rest.empty() && value.is_table())
        refuse_folded(*value.as_table(), name, {rest});
    }
  }
}

std::string toml_text(const toml::table& table) {
  constexpr auto flags = toml::toml_formatter::default_flags & ~toml::format_flags::allow_literal_strings &
                         ~toml::format_flags::indentation;
  std::ostringstream out;
  out << toml::toml_formatter(table, flags) << "\n";
  return out.str();
}

Layers drop_ins(const std::string& folder, std::string_view ending) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string path = entry.path().string();
    const bool ends =
        path.size() >= ending.size() && path.compare(path.size() - ending.size(), ending.size(), ending) == 0;
    if (ends && !entry.is_directory(error)) paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  Layers files;
  files.reserve(paths.size());
  for (const std::string& path : paths) files.emplace_back(path, read_text(path).value_or(""));
  return files;
}

std::string put_block(std::string_view now, const std::string& engine, const std::string& body) {
  const std::string block = std::string(begin_mark) + ", made by `ipcguard configure " + engine +
                            "`; --remove takes it out\n" + body + std::string(end_mark);
  const auto [begin, size] = find_block(now);
  return std::string(now.substr(0, begin)) + block + std::string(now.substr(begin + size));
}

Text take_block(const Text& now, const Text& original) {
  if (!now) return now;
  const auto [begin, size] = find_block(*now);
  std::string rest = *now;
  rest.erase(begin, size);
  if (rest.empty() && (size > 0 || !original)) return std::nullopt;
  return rest;
}

void insert_drop_in(Layers& layers, const std::string& folder, const std::string& path, const std::string& text) {
  const auto after = std::find_if(layers.begin(), layers.end(), [&](const Layers::value_type& layer) {
    return layer.first > path && layer.first.starts_with(folder + "/");
  });
  layers.insert(after, {path, text});
}

}  // namespace engines
