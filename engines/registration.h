// A runtime as an engine knows it: which program runs when somebody asks for that name, or for none.
#pragma once

#include <string>
#include <vector>

namespace engines {

struct Registration {
  std::string name;         // "runc": what the engine's users say
  std::string path;         // what is run: absolute, or a name that the engine looks up on its PATH
  std::string where;        // the file it stands in, or "built in" for what the engine adds by itself
  bool is_default = false;  // what runs when nobody says otherwise
};
using Registrations = std::vector<Registration>;

// The one that runs when nobody says otherwise; null if there is none.
const Registration* default_of(const Registrations& registrations);

}  // namespace engines
