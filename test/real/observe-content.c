/* Bytes that calls move, each by another call, and a file opened by a name that only this process has. gcc -O2 -static */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static struct iovec parts[2];
static struct msghdr message(char *first, char *second) {
  parts[0] = (struct iovec){first, strlen(first)};
  parts[1] = (struct iovec){second, strlen(second)};
  return (struct msghdr){.msg_iov = parts, .msg_iovlen = 2};
}

int main(void) {
  char in[300] = {0};
  /* A class file of Java comes over a connection. */
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof(at);
  int listening = socket(AF_INET, SOCK_STREAM, 0), near = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listening, (void *)&at, length) || listen(listening, 1) || getsockname(listening, (void *)&at, &length)) perror("listen");
  if (connect(near, (void *)&at, length)) perror("connect");
  int far = accept(listening, 0, 0);
  if (send(near, "HTTP/1.1 200\r\n\r\n\xca\xfe\xba\xbe\0\0", 22, 0) < 0) perror("send");
  if (recvfrom(far, in, sizeof(in), 0, 0, 0) < 0) perror("recvfrom");
  /* Messages in two parts, alone and as the first of several. */
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair)) perror("socketpair");
  struct msghdr out = message("sent-", "in-parts");
  if (sendmsg(pair[0], &out, 0) < 0) perror("sendmsg");
  char first[5], second[50];
  struct iovec into[2] = {{first, 5}, {second, 50}};
  struct msghdr got = {.msg_iov = into, .msg_iovlen = 2};
  if (recvmsg(pair[1], &got, 0) < 0) perror("recvmsg");
  struct mmsghdr many[1] = {{message("many-", "sent"), 0}}, taken[1] = {{{.msg_iov = into, .msg_iovlen = 2}, 0}};
  if (sendmmsg(pair[0], many, 1, 0) < 0) perror("sendmmsg");
  if (recvmmsg(pair[1], taken, 1, 0, 0) < 0) perror("recvmmsg");
  /* Files. */
  int file = open("/tmp/content", O_CREAT | O_RDWR, 0600);
  message("written-", "in-parts");
  if (writev(file, parts, 2) < 0) perror("writev");
  if (pwritev(file, parts, 2, 0) < 0) perror("pwritev");
  if (pwrite(file, "placed", 6, 100) < 0) perror("pwrite");
  memset(in, 'x', sizeof(in));
  memcpy(in + 76, "end-beyond", 10);
  if (write(file, in, sizeof(in)) < 0) perror("write");
  if (pread(file, in, 8, 0) < 0) perror("pread");
  lseek(file, 0, SEEK_SET);
  if (read(file, in, 16) < 0) perror("read");
  if (preadv(file, into, 2, 0) < 0) perror("preadv");
  lseek(file, 0, SEEK_SET);
  if (readv(file, into, 2) < 0) perror("readv");
  if (write(99, "given to nobody", 15) >= 0) puts("written");
  /* As an intruder comes at the program that started its container. */
  char name[64];
  int by = open("/tmp/content", O_PATH);
  snprintf(name, sizeof(name), "/proc/self//fd/%d", by);
  if (open(name, O_WRONLY) < 0) perror(name);
  puts("done");
  return 0;
}
