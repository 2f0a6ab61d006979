/* Loads the shipped BPF object in the laboratory's machine, where there is no Node, and writes each record in hexadecimal:
 * reader OBJECT TABLES PROGRAM [ARGUMENT]...
 * TABLES has a line for each entry: the name of the map, its key and its value in hexadecimal, or "attach CALL". What the kernel
 * refuses is said as "refused NAME". The program's standard input is this one's. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static size_t unhex(const char *hex, unsigned char *out) {
  size_t n = 0;
  for (unsigned byte; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++) out[n] = byte;
  return n;
}
static int on_record(void *ctx, void *data, size_t size) {
  (void)ctx;
  printf("record ");
  for (size_t i = 0; i < size; i++) printf("%02x", ((unsigned char *)data)[i]);
  printf("\n");
  return 0;
}
/* Of the last program that was refused. */
static char refused[64];
static int quiet(enum libbpf_print_level level, const char *format, va_list words) {
  char text[512];
  va_list again;
  if (level != LIBBPF_WARN) return 0;
  va_copy(again, words);
  vsnprintf(text, sizeof text, format, words);
  if (!strstr(text, "failed to load")) {
    /* What the kernel says of a program ends with why. */
    static char all[1 << 20];
    vsnprintf(all, sizeof all, format, again);
    size_t length = strlen(all);
    return fprintf(stderr, "%s", length > 700 ? all + length - 700 : all);
  }
  sscanf(text, "libbpf: prog '%63[^']", refused);
  return fputs(text, stderr);
}

int main(int count, char **words) {
  if (count < 4) return 2;
  libbpf_set_print(quiet);
  struct bpf_object *object;
  struct bpf_program *program;
  char left_out[8][64];
  int left = 0;
  for (;;) {
    object = bpf_object__open_file(words[1], NULL);
    if (!object) return 1;
    for (int i = 0; i < left; i++) bpf_program__set_autoload(bpf_object__find_program_by_name(object, left_out[i]), 0);
    if (bpf_object__load(object) == 0) break;
    bpf_object__close(object);
    if (!refused[0] || left == 8) return 1;
    printf("refused %s\n", refused);
    strcpy(left_out[left++], refused);
    refused[0] = 0;
  }
  struct bpf_program *call = bpf_object__find_program_by_name(object, "on_call");
  unsigned settings[6] = { 1, getpid(), 0, 0, 1, 0 }, zero = 0;
  bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "settings"), &zero, settings, 0);
  FILE *tables = fopen(words[2], "r");
  for (char line[512]; tables && fgets(line, sizeof line, tables);) {
    unsigned char key[64], value[256];
    char *map = strtok(line, " \n"), *first = strtok(0, " \n"), *second = strtok(0, " \n");
    if (!strcmp(map, "attach")) {
      if (!bpf_program__attach_tracepoint(call, "syscalls", first)) printf("refused %s\n", first);
      continue;
    }
    unhex(first, key);
    unhex(second, value);
    if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, map), key, value, 0)) printf("refused entry of %s\n", map);
  }
  bpf_object__for_each_program(program, object) {
    const char *name = bpf_program__name(program);
    if (strncmp(name, "on_", 3) || program == call || !bpf_program__autoload(program)) continue;
    if (!bpf_program__attach(program)) printf("refused %s\n", name);
    else printf("attached %s\n", name);
  }
  struct ring_buffer *rings = ring_buffer__new(bpf_object__find_map_fd_by_name(object, "process_ring"), on_record, 0, 0);
  ring_buffer__add(rings, bpf_object__find_map_fd_by_name(object, "open_ring"), on_record, 0);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    int out = open("/tmp/acts.out", O_CREAT | O_WRONLY | O_TRUNC, 0600);
    dup2(out, 1);
    execv(words[3], words + 3);
    _exit(127);
  }
  int status;
  while (waitpid(child, &status, WNOHANG) == 0) ring_buffer__poll(rings, 50);
  ring_buffer__consume(rings);
  printf("ended %d\n", WEXITSTATUS(status));
  return 0;
}
