// What a runtime's own reader sees in a config.json: three lines for the ipc, pid and mount namespace ("none", "new" or
// "path PATH"), then one for each path that is bound into the container; or the line "error", where it would refuse.
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// crun's reader, libocispec, on `size` bytes; the text is malloc'ed.
char* read_as_crun(const char* document, size_t size);

#ifdef __cplusplus
}
#endif
