/* What a host shuts in the running kernel: modules beyond an allow-list, for everybody; families of sockets and io_uring, for
 * what runs in containers, those that run already included. An object of its own with names in a BPF file system, in the
 * kernel only while something is shut. Each hook comes twice: as BPF LSM, and by its function's return value for kernels
 * whose list of LSMs has no "bpf". GPL is asked by the helpers that read memory. */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define MODULE_NAME_BYTES 64
#define FOLDER_NAME_BYTES 16
#define RING_NAME_BYTES 11
#define NOT_PERMITTED -1 /* EPERM */

/* include/linux/kernel_read_file.h, include/linux/security.h: the numbers are the running kernel's */
enum kernel_read_file_id { READING_MODULE = 2, READING_MODULE_COMPRESSED = 3 };
enum kernel_load_data_id { LOADING_MODULE = 2 };

struct module_name {
  char text[MODULE_NAME_BYTES]; /* as /proc/modules has it: '_' for '-' */
};
struct shut {
  __u32 modules; /* only those of the list are loaded */
  __u32 memory;  /* none is loaded from a program's memory, where it has no name */
  __u32 rings;   /* no io_uring for containers */
  __u32 reserved;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 20000);
  __uint(map_flags, 1); /* BPF_F_NO_PREALLOC */
  __type(key, struct module_name);
  __type(value, __u32);
} allowed_modules SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 64);
  __type(key, __u32);
  __type(value, __u32);
} shut_families SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct shut);
} shut_state SEC(".maps");

/* How often each was asked and refused: modules, families, rings. */
enum counted { ASKED_MODULE, REFUSED_MODULE, ASKED_SOCKET, REFUSED_SOCKET, ASKED_RING, REFUSED_RING, COUNTED };
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, COUNTED);
  __type(key, __u32);
  __type(value, __u64);
} shut_counts SEC(".maps");

static __always_inline void count(__u32 what) {
  __u64 *value = bpf_map_lookup_elem(&shut_counts, &what);
  if (value) __sync_fetch_and_add(value, 1);
}

static __always_inline struct shut *state(void) {
  __u32 zero = 0;
  return bpf_map_lookup_elem(&shut_state, &zero);
}

/* The platform's own live patches lie in a folder of this name, and are verified before they are loaded. */
static __always_inline int is_own(struct dentry *dentry) {
  const char own[FOLDER_NAME_BYTES] = "darsena-patches";
  char folder[FOLDER_NAME_BYTES] = {};
  if (bpf_probe_read_kernel_str(folder, sizeof(folder), BPF_CORE_READ(dentry, d_parent, d_name.name)) < 0) return 0;
#pragma unroll
  for (int i = 0; i < FOLDER_NAME_BYTES; i++) {
    if (folder[i] != own[i]) return 0;
  }
  return 1;
}

static __noinline int judge_module(struct file *file) {
  struct shut *s = state();
  if (!s || !s->modules || !file) return 0;
  count(ASKED_MODULE);
  struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
  struct module_name read = {};
  struct module_name key = {};
  bpf_probe_read_kernel_str(read.text, sizeof(read.text), BPF_CORE_READ(dentry, d_name.name));
  for (int i = 0; i < MODULE_NAME_BYTES - 1; i++) {
    char c = read.text[i];
    if (c == 0 || c == '.') break;
    key.text[i] = c == '-' ? '_' : c;
  }
  if (bpf_map_lookup_elem(&allowed_modules, &key)) return 0;
  if (is_own(dentry)) return 0;
  count(REFUSED_MODULE);
  return NOT_PERMITTED;
}

static __always_inline int judge_read(struct file *file, __u64 id) {
  if (id == bpf_core_enum_value(enum kernel_read_file_id, READING_MODULE)) return judge_module(file);
  if (bpf_core_enum_value_exists(enum kernel_read_file_id, READING_MODULE_COMPRESSED) &&
      id == bpf_core_enum_value(enum kernel_read_file_id, READING_MODULE_COMPRESSED))
    return judge_module(file);
  return 0;
}

static __always_inline int judge_load(__u64 id) {
  struct shut *s = state();
  if (!s || !s->memory || id != bpf_core_enum_value(enum kernel_load_data_id, LOADING_MODULE)) return 0;
  count(ASKED_MODULE);
  count(REFUSED_MODULE);
  return NOT_PERMITTED;
}

/* In a pid namespace below the host's: what containers are in, unless they were given the host's own. */
static __always_inline int is_contained(void) {
  struct task_struct *task = bpf_get_current_task_btf();
  return BPF_CORE_READ(task, thread_pid, level) > 0;
}

static __always_inline int judge_socket(__u32 family, int by_kernel) {
  if (by_kernel) return 0;
  count(ASKED_SOCKET);
  if (!bpf_map_lookup_elem(&shut_families, &family) || !is_contained()) return 0;
  count(REFUSED_SOCKET);
  return NOT_PERMITTED;
}

/* A ring is a file of its own kind, which asks before it is made (since 5.16); the switch for it came with 6.6. */
static __always_inline int judge_ring(struct qstr *name) {
  struct shut *s = state();
  if (!s || !s->rings) return 0;
  const char ring[RING_NAME_BYTES] = "[io_uring]";
  char text[RING_NAME_BYTES] = {};
  if (bpf_probe_read_kernel_str(text, sizeof(text), BPF_CORE_READ(name, name)) < 0) return 0;
#pragma unroll
  for (int i = 0; i < RING_NAME_BYTES; i++) {
    if (text[i] != ring[i]) return 0;
  }
  count(ASKED_RING);
  if (!is_contained()) return 0;
  count(REFUSED_RING);
  return NOT_PERMITTED;
}

SEC("lsm/kernel_read_file")
int shut_read_lsm(__u64 *ctx) {
  return judge_read((struct file *)ctx[0], (__u32)ctx[1]);
}

SEC("lsm/kernel_load_data")
int shut_load_lsm(__u64 *ctx) {
  return judge_load((__u32)ctx[0]);
}

SEC("lsm/socket_create")
int shut_socket_lsm(__u64 *ctx) {
  return judge_socket((__u32)ctx[0], (int)ctx[3]);
}

SEC("fmod_ret/security_kernel_read_file")
int shut_read_return(__u64 *ctx) {
  return judge_read((struct file *)ctx[0], (__u32)ctx[1]);
}

SEC("fmod_ret/security_kernel_load_data")
int shut_load_return(__u64 *ctx) {
  return judge_load((__u32)ctx[0]);
}

SEC("fmod_ret/security_socket_create")
int shut_socket_return(__u64 *ctx) {
  return judge_socket((__u32)ctx[0], (int)ctx[3]);
}

SEC("lsm/inode_init_security_anon")
int shut_ring_lsm(__u64 *ctx) {
  return judge_ring((struct qstr *)ctx[1]);
}

SEC("fmod_ret/security_inode_init_security_anon")
int shut_ring_return(__u64 *ctx) {
  return judge_ring((struct qstr *)ctx[1]);
}

char LICENSE[] SEC("license") = "GPL";
