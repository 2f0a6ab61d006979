/* Calls as programs of 32 bits make them, which any program may (int 0x80): the tracepoints on calls leave them out. Hung on the one
 * function that makes them all, so that nobody else pays. A call that does not return (exit) holds the program in the kernel's
 * memory, a page, until the machine ends. Which call is which: src/events/calls-32.ts. */
#include "call-table.h"

#define CALLS_32_MAX 544
#define SOCKET_CALLS 512 /* what socketcall multiplexes follows here */
#define SOCKET_CALLS_MAX 31
#define AT_FDCWD_32 -100

enum call_32 { CALL_32_NONE, CALL_32_TABLE, CALL_32_OPEN, CALL_32_OPENAT, CALL_32_OPENAT2, CALL_32_CREAT, CALL_32_CONNECT,
               CALL_32_SOCKET, CALL_32_FORKS, CALL_32_FORKS_BY_LIST };

struct call_32_spec {
  __u32 kind;
  __u32 number; /* of the same call of 64 bits */
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, CALLS_32_MAX);
  __type(key, __u32);
  __type(value, struct call_32_spec);
} calls_32 SEC(".maps");

#if defined(__TARGET_ARCH_x86)
SEC("fexit/ia32_sys_call")
int on_call_32(__u64 *ctx) {
  struct pt_regs *regs = (struct pt_regs *)ctx[0];
  __u32 number = ctx[1];
  struct call_32_spec *which = bpf_map_lookup_elem(&calls_32, &number);
  if (!which || which->kind == CALL_32_NONE) return 0;
  long result = (__s32)ctx[2];
  struct call_arguments arguments;
  arguments.of[0] = (__u32)regs->bx;
  arguments.of[1] = (__u32)regs->cx;
  arguments.of[2] = (__u32)regs->dx;
  arguments.of[3] = (__u32)regs->si;
  arguments.of[4] = (__u32)regs->di;
  arguments.of[5] = (__u32)regs->bp;
  if (which->kind == CALL_32_FORKS)
    return result < 0 ? not_cloned(RECORD_CLONE, result, arguments.of[0] & ~(__u64)EXIT_SIGNAL, FLAG_32_BIT) : 0;
  if (which->kind == CALL_32_FORKS_BY_LIST) {
    __u64 clone_flags = 0;
    bpf_probe_read_user(&clone_flags, sizeof(clone_flags), (const void *)arguments.of[0]);
    return result < 0 ? not_cloned(RECORD_CLONE3, result, clone_flags, FLAG_32_BIT) : 0;
  }
  if (which->kind == CALL_32_SOCKET) {
    __u32 given[6] = {};
    number = SOCKET_CALLS + (arguments.of[0] & SOCKET_CALLS_MAX);
    which = bpf_map_lookup_elem(&calls_32, &number);
    if (!which || which->kind == CALL_32_NONE) return 0;
    /* Two at least and six at most: what stands behind the arguments of a shorter call is not looked at. */
    for (int i = 0; i < 6; i++) bpf_probe_read_user(&given[i], 4, (const void *)(arguments.of[1] + 4 * i));
    for (int i = 0; i < 6; i++) arguments.of[i] = given[i];
  }
  const char *first = (const char *)arguments.of[0];
  const char *second = (const char *)arguments.of[1];
  __u32 third = arguments.of[2];
  if (which->kind == CALL_32_CONNECT) return connected(result, arguments.of[0], second, third, FLAG_32_BIT);
  if (which->kind == CALL_32_TABLE) {
    __u32 same = which->number;
    struct call_spec *spec = bpf_map_lookup_elem(&calls, &same);
    if (!spec || spec->type == 0) return 0;
    if (result < 0 && (spec->flags & CALL_ONLY_DONE)) return 0;
    if (spec->flags & CALL_ONLY_CONTROL) {
      __u64 descriptor = spec->file == 2 ? arguments.of[2] : arguments.of[0];
      if (!is_control_file(descriptor_file(descriptor))) return 0;
    }
    return record_call(spec, result, &arguments, WIDTH_32);
  }
  __u32 type = RECORD_OPENAT;
  __s32 folder = arguments.of[0];
  __u32 open_flags = third;
  if (which->kind == CALL_32_OPEN || which->kind == CALL_32_CREAT) {
    type = which->kind == CALL_32_OPEN ? RECORD_OPEN : RECORD_CREAT;
    open_flags = which->kind == CALL_32_OPEN ? (__u32)arguments.of[1] : 01101;
    folder = AT_FDCWD_32;
    second = first;
  } else if (which->kind == CALL_32_OPENAT2) {
    type = RECORD_OPENAT2;
    open_flags = 0;
    bpf_probe_read_user(&open_flags, sizeof(open_flags), (const void *)(__u64)third);
  }
  return opened(type, result, folder, second, open_flags, FLAG_32_BIT);
}
#endif
