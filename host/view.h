// Seeing files as another process does: in its mount namespace, from its root.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace host {

// Whether `pid`, in /proc, sees the files that we see. False if it is gone.
bool has_our_view(pid_t pid);

// What `work` returns in a forked child that sees the files as `pid` does. /proc is then that of whoever mounted it
// there. Throws Error (unverifiable) if that cannot be done, or `work` threw, or took longer than a minute.
std::string in_view_of(pid_t pid, const std::function<std::string()>& work);

}  // namespace host
