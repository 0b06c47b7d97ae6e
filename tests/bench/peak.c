/* Runs a program and prints the most memory that it, or a child of it, had, in KiB. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct rusage usage;
  const pid_t child = argc < 2 ? -1 : fork();
  if (child == 0) {
    execv(argv[1], argv + 1);
    _exit(127);
  }
  if (child < 0 || wait4(child, NULL, 0, &usage) != child) return 1;
  printf("%ld\n", usage.ru_maxrss);
  return 0;
}
