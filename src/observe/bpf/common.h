/* What every program needs: who is acting, in which container, whether anyone cares, and a place to put the record together. */
#ifndef DARSENA_COMMON_H
#define DARSENA_COMMON_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "record.h"

#define NAME_BYTES_MAX 256      /* NAME_MAX of Linux and its NUL */
#define PATH_PARTS_MAX 48       /* deeper paths are cut and flagged */
#define ARGUMENT_BYTES_MAX 4096 /* of an argument list */
#define ENVIRONMENT_BYTES_MAX 4096
#define DATA_BYTES_MAX 16384
#define CGROUP_LEVELS_MAX 12 /* from the top: a container may divide its own cgroup as often as it likes, and is found above */
#define CONTAINER_ID_BYTES 64
#define OVERLAY_MAGIC 0x794c7630
#define RINGBUF_WAITING 0 /* BPF_RB_AVAIL_DATA */
#define RINGBUF_SIZE 1    /* BPF_RB_RING_SIZE */

enum container_verdict {
  VERDICT_HOST = 0,
  VERDICT_WATCHED = 1,
  VERDICT_IGNORED = 2,
};
/* A verdict and what is said with it. */
enum answer { ANSWER_VERDICT = 3, ANSWER_FEIGNED = 4, ANSWER_NOT_KEPT = 8 };

/* What is known of the cgroup with the name. */
enum container_mark {
  MARK_OPEN = 1,    /* made where others than root may make one */
  MARK_NESTED = 2,  /* below another container's name */
  MARK_FEIGNED = 4, /* it has the name of a container of ours and is not its */
};

struct container_entry {
  __u32 verdict;
  __u32 marks;
  char id[CONTAINER_ID_BYTES];
  __u64 named; /* number of the cgroup that has the name; the process may be below */
};

/* Where the engine put a container of ours: the numbers of its cgroups, as far as they are known. */
struct own_place {
  __u64 unified;
  __u64 pids;
};
struct container_id {
  char text[CONTAINER_ID_BYTES];
};
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16384);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct container_id);
  __type(value, struct own_place);
} own_containers SEC(".maps");

struct settings {
  __u32 host_too; /* events of the host itself pass */
  __u32 ignored_pid;
  __u32 guards;      /* whether any container is guarded */
  __u32 host_mounts; /* number of the host's mount namespace */
  __u32 environment; /* whether a rule asks for the environment of programs */
  __u32 reserved;
};

/* One ring for processes and one for opens, so that a flood of opens cannot evict an exec. What goes where: `send`. */
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} process_ring SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 22);
} open_ring SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16384);
  __type(key, __u64);
  __type(value, struct container_entry);
} containers SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct settings);
} settings SEC(".maps");

/* Per record type: how many were to be written, and how many of them the ring had no room for. */
struct counters {
  __u64 seen;
  __u64 lost;
};
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, RECORD_TYPES);
  __type(key, __u32);
  __type(value, struct counters);
} counts SEC(".maps");

/* What the reader told of the losses, by record type: its next life must not tell them again. The programs do not touch it. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, RECORD_TYPES);
  __type(key, __u32);
  __type(value, __u64);
} told SEC(".maps");

/* Where a record is put together. The cursor lives here and not in a register so that the verifier forgets its exact value
 * between the turns of a loop. */
struct scratch {
  __u64 dentry;
  __u64 mount;
  __u64 root_dentry;
  __u64 root_mount;
  __u64 mount_root;
  __u64 other_mount; /* the mount that is left aside to look for the name within the file system */
  __u32 other_used;
  __u32 other_way;
  __u32 used;
  __u32 flags;
  char data[DATA_BYTES_MAX + NAME_BYTES_MAX];
};
enum scratch_user { SCRATCH_PROCESS, SCRATCH_OPEN, SCRATCH_CONNECT, SCRATCH_CALL, SCRATCH_USERS };
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, SCRATCH_USERS);
  __type(key, __u32);
  __type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct scratch *take_scratch(__u32 user, __u32 fixed) {
  struct scratch *s = bpf_map_lookup_elem(&scratches, &user);
  if (s) {
    s->used = fixed;
    s->flags = 0;
  }
  return s;
}

static __always_inline int is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

struct cgroup_name {
  char text[128];
};
/* A look for the container that a cgroup is of. The cursor is here for the same reason as that of a record. */
struct cgroup_search {
  struct cgroup_name name;
  struct container_entry entry;
  char id[CONTAINER_ID_BYTES];
  char own_id[CONTAINER_ID_BYTES];
  __u64 own_named;
  __u64 cursor;
  __u32 has_name;
  __u32 has_own;
  __u32 own_is_sure;
  __u32 is_feigned;
  __u32 is_monitor;
  __u32 is_below_conmon;
};
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct cgroup_search);
} cgroup_searches SEC(".maps");

/* Where the 64 hexadecimal digits begin in the names that engines give: libpod-ID, docker-ID, crio-ID, cri-containerd-ID, ID;
 * systemd adds .scope. Monitors (libpod-conmon-ID) are of the host. Minus one when it is none of these.
 * A global function: the verifier walks its loop once, not once a caller, which takes loading from 4 s to 0.2 s. */
__noinline int id_offset(struct cgroup_name *name) {
  if (!name) return -1;
  const char *n = name->text;
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

static __always_inline struct cgroup *cgroup_above(struct cgroup *cgroup) {
  struct cgroup_subsys_state *above = BPF_CORE_READ(cgroup, self.parent);
  return above ? BPF_CORE_READ(above, cgroup) : 0;
}

/* Eight bytes of a name as one number; zeros stand behind its end. */
#define EIGHT(a, b, c, d, e, f, g, h)                                                                              \
  ((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | (__u64)(f) << 40 |       \
   (__u64)(g) << 48 | (__u64)(h) << 56)
#define NAME_CONMON EIGHT('c', 'o', 'n', 'm', 'o', 'n', 0, 0)
#define NAME_LIBPOD_P EIGHT('l', 'i', 'b', 'p', 'o', 'd', '_', 'p')

static __always_inline __u64 name_start(struct cgroup *cgroup) {
  char text[9] = {};
  if (cgroup) bpf_probe_read_kernel_str(text, sizeof(text), BPF_CORE_READ(cgroup, kn, name));
  return EIGHT((__u8)text[0], (__u8)text[1], (__u8)text[2], (__u8)text[3], (__u8)text[4], (__u8)text[5], (__u8)text[6],
               (__u8)text[7]);
}

/* Whether others than root may make cgroups below this one: a user's, or one of a container with users of its own. */
static __always_inline int is_open(struct cgroup *cgroup) {
  struct kernfs_node *node = BPF_CORE_READ(cgroup, kn);
  __u32 mode = BPF_CORE_READ(node, mode);
  if (mode & 02) return 1;
  struct kernfs_iattrs *attributes = BPF_CORE_READ(node, iattr);
  if (!attributes) return 0;
  if (BPF_CORE_READ(attributes, ia_uid.val) != 0) return 1;
  return (mode & 020) && BPF_CORE_READ(attributes, ia_gid.val) != 0;
}

/* A name as engines give them. Names are free to who may make cgroups: one of ours counts where the engine put that container, or
 * where only root can have made it and not within another container. */
static __always_inline void take_cgroup_name(struct cgroup_search *q, struct cgroup *cgroup, struct cgroup *above, int is_pod) {
  __u64 named = BPF_CORE_READ(cgroup, kn, id);
  int open = above && is_open(above);
  struct own_place *own = bpf_map_lookup_elem(&own_containers, q->id);
  if (own) {
    int is_sure = named == own->unified || named == own->pids;
    if (!is_sure && open) {
      q->is_feigned = 1;
      return;
    }
    q->has_own = 1;
    q->own_is_sure = is_sure;
    q->own_named = named;
    __builtin_memcpy(q->own_id, q->id, CONTAINER_ID_BYTES);
    return;
  }
  if (q->has_own && !q->own_is_sure && !is_pod) {
    q->has_own = 0;
    q->is_feigned = 1;
  }
  if (!q->has_name) {
    q->has_name = 1;
    q->entry.named = named;
    q->entry.marks = open ? MARK_OPEN : 0;
    __builtin_memcpy(q->entry.id, q->id, CONTAINER_ID_BYTES);
  } else if (!is_pod) {
    q->entry.marks |= MARK_NESTED;
  }
}

/* Fills the entry: the outermost container of ours that the cgroup is of, whatever names it gave to what it made below; else the
 * innermost of any other.
 * With cgroupfs the monitors of a pod's containers stand below the pod, whose name is an id as Docker gives it:
 * libpod_parent/ID/conmon. They are of the host, and so is what they start when a container ends. Below a container's own
 * cgroup, which it may be allowed to divide, and below Docker's that name says nothing. A global function, as above. */
__noinline int find_container(void) {
  /* Looked up again: the verifier of Linux 6.1 takes no key of a table from what an argument points to. */
  __u32 zero = 0;
  struct cgroup_search *q = bpf_map_lookup_elem(&cgroup_searches, &zero);
  if (!q) return 0;
  for (int level = 0; level < CGROUP_LEVELS_MAX; level++) {
    struct cgroup *cgroup = (struct cgroup *)q->cursor;
    if (!cgroup) break;
    struct cgroup *above = cgroup_above(cgroup);
    __builtin_memset(q->name.text, 0, sizeof(q->name.text));
    bpf_probe_read_kernel_str(q->name.text, sizeof(q->name.text), BPF_CORE_READ(cgroup, kn, name));
    int at = id_offset(&q->name);
    int is_pod = at == 0 && name_start(above) == NAME_LIBPOD_P;
    if (is_pod && q->is_below_conmon && !q->has_name && !q->has_own) {
      q->is_monitor = 1;
    } else if (at >= 0 && at <= 15) {
      bpf_probe_read_kernel(q->id, CONTAINER_ID_BYTES, q->name.text + at);
      take_cgroup_name(q, cgroup, above, is_pod);
    }
    q->is_below_conmon = name_start(cgroup) == NAME_CONMON;
    q->cursor = (__u64)above;
  }
  if (q->has_own) {
    q->entry.named = q->own_named;
    q->entry.marks = 0;
    __builtin_memcpy(q->entry.id, q->own_id, CONTAINER_ID_BYTES);
  }
  int found = q->has_own || (q->has_name && !q->is_monitor);
  q->entry.verdict = found ? VERDICT_WATCHED : VERDICT_HOST;
  if (!found) q->entry.marks = q->is_feigned ? MARK_FEIGNED : 0;
  return found;
}

enum hierarchy { HIERARCHY_UNIFIED, HIERARCHY_PIDS };

/* Where the acting thread is on hosts of v1, in the controller that always has containers; null where there is none. */
static __always_inline struct cgroup *pids_cgroup(struct css_set *set) {
  if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id)) return 0;
  __u64 index = bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id);
  struct cgroup_subsys_state *state = 0;
  if (index < 16) {
    const void *slots = (const void *)set + bpf_core_field_offset(struct css_set, subsys);
    bpf_probe_read_kernel(&state, sizeof(state), slots + index * sizeof(state));
  }
  return state ? BPF_CORE_READ(state, cgroup) : 0;
}

/* Of a cgroup that nobody asked about yet: the acting thread's. Remembered by its number until it is removed. A global function, as
 * above. */
__noinline int search_cgroup(__u32 hierarchy, __u64 key) {
  __u32 zero = 0;
  struct cgroup_search *q = bpf_map_lookup_elem(&cgroup_searches, &zero);
  if (!q) return VERDICT_HOST;
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  struct css_set *set = task->cgroups;
  struct cgroup *cgroup = hierarchy == HIERARCHY_PIDS ? pids_cgroup(set) : BPF_CORE_READ(set, dfl_cgrp);
  __builtin_memset(q, 0, sizeof(*q));
  q->cursor = (__u64)cgroup;
  if (bpf_core_field_exists(cgroup->ancestors)) {
    int depth = BPF_CORE_READ(cgroup, level);
    const void *ancestors = (const void *)cgroup + bpf_core_field_offset(struct cgroup, ancestors);
    if (depth >= CGROUP_LEVELS_MAX)
      bpf_probe_read_kernel(&q->cursor, sizeof(q->cursor), ancestors + (CGROUP_LEVELS_MAX - 1) * sizeof(void *));
  }
  int found = find_container();
  int verdict = found ? VERDICT_WATCHED : VERDICT_HOST;
  if (q->entry.marks & MARK_FEIGNED) verdict |= ANSWER_FEIGNED;
  if (bpf_map_update_elem(&containers, &key, &q->entry, 0) != 0 && found) verdict |= ANSWER_NOT_KEPT;
  return verdict;
}

/* One hierarchy's answer. */
static __always_inline int judge_cgroup(__u32 hierarchy, __u64 key, __u64 *id, __u16 *flags) {
  struct container_entry *known = bpf_map_lookup_elem(&containers, &key);
  int verdict;
  if (known) {
    verdict = known->verdict;
    if (known->marks & MARK_FEIGNED) *flags |= FLAG_FEIGNED;
  } else {
    int answer = search_cgroup(hierarchy, key);
    verdict = answer & ANSWER_VERDICT;
    if (answer & ANSWER_FEIGNED) *flags |= FLAG_FEIGNED;
    if (answer & ANSWER_NOT_KEPT) *flags |= FLAG_UNKNOWN_CGROUP;
  }
  *id = verdict == VERDICT_HOST ? 0 : key;
  return verdict;
}

/* The unified hierarchy first; on v1 and hybrid hosts runc may place containers only in the controllers, where pids is
 * always among them. Answers whether the event passes. The task is the acting one, of a type that the verifier knows, so it is read
 * without a helper: each of these saves the acting program some ten nanoseconds, and there are thirty of them in a record. */
static __always_inline int is_wanted(struct task_struct *task, __u64 *id, __u16 *flags) {
  __u32 zero = 0;
  struct settings *s = bpf_map_lookup_elem(&settings, &zero);
  if (!s) return 0;
  struct css_set *set = task->cgroups;
  int verdict = judge_cgroup(HIERARCHY_UNIFIED, set->dfl_cgrp->kn->id, id, flags);
  if (verdict == VERDICT_HOST) {
    struct cgroup *cgroup = pids_cgroup(set);
    if (cgroup) verdict = judge_cgroup(HIERARCHY_PIDS, BPF_CORE_READ(cgroup, kn, id), id, flags);
  }
  if (verdict == VERDICT_WATCHED) return 1;
  /* What has the host's own mounts in sight is in no container, whatever its cgroup is called. */
  if (verdict == VERDICT_IGNORED && task->nsproxy->mnt_ns->ns.inum == s->host_mounts) {
    *id = 0;
    verdict = VERDICT_HOST;
  }
  return verdict == VERDICT_HOST && s->host_too && task->tgid != s->ignored_pid;
}

/* The number that user space sees for a device (new_encode_dev of the kernel): 34816 is /dev/pts/0. */
static __always_inline __u32 tty_of(struct task_struct *task) {
  struct tty_struct *tty = task->signal->tty;
  if (!tty) return 0;
  struct tty_driver *driver = tty->driver;
  __u32 major = driver->major;
  __u32 minor = driver->minor_start + tty->index;
  return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}

/* As the namespace at this depth numbers it. */
static __always_inline __u32 pid_at(struct pid *pid, unsigned int level) {
  struct upid number = {};
  const void *numbers = (const void *)pid + bpf_core_field_offset(struct pid, numbers);
  bpf_probe_read_kernel(&number.nr, sizeof(number.nr), numbers + (level & 63) * bpf_core_type_size(struct upid));
  return number.nr;
}

static __always_inline __u32 innermost(struct pid *pid) { return pid_at(pid, pid->level); }

static __always_inline void fill_header(struct record_header *head, struct task_struct *task, __u16 type, __u64 cgroup,
                                        __u16 flags) {
  struct task_struct *leader = task->group_leader;
  struct task_struct *parent = task->real_parent;
  const struct cred *cred = task->cred;
  head->type = type;
  head->flags = flags;
  head->time = bpf_ktime_get_ns();
  head->pid = task->tgid;
  head->tid = task->pid;
  head->ppid = parent->tgid;
  head->uid = cred->uid.val;
  head->gid = cred->gid.val;
  head->loginuid = bpf_core_field_exists(task->loginuid) ? task->loginuid.val : (__u32)-1;
  head->cgroup = cgroup;
  head->mount_namespace = task->nsproxy->mnt_ns->ns.inum;
  head->tty = tty_of(task);
  head->started = leader->start_boottime;
  head->parent_started = parent->group_leader->start_boottime;
  head->session = 0;
  struct pid *session = task->signal->pids[3];
  if (session) bpf_probe_read_kernel(&head->session, 4, (const void *)session + bpf_core_field_offset(struct pid, numbers));
  head->inner_pid = innermost(leader->thread_pid);
  BPF_CORE_READ_INTO(&head->comm, task, comm);
}

enum other_way { WAY_UNTRIED, WAY_TAKEN, WAY_LED_NOWHERE };

/* A part of the root's own file system that is mounted somewhere else as well: its names there hide what a file is. */
static __always_inline int is_second_name(struct scratch *s, struct vfsmount *on, struct dentry *here) {
  if (s->other_way != WAY_UNTRIED) return 0;
  struct vfsmount *root = (struct vfsmount *)s->root_mount;
  return BPF_CORE_READ(on, mnt_sb) == BPF_CORE_READ(root, mnt_sb) && BPF_CORE_READ(here, d_parent) != here;
}

static __always_inline void stand_on(struct scratch *s, __u64 mount) {
  s->mount = mount;
  s->mount_root = (__u64)BPF_CORE_READ((struct vfsmount *)mount, mnt_root);
}

/* Appends the names of a path, leaf first, up to the root of the task; answers the bytes written. A global function, as above:
 * the verifier walks its loop once. */
__noinline __u32 put_path_of(struct scratch *s, __u64 mount, __u64 dentry) {
  if (!s) return 0;
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  __u32 start = s->used;
  s->dentry = dentry;
  stand_on(s, mount);
  struct fs_struct *fs = task->fs;
  s->root_dentry = (__u64)fs->root.dentry;
  s->root_mount = (__u64)fs->root.mnt;
  s->other_way = WAY_UNTRIED;
  int i;
  for (i = 0; i < PATH_PARTS_MAX; i++) {
    struct dentry *here = (struct dentry *)s->dentry;
    struct vfsmount *on = (struct vfsmount *)s->mount;
    if (!here || !on) break;
    if (s->dentry == s->root_dentry && (s->mount == s->root_mount || s->other_way == WAY_TAKEN)) break;
    if (s->other_way != WAY_TAKEN && s->dentry == s->mount_root && is_second_name(s, on, here)) {
      s->other_way = WAY_TAKEN;
      s->other_mount = s->mount;
      s->other_used = s->used;
    } else if (s->other_way != WAY_TAKEN && s->dentry == s->mount_root) {
      struct mount *whole = (struct mount *)((void *)on - bpf_core_field_offset(struct mount, mnt));
      struct mount *above = BPF_CORE_READ(whole, mnt_parent);
      if (above == whole) break;
      s->dentry = (__u64)BPF_CORE_READ(whole, mnt_mountpoint);
      stand_on(s, (__u64)above + bpf_core_field_offset(struct mount, mnt));
      continue;
    }
    __u32 used = s->used;
    if (used > DATA_BYTES_MAX - NAME_BYTES_MAX) {
      s->flags |= FLAG_TRUNCATED;
      break;
    }
    long n = bpf_probe_read_kernel_str(s->data + used, NAME_BYTES_MAX, BPF_CORE_READ(here, d_name.name));
    if (n <= 0) break;
    s->used = used + n;
    struct dentry *parent = BPF_CORE_READ(here, d_parent);
    if (parent == here && s->other_way == WAY_TAKEN) {
      /* It is not below the root of the task: only the mount leads there. */
      s->other_way = WAY_LED_NOWHERE;
      s->used = s->other_used;
      stand_on(s, s->other_mount);
      s->dentry = s->mount_root;
      continue;
    }
    if (parent == here) {
      s->flags |= FLAG_UNLINKED_ROOT;
      break;
    }
    s->dentry = (__u64)parent;
  }
  if (i == PATH_PARTS_MAX) s->flags |= FLAG_TRUNCATED;
  return s->used - start;
}

static __always_inline __u32 put_path(struct scratch *s, struct vfsmount *mount, struct dentry *dentry) {
  return put_path_of(s, (__u64)mount, (__u64)dentry);
}

/* Appends a NUL-ended text of the program's own memory; answers the bytes written, NUL included. */
static __noinline __u32 put_user_text(struct scratch *s, const char *text) {
  if (!s) return 0;
  __u32 used = s->used;
  if (used > DATA_BYTES_MAX - ARGUMENT_BYTES_MAX) {
    s->flags |= FLAG_TRUNCATED;
    return 0;
  }
  long n = bpf_probe_read_user_str(s->data + used, ARGUMENT_BYTES_MAX, text);
  if (n <= 0) return 0;
  if (n == ARGUMENT_BYTES_MAX) {
    char next = 0;
    bpf_probe_read_user(&next, 1, text + ARGUMENT_BYTES_MAX - 1);
    if (next) s->flags |= FLAG_TRUNCATED;
  }
  s->used = used + n;
  return n;
}

/* Where a record goes: programs and processes into their own ring, opens and what is as frequent into the other. What is seldom,
 * but can be done a million times a second by who wants to (dup, kill, connect), goes with the processes while their ring
 * is not half full, so that neither a flood of opens hides it nor a flood of it hides a program. */
enum ring { RING_PROCESSES, RING_OPENS, RING_SELDOM };

/* Hands the record over. The counters say the truth even when the ring is full. */
static __noinline int send(struct scratch *s, __u32 ring) {
  if (!s) return 0;
  struct record_header *head = (struct record_header *)s->data;
  __u32 type = head->type;
  __u64 length = s->used;
  if (length > DATA_BYTES_MAX) length = DATA_BYTES_MAX;
  head->length = length;
  head->flags |= s->flags;
  struct counters *c = bpf_map_lookup_elem(&counts, &type);
  if (!c) return 0;
  c->seen++;
  if (ring == RING_SELDOM) {
    __u64 waiting = bpf_ringbuf_query(&process_ring, RINGBUF_WAITING);
    ring = waiting > bpf_ringbuf_query(&process_ring, RINGBUF_SIZE) / 2 ? RING_OPENS : RING_PROCESSES;
  }
  long failed = ring == RING_OPENS ? bpf_ringbuf_output(&open_ring, s->data, length, 0)
                                   : bpf_ringbuf_output(&process_ring, s->data, length, 0);
  if (failed) c->lost++;
  return 0;
}

static __always_inline __u64 nanoseconds(__s64 seconds, __u32 rest) { return (__u64)seconds * 1000000000ull + rest; }

/* Since 6.13 the highest bit says that somebody asked for the time (I_CTIME_QUERIED, fs.h). */
#define CTIME_NANOSECONDS 0x7fffffff

/* The ctime, in nanoseconds; 0 where the kernel keeps it in a way that is not known. */
static __always_inline __u64 changed_at(struct inode *inode) {
  if (bpf_core_field_exists(inode->i_ctime_sec))
    return nanoseconds(BPF_CORE_READ(inode, i_ctime_sec), BPF_CORE_READ(inode, i_ctime_nsec) & CTIME_NANOSECONDS);
  struct inode___underscored *six = (void *)inode;
  if (bpf_core_field_exists(six->__i_ctime))
    return nanoseconds(BPF_CORE_READ(six, __i_ctime.tv_sec), BPF_CORE_READ(six, __i_ctime.tv_nsec));
  struct inode___timespec *five = (void *)inode;
  if (bpf_core_field_exists(five->i_ctime))
    return nanoseconds(BPF_CORE_READ(five, i_ctime.tv_sec), BPF_CORE_READ(five, i_ctime.tv_nsec));
  return 0;
}

/* The file above, of an overlay's inode; 0 when it was never written to. In every overlay inode the pointer to the upper dentry
 * follows the generic inode directly (struct ovl_inode, fs/overlayfs/ovl_entry.h); overlay may be a module, so its own type is not
 * always in the kernel's BTF. */
static __always_inline struct dentry *upper_of(struct inode *inode) {
  struct dentry *upper = 0;
  bpf_probe_read_kernel(&upper, sizeof(upper), (void *)inode + bpf_core_type_size(struct inode));
  return upper;
}

/* Whether anybody has the file above open to write, or mapped so: of a mapping the overlay's own inode knows nothing (ovl_mmap), and
 * what is written through one that was written through before changes no time. */
static __always_inline int has_writers(struct inode *above) { return BPF_CORE_READ(above, i_writecount.counter) > 0; }

#endif
