// toml++, and what all that edit or read with it need. Include in sources only: it takes long to compile.
#pragma once

#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <string>

#include "host/error.h"
#include "host/text.h"

namespace engines {

// How values are written: strings between double quotes, as everybody does.
inline constexpr toml::format_flags plain_strings =
    toml::default_formatter::default_flags & ~toml::format_flags::allow_literal_strings;

// Throws Error (invalid_config), with `path`, line and column.
inline toml::table parsed_toml(const std::string& text, const std::string& path) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    const toml::source_position& at = error.source().begin;
    throw host::Error(host::ErrorKind::invalid_config, path + ":" + std::to_string(at.line) + ":" +
                                                           std::to_string(at.column) + ": " +
                                                           host::printable(error.description()));
  }
}

}  // namespace engines
