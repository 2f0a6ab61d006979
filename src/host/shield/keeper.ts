import type { KernelShut, ShutMeans, ShutState } from '../../observe/index.ts';
import type { Text } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import type { PatchHost } from '../livepatch/driver.ts';
import type { ShieldControl, ShieldEntry } from './feed.ts';
import { SHIPPED_FEED, type ShieldFeed } from './feed-file.ts';

/** Where a host keeps what it has set and what stood there before: one file an entry, root's. */
export const SHIELD_RECORDS = '/var/lib/darsena-shield';

interface ShieldRecord {
  readonly id: string;
  /** RFC 3339 */
  readonly since: string;
  readonly state: 'setting' | 'on' | 'leaving';
  readonly before: readonly { readonly sysctl: string; readonly value: string }[];
}

export interface ShieldOutcome {
  readonly entry: string;
  /** What was found of each control, before and after. */
  readonly probes: readonly { readonly control: Text; readonly before: ProbeState; readonly after: ProbeState }[];
  /** How the containers that run already are kept from it; null when the entry takes nothing from containers, or is not set. */
  readonly running: { readonly means: ShutMeans | null; readonly why: string | null } | null;
}

/** Refusals by the kernel itself, where there are such. */
export type ContainerShut = Pick<KernelShut, 'keepFromContainers' | 'standing'>;

/**
 * `closed`: the way is shut, for containers that run as well; `open`: it is not; `later`: for containers that start from now
 * on; `absent`: not on this kernel.
 */
export type ProbeState = 'closed' | 'open' | 'later' | 'absent';

/** Sets and takes back the entries of the feed on one machine. What is about to be done is written down first. */
export class ShieldKeeper {
  readonly #host: PatchHost;
  readonly #now: () => string;
  readonly #feed: () => ShieldFeed;
  readonly #shut: ContainerShut | null;

  /** @param shut null: containers that run keep what they have until they start again */
  constructor(
    host: PatchHost,
    now: () => string,
    feed: () => ShieldFeed = () => SHIPPED_FEED,
    shut: ContainerShut | null = null,
  ) {
    this.#host = host;
    this.#now = now;
    this.#feed = feed;
    this.#shut = shut;
  }

  /** @throws Fault host.shield-unknown, host.shield-idle, host.shield-refused */
  async apply(name: string): Promise<ShieldOutcome> {
    const entry = findShield(name, this.#feed());
    const { id } = entry;
    const before = await this.#probe(entry);
    if (before.every((state) => state === 'absent')) throw hostFault('host.shield-idle', { id });
    const known = await this.#record(id);
    const values = known?.before ?? (await this.#values(entry));
    const record: ShieldRecord = { id, since: known?.since ?? this.#now(), state: 'setting', before: values };
    await this.#keep(record);
    try {
      for (const control of entry.controls) await this.#set(entry, control);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      // What cannot be taken back now is marked as leaving, and taken back when the agent starts again.
      const left = await this.undo(id).then(
        () => '',
        (again: unknown) => `; not all of it could be taken back: ${again instanceof Error ? again.message : again}`,
      );
      throw hostFault('host.shield-refused', { id, why: `${why}${left}` }, { cause: error });
    }
    await this.#keep({ ...record, state: 'on' });
    const running = await this.#shutRunning(entry);
    const after = await this.#probe(entry);
    return { entry: id, probes: entry.controls.map((control, at) => probed(control, before[at], after[at])), running };
  }

  /** Everything back as it was; an entry that is not set is no fault. @throws Fault host.shield-unknown */
  async undo(name: string): Promise<ShieldOutcome> {
    // What a newer feed no longer has is taken back by what was written down of it.
    const isLeft = /^[a-z0-9-]{1,61}$/.test(name) && (await this.#record(name)) !== null;
    const known = this.#feed().entries.some(({ id }) => id === name);
    const entry = isLeft && !known ? { ...NO_ENTRY, id: name } : findShield(name, this.#feed());
    const { id } = entry;
    const before = await this.#probe(entry);
    const record = await this.#record(id);
    if (record !== null) {
      await this.#keep({ ...record, state: 'leaving' });
      for (const { sysctl, value } of record.before) await this.#host.write(sysctlPath(sysctl), value);
      await this.#host.remove(moduleFile(id));
      await this.#host.remove(sysctlFile(id));
      await this.#host.remove(`${SHIELD_RECORDS}/${id}.json`);
      await this.#shutRunning(entry);
    }
    const after = await this.#probe(entry);
    const probes = entry.controls.map((control, at) => probed(control, before[at], after[at]));
    return { entry: id, probes, running: null };
  }

  /** Ends what a killed agent began, and sets switches again after a start of the machine. */
  async restore(): Promise<void> {
    const failures: unknown[] = [];
    for (const id of await this.#recorded()) {
      try {
        const record = await this.#record(id);
        if (record?.state === 'leaving') await this.undo(id);
        else if (record !== null && this.#feed().entries.some((entry) => entry.id === id)) await this.apply(id);
      } catch (error) {
        // One that this kernel no longer takes must not leave the others unset.
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not every entry of the shield could be set again');
  }

  /** System calls and socket families that containers do without from now on. */
  async seccomp(): Promise<Extract<ShieldControl, { readonly kind: 'seccomp' }>[]> {
    const found: Extract<ShieldControl, { readonly kind: 'seccomp' }>[] = [];
    for (const { id, controls } of this.#feed().entries) {
      const calls = controls.filter((control) => control.kind === 'seccomp');
      if (calls.length > 0 && (await this.#record(id))?.state === 'on') found.push(...calls);
    }
    return found;
  }

  /** Tells the kernel all that containers do without now; what it cannot refuse waits for their next start. */
  async #shutRunning(entry: ShieldEntry): Promise<ShieldOutcome['running']> {
    const isAsked = entry.controls.some(({ kind }) => kind === 'seccomp');
    if (this.#shut === null || (!isAsked && entry.controls.length > 0)) return isAsked ? NOT_RUNNING : null;
    const all = await this.seccomp();
    const answer = this.#shut.keepFromContainers({
      families: [...new Set(all.flatMap(({ families }) => families))],
      rings: all.some(({ calls }) => calls.includes(RING_CALL)),
    });
    if (!isAsked) return null;
    const asked = entry.controls.filter((one) => one.kind === 'seccomp');
    const state = this.#shut.standing();
    // What another entry asks for and this kernel does not have takes nothing from this one.
    if (state !== null && asked.every((one) => isShut(one, state))) return { means: state.means, why: null };
    if ('why' in answer) return { means: null, why: answer.why };
    const other = asked.flatMap(({ calls }) => calls.filter((call) => !RING_CALLS.has(call)));
    return { means: null, why: `no hook for ${other.join(', ')}` };
  }

  /** What an entry would break now: nothing is changed. */
  async tryOut(name: string): Promise<{ readonly entry: string; readonly would: readonly Text[] }> {
    const entry = findShield(name, this.#feed());
    const would: Text[] = [];
    for (const control of entry.controls) would.push(...(await this.#usesOf(entry, control)));
    return { entry: entry.id, would };
  }

  async #set({ id }: ShieldEntry, control: ShieldControl): Promise<void> {
    if (control.kind === 'sysctl') {
      if ((await this.#host.read(sysctlPath(control.name))) === null) return;
      // Written for the next start first: if the switch itself is refused, both are taken back.
      await this.#host.put(sysctlFile(id), Buffer.from(`${control.name} = ${control.set}\n`));
      await this.#host.write(sysctlPath(control.name), control.set);
    } else if (control.kind === 'module') {
      const lines = control.names.map((name) => `install ${name} /bin/false\n`);
      await this.#host.put(moduleFile(id), Buffer.from(`# darsena kernel shield: ${id}\n${lines.join('')}`));
      const loaded = await this.#loaded();
      // Those that others stand on come last: a few rounds are enough for any stack of them.
      for (let round = 0; round < control.names.length; round++) {
        for (const name of control.names) if (loaded.has(name)) await this.#host.run('rmmod', [name]);
      }
    }
  }

  async #probe({ id, controls }: ShieldEntry): Promise<ProbeState[]> {
    return Promise.all(
      controls.map(async (control): Promise<ProbeState> => {
        if (control.kind === 'seccomp') {
          const state = this.#shut?.standing() ?? null;
          return state !== null && isShut(control, state) ? 'closed' : 'later';
        }
        if (control.kind === 'sysctl') {
          const value = (await this.#host.read(sysctlPath(control.name)))?.trim();
          return value === undefined ? 'absent' : control.closed.includes(value) ? 'closed' : 'open';
        }
        if ((await this.#host.read('/proc/modules')) === null) return 'absent';
        const loaded = await this.#loaded();
        if (control.names.some((name) => loaded.has(name))) return 'open';
        const file = (await this.#host.read(moduleFile(id))) ?? '';
        return control.names.every((name) => file.includes(`install ${name} /bin/false`)) ? 'closed' : 'open';
      }),
    );
  }

  async #usesOf(entry: ShieldEntry, control: ShieldControl): Promise<Text[]> {
    if (control.kind === 'module') {
      const text = (await this.#host.read('/proc/modules')) ?? '';
      return text
        .split('\n')
        .map((line) => line.split(' '))
        .filter(([name = '', , users = '0']) => control.names.includes(name) && Number(users) > 0)
        .map(([name, , users]) => ({
          en: `the module ${name} is used ${users} times now and stays until that ends`,
          es: `el módulo ${name} se usa ${users} veces ahora y sigue hasta que eso acabe`,
        }));
    }
    const look = LOOKS[entry.id];
    if (look === undefined || control.kind === 'seccomp') return [];
    const { output } = await this.#host.run('sh', ['-c', look]);
    return [...new Set(output.split('\n').filter((line) => line !== ''))].slice(0, 50).map((name) => ({
      en: `${name} does what would no longer be possible`,
      es: `${name} hace lo que dejaría de ser posible`,
    }));
  }

  async #values({ controls }: ShieldEntry): Promise<ShieldRecord['before']> {
    const before: { sysctl: string; value: string }[] = [];
    for (const control of controls) {
      if (control.kind !== 'sysctl') continue;
      const value = (await this.#host.read(sysctlPath(control.name)))?.trim();
      if (value !== undefined) before.push({ sysctl: control.name, value });
    }
    return before;
  }

  async #loaded(): Promise<ReadonlySet<string>> {
    const text = (await this.#host.read('/proc/modules')) ?? '';
    return new Set(text.split('\n').map((line) => line.split(' ')[0] ?? ''));
  }

  /** Entries that something is written down of. */
  async #recorded(): Promise<string[]> {
    const known = this.#feed().entries.map(({ id }) => id);
    const files = await this.#host.list(SHIELD_RECORDS);
    const left = files.flatMap((file) => /^([a-z0-9-]{1,61})\.json$/.exec(file)?.[1] ?? []);
    return [...new Set([...known, ...left])];
  }

  async #record(id: string): Promise<ShieldRecord | null> {
    const text = await this.#host.read(`${SHIELD_RECORDS}/${id}.json`);
    return text === null || text.trim() === '' ? null : (JSON.parse(text) as ShieldRecord);
  }

  #keep(record: ShieldRecord): Promise<void> {
    return this.#host.put(`${SHIELD_RECORDS}/${record.id}.json`, Buffer.from(JSON.stringify(record)));
  }
}

/** Without a ring nothing else of io_uring can be called. */
const RING_CALL = 'io_uring_setup';
const RING_CALLS: ReadonlySet<string> = new Set([RING_CALL, 'io_uring_enter', 'io_uring_register']);
const NOT_RUNNING: ShieldOutcome['running'] = { means: null, why: null };

/** Whether the kernel keeps all of this from containers that run. */
function isShut({ families, calls }: Extract<ShieldControl, { readonly kind: 'seccomp' }>, state: ShutState): boolean {
  return (
    families.every((family) => state.families.includes(family)) &&
    calls.every((call) => state.rings && RING_CALLS.has(call))
  );
}

/** What a person would miss, seen in /proc: names of programs that use it now. */
const LOOKS: Readonly<Record<string, string>> = {
  'user-namespaces':
    'own=$(readlink /proc/self/ns/user); for p in /proc/[0-9]*; do ns=$(readlink $p/ns/user 2>/dev/null); [ -n "$ns" ] && [ "$ns" != "$own" ] && [ -n "$(readlink $p/exe 2>/dev/null)" ] && echo "$(cat $p/comm 2>/dev/null)"; done; true',
  'io-uring':
    'for p in /proc/[0-9]*; do ls -l $p/fd 2>/dev/null | grep -q "io_uring" && echo "$(cat $p/comm 2>/dev/null)"; done; true',
};

/** An entry by its name or one of its CVEs. @throws Fault host.shield-unknown, with the reason where a CVE cannot be stopped */
export function findShield(id: string, { entries, unstoppable }: ShieldFeed = SHIPPED_FEED): ShieldEntry {
  const found = entries.find((entry) => entry.id === id || entry.cves.includes(id.toUpperCase()));
  if (found !== undefined) return found;
  const why = unstoppable.find(({ cve }) => cve === id.toUpperCase())?.why;
  throw hostFault('host.shield-unknown', { id, why: why?.en ?? 'no entry of the feed has this name or CVE' });
}

/** What is known of an entry that is in no feed any more: nothing but that it was set. */
const NO_ENTRY: Omit<ShieldEntry, 'id'> = {
  ...{ title: { en: '-', es: '-' }, cves: [], option: '', controls: [], cost: { en: '-', es: '-' }, sources: [] },
};

function probed(control: ShieldControl, before: ProbeState = 'open', after: ProbeState = 'open') {
  return { control: sayControl(control), before, after };
}

export function sayControl(control: ShieldControl): Text {
  switch (control.kind) {
    case 'sysctl': {
      const text = `${control.name} = ${control.set}`;
      return { en: text, es: text };
    }
    case 'module':
      return {
        en: `modules kept out: ${control.names.join(', ')}`,
        es: `módulos impedidos: ${control.names.join(', ')}`,
      };
    case 'seccomp': {
      const what = [...control.calls, ...control.families.map((family) => `socket(${family})`)].join(', ');
      return {
        en: `containers that start from now on: no ${what}`,
        es: `contenedores que arranquen desde ahora: sin ${what}`,
      };
    }
  }
}

const sysctlPath = (name: string): string => `/proc/sys/${name.replaceAll('.', '/')}`;
const moduleFile = (id: string): string => `/etc/modprobe.d/darsena-shield-${id}.conf`;
const sysctlFile = (id: string): string => `/etc/sysctl.d/60-darsena-shield-${id}.conf`;
