import { z } from 'zod';
import type { KernelShut, ShutMeans } from '../../observe/index.ts';
import { hostFault } from '../errors.ts';
import { parseLoadedModules } from '../gather.ts';
import { MODULE_LOG_MAX_BYTES, MODULE_LOG_SHOWN, MODULES_MAX } from '../limits.ts';
import type { PatchHost } from '../livepatch/driver.ts';
import { keptFor, parseModulesDep, withNeeds } from './kept.ts';

export const MODULE_RECORDS = '/var/lib/darsena-modules';
const STATE = `${MODULE_RECORDS}/state.json`;
const LOGGER = `${MODULE_RECORDS}/log-load`;
const LOG = `${MODULE_RECORDS}/would-block.log`;
const CONFIG = '/etc/modprobe.d/darsena-modules.conf';

/**
 * modprobe.d(5) starts this instead of loading: it writes the name down and loads, with the options that were given. PATH is
 * not given by the kernel. What cannot be loaded may be asked for by anybody again and again, so the log has an end.
 */
const LOGGER_TEXT = `#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
if [ "$(stat -c %s ${LOG} 2>/dev/null || echo 0)" -lt ${MODULE_LOG_MAX_BYTES} ]; then
  echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $1" >> ${LOG}
fi
exec /sbin/modprobe --ignore-install "$@"
`;

const name = z.string().regex(/^[A-Za-z0-9_]{1,64}$/);
const state = z.object({
  mode: z.enum(['trial', 'enforce']),
  /** RFC 3339 */
  since: z.string(),
  /** Names that may be loaded, as ordered; what they need, what is loaded and what security needs come to them. */
  allow: z.array(name).max(MODULES_MAX),
});

/** What control asks of a host's modules. What is never kept out is decided by the host's own code. */
export interface ModuleTask {
  readonly kind: 'kernel-modules';
  readonly change: 'trial' | 'enforce' | 'undo' | 'status';
  /** Names that may be loaded; of no meaning to undo and status. */
  readonly allow: readonly string[];
}

export interface ModuleStanding {
  readonly mode: 'off' | 'trial' | 'enforce';
  readonly since: string | null;
  /** Modules on disk for the running kernel, and how many of them are kept out, or would be. */
  readonly onDisk: number;
  readonly kept: number;
  /** Names that were asked to be kept out and are not, as security or containers need them or they are in use. */
  readonly spared: number;
  /** In a trial: what was loaded that would have been refused. */
  readonly wouldBlock: readonly { readonly module: string; readonly times: number; readonly last: string }[];
  /** Security modules of the running kernel. */
  readonly lsm: readonly string[];
  /** Whether the kernel itself refuses what the list lacks, whoever asks and by whatever way; else why only modprobe does. */
  readonly kernel: { readonly means: ShutMeans | null; readonly why: string | null; readonly refused: number };
}

/** Refusals by the kernel itself, where there are such. */
export type ModuleShut = Pick<KernelShut, 'keepModules' | 'standing'>;

/** Keeps out of one machine's kernel the modules that its allow-list does not name. */
export class ModuleKeeper {
  readonly #host: PatchHost;
  readonly #now: () => string;
  readonly #shut: ModuleShut | null;

  /** @param shut null: modprobe.d alone */
  constructor(host: PatchHost, now: () => string, shut: ModuleShut | null = null) {
    this.#host = host;
    this.#now = now;
    this.#shut = shut;
  }

  /** @throws Fault host.modules-none when this kernel loads none */
  do({ change, allow }: ModuleTask): Promise<ModuleStanding> {
    if (change === 'status') return this.standing();
    return change === 'undo' ? this.undo() : this.apply(change, allow);
  }

  /** @throws Fault host.modules-none when this kernel loads none */
  async apply(mode: 'trial' | 'enforce', allow: readonly string[]): Promise<ModuleStanding> {
    const { keep, allowed, compressed } = await this.#parted(allow);
    const former = await this.#state();
    const since = former?.mode === mode ? former.since : this.#now();
    if (mode === 'trial') await this.#host.put(LOGGER, Buffer.from(LOGGER_TEXT));
    // Written down first: a start of the agent ends what was begun.
    await this.#host.put(STATE, Buffer.from(JSON.stringify({ mode, since, allow })));
    const command = (one: string): string =>
      mode === 'enforce' ? `install ${one} /bin/false` : `install ${one} /bin/sh ${LOGGER} ${one} $CMDLINE_OPTS`;
    const text = `# darsena kernel modules ${mode}; undone by: darsena kernel modules undo\n${keep.map((one) => `${command(one)}\n`).join('')}`;
    await this.#host.put(CONFIG, Buffer.from(text));
    // A packed module may come from modprobe's memory: then the kernel is not told its name, and modprobe.d alone answers.
    const answer = this.#shut?.keepModules(mode === 'enforce' ? { allowed, memory: !compressed } : null);
    return this.standing(mode === 'enforce' ? answer : undefined);
  }

  /** Everything as it was. */
  async undo(): Promise<ModuleStanding> {
    this.#shut?.keepModules(null);
    await this.#host.remove(CONFIG);
    for (const path of [LOGGER, LOG, STATE]) await this.#host.remove(path);
    return this.standing();
  }

  /** After a start, perhaps of another kernel: what is kept out follows from what is there now. */
  async restore(): Promise<void> {
    const known = await this.#state();
    if (known !== null) await this.apply(known.mode, known.allow);
  }

  /** @param answer what the kernel said to the list just now */
  async standing(answer?: ReturnType<ModuleShut['keepModules']>): Promise<ModuleStanding> {
    const known = await this.#state();
    const lsm = ((await this.#host.read('/sys/kernel/security/lsm')) ?? '').trim().split(',').filter(Boolean);
    if (known === null) {
      const onDisk = (await this.#onDisk())?.length ?? 0;
      return { mode: 'off', since: null, onDisk, kept: 0, spared: 0, wouldBlock: [], lsm, kernel: NOT_BY_KERNEL };
    }
    const { onDisk, keep, spared } = await this.#parted(known.allow);
    const log = known.mode === 'trial' ? readLog((await this.#host.read(LOG)) ?? '') : [];
    return {
      ...{ mode: known.mode, since: known.since, onDisk, kept: keep.length, spared, lsm },
      wouldBlock: log.slice(0, MODULE_LOG_SHOWN),
      kernel: known.mode === 'trial' || this.#shut === null ? NOT_BY_KERNEL : this.#sayKernel(answer),
    };
  }

  #sayKernel(answer: ReturnType<ModuleShut['keepModules']> | undefined): ModuleStanding['kernel'] {
    if (answer !== undefined && 'why' in answer) return { ...NOT_BY_KERNEL, why: answer.why };
    const state = this.#shut?.standing() ?? null;
    return state?.modules === true ? { means: state.means, why: null, refused: state.refused.modules } : NOT_BY_KERNEL;
  }

  /** Modules of the running kernel that are to be kept out, by name, and those that are not. */
  async #parted(allow: readonly string[]): Promise<{
    onDisk: number;
    keep: string[];
    spared: number;
    allowed: string[];
    compressed: boolean;
  }> {
    const onDisk = await this.#onDisk();
    if (onDisk === null) throw hostFault('host.modules-none');
    const loaded = parseLoadedModules((await this.#host.read('/proc/modules')) ?? '').map((one) => one.name);
    const safe = onDisk.filter(({ name: own, path }) => keptFor(own, path) !== null).map((one) => one.name);
    const wanted = withNeeds(allow, onDisk);
    const all = withNeeds([...allow, ...loaded, ...safe], onDisk);
    const keep = onDisk.map((one) => one.name).filter((one) => !all.has(one));
    const spared = onDisk.filter(({ name: own }) => all.has(own) && !wanted.has(own)).length;
    const allowed = [...all].filter((one) => name.safeParse(one).success).sort();
    const compressed = onDisk.some(({ path }) => !path.endsWith('.ko'));
    return { onDisk: onDisk.length, keep: [...new Set(keep)].sort(), spared, allowed, compressed };
  }

  async #onDisk() {
    const release = ((await this.#host.read('/proc/sys/kernel/osrelease')) ?? '').trim();
    for (const folder of ['/lib/modules', '/usr/lib/modules']) {
      const text = await this.#host.read(`${folder}/${release}/modules.dep`);
      if (text !== null) return parseModulesDep(text).filter((one) => name.safeParse(one.name).success);
    }
    return null;
  }

  async #state(): Promise<z.infer<typeof state> | null> {
    const text = await this.#host.read(STATE);
    return text === null || text.trim() === '' ? null : state.parse(JSON.parse(text));
  }
}

const NOT_BY_KERNEL: ModuleStanding['kernel'] = { means: null, why: null, refused: 0 };

function readLog(text: string): { module: string; times: number; last: string }[] {
  const found = new Map<string, { module: string; times: number; last: string }>();
  for (const line of text.split('\n')) {
    const [last, module] = line.split(' ');
    if (last === undefined || module === undefined || module === '') continue;
    found.set(module, { module, times: (found.get(module)?.times ?? 0) + 1, last });
  }
  return [...found.values()].sort((a, b) => b.times - a.times || (a.module < b.module ? -1 : 1));
}
