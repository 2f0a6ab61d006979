/* What containers ask of the kernel while somebody records it: a bit for each system call, family of sockets and capability.
 * An object of its own, loaded for the time of a recording: nothing of it is there at any other time. A call that is known
 * already costs two look-ups and a test of one bit. GPL is asked by the helpers that read memory. */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define CGROUP_LEVELS_MAX 6
#define CONTAINER_ID_BYTES 64
#define SYSCALLS_MAX 512
#define CAP_OPT_NOAUDIT 2 /* include/linux/security.h: a question that costs nothing when it is denied */
#define TS_COMPAT 2       /* arch/x86/include/asm/thread_info.h */
#define TIF_32BIT 22      /* arch/arm64/include/asm/thread_info.h */
#define V1_HIERARCHY (1ull << 63) /* ids are given by each hierarchy for itself */

#if defined(__TARGET_ARCH_x86)
#define CALL_SOCKET 41
#define CALL_SOCKETPAIR 53
#elif defined(__TARGET_ARCH_arm64)
#define CALL_SOCKET 198
#define CALL_SOCKETPAIR 199
#endif

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct thread_info {
  unsigned long flags;
  __u32 status;
};
struct task_struct___thread {
  struct thread_info thread_info;
};
struct mount___owned {
  struct mnt_namespace *mnt_ns;
};
#pragma clang attribute pop

struct recording {
  char id[CONTAINER_ID_BYTES]; /* empty: of the host */
  __u64 calls[SYSCALLS_MAX / 64];
  __u64 families;
  __u64 capabilities;
  __u32 from_start; /* its first program was seen to begin */
  __u32 foreign;    /* calls of another kind: 32-bit programs, numbers beyond the table */
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, __u64);
  __type(value, struct recording);
} recordings SEC(".maps");

struct work {
  struct recording fresh;
  char name[128];
};
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct work);
} works SEC(".maps");

/* The mount namespace of the machine, where the reader stands; and how many cgroups the table had no room for. */
struct recorder_state {
  __u32 host_namespace;
  __u32 reserved;
  __u64 lost;
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct recorder_state);
} recorder_state SEC(".maps");

static __always_inline int is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

/* Where the id begins in the name of a container's cgroup, as common.h has it; minus one when it is none. */
__noinline int id_place(struct work *w) {
  if (!w) return -1;
  const char *n = w->name;
  int at = 0;
  if (n[0] == 'l' && n[1] == 'i' && n[2] == 'b' && n[3] == 'p' && n[6] == '-') at = 7;
  else if (n[0] == 'd' && n[1] == 'o' && n[2] == 'c' && n[3] == 'k' && n[6] == '-') at = 7;
  else if (n[0] == 'c' && n[1] == 'r' && n[2] == 'i' && n[3] == 'o' && n[4] == '-') at = 5;
  else if (n[0] == 'c' && n[1] == 'r' && n[2] == 'i' && n[3] == '-' && n[14] == '-') at = 15;
  for (int i = 0; i < CONTAINER_ID_BYTES; i++)
    if (!is_hex(n[(at + i) & 127])) return -1;
  char end = n[(at + CONTAINER_ID_BYTES) & 127];
  return end == 0 || end == '.' ? at : -1;
}

/* The recording of a cgroup of one hierarchy, begun when it is new. */
static __noinline struct recording *recording_of(struct cgroup *cgroup, __u64 hierarchy) {
  __u32 zero = 0;
  if (!cgroup) return 0;
  __u64 key = BPF_CORE_READ(cgroup, kn, id) | hierarchy;
  struct recording *known = bpf_map_lookup_elem(&recordings, &key);
  if (known) return known;
  struct work *w = bpf_map_lookup_elem(&works, &zero);
  if (!w) return 0;
  __builtin_memset(&w->fresh, 0, sizeof(w->fresh));
  for (int level = 0; level < CGROUP_LEVELS_MAX && cgroup; level++) {
    __builtin_memset(w->name, 0, sizeof(w->name));
    bpf_probe_read_kernel_str(w->name, sizeof(w->name), BPF_CORE_READ(cgroup, kn, name));
    int at = id_place(w);
    if (at >= 0 && at <= 15) {
      bpf_probe_read_kernel(w->fresh.id, CONTAINER_ID_BYTES, w->name + at);
      break;
    }
    struct cgroup_subsys_state *above = BPF_CORE_READ(cgroup, self.parent);
    cgroup = above ? BPF_CORE_READ(above, cgroup) : 0;
  }
  if (bpf_map_update_elem(&recordings, &key, &w->fresh, 1) != 0 && w->fresh.id[0]) {
    struct recorder_state *state = bpf_map_lookup_elem(&recorder_state, &zero);
    if (state) __sync_fetch_and_add(&state->lost, 1);
  }
  return bpf_map_lookup_elem(&recordings, &key);
}

/* The unified hierarchy first, then the controller where runc places containers on v1 and hybrid hosts. */
static __always_inline struct recording *recording_for(struct task_struct *task) {
  struct css_set *set = BPF_CORE_READ(task, cgroups);
  struct recording *found = recording_of(BPF_CORE_READ(set, dfl_cgrp), 0);
  if (found && found->id[0]) return found;
  if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id)) return 0;
  __u64 index = bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id);
  struct cgroup_subsys_state *state = 0;
  if (index < 16) {
    const void *slots = (const void *)set + bpf_core_field_offset(struct css_set, subsys);
    bpf_probe_read_kernel(&state, sizeof(state), slots + index * sizeof(state));
  }
  if (!state) return 0;
  found = recording_of(BPF_CORE_READ(state, cgroup), V1_HIERARCHY);
  return found && found->id[0] ? found : 0;
}

/* Whether the program that runs is the container's own: it was begun from a mount of the container. What the run-time does in
 * the container's cgroup before that (mounts, namespaces) is not the container's need. */
static __noinline int is_inside(struct task_struct *task) {
  __u32 zero = 0;
  struct recorder_state *state = bpf_map_lookup_elem(&recorder_state, &zero);
  struct mnt_namespace *own = BPF_CORE_READ(task, nsproxy, mnt_ns);
  if (!state || !own || BPF_CORE_READ(own, ns.inum) == state->host_namespace) return 0;
  struct mm_struct *memory = BPF_CORE_READ(task, mm);
  struct file *exe = memory ? BPF_CORE_READ(memory, exe_file) : 0;
  struct vfsmount *on = exe ? BPF_CORE_READ(exe, f_path.mnt) : 0;
  if (!on) return 0;
  struct mount___owned *whole = (struct mount___owned *)((void *)on - bpf_core_field_offset(struct mount, mnt));
  return BPF_CORE_READ(whole, mnt_ns) == own;
}

static __always_inline int is_32_bit(struct task_struct *task) {
  struct task_struct___thread *with = (struct task_struct___thread *)task;
#if defined(__TARGET_ARCH_x86)
  return (BPF_CORE_READ(with, thread_info.status) & TS_COMPAT) != 0;
#else
  return (BPF_CORE_READ(with, thread_info.flags) & (1ul << TIF_32BIT)) != 0;
#endif
}

SEC("tp_btf/sys_enter")
int on_enter(__u64 *ctx) {
  __u64 number = ctx[1];
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  struct recording *r = recording_for(task);
  if (!r) return 0;
  if (number >= SYSCALLS_MAX || is_32_bit(task)) {
    if (!r->foreign && is_inside(task)) r->foreign = 1;
    return 0;
  }
  __u64 bit = 1ull << (number & 63);
  __u64 *word = &r->calls[(number >> 6) & 7];
  int has_family = number == CALL_SOCKET || number == CALL_SOCKETPAIR;
  if ((*word & bit) && !has_family) return 0;
  if (!is_inside(task)) return 0;
  __sync_fetch_and_or(word, bit);
  if (has_family) {
    struct pt_regs *regs = (struct pt_regs *)ctx[0];
    __u64 family = FIRST_ARGUMENT(regs);
    if (family < 64) __sync_fetch_and_or(&r->families, 1ull << (family & 63));
  }
  return 0;
}

SEC("tp_btf/sched_process_exec")
int on_begin(__u64 *ctx) {
  struct task_struct *task = (struct task_struct *)ctx[0];
  struct recording *r = recording_for(task);
  if (!r || r->from_start) return 0;
  /* Whatever went on before it called something, if only to begin this program. */
  for (int i = 0; i < SYSCALLS_MAX / 64; i++)
    if (r->calls[i]) return 0;
  if (is_inside(task)) r->from_start = 1;
  return 0;
}

static __always_inline void note_capability(__u64 cred, __u64 capability) {
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  /* File systems (overlay) act for a program with rights of their own, which are not the program's need. */
  if (cred != (__u64)BPF_CORE_READ(task, real_cred)) return;
  struct recording *r = recording_for(task);
  if (!r) return;
  __u64 bit = 1ull << (capability & 63);
  if ((r->capabilities & bit) || !is_inside(task)) return;
  __sync_fetch_and_or(&r->capabilities, bit);
}

/* Granted and asked in earnest. */
SEC("fexit/cap_capable")
int on_capable(__u64 *ctx) {
  if ((int)ctx[4] == 0 && !(ctx[3] & CAP_OPT_NOAUDIT)) note_capability(ctx[0], ctx[2]);
  return 0;
}

/* Where functions cannot be hung on (no ftrace): the tracepoint of 6.14 and later. It does not say whether it was asked in earnest. */
SEC("tp_btf/cap_capable")
int on_capability(__u64 *ctx) {
  if ((int)ctx[4] == 0) note_capability(ctx[0], ctx[3]);
  return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
