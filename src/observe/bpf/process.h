/* exec, fork and exit of processes. */
#include "call-table.h"

#define CALL_32_CLONE 120 /* the same of x86 and arm */
#define CALL_32_VFORK 190
/* sched.h: time, mounts, control groups, names, messages, users, processes, network */
#define NEW_NAMESPACES 0x7e020080

static __always_inline void put_inode_times(struct exec_record *r, struct inode *inode) {
  r->changed = changed_at(inode);
  if (bpf_core_field_exists(inode->i_ctime_sec)) {
    r->modified = nanoseconds(BPF_CORE_READ(inode, i_mtime_sec), BPF_CORE_READ(inode, i_mtime_nsec));
    return;
  }
  struct inode___underscored *six = (void *)inode;
  if (bpf_core_field_exists(six->__i_ctime)) {
    r->modified = nanoseconds(BPF_CORE_READ(six, __i_mtime.tv_sec), BPF_CORE_READ(six, __i_mtime.tv_nsec));
    return;
  }
  struct inode___timespec *five = (void *)inode;
  if (bpf_core_field_exists(five->i_ctime))
    r->modified = nanoseconds(BPF_CORE_READ(five, i_mtime.tv_sec), BPF_CORE_READ(five, i_mtime.tv_nsec));
}

/* Whether the running file was written after the image was made, and may be written to now. */
static __always_inline __u32 exe_flags_of(struct dentry *dentry, struct inode *inode) {
  __u32 flags = 0;
  if (BPF_CORE_READ(inode, i_sb, s_magic) == OVERLAY_MAGIC) {
    struct dentry *upper = upper_of(inode);
    if (upper) flags |= has_writers(BPF_CORE_READ(upper, d_inode)) ? EXE_UPPER_LAYER | EXE_WRITERS : EXE_UPPER_LAYER;
  }
  char start[8] = {};
  bpf_probe_read_kernel_str(start, sizeof(start), BPF_CORE_READ(dentry, d_name.name));
  if (start[0] == 'm' && start[1] == 'e' && start[2] == 'm' && start[3] == 'f' && start[4] == 'd' && start[5] == ':' &&
      BPF_CORE_READ(dentry, d_parent) == dentry)
    flags |= EXE_FROM_MEMFD;
  return flags;
}

/* A program of 32 bits has room for no more; the bits of a thread that say it have other places in other kernels. */
struct mm_struct___sized {
  unsigned long task_size;
} __attribute__((preserve_access_index));

static __always_inline __u32 width_of(struct mm_struct *memory) {
  struct mm_struct___sized *sized = (void *)memory;
  if (!bpf_core_field_exists(sized->task_size)) return 0;
  return BPF_CORE_READ(sized, task_size) <= 1ull << 32 ? EXE_32_BIT : 0;
}

/* As the program was given it, whatever it does with it afterwards. It has secrets, so it is taken only while a rule asks for it; and
 * it takes more room than all else of the record, so it is left out while the ring fills: who started is worth more. */
static __always_inline void put_environment(struct scratch *s, struct mm_struct *memory) {
  __u32 zero = 0;
  struct settings *wish = bpf_map_lookup_elem(&settings, &zero);
  if (!wish || !wish->environment) return;
  __u64 waiting = bpf_ringbuf_query(&process_ring, RINGBUF_WAITING);
  if (waiting > bpf_ringbuf_query(&process_ring, RINGBUF_SIZE) / 2) return;
  __u32 used = s->used;
  if (used > DATA_BYTES_MAX - ENVIRONMENT_BYTES_MAX) return;
  __u64 start = BPF_CORE_READ(memory, env_start);
  __u64 total = BPF_CORE_READ(memory, env_end) - start;
  __u32 wanted = total > ENVIRONMENT_BYTES_MAX ? ENVIRONMENT_BYTES_MAX : total;
  if (wanted > ENVIRONMENT_BYTES_MAX) return;
  if (wanted > 0 && bpf_probe_read_user(s->data + used, wanted, (void *)start) != 0) return;
  s->used = used + wanted;
  s->flags |= FLAG_ENVIRONMENT;
  if (total > ENVIRONMENT_BYTES_MAX) s->flags |= FLAG_ENVIRONMENT_CUT;
}

SEC("tp_btf/sched_process_exec")
int on_exec(__u64 *ctx) {
  struct task_struct *task = (struct task_struct *)ctx[0];
  struct linux_binprm *program = (struct linux_binprm *)ctx[2];
  __u64 cgroup = 0;
  __u16 flags = 0;
  /* Whose cgroup only has the name of a container of ours is told of also where nobody asks for the host. */
  if (!is_wanted(task, &cgroup, &flags) && !(flags & FLAG_FEIGNED)) return 0;
  struct scratch *s = take_scratch(SCRATCH_PROCESS, sizeof(struct exec_record));
  if (!s) return 0;
  struct exec_record *r = (struct exec_record *)s->data;
  fill_header(&r->head, task, RECORD_EXEC, cgroup, flags);
  struct task_struct *parent = BPF_CORE_READ(task, real_parent);
  BPF_CORE_READ_INTO(&r->parent_comm, parent, group_leader, comm);
  struct mm_struct *memory = BPF_CORE_READ(task, mm);
  struct file *exe = BPF_CORE_READ(memory, exe_file);
  struct dentry *dentry = BPF_CORE_READ(exe, f_path.dentry);
  struct inode *inode = BPF_CORE_READ(exe, f_inode);
  r->exe_flags = exe_flags_of(dentry, inode);
  r->exe_flags |= width_of(memory);
  r->inode = BPF_CORE_READ(inode, i_ino);
  r->changed = 0;
  r->modified = 0;
  put_inode_times(r, inode);
  const struct cred *cred = BPF_CORE_READ(task, cred);
  bpf_probe_read_kernel(&r->cap_inheritable, 8, (const void *)cred + bpf_core_field_offset(struct cred, cap_inheritable));
  bpf_probe_read_kernel(&r->cap_permitted, 8, (const void *)cred + bpf_core_field_offset(struct cred, cap_permitted));
  bpf_probe_read_kernel(&r->cap_effective, 8, (const void *)cred + bpf_core_field_offset(struct cred, cap_effective));
  r->exe_length = put_path(s, BPF_CORE_READ(exe, f_path.mnt), dentry);
  r->cwd_length = put_path(s, BPF_CORE_READ(task, fs, pwd.mnt), BPF_CORE_READ(task, fs, pwd.dentry));
  r->name_length = 0;
  r->args_length = 0;
  __u32 used = s->used;
  if (used <= DATA_BYTES_MAX - NAME_BYTES_MAX) {
    long n = bpf_probe_read_kernel_str(s->data + used, NAME_BYTES_MAX, BPF_CORE_READ(program, filename));
    if (n > 0) {
      r->name_length = n;
      s->used = used + n;
    }
  }
  __u64 start = BPF_CORE_READ(memory, arg_start);
  __u64 total = BPF_CORE_READ(memory, arg_end) - start;
  r->args_total = total;
  used = s->used;
  if (used <= DATA_BYTES_MAX - ARGUMENT_BYTES_MAX) {
    __u32 wanted = total > ARGUMENT_BYTES_MAX ? ARGUMENT_BYTES_MAX : total;
    if (total > ARGUMENT_BYTES_MAX) s->flags |= FLAG_TRUNCATED;
    if (wanted > 0 && wanted <= ARGUMENT_BYTES_MAX && bpf_probe_read_user(s->data + used, wanted, (void *)start) == 0) {
      r->args_length = wanted;
      s->used = used + wanted;
    }
  } else {
    s->flags |= FLAG_TRUNCATED;
  }
  put_environment(s, memory);
  return send(s, RING_PROCESSES);
}

/* Which call made it: the number that the acting thread came into the kernel with. Of programs of 32 bits these are others, and
 * none of theirs is the number of another call that makes processes. What the kernel makes by itself came in with none. */
static __always_inline __u16 fork_type(void) {
  struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
#if defined(__TARGET_ARCH_x86)
  __u64 number = regs->orig_ax;
  if (number == 56) return RECORD_CLONE;
  if (number == 58) return RECORD_VFORK;
#elif defined(__TARGET_ARCH_arm64)
  __u64 number = (__u32)regs->syscallno;
  if (number == 220) return RECORD_CLONE;
#endif
  if (number == 435) return RECORD_CLONE3;
  if (number == CALL_32_CLONE) return RECORD_CLONE;
  return number == CALL_32_VFORK ? RECORD_VFORK : RECORD_FORK;
}

/* Before the child runs, as sched_process_fork, and with the flags by which it was made. */
SEC("tp_btf/task_newtask")
int on_fork(__u64 *ctx) {
  struct task_struct *child = (struct task_struct *)ctx[0];
  __u64 clone_flags = ctx[1];
  if (child->tgid != child->pid || child->pid == 0) return 0; /* a thread; a processor's idle task */
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  __u64 cgroup = 0;
  __u16 flags = 0;
  if (!is_wanted(task, &cgroup, &flags)) return 0;
  struct scratch *s = take_scratch(SCRATCH_PROCESS, sizeof(struct fork_record));
  if (!s) return 0;
  struct fork_record *r = (struct fork_record *)s->data;
  fill_header(&r->head, task, fork_type(), cgroup, flags);
  r->child = child->tgid;
  r->child_started = child->start_boottime;
  r->inner_child = innermost(child->thread_pid);
  r->clone_flags = clone_flags;
  r->result = pid_at(child->thread_pid, task->thread_pid->level);
  r->reserved = 0;
  return send(s, RING_PROCESSES);
}

/* A process of a namespace of its own that the kernel, or a filter of calls, refused. That the rest fails says nothing. */
static __always_inline int not_cloned(__u16 type, long result, __u64 clone_flags, __u16 more) {
  if (!(clone_flags & NEW_NAMESPACES)) return 0;
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  __u64 cgroup = 0;
  __u16 flags = 0;
  if (!is_wanted(task, &cgroup, &flags)) return 0;
  struct scratch *s = take_scratch(SCRATCH_CALL, sizeof(struct fork_record));
  if (!s) return 0;
  struct fork_record *r = (struct fork_record *)s->data;
  fill_header(&r->head, task, type, cgroup, flags | more);
  r->child = 0;
  r->child_started = 0;
  r->inner_child = 0;
  r->clone_flags = clone_flags;
  r->result = result;
  r->reserved = 0;
  return send(s, RING_SELDOM);
}

SEC("tracepoint/syscalls/sys_exit_clone")
int on_clone_refused(struct trace_event_raw_sys_exit *ctx) {
  if (ctx->ret >= 0) return 0;
  struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
  return not_cloned(RECORD_CLONE, ctx->ret, FIRST_ARGUMENT(regs) & ~(__u64)EXIT_SIGNAL, 0);
}

SEC("tracepoint/syscalls/sys_exit_clone3")
int on_clone3_refused(struct trace_event_raw_sys_exit *ctx) {
  if (ctx->ret >= 0) return 0;
  struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
  __u64 clone_flags = 0; /* the first member of struct clone_args */
  bpf_probe_read_user(&clone_flags, sizeof(clone_flags), (void *)FIRST_ARGUMENT(regs));
  return not_cloned(RECORD_CLONE3, ctx->ret, clone_flags, 0);
}

SEC("tp_btf/sched_process_exit")
int on_exit(__u64 *ctx) {
  struct task_struct *task = (struct task_struct *)ctx[0];
  if (BPF_CORE_READ(task, signal, live.counter) != 0) return 0; /* other threads go on */
  __u64 cgroup = 0;
  __u16 flags = 0;
  if (!is_wanted(task, &cgroup, &flags)) return 0;
  struct scratch *s = take_scratch(SCRATCH_PROCESS, sizeof(struct exit_record));
  if (!s) return 0;
  struct exit_record *r = (struct exit_record *)s->data;
  fill_header(&r->head, task, RECORD_EXIT, cgroup, flags);
  r->code = BPF_CORE_READ(task, exit_code);
  r->reserved = 0;
  return send(s, RING_PROCESSES);
}

/* A removed cgroup's id is never used again; forget what was known of it. */
SEC("tp_btf/cgroup_rmdir")
int on_cgroup_removed(__u64 *ctx) {
  struct cgroup *cgroup = (struct cgroup *)ctx[0];
  __u64 key = BPF_CORE_READ(cgroup, kn, id);
  bpf_map_delete_elem(&containers, &key);
  return 0;
}
