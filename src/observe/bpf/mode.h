/* What kind of file the rights were changed of, where the call names it by a path: the bit by which a program gets its group's
 * rights is, on a folder, what hands the group down. The call's exit knows only the name, which may be another's by then, so the
 * kernel's own change of the inode is looked at, which comes before. */
#ifndef DARSENA_MODE_H
#define DARSENA_MODE_H

#include "common.h"

#define ATTR_MODE 1 /* fs.h */
#define MODE_CHANGES_MAX 4096

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, MODE_CHANGES_MAX);
  __type(key, __u64);
  __type(value, __u32);
} mode_changes SEC(".maps");

/* Of the acting thread, once. */
static __always_inline __u32 take_changed_mode(void) {
  __u64 thread = bpf_get_current_pid_tgid();
  __u32 *mode = bpf_map_lookup_elem(&mode_changes, &thread);
  if (!mode) return 0;
  __u32 found = *mode;
  bpf_map_delete_elem(&mode_changes, &thread);
  return found;
}

/* notify_change(idmap, dentry, attributes, ...) since Linux 5.12. */
SEC("fentry/notify_change")
int on_mode_changed(__u64 *ctx) {
  struct iattr *attributes = (struct iattr *)ctx[2];
  if (!(BPF_CORE_READ(attributes, ia_valid) & ATTR_MODE)) return 0;
  __u64 cgroup = 0;
  __u16 flags = 0;
  if (!is_wanted((struct task_struct *)bpf_get_current_task_btf(), &cgroup, &flags)) return 0;
  struct dentry *dentry = (struct dentry *)ctx[1];
  __u32 mode = BPF_CORE_READ(dentry, d_inode, i_mode);
  __u64 thread = bpf_get_current_pid_tgid();
  bpf_map_update_elem(&mode_changes, &thread, &mode, 0);
  return 0;
}

#endif
