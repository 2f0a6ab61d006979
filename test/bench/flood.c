/* So many calls a second for so many seconds, from so many processes: what a sensor has to keep up with. Each process says how
 * many it made, the nanoseconds of its processor time and the seconds. A rate of 0 is as many as can be. gcc -O2 -static */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AT_ONCE 50

static double now(clockid_t clock) {
  struct timespec at;
  clock_gettime(clock, &at);
  return at.tv_sec + at.tv_nsec / 1e9;
}

enum kind { CALL, OPEN, EXEC };

static void act(enum kind kind, pid_t self) {
  if (kind == CALL) kill(self, 0);
  else if (kind == OPEN) {
    int fd = open("/etc/passwd", O_RDONLY);
    if (fd >= 0) close(fd);
  } else {
    char *none[] = {"/bin/true", 0};
    pid_t child;
    int status;
    if (posix_spawn(&child, "/bin/true", 0, 0, none, none + 1) == 0) waitpid(child, &status, 0);
  }
}

static void flood(enum kind kind, double rate, double seconds) {
  pid_t self = getpid();
  int at_once = kind == EXEC ? 1 : AT_ONCE;
  double start = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
  long made = 0;
  for (;;) {
    double passed = now(CLOCK_MONOTONIC) - start;
    if (passed >= seconds) break;
    double due = rate <= 0 ? made + at_once : passed * rate;
    if (made >= due) {
      struct timespec pause = {0, 50000};
      nanosleep(&pause, 0);
      continue;
    }
    for (int i = 0; i < at_once; i++) act(kind, self);
    made += at_once;
  }
  printf("%ld %.0f %.3f\n", made, (now(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e9, now(CLOCK_MONOTONIC) - start);
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  enum kind kind = !strcmp(argv[1], "open") ? OPEN : !strcmp(argv[1], "exec") ? EXEC : CALL;
  int processes = atoi(argv[4]);
  double rate = atof(argv[2]) / processes;
  for (int i = 0; i < processes; i++)
    if (fork() == 0) {
      flood(kind, rate, atof(argv[3]));
      return 0;
    }
  while (wait(0) > 0) ;
  return 0;
}
