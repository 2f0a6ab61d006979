/* Outgoing connections. Both ends as the kernel has them; of one that failed the other end is the address that was given. */
#include "common.h"

#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define EINPROGRESS 115

struct given_address {
  __u16 family;
  __u8 rest[126];
};

/* Of what is done or has begun: another thread may have rewritten the address that was given. Answers whether the kernel has it. */
static __noinline int put_other_end(struct connect_record *r, struct sock *sk, __s64 result) {
  if (!r || !sk || (result != 0 && result != -EINPROGRESS)) return 0;
  __u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
  __be16 port = BPF_CORE_READ(sk, __sk_common.skc_dport);
  if (port == 0) return 0;
  if (family == AF_INET) {
    __be32 address = BPF_CORE_READ(sk, __sk_common.skc_daddr);
    if (address == 0) return 0;
    __builtin_memcpy(r->remote, &address, 4);
  } else if (family == AF_INET6) {
    BPF_CORE_READ_INTO(&r->remote, sk, __sk_common.skc_v6_daddr);
  } else {
    return 0;
  }
  r->family = family;
  r->remote_port = port >> 8 | port << 8;
  return 1;
}

static __always_inline int connected(long result, __s32 descriptor, const void *from, __u64 length, __u16 more) {
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  __u64 cgroup = 0;
  __u16 flags = 0;
  if (!is_wanted(task, &cgroup, &flags)) return 0;
  struct scratch *s = take_scratch(SCRATCH_CONNECT, sizeof(struct connect_record));
  if (!s) return 0;
  struct connect_record *r = (struct connect_record *)s->data;
  fill_header(&r->head, task, RECORD_CONNECT, cgroup, flags | more);
  struct given_address address = {};
  if (length > 127) length = 127; /* longer than any address of these families */
  length &= 127;                  /* for the verifier, which loses the bound above */
  if (length >= 2) bpf_probe_read_user(&address, length, from);
  r->result = result;
  r->descriptor = descriptor;
  r->family = address.family;
  r->socket_type = 0;
  r->protocol = 0;
  r->remote_port = 0;
  r->local_port = 0;
  r->reserved = 0;
  r->path_length = 0;
  __builtin_memset(r->remote, 0, sizeof(r->remote));
  __builtin_memset(r->local, 0, sizeof(r->local));
  struct file *file = file_of(task, r->descriptor);
  int is_socket = file && (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) == S_IFSOCK;
  struct socket *socket = is_socket ? (struct socket *)BPF_CORE_READ(file, private_data) : 0;
  struct sock *sk = socket ? BPF_CORE_READ(socket, sk) : 0;
  int is_known = put_other_end(r, sk, result);
  if (is_known || address.family == AF_INET || address.family == AF_INET6) {
    if (!is_known) {
      r->remote_port = (__u16)address.rest[0] << 8 | address.rest[1];
      if (address.family == AF_INET) __builtin_memcpy(r->remote, address.rest + 2, 4);
      else __builtin_memcpy(r->remote, address.rest + 6, 16);
    }
    if (sk) {
      r->socket_type = BPF_CORE_READ(sk, sk_type);
      r->protocol = BPF_CORE_READ(sk, sk_protocol);
      r->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
      __be32 local = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
      __builtin_memcpy(r->local, &local, 4);
    }
  } else if (address.family == AF_UNIX && length > 2) {
    __u32 bytes = length - 2;
    if (bytes > 108) bytes = 108;
    __builtin_memcpy(s->data + sizeof(struct connect_record), address.rest, 108);
    r->path_length = bytes;
    s->used = sizeof(struct connect_record) + bytes;
  }
  return send(s, RING_SELDOM);
}

SEC("tracepoint/syscalls/sys_exit_connect")
int on_connect(struct trace_event_raw_sys_exit *ctx) {
  struct pt_regs *regs = registers();
  return connected(ctx->ret, FIRST_ARGUMENT(regs), (const void *)SECOND_ARGUMENT(regs), THIRD_ARGUMENT(regs), 0);
}
