/* The least that a wrapper can do: read config.json in the working directory and become the runtime. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct stat stat;
  const int fd = open("config.json", O_RDONLY | O_CLOEXEC);
  if (argc < 2 || fd < 0 || fstat(fd, &stat) != 0) return 1;
  char *text = malloc((size_t)stat.st_size);
  if (text == NULL || read(fd, text, (size_t)stat.st_size) != stat.st_size) return 1;
  execv(argv[1], argv + 1);
  return 1;
}
