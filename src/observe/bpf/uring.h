/* Acts through io_uring: no system call of theirs is made, so the programs on calls see nothing of them. A request is seen when
 * the ring takes it in, with the names and addresses that the kernel had copied by then, and its record is sent when its answer
 * is written. Whose answer cannot be told apart, or will not be written, is sent at once, as done: a program chooses both, and
 * must not be able to act unseen by it. */
#include "common.h"

#define URING_NAME_BYTES 1024
#define URING_WAITING_MAX 1024
#define URING_NAMES 2
#define SKIPS_ANSWER (1ull << 6) /* IOSQE_CQE_SKIP_SUCCESS of io_uring.h, which the kernel keeps at the same place */
#define MORE_ANSWERS (1u << 1) /* IORING_CQE_F_MORE */
#define AT_FDCWD_URING -100

enum uring_opcode {
  URING_WRITEV = 2,
  URING_WRITE_FIXED = 5,
  URING_SENDMSG = 9,
  URING_ACCEPT = 13,
  URING_CONNECT = 16,
  URING_OPENAT = 18,
  URING_WRITE = 23,
  URING_SEND = 26,
  URING_OPENAT2 = 28,
  URING_SPLICE = 30,
  URING_RENAMEAT = 35,
  URING_UNLINKAT = 36,
  URING_MKDIRAT = 37,
  URING_SYMLINKAT = 38,
  URING_LINKAT = 39,
  URING_SOCKET = 45,
  URING_SEND_ZC = 47,
  URING_SENDMSG_ZC = 48,
  URING_BIND = 56,
  URING_LISTEN = 57,
};

#if defined(__TARGET_ARCH_x86)
enum { CALL_RENAME = 316, CALL_UNLINK = 263, CALL_MKDIR = 258, CALL_SYMLINK = 266, CALL_LINK = 265,
       CALL_SOCKET = 41, CALL_ACCEPT = 288, CALL_BIND = 49, CALL_LISTEN = 50, CALL_SENDTO = 44, CALL_SENDMSG = 46,
       CALL_WRITE = 1, CALL_WRITEV = 20, CALL_SPLICE = 275 };
#else
enum { CALL_RENAME = 276, CALL_UNLINK = 35, CALL_MKDIR = 34, CALL_SYMLINK = 36, CALL_LINK = 37,
       CALL_SOCKET = 198, CALL_ACCEPT = 242, CALL_BIND = 200, CALL_LISTEN = 201, CALL_SENDTO = 206, CALL_SENDMSG = 211,
       CALL_WRITE = 64, CALL_WRITEV = 66, CALL_SPLICE = 76 };
#endif

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct io_cmd_data {
  struct file *file;
};
struct io_cqe {
  __u64 user_data;
  __s32 res;
  int fd; /* until it is answered, where the kernel keeps it here */
};
struct io_uring_cqe {
  __u64 user_data;
  __s32 res;
  __u32 flags;
};
/* Files that a ring was given once, by their places in it. */
struct io_rsrc_node {
  unsigned long file_ptr;
};
struct io_rsrc_data {
  unsigned int nr;
  struct io_rsrc_node **nodes;
};
struct io_file_table {
  struct io_rsrc_data data;
};
struct io_ring_ctx {
  struct io_file_table file_table;
};
/* Before 6.13. */
struct io_fixed_file {
  unsigned long file_ptr;
};
struct io_file_table___before {
  struct io_fixed_file *files;
};
struct io_ring_ctx___before {
  struct io_file_table___before file_table;
};
struct io_kiocb {
  struct io_cmd_data cmd;
  __u8 opcode;
  __u64 flags;
  struct io_cqe cqe;
  struct io_ring_ctx *ctx;
  void *async_data;
};
struct filename {
  const char *name;
};
struct open_how {
  __u64 flags;
};
struct io_open {
  int dfd;
  __u32 file_slot;
  struct filename *filename;
  struct open_how how;
};
struct io_rename {
  int old_dfd;
  int new_dfd;
  struct filename *oldpath;
  struct filename *newpath;
  int flags;
};
struct io_link {
  int old_dfd;
  int new_dfd;
  struct filename *oldpath;
  struct filename *newpath;
  int flags;
};
struct io_unlink {
  int dfd;
  int flags;
  struct filename *filename;
};
struct io_mkdir {
  int dfd;
  unsigned short mode;
  struct filename *filename;
};
struct io_connect {
  void *addr;
  int addr_len;
};
struct io_socket {
  int domain;
  int type;
  int protocol;
};
struct io_accept {
  int flags;
};
struct io_listen {
  int backlog;
};
struct __kernel_sockaddr_storage {
  unsigned short ss_family;
};
struct msghdr {
  void *msg_name;
  int msg_namelen;
};
struct io_async_msghdr {
  struct msghdr msg;
  struct __kernel_sockaddr_storage addr;
};
struct io_sr_msg {
  void *umsg;
  void *addr;
  int addr_len;
};
struct io_sr_msg___short {
  unsigned short addr_len;
};
struct io_rw {
  __u32 len;
};
struct io_splice {
  __u64 len;
};
#pragma clang attribute pop

struct uring_key {
  __u64 ring;
  __u64 user_data;
};
/* What is known when the ring takes the request in. */
struct uring_act {
  __u32 opcode;
  __u32 slot;
  __s32 folder[URING_NAMES];
  __u64 flags;
  __u64 more[2];
  __u64 file;
  __u32 name_length[URING_NAMES];
  struct given_address address;
  __u32 address_length;
  __u32 reserved;
  char names[URING_NAMES][URING_NAME_BYTES];
};
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, URING_WAITING_MAX);
  __type(key, struct uring_key);
  __type(value, struct uring_act);
} uring_waiting SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct uring_act);
} uring_new SEC(".maps");

static __always_inline __u32 call_of_opcode(__u32 opcode) {
  switch (opcode) {
    case URING_RENAMEAT: return CALL_RENAME;
    case URING_UNLINKAT: return CALL_UNLINK;
    case URING_MKDIRAT: return CALL_MKDIR;
    case URING_SYMLINKAT: return CALL_SYMLINK;
    case URING_LINKAT: return CALL_LINK;
    case URING_SOCKET: return CALL_SOCKET;
    case URING_ACCEPT: return CALL_ACCEPT;
    case URING_BIND: return CALL_BIND;
    case URING_LISTEN: return CALL_LISTEN;
    case URING_SEND:
    case URING_SEND_ZC: return CALL_SENDTO;
    case URING_SENDMSG:
    case URING_SENDMSG_ZC: return CALL_SENDMSG;
    default: return 0;
  }
}

/* Bytes into a file. */
static __always_inline __u32 call_of_write(__u32 opcode) {
  switch (opcode) {
    case URING_WRITE:
    case URING_WRITE_FIXED: return CALL_WRITE;
    case URING_WRITEV: return CALL_WRITEV;
    case URING_SPLICE: return CALL_SPLICE;
    default: return 0;
  }
}

#define REQUEST_FLAGS(request) ({ __u64 all = 0; bpf_core_read(&all, bpf_core_field_size((request)->flags), &(request)->flags); all; })
#define FIXED_FILE 1ull /* IOSQE_FIXED_FILE */
#define POINTER_MARKS 7ul

/* The file of a request; the ring looks it up only when it begins with it. */
static __noinline struct file *request_file(struct io_kiocb *request) {
  if (!request) return 0;
  struct file *known = BPF_CORE_READ(request, cmd.file);
  if (known) return known;
  if (!bpf_core_field_exists(request->cqe.fd)) return 0;
  __u32 at = BPF_CORE_READ(request, cqe.fd);
  if (!(REQUEST_FLAGS(request) & FIXED_FILE)) return descriptor_file(at);
  unsigned long marked = 0;
  struct io_ring_ctx *ring = BPF_CORE_READ(request, ctx);
  struct io_ring_ctx___before *older = (void *)ring;
  if (bpf_core_field_exists(struct io_file_table, data)) {
    if (at >= BPF_CORE_READ(ring, file_table.data.nr)) return 0;
    struct io_rsrc_node **nodes = BPF_CORE_READ(ring, file_table.data.nodes);
    struct io_rsrc_node *node = 0;
    bpf_probe_read_kernel(&node, sizeof(node), nodes + at);
    marked = BPF_CORE_READ(node, file_ptr);
  } else if (bpf_core_field_exists(struct io_file_table___before, files)) {
    struct io_fixed_file *files = BPF_CORE_READ(older, file_table.files);
    bpf_probe_read_kernel(&marked, sizeof(marked), (void *)files + (__u64)at * bpf_core_type_size(struct io_fixed_file));
  }
  return (struct file *)(marked & ~POINTER_MARKS);
}

/* Whom a message goes to; answers its bytes, 0 when it goes along a connection. */
static __noinline int take_addressee(struct uring_act *act, struct io_kiocb *request, __u32 is_message) {
  if (!act || !request) return 0;
  struct io_sr_msg *message = (struct io_sr_msg *)request;
  struct io_async_msghdr *copied = (struct io_async_msghdr *)BPF_CORE_READ(request, async_data);
  const void *from = 0;
  __u64 length = 0;
  if (copied) {
    if (!BPF_CORE_READ(copied, msg.msg_name)) return 0;
    length = (__u32)BPF_CORE_READ(copied, msg.msg_namelen);
    from = (void *)copied + bpf_core_field_offset(struct io_async_msghdr, addr);
  } else if (is_message) {
    from = BPF_CORE_READ(message, umsg);
    read_message(&from, &length, WIDTH_64);
  } else if (bpf_core_field_exists(message->addr)) {
    from = BPF_CORE_READ(message, addr);
    struct io_sr_msg___short *sized = (void *)request;
    if (bpf_core_field_exists(sized->addr_len)) length = BPF_CORE_READ(sized, addr_len);
  }
  if (!from || length < 2) return 0;
  if (length > 127) length = 127;
  length &= 127;
  __builtin_memset(&act->address, 0, sizeof(act->address));
  long failed = copied ? bpf_probe_read_kernel(&act->address, length, from) : bpf_probe_read_user(&act->address, length, from);
  act->address_length = failed ? 0 : length;
  return act->address_length;
}

static __always_inline void take_name(struct uring_act *act, int which, struct filename *name) {
  long n = bpf_probe_read_kernel_str(act->names[which], URING_NAME_BYTES, BPF_CORE_READ(name, name));
  act->name_length[which] = n > 0 ? n : 0;
}

/* What the request is about; answers 0 for requests that nobody asks for. */
static __noinline int take_request(struct uring_act *act, struct io_kiocb *request) {
  if (!act || !request) return 0;
  __u32 opcode = BPF_CORE_READ(request, opcode);
  act->opcode = opcode;
  act->slot = 0;
  act->folder[0] = AT_FDCWD_URING;
  act->folder[1] = AT_FDCWD_URING;
  act->flags = 0;
  act->more[0] = 0;
  act->more[1] = 0;
  act->name_length[0] = 0;
  act->name_length[1] = 0;
  act->address_length = 0;
  act->file = 0;
  if (opcode == URING_OPENAT || opcode == URING_OPENAT2) {
    struct io_open *open = (struct io_open *)request;
    act->folder[0] = BPF_CORE_READ(open, dfd);
    act->slot = BPF_CORE_READ(open, file_slot);
    act->flags = BPF_CORE_READ(open, how.flags);
    take_name(act, 0, BPF_CORE_READ(open, filename));
    return 1;
  }
  if (opcode == URING_CONNECT) {
    struct io_connect *connect = (struct io_connect *)request;
    __u64 length = (__u32)BPF_CORE_READ(connect, addr_len);
    if (length > 127) length = 127;
    length &= 127;
    void *copied = BPF_CORE_READ(request, async_data);
    __builtin_memset(&act->address, 0, sizeof(act->address));
    /* The kernel's copy stands alone, or (6.10 to 6.17) behind what begins with a pointer: no family is a multiple of eight. */
    __u16 family = 0;
    if (copied) bpf_probe_read_kernel(&family, sizeof(family), copied);
    if (copied && family % 8 == 0 && bpf_core_field_exists(struct io_async_msghdr, addr))
      copied += bpf_core_field_offset(struct io_async_msghdr, addr);
    if (copied)
      bpf_probe_read_kernel(&act->address, length, copied);
    else
      bpf_probe_read_user(&act->address, length, BPF_CORE_READ(connect, addr));
    act->address_length = length;
    act->file = (__u64)request_file(request);
    return 1;
  }
  __u32 number = call_of_opcode(opcode);
  if (number == 0) return 0;
  struct call_spec *spec = bpf_map_lookup_elem(&calls, &number);
  if (!spec || spec->type == 0) return 0;
  if (number == CALL_SENDTO || number == CALL_SENDMSG) {
    if (!take_addressee(act, request, number == CALL_SENDMSG)) return 0;
    act->file = (__u64)request_file(request);
  } else if (opcode == URING_BIND || opcode == URING_LISTEN) {
    act->file = (__u64)request_file(request);
  }
  if (opcode == URING_RENAMEAT) {
    struct io_rename *rename = (struct io_rename *)request;
    act->folder[0] = BPF_CORE_READ(rename, old_dfd);
    act->folder[1] = BPF_CORE_READ(rename, new_dfd);
    act->flags = (__u32)BPF_CORE_READ(rename, flags);
    take_name(act, 0, BPF_CORE_READ(rename, oldpath));
    take_name(act, 1, BPF_CORE_READ(rename, newpath));
  } else if (opcode == URING_LINKAT || opcode == URING_SYMLINKAT) {
    struct io_link *link = (struct io_link *)request;
    if (opcode == URING_LINKAT) act->folder[0] = BPF_CORE_READ(link, old_dfd);
    act->folder[1] = BPF_CORE_READ(link, new_dfd);
    act->flags = (__u32)BPF_CORE_READ(link, flags);
    take_name(act, 0, BPF_CORE_READ(link, oldpath));
    take_name(act, 1, BPF_CORE_READ(link, newpath));
  } else if (opcode == URING_UNLINKAT) {
    struct io_unlink *unlink = (struct io_unlink *)request;
    act->folder[0] = BPF_CORE_READ(unlink, dfd);
    act->flags = (__u32)BPF_CORE_READ(unlink, flags);
    take_name(act, 0, BPF_CORE_READ(unlink, filename));
  } else if (opcode == URING_MKDIRAT) {
    struct io_mkdir *made = (struct io_mkdir *)request;
    act->folder[0] = BPF_CORE_READ(made, dfd);
    act->flags = BPF_CORE_READ(made, mode);
    take_name(act, 0, BPF_CORE_READ(made, filename));
  } else if (opcode == URING_SOCKET) {
    struct io_socket *socket = (struct io_socket *)request;
    act->flags = (__u32)BPF_CORE_READ(socket, domain);
    act->more[0] = (__u32)BPF_CORE_READ(socket, type);
    act->more[1] = (__u32)BPF_CORE_READ(socket, protocol);
  } else if (opcode == URING_ACCEPT) {
    struct io_accept *accept = (struct io_accept *)request;
    act->flags = (__u32)BPF_CORE_READ(accept, flags);
  } else if (opcode == URING_LISTEN) {
    struct io_listen *listen = (struct io_listen *)request;
    /* Kernels before 6.11 have no such request, and refuse a program that reads what is not there. */
    if (bpf_core_field_exists(listen->backlog)) act->flags = (__u32)BPF_CORE_READ(listen, backlog);
  }
  return 1;
}

/* Appends a name that was copied before. */
static __noinline __u32 put_kept(struct scratch *s, struct uring_act *act, __u32 which) {
  if (!s || !act || which >= URING_NAMES) return 0;
  __u32 used = s->used;
  if (used > DATA_BYTES_MAX - ARGUMENT_BYTES_MAX) return 0;
  if (act->name_length[which] == 0) return 0;
  long n = bpf_probe_read_kernel_str(s->data + used, URING_NAME_BYTES, act->names[which]);
  if (n <= 0) return 0;
  if (n == URING_NAME_BYTES) s->flags |= FLAG_TRUNCATED;
  s->used = used + n;
  return n;
}

static __noinline __u32 put_folder(struct scratch *s, __s32 folder) {
  if (!s) return 0;
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  struct file *from = folder >= 0 ? file_of(task, folder) : 0;
  struct vfsmount *mount = from ? BPF_CORE_READ(from, f_path.mnt) : BPF_CORE_READ(task, fs, pwd.mnt);
  struct dentry *dentry = from ? BPF_CORE_READ(from, f_path.dentry) : BPF_CORE_READ(task, fs, pwd.dentry);
  return put_path(s, mount, dentry);
}

static __noinline int send_uring_open(struct uring_act *act, __s64 result, __u64 cgroup, __u32 flags) {
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  struct scratch *s = take_scratch(SCRATCH_OPEN, sizeof(struct open_record));
  if (!s || !act) return 0;
  struct open_record *r = (struct open_record *)s->data;
  fill_header(&r->head, task, act->opcode == URING_OPENAT ? RECORD_OPENAT : RECORD_OPENAT2, cgroup, flags);
  r->result = result;
  r->open_flags = act->flags;
  r->folder = act->folder[0];
  r->mode = 0;
  r->inode = 0;
  /* A slot of the ring is no descriptor: its file is known by its name only. */
  struct file *file = result >= 0 && act->slot == 0 && !(flags & FLAG_URING_UNANSWERED) ? file_of(task, result) : 0;
  if (file) {
    r->mode = BPF_CORE_READ(file, f_inode, i_mode);
    r->inode = BPF_CORE_READ(file, f_inode, i_ino);
    r->path_length = put_path(s, BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry));
    kill_after(file, 0, ACT_OPEN);
  } else {
    s->flags |= FLAG_PATH_FROM_CWD;
    r->mode = result >= 0 ? 0100000 : 0; /* nobody opens anything else into a slot */
    r->path_length = put_folder(s, act->folder[0]);
  }
  r->name_length = put_kept(s, act, 0);
  return send(s, RING_OPENS);
}

static __noinline int send_uring_connect(struct uring_act *act, __s64 result, __u64 cgroup, __u32 flags) {
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  struct scratch *s = take_scratch(SCRATCH_CONNECT, sizeof(struct connect_record));
  if (!s || !act) return 0;
  struct connect_record *r = (struct connect_record *)s->data;
  __builtin_memset(r, 0, sizeof(*r));
  fill_header(&r->head, task, RECORD_CONNECT, cgroup, flags);
  r->result = result;
  r->descriptor = -1; /* the ring had looked it up before */
  r->family = act->address.family;
  struct file *file = (struct file *)act->file;
  struct socket *socket = file ? (struct socket *)BPF_CORE_READ(file, private_data) : 0;
  struct sock *sk = socket ? BPF_CORE_READ(socket, sk) : 0;
  int is_known = put_other_end(r, sk, result);
  if (is_known || r->family == AF_INET || r->family == AF_INET6) {
    if (!is_known) {
      r->remote_port = (__u16)act->address.rest[0] << 8 | act->address.rest[1];
      if (r->family == AF_INET) __builtin_memcpy(r->remote, act->address.rest + 2, 4);
      else __builtin_memcpy(r->remote, act->address.rest + 6, 16);
    }
    if (sk) {
      r->socket_type = BPF_CORE_READ(sk, sk_type);
      r->protocol = BPF_CORE_READ(sk, sk_protocol);
      r->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
      __be32 local = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
      __builtin_memcpy(r->local, &local, 4);
    }
  } else if (r->family == AF_UNIX && act->address_length > 2) {
    __u32 bytes = act->address_length - 2;
    if (bytes > 108) bytes = 108;
    __builtin_memcpy(s->data + sizeof(struct connect_record), act->address.rest, 108);
    r->path_length = bytes;
    s->used = sizeof(struct connect_record) + bytes;
  }
  return send(s, RING_SELDOM);
}

/* The address that the request named, over what the socket has. */
static __noinline int put_taken_address(struct call_record *r, struct scratch *s, struct uring_act *act) {
  if (!r || !s || !act) return 0;
  r->family = meant_family(act->address.family, r->family);
  if (r->family == AF_INET || r->family == AF_INET6) {
    r->remote_port = (__u16)act->address.rest[0] << 8 | act->address.rest[1];
    if (r->family == AF_INET) __builtin_memcpy(r->remote, act->address.rest + 2, 4);
    else __builtin_memcpy(r->remote, act->address.rest + 6, 16);
    return 1;
  }
  __u32 used = s->used;
  if (r->family != AF_UNIX || act->address_length <= 2 || used > DATA_BYTES_MAX - NAME_BYTES_MAX) return 0;
  __u32 bytes = act->address_length - 2;
  if (bytes > 108) bytes = 108;
  __builtin_memcpy(s->data + used, act->address.rest, 108);
  r->path_length = bytes;
  s->used = used + bytes;
  return 1;
}

/* Bytes into a file by which the kernel is controlled; there are so many others that nothing of them is remembered. */
static __noinline int send_uring_write(struct io_kiocb *request, __s64 result, __u32 answered) {
  if (!request) return 0;
  __u32 opcode = BPF_CORE_READ(request, opcode);
  __u32 number = call_of_write(opcode);
  struct call_spec *spec = bpf_map_lookup_elem(&calls, &number);
  if (!spec || spec->type == 0) return 0;
  struct file *file = request_file(request);
  if (!is_control_file(file)) return 0;
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  __u64 cgroup = 0;
  __u16 flags = 0;
  if (!is_wanted(task, &cgroup, &flags)) return 0;
  struct scratch *s = take_scratch(SCRATCH_CALL, sizeof(struct call_record));
  if (!s) return 0;
  struct call_record *r = (struct call_record *)s->data;
  __builtin_memset(r, 0, sizeof(*r));
  fill_header(&r->head, task, spec->type, cgroup, flags | FLAG_URING | (answered ? 0 : FLAG_URING_UNANSWERED));
  r->result = result;
  r->arguments[0] = (__u64)-1; /* the ring had looked it up before */
  if (opcode == URING_SPLICE) {
    r->arguments[2] = (__u64)-1;
    r->arguments[4] = BPF_CORE_READ((struct io_splice *)request, len);
  } else {
    r->arguments[2] = BPF_CORE_READ((struct io_rw *)request, len);
  }
  r->mode = BPF_CORE_READ(file, f_inode, i_mode);
  r->file_length = put_path(s, BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry));
  return send(s, RING_SELDOM);
}

static __noinline int send_uring_call(struct uring_act *act, __s64 result, __u64 cgroup, __u32 flags) {
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  if (!act) return 0;
  __u32 number = call_of_opcode(act->opcode);
  struct call_spec *spec = bpf_map_lookup_elem(&calls, &number);
  if (!spec || spec->type == 0) return 0;
  if (result < 0 && (spec->flags & CALL_ONLY_DONE)) return 0;
  struct scratch *s = take_scratch(SCRATCH_CALL, sizeof(struct call_record));
  if (!s) return 0;
  struct call_record *r = (struct call_record *)s->data;
  __builtin_memset(r, 0, sizeof(*r));
  fill_header(&r->head, task, spec->type, cgroup, flags);
  r->result = result;
  __u32 opcode = act->opcode;
  if (opcode == URING_RENAMEAT || opcode == URING_LINKAT) {
    r->arguments[0] = act->folder[0];
    r->arguments[2] = act->folder[1];
    r->arguments[4] = act->flags;
  } else if (opcode == URING_SYMLINKAT) {
    r->arguments[1] = act->folder[1];
  } else if (opcode == URING_UNLINKAT || opcode == URING_MKDIRAT) {
    r->arguments[0] = act->folder[0];
    r->arguments[2] = act->flags;
  } else if (opcode == URING_SOCKET) {
    r->arguments[0] = act->flags;
    r->arguments[1] = act->more[0];
    r->arguments[2] = act->more[1];
  } else {
    r->arguments[0] = (__u64)-1;
    if (opcode == URING_ACCEPT) r->arguments[3] = act->flags;
    else r->arguments[1] = act->flags;
  }
  struct file *file = 0;
  if (act->file) file = (struct file *)act->file;
  else if ((opcode == URING_ACCEPT || opcode == URING_SOCKET) && result >= 0 && !(flags & FLAG_URING_UNANSWERED))
    file = descriptor_file(result & 0xffffffff);
  if (file) {
    r->mode = BPF_CORE_READ(file, f_inode, i_mode);
    if ((r->mode & S_IFMT) == S_IFSOCK) put_socket(r, file);
  }
  if (act->address_length > 0) put_taken_address(r, s, act);
  if (act->name_length[0] > 0) {
    if (act->names[0][0] != '/') r->folder_length[0] = put_folder(s, act->folder[0]);
    r->name_length[0] = put_kept(s, act, 0);
  }
  if (act->name_length[1] > 0) {
    if (act->names[1][0] != '/') r->folder_length[1] = put_folder(s, act->folder[1]);
    r->name_length[1] = put_kept(s, act, 1);
  }
  return send(s, spec->flags & CALL_OPENS_FLOOD ? RING_OPENS : RING_SELDOM);
}

static __noinline int send_uring(struct uring_act *act, __s64 result, __u32 answered) {
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  __u64 cgroup = 0;
  __u16 flags = 0;
  if (!act || !is_wanted(task, &cgroup, &flags)) return 0;
  __u32 all = flags | FLAG_URING | (answered ? 0 : FLAG_URING_UNANSWERED);
  if (act->opcode == URING_OPENAT || act->opcode == URING_OPENAT2) return send_uring_open(act, result, cgroup, all);
  if (act->opcode == URING_CONNECT) return send_uring_connect(act, result, cgroup, all);
  return send_uring_call(act, result, cgroup, all);
}

static __noinline int taken(struct io_kiocb *request) {
  if (!request) return 0;
  __u32 zero = 0;
  struct uring_act *act = bpf_map_lookup_elem(&uring_new, &zero);
  if (!act) return 0;
  __u64 flags = REQUEST_FLAGS(request);
  if (call_of_write(BPF_CORE_READ(request, opcode)) != 0)
    return flags & SKIPS_ANSWER ? send_uring_write(request, 0, 0) : 0;
  if (!take_request(act, request)) return 0;
  struct uring_key key = {
    .ring = (__u64)BPF_CORE_READ(request, ctx),
    .user_data = BPF_CORE_READ(request, cqe.user_data),
  };
  if (!(flags & SKIPS_ANSWER) && bpf_map_update_elem(&uring_waiting, &key, act, 1 /* BPF_NOEXIST */) == 0) return 0;
  return send_uring(act, 0, 0);
}

SEC("tp_btf/io_uring_submit_req")
int on_uring_taken(__u64 *ctx) { return taken((struct io_kiocb *)ctx[0]); }

/* The same before 6.3. */
SEC("tp_btf/io_uring_submit_sqe")
int on_uring_taken_before(__u64 *ctx) { return taken((struct io_kiocb *)ctx[0]); }

/* An answer among several to one request, as to an accept that goes on (multishot): it names the request by its number alone.
 * Before 6.11 the third argument is that number, which no program can make look like the kernel's own memory to any use: what
 * would be read there is a key that nobody waits under. */
static __noinline int answered_again(__u64 ring, __u64 where) {
  /* The kernel's own addresses begin so with four and with five levels of tables, and on ARM. */
  if (where >> 56 != 0xff) return 0;
  struct io_uring_cqe *answer = (struct io_uring_cqe *)where;
  struct uring_key key = { .ring = ring, .user_data = BPF_CORE_READ(answer, user_data) };
  struct uring_act *act = bpf_map_lookup_elem(&uring_waiting, &key);
  if (!act) return 0;
  send_uring(act, BPF_CORE_READ(answer, res), 1);
  if (!(BPF_CORE_READ(answer, flags) & MORE_ANSWERS)) bpf_map_delete_elem(&uring_waiting, &key);
  return 0;
}

SEC("tp_btf/io_uring_complete")
int on_uring_answered(__u64 *ctx) {
  struct io_kiocb *request = (struct io_kiocb *)ctx[1];
  if (!request) return answered_again(ctx[0], ctx[2]);
  if (call_of_write(BPF_CORE_READ(request, opcode)) != 0) return send_uring_write(request, BPF_CORE_READ(request, cqe.res), 1);
  struct uring_key key = {
    .ring = (__u64)BPF_CORE_READ(request, ctx),
    .user_data = BPF_CORE_READ(request, cqe.user_data),
  };
  struct uring_act *act = bpf_map_lookup_elem(&uring_waiting, &key);
  if (!act || act->opcode != BPF_CORE_READ(request, opcode)) return 0;
  send_uring(act, BPF_CORE_READ(request, cqe.res), 1);
  bpf_map_delete_elem(&uring_waiting, &key);
  return 0;
}

/* The ring of answers was full. */
SEC("tp_btf/io_uring_cqe_overflow")
int on_uring_overflow(__u64 *ctx) {
  struct uring_key key = { .ring = ctx[0], .user_data = ctx[1] };
  struct uring_act *act = bpf_map_lookup_elem(&uring_waiting, &key);
  if (!act) return 0;
  send_uring(act, (__s32)ctx[2], 1);
  bpf_map_delete_elem(&uring_waiting, &key);
  return 0;
}
