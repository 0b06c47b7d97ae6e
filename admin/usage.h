// The commands' options, as they stand on the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace admin {

// Adds all commands to `app`. Once it has parsed a command line, `chosen` is the command that was given.
void add_commands(CLI::App& app, std::function<int()>& chosen);

}  // namespace admin
