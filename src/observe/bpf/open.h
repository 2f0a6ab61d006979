/* Opened files. One program on the exit of each call: the arguments are still in the saved registers, and for a call that
 * succeeded the path is read from the file itself, so what the program wrote in its memory meanwhile changes nothing. */
#include "prevent.h"

#define DESCRIPTORS_MAX (1 << 20)
#define O_CREAT_WRONLY_TRUNC 01101

static __noinline struct file *file_of(struct task_struct *task, __u32 descriptor) {
  struct fdtable *table = task->files->fdt;
  if (descriptor >= DESCRIPTORS_MAX || descriptor >= table->max_fds) return 0;
  struct file **slots = table->fd;
  struct file *file = 0;
  bpf_probe_read_kernel(&file, sizeof(file), slots + descriptor);
  return file;
}

static __always_inline int opened(__u16 type, long result, __s32 folder, const char *name, __u32 open_flags, __u16 more) {
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  __u64 cgroup = 0;
  __u16 flags = 0;
  if (!is_wanted(task, &cgroup, &flags)) return 0;
  struct scratch *s = take_scratch(SCRATCH_OPEN, sizeof(struct open_record));
  if (!s) return 0;
  struct open_record *r = (struct open_record *)s->data;
  fill_header(&r->head, task, type, cgroup, flags | more);
  r->result = result;
  r->open_flags = open_flags;
  r->folder = folder;
  r->mode = 0;
  r->inode = 0;
  r->path_length = 0;
  struct file *file = result >= 0 ? file_of(task, result) : 0;
  if (file) {
    r->mode = BPF_CORE_READ(file, f_inode, i_mode);
    r->inode = BPF_CORE_READ(file, f_inode, i_ino);
    r->path_length = put_path(s, BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry));
    kill_after(file, 0, ACT_OPEN);
  } else {
    struct file *from = folder >= 0 ? file_of(task, folder) : 0;
    struct vfsmount *mount = from ? BPF_CORE_READ(from, f_path.mnt) : BPF_CORE_READ(task, fs, pwd.mnt);
    struct dentry *dentry = from ? BPF_CORE_READ(from, f_path.dentry) : BPF_CORE_READ(task, fs, pwd.dentry);
    s->flags |= FLAG_PATH_FROM_CWD;
    r->path_length = put_path(s, mount, dentry);
  }
  r->name_length = put_user_text(s, name);
  return send(s, RING_OPENS);
}

static __always_inline struct pt_regs *registers(void) {
  return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
}

SEC("tracepoint/syscalls/sys_exit_openat")
int on_openat(struct trace_event_raw_sys_exit *ctx) {
  struct pt_regs *regs = registers();
  return opened(RECORD_OPENAT, ctx->ret, FIRST_ARGUMENT(regs), (const char *)SECOND_ARGUMENT(regs), THIRD_ARGUMENT(regs), 0);
}

SEC("tracepoint/syscalls/sys_exit_openat2")
int on_openat2(struct trace_event_raw_sys_exit *ctx) {
  struct pt_regs *regs = registers();
  __u64 open_flags = 0; /* the first member of struct open_how */
  bpf_probe_read_user(&open_flags, sizeof(open_flags), (void *)THIRD_ARGUMENT(regs));
  return opened(RECORD_OPENAT2, ctx->ret, FIRST_ARGUMENT(regs), (const char *)SECOND_ARGUMENT(regs), open_flags, 0);
}

#if defined(__TARGET_ARCH_x86) /* arm64 never had these two calls */
#define AT_FDCWD -100
SEC("tracepoint/syscalls/sys_exit_open")
int on_open(struct trace_event_raw_sys_exit *ctx) {
  struct pt_regs *regs = registers();
  return opened(RECORD_OPEN, ctx->ret, AT_FDCWD, (const char *)FIRST_ARGUMENT(regs), SECOND_ARGUMENT(regs), 0);
}

SEC("tracepoint/syscalls/sys_exit_creat")
int on_creat(struct trace_event_raw_sys_exit *ctx) {
  struct pt_regs *regs = registers();
  return opened(RECORD_CREAT, ctx->ret, AT_FDCWD, (const char *)FIRST_ARGUMENT(regs), O_CREAT_WRONLY_TRUNC, 0);
}
#endif
