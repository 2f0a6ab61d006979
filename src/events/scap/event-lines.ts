/**
 * The events of the scap format by their number: even numbers enter a call, odd ones leave it. A line is the name, the category,
 * letters (s system call, t tracepoint, p plugin, m of the recorder itself; c makes a descriptor, d closes one, u uses one, r
 * reads, w writes, o of older recorders, W waits, L long parameters, x unused) and the parameters in their order, each `name:type`
 * with `:#N` for the words of its bits, `:=#N` for those of its value, `:hex` or `:oct`, and `:@N` for the parameter with the
 * folder that a path starts from. Numbers never change and parameters are only ever added at the end (libscap, event table of
 * version 0.23).
 */
export const EVENT_LINES: readonly string[] = `
syscall other so ID:syscall nativeID:uint16
syscall other s ID:syscall nativeID:uint16
open file sc name:path flags:uint32:#0 mode:uint32:oct
open file sc fd:fd name:path flags:uint32:#0 mode:uint32:oct dev:uint32:hex ino:uint64
close io sduo fd:fd
close io sdu res:errno fd:fd
read read suro fd:fd size:uint32
read read sur res:errno data:bytes fd:fd size:uint32
write write suwo fd:fd size:uint32
write write suw res:errno data:bytes fd:fd size:uint32
brk memory so size:uint32
brk memory so res:uint64:hex
execve process so
execve process so res:errno exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:uint64
clone process so
clone process so res:pid exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:int64 flags:uint32:#1 uid:uint32 gid:uint32
procexit process to
NA unknown x
socket net sco domain:uint32:=#2 type:uint32 proto:uint32
socket net sc fd:fd domain:uint32:=#2 type:uint32 proto:uint32
bind net suo fd:fd
bind net su res:errno addr:address fd:fd
connect net su fd:fd addr:address
connect net su res:errno tuple:tuple fd:fd addr:address
listen net suo fd:fd backlog:int32
listen net su res:errno fd:fd backlog:int32
accept net sco
accept net sco fd:fd tuple:tuple queuepct:uint8
send write suwo fd:fd size:uint32
send write suw res:errno data:bytes fd:fd size:uint32 tuple:tuple
sendto write suwo fd:fd size:uint32 tuple:tuple
sendto write suw res:errno data:bytes fd:fd size:uint32 tuple:tuple
recv read suro fd:fd size:uint32
recv read sur res:errno data:bytes fd:fd size:uint32 tuple:tuple
recvfrom read suro fd:fd size:uint32
recvfrom read sur res:errno data:bytes tuple:tuple fd:fd size:uint32
shutdown net suo fd:fd how:uint8:=#3
shutdown net su res:errno fd:fd how:uint8:=#3
getsockname net so
getsockname net s
getpeername net so
getpeername net s
socketpair IPC sco domain:uint32:=#2 type:uint32 proto:uint32
socketpair IPC sc res:errno fd1:fd fd2:fd source:uint64:hex peer:uint64:hex domain:uint32:=#2 type:uint32 proto:uint32
setsockopt net so
setsockopt net su res:errno fd:fd level:uint8:=#4 optname:uint8:=#5 val:dynamic optlen:uint32
getsockopt net so
getsockopt net su res:errno fd:fd level:uint8:=#4 optname:uint8:=#5 val:dynamic optlen:uint32
sendmsg write suwo fd:fd size:uint32 tuple:tuple
sendmsg write suw res:errno data:bytes fd:fd size:uint32 tuple:tuple
sendmmsg write so
sendmmsg write suw res:errno fd:fd size:uint32 data:bytes tuple:tuple
recvmsg read suro fd:fd
recvmsg read sur res:errno size:uint32 data:bytes tuple:tuple msgcontrol:bytes fd:fd
recvmmsg read so
recvmmsg read sur res:errno fd:fd size:uint32 data:bytes tuple:tuple msgcontrol:bytes
accept net sco flags:int32:hex
accept net sco fd:fd tuple:tuple queuepct:uint8
creat file sc name:path mode:uint32:oct
creat file sc fd:fd name:path mode:uint32:oct dev:uint32:hex ino:uint64 creat_flags:uint16:#6
pipe IPC sco
pipe IPC sc res:errno fd1:fd fd2:fd ino:uint64
eventfd IPC sco initval:uint64 flags:uint32:hex
eventfd IPC sc res:fd initval:uint64 flags:uint32:hex
futex IPC so addr:uint64:hex op:uint16:#7 val:uint64
futex IPC s res:errno addr:uint64:hex op:uint16:#7 val:uint64
stat file so
stat file s res:errno path:path
lstat file so
lstat file s res:errno path:path
fstat file suo fd:fd
fstat file su res:errno fd:fd
stat64 file so
stat64 file s res:errno path:path
lstat64 file so
lstat64 file s res:errno path:path
fstat64 file suo fd:fd
fstat64 file s res:errno
epoll_wait wait soW maxevents:errno
epoll_wait wait sW res:errno maxevents:errno
poll wait soW fds:fds timeout:int64
poll wait sW res:errno fds:fds timeout:int64
select wait soW
select wait sW res:errno
select wait soW
select wait soW res:errno
lseek file suo fd:fd offset:uint64 whence:uint8:=#8
lseek file su res:errno fd:fd offset:uint64 whence:uint8:=#8
llseek file suo fd:fd offset:uint64 whence:uint8:=#8
llseek file su res:errno fd:fd offset:uint64 whence:uint8:=#8
ioctl io suo fd:fd request:uint64:hex
ioctl io suo res:errno
getcwd file so
getcwd file s res:errno path:text
chdir file so
chdir file s res:errno path:text
fchdir file suo fd:fd
fchdir file su res:errno fd:fd
mkdir file so path:path mode:uint32:hex
mkdir file so res:errno
rmdir file so path:path
rmdir file so res:errno
openat file sco dirfd:fd name:text flags:uint32:#0 mode:uint32:oct
openat file sco fd:fd
link file so oldpath:path newpath:path
link file so res:errno
linkat file so olddir:fd oldpath:text newdir:fd newpath:text
linkat file so res:errno
unlink file so path:path
unlink file so res:errno
unlinkat file so dirfd:fd name:text
unlinkat file so res:errno
pread read suro fd:fd size:uint32 pos:uint64
pread read sur res:errno data:bytes fd:fd size:uint32 pos:uint64
pwrite write suwo fd:fd size:uint32 pos:uint64
pwrite write suw res:errno data:bytes fd:fd size:uint32 pos:uint64
readv read suro fd:fd
readv read sur res:errno size:uint32 data:bytes fd:fd
writev write suwo fd:fd size:uint32
writev write suw res:errno data:bytes fd:fd size:uint32
preadv read suro fd:fd pos:uint64
preadv read sur res:errno size:uint32 data:bytes fd:fd pos:uint64
pwritev write suwo fd:fd size:uint32 pos:uint64
pwritev write suw res:errno data:bytes fd:fd size:uint32 pos:uint64
dup io scuo fd:fd
dup io scuo res:fd
signalfd signal sco fd:fd mask:uint32:hex flags:uint8:hex
signalfd signal sc res:fd fd:fd mask:uint32:hex flags:uint8:hex
kill signal so pid:pid sig:signal
kill signal s res:errno pid:pid sig:signal
tkill signal so tid:pid sig:signal
tkill signal s res:errno tid:pid sig:signal
tgkill signal so pid:pid tid:pid sig:signal
tgkill signal s res:errno pid:pid tid:pid sig:signal
nanosleep sleep soW interval:duration
nanosleep sleep sW res:errno interval:duration
timerfd_create time sco clockid:uint8 flags:uint8:hex
timerfd_create time sc res:fd clockid:uint8 flags:uint8:hex
inotify_init IPC sco flags:uint8:hex
inotify_init IPC sc res:fd flags:uint8:hex
getrlimit process so resource:uint8:=#9
getrlimit process s res:errno cur:int64 max:int64 resource:uint8:=#9
setrlimit process so resource:uint8:=#9
setrlimit process s res:errno cur:int64 max:int64 resource:uint8:=#9
prlimit process so pid:pid resource:uint8:=#9
prlimit process s res:errno newcur:int64 newmax:int64 oldcur:int64 oldmax:int64 pid:int64 resource:uint8:=#9
switch scheduler to next:pid
NA unknown x
drop internal m ratio:uint32
drop internal m ratio:uint32
fcntl io suo fd:fd cmd:uint8:=#10
fcntl io su res:fd fd:fd cmd:uint8:=#10
switch scheduler t next:pid pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32
NA unknown x
execve process so
execve process so res:errno exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:uint64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32
clone process so
clone process so res:pid exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:int64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 flags:uint32:#1 uid:uint32 gid:uint32
brk memory so addr:uint64:hex
brk memory s res:uint64:hex vm_size:uint32 vm_rss:uint32 vm_swap:uint32 addr:uint64:hex
mmap memory suo addr:uint64:hex length:uint64 prot:uint32:#11 flags:uint32:#12 fd:fd offset:uint64
mmap memory su res:errno:hex vm_size:uint32 vm_rss:uint32 vm_swap:uint32 addr:uint64:hex length:uint64 prot:uint32:#11 flags:uint32:#12 fd:fd offset:uint64
mmap2 memory suo addr:uint64:hex length:uint64 prot:uint32:#11 flags:uint32:#12 fd:fd pgoffset:uint64
mmap2 memory su res:errno:hex vm_size:uint32 vm_rss:uint32 vm_swap:uint32 addr:uint64:hex length:uint64 prot:uint32:#11 flags:uint32:#12 fd:fd pgoffset:uint64
munmap memory so addr:uint64:hex length:uint64
munmap memory s res:errno vm_size:uint32 vm_rss:uint32 vm_swap:uint32 addr:uint64:hex length:uint64
splice io suo fd_in:fd fd_out:fd size:uint64 flags:uint32:#13
splice io su res:errno fd_in:fd fd_out:fd size:uint64 flags:uint32:#13
ptrace process so request:uint16:=#14 pid:pid
ptrace process s res:errno addr:dynamic:hex data:dynamic:hex request:uint16:=#14 pid:pid
ioctl io suo fd:fd request:uint64:hex argument:uint64:hex
ioctl io su res:errno fd:fd request:uint64:hex argument:uint64:hex
execve process so
execve process so res:errno exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:uint64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 env:bytes
rename file so
rename file s res:errno oldpath:path newpath:path
renameat file so
renameat file s res:errno olddirfd:fd oldpath:relpath:@1 newdirfd:fd newpath:relpath:@3
symlink file so
symlink file s res:errno target:text linkpath:path
symlinkat file so
symlinkat file su res:errno target:text linkdirfd:fd linkpath:relpath:@2
fork process so
fork process so res:pid exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:int64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 flags:uint32:#1 uid:uint32 gid:uint32
vfork process so
vfork process so res:pid exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:int64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 flags:uint32:#1 uid:uint32 gid:uint32
procexit process t status:errno ret:errno sig:signal core:uint8 reaper_tid:pid
NA unknown x
sendfile write suo out_fd:fd in_fd:fd offset:uint64 size:uint64
sendfile write su res:errno offset:uint64 out_fd:fd in_fd:fd size:uint64
quotactl user so cmd:uint16:#15 type:uint8:#16 id:uint32 quota_fmt:uint8:#17
quotactl user s res:errno special:text quotafilepath:text dqb_bhardlimit:uint64 dqb_bsoftlimit:uint64 dqb_curspace:uint64 dqb_ihardlimit:uint64 dqb_isoftlimit:uint64 dqb_btime:duration dqb_itime:duration dqi_bgrace:duration dqi_igrace:duration dqi_flags:uint8:#18 quota_fmt_out:uint8:#17 cmd:uint16:#15 type:uint8:#16 id:uint32 quota_fmt:uint8:#17
setresuid user so ruid:uid euid:uid suid:uid
setresuid user s res:errno ruid:uid euid:uid suid:uid
setresgid user so rgid:gid egid:gid sgid:gid
setresgid user s res:errno rgid:gid egid:gid sgid:gid
scapevent internal m event_type:uint32 event_data:uint64
NA unknown x
setuid user so uid:uid
setuid user s res:errno uid:uid
setgid user so gid:gid
setgid user s res:errno gid:gid
getuid user so
getuid user s uid:uid
geteuid user so
geteuid user s euid:uid
getgid user so
getgid user s gid:gid
getegid user so
getegid user s egid:gid
getresuid user so
getresuid user s res:errno ruid:uid euid:uid suid:uid
getresgid user so
getresgid user s res:errno rgid:gid egid:gid sgid:gid
execve process so
execve process so res:errno exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:uint64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 comm:text env:bytes
clone process so
clone process so res:pid exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:int64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 comm:text flags:uint32:#1 uid:uint32 gid:uint32
fork process so
fork process so res:pid exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:int64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 comm:text flags:uint32:#1 uid:uint32 gid:uint32
vfork process so
vfork process so res:pid exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:int64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 comm:text flags:uint32:#1 uid:uint32 gid:uint32
clone process so
clone process s res:pid exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:int64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 comm:text cgroups:bytes flags:uint32:#1 uid:uint32 gid:uint32 vtid:pid vpid:pid pidns_init_start_ts:uint64
fork process so
fork process s res:pid exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:int64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 comm:text cgroups:bytes flags:uint32:#1 uid:uint32 gid:uint32 vtid:pid vpid:pid pidns_init_start_ts:uint64
vfork process so
vfork process s res:pid exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:int64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 comm:text cgroups:bytes flags:uint32:#1 uid:uint32 gid:uint32 vtid:pid vpid:pid pidns_init_start_ts:uint64
container internal mo id:text type:uint32 name:text image:text
NA unknown x
execve process so
execve process so res:errno exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:uint64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 comm:text cgroups:bytes env:bytes
signaldeliver signal t spid:pid dpid:pid sig:signal
NA unknown x
procinfo internal m cpu_usr:uint64 cpu_sys:uint64
NA unknown x
getdents file suo fd:fd
getdents file su res:errno fd:fd
getdents64 file suo fd:fd
getdents64 file su res:errno fd:fd
setns process suo fd:fd nstype:uint32:#1
setns process su res:errno fd:fd nstype:uint32:#1
flock file suo fd:fd operation:uint32:#19
flock file su res:errno fd:fd operation:uint32:#19
cpu_hotplug system m cpu:uint32 action:uint32
NA unknown x
accept net sco
accept net sc fd:fd tuple:tuple queuepct:uint8 queuelen:uint32 queuemax:uint32
accept net sco flags:int32:hex
accept net sco fd:fd tuple:tuple queuepct:uint8 queuelen:uint32 queuemax:uint32
semop process so semid:int32
semop process s res:errno nsops:uint32 sem_num_0:uint16 sem_op_0:int16 sem_flg_0:uint16:#20 sem_num_1:uint16 sem_op_1:int16 sem_flg_1:uint16:#20 semid:int32
semctl process so semid:int32 semnum:int32 cmd:uint16:#21 val:int32
semctl process s res:errno semid:int32 semnum:int32 cmd:uint16:#21 val:int32
ppoll wait soW fds:fds timeout:duration sigmask:uint32
ppoll wait sW res:errno fds:fds timeout:duration sigmask:uint32
mount file so flags:uint32:#22
mount file s res:errno dev:text dir:path type:text flags:uint32:#22
umount file so flags:uint32:#23
umount file so res:errno name:path
k8s internal mo json:text
NA unknown x
semget process so key:int32:hex nsems:int32 semflg:uint32:#24
semget process s res:errno key:int32:hex nsems:int32 semflg:uint32:#24
access file so mode:uint32:#25
access file s res:errno name:path mode:uint32:#25
chroot process so
chroot process s res:errno path:path
tracer other mo id:int64 tags:bytes args:bytes
NA unknown x id:int64 tags:bytes args:bytes
mesos internal mo json:text
NA unknown x
container process mo json:text
NA unknown x
setsid process so
setsid process s res:pid
mkdir file so mode:uint32:hex
mkdir file s res:errno path:path mode:uint32:hex
rmdir file so
rmdir file s res:errno path:path
notification other m id:text desc:text
NA unknown x
execve process so
execve process so res:errno exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:uint64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 comm:text cgroups:bytes env:bytes tty:int32
unshare process so flags:uint32:#1
unshare process s res:errno flags:uint32:#1
infra internal m source:text name:text description:text scope:text
NA unknown x
execve process so filename:path
execve process so res:errno exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:uint64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 comm:text cgroups:bytes env:bytes tty:int32
page_fault other t addr:uint64:hex ip:uint64:hex error:uint32:#26
NA unknown x
execve process so filename:path
execve process s res:errno exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:uint64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 comm:text cgroups:bytes env:bytes tty:uint32 vpgid:pid loginuid:uid flags:uint32:#27 cap_inheritable:uint64:hex cap_permitted:uint64:hex cap_effective:uint64:hex exe_ino:uint64 exe_ino_ctime:time exe_ino_mtime:time uid:uid trusted_exepath:path pgid:pid gid:gid filename:path
setpgid process so pid:pid pgid:pid
setpgid process s res:errno pid:pid pgid:pid
bpf other sco cmd:int64
bpf other sco res_or_fd:dynamic
seccomp other so op:uint64 flags:uint64:hex
seccomp other s res:errno op:uint64 flags:uint64:hex
unlink file so
unlink file s res:errno path:path
unlinkat file so
unlinkat file su res:errno dirfd:fd name:relpath:@1 flags:uint32:#28
mkdirat file so
mkdirat file su res:errno dirfd:fd path:relpath:@1 mode:uint32:hex
openat file sc dirfd:fd name:relpath:@0 flags:uint32:#0 mode:uint32:oct
openat file sc fd:fd dirfd:fd name:relpath:@1 flags:uint32:#0 mode:uint32:oct dev:uint32:hex ino:uint64
link file so
link file s res:errno oldpath:path newpath:path
linkat file so
linkat file s res:errno olddir:fd oldpath:relpath:@1 newdir:fd newpath:relpath:@3 flags:uint32:#29
fchmodat file so
fchmodat file su res:errno dirfd:fd filename:relpath:@1 mode:uint32:#30
chmod file so
chmod file s res:errno filename:path mode:uint32:#30
fchmod file so
fchmod file su res:errno fd:fd mode:uint32:#30
renameat2 file so
renameat2 file s res:errno olddirfd:fd oldpath:relpath:@1 newdirfd:fd newpath:relpath:@3 flags:uint32:#31
userfaultfd file sco
userfaultfd file sc res:errno flags:uint32:#0
pluginevent other pL plugin_id:uint32 event_data:bytes
NA unknown x
container process mL json:text
NA unknown x
openat2 file sc dirfd:fd name:relpath:@0 flags:uint32:#0 mode:uint32:oct resolve:uint32:#32
openat2 file sc fd:fd dirfd:fd name:relpath:@1 flags:uint32:#0 mode:uint32:oct resolve:uint32:#32 dev:uint32:hex ino:uint64
mprotect memory so addr:uint64:hex length:uint64 prot:uint32:#11
mprotect memory s res:errno addr:uint64:hex length:uint64 prot:uint32:#11
execveat process so dirfd:fd pathname:relpath:@0 flags:uint32:#33
execveat process s res:errno exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:uint64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 comm:text cgroups:bytes env:bytes tty:uint32 vpgid:pid loginuid:uid flags:uint32:#27 cap_inheritable:uint64:hex cap_permitted:uint64:hex cap_effective:uint64:hex exe_ino:uint64 exe_ino_ctime:time exe_ino_mtime:time uid:uid trusted_exepath:path pgid:pid gid:gid
copy_file_range file surwo fdin:fd offin:uint64 len:uint64
copy_file_range file surw res:errno fdout:fd offout:uint64 fdin:fd offin:uint64 len:uint64
clone3 process so
clone3 process s res:pid exe:text args:bytes tid:pid pid:pid ptid:pid cwd:text fdlimit:int64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 comm:text cgroups:bytes flags:uint32:#1 uid:uint32 gid:uint32 vtid:pid vpid:pid pidns_init_start_ts:uint64
open_by_handle_at file sco
open_by_handle_at file sc fd:fd mountfd:fd flags:uint32:#0 path:path dev:uint32:hex ino:uint64
io_uring_setup io sco
io_uring_setup io sc res:errno entries:uint32 sq_entries:uint32 cq_entries:uint32 flags:uint32:#34 sq_thread_cpu:uint32 sq_thread_idle:uint32 features:uint32:#35
io_uring_enter io so
io_uring_enter io su res:errno fd:fd to_submit:uint32 min_complete:uint32 flags:uint32:#36 sig:uint32
io_uring_register io so
io_uring_register io su res:errno fd:fd opcode:uint16:=#37 arg:uint64:hex nr_args:uint32
mlock memory so
mlock memory s res:errno addr:uint64:hex len:uint64
munlock memory so
munlock memory s res:errno addr:uint64:hex len:uint64
mlockall memory so
mlockall memory s res:errno flags:uint32:#38
munlockall memory so
munlockall memory s res:errno
capset process so
capset process s res:errno cap_inheritable:uint64:hex cap_permitted:uint64:hex cap_effective:uint64:hex
useradded process m uid:uint32 gid:uint32 name:text home:text shell:text container_id:text
NA unknown x
userdeleted process m uid:uint32 gid:uint32 name:text home:text shell:text container_id:text
NA unknown x
groupadded process m gid:uint32 name:text container_id:text
NA unknown x
groupdeleted process m gid:uint32 name:text container_id:text
NA unknown x
dup2 io scuo fd:fd
dup2 io scu res:fd oldfd:fd newfd:fd
dup3 io scuo fd:fd
dup3 io scu res:fd oldfd:fd newfd:fd flags:uint32:#0
dup io scuo fd:fd
dup io scu res:fd oldfd:fd
bpf other sco cmd:int64
bpf other sc fd:fd cmd:uint32:=#39
mlock2 memory so
mlock2 memory s res:errno addr:uint64:hex len:uint64 flags:uint32:#40
fsconfig system so
fsconfig system su res:errno fd:fd cmd:uint32:=#41 key:text value_bytebuf:bytes value_charbuf:text aux:int32
epoll_create wait sco size:int32
epoll_create wait sc res:errno size:int32
epoll_create1 wait sco flags:uint32:#42
epoll_create1 wait sc res:errno flags:uint32:#42
chown file so
chown file s res:errno path:path uid:uint32 gid:uint32
lchown file so
lchown file s res:errno path:path uid:uint32 gid:uint32
fchown file so
fchown file su res:errno fd:fd uid:uint32 gid:uint32
fchownat file so
fchownat file su res:errno dirfd:fd pathname:relpath:@1 uid:uint32 gid:uint32 flags:uint32:#43
umount file so
umount file s res:errno name:path
accept4 net sco flags:int32:hex
accept4 net sc fd:fd tuple:tuple queuepct:uint8 queuelen:uint32 queuemax:uint32 flags:int32:hex
umount2 file so flags:uint32:#23
umount2 file s res:errno name:path flags:uint32:#23
pipe2 IPC sco
pipe2 IPC sc res:errno fd1:fd fd2:fd ino:uint64 flags:uint32:#0
inotify_init1 IPC sco
inotify_init1 IPC sc res:fd flags:uint16:#0
eventfd2 IPC sco initval:uint64
eventfd2 IPC sc res:fd flags:uint16:#0 initval:uint64
signalfd4 signal sco fd:fd mask:uint32:hex
signalfd4 signal sc res:fd flags:uint16:#0 fd:fd mask:uint32:hex
prctl process so
prctl process s res:errno option:uint32:=#44 arg2_str:text arg2_int:int64
asyncevent other mL plugin_id:uint32 name:text data:bytes
NA unknown x
memfd_create memory sco
memfd_create memory sc fd:fd name:text flags:uint32:#45
pidfd_getfd process sco
pidfd_getfd process sc fd:fd pid_fd:fd target_fd:fd flags:uint32:hex
pidfd_open process sco
pidfd_open process sc fd:fd pid:pid flags:uint32:#46
init_module other so
init_module other s res:errno img:bytes length:uint64 uargs:text
finit_module other so
finit_module other sur res:errno fd:fd uargs:text flags:uint32:#47
mknod other so
mknod other s res:errno path:path mode:uint32:#48 dev:uint32
mknodat other so
mknodat other su res:errno dirfd:fd path:relpath:@1 mode:uint32:#48 dev:uint32
newfstatat file so
newfstatat file su res:errno dirfd:fd path:relpath:@1 flags:uint32:#49
process_vm_readv IPC so
process_vm_readv IPC s res:int64 pid:pid data:bytes
process_vm_writev IPC so
process_vm_writev IPC s res:int64 pid:pid data:bytes
delete_module other so
delete_module other s res:errno name:text flags:uint32:#50
setreuid user so
setreuid user s res:errno ruid:uid euid:uid
setregid user so
setregid user s res:errno rgid:uid egid:uid
`
  .trim()
  .split('\n');

/** Words of bits or values, `word=number`, by the `#N` of the lines above. */
export const WORD_LINES: readonly string[] = `
O_LARGEFILE=2048 O_DIRECTORY=1024 O_DIRECT=512 O_TRUNC=256 O_SYNC=128 O_NONBLOCK=64 O_EXCL=32 O_DSYNC=16 O_APPEND=8 O_CREAT=4 O_RDWR=3 O_WRONLY=2 O_RDONLY=1 O_CLOEXEC=4096 O_NONE=0 O_TMPFILE=8192 O_F_CREATED=16384 FD_UPPER_LAYER=32768 FD_LOWER_LAYER=65536
CLONE_FILES=1 CLONE_FS=2 CLONE_IO=4 CLONE_NEWIPC=8 CLONE_NEWNET=16 CLONE_NEWNS=32 CLONE_NEWPID=64 CLONE_NEWUTS=128 CLONE_PARENT=256 CLONE_PARENT_SETTID=512 CLONE_PTRACE=1024 CLONE_SIGHAND=2048 CLONE_SYSVSEM=4096 CLONE_THREAD=8192 CLONE_UNTRACED=16384 CLONE_VM=32768 CLONE_INVERTED=65536 NAME_CHANGED=131072 CLOSED=262144 CLONE_NEWUSER=1048576 CLONE_CHILD_CLEARTID=8388608 CLONE_CHILD_SETTID=16777216 CLONE_SETTLS=33554432 CLONE_STOPPED=67108864 CLONE_VFORK=134217728 CLONE_NEWCGROUP=268435456 CLONE_CHILD_IN_PIDNS=536870912
AF_NFC=39 AF_ALG=38 AF_CAIF=37 AF_IEEE802154=36 AF_PHONET=35 AF_ISDN=34 AF_RXRPC=33 AF_IUCV=32 AF_BLUETOOTH=31 AF_TIPC=30 AF_CAN=29 AF_LLC=26 AF_WANPIPE=25 AF_PPPOX=24 AF_IRDA=23 AF_SNA=22 AF_RDS=21 AF_ATMSVC=20 AF_ECONET=19 AF_ASH=18 AF_PACKET=17 AF_ROUTE=16 AF_NETLINK=16 AF_KEY=15 AF_SECURITY=14 AF_NETBEUI=13 AF_DECnet=12 AF_ROSE=11 AF_INET6=10 AF_X25=9 AF_ATMPVC=8 AF_BRIDGE=7 AF_NETROM=6 AF_APPLETALK=5 AF_IPX=4 AF_AX25=3 AF_INET=2 AF_LOCAL=1 AF_UNIX=1 AF_UNSPEC=0
SHUT_UNKNOWN=65535 SHUT_RDWR=2 SHUT_WR=1 SHUT_RD=0
SOL_SOCKET=1 SOL_TCP=2 UNKNOWN=0
SO_COOKIE=53 SO_MEMINFO=52 SO_PEERGROUPS=51 SO_ATTACH_BPF=50 SO_INCOMING_CPU=49 SO_BPF_EXTENSIONS=48 SO_MAX_PACING_RATE=47 SO_BUSY_POLL=46 SO_SELECT_ERR_QUEUE=45 SO_LOCK_FILTER=44 SO_NOFCS=43 SO_PEEK_OFF=42 SO_WIFI_STATUS=41 SO_RXQ_OVFL=40 SO_DOMAIN=39 SO_PROTOCOL=38 SO_TIMESTAMPING=37 SO_MARK=36 SO_TIMESTAMPNS=35 SO_PASSSEC=34 SO_PEERSEC=31 SO_ACCEPTCONN=30 SO_TIMESTAMP=29 SO_PEERNAME=28 SO_DETACH_FILTER=27 SO_ATTACH_FILTER=26 SO_BINDTODEVICE=25 SO_SECURITY_ENCRYPTION_NETWORK=24 SO_SECURITY_ENCRYPTION_TRANSPORT=23 SO_SECURITY_AUTHENTICATION=22 SO_SNDTIMEO=21 SO_RCVTIMEO=20 SO_SNDLOWAT=19 SO_RCVLOWAT=18 SO_PEERCRED=17 SO_PASSCRED=16 SO_REUSEPORT=15 SO_BSDCOMPAT=14 SO_LINGER=13 SO_PRIORITY=12 SO_NO_CHECK=11 SO_OOBINLINE=10 SO_KEEPALIVE=9 SO_RCVBUFFORCE=33 SO_SNDBUFFORCE=32 SO_RCVBUF=8 SO_SNDBUF=7 SO_BROADCAST=6 SO_DONTROUTE=5 SO_ERROR=4 SO_TYPE=3 SO_REUSEADDR=2 SO_DEBUG=1 UNKNOWN=0
FD_UPPER_LAYER_CREAT=1 FD_LOWER_LAYER_CREAT=2
FUTEX_CLOCK_REALTIME=256 FUTEX_PRIVATE_FLAG=128 FUTEX_CMP_REQUEUE_PI=12 FUTEX_WAIT_REQUEUE_PI=11 FUTEX_WAKE_BITSET=10 FUTEX_WAIT_BITSET=9 FUTEX_TRYLOCK_PI=8 FUTEX_UNLOCK_PI=7 FUTEX_LOCK_PI=6 FUTEX_WAKE_OP=5 FUTEX_CMP_REQUEUE=4 FUTEX_REQUEUE=3 FUTEX_FD=2 FUTEX_WAKE=1 FUTEX_WAIT=0
SEEK_END=2 SEEK_CUR=1 SEEK_SET=0
RLIMIT_UNKNOWN=255 RLIMIT_RTTIME=15 RLIMIT_RTPRIO=14 RLIMIT_NICE=13 RLIMIT_MSGQUEUE=12 RLIMIT_SIGPENDING=11 RLIMIT_LOCKS=10 RLIMIT_AS=9 RLIMIT_MEMLOCK=8 RLIMIT_NOFILE=7 RLIMIT_NPROC=6 RLIMIT_RSS=5 RLIMIT_CORE=4 RLIMIT_STACK=3 RLIMIT_DATA=2 RLIMIT_FSIZE=1 RLIMIT_CPU=0
F_GETPIPE_SZ=29 F_SETPIPE_SZ=28 F_NOTIFY=27 F_DUPFD_CLOEXEC=26 F_CANCELLK=25 F_GETLEASE=24 F_SETLEASE=23 F_GETOWN_EX=22 F_SETOWN_EX=21 F_SETLKW64=19 F_SETLK64=18 F_GETLK64=17 F_GETSIG=15 F_SETSIG=13 F_GETOWN=12 F_SETOWN=10 F_SETLKW=9 F_SETLK=8 F_GETLK=6 F_SETFL=5 F_GETFL=4 F_SETFD=3 F_GETFD=2 F_DUPFD=1 F_OFD_GETLK=30 F_OFD_SETLK=31 F_OFD_SETLKW=32 UNKNOWN=0
PROT_READ=1 PROT_WRITE=2 PROT_EXEC=4 PROT_SEM=8 PROT_GROWSDOWN=16 PROT_GROWSUP=32 PROT_SAO=64 PROT_NONE=0
MAP_SHARED=1 MAP_PRIVATE=2 MAP_FIXED=4 MAP_ANONYMOUS=8 MAP_32BIT=16 MAP_RENAME=32 MAP_NORESERVE=64 MAP_POPULATE=128 MAP_NONBLOCK=256 MAP_GROWSDOWN=512 MAP_DENYWRITE=1024 MAP_EXECUTABLE=2048 MAP_INHERIT=4096 MAP_FILE=8192 MAP_LOCKED=16384
SPLICE_F_MOVE=1 SPLICE_F_NONBLOCK=2 SPLICE_F_MORE=4 SPLICE_F_GIFT=8
PTRACE_SINGLEBLOCK=38 PTRACE_SYSEMU_SINGLESTEP=37 PTRACE_SYSEMU=36 PTRACE_ARCH_PRCTL=35 PTRACE_SET_THREAD_AREA=34 PTRACE_GET_THREAD_AREA=33 PTRACE_OLDSETOPTIONS=32 PTRACE_SETFPXREGS=31 PTRACE_GETFPXREGS=30 PTRACE_SETFPREGS=29 PTRACE_GETFPREGS=28 PTRACE_SETREGS=27 PTRACE_GETREGS=26 PTRACE_SETSIGMASK=25 PTRACE_GETSIGMASK=24 PTRACE_PEEKSIGINFO=23 PTRACE_LISTEN=22 PTRACE_INTERRUPT=21 PTRACE_SEIZE=20 PTRACE_SETREGSET=19 PTRACE_GETREGSET=18 PTRACE_SETSIGINFO=17 PTRACE_GETSIGINFO=16 PTRACE_GETEVENTMSG=15 PTRACE_SETOPTIONS=14 PTRACE_SYSCALL=13 PTRACE_DETACH=12 PTRACE_ATTACH=11 PTRACE_SINGLESTEP=10 PTRACE_KILL=9 PTRACE_CONT=8 PTRACE_POKEUSR=7 PTRACE_POKEDATA=6 PTRACE_POKETEXT=5 PTRACE_PEEKUSR=4 PTRACE_PEEKDATA=3 PTRACE_PEEKTEXT=2 PTRACE_TRACEME=1 PTRACE_UNKNOWN=0
Q_QUOTAON=1 Q_QUOTAOFF=2 Q_GETFMT=4 Q_GETINFO=8 Q_SETINFO=16 Q_GETQUOTA=32 Q_SETQUOTA=64 Q_SYNC=128 Q_XQUOTAON=256 Q_XQUOTAOFF=512 Q_XGETQUOTA=1024 Q_XSETQLIM=2048 Q_XGETQSTAT=4096 Q_XQUOTARM=8192 Q_XQUOTASYNC=16384
USRQUOTA=1 GRPQUOTA=2
QFMT_NOT_USED=1 QFMT_VFS_OLD=2 QFMT_VFS_V0=4 QFMT_VFS_V1=8
DQF_NONE=1 V1_DQF_RSQUASH=2
LOCK_SH=1 LOCK_EX=2 LOCK_NB=4 LOCK_UN=8 LOCK_NONE=0
IPC_NOWAIT=1 SEM_UNDO=2
IPC_STAT=1 IPC_SET=2 IPC_RMID=4 IPC_INFO=8 SEM_INFO=16 SEM_STAT=32 GETALL=64 GETNCNT=128 GETPID=256 GETVAL=512 GETZCNT=1024 SETALL=2048 SETVAL=4096
RDONLY=1 NOSUID=2 NODEV=4 NOEXEC=8 SYNCHRONOUS=16 REMOUNT=32 MANDLOCK=64 DIRSYNC=128 NOATIME=1024 NODIRATIME=2048 BIND=4096 MOVE=8192 REC=16384 SILENT=32768 POSIXACL=65536 UNBINDABLE=131072 PRIVATE=262144 SLAVE=524288 SHARED=1048576 RELATIME=2097152 KERNMOUNT=4194304 I_VERSION=8388608 STRICTATIME=16777216 LAZYTIME=33554432 NOSEC=268435456 BORN=536870912 ACTIVE=1073741824 NOUSER=2147483648
FORCE=1 DETACH=2 EXPIRE=4 NOFOLLOW=8
IPC_EXCL=16384 IPC_CREAT=8192
F_OK=0 R_OK=4 W_OK=2 X_OK=1
PROTECTION_VIOLATION=1 PAGE_NOT_PRESENT=2 WRITE_ACCESS=4 READ_ACCESS=8 USER_FAULT=16 SUPERVISOR_FAULT=32 RESERVED_PAGE=64 INSTRUCTION_FETCH=128
EXE_WRITABLE=1 EXE_UPPER_LAYER=2 EXE_FROM_MEMFD=4 EXE_LOWER_LAYER=8
AT_REMOVEDIR=512
AT_SYMLINK_FOLLOW=1024 AT_EMPTY_PATH=4096
S_IXOTH=1 S_IWOTH=2 S_IROTH=4 S_IXGRP=8 S_IWGRP=16 S_IRGRP=32 S_IXUSR=64 S_IWUSR=128 S_IRUSR=256 S_ISVTX=512 S_ISGID=1024 S_ISUID=2048
RENAME_NOREPLACE=1 RENAME_EXCHANGE=2 RENAME_WHITEOUT=4
RESOLVE_BENEATH=1 RESOLVE_IN_ROOT=2 RESOLVE_NO_MAGICLINKS=4 RESOLVE_NO_SYMLINKS=8 RESOLVE_NO_XDEV=16 RESOLVE_CACHED=32
AT_EMPTY_PATH=1 AT_SYMLINK_NOFOLLOW=2
IORING_SETUP_IOPOLL=1 IORING_SETUP_SQPOLL=2 IORING_SQ_NEED_WAKEUP=4 IORING_SETUP_SQ_AFF=8 IORING_SETUP_CQSIZE=16 IORING_SETUP_CLAMP=32 IORING_SETUP_ATTACH_RW=64 IORING_SETUP_R_DISABLED=128
IORING_FEAT_SINGLE_MMAP=1 IORING_FEAT_NODROP=2 IORING_FEAT_SUBMIT_STABLE=4 IORING_FEAT_RW_CUR_POS=8 IORING_FEAT_CUR_PERSONALITY=16 IORING_FEAT_FAST_POLL=32 IORING_FEAT_POLL_32BITS=64 IORING_FEAT_SQPOLL_NONFIXED=128 IORING_FEAT_ENTER_EXT_ARG=256 IORING_FEAT_NATIVE_WORKERS=512 IORING_FEAT_RSRC_TAGS=1024
IORING_ENTER_GETEVENTS=1 IORING_ENTER_SQ_WAKEUP=2 IORING_ENTER_SQ_WAIT=4 IORING_ENTER_EXT_ARG=8
IORING_REGISTER_BUFFERS=0 IORING_UNREGISTER_BUFFERS=1 IORING_REGISTER_FILES=2 IORING_UNREGISTER_FILES=3 IORING_REGISTER_EVENTFD=4 IORING_UNREGISTER_EVENTFD=5 IORING_REGISTER_FILES_UPDATE=6 IORING_REGISTER_EVENTFD_ASYNC=7 IORING_REGISTER_PROBE=8 IORING_REGISTER_PERSONALITY=9 IORING_UNREGISTER_PERSONALITY=10 IORING_REGISTER_RESTRICTIONS=11 IORING_REGISTER_ENABLE_RINGS=12 IORING_REGISTER_FILES2=13 IORING_REGISTER_FILES_UPDATE2=14 IORING_REGISTER_BUFFERS2=15 IORING_REGISTER_BUFFERS_UPDATE=16 IORING_REGISTER_IOWQ_AFF=17 IORING_UNREGISTER_IOWQ_AFF=18 IORING_REGISTER_IOWQ_MAX_WORKERS=19 IORING_REGISTER_RING_FDS=20 IORING_UNREGISTER_RING_FDS=21
MCL_CURRENT=1 MCL_FUTURE=2 MCL_ONFAULT=4
BPF_MAP_CREATE=0 BPF_MAP_LOOKUP_ELEM=1 BPF_MAP_UPDATE_ELEM=2 BPF_MAP_DELETE_ELEM=3 BPF_MAP_GET_NEXT_KEY=4 BPF_PROG_LOAD=5 BPF_OBJ_PIN=6 BPF_OBJ_GET=7 BPF_PROG_ATTACH=8 BPF_PROG_DETACH=9 BPF_PROG_TEST_RUN=10 BPF_PROG_RUN=10 BPF_PROG_GET_NEXT_ID=11 BPF_MAP_GET_NEXT_ID=12 BPF_PROG_GET_FD_BY_ID=13 BPF_MAP_GET_FD_BY_ID=14 BPF_OBJ_GET_INFO_BY_FD=15 BPF_PROG_QUERY=16 BPF_RAW_TRACEPOINT_OPEN=17 BPF_BTF_LOAD=18 BPF_BTF_GET_FD_BY_ID=19 BPF_TASK_FD_QUERY=20 BPF_MAP_LOOKUP_AND_DELETE_ELEM=21 BPF_MAP_FREEZE=22 BPF_BTF_GET_NEXT_ID=23 BPF_MAP_LOOKUP_BATCH=24 BPF_MAP_LOOKUP_AND_DELETE_BATCH=25 BPF_MAP_UPDATE_BATCH=26 BPF_MAP_DELETE_BATCH=27 BPF_LINK_CREATE=28 BPF_LINK_UPDATE=29 BPF_LINK_GET_FD_BY_ID=30 BPF_LINK_GET_NEXT_ID=31 BPF_ENABLE_STATS=32 BPF_ITER_CREATE=33 BPF_LINK_DETACH=34 BPF_PROG_BIND_MAP=35
MLOCK_ONFAULT=1
FSCONFIG_SET_FLAG=0 FSCONFIG_SET_STRING=1 FSCONFIG_SET_BINARY=2 FSCONFIG_SET_PATH=3 FSCONFIG_SET_PATH_EMPTY=4 FSCONFIG_SET_FD=5 FSCONFIG_CMD_CREATE=6 FSCONFIG_CMD_RECONFIGURE=7
EPOLL_CLOEXEC=1
AT_SYMLINK_NOFOLLOW=1024 AT_EMPTY_PATH=4096
PR_GET_DUMPABLE=3 PR_SET_DUMPABLE=4 PR_GET_KEEPCAPS=7 PR_SET_KEEPCAPS=8 PR_SET_NAME=15 PR_GET_NAME=16 PR_GET_SECCOMP=21 PR_SET_SECCOMP=22 PR_CAPBSET_READ=23 PR_CAPBSET_DROP=24 PR_GET_SECUREBITS=27 PR_SET_SECUREBITS=28 PR_MCE_KILL=33 PR_MCE_KILL=33 PR_SET_MM=35 PR_SET_CHILD_SUBREAPER=36 PR_GET_CHILD_SUBREAPER=37 PR_SET_NO_NEW_PRIVS=38 PR_GET_NO_NEW_PRIVS=39 PR_GET_TID_ADDRESS=40 PR_SET_THP_DISABLE=41 PR_GET_THP_DISABLE=42 PR_CAP_AMBIENT=47
MFD_CLOEXEC=1 MFD_ALLOW_SEALING=2 MFD_HUGETLB=4
PIDFD_NONBLOCK=1
MODULE_INIT_IGNORE_MODVERSIONS=1 MODULE_INIT_IGNORE_VERMAGIC=2 MODULE_INIT_COMPRESSED_FILE=4
S_IXOTH=1 S_IWOTH=2 S_IROTH=4 S_IXGRP=8 S_IWGRP=16 S_IRGRP=32 S_IXUSR=64 S_IWUSR=128 S_IRUSR=256 S_ISVTX=512 S_ISGID=1024 S_ISUID=2048 S_IFREG=32768 S_IFCHR=8192 S_IFBLK=24576 S_IFIFO=4096 S_IFSOCK=49152
AT_EMPTY_PATH=4096 AT_NO_AUTOMOUNT=2048 AT_SYMLINK_NOFOLLOW=256
O_NONBLOCK=2 O_TRUNC=1
`
  .trim()
  .split('\n');

/** Names of system calls by the recorder's own number, the same on every architecture; '-' is none. */
export const SYSCALL_NAMES: readonly string[] = `
unknown restart_syscall exit read write open close creat link unlink chdir time mknod chmod stat lseek getpid mount
ptrace alarm fstat pause utime access sync kill rename mkdir rmdir dup pipe times brk acct ioctl fcntl setpgid umask
chroot ustat dup2 getppid getpgrp setsid sethostname setrlimit getrusage gettimeofday settimeofday symlink lstat
readlink uselib swapon reboot mmap munmap truncate ftruncate fchmod getpriority setpriority statfs fstatfs syslog
setitimer getitimer uname vhangup wait4 swapoff sysinfo fsync setdomainname adjtimex mprotect init_module
delete_module quotactl getpgid fchdir sysfs personality getdents select flock msync readv writev getsid fdatasync
mlock munlock mlockall munlockall sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_yield
sched_get_priority_max sched_get_priority_min sched_rr_get_interval nanosleep mremap poll prctl rt_sigaction
rt_sigprocmask rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_sigsuspend getcwd capget capset sendfile getrlimit
lchown getuid getgid geteuid getegid setreuid setregid getgroups setgroups fchown setresuid getresuid setresgid
getresgid chown setuid setgid setfsuid setfsgid pivot_root mincore madvise gettid setxattr lsetxattr fsetxattr
getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr tkill futex
sched_setaffinity sched_getaffinity set_thread_area get_thread_area io_setup io_destroy io_getevents io_submit
io_cancel exit_group epoll_create epoll_ctl epoll_wait remap_file_pages set_tid_address timer_create timer_settime
timer_gettime timer_getoverrun timer_delete clock_settime clock_gettime clock_getres clock_nanosleep tgkill utimes
mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr kexec_load waitid add_key request_key keyctl
ioprio_set ioprio_get inotify_init inotify_add_watch inotify_rm_watch openat mkdirat mknodat fchownat futimesat
unlinkat renameat linkat symlinkat readlinkat fchmodat faccessat pselect6 ppoll unshare set_robust_list
get_robust_list splice tee vmsplice getcpu epoll_pwait utimensat signalfd timerfd_create eventfd timerfd_settime
timerfd_gettime signalfd4 eventfd2 epoll_create1 dup3 pipe2 inotify_init1 preadv pwritev rt_tgsigqueueinfo
perf_event_open fanotify_init prlimit64 clock_adjtime syncfs setns getdents64 socket bind connect listen accept
getsockname getpeername socketpair sendto recvfrom shutdown setsockopt getsockopt sendmsg sendmmsg recvmsg recvmmsg
accept4 semop semget semctl msgsnd msgrcv msgget msgctl shmdt shmget shmctl statfs64 fstatfs64 fstatat64 sendfile64
ugetrlimit bdflush sigprocmask ipc socketcall stat64 lstat64 fstat64 fcntl64 mmap2 _newselect sgetmask ssetmask
sigpending olduname umount signal nice stime _llseek waitpid pread64 pwrite64 arch_prctl shmat rt_sigreturn fallocate
newfstatat process_vm_readv process_vm_writev fork vfork setuid32 getuid32 setgid32 geteuid32 getgid32 setresuid32
setresgid32 getresuid32 getresgid32 finit_module bpf seccomp sigaltstack getrandom fadvise64 renameat2 userfaultfd
openat2 umount2 execve execveat copy_file_range clone clone3 open_by_handle_at io_uring_setup io_uring_enter
io_uring_register mlock2 getegid32 fsconfig fspick fsmount fsopen open_tree move_mount mount_setattr memfd_create
memfd_secret ioperm kexec_file_load pidfd_getfd pidfd_open pidfd_send_signal pkey_alloc pkey_mprotect pkey_free
landlock_create_ruleset quotactl_fd landlock_restrict_self landlock_add_rule epoll_pwait2 migrate_pages move_pages
preadv2 pwritev2 kcmp sched_setattr mbind epoll_ctl_old lookup_dcookie modify_ldt statx set_mempolicy io_pgetevents
set_mempolicy_home_node semtimedop get_kernel_syms readahead futex_waitv getpmsg name_to_handle_at process_mrelease
nfsservctl epoll_wait_old rseq create_module na_1 sched_getattr faccessat2 _sysctl query_module get_mempolicy
sync_file_range process_madvise membarrier iopl close_range fanotify_mark recv send sched_process_exit sched_switch
page_fault_user page_fault_kernel signal_deliver timerfd s390_pci_mmio_read sigaction s390_pci_mmio_write readdir
s390_sthyi sigsuspend idle s390_runtime_instr sigreturn s390_guarded_storage cachestat fchmodat2 map_shadow_stack
riscv_flush_icache riscv_hwprobe futex_wake futex_requeue futex_wait oldstat switch_endian multiplexer oldlstat
spu_create sync_file_range2 oldfstat spu_run swapcontext pciconfig_write rtas pciconfig_read sys_debug_setcontext vm86
oldolduname subpage_prot pciconfig_iobase listmount statmount lsm_get_self_attr lsm_set_self_attr lsm_list_modules
mseal uretprobe removexattrat listxattrat getxattrat setxattrat open_tree_attr file_getattr file_setattr
`
  .trim()
  .split(/\s+/);
