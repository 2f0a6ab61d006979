/**
 * The field names of Falco's language and the types of their values, whether this sensor can read them or not: a rule that
 * names a field from here is well formed; a rule that names any other is wrong.
 */
/** A port is a number, and conditions may say it by the name of its service. */
export type FieldType = 'text' | 'path' | 'number' | 'port' | 'boolean' | 'bytes' | 'address' | 'network';

const byType: Readonly<Record<FieldType, string>> = {
  text: `evt.type evt.dir evt.io_dir evt.asynctype evt.latency.human evt.source evt.category evt.info evt.args evt.arg evt.res
    evt.hostname evt.plugininfo evt.pluginname evt.time evt.time.s evt.time.iso8601 evt.datetime evt.datetime.s evt.abspath evt.abspath.src evt.abspath.dst
    evt.outputtime evt.infra.docker.name evt.infra.docker.container.id evt.infra.docker.container.name
    evt.infra.docker.container.image evt.buffer.b64 syscall.type syslog.facility.str syslog.severity.str syslog.message
    fdlist.nums fdlist.names fdlist.cips fdlist.sips fdlist.cports fdlist.sports
    proc.exe proc.name proc.pname proc.aname proc.args proc.cmdline proc.pcmdline proc.acmdline proc.env proc.aenv proc.aargs
    proc.sname proc.sid.exe proc.vpgid.name proc.vpgid.exe proc.pgid.name proc.pgid.exe proc.aexe proc.pexe proc.exeline
    proc.stdin.type proc.stdin.name proc.stdout.type proc.stdout.name proc.stderr.type proc.stderr.name proc.loginshellid.name
    thread.cap_permitted thread.cap_effective thread.cap_inheritable thread.nametid thread.cgroup thread.cgroups
    user.name user.homedir user.shell user.loginname group.name
    fd.type fd.types fd.typechar fd.l4proto fd.sockfamily fd.cip.name fd.sip.name fd.lip.name fd.rip.name fd.containername
    fd.containerdirectory fd.cproto fd.sproto fd.lproto fd.rproto fd.uid
    container.id container.full_id container.name container.type container.image container.image.id container.image.repository
    container.image.tag container.image.digest container.mounts container.mount container.mount.source container.mount.dest
    container.mount.mode container.mount.rdwr container.mount.propagation container.healthcheck container.liveness_probe
    container.readiness_probe container.ip container.cni.json container.label container.labels container.host_pid container.host_network
    container.host_ipc
    k8s.pod.name k8s.pod.id k8s.pod.uid k8s.pod.label k8s.pod.labels k8s.pod.ip k8s.pod.cni.json k8s.pod.sandbox_id
    k8s.pod.full_sandbox_id k8s.ns.name k8s.ns.id k8s.ns.label k8s.ns.labels k8s.rc.name k8s.rc.id k8s.rc.label k8s.rc.labels
    k8s.svc.name k8s.svc.id k8s.svc.label k8s.svc.labels k8s.rs.name k8s.rs.id k8s.rs.label k8s.rs.labels k8s.deployment.name
    k8s.deployment.id k8s.deployment.label k8s.deployment.labels
    darsena.project darsena.environment darsena.workload darsena.container darsena.parent.cmdline`,
  path: `fd.name fd.nameraw darsena.fd.given fd.directory fd.filename fs.path.name fs.path.nameraw fs.path.source fs.path.sourceraw fs.path.target
    fs.path.targetraw proc.exepath proc.pexepath proc.aexepath proc.cwd proc.sid.exepath proc.vpgid.exepath proc.pgid.exepath`,
  number: `evt.num evt.rawtime evt.rawtime.s evt.rawtime.ns evt.reltime evt.reltime.s evt.reltime.ns evt.latency evt.latency.s
    evt.latency.ns evt.latency.quantized evt.wait_latency evt.deltatime evt.deltatime.s evt.deltatime.ns evt.type.is evt.rawarg evt.rawres evt.count
    evt.count.error evt.count.exit evt.cpu evt.buflen evt.around
    evt.buflen.in evt.buflen.out evt.buflen.file evt.buflen.file.in evt.buflen.file.out evt.buflen.net evt.buflen.net.in evt.buflen.net.out
    evt.count.error.file evt.count.error.net evt.count.error.memory evt.count.error.other evt.count.procinfo evt.count.threadinfo
    syslog.facility syslog.severity
    proc.pid proc.ppid proc.apid proc.vpid proc.pvpid proc.sid proc.vpgid proc.pgid proc.tty proc.duration proc.ppid.duration
    proc.pid.ts proc.ppid.ts proc.loginshellid proc.nthreads proc.nchilds proc.cmdnargs proc.cmdlenargs proc.exe_ino proc.exe_ino.ctime
    proc.exe_ino.mtime proc.exe_ino.ctime_duration_proc_start proc.exe_ino.ctime_duration_pidns_start proc.pidns_init_start_ts
    proc.fdopencount proc.fdlimit proc.fdusage proc.vmsize proc.vmrss proc.vmswap
    thread.pfmajor thread.pfminor thread.tid thread.vtid thread.cpu thread.cpu.user thread.cpu.system thread.exectime
    thread.totexectime thread.vmsize thread.vmrss thread.vmsize.b thread.vmrss.b
    user.uid user.loginuid group.gid
    fd.num fd.dev fd.dev.major fd.dev.minor fd.ino fd.openflags
    container.duration container.start_ts darsena.start.duration`,
  port: 'fd.port fd.proto fd.cport fd.sport fd.lport fd.rport',
  boolean: `evt.is_io evt.is_io_read evt.is_io_write evt.is_wait evt.is_async evt.is_syslog evt.failed evt.is_open_read
    evt.is_open_write evt.is_open_exec evt.is_open_create
    proc.is_exe_writable proc.is_exe_upper_layer proc.is_exe_lower_layer proc.is_exe_from_memfd proc.is_container_healthcheck
    proc.is_container_liveness_probe proc.is_container_readiness_probe proc.is_sid_leader proc.is_vpgid_leader proc.is_pgid_leader
    darsena.truncated darsena.is_32_bit darsena.is_from_outside darsena.is_exe_of_image darsena.is_exe_deleted
    thread.ismain fd.is_server fd.connected fd.name_changed fd.is_upper_layer fd.is_lower_layer container.privileged`,
  bytes: 'evt.buffer',
  address: 'fd.ip fd.cip fd.sip fd.lip fd.rip',
  network: 'fd.net fd.cnet fd.snet fd.lnet fd.rnet',
};

/** How a field takes an argument in brackets. */
export type FieldArgument = 'none' | 'index' | 'name' | 'may-index' | 'may-name';

const ARGUMENTS: Readonly<Record<string, FieldArgument>> = {
  'proc.aname': 'may-index',
  'proc.aexe': 'may-index',
  'proc.aexepath': 'may-index',
  'proc.acmdline': 'may-index',
  'proc.apid': 'may-index',
  'proc.args': 'may-index',
  'proc.aargs': 'may-index',
  'proc.env': 'may-name',
  'proc.aenv': 'may-name',
  'evt.arg': 'name',
  'evt.rawarg': 'name',
  'evt.type.is': 'name',
  'evt.around': 'name',
  'thread.cgroup': 'name',
  'container.mount': 'name',
  'container.mount.source': 'name',
  'container.mount.dest': 'name',
  'container.mount.mode': 'name',
  'container.mount.rdwr': 'name',
  'container.mount.propagation': 'name',
  'container.label': 'name',
  'k8s.pod.label': 'name',
  'k8s.ns.label': 'name',
  'k8s.rc.label': 'name',
  'k8s.svc.label': 'name',
  'k8s.rs.label': 'name',
  'k8s.deployment.label': 'name',
  'fd.types': 'may-index',
};

const types = new Map<string, FieldType>();
for (const [type, names] of Object.entries(byType)) {
  for (const name of names.split(/\s+/)) types.set(name, type as FieldType);
}

/** `evt.arg.flags` and `container.label.app` mean `evt.arg[flags]` and `container.label[app]`. */
const DOTTED =
  /^(evt\.arg|evt\.rawarg|evt\.type\.is|thread\.cgroup|container\.label|k8s\.(?:pod|ns|rc|svc|rs|deployment)\.label)\.(.+)$/;

export function normalizeField(name: string, argument: string | null): { name: string; argument: string | null } {
  if (argument === null && !types.has(name)) {
    const dotted = DOTTED.exec(name);
    if (dotted?.[1] !== undefined && dotted[2] !== undefined) return { name: dotted[1], argument: dotted[2] };
  }
  return { name, argument };
}

/** The type of a field's value, or undefined when the language has no such field. */
export function fieldType(name: string): FieldType | undefined {
  return types.get(name);
}

export function fieldArgument(name: string): FieldArgument {
  return ARGUMENTS[name] ?? 'none';
}

/**
 * Fields with a comparison of their own, one value at a time: as in Falco they are compared with what a condition says, never with
 * another field, and no transformer changes them.
 */
const COMPARED_BY_ITSELF: ReadonlySet<string> = new Set(
  (
    'fd.ip fd.net fd.cnet fd.snet fd.lnet fd.rnet fd.port fd.proto fd.cip.name fd.sip.name fd.lip.name fd.rip.name evt.rawarg ' +
    'evt.around proc.apid proc.aname proc.aexe proc.aexepath proc.acmdline proc.aenv'
  ).split(' '),
);

export function isComparedByItself(name: string): boolean {
  return COMPARED_BY_ITSELF.has(name);
}

const names: readonly string[] = [...types.keys()];

export function fieldNames(): readonly string[] {
  return names;
}
