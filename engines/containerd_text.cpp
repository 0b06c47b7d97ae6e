#include "engines/containerd_text.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <sstream>
#include <utility>

#include "engines/toml.h"
#include "host/error.h"
#include "host/text.h"

namespace engines {

namespace {

constexpr const char* begins = "# ipcguard: begin";
constexpr const char* made_by = ", made by `ipcguard configure containerd`; --remove takes it out\n";
constexpr const char* ends = "# ipcguard: end";
constexpr const char* added = " # ipcguard: added";
constexpr const char* ours = " # ipcguard: ";  // then the name that we put there, and the value that stood there
constexpr const char* instead_of = " instead of ";
constexpr const char* byte_order_mark = "\xef\xbb\xbf";
constexpr const char* plugins[] = {"cri", "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"};

host::Error error(const std::string& message) { return {host::ErrorKind::invalid_config, message}; }

// toml++ counts columns in characters, and no byte order mark.
std::size_t offset_of(const std::string& text, const toml::source_position& at) {
  std::size_t offset = text.starts_with(byte_order_mark) ? 3 : 0;
  for (toml::source_index line = 1; line < at.line; ++line) offset = text.find('\n', offset) + 1;
  for (toml::source_index column = 1; column < at.column; ++column)
    offset += std::max<std::size_t>(host::utf8_length(std::string_view(text).substr(offset, 4)), 1);
  return offset;
}

// A stretch of a text.
struct Part {
  std::size_t begin, end;
  std::string of(const std::string& text) const { return text.substr(begin, end - begin); }
};

Part part_of(const std::string& text, const toml::node& node) {
  return {offset_of(text, node.source().begin), offset_of(text, node.source().end)};
}

void replace(std::string& text, const Part& part, const std::string& with) {
  text.replace(part.begin, part.end - part.begin, with);
}

// After the byte order mark, on the first line.
std::size_t line_begin(const std::string& text, std::size_t offset) {
  const std::size_t found = offset == 0 ? std::string::npos : text.rfind('\n', offset - 1);
  if (found != std::string::npos) return found + 1;
  return offset > 0 && text.starts_with(byte_order_mark) ? 3 : 0;
}

// After its newline, if it has one.
std::size_t line_end(const std::string& text, std::size_t offset) {
  const std::size_t found = text.find('\n', offset);
  return found == std::string::npos ? text.size() : found + 1;
}

// `lines` with the newlines that the text uses.
std::string as_in(const std::string& text, std::string lines) {
  if (text.find("\r\n") == std::string::npos) return lines;
  for (std::size_t at = 0; (at = lines.find('\n', at)) != std::string::npos; at += 2) lines.replace(at, 1, "\r\n");
  return lines;
}

// Inserts whole lines at the beginning of a line, or at the end of a text that may lack its last newline.
void insert_lines(std::string& text, std::size_t offset, const std::string& lines) {
  const bool within = offset == text.size() && !text.empty() && text.back() != '\n' && text != byte_order_mark;
  text.insert(offset, as_in(text, (within ? "\n" : "") + lines));
}

void merge(toml::table& into, const toml::table& from) {
  for (const auto& [key, value] : from) {
    toml::node* const there = into.get(key);
    if (there != nullptr && there->is_table() && value.is_table())
      merge(*there->as_table(), *value.as_table());
    else
      into.insert_or_assign(key, value);
  }
}

// The text, if it says just what was meant.
std::string checked(const ContainerdFile& file, const std::string& text, const toml::table& meant,
                    const std::string& by_hand) {
  const std::string advice = "; the file has to be edited by hand. What is to stand there:\n" + by_hand;
  toml::table got;
  try {
    got = parse_toml(text, file.path);
  } catch (const host::Error& wrong) {
    throw error(file.path + " is written in a way that ipcguard does not edit (with its lines: " + wrong.what() + ")" +
                advice);
  }
  if (got != meant) throw error(file.path + " is written in a way that ipcguard does not edit" + advice);
  return text;
}

const toml::table* containerd_table(const toml::table& root, const std::string& plugin) {
  return root["plugins"][plugin]["containerd"].as_table();
}

// Whether the table has a header of its own, rather than one of a table below it, or dotted keys.
bool has_header(const std::string& text, const toml::table& table, const std::string& plugin) {
  const std::string header = part_of(text, table).of(text);
  if (!header.starts_with('[')) return false;
  const toml::table alone = parse_toml(header, "");
  const toml::table* const found = containerd_table(alone, plugin);
  return found != nullptr && found->empty();
}

std::string list_of(const std::vector<std::string>& strings) {
  std::string list;
  for (const std::string& one : strings) list += (list.empty() ? "" : ", ") + toml_string(one);
  return "[" + list + "]";
}

// --- taking out ------------------------------------------------------------------------------------------------------

void take_blocks(std::string& text, const std::string& path) {
  for (std::size_t begin; (begin = text.find(begins)) != std::string::npos;) {
    const std::size_t end = text.find(ends, begin + std::string_view(begins).size());
    if (end == std::string::npos)
      throw error(path + ": the line \"" + ends + "\" is missing; take out by hand what is ipcguard's");
    begin = line_begin(text, begin);
    // The empty line before it is ours too.
    if (begin > 0 &&
        line_begin(text, begin - 1) + (text[begin - 1] == '\n' && begin > 1 && text[begin - 2] == '\r') + 1 == begin)
      begin = line_begin(text, begin - 1);
    text.erase(begin, line_end(text, end) - begin);
  }
}

void take_lines(std::string& text) {
  for (std::size_t at; (at = text.find(added)) != std::string::npos;) {
    const std::size_t begin = line_begin(text, at);
    text.erase(begin, line_end(text, at) - begin);
  }
}

// The default runtime's name where it took the place of another, or, if `even_bare`, where the comment that says so is
// lost.
void take_default(std::string& text, const std::string& path, const std::string& plugin, const std::string& name,
                  bool even_bare) {
  const toml::table root = parse_toml(text, path);
  const toml::table* const table = containerd_table(root, plugin);
  const auto found = table == nullptr ? toml::table::const_iterator{} : table->find("default_runtime_name");
  if (table == nullptr || found == table->end()) return;
  const auto& [key, value] = *found;
  const std::string now = value.value_or(std::string());
  const Part part = part_of(text, value);
  const std::size_t end = line_end(text, part.end);
  const std::string comment = text.substr(part.end, end - part.end);
  const std::size_t between = comment.find(instead_of);
  if (comment.starts_with(ours) && between != std::string::npos) {
    const std::string named = comment.substr(std::string_view(ours).size(), between - std::string_view(ours).size());
    const std::string rest = "x = " + comment.substr(between + std::string_view(instead_of).size());
    const toml::table old = parse_toml(rest, path);
    const Part old_part = part_of(rest, *old.get("x"));
    // Somebody may have chosen another one since.
    const std::string keep = now == named ? old_part.of(rest) : part.of(text);
    text.replace(part.begin, end - part.begin, keep + rest.substr(old_part.end));
  } else if (even_bare && now == name) {
    const std::size_t begin = line_begin(text, offset_of(text, key.source().begin));
    text.erase(begin, end - begin);
  }
}

void take_import(std::string& text, const std::string& path, const std::string& import) {
  const toml::table root = parse_toml(text, path);
  const toml::array* const imports = root["imports"].as_array();
  if (imports == nullptr) return;
  for (std::size_t i = 0; i < imports->size(); ++i) {
    if ((*imports)[i].value<std::string>() != import) continue;
    Part part = part_of(text, (*imports)[i]);
    if (i > 0) {
      const std::size_t before = part_of(text, (*imports)[i - 1]).end;
      if (text.find_first_not_of(", \t\r\n", before) >= part.begin) part.begin = before;
    } else if (const std::size_t comma = text.find_first_not_of(" \t", part.end); text[comma] == ',') {
      part.end = comma + 1;
    }
    return replace(text, part, "");
  }
}

bool runs_shim(const toml::table& runtime, const std::string& shim) {
  const std::string binary = runtime["options"]["BinaryName"].value_or(std::string());
  return binary == shim || binary.starts_with(shim + ".");
}

// Where the last value of a table's own section ends; values of tables with a header of their own are not in it.
std::size_t section_end(const std::string& text, const toml::table& table, std::size_t end) {
  for (const auto& [key, value] : table) {
    const toml::table* const below = value.as_table();
    if (below != nullptr && !below->is_inline()) {
      if (text[part_of(text, value).begin] != '[') end = std::max(end, section_end(text, *below, end));
    } else {
      end = std::max(end, part_of(text, value).end);
    }
  }
  return end;
}

void collect_sections(const std::string& text, const toml::table& table, std::vector<Part>& sections) {
  const Part own = part_of(text, table);
  if (text[own.begin] == '[' && !table.is_inline())
    sections.push_back({line_begin(text, own.begin), line_end(text, section_end(text, table, own.end))});
  for (const auto& [key, value] : table)
    if (value.is_table()) collect_sections(text, *value.as_table(), sections);
}

// A runtime of ours without our comments: another tool has written the file anew.
void take_sections(std::string& text, const std::string& path, const std::string& plugin, const std::string& name,
                   const std::string& shim) {
  const auto runtime_of = [&](const toml::table& root) {
    const toml::table* const table = root["plugins"][plugin]["containerd"]["runtimes"][name].as_table();
    return table != nullptr && runs_shim(*table, shim) ? table : nullptr;
  };
  const toml::table root = parse_toml(text, path);
  const toml::table* const runtime = runtime_of(root);
  if (runtime == nullptr) return;
  std::vector<Part> sections;
  collect_sections(text, *runtime, sections);
  // From the end; a table without a header has the place of one below it, which is the longer.
  std::sort(sections.begin(), sections.end(),
            [](const Part& a, const Part& b) { return std::pair(a.begin, a.end) > std::pair(b.begin, b.end); });
  std::size_t above = text.size();
  for (const Part& section : sections) {
    if (section.end <= above) text.erase(section.begin, section.end - section.begin);
    above = std::min(above, section.begin);
  }
  if (runtime_of(parse_toml(text, path)) != nullptr)
    throw error(path + ": the runtime " + host::quoted(name) +
                " is written in a way that ipcguard does not edit; take it out by hand");
  take_default(text, path, plugin, name, true);
}

}  // namespace

std::string toml_string(const std::string& text) {
  constexpr auto flags = toml::default_formatter::default_flags & ~toml::format_flags::allow_literal_strings;
  std::ostringstream out;
  out << toml::default_formatter{toml::value<std::string>{text}, flags};
  return out.str();
}

std::string toml_key(const std::string& key) {
  const bool bare =
      !key.empty() &&
      key.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == std::string::npos;
  return bare ? key : toml_string(key);
}

std::string containerd_cri_plugin(int version) {
  if (version < 1 || version > 4)
    throw error("containerd's configuration is of version " + std::to_string(version) +
                ", and ipcguard knows 1 to 4; a newer ipcguard may know it");
  return plugins[std::min(version, 3) - 1];
}

ContainerdOutline containerd_outline(const ContainerdFile& file) {
  const toml::table root = parse_toml(file.text, file.path);
  ContainerdOutline outline;
  outline.blank = root.empty();
  if (const toml::node* const version = root.get("version")) {
    if (!version->is_integer()) throw error(file.path + ": \"version\" is not a number");
    outline.version = version->value_or(0);
  }
  if (const toml::node* const imports = root.get("imports")) {
    if (!imports->is_array()) throw error(file.path + ": \"imports\" is not a list");
    for (const toml::node& import : *imports->as_array()) {
      if (!import.is_string()) throw error(file.path + ": \"imports\" has something else than strings");
      outline.imports.push_back(import.value_or(std::string()));
    }
  }
  if (const toml::table* const sections = root["plugins"].as_table())
    for (const auto& [key, value] : *sections) outline.plugins.emplace_back(key.str());
  for (const char* plugin : plugins)
    if (const toml::table* const table = containerd_table(root, plugin))
      outline.default_runtime = (*table)["default_runtime_name"].value_or(outline.default_runtime);
  return outline;
}

bool has_containerd_runtime(const ContainerdFile& file, const std::string& name) {
  const toml::table root = parse_toml(file.text, file.path);
  return std::any_of(std::begin(plugins), std::end(plugins),
                     [&](const char* plugin) { return !!root["plugins"][plugin]["containerd"]["runtimes"][name]; });
}

std::string with_imports(const ContainerdFile& file, const std::vector<std::string>& imports) {
  const toml::table root = parse_toml(file.text, file.path);
  std::string text = file.text;
  if (const toml::node* const list = root.get("imports"))
    replace(text, part_of(text, *list), list_of(imports));
  else if (!imports.empty())
    text.insert(text.starts_with(byte_order_mark) ? 3 : 0, "imports = " + list_of(imports) + "\n");
  return text;
}

std::string with_import(const ContainerdFile& file, const std::string& import, int version) {
  toml::table root = parse_toml(file.text, file.path);
  std::string text = file.text;
  const std::string line = "imports = " + list_of({import}) + added + "\n";
  if (toml::array* const imports = root["imports"].as_array()) {
    if (std::any_of(imports->begin(), imports->end(),
                    [&](const toml::node& one) { return one.value<std::string>() == import; }))
      return text;
    if (imports->empty()) {
      text.insert(part_of(text, *imports).begin + 1, toml_string(import));
    } else {
      // Where each has a line of its own, this one does too.
      const Part last = part_of(text, imports->back());
      const std::size_t begin = line_begin(text, last.begin);
      const std::string indent = text.substr(begin, last.begin - begin);
      const bool own_line = indent.find_first_not_of(" \t") == std::string::npos;
      text.insert(last.end, as_in(text, own_line ? ",\n" + indent : ", ") + toml_string(import));
    }
    imports->push_back(import);
  } else {
    const toml::node* const stands = root.get("version");
    if (stands != nullptr)
      insert_lines(text, line_end(text, part_of(text, *stands).end), line);
    else if (root.empty())
      insert_lines(text, text.size(), "version = " + std::to_string(version) + added + "\n" + line);
    else
      insert_lines(text, text.starts_with(byte_order_mark) ? 3 : 0, line);
    if (root.empty()) root.insert("version", version);
    root.insert("imports", toml::array{import});
  }
  return checked(file, text, root, "imports = [ what stands there, " + toml_string(import) + " ]");
}

std::string with_runtimes(const ContainerdFile& file, const std::string& plugin, const std::string& tables,
                          const std::string& default_runtime, int version) {
  toml::table meant = parse_toml(file.text, file.path);
  std::string text = file.text, block = tables;
  const std::string header = "[plugins." + toml_key(plugin) + ".containerd]\n";
  const std::string line = "default_runtime_name = " + toml_string(default_runtime);
  if (!default_runtime.empty()) {
    const toml::table* const table = containerd_table(meant, plugin);
    const toml::node* const now = table != nullptr ? table->get("default_runtime_name") : nullptr;
    if (now != nullptr) {
      const Part part = part_of(text, *now);
      if (now->value<std::string>() != default_runtime)
        replace(text, part, toml_string(default_runtime) + ours + default_runtime + instead_of + part.of(text));
    } else if (table != nullptr && has_header(text, *table, plugin)) {
      insert_lines(text, line_end(text, part_of(text, *table).end), "  " + line + added + "\n");
    } else {
      block = header + line + "\n" + (tables.empty() ? "" : "\n") + tables;
    }
    merge(meant, parse_toml(header + line, ""));
  }
  const std::string head = containerd_outline(file).blank ? "version = " + std::to_string(version) + "\n" : "";
  if (!head.empty()) block = head + "\n" + block;
  merge(meant, parse_toml(head + tables, ""));
  if (!block.empty())
    insert_lines(text, text.size(),
                 (file.text.empty() ? "" : "\n") + std::string(begins) + made_by + block + ends + "\n");
  return checked(file, text, meant, (default_runtime.empty() ? "" : header + line + "\n") + tables);
}

std::string without_ours(const ContainerdFile& file, const std::string& name, const std::string& shim,
                         const std::string& import) {
  std::string text = file.text;
  take_blocks(text, file.path);
  take_lines(text);
  take_import(text, file.path, import);
  for (const char* plugin : plugins) {
    take_default(text, file.path, plugin, name, false);
    take_sections(text, file.path, plugin, name, shim);
  }
  parse_toml(text, file.path);  // what is left can be read
  return text;
}

}  // namespace engines
