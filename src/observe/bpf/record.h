/* The record the programs write and TypeScript reads in place. src/events/layout.ts says the same in its language and a test
 * compares the two. All numbers are little endian; text is appended after the fixed part in the order of its length members.
 * A path is written leaf first, each name ended by NUL ("shadow\0etc\0"), because that is the order a dentry is climbed. */
#ifndef DARSENA_RECORD_H
#define DARSENA_RECORD_H

enum record_type {
  RECORD_EXEC = 1,
  RECORD_FORK = 2,
  RECORD_EXIT = 3,
  RECORD_OPEN = 4,
  RECORD_OPENAT = 5,
  RECORD_OPENAT2 = 6,
  RECORD_CREAT = 7,
  RECORD_CONNECT = 8,
  RECORD_DNS = 9, /* a question to a name server: a connect_record with the payload in the place of the path */
  RECORD_CLONE = 10, /* processes made, by the call that made them: a fork_record, as of RECORD_FORK */
  RECORD_CLONE3 = 11,
  RECORD_VFORK = 12,
  RECORD_CALL = 16, /* the first of the calls that one program records; src/events/calls.ts numbers them */
  RECORD_TYPES = 192,
};

enum record_flag {
  FLAG_PATH_FROM_CWD = 1,  /* the open failed: path is the working directory, the name is as the program gave it */
  FLAG_TRUNCATED = 2,      /* a path or the arguments did not fit */
  FLAG_UNKNOWN_CGROUP = 4, /* the table of containers is full: the reader asks /proc */
  FLAG_UNLINKED_ROOT = 8,  /* the path did not end at a mount (memfd and its like) */
  FLAG_URING = 16,         /* done by io_uring, not by a system call */
  FLAG_URING_UNANSWERED = 32, /* how it ended is not known: the program wanted no answer */
  FLAG_32_BIT = 64,        /* a call as programs of 32 bits make them */
  FLAG_ENVIRONMENT = 128,  /* behind the arguments of a program stands its environment, to the end of the record */
  FLAG_ENVIRONMENT_CUT = 256, /* only its beginning */
  FLAG_CONTENT = 512,      /* behind all else of a call stands what it moved, to the end of the record */
  FLAG_FEIGNED = 1024,     /* of the host, in a cgroup that has the name of a container of ours and is not its */
};

enum exe_flag {
  EXE_UPPER_LAYER = 1,
  EXE_FROM_MEMFD = 2,
  EXE_32_BIT = 4,
  EXE_WRITERS = 8, /* a file of the own layer that somebody may write to while it runs */
  EXE_CUT = 256, /* never set here: what user space keeps of the texts is not all of them */
  EXE_FROM_OUTSIDE = 512, /* nor this: the program began outside of the container that the process is in by now */
};

struct record_header {
  __u16 type;
  __u16 flags;
  __u32 length;
  __u64 time; /* CLOCK_MONOTONIC, ns */
  __u32 pid;
  __u32 tid;
  __u32 ppid;
  __u32 uid;
  __u32 gid;
  __u32 loginuid;
  __u64 cgroup; /* kernfs id of the container's cgroup; 0 is the host */
  __u32 mount_namespace;
  __u32 tty;
  __u64 started;        /* of the process, CLOCK_BOOTTIME, ns; with pid it names a process for ever */
  __u64 parent_started; /* the same of the parent */
  __u32 session;
  __u32 inner_pid; /* in the process's own pid namespace */
  char comm[16];
}; /* 96 bytes */

struct exec_record {
  struct record_header head;
  char parent_comm[16];
  __u32 exe_flags;
  __u32 exe_length;
  __u32 cwd_length;
  __u32 name_length; /* the file name as the caller gave it */
  __u32 args_length;
  __u32 args_total; /* before cutting */
  __u64 inode;
  __u64 changed;  /* ctime, ns */
  __u64 modified; /* mtime, ns */
  __u64 cap_inheritable;
  __u64 cap_permitted;
  __u64 cap_effective;
}; /* 184 bytes; exe, cwd, name, args, environment */

struct fork_record {
  struct record_header head;
  __u64 child_started;
  __u32 child;
  __u32 inner_child;
  __u64 clone_flags;
  __s32 result; /* the child's number as its parent knows it, or minus errno; there is no child then */
  __u32 reserved;
}; /* 128 bytes */

struct exit_record {
  struct record_header head;
  __s32 code;
  __u32 reserved;
}; /* 104 bytes */

struct open_record {
  struct record_header head;
  __s32 result; /* descriptor, or minus errno */
  __u32 open_flags;
  __u32 mode; /* of the inode */
  __u32 path_length;
  __u32 name_length;
  __s32 folder; /* dirfd as given */
  __u64 inode;
}; /* 128 bytes; path, name */

struct connect_record {
  struct record_header head;
  __s32 result;
  __s32 descriptor;
  __u16 family;
  __u16 socket_type;
  __u16 protocol;
  __u16 remote_port;
  __u16 local_port;
  __u16 reserved;
  __u32 path_length;
  __u8 remote[16];
  __u8 local[16];
}; /* 152 bytes; path of a unix socket */

/* Any other call, as its end saw it: the raw arguments, and what they lead to. */
struct call_record {
  struct record_header head;
  __s64 result;
  __u64 arguments[6];
  __u32 mode;             /* of the inode behind the descriptor */
  __u32 file_length;      /* path of the descriptor */
  __u32 folder_length[2]; /* where each of the names begins */
  __u32 name_length[2];   /* as the program gave them */
  __u16 family;
  __u16 socket_type;
  __u16 protocol;
  __u16 remote_port;
  __u16 local_port;
  __u16 is_socket;
  __u32 path_length;      /* of a unix socket */
  __u8 remote[16];
  __u8 local[16];
}; /* 224 bytes; file, then folder and name of each name, path, content */

#endif
