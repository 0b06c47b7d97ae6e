// TOML as engines read it.
#pragma once

#include <toml++/toml.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engines/plan.h"
#include "host/error.h"
#include "host/text.h"

namespace engines {

// How values are written: strings between double quotes, as everybody does.
inline constexpr toml::format_flags plain_strings =
    toml::default_formatter::default_flags & ~toml::format_flags::allow_literal_strings;

// The text of the file `name`. Throws Error (invalid_config), with line and column.
toml::table parse_toml(std::string_view text, const std::string& name);

// Throws Error where a key of the file `name` is one of `keys` ("a.b", "a.*.b") but for its case: Go's decoders read it
// all the same, and which of several counts is left to chance.
void refuse_folded(const toml::table& table, const std::string& name, const std::vector<std::string>& keys);

// As a program writes it: sub-tables not indented, texts in double quotes.
std::string toml_text(const toml::table& table);

// Files, path and text, in the order in which an engine reads them: what a later one says holds.
using Layers = std::vector<std::pair<std::string, std::string>>;

// Those that stand in a folder of drop-ins, as engines order them: by name, byte for byte.
Layers drop_ins(const std::string& folder, std::string_view ending);

// A drop-in of our own: `body` between two marks. What stands around that in the file is not ours, and stays.
std::string put_block(std::string_view now, const std::string& engine, const std::string& body);
// The file without that; none where nothing is left of a file that was not there before (see Edit::take).
Text take_block(const Text& now, const Text& original);
// Puts the file `path` of that folder, which is not among them, where an engine would read it.
void insert_drop_in(Layers& layers, const std::string& folder, const std::string& path, const std::string& text);

}  // namespace engines
