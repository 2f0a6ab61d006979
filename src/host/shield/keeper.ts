import type { Text } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import type { PatchHost } from '../livepatch/driver.ts';
import { SHIELD, type ShieldControl, type ShieldEntry, UNSTOPPABLE } from './feed.ts';

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
}

/** `closed`: the way is shut; `open`: it is not; `later`: for containers that start from now on; `absent`: not on this kernel. */
export type ProbeState = 'closed' | 'open' | 'later' | 'absent';

/** Sets and takes back the entries of the feed on one machine. What is about to be done is written down first. */
export class ShieldKeeper {
  readonly #host: PatchHost;
  readonly #now: () => string;

  constructor(host: PatchHost, now: () => string) {
    this.#host = host;
    this.#now = now;
  }

  /** @throws Fault host.shield-unknown, host.shield-idle, host.shield-refused */
  async apply(name: string): Promise<ShieldOutcome> {
    const entry = findShield(name);
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
    const after = await this.#probe(entry);
    return { entry: id, probes: entry.controls.map((control, at) => probed(control, before[at], after[at])) };
  }

  /** Everything back as it was; an entry that is not set is no fault. @throws Fault host.shield-unknown */
  async undo(name: string): Promise<ShieldOutcome> {
    const entry = findShield(name);
    const { id } = entry;
    const before = await this.#probe(entry);
    const record = await this.#record(id);
    if (record !== null) {
      await this.#keep({ ...record, state: 'leaving' });
      for (const { sysctl, value } of record.before) await this.#host.write(sysctlPath(sysctl), value);
      await this.#host.remove(moduleFile(id));
      await this.#host.remove(sysctlFile(id));
      await this.#host.remove(`${SHIELD_RECORDS}/${id}.json`);
    }
    const after = await this.#probe(entry);
    return { entry: id, probes: entry.controls.map((control, at) => probed(control, before[at], after[at])) };
  }

  /** Ends what a killed agent began, and sets switches again after a start of the machine. */
  async restore(): Promise<void> {
    const failures: unknown[] = [];
    for (const { id } of SHIELD) {
      try {
        const record = await this.#record(id);
        if (record?.state === 'leaving') await this.undo(id);
        else if (record !== null) await this.apply(id);
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
    for (const { id, controls } of SHIELD) {
      const calls = controls.filter((control) => control.kind === 'seccomp');
      if (calls.length > 0 && (await this.#record(id))?.state === 'on') found.push(...calls);
    }
    return found;
  }

  /** What an entry would break now: nothing is changed. */
  async tryOut(name: string): Promise<{ readonly entry: string; readonly would: readonly Text[] }> {
    const entry = findShield(name);
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

  async #probe({ controls }: ShieldEntry): Promise<ProbeState[]> {
    return Promise.all(
      controls.map(async (control): Promise<ProbeState> => {
        if (control.kind === 'seccomp') return 'later';
        if (control.kind === 'sysctl') {
          const value = (await this.#host.read(sysctlPath(control.name)))?.trim();
          return value === undefined ? 'absent' : control.closed.includes(value) ? 'closed' : 'open';
        }
        if ((await this.#host.read('/proc/modules')) === null) return 'absent';
        const loaded = await this.#loaded();
        if (control.names.some((name) => loaded.has(name))) return 'open';
        const file = (await this.#host.read(moduleFileOf(control))) ?? '';
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

  async #record(id: string): Promise<ShieldRecord | null> {
    const text = await this.#host.read(`${SHIELD_RECORDS}/${id}.json`);
    return text === null || text.trim() === '' ? null : (JSON.parse(text) as ShieldRecord);
  }

  #keep(record: ShieldRecord): Promise<void> {
    return this.#host.put(`${SHIELD_RECORDS}/${record.id}.json`, Buffer.from(JSON.stringify(record)));
  }
}

/** What a person would miss, seen in /proc: names of programs that use it now. */
const LOOKS: Readonly<Record<string, string>> = {
  'user-namespaces':
    'own=$(readlink /proc/self/ns/user); for p in /proc/[0-9]*; do ns=$(readlink $p/ns/user 2>/dev/null); [ -n "$ns" ] && [ "$ns" != "$own" ] && [ -n "$(readlink $p/exe 2>/dev/null)" ] && echo "$(cat $p/comm 2>/dev/null)"; done; true',
  'io-uring':
    'for p in /proc/[0-9]*; do ls -l $p/fd 2>/dev/null | grep -q "io_uring" && echo "$(cat $p/comm 2>/dev/null)"; done; true',
};

/** An entry by its name or one of its CVEs. @throws Fault host.shield-unknown, with the reason where a CVE cannot be stopped */
export function findShield(id: string): ShieldEntry {
  const found = SHIELD.find((entry) => entry.id === id || entry.cves.includes(id.toUpperCase()));
  if (found !== undefined) return found;
  const why = UNSTOPPABLE.find(({ cve }) => cve === id.toUpperCase())?.why;
  throw hostFault('host.shield-unknown', { id, why: why?.en ?? 'no entry of the feed has this name or CVE' });
}

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

function moduleFileOf(control: ShieldControl): string {
  return moduleFile(SHIELD.find(({ controls }) => controls.includes(control))?.id ?? '');
}
