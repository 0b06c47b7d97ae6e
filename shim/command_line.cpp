#include "shim/command_line.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>
#include <string_view>

#include "host/text.h"
#include "oci/runtime_state.h"

namespace shim {

namespace {

// What follows an option; of `values` there may be several.
enum class Takes { nothing, value, values };
struct Option {
  std::string_view name;
  Takes takes;
};

// The options that runc, crun and youki know, as far as those that know one agree on what it takes.
constexpr std::array global_options = {
    Option{"--root", Takes::value},
    Option{"--log", Takes::value},
    Option{"--log-format", Takes::value},
    Option{"--log-level", Takes::value},
    Option{"--criu", Takes::value},
    Option{"--rootless", Takes::value},
    Option{"--cgroup-manager", Takes::value},
    Option{"--debug", Takes::nothing},
    Option{"--systemd-cgroup", Takes::nothing},
};
constexpr std::array<std::string_view, 4> log_options = {"--log", "--log-format", "--log-level", "--debug"};
constexpr std::array create_options = {
    Option{"--bundle", Takes::value},
    Option{"-b", Takes::value},
    Option{"--console-socket", Takes::value},
    Option{"--pidfd-socket", Takes::value},
    Option{"--pid-file", Takes::value},
    Option{"--preserve-fds", Takes::value},
    Option{"--no-pivot", Takes::nothing},
    Option{"--no-new-keyring", Takes::nothing},
    Option{"--detach", Takes::nothing},
    Option{"-d", Takes::nothing},
    Option{"--no-subreaper", Takes::nothing},
    Option{"--keep", Takes::nothing},
    // restore
    Option{"--image-path", Takes::value},
    Option{"--work-path", Takes::value},
    Option{"--lsm-profile", Takes::value},
    Option{"--lsm-mount-context", Takes::value},
    Option{"--manage-cgroups-mode", Takes::value},
    Option{"--empty-ns", Takes::value},
    Option{"--tcp-established", Takes::nothing},
    Option{"--ext-unix-sk", Takes::nothing},
    Option{"--shell-job", Takes::nothing},
    Option{"--file-locks", Takes::nothing},
    Option{"--auto-dedup", Takes::nothing},
    Option{"--lazy-pages", Takes::nothing},
};
constexpr std::array<Option, 0> start_options = {};
constexpr std::array exec_options = {
    Option{"--preserve-fds", Takes::value},
    Option{"--console-socket", Takes::value},
    Option{"--pidfd-socket", Takes::value},
    Option{"--pid-file", Takes::value},
    Option{"--process", Takes::value},
    Option{"-p", Takes::value},
    Option{"--cwd", Takes::value},
    Option{"--user", Takes::value},
    Option{"-u", Takes::value},
    Option{"--apparmor", Takes::value},
    Option{"--process-label", Takes::value},
    Option{"--env", Takes::values},
    Option{"-e", Takes::values},
    Option{"--cap", Takes::values},
    Option{"-c", Takes::values},
    Option{"--additional-gids", Takes::values},
    Option{"-g", Takes::values},
    Option{"--cgroup", Takes::values},
    Option{"--tty", Takes::nothing},
    Option{"-t", Takes::nothing},
    Option{"--detach", Takes::nothing},
    Option{"-d", Takes::nothing},
    Option{"--no-new-privs", Takes::nothing},
    Option{"--ignore-paused", Takes::nothing},
};

constexpr std::array<std::string_view, 3> creating_commands = {"create", "run", "restore"};

bool creates(std::string_view command) {
  return std::find(creating_commands.begin(), creating_commands.end(), command) != creating_commands.end();
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\n\v\f\r";
  const std::size_t first = text.find_first_not_of(blanks);
  return first == std::string_view::npos ? std::string_view()
                                         : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

bool is_plain_command(std::string_view word) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !word.empty() && std::all_of(word.begin(), word.end(), allowed);
}

// Whether a runtime could take it for --preserve-fds: runc takes one dash as well, crun the beginning of a name.
bool may_hand_in(std::string_view word) {
  word = trimmed(word);
  const std::size_t name = word.find_first_not_of('-');
  return word.starts_with('-') && name != std::string_view::npos && word.substr(name).starts_with("pre");
}

// crun reads octal, runc 0x10 and 1_0 as well.
bool is_plain_number(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && text.size() <= 4 && std::all_of(text.begin(), text.end(), digit) &&
         (text == "0" || text.front() != '0');
}

class Parser {
 public:
  Parser(const std::vector<std::string>& argv, const std::map<std::string, bool>& declared)
      : argv_(argv), declared_(declared) {}

  Call parse() {
    choose_runtime();
    read_globals();
    call_.creates = creates(call_.command);
    call_.starts = call_.command == "start";
    if (is_help()) call_.creates = call_.starts = false;
    if (call_.command == "exec") read_exec();
    if (call_.command == "restore" && seen_.contains("--criu"))
      note("'--criu' names the program that restores, which need not be CRIU");
    if (call_.creates) read_gated_command(create_options);
    if (call_.starts) read_gated_command(start_options);
    // The command is plain, or however the call is read nothing is created. For exec it matters where the container is.
    if (!call_.creates && !call_.starts && call_.command != "exec" &&
        (!call_.command.empty() || !mentions_gated_command()))
      call_.ambiguity.clear();
    return call_;
  }

 private:
  void choose_runtime() {
    if (argv_.empty()) return;
    constexpr std::string_view prefix = "ipcguard-runtime.";
    const std::string name = argv_[0].substr(argv_[0].rfind('/') + 1);  // npos + 1 is 0
    if (name.size() > prefix.size() && name.starts_with(prefix)) call_.runtime_name = name.substr(prefix.size());
  }

  // "COMMAND --help" and nothing else, which every runtime answers with its help.
  bool is_help() const {
    return (call_.creates || call_.starts) && at_ + 1 == argv_.size() && (argv_[at_] == "--help" || argv_[at_] == "-h");
  }

  // The options before the command, and the command.
  void read_globals() {
    for (at_ = 1; at_ < argv_.size(); ++at_) {
      const std::string& word = argv_[at_];
      if (word == "--help" || word == "-h" || word == "--version" || word == "-v") {
        note(host::quoted(word) + " stands before a command");
        return;
      }
      if (word.starts_with('-')) {
        const auto first = argv_.begin() + static_cast<std::ptrdiff_t>(at_);
        if (!read_option(global_options)) return;
        const std::string_view name = std::string_view(word).substr(0, word.find('='));
        if (std::find(log_options.begin(), log_options.end(), name) == log_options.end())
          call_.globals.insert(call_.globals.end(), first,
                               argv_.begin() + static_cast<std::ptrdiff_t>(std::min(at_ + 1, argv_.size())));
        continue;
      }
      // urfave/cli v3 takes blanks off a word before it looks whether it is an option, those of Unicode included.
      if (!is_plain_command(word) || word == "true" || word == "false")
        return note("the command is " + host::quoted(word));
      call_.command = word;
      ++at_;
      return;
    }
  }

  template <std::size_t size>
  void read_gated_command(const std::array<Option, size>& options) {
    for (; at_ < argv_.size() && argv_[at_].starts_with('-') && argv_[at_] != "--"; ++at_)
      if (!read_option(options)) return;
    if (at_ < argv_.size() && argv_[at_] == "--") ++at_;
    if (at_ >= argv_.size()) return note("it names no container");
    call_.id = argv_[at_];
    if (at_ + 1 != argv_.size())
      return note("there is " + host::quoted(argv_[at_ + 1]) + " after the container's id, which comes last");
    if (!oci::is_id(call_.id))
      note("the container's id is " + host::quoted(call_.id) +
           "; it should have letters, digits and _ + - . only, and not be help");
  }

  // Options that cannot be read matter only where descriptors may be handed in by them.
  void read_exec() {
    const auto first = argv_.begin() + static_cast<std::ptrdiff_t>(at_);
    call_.words.assign(first, argv_.end());
    const std::string before = call_.ambiguity;
    while (at_ < argv_.size() && argv_[at_].starts_with('-') && argv_[at_] != "--" && read_option(exec_options)) ++at_;
    if (at_ < argv_.size() && argv_[at_] == "--") ++at_;
    const bool whole = at_ < argv_.size() && oci::is_id(argv_[at_]);
    if (whole) call_.id = argv_[at_];
    // The words after the id are the program's.
    const auto last = whole ? argv_.begin() + static_cast<std::ptrdiff_t>(at_) : argv_.end();
    if (const auto odd = std::find_if(first, last, may_hand_in); odd == last)
      call_.ambiguity = before;
    else if (!whole)
      note("it names no container by a plain id, but has " + host::quoted(*odd));
  }

  // Reads the option at at_, and its value if that is a word of its own. False if it is none that can be read.
  template <std::size_t size>
  bool read_option(const std::array<Option, size>& known) {
    const std::string& word = argv_[at_];
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const auto takes = what_it_takes(name, known);
    if (!takes) {
      note("the option " + host::quoted(word) +
           " is not one of those that every runtime reads alike; spell it in full, as --name VALUE, or declare it as "
           "runtime_options in /etc/ipcguard/config.json");
      return false;
    }
    if (!seen_.insert(name == "-b" ? "--bundle" : name == "-d" ? "--detach" : name).second && *takes != Takes::values)
      note("the option " + host::quoted(name) + " is there twice");
    if (*takes == Takes::nothing) {
      if (equals != std::string::npos)
        note("the option " + host::quoted(name) + " takes no value, but is written " + host::quoted(word));
      return true;
    }
    std::string value;
    if (equals != std::string::npos) {
      if (!name.starts_with("--"))
        note("the option " + host::quoted(word) + " should be written " + host::quoted(name + " VALUE"));
      value = word.substr(equals + 1);
    } else if (++at_ < argv_.size()) {
      value = argv_[at_];
    }
    if (value.empty() || value.front() == '-' || trimmed(value) != value)
      note("the value of " + host::quoted(name) + " is " + host::quoted(value));
    if (name == "--preserve-fds" && !is_plain_number(value))
      note("the value of '--preserve-fds' is " + host::quoted(value) + " and should be a plain decimal number");
    keep(name, value);
    return true;
  }

  template <std::size_t size>
  std::optional<Takes> what_it_takes(const std::string& name, const std::array<Option, size>& known) const {
    const auto found =
        std::find_if(std::begin(known), std::end(known), [&](const Option& option) { return option.name == name; });
    if (found != std::end(known)) return found->takes;
    if (const auto declared = declared_.find(name); declared != declared_.end())
      return declared->second ? Takes::value : Takes::nothing;
    return std::nullopt;
  }

  void keep(const std::string& name, const std::string& value) {
    if (name == "--root") call_.root = value;
    if (name == "--log") call_.log_file = value;
    if (name == "--log-format") call_.log_json = value == "json";
    if (name == "--bundle" || name == "-b") call_.bundle = value;
    if (name == "--image-path") call_.image = value;
    if (name == "--preserve-fds" && is_plain_number(value)) call_.preserved = std::stoi(value);
  }

  // Keeps the first reason: what comes after it may be read wrongly.
  void note(const std::string& reason) {
    if (call_.ambiguity.empty()) call_.ambiguity = reason;
  }

  bool mentions_gated_command() const {
    return !argv_.empty() && std::any_of(argv_.begin() + 1, argv_.end(), [](const std::string& word) {
      return creates(trimmed(word)) || trimmed(word) == "start" || trimmed(word) == "exec";
    });
  }

  const std::vector<std::string>& argv_;
  const std::map<std::string, bool>& declared_;
  std::size_t at_ = 1;
  std::set<std::string> seen_;
  Call call_;
};

}  // namespace

Call read_command_line(const std::vector<std::string>& argv, const std::map<std::string, bool>& declared) {
  return Parser(argv, declared).parse();
}

std::string environment_ambiguity(const char* const* environment, const Call& call) {
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry(*environment);
    const std::string name(entry.substr(0, entry.find('=')));
    // With _LIBCONTAINER_INITPIPE any runc command takes its namespaces from that descriptor (libcontainer/nsenter).
    if (name.starts_with("_LIBCONTAINER_"))
      return "the environment has " + host::quoted(name) + ", which is runc's own";
    // Names a file that may let the restored processes join other namespaces (criu(8), join-ns).
    if (call.command == "restore" && name == "CRIU_CONFIG_FILE")
      return "the environment has 'CRIU_CONFIG_FILE', which may change what is restored";
  }
  return {};
}

int inherited_descriptors(const Call& call, const char* listen_fds) {
  constexpr int most = 1 << 20U;  // fs.nr_open's default
  const long listening = listen_fds == nullptr ? 0 : std::strtol(listen_fds, nullptr, 10);
  return call.preserved + static_cast<int>(std::clamp<long>(listening, 0, most));
}

}  // namespace shim
