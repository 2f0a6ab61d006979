/* Acts that no tool does: through io_uring, with names that change while they are read, by every spelling of a path, and as many
 * as can be. What it did it says on its standard output. gcc -O2 -static -pthread */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what) { perror(what); exit(1); }

/* --- io_uring, by hand */
struct ring {
  int fd;
  unsigned *sq_head, *sq_tail, *sq_mask, *sq_array, *sq_flags, *cq_head, *cq_tail, *cq_mask;
  struct io_uring_sqe *sqes;
  struct io_uring_cqe *cqes;
  unsigned flags;
};

static void open_ring(struct ring *r, unsigned flags) {
  struct io_uring_params p = {.flags = flags, .sq_thread_idle = 2000};
  r->fd = syscall(SYS_io_uring_setup, 8, &p);
  if (r->fd < 0) fail("io_uring_setup");
  r->flags = flags;
  size_t size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe) + p.sq_entries * sizeof(unsigned) + 4096;
  char *m = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING);
  r->sqes = mmap(0, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQES);
  if (m == MAP_FAILED || (void *)r->sqes == MAP_FAILED) fail("mmap");
  r->sq_head = (unsigned *)(m + p.sq_off.head);
  r->sq_tail = (unsigned *)(m + p.sq_off.tail);
  r->sq_mask = (unsigned *)(m + p.sq_off.ring_mask);
  r->sq_array = (unsigned *)(m + p.sq_off.array);
  r->sq_flags = (unsigned *)(m + p.sq_off.flags);
  r->cq_head = (unsigned *)(m + p.cq_off.head);
  r->cq_tail = (unsigned *)(m + p.cq_off.tail);
  r->cq_mask = (unsigned *)(m + p.cq_off.ring_mask);
  r->cqes = (struct io_uring_cqe *)(m + p.cq_off.cqes);
}

static struct io_uring_sqe *next_entry(struct ring *r, int opcode, unsigned long user_data) {
  unsigned tail = *r->sq_tail, index = tail & *r->sq_mask;
  struct io_uring_sqe *e = &r->sqes[index];
  memset(e, 0, sizeof(*e));
  e->opcode = opcode;
  e->user_data = user_data;
  r->sq_array[index] = index;
  return e;
}
static void push(struct ring *r) { __atomic_store_n(r->sq_tail, *r->sq_tail + 1, __ATOMIC_RELEASE); }

/* Hands over what was pushed, and takes the answers unless they are to pile up. */
static void submit(struct ring *r, unsigned count, unsigned answers) {
  if (r->flags & IORING_SETUP_SQPOLL) {
    syscall(SYS_io_uring_enter, r->fd, count, 0, IORING_ENTER_SQ_WAKEUP, 0, 0);
    while (__atomic_load_n(r->sq_head, __ATOMIC_ACQUIRE) != *r->sq_tail) usleep(100);
  } else if (syscall(SYS_io_uring_enter, r->fd, count, 0, 0, 0, 0) < 0) fail("io_uring_enter");
  while (answers > 0) {
    unsigned head = *r->cq_head;
    if (head == __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE)) {
      syscall(SYS_io_uring_enter, r->fd, 0, 1, IORING_ENTER_GETEVENTS, 0, 0);
      continue;
    }
    struct io_uring_cqe *e = &r->cqes[head & *r->cq_mask];
    if (e->res >= 0 && e->user_data % 10 == 1) close(e->res);
    if (e->res < 0 && e->res != -ECONNREFUSED && e->user_data % 10 != 4) printf("error %d of %llu\n", e->res, e->user_data);
    __atomic_store_n(r->cq_head, head + 1, __ATOMIC_RELEASE);
    answers--;
  }
}

/* Ways to hide: 0 none, 1 no answer wanted, 2 one number for all, 3 a slot and no descriptor, 4 a kernel thread, 5 no room for answers */
static void through_ring(const char *folder, int count, int port) {
  struct ring plain, thread, full;
  open_ring(&plain, 0);
  open_ring(&thread, IORING_SETUP_SQPOLL);
  open_ring(&full, 0);
  int none[4] = {-1, -1, -1, -1};
  syscall(SYS_io_uring_register, plain.fd, IORING_REGISTER_FILES, none, 4);
  static char opened[4096][64], from[4096][64], to[4096][64], made[4096][64];
  static struct sockaddr_in address[4096];
  for (int i = 0; i < count; i++) {
    int way = i % 6;
    struct ring *r = way == 4 ? &thread : way == 5 ? &full : &plain;
    int skip = way == 1 ? IOSQE_CQE_SKIP_SUCCESS : 0;
    unsigned long mark = way == 2 ? 70 : 100ul * i;
    snprintf(opened[i], 64, "%s/open-%d", folder, i);
    snprintf(from[i], 64, "%s/from-%d", folder, i);
    snprintf(to[i], 64, "%s/to-%d", folder, i);
    snprintf(made[i], 64, "%s/made-%d", folder, i);
    address[i].sin_family = AF_INET;
    address[i].sin_port = htons(port + i);
    address[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct io_uring_sqe *e = next_entry(r, IORING_OP_OPENAT, way == 2 ? mark : mark + 1);
    e->fd = AT_FDCWD;
    e->addr = (unsigned long)opened[i];
    e->open_flags = O_RDONLY;
    e->flags = skip;
    if (way == 3) e->file_index = 1 + i % 4;
    push(r);
    e = next_entry(r, IORING_OP_RENAMEAT, way == 2 ? mark : mark + 2);
    e->fd = AT_FDCWD;
    e->len = AT_FDCWD;
    e->addr = (unsigned long)from[i];
    e->addr2 = (unsigned long)to[i];
    e->flags = skip;
    push(r);
    e = next_entry(r, IORING_OP_CONNECT, way == 2 ? mark : mark + 4);
    e->fd = s;
    e->addr = (unsigned long)&address[i];
    e->off = sizeof(address[i]);
    e->flags = skip;
    push(r);
    e = next_entry(r, IORING_OP_MKDIRAT, way == 2 ? mark : mark + 3);
    e->fd = AT_FDCWD;
    e->addr = (unsigned long)made[i];
    e->len = 0755;
    e->flags = skip;
    push(r);
    /* A refused connection is answered in any case. */
    submit(r, 4, way == 5 ? 0 : way == 1 ? 1 : 4);
    /* What is still to be done when the process ends is not done. */
    if (way == 5 || way == 1) while (access(to[i], F_OK) != 0 || access(made[i], F_OK) != 0) usleep(1000);
    close(s);
  }
  usleep(500000);
  printf("done\n");
}

/* --- names that change */
static char one[64], two[64];
static void *flip(void *at) {
  for (;;) {
    memcpy(at, one, 64);
    __asm__ volatile("" ::: "memory");
    memcpy(at, two, 64);
    __asm__ volatile("" ::: "memory");
  }
  return 0;
}

static void race_opens(const char *folder, int count) {
  static char name[64];
  pthread_t thread;
  snprintf(one, 64, "%s/race-a", folder);
  snprintf(two, 64, "%s/race-b", folder);
  strcpy(name, one);
  pthread_create(&thread, 0, flip, name);
  for (int i = 0; i < count; i++) {
    int fd = open(name, O_RDONLY);
    struct stat st;
    if (fd < 0) continue;
    fstat(fd, &st);
    printf("%lu\n", st.st_ino);
    close(fd);
  }
  fflush(stdout);
  _exit(0);
}

static void race_execs(const char *folder, int count) {
  char *name = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  snprintf(one, 64, "%s/exec-a", folder);
  snprintf(two, 64, "%s/exec-b", folder);
  strcpy(name, one);
  pid_t flipper = fork();
  if (flipper == 0) flip(name);
  for (int i = 0; i < count; i++) {
    pid_t child = fork();
    if (child == 0) {
      char *argv[] = {"raced", "which", 0};
      for (;;) execve(name, argv, 0); /* a name caught half-way is no program */
    }
    int status;
    waitpid(child, &status, 0);
    printf("%d %d\n", child, WEXITSTATUS(status));
  }
  kill(flipper, SIGKILL);
}

static void which(void) {
  char path[256] = {0};
  if (readlink("/proc/self/exe", path, 255) < 0) exit(9);
  exit(path[strlen(path) - 1] == 'a' ? 1 : 2);
}

/* --- spellings: lines of "kind TAB first TAB second" */
static void spell(void) {
  char line[9000];
  int home = open(".", O_PATH | O_DIRECTORY);
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    char *kind = strtok(line, "\t"), *first = strtok(0, "\t"), *second = strtok(0, "\t");
    int fd = -1;
    if (*kind == 'o') fd = open(first, O_RDONLY);
    else if (*kind == 'c') { if (chdir(first) == 0) fd = open(second, O_RDONLY); }
    else if (*kind == 'd') fd = openat(open(first, O_PATH | O_DIRECTORY), second, O_RDONLY);
    else if (*kind == '2') {
      struct open_how how = {.flags = O_RDONLY};
      fd = syscall(SYS_openat2, open(first, O_PATH | O_DIRECTORY), second, &how, sizeof how);
    } else if (*kind == 'r') { fd = open(first, O_RDONLY); rename(first, second); rename(second, first); }
    else if (*kind == 's') { if (symlink(first, second) == 0) fd = open(second, O_RDONLY); }
    else if (*kind == 'p') {
      char again[64];
      int path = open(first, O_PATH);
      snprintf(again, 64, "/proc/self/fd/%d", path);
      fd = open(again, O_RDONLY);
    } else if (*kind == 'b') {
      unshare(CLONE_NEWNS);
      mount(0, "/", 0, MS_REC | MS_PRIVATE, 0);
      char *slash = strrchr(second, '/');
      *slash = 0;
      if (mount(first, second, 0, MS_BIND, 0) != 0) fail("mount");
      *slash = '/';
      fd = open(second, O_RDONLY);
    }
    printf("%d\n", fd < 0 ? -errno : fd);
    fchdir(home);
  }
}

/* Into folders of a long name, one in the other, and the file at the bottom. */
static void deep(const char *folder, int depth, int length, const char *name) {
  char step[256];
  memset(step, 'd', length);
  step[length] = 0;
  if (chdir(folder) != 0) fail("chdir");
  for (int i = 0; i < depth; i++) {
    mkdir(step, 0755);
    if (chdir(step) != 0) fail("chdir");
  }
  close(open(name, O_CREAT | O_WRONLY, 0644));
  printf("%d\n", open(name, O_RDONLY));
}

/* --- questions to a name server, by every call that sends */
static int question(char *out, const char *host) {
  memcpy(out, "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  char *at = out + 12, copy[256];
  strcpy(copy, host);
  for (char *label = strtok(copy, "."); label; label = strtok(0, ".")) {
    *at++ = strlen(label);
    memcpy(at, label, strlen(label));
    at += strlen(label);
  }
  memcpy(at, "\0\0\x10\0\x01", 5);
  return at + 5 - out;
}

static void ask(void) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(53), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  const char *names[] = {"sendto.example", "write.example", "sendmsg.example", "sendmmsg.example", "six.example"};
  for (int i = 0; i < 5; i++) {
    char bytes[300];
    int length = question(bytes, names[i]);
    int s = socket(i == 4 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    struct iovec iov = {bytes, length};
    struct mmsghdr m = {.msg_hdr = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &iov, .msg_iovlen = 1}};
    long n = -1;
    if (i == 0) n = sendto(s, bytes, length, 0, (void *)&to, sizeof to);
    else if (i == 1) { connect(s, (void *)&to, sizeof to); n = write(s, bytes, length); }
    else if (i == 2) n = sendmsg(s, &m.msg_hdr, 0);
    else if (i == 3) n = sendmmsg(s, &m, 1, 0);
    else n = sendto(s, bytes, length, 0, (void *)&to6, sizeof to6);
    printf("%s %ld\n", names[i], n);
    close(s);
  }
}

/* --- one request that accepts again and again: so many connections to it */
static void accepts(int count) {
  struct ring r;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof at;
  int server = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(server, (void *)&at, sizeof at) != 0 || listen(server, 64) != 0) fail("listen");
  getsockname(server, (void *)&at, &length);
  open_ring(&r, 0);
  struct io_uring_sqe *e = next_entry(&r, IORING_OP_ACCEPT, 77);
  e->fd = server;
  e->ioprio = IORING_ACCEPT_MULTISHOT;
  push(&r);
  submit(&r, 1, 0);
  for (int i = 0; i < count; i++) {
    int client = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(client, (void *)&at, sizeof at) != 0) fail("connect");
    submit(&r, 0, 1);
    close(client);
  }
  printf("%d\n", ntohs(at.sin_port));
}

/* --- bytes into a file that controls the kernel, by every call that brings them there; its own bytes, so that nothing changes */
static void control(const char *from) {
  const char *to = "/proc/sys/kernel/hostname";
  if (unshare(CLONE_NEWUTS) != 0) fail("unshare");
  char name[64] = {0};
  int in = open(from, O_RDONLY), out = open(to, O_WRONLY), pipes[2];
  struct iovec iov = {name, gethostname(name, 63) == 0 ? strlen(name) : 0};
  if (in < 0 || out < 0 || pipe(pipes) != 0) fail("open");
  long n = write(out, name, iov.iov_len);
  printf("write %ld\n", n);
  printf("writev %ld\n", writev(out, &iov, 1));
  printf("pwrite %ld\n", pwrite(out, name, iov.iov_len, 0));
  printf("pwritev %ld\n", pwritev(out, &iov, 1, 0));
  printf("pwritev2 %ld\n", pwritev2(out, &iov, 1, 0, 0));
  printf("sendfile %ld\n", (long)sendfile(out, in, 0, iov.iov_len));
  n = write(pipes[1], name, iov.iov_len);
  printf("splice %ld\n", (long)splice(pipes[0], 0, out, 0, n, 0));
  lseek(in, 0, SEEK_SET);
  printf("copy_file_range %ld\n", (long)copy_file_range(in, 0, out, 0, iov.iov_len, 0));
  /* The same to a file that controls nothing. */
  int plain = open("/dev/null", O_WRONLY);
  n = write(plain, name, iov.iov_len);
  n = splice(pipes[0], 0, plain, 0, 0, 0);
}

/* --- several messages at once */
static void messages(void) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, whence;
  socklen_t length = sizeof at;
  char bytes[8] = "message";
  struct iovec iov = {bytes, sizeof bytes};
  int server = socket(AF_INET, SOCK_DGRAM, 0), client = socket(AF_INET, SOCK_DGRAM, 0);
  if (bind(server, (void *)&at, sizeof at) != 0) fail("bind");
  getsockname(server, (void *)&at, &length);
  struct mmsghdr out = {.msg_hdr = {.msg_name = &at, .msg_namelen = sizeof at, .msg_iov = &iov, .msg_iovlen = 1}};
  struct mmsghdr in = {.msg_hdr = {.msg_name = &whence, .msg_namelen = sizeof whence, .msg_iov = &iov, .msg_iovlen = 1}};
  if (sendmmsg(client, &out, 1, 0) != 1 || recvmmsg(server, &in, 1, 0, 0) != 1) fail("messages");
  printf("%d %d\n", ntohs(at.sin_port), ntohs(whence.sin_port));
}

/* --- to an address that names no family, which an IPv4 socket takes for its own */
static void no_family(void) {
  struct sockaddr_in at = {.sin_family = AF_UNSPEC}, bound;
  socklen_t length = sizeof bound;
  int server = socket(AF_INET, SOCK_DGRAM, 0), client = socket(AF_INET, SOCK_DGRAM, 0);
  if (bind(server, (void *)&at, sizeof at) != 0) fail("bind");
  getsockname(server, (void *)&bound, &length);
  at.sin_port = bound.sin_port;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (sendto(client, "x", 1, 0, (void *)&at, sizeof at) != 1) fail("sendto");
  printf("%d\n", ntohs(at.sin_port));
}

/* --- connections to 127.0.0.7 whose address another thread makes 127.0.0.9 meanwhile */
static volatile int turning;
static struct sockaddr_in turned;

static void *turn(void *unused) {
  while (turning) turned.sin_addr.s_addr = inet_addr("127.0.0.9");
  return unused;
}

static void race_connects(int count) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("127.0.0.7")}, peer;
  socklen_t length = sizeof at;
  int server = socket(AF_INET, SOCK_STREAM, 0), reached = 0;
  if (bind(server, (void *)&at, sizeof at) != 0 || listen(server, 64) != 0) fail("listen");
  getsockname(server, (void *)&at, &length);
  for (int i = 0; i < count; i++) {
    int client = socket(AF_INET, SOCK_STREAM, 0);
    pthread_t other;
    turning = 1;
    pthread_create(&other, 0, turn, 0);
    turned = at;
    int result = connect(client, (void *)&turned, sizeof turned);
    turning = 0;
    pthread_join(other, 0);
    length = sizeof peer;
    if (result == 0 && getpeername(client, (void *)&peer, &length) == 0 && peer.sin_addr.s_addr == at.sin_addr.s_addr) {
      reached++;
      close(accept(server, 0, 0));
    }
    close(client);
  }
  printf("%d\n", reached);
}

/* --- one number for many processes, each with a child of its own */
static void reuse(char **argv, int count) {
  pid_t wanted = 0;
  int hits = 0;
  for (int i = 0; i < count; i++) {
    char number[16];
    snprintf(number, 16, "%d", i);
    if (wanted) {
      int last = open("/proc/sys/kernel/ns_last_pid", O_WRONLY);
      if (last < 0 || dprintf(last, "%d", wanted - 1) < 0) fail("ns_last_pid");
      close(last);
    }
    pid_t child = fork();
    if (child == 0) {
      char *next[] = {argv[0], "reused", number, 0};
      execv("/proc/self/exe", next);
    }
    waitpid(child, 0, 0);
    if (!wanted) wanted = child;
    hits += child == wanted;
  }
  printf("%d\n", hits);
}
static void reused(char **argv) {
  pid_t child = fork();
  if (child == 0) {
    char *next[] = {argv[0], "child-of", argv[2], 0};
    execv("/proc/self/exe", next);
  }
  waitpid(child, 0, 0);
}

/* --- as many as can be */
static void dups(int thousands) {
  for (long i = 0; i < thousands * 1000l; i++) close(dup(1));
}

static void flood(const char *file, int thousands, int threads) {
  for (int t = 1; t < threads; t++)
    if (fork() == 0) { threads = 0; break; }
  for (long i = 0; i < thousands * 1000l; i++) {
    int fd = open(file, O_RDONLY);
    if (fd >= 0) close(fd);
  }
  if (threads > 0) while (wait(0) > 0) ;
}

/* Each child makes the next and waits for it, so that all live at once. */
static void chain(int depth) {
  for (int i = 0; i < depth; i++) {
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child > 0) { waitpid(child, 0, 0); _exit(0); }
    /* Whoever gives up on the first one ends them all. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
  }
  _exit(0);
}

static void children(int count) {
  for (int i = 0; i < count; i++) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    if (child > 0) waitpid(child, 0, 0);
  }
}

static long now_ms(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

/* --- processes that each begin themselves anew under a name of their own, with the name of who made them */
static void begin_part(const char *mode, const char *until, const char *parent) {
  struct timespec at;
  char own[48];
  clock_gettime(CLOCK_MONOTONIC, &at);
  snprintf(own, sizeof own, "%d-%lld", getpid(), at.tv_sec * 1000000000ll + at.tv_nsec);
  char *next[] = {"/proc/self/exe", (char *)mode, (char *)until, own, (char *)parent, 0};
  execv("/proc/self/exe", next);
  _exit(1);
}

/* Makes more until its time is up, as fast as the kernel lets it; some wait for what they made, others leave it to whoever takes it. */
static void bomb_part(char **argv) {
  const char *until = argv[2], *own = argv[3];
  long end = atol(until), last = now_ms() + 100;
  if (last > end) last = end;
  for (int made = 0; made < 3 && now_ms() < last;) {
    pid_t child = fork();
    if (child == 0) begin_part("bomb-part", until, own);
    if (child < 0) usleep(2000);
    else made++;
  }
  while (getpid() % 2 == 0 && now_ms() < last && waitpid(-1, 0, WNOHANG) >= 0) usleep(1000);
  _exit(0);
}

/* As a user of no other processes, who may have so many. Whoever is left over is taken in here and ended. */
static void bomb(int milliseconds, int most, int user) {
  char until[24];
  snprintf(until, sizeof until, "%ld", now_ms() + milliseconds);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  pid_t first = fork();
  if (first == 0) {
    struct rlimit limit = {most, most};
    if (setrlimit(RLIMIT_NPROC, &limit) != 0 || setgid(user) != 0 || setuid(user) != 0) fail("limits");
    begin_part("bomb-part", until, "nobody");
  }
  long reaped = 0;
  while (now_ms() < atol(until)) {
    pid_t ended = waitpid(-1, 0, WNOHANG);
    if (ended < 0) break; /* it died out */
    if (ended > 0) reaped++;
    else usleep(1000);
  }
  pid_t ender = fork();
  if (ender == 0) {
    if (setgid(user) != 0 || setuid(user) != 0) fail("setuid");
    kill(-1, SIGKILL);
    _exit(0);
  }
  while (waitpid(-1, 0, 0) > 0) reaped++;
  printf("%ld\n", reaped);
}

/* Each makes the next, which begins itself anew; all live at once, until the last has been there. */
static void deep_part(char **argv) {
  int number = atoi(argv[2]), last = atoi(argv[3]);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (number == last) _exit(0);
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    char next[16];
    snprintf(next, sizeof next, "%d", number + 1);
    char *words[] = {"/proc/self/exe", "deep-part", next, argv[3], 0};
    execv("/proc/self/exe", words);
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

/* A program that begins itself anew. */
static void again(char **argv) {
  int left = atoi(argv[2]);
  if (left == 0) exit(0);
  char number[16];
  snprintf(number, 16, "%d", left - 1);
  char *next[] = {argv[0], "again", number, 0};
  execv("/proc/self/exe", next);
}

/* --- bytes into a file that controls the kernel, through rings, in every way that they hide what they do */
static void ring_control(void) {
  struct ring plain, thread;
  static char name[64];
  int pipes[2];
  if (unshare(CLONE_NEWUTS) != 0) fail("unshare");
  gethostname(name, 63);
  int length = strlen(name), out = open("/proc/sys/kernel/hostname", O_WRONLY), null = open("/dev/null", O_WRONLY);
  if (out < 0 || null < 0 || pipe(pipes) != 0) fail("open");
  open_ring(&plain, 0);
  open_ring(&thread, IORING_SETUP_SQPOLL);
  int kept[2] = {out, null};
  if (syscall(SYS_io_uring_register, plain.fd, IORING_REGISTER_FILES, kept, 2) < 0) fail("register");
  struct iovec iov = {name, length};
  const char *ways[] = {"write", "write async", "write silent", "write kept", "write kept silent", "write async silent", "writev",
                        "splice", "write thread", "write other", "write kept other silent"};
  for (int way = 0; way < 11; way++) {
    int silent = strstr(ways[way], "silent") != 0, fixed = strstr(ways[way], "kept") != 0, other = strstr(ways[way], "other") != 0;
    struct ring *r = way == 8 ? &thread : &plain;
    if (way == 7 && write(pipes[1], name, length) != length) fail("pipe");
    int opcode = way == 6 ? IORING_OP_WRITEV : way == 7 ? IORING_OP_SPLICE : IORING_OP_WRITE;
    struct io_uring_sqe *e = next_entry(r, opcode, 1000 + 10 * way);
    e->fd = fixed ? other : other ? null : out;
    e->flags = (silent ? IOSQE_CQE_SKIP_SUCCESS : 0) | (fixed ? IOSQE_FIXED_FILE : 0) | (strstr(ways[way], "async") ? IOSQE_ASYNC : 0);
    if (way == 6) { e->addr = (unsigned long)&iov; e->len = 1; }
    else if (way == 7) { e->splice_fd_in = pipes[0]; e->splice_off_in = -1; e->off = -1; e->len = length; }
    else { e->addr = (unsigned long)name; e->len = length; }
    push(r);
    submit(r, 1, silent ? 0 : 1);
    if (silent) usleep(200000);
    printf("%s\n", ways[way]);
  }
}

/* --- messages through a ring to whom they name */
static void ring_sends(void) {
  struct ring r;
  static struct sockaddr_in to = {.sin_family = AF_INET};
  static char bytes[] = "message";
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct iovec iov = {bytes, sizeof bytes};
  static struct msghdr message;
  message.msg_name = &to;
  message.msg_namelen = sizeof to;
  message.msg_iov = &iov;
  message.msg_iovlen = 1;
  open_ring(&r, 0);
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  for (int way = 0; way < 3; way++) {
    to.sin_port = htons(20100 + way);
    struct io_uring_sqe *e = next_entry(&r, way == 1 ? IORING_OP_SEND : IORING_OP_SENDMSG, 2000 + 10 * way);
    e->fd = s;
    e->addr = way == 1 ? (unsigned long)bytes : (unsigned long)&message;
    e->len = way == 1 ? sizeof bytes : 1;
    if (way == 1) { e->addr2 = (unsigned long)&to; e->addr_len = sizeof to; }
    if (way == 2) e->flags = IOSQE_CQE_SKIP_SUCCESS;
    push(&r);
    submit(&r, 1, way == 2 ? 0 : 1);
    if (way == 2) usleep(200000);
    printf("%d\n", 20100 + way);
  }
}

/* --- any call: lines of a number and its arguments, a text beginning with a letter standing for its address */
static long call_32(long number, const long *a) {
  long result;
  __asm__ volatile("push %%rbp; mov %[last], %%rbp; int $0x80; pop %%rbp"
                   : "=a"(result) : "a"(number), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4]), [last] "r"(a[5])
                   : "memory", "r8", "r9", "r10", "r11");
  return (int)result;
}
static void any_calls(int is_32) {
  static char line[512];
  static char texts[6][128]; /* below four gigabytes, as all of this program */
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    long a[6] = {0}, number = atol(strtok(line, " "));
    for (int i = 0; i < 6; i++) {
      char *word = strtok(0, " ");
      if (!word) break;
      if (*word == 'x') { /* bytes in hexadecimal */
        for (int n = 0; word[1 + 2 * n]; n++) { unsigned byte; sscanf(word + 1 + 2 * n, "%2x", &byte); texts[i][n] = byte; }
        a[i] = (long)texts[i];
      } else if (*word == '-' || (*word >= '0' && *word <= '9')) a[i] = atol(word);
      else { strcpy(texts[i], word); a[i] = (long)texts[i]; }
    }
    long result = is_32 ? call_32(number, a) : syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    printf("%ld\n", !is_32 && result < 0 ? -errno : result);
  }
}

/* --- a program by its descriptor, as which no name stands */
static void exec_by_descriptor(char **argv) {
  int fd = syscall(SYS_memfd_create, "hidden", 0), from = open("/proc/self/exe", O_RDONLY);
  char bytes[65536];
  for (ssize_t n; (n = read(from, bytes, sizeof bytes)) > 0;) if (write(fd, bytes, n) != n) fail("write");
  char *next[] = {argv[0], "child-of", "descriptor", 0};
  syscall(SYS_execveat, fd, "", next, 0, AT_EMPTY_PATH);
  fail("execveat");
}

/* --- hostile texts: "hostile NAME-FOLDER COUNT"; lines of "KIND HEX": a name to open, to run, an argument, the name of the thread */
/* Processes by every call that makes them, and namespaces with them; each line is what the call answered. */
static void made(long pid) {
  if (pid == 0) _exit(0);
  printf("%ld\n", pid > 0 ? pid : -(long)errno);
  fflush(stdout);
  if (pid > 0) waitpid(pid, 0, __WALL);
}
static void forks(void) {
  made(syscall(SYS_fork));
  pid_t child = vfork();
  if (child == 0) _exit(0);
  made(child);
  made(fork());
  made(syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0));
  __u64 list[8] = { CLONE_NEWUSER | CLONE_NEWIPC | CLONE_NEWUTS | 0x02000000 /* CLONE_NEWCGROUP */, 0, 0, 0, SIGCHLD };
  made(syscall(435, list, sizeof(list)));
  made(syscall(SYS_clone, CLONE_NEWUSER | CLONE_FS | SIGCHLD, 0, 0, 0, 0)); /* refused */
  list[0] = CLONE_NEWUSER | CLONE_FS;
  made(syscall(435, list, sizeof(list)));
  made(syscall(SYS_clone, CLONE_FS | CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0)); /* refused, and nobody's business */
}
static size_t unhex(const char *hex, char *out) {
  size_t n = 0;
  for (; hex[2 * n] && hex[2 * n + 1]; n++) { unsigned byte; sscanf(hex + 2 * n, "%2x", &byte); out[n] = byte; }
  out[n] = 0;
  return n;
}
static void hostile(char **argv) {
  static char line[600000], text[300000];
  if (chdir(argv[2]) != 0) fail("chdir");
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    char kind = line[0];
    unhex(line + 2, text);
    if (kind == 'o') { int fd = open(text, O_CREAT | O_WRONLY, 0600); if (fd >= 0) { close(fd); unlink(text); } }
    else if (kind == 'e') { unlink(text); if (link(argv[0], text) != 0) printf("no link\n"); }
    pid_t child = kind == 'o' ? -1 : fork();
    if (child == 0) {
      if (kind == 'c') { prctl(PR_SET_NAME, text); close(open("comm-mark", O_RDONLY)); _exit(0); }
      char *next[] = {"hostile", "child-of", kind == 'a' ? text : "name", 0};
      execv(kind == 'e' ? text : argv[0], next);
      _exit(1);
    }
    int status = 0;
    if (child > 0) waitpid(child, &status, 0);
    if (kind == 'e') unlink(text);
    printf("%d\n", status);
  }
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  if (!strcmp(mode, "ring")) through_ring(argv[2], atoi(argv[3]), atoi(argv[4]));
  else if (!strcmp(mode, "opens")) race_opens(argv[2], atoi(argv[3]));
  else if (!strcmp(mode, "execs")) race_execs(argv[2], atoi(argv[3]));
  else if (!strcmp(mode, "which")) which();
  else if (!strcmp(mode, "spell")) spell();
  else if (!strcmp(mode, "deep")) deep(argv[2], atoi(argv[3]), atoi(argv[4]), argv[5]);
  else if (!strcmp(mode, "ask")) ask();
  else if (!strcmp(mode, "flood")) flood(argv[2], atoi(argv[3]), atoi(argv[4]));
  else if (!strcmp(mode, "dups")) dups(atoi(argv[2]));
  else if (!strcmp(mode, "chain")) chain(atoi(argv[2]));
  else if (!strcmp(mode, "children")) children(atoi(argv[2]));
  else if (!strcmp(mode, "again")) again(argv);
  else if (!strcmp(mode, "wait")) { char c; while (read(0, &c, 1) > 0) {} }
  else if (!strcmp(mode, "bomb")) bomb(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
  else if (!strcmp(mode, "bomb-part")) bomb_part(argv);
  else if (!strcmp(mode, "deep-part")) deep_part(argv);
  else if (!strcmp(mode, "accepts")) accepts(atoi(argv[2]));
  else if (!strcmp(mode, "control")) control(argv[2]);
  else if (!strcmp(mode, "messages")) messages();
  else if (!strcmp(mode, "no-family")) no_family();
  else if (!strcmp(mode, "connects")) race_connects(atoi(argv[2]));
  else if (!strcmp(mode, "reuse")) reuse(argv, atoi(argv[2]));
  else if (!strcmp(mode, "reused")) reused(argv);
  else if (!strcmp(mode, "child-of")) return 0;
  else if (!strcmp(mode, "ring-control")) ring_control();
  else if (!strcmp(mode, "ring-sends")) ring_sends();
  else if (!strcmp(mode, "calls")) any_calls(0);
  else if (!strcmp(mode, "calls-32")) any_calls(1);
  else if (!strcmp(mode, "exec-by-descriptor")) exec_by_descriptor(argv);
  else if (!strcmp(mode, "forks")) forks();
  else if (!strcmp(mode, "hostile")) hostile(argv);
  else return 2;
  return 0;
}
