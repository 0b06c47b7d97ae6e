// crun's reader, libocispec from crun's source package, and crun's rules: of several namespaces of a type the last
// holds (linux.c, configure_init_status), bind or rbind among the options makes a bind whatever the type is
// (get_mount_flags).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime_spec_schema_config_schema.h"
#include "tests/fuzz/differential/reading.h"

static int binds(const runtime_spec_schema_defs_mount* mount) {
  for (size_t at = 0; at < mount->options_len; ++at)
    if (strcmp(mount->options[at], "bind") == 0 || strcmp(mount->options[at], "rbind") == 0) return 1;
  return mount->type != NULL && strcmp(mount->type, "bind") == 0;
}

static void write_namespace(FILE* out, const runtime_spec_schema_config_linux* linux_part, const char* type) {
  const runtime_spec_schema_defs_linux_namespace_reference* found = NULL;
  for (size_t at = 0; linux_part != NULL && at < linux_part->namespaces_len; ++at)
    if (linux_part->namespaces[at]->type != NULL && strcmp(linux_part->namespaces[at]->type, type) == 0)
      found = linux_part->namespaces[at];
  if (found == NULL)
    fputs("none\n", out);
  else if (found->path == NULL)
    fputs("new\n", out);
  else
    fprintf(out, "path %s\n", found->path);
}

char* read_as_crun(const char* document, size_t size) {
  char* text = malloc(size + 1);
  memcpy(text, document, size);
  text[size] = '\0';
  parser_error error = NULL;
  runtime_spec_schema_config_schema* config = runtime_spec_schema_config_schema_parse_data(text, NULL, &error);
  free(text);
  free(error);
  char* answer = NULL;
  size_t length = 0;
  FILE* out = open_memstream(&answer, &length);
  if (config == NULL) {
    fputs("error\n", out);
  } else {
    write_namespace(out, config->linux, "ipc");
    write_namespace(out, config->linux, "pid");
    write_namespace(out, config->linux, "mount");
    if (config->root != NULL && config->root->path != NULL && config->root->path[0] != '\0')
      fprintf(out, "%s\n", config->root->path);
    for (size_t at = 0; at < config->mounts_len; ++at)
      if (binds(config->mounts[at])) fprintf(out, "%s\n", config->mounts[at]->source ? config->mounts[at]->source : "");
    free_runtime_spec_schema_config_schema(config);
  }
  fclose(out);
  return answer;
}
