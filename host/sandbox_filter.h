// What the sandbox and its filter agree on.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define IPCGUARD_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IPCGUARD_ASAN 1
#endif
#endif

namespace host {

// The descriptor that the child writes its answer to.
constexpr unsigned answer_fd = 1;

}  // namespace host
