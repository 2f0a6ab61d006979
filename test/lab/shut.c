/* Loads the object that shuts things in the kernel, as the agent does, in the laboratory's machine, where there is no Node:
 * shut OBJECT HOOKS MODULE[,MODULE…] FAMILY
 * HOOKS is "lsm" or "return". It says READY and stays. Or: shut try FAMILY, shut ring, shut memory FILE: does it, and says how
 * it went; in a pid namespace of its own with "in" before: shut in try FAMILY. */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int map_of(struct bpf_object *object, const char *name) { return bpf_object__find_map_fd_by_name(object, name); }

static int act(char **words) {
  if (!strcmp(words[0], "try")) return socket(atoi(words[1]), SOCK_SEQPACKET, 0) < 0 ? errno : 0;
  if (!strcmp(words[0], "ring")) {
    char parameters[120] = {0};
    return syscall(SYS_io_uring_setup, 4, parameters) < 0 ? errno : 0;
  }
  int file = open(words[1], O_RDONLY);
  struct stat about;
  if (file < 0 || fstat(file, &about)) return 255;
  void *bytes = mmap(0, about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
  return syscall(SYS_init_module, bytes, about.st_size, "") < 0 ? errno : 0;
}

int main(int count, char **words) {
  if (count >= 3 && !strcmp(words[1], "in")) {
    if (unshare(CLONE_NEWPID)) return 254;
    pid_t child = fork();
    if (child == 0) _exit(act(words + 2));
    int status = 0;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  }
  if (count >= 2 && (!strcmp(words[1], "try") || !strcmp(words[1], "ring") || !strcmp(words[1], "memory"))) return act(words + 1);
  if (count < 5) return 2;
  struct bpf_object *object = bpf_object__open_file(words[1], NULL);
  struct bpf_program *program;
  if (!object) return 1;
  bpf_object__for_each_program(program, object) {
    const char *name = bpf_program__name(program);
    if (!strstr(name, words[2])) bpf_program__set_autoload(program, 0);
  }
  if (bpf_object__load(object)) return 1;
  unsigned state[4] = { 1, 1, 1, 0 }, zero = 0, one = 1, family = atoi(words[4]);
  bpf_map_update_elem(map_of(object, "shut_state"), &zero, state, 0);
  bpf_map_update_elem(map_of(object, "shut_families"), &family, &one, 0);
  for (char *name = strtok(words[3], ","); name; name = strtok(NULL, ",")) {
    char key[64] = {0};
    strncpy(key, name, 63);
    bpf_map_update_elem(map_of(object, "allowed_modules"), key, &one, 0);
  }
  bpf_object__for_each_program(program, object) {
    if (!bpf_program__autoload(program)) continue;
    if (!bpf_program__attach(program)) { fprintf(stderr, "%s is not attached\n", bpf_program__name(program)); return 1; }
  }
  printf("READY\n");
  fflush(stdout);
  pause();
}
