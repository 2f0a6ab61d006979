/** What events of the live sensor have in common, and the fields that follow from each of these alone. */
import { HEADER, isOpen, type KernelEvent, PATH_PLACES, RECORD } from '../events/index.ts';
import type { SharedSubject } from './shared-subjects.ts';

const names = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/));
const nothing = (): undefined => undefined;

/** The agent gives the whole set of containers anew with each change: then they are other objects. */
const CONTAINER_PLACES = 64;
const container: SharedSubject<KernelEvent> = {
  fields: names(
    `container.id container.full_id container.name container.type container.image container.image.repository
    container.image.tag container.image.digest k8s.pod.name k8s.ns.name
    darsena.project darsena.environment darsena.workload darsena.container`,
  ),
  kept: {
    of: (event) => event.container,
    stamp: nothing,
    place: (event) => (event.container === null ? 0 : event.u32(HEADER.cgroup) & (CONTAINER_PLACES - 1)),
    places: CONTAINER_PLACES,
  },
};

const PROCESS_PLACES = 256;
/** Of a process all but its name is said once, when it begins or runs another program. Its ancestors may change. */
const process: SharedSubject<KernelEvent> = {
  fields: names(
    `proc.pid proc.name proc.exe proc.exepath proc.args proc.cmdnargs proc.cmdline proc.exeline proc.cwd proc.cmdlenargs
    proc.is_exe_upper_layer proc.is_exe_from_memfd proc.exe_ino proc.exe_ino.ctime proc.exe_ino.mtime
    proc.exe_ino.ctime_duration_proc_start thread.cap_permitted thread.cap_effective thread.cap_inheritable`,
  ),
  kept: {
    of: (event) => event.process,
    stamp: (event) => event.process.name,
    place: (event) => event.process.pid & (PROCESS_PLACES - 1),
    places: PROCESS_PLACES,
  },
};

/** What is read from the record at no cost. */
const numbers: SharedSubject<KernelEvent> = {
  fields: names(
    `evt.is_open_read evt.is_open_write evt.is_open_create evt.is_open_exec evt.rawres evt.failed evt.is_io evt.is_wait
    fd.num fd.type fd.typechar user.uid group.gid proc.ppid proc.vpid proc.sid proc.tty thread.tid thread.ismain`,
  ),
  kept: null,
};

const path: SharedSubject<KernelEvent> = {
  fields: names('fd.name fd.directory fd.filename evt.abspath'),
  kept: {
    of: (event) => event.openPath(),
    stamp: nothing,
    place: (event) => event.openPath().place,
    places: PATH_PLACES + 1,
  },
};

const OF_ALL = [container, process, numbers];
const OF_OPENS = [container, process, numbers, path];
/** Each comes with a process of its own. */
const OF_EXECS = [container, numbers];

export function subjectsOf(type: number): readonly SharedSubject<KernelEvent>[] {
  if (type === RECORD.exec) return OF_EXECS;
  return isOpen(type) ? OF_OPENS : OF_ALL;
}
