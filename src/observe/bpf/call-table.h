/* The table of calls that one program records, and what those that use it have in common. */
#ifndef DARSENA_CALL_TABLE_H
#define DARSENA_CALL_TABLE_H

#include "common.h"

#define SYSCALLS_MAX 512
#define NO_ARGUMENT 7 /* the slot of no argument */
#define WORKING_FOLDER 6
#define S_IFMT 0170000
#define S_IFSOCK 0140000

enum call_flag {
  CALL_ONLY_DONE = 1,       /* failures say nothing */
  CALL_RESULT_IS_FILE = 2,  /* the descriptor is what the call answers */
  CALL_NEEDS_ADDRESS = 4,   /* without an address of its own the socket's connect said it all */
  CALL_MESSAGE_ADDRESS = 8, /* the address is the first member of a struct msghdr */
  CALL_OPENS_FLOOD = 16,    /* as frequent as opens: into their ring */
  CALL_LENGTH_POINTER = 32, /* the address's length stands where its argument points to, and it is the answer */
  CALL_CHANGES_MODE = 128,  /* what it changed says what kind of file it is */
  CALL_ONLY_CONTROL = 64,   /* only files by which the kernel is controlled: of /proc, /sys and control groups */
};

/* magic.h */
#define PROC_MAGIC 0x9fa0
#define SYSFS_MAGIC 0x62656572
#define CGROUP_MAGIC 0x27e0eb
#define CGROUP2_MAGIC 0x63677270

struct call_spec {
  __u16 type;
  __u8 folder[2];
  __u8 name[2];
  __u8 file;
  __u8 address;
  __u8 flags;
  __u8 content; /* how the bytes that it moves are told, while a rule asks for them; 0 is not at all */
  __u8 content_from;
  __u8 reserved[5];
};

/* Of Falco's length: a rule of its finds here what it finds there. */
#define CONTENT_BYTES_MAX 80
#define CONTENT_PARTS_MAX 8
enum call_content {
  CONTENT_PLAIN = 1,   /* a pointer; the answer of the call is the length */
  CONTENT_PARTS = 2,   /* an array of struct iovec */
  CONTENT_MESSAGE = 3, /* a struct msghdr with one */
  CONTENT_MESSAGES = 4, /* an array of struct mmsghdr: of the first */
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SYSCALLS_MAX);
  __type(key, __u32);
  __type(value, struct call_spec);
} calls SEC(".maps");

struct call_arguments {
  __u64 of[6];
};

enum width { WIDTH_64 = 0, WIDTH_32 = 1 };

static struct file *descriptor_file(__u64 descriptor);
static int is_control_file(struct file *file);
static int record_call(struct call_spec *spec, long result, struct call_arguments *arguments, __u32 width);
static int opened(__u16 type, long result, __s32 folder, const char *name, __u32 open_flags, __u16 more);
static int not_cloned(__u16 type, long result, __u64 clone_flags, __u16 more);
#define EXIT_SIGNAL 0xff /* the lowest byte of clone's flags; of clone3's one bit of it is a namespace */
static int connected(long result, __s32 descriptor, const void *from, __u64 length, __u16 more);

#endif
