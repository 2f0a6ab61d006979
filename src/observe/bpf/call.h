/* Calls that leave one kind of record: renames, links, modes, mounts, namespaces, sockets, rights, modules and the like. The
 * program hangs on the exit of each call that the reader attaches it to; a table by the number of the call says which of its
 * arguments are names, folders, descriptors or addresses. What the table does not name costs one look-up. */
#include "call-table.h"
#include "mode.h"

static __always_inline void read_arguments(struct call_arguments *arguments, struct pt_regs *regs) {
#if defined(__TARGET_ARCH_x86)
  arguments->of[0] = regs->di;
  arguments->of[1] = regs->si;
  arguments->of[2] = regs->dx;
  arguments->of[3] = regs->r10;
  arguments->of[4] = regs->r8;
  arguments->of[5] = regs->r9;
#elif defined(__TARGET_ARCH_arm64)
  arguments->of[0] = regs->orig_x0;
  arguments->of[1] = regs->user_regs.regs[1];
  arguments->of[2] = regs->user_regs.regs[2];
  arguments->of[3] = regs->user_regs.regs[3];
  arguments->of[4] = regs->user_regs.regs[4];
  arguments->of[5] = regs->user_regs.regs[5];
#endif
}

static __always_inline __u64 argument(struct call_record *r, __u8 place) { return place < 6 ? r->arguments[place] : 0; }

/* Both ends as the kernel has them. */
static __noinline int put_socket(struct call_record *r, struct file *file) {
  if (!r || !file) return 0;
  struct socket *socket = (struct socket *)BPF_CORE_READ(file, private_data);
  if (!socket) return 0;
  struct sock *sk = BPF_CORE_READ(socket, sk);
  if (!sk) return 0;
  r->is_socket = 1;
  r->family = BPF_CORE_READ(sk, __sk_common.skc_family);
  r->socket_type = BPF_CORE_READ(sk, sk_type);
  r->protocol = BPF_CORE_READ(sk, sk_protocol);
  if (r->family == AF_INET) {
    __be32 local = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
    __be32 remote = BPF_CORE_READ(sk, __sk_common.skc_daddr);
    __builtin_memcpy(r->local, &local, 4);
    __builtin_memcpy(r->remote, &remote, 4);
  } else if (r->family == AF_INET6) {
    BPF_CORE_READ_INTO(&r->local, sk, __sk_common.skc_v6_rcv_saddr);
    BPF_CORE_READ_INTO(&r->remote, sk, __sk_common.skc_v6_daddr);
  } else {
    return 0;
  }
  __be16 port = BPF_CORE_READ(sk, __sk_common.skc_dport);
  r->remote_port = port >> 8 | port << 8;
  r->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
  return 0;
}

/* To an IPv4 socket "no family" is its own: the kernel sends to such an address, and binds to it. */
static __always_inline __u16 meant_family(__u16 given, __u16 of_socket) {
  return given == AF_UNSPEC && of_socket == AF_INET ? AF_INET : given;
}

/* The address that the call itself names, over what the socket has. Answers whether there is one. */
static __noinline int put_address(struct call_record *r, struct scratch *s, const void *from, __u64 length) {
  struct given_address address = {};
  if (!r || !s || !from) return 0;
  if (length > 127) length = 127;
  length &= 127;
  if (length < 2 || bpf_probe_read_user(&address, length, from) != 0) return 0;
  __u16 family = meant_family(address.family, r->family);
  if (family == AF_INET || family == AF_INET6) {
    r->family = family;
    r->remote_port = (__u16)address.rest[0] << 8 | address.rest[1];
    if (family == AF_INET) __builtin_memcpy(r->remote, address.rest + 2, 4);
    else __builtin_memcpy(r->remote, address.rest + 6, 16);
    return 1;
  }
  if (family != AF_UNIX) return 0;
  r->family = family;
  __u32 used = s->used;
  if (used > DATA_BYTES_MAX - NAME_BYTES_MAX) return 1;
  __u32 bytes = length - 2;
  if (bytes > 108) bytes = 108;
  __builtin_memcpy(s->data + used, address.rest, 108);
  r->path_length = bytes;
  s->used = used + bytes;
  return 1;
}

static __noinline struct file *descriptor_file(__u64 descriptor) {
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  return descriptor < DESCRIPTORS_MAX ? file_of(task, descriptor) : 0;
}

/* The folder that a name is relative to, and the name. */
static __noinline int put_name(struct scratch *s, struct call_record *r, __u32 which, __u8 folder, __u8 place) {
  if (!s || !r || which > 1) return 0;
  const char *name = (const char *)argument(r, place);
  if (!name) return 0;
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  char first = 0;
  bpf_probe_read_user(&first, 1, name);
  if (first != '/') {
    struct file *from = folder < WORKING_FOLDER ? descriptor_file((__u32)argument(r, folder)) : 0;
    struct vfsmount *mount = from ? BPF_CORE_READ(from, f_path.mnt) : BPF_CORE_READ(task, fs, pwd.mnt);
    struct dentry *dentry = from ? BPF_CORE_READ(from, f_path.dentry) : BPF_CORE_READ(task, fs, pwd.dentry);
    __u32 length = put_path(s, mount, dentry);
    if (which == 0) r->folder_length[0] = length;
    else r->folder_length[1] = length;
  }
  __u32 length = put_user_text(s, name);
  if (which == 0) r->name_length[0] = length;
  else r->name_length[1] = length;
  return 0;
}

/* Everybody writes all the time: what is nobody's business must cost next to nothing. */
static __noinline int is_control_file(struct file *file) {
  if (!file) return 0;
  __u64 magic = BPF_CORE_READ(file, f_inode, i_sb, s_magic);
  return magic == PROC_MAGIC || magic == SYSFS_MAGIC || magic == CGROUP_MAGIC || magic == CGROUP2_MAGIC;
}

/* The descriptor that is written to is the first argument, or the third of those that move bytes between two. */
static __always_inline __u64 written_to(struct pt_regs *regs, __u8 place) {
  return (place == 2 ? THIRD_ARGUMENT(regs) : FIRST_ARGUMENT(regs)) & 0xffffffff;
}

/* What a program of 32 bits hands over is laid out for its width. */
static __always_inline void read_message(const void **from, __u64 *length, __u32 width) {
  if (width == WIDTH_32) {
    struct {
      __u32 name;
      __s32 length;
    } message = {};
    bpf_probe_read_user(&message, sizeof(message), *from);
    *from = (const void *)(__u64)message.name;
    *length = (__u32)message.length;
    return;
  }
  struct {
    const void *name;
    __s32 length;
    __s32 reserved;
  } message = {};
  bpf_probe_read_user(&message, sizeof(message), *from);
  *from = message.name;
  *length = (__u32)message.length;
}

/* Appends bytes of the program's own memory, as far as there is room for content. */
static __noinline int put_bytes(struct scratch *s, const void *from, __u64 length, __u32 start) {
  if (!s || !from) return 0;
  __u32 used = s->used;
  if (used > DATA_BYTES_MAX - NAME_BYTES_MAX || used < start) return 0;
  __u32 room = CONTENT_BYTES_MAX - (used - start);
  if (room > CONTENT_BYTES_MAX) return 0;
  if (length > room) length = room;
  /* The compiler knows this bound and leaves it out; the verifier of Linux 6.1 does not, and refuses the program without. */
  asm volatile("" : "+r"(length));
  length &= 127;
  if (length == 0 || length > CONTENT_BYTES_MAX) return 0;
  if (bpf_probe_read_user(s->data + used, length, from) != 0) return 0;
  s->used = used + length;
  return 0;
}

/* The bytes that a call moved, from its arguments as they are when it ends. */
static __noinline int put_content(struct scratch *s, struct call_spec *spec, struct call_record *r, __u32 width) {
  if (!s || !spec || !r) return 0;
  __s64 moved = r->result;
  __u64 left = moved > 0 ? moved : 0;
  __u32 start = s->used;
  __u64 from = argument(r, spec->content_from);
  if (spec->content == CONTENT_PLAIN) {
    put_bytes(s, (const void *)from, left, start);
    return s->used > start;
  }
  __u64 count = argument(r, spec->content_from + 1);
  /* struct msghdr: name and its length, then the parts and how many they are. */
  if (spec->content != CONTENT_PARTS) {
    if (spec->content == CONTENT_MESSAGES && left > 0) {
      __u32 length = 0;
      bpf_probe_read_user(&length, sizeof(length), (const void *)(from + (width == WIDTH_32 ? 28 : 56)));
      left = length;
    }
    if (width == WIDTH_32) {
      __u32 message[4] = {};
      bpf_probe_read_user(&message, sizeof(message), (const void *)from);
      from = message[2];
      count = message[3];
    } else {
      __u64 message[4] = {};
      bpf_probe_read_user(&message, sizeof(message), (const void *)from);
      from = message[2];
      count = message[3];
    }
  }
  for (int i = 0; i < CONTENT_PARTS_MAX && i < count && left > 0; i++) {
    __u64 part[2] = {};
    if (width == WIDTH_32) {
      __u32 narrow[2] = {};
      bpf_probe_read_user(&narrow, sizeof(narrow), (const void *)(from + 8 * i));
      part[0] = narrow[0];
      part[1] = narrow[1];
    } else {
      bpf_probe_read_user(&part, sizeof(part), (const void *)(from + 16 * i));
    }
    __u64 length = part[1] < left ? part[1] : left;
    put_bytes(s, (const void *)part[0], length, start);
    left -= length;
  }
  return s->used > start;
}

static __always_inline int record_call(struct call_spec *spec, long result, struct call_arguments *arguments, __u32 width) {
  __u8 wants = spec->flags;
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  __u64 cgroup = 0;
  __u16 flags = 0;
  if (!is_wanted(task, &cgroup, &flags)) return 0;
  struct scratch *s = take_scratch(SCRATCH_CALL, sizeof(struct call_record));
  if (!s) return 0;
  struct call_record *r = (struct call_record *)s->data;
  __builtin_memset(r, 0, sizeof(*r));
  __builtin_memcpy(r->arguments, arguments->of, sizeof(r->arguments));
  r->result = result;
  __u64 descriptor = wants & CALL_RESULT_IS_FILE ? (__u64)result : argument(r, spec->file);
  int has_file = (wants & CALL_RESULT_IS_FILE) ? result >= 0 : spec->file < WORKING_FOLDER;
  struct file *file = has_file ? descriptor_file(descriptor & 0xffffffff) : 0;
  if (file) {
    r->mode = BPF_CORE_READ(file, f_inode, i_mode);
    if ((r->mode & S_IFMT) == S_IFSOCK) put_socket(r, file);
    else r->file_length = put_path(s, BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry));
  }
  if (wants & CALL_CHANGES_MODE) {
    __u32 mode = take_changed_mode();
    if (!file) r->mode = mode;
  }
  if (spec->name[0] < WORKING_FOLDER) put_name(s, r, 0, spec->folder[0], spec->name[0]);
  if (spec->name[1] < WORKING_FOLDER) put_name(s, r, 1, spec->folder[1], spec->name[1]);
  if (spec->address < WORKING_FOLDER) {
    const void *from = (const void *)argument(r, spec->address);
    __u64 length = argument(r, spec->address + 1);
    if (wants & CALL_MESSAGE_ADDRESS) {
      read_message(&from, &length, width);
    } else if (wants & CALL_LENGTH_POINTER) {
      __u32 answered = 0;
      bpf_probe_read_user(&answered, sizeof(answered), (const void *)length);
      length = answered;
    }
    if (!put_address(r, s, from, length) && (wants & CALL_NEEDS_ADDRESS)) return 0;
  }
  if (spec->content != 0 && put_content(s, spec, r, width)) flags |= FLAG_CONTENT;
  fill_header(&r->head, task, spec->type, cgroup, flags | (width == WIDTH_32 ? FLAG_32_BIT : 0));
  return send(s, wants & CALL_OPENS_FLOOD ? RING_OPENS : RING_SELDOM);
}

SEC("tracepoint")
int on_call(struct trace_event_raw_sys_exit *ctx) {
  __u32 number = ctx->id;
  struct call_spec *spec = bpf_map_lookup_elem(&calls, &number);
  if (!spec || spec->type == 0) return 0;
  if (ctx->ret < 0 && (spec->flags & CALL_ONLY_DONE)) return 0;
  struct pt_regs *regs = registers();
  if ((spec->flags & CALL_ONLY_CONTROL) && !is_control_file(descriptor_file(written_to(regs, spec->file)))) return 0;
  struct call_arguments arguments;
  read_arguments(&arguments, regs);
  return record_call(spec, ctx->ret, &arguments, WIDTH_64);
}
