// Arguments, one a line. A call that is not gated must not be one that creates or starts by its plainest reading; of
// one that is accepted, the bundle stands there plainly, and a word more makes it ambiguous.
#include <algorithm>
#include <map>
#include <vector>

#include "shim/command_line.h"
#include "tests/fuzz/harness.h"

namespace {

const std::map<std::string, bool> declared = {{"--declared", true}, {"--switch", false}};

void check_accepted(const std::vector<std::string>& argv, const shim::Call& call) {
  fuzz::require(call.id == argv.back(), "the id is the last argument");
  bool named = false;
  for (std::size_t at = 1; at < argv.size(); ++at)
    named = named || argv[at] == "--bundle=" + call.bundle ||
            (argv[at] == call.bundle && (argv[at - 1] == "--bundle" || argv[at - 1] == "-b"));
  fuzz::require(call.bundle == "." || named, "the bundle stands there, with its option");
  std::vector<std::string> more = argv;
  more.push_back("x");
  fuzz::require(!shim::read_command_line(more, declared).ambiguity.empty(), "nothing may follow the id");
  more = argv;
  more.insert(more.end() - 1, {"--bundle", "/other"});
  const shim::Call other = shim::read_command_line(more, declared);
  fuzz::require(!other.ambiguity.empty() || (!named && other.bundle == "/other"),
                "one bundle more is ambiguous, or the only one");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> argv = {"ipcguard-runtime"};
  std::string word;
  for (std::size_t at = 0; at < size; ++at) {
    if (data[at] == 0) continue;  // no argument has one
    if (data[at] == '\n') {
      argv.push_back(std::move(word));
      word.clear();
    } else {
      word += static_cast<char>(data[at]);
    }
  }
  argv.push_back(word);
  const shim::Call call = shim::read_command_line(argv, declared);
  fuzz::check_message(call.ambiguity);
  const char* const environment[] = {"LISTEN_FDS=3", "XDG_RUNTIME_DIR=/run/x", nullptr};
  fuzz::check_message(shim::environment_ambiguity(environment, call));
  fuzz::require(shim::inherited_descriptors(call, "3") >= 0, "a number of descriptors");
  constexpr std::string_view gated[] = {"create", "run", "restore", "start"};
  if (std::find(std::begin(gated), std::end(gated), argv[1]) != std::end(gated))
    fuzz::require(call.gated() || argv.back() == "-h" || argv.back() == "--help" || argv.size() == 2 ||
                      std::any_of(argv.begin() + 2, argv.end(),
                                  [](const std::string& one) { return one.find('h') != std::string::npos; }),
                  "what begins with a gated command is gated, unless it asks for help");
  if (call.creates && call.ambiguity.empty()) check_accepted(argv, call);
  return 0;
}
