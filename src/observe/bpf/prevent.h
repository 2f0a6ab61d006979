/* Prevention: what a policy forbids in a container. Where the kernel lets a program answer (BPF LSM, or a changed return value of
 * the same hooks) the call fails; where not, the process is killed before the new program's first instruction.
 *
 * Answers come from two maps that user space fills: `guards` by the container's id, `denials` by that container's group and a
 * name or a path. A path is written leaf first, as in every record. */
#ifndef DARSENA_PREVENT_H
#define DARSENA_PREVENT_H

#include "common.h"

#define DENIAL_TEXT_BYTES 248
#define DENIAL_PARTS_MAX 24
#define NOT_PERMITTED -1 /* EPERM */
#define SIGNAL_KILL 9

enum denial_kind {
  DENIAL_NAME = 1,   /* the last part of a program's path */
  DENIAL_PATH = 2,   /* a program's path */
  DENIAL_EXCEPT = 3, /* a program's path that is no drift */
  DENIAL_FILE = 4,   /* a file's path */
};
enum effect { EFFECT_NONE = 0, EFFECT_REPORT = 1, EFFECT_ACT = 2 };
enum act { ACT_EXEC = 1, ACT_OPEN = 2 };
enum done { DONE_NOTHING = 0, DONE_BLOCKED = 1, DONE_KILLED = 2 };

struct guard_id {
  char id[CONTAINER_ID_BYTES];
};
struct guard {
  __u32 group;
  __u32 drift; /* enum effect: of a program that is not in the image */
  __u32 drift_rule;
  __u32 files; /* whether any file is denied */
};
struct denial_key {
  __u32 group;
  __u32 kind;
  char text[DENIAL_TEXT_BYTES];
};
struct denial {
  __u32 effect;
  __u32 rule;
};

/* What was prevented, or would have been. Each task has its own: two tasks may be asked about on one processor at a time. */
struct prevented {
  __u64 time;
  __u64 dentry;
  __u64 mount;
  __u64 root_dentry;
  __u64 root_mount;
  __u32 used;
  __u32 pid;
  __u32 ppid;
  __u32 uid;
  __u32 rule;
  __u16 act;
  __u16 is_drift;
  __u16 done;
  __u16 flags;
  __u32 reserved;
  char id[CONTAINER_ID_BYTES];
  char comm[16];
  char parent_comm[16];
  struct denial_key key;
  char room[NAME_BYTES_MAX]; /* a name that begins at the end of the text goes on here */
}; /* 688 bytes */

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, struct guard_id);
  __type(value, struct guard);
} guards SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, struct denial_key);
  __type(value, struct denial);
} denials SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, 1); /* BPF_F_NO_PREALLOC, the only way */
  __type(key, int);
  __type(value, struct prevented);
} asked SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 18);
} prevent_ring SEC(".maps");

/* Copies in a container's own layer that the warden found to have the bytes of the image, as a change of owner leaves them; until
 * they are changed. */
struct image_copy {
  char id[CONTAINER_ID_BYTES];
  __u64 inode;
  __u64 changed;
};
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct image_copy);
  __type(value, __u32);
} image_copies SEC(".maps");

/* How often each hook was asked: a kernel takes programs for LSM hooks that it never calls, so the sensor tries. */
enum hook { HOOK_EXEC, HOOK_OPEN, HOOKS };
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, HOOKS);
  __type(key, __u32);
  __type(value, __u64);
} hook_calls SEC(".maps");

static __always_inline void count_call(__u32 hook) {
  __u64 *calls = bpf_map_lookup_elem(&hook_calls, &hook);
  if (calls) __sync_fetch_and_add(calls, 1);
}

/* The container of a task as the tracepoints found it: its first fork or exec came by there. */
static __always_inline struct container_entry *known_container(struct task_struct *task) {
  struct css_set *set = BPF_CORE_READ(task, cgroups);
  __u64 key = BPF_CORE_READ(set, dfl_cgrp, kn, id);
  struct container_entry *entry = bpf_map_lookup_elem(&containers, &key);
  if (entry && entry->verdict == VERDICT_WATCHED) return entry;
  if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id)) return 0;
  __u64 index = bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id);
  struct cgroup_subsys_state *state = 0;
  if (index < 16) {
    const void *slots = (const void *)set + bpf_core_field_offset(struct css_set, subsys);
    bpf_probe_read_kernel(&state, sizeof(state), slots + index * sizeof(state));
  }
  if (!state) return 0;
  key = BPF_CORE_READ(state, cgroup, kn, id);
  entry = bpf_map_lookup_elem(&containers, &key);
  return entry && entry->verdict == VERDICT_WATCHED ? entry : 0;
}

/* The names of the file's path into the key, leaf first, up to the root of the task. */
static __noinline int put_key_path(struct prevented *p) {
  if (!p) return 0;
  p->used = 0;
  for (int i = 0; i < DENIAL_PARTS_MAX; i++) {
    struct dentry *here = (struct dentry *)p->dentry;
    struct vfsmount *on = (struct vfsmount *)p->mount;
    if (!here || !on) return 0;
    if (p->dentry == p->root_dentry && p->mount == p->root_mount) return 0;
    if (here == BPF_CORE_READ(on, mnt_root)) {
      struct mount *whole = (struct mount *)((void *)on - bpf_core_field_offset(struct mount, mnt));
      struct mount *above = BPF_CORE_READ(whole, mnt_parent);
      if (above == whole) return 0;
      p->dentry = (__u64)BPF_CORE_READ(whole, mnt_mountpoint);
      p->mount = (__u64)above + bpf_core_field_offset(struct mount, mnt);
      continue;
    }
    __u32 used = p->used;
    if (used >= DENIAL_TEXT_BYTES) break;
    long n = bpf_probe_read_kernel_str(p->key.text + used, NAME_BYTES_MAX, BPF_CORE_READ(here, d_name.name));
    if (n <= 0) return 0;
    p->used = used + n;
    struct dentry *parent = BPF_CORE_READ(here, d_parent);
    if (parent == here) {
      p->flags |= FLAG_UNLINKED_ROOT;
      return 0;
    }
    p->dentry = (__u64)parent;
  }
  p->flags |= FLAG_TRUNCATED;
  return 0;
}

/* The last part of the name that a program is called by: a link's, where the path is that of what the link leads to. */
static __noinline int put_called(struct prevented *p, const char *called) {
  if (!p) return 0;
  __builtin_memset(p->key.text, 0, sizeof(p->key.text));
  if (bpf_probe_read_kernel_str(p->room, NAME_BYTES_MAX, called) <= 0) return 0;
  int start = 0;
  for (int i = 0; i < NAME_BYTES_MAX - 1; i++) {
    char c = p->room[i];
    if (c == 0) break;
    if (c == '/') start = i + 1;
  }
  bpf_probe_read_kernel_str(p->key.text, DENIAL_TEXT_BYTES, called + start);
  return 0;
}

static __always_inline __u32 ask(struct prevented *p, __u32 kind) {
  p->key.kind = kind;
  struct denial *found = bpf_map_lookup_elem(&denials, &p->key);
  if (!found) return EFFECT_NONE;
  p->rule = found->rule;
  return found->effect;
}

/* Whether the file is as the image has it: an overlay's, and never written since, or known as a copy with the same bytes. The times
 * are those of the file above: the overlay learns of what is written through a mapping only later. */
static __noinline int is_of_image(struct inode *inode, const char *id) {
  if (!inode || !id || BPF_CORE_READ(inode, i_sb, s_magic) != OVERLAY_MAGIC) return 0;
  struct dentry *upper = upper_of(inode);
  if (!upper) return 1;
  struct inode *above = BPF_CORE_READ(upper, d_inode);
  if (!above || has_writers(above)) return 0;
  struct image_copy key = {};
  bpf_probe_read_kernel(key.id, sizeof(key.id), id);
  key.inode = BPF_CORE_READ(inode, i_ino);
  key.changed = changed_at(above);
  return key.changed != 0 && bpf_map_lookup_elem(&image_copies, &key) != 0;
}

/* What the policies say of this task's use of the file; fills the record. EFFECT_NONE when they say nothing. */
static __noinline int judge_use(struct file *file, const char *called, __u32 act) {
  __u32 zero = 0;
  struct settings *s = bpf_map_lookup_elem(&settings, &zero);
  if (!file || !s || s->guards == 0) return EFFECT_NONE;
  struct task_struct *task = bpf_get_current_task_btf();
  /* The engine enters a container with programs of its own, and leaves the host's mounts last of all. */
  if (BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum) == s->host_mounts) return EFFECT_NONE;
  struct container_entry *entry = known_container(task);
  if (!entry) return EFFECT_NONE;
  struct guard *guard = bpf_map_lookup_elem(&guards, entry->id);
  if (!guard || (act == ACT_OPEN && !guard->files)) return EFFECT_NONE;
  struct prevented *p = bpf_task_storage_get(&asked, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!p) return EFFECT_NONE;
  struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
  __builtin_memset(&p->key, 0, sizeof(p->key));
  p->flags = 0;
  p->rule = 0;
  p->act = act;
  p->is_drift = 0;
  p->key.group = guard->group;
  __u32 effect = EFFECT_NONE;
  __u32 rule = 0;
  if (act == ACT_EXEC) {
    bpf_probe_read_kernel_str(p->key.text, DENIAL_TEXT_BYTES, BPF_CORE_READ(dentry, d_name.name));
    effect = ask(p, DENIAL_NAME);
    rule = p->rule;
    /* A trial of the file's own name takes nothing from what is in force for the link's. */
    if (effect < EFFECT_ACT && called) {
      put_called(p, called);
      __u32 by_link = ask(p, DENIAL_NAME);
      if (by_link > effect) {
        effect = by_link;
        rule = p->rule;
      }
    }
    __builtin_memset(p->key.text, 0, sizeof(p->key.text));
  }
  p->dentry = (__u64)dentry;
  p->mount = (__u64)BPF_CORE_READ(file, f_path.mnt);
  p->root_dentry = (__u64)BPF_CORE_READ(task, fs, root.dentry);
  p->root_mount = (__u64)BPF_CORE_READ(task, fs, root.mnt);
  put_key_path(p);
  if (act == ACT_OPEN) {
    effect = ask(p, DENIAL_FILE);
    rule = p->rule;
  } else {
    __u32 by_path = ask(p, DENIAL_PATH);
    if (by_path > effect) {
      effect = by_path;
      rule = p->rule;
    }
    if (guard->drift > effect && !is_of_image(BPF_CORE_READ(file, f_inode), entry->id) &&
        ask(p, DENIAL_EXCEPT) == EFFECT_NONE) {
      effect = guard->drift;
      rule = guard->drift_rule;
      p->is_drift = 1;
    }
  }
  p->rule = rule;
  if (effect == EFFECT_NONE) return EFFECT_NONE;
  struct task_struct *parent = BPF_CORE_READ(task, real_parent);
  p->time = bpf_ktime_get_ns();
  p->pid = BPF_CORE_READ(task, tgid);
  p->ppid = BPF_CORE_READ(parent, tgid);
  p->uid = BPF_CORE_READ(task, cred, uid.val);
  p->reserved = 0;
  __builtin_memcpy(p->id, entry->id, CONTAINER_ID_BYTES);
  BPF_CORE_READ_INTO(&p->comm, task, comm);
  BPF_CORE_READ_INTO(&p->parent_comm, parent, group_leader, comm);
  return effect;
}

/* Says what was done; only after judge_use said that there is something to do. */
static __noinline int tell_prevented(__u32 done) {
  struct prevented *p = bpf_task_storage_get(&asked, bpf_get_current_task_btf(), 0, 0);
  if (!p) return 0;
  p->done = done;
  bpf_ringbuf_output(&prevent_ring, p, sizeof(*p), 0);
  return 0;
}

/* The call fails where it may, and is told either way. */
static __always_inline int answer(struct file *file, const char *called, __u32 act) {
  int effect = judge_use(file, called, act);
  if (effect == EFFECT_NONE) return 0;
  /* What is only reported is told by the tracepoint, once. */
  if (effect != EFFECT_ACT) return 0;
  tell_prevented(DONE_BLOCKED);
  return NOT_PERMITTED;
}

/* After the act: no further instruction of the process. */
static __always_inline void kill_after(struct file *file, const char *called, __u32 act) {
  int effect = judge_use(file, called, act);
  if (effect == EFFECT_NONE) return;
  if (effect == EFFECT_ACT && bpf_send_signal(SIGNAL_KILL) == 0) tell_prevented(DONE_KILLED);
  else tell_prevented(DONE_NOTHING);
}

SEC("tp_btf/sched_process_exec")
int on_exec_guarded(__u64 *ctx) {
  struct task_struct *task = (struct task_struct *)ctx[0];
  struct linux_binprm *program = (struct linux_binprm *)ctx[2];
  kill_after(BPF_CORE_READ(task, mm, exe_file), BPF_CORE_READ(program, filename), ACT_EXEC);
  return 0;
}

SEC("lsm/bprm_check_security")
int guard_exec_lsm(__u64 *ctx) {
  count_call(HOOK_EXEC);
  struct linux_binprm *program = (struct linux_binprm *)ctx[0];
  return answer(BPF_CORE_READ(program, file), BPF_CORE_READ(program, filename), ACT_EXEC);
}

SEC("lsm/file_open")
int guard_open_lsm(__u64 *ctx) {
  count_call(HOOK_OPEN);
  return answer((struct file *)ctx[0], 0, ACT_OPEN);
}

/* The same hooks by their functions, for kernels whose list of LSMs has no "bpf". */
SEC("fmod_ret/security_bprm_check")
int guard_exec_return(__u64 *ctx) {
  count_call(HOOK_EXEC);
  struct linux_binprm *program = (struct linux_binprm *)ctx[0];
  return answer(BPF_CORE_READ(program, file), BPF_CORE_READ(program, filename), ACT_EXEC);
}

SEC("fmod_ret/security_file_open")
int guard_open_return(__u64 *ctx) {
  count_call(HOOK_OPEN);
  return answer((struct file *)ctx[0], 0, ACT_OPEN);
}

#endif
