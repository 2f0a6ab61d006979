/* The few kernel types the programs read, with only the members they read. Offsets are relocated at load (CO-RE) from the
 * running kernel's BTF, so the order and size given here mean nothing. A name after three underscores is a flavour: the
 * same kernel type as an older kernel had it. */
#ifndef DARSENA_KERNEL_H
#define DARSENA_KERNEL_H

typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

enum bpf_map_type_numbers {
  BPF_MAP_TYPE_HASH = 1,
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_PERCPU_ARRAY = 6,
  BPF_MAP_TYPE_LRU_HASH = 9,
  BPF_MAP_TYPE_RINGBUF = 27,
  BPF_MAP_TYPE_TASK_STORAGE = 29,
};
#define BPF_LOCAL_STORAGE_GET_F_CREATE 1
#define BPF_F_NO_PREALLOC 1

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
  __u32 val;
} kuid_t;
typedef struct {
  __u32 val;
} kgid_t;

struct qstr {
  const unsigned char *name;
};
struct super_block {
  unsigned long s_magic;
};
struct timespec64 {
  __s64 tv_sec;
  long tv_nsec;
};
typedef struct {
  int counter;
} atomic_t;
struct inode {
  unsigned short i_mode;
  unsigned long i_ino;
  atomic_t i_writecount;
  struct super_block *i_sb;
  __s64 i_mtime_sec;
  __s64 i_ctime_sec;
  __u32 i_mtime_nsec;
  __u32 i_ctime_nsec;
};
/* Before 6.11 the inode held whole timespecs; 6.6 to 6.10 spelled them with underscores. */
struct inode___timespec {
  struct timespec64 i_mtime;
  struct timespec64 i_ctime;
};
struct inode___underscored {
  struct timespec64 __i_mtime;
  struct timespec64 __i_ctime;
};
struct dentry {
  struct dentry *d_parent;
  struct qstr d_name;
  struct inode *d_inode;
};
struct iattr {
  unsigned int ia_valid;
};
struct vfsmount {
  struct dentry *mnt_root;
  struct super_block *mnt_sb;
};
struct mount {
  struct mount *mnt_parent;
  struct dentry *mnt_mountpoint;
  struct vfsmount mnt;
};
struct path {
  struct vfsmount *mnt;
  struct dentry *dentry;
};
struct fs_struct {
  struct path root;
  struct path pwd;
};
struct file {
  struct path f_path;
  struct inode *f_inode;
  void *private_data;
};
struct fdtable {
  unsigned int max_fds;
  struct file **fd;
};
struct files_struct {
  struct fdtable *fdt;
};
struct mm_struct {
  struct file *exe_file;
  unsigned long arg_start;
  unsigned long arg_end;
  unsigned long env_start;
  unsigned long env_end;
};
struct ns_common {
  unsigned int inum;
};
struct mnt_namespace {
  struct ns_common ns;
};
struct nsproxy {
  struct mnt_namespace *mnt_ns;
};
struct upid {
  int nr;
};
struct pid {
  unsigned int level;
  struct upid numbers[1];
};
struct tty_driver {
  int major;
  int minor_start;
};
struct tty_struct {
  int index;
  struct tty_driver *driver;
};
struct signal_struct {
  atomic_t live;
  struct tty_struct *tty;
  struct pid *pids[4];
};
typedef struct {
  __u64 val;
} kernel_cap_t;
struct cred {
  kuid_t uid;
  kgid_t gid;
  kuid_t euid;
  kernel_cap_t cap_inheritable;
  kernel_cap_t cap_permitted;
  kernel_cap_t cap_effective;
};
struct kernfs_iattrs {
  kuid_t ia_uid;
  kgid_t ia_gid;
};
struct kernfs_node {
  __u64 id;
  const char *name;
  unsigned short mode;
  struct kernfs_iattrs *iattr;
};
struct cgroup;
struct cgroup_subsys_state {
  struct cgroup *cgroup;
  struct cgroup_subsys_state *parent;
};
struct cgroup {
  struct cgroup_subsys_state self;
  struct kernfs_node *kn;
  int level;
  struct cgroup *ancestors[1]; /* since 6.1; before, names deeper than is looked are not found */
};
struct css_set {
  struct cgroup_subsys_state *subsys[16];
  struct cgroup *dfl_cgrp;
};
struct task_struct {
  int pid;
  int tgid;
  int exit_code;
  char comm[16];
  __u64 start_boottime;
  kuid_t loginuid;
  struct task_struct *group_leader;
  struct task_struct *real_parent;
  struct mm_struct *mm;
  struct fs_struct *fs;
  struct files_struct *files;
  struct nsproxy *nsproxy;
  struct pid *thread_pid;
  struct signal_struct *signal;
  const struct cred *real_cred;
  const struct cred *cred;
  struct css_set *cgroups;
};
struct linux_binprm {
  struct file *file;
  const char *filename;
};
struct in6_addr {
  __u8 in6_u[16];
};
struct net;
typedef struct {
  struct net *net;
} possible_net_t;
struct sock_common {
  possible_net_t skc_net;
  unsigned short skc_family;
  __be32 skc_daddr;
  __be32 skc_rcv_saddr;
  __be16 skc_dport;
  __u16 skc_num;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
};
struct sock {
  struct sock_common __sk_common;
  __u16 sk_type;
  __u16 sk_protocol;
};
struct socket {
  struct sock *sk;
};
struct trace_event_raw_sys_exit {
  long id;
  long ret;
};
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
  unsigned long bx;
  unsigned long cx;
  unsigned long bp;
  unsigned long di;
  unsigned long si;
  unsigned long dx;
  unsigned long r10;
  unsigned long r8;
  unsigned long r9;
  unsigned long orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
  __u64 regs[31];
};
struct pt_regs {
  struct user_pt_regs user_regs;
  __u64 orig_x0;
  __s32 syscallno;
};
#endif

enum cgroup_subsys_id {
  pids_cgrp_id = 11,
};

#pragma clang attribute pop

#if defined(__TARGET_ARCH_x86)
#define FIRST_ARGUMENT(regs) ((regs)->di)
#define SECOND_ARGUMENT(regs) ((regs)->si)
#define THIRD_ARGUMENT(regs) ((regs)->dx)
#elif defined(__TARGET_ARCH_arm64)
#define FIRST_ARGUMENT(regs) ((regs)->orig_x0)
#define SECOND_ARGUMENT(regs) ((regs)->user_regs.regs[1])
#define THIRD_ARGUMENT(regs) ((regs)->user_regs.regs[2])
#endif

#endif
