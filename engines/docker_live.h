// What a dockerd that runs goes by, which may differ from its files: asked for over its Unix socket.
#pragma once

#include <string>

#include "engines/registration.h"

namespace engines {

// Its runtimes, by GET /info (Docker Engine API). `where` of each is "GET /info on SOCKET". Throws host::Error
// (unverifiable) if nobody answers there, or not as Docker does.
Registrations docker_live_registrations(const std::string& socket);

// The same, of the answer's body.
Registrations docker_info_registrations(const std::string& body, const std::string& where);

}  // namespace engines
