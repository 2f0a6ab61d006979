/* Loads the shipped BPF object in the laboratory's machine, where there is no Node, and fills its tables as the sensor does:
 * guard OBJECT CONTAINER-ID HOOKS NAME PATH FILE [COPY]
 * HOOKS is "lsm", "return" or "signal"; NAME and PATH are denied programs, FILE a denied file, both written leaf first with
 * commas for zero bytes. Programs that are not in the image do not run, but for COPY as it is now. It says READY and stays. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct guard { unsigned group, drift, drift_rule, files; };
struct key { unsigned group, kind; char text[248]; };
struct denial { unsigned effect, rule; };
struct copy { char id[64]; unsigned long long inode, changed; };

static int map_of(struct bpf_object *object, const char *name) { return bpf_object__find_map_fd_by_name(object, name); }

static void deny(struct bpf_object *object, unsigned kind, const char *text) {
  struct key key = { 1, kind, "" };
  struct denial value = { 2, kind };
  for (unsigned i = 0; text[i] && i < sizeof(key.text); i++) key.text[i] = text[i] == ',' ? 0 : text[i];
  if (bpf_map_update_elem(map_of(object, "denials"), &key, &value, 0)) perror("denials");
}

static int is_wanted(const char *name, const char *hooks) {
  if (!strcmp(name, "on_exec") || !strcmp(name, "on_fork") || !strcmp(name, "on_exec_guarded")) return 1;
  if (!strncmp(name, "guard_", 6)) return strstr(name, hooks) != NULL;
  return !strcmp(name, "on_openat") || !strcmp(name, "on_open");
}

int main(int count, char **words) {
  if (count < 7) return 2;
  struct bpf_object *object = bpf_object__open_file(words[1], NULL);
  struct bpf_program *program;
  if (!object) return 1;
  bpf_object__for_each_program(program, object) {
    if (!is_wanted(bpf_program__name(program), words[3])) bpf_program__set_autoload(program, 0);
  }
  if (bpf_object__load(object)) return 1;
  struct stat mounts;
  stat("/proc/self/ns/mnt", &mounts);
  unsigned settings[6] = { 0, getpid(), 1, mounts.st_ino }, zero = 0;
  bpf_map_update_elem(map_of(object, "settings"), &zero, settings, 0);
  struct guard guard = { 1, 2, 9, 1 };
  bpf_map_update_elem(map_of(object, "guards"), words[2], &guard, 0);
  struct stat file;
  if (count > 7 && stat(words[7], &file) == 0) {
    struct copy copy = { "", file.st_ino, file.st_ctim.tv_sec * 1000000000ull + file.st_ctim.tv_nsec };
    unsigned one = 1;
    memcpy(copy.id, words[2], sizeof(copy.id));
    if (bpf_map_update_elem(map_of(object, "image_copies"), &copy, &one, 0)) perror("image_copies");
  }
  deny(object, 1, words[4]);
  deny(object, 2, words[5]);
  deny(object, 4, words[6]);
  bpf_object__for_each_program(program, object) {
    if (!bpf_program__autoload(program)) continue;
    struct bpf_link *link = bpf_program__attach(program);
    if (!link) { fprintf(stderr, "%s is not attached\n", bpf_program__name(program)); return 1; }
  }
  printf("READY\n");
  fflush(stdout);
  pause();
}
