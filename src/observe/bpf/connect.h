/* Outgoing connections, with the address as given to the call and the socket's own end as the kernel chose it. */
#include "common.h"

#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10

struct given_address {
  __u16 family;
  __u8 rest[126];
};

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
  if (address.family == AF_INET || address.family == AF_INET6) {
    r->remote_port = (__u16)address.rest[0] << 8 | address.rest[1];
    if (address.family == AF_INET) __builtin_memcpy(r->remote, address.rest + 2, 4);
    else __builtin_memcpy(r->remote, address.rest + 6, 16);
    struct file *file = file_of(task, r->descriptor);
    struct socket *socket = file ? (struct socket *)BPF_CORE_READ(file, private_data) : 0;
    if (socket) {
      struct sock *sk = BPF_CORE_READ(socket, sk);
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
