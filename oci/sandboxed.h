// Strict reading in the sandbox.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "host/sandbox.h"
#include "oci/strict_json.h"

namespace oci {

// Reads `document` in the sandbox. What comes out of it is what `listener`, which is told of it there, has packed()
// (host/wire.h), at most `max_answer` bytes; `meanwhile` as in host/sandbox.h. Throws host::Error.
template <class PackingListener>
std::string read_sandboxed(std::string_view document, const Shape& shape, PackingListener listener,
                           std::size_t max_answer, const std::function<void()>& meanwhile = {}) {
  return host::run_sandboxed(
      [&] {
        read_strictly(document, shape, listener);
        return listener.packed();
      },
      max_answer, meanwhile);
}

}  // namespace oci
