import { chmod, chown, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../../system/index.ts';
import type { CheckResult, CheckState, Fix } from './check.ts';

/** An accepted failure, until its day. */
export interface BenchException {
  readonly id: string;
  readonly reason: string;
  /** RFC 3339. */
  readonly until: string;
}

interface Undo {
  readonly id: string;
  readonly at: string;
  readonly fix: Fix;
  /** What stood there before. */
  readonly before: { readonly mode?: number; readonly uid?: number; readonly gid?: number; readonly value?: string };
}

/** What a machine remembers between looks at it. */
interface Ledger {
  readonly at: string | null;
  readonly states: Readonly<Record<string, CheckState>>;
  readonly exceptions: readonly BenchException[];
  readonly undo: readonly Undo[];
}

const EMPTY: Ledger = { at: null, states: {}, exceptions: [], undo: [] };
/** Where switches stay after a start. */
const SYSCTL_FILE = '/etc/sysctl.d/60-darsena-bench.conf';

export interface Change {
  readonly id: string;
  readonly from: CheckState;
  readonly to: CheckState;
}

/** The former results of this machine, its exceptions and what can be taken back. */
export class BenchLedger {
  readonly #path: string;
  #ledger: Ledger;

  private constructor(path: string, ledger: Ledger) {
    this.#path = path;
    this.#ledger = ledger;
  }

  static async open(path = ledgerPath()): Promise<BenchLedger> {
    return new BenchLedger(path, await readLedger(path));
  }

  /** Exceptions that still hold at `now` (RFC 3339). */
  exceptions(now: string): readonly BenchException[] {
    return this.#ledger.exceptions.filter(({ until }) => until > now);
  }

  /** What is another than at the last look. */
  changes(results: readonly CheckResult[]): Change[] {
    return results.flatMap(({ id, state }) => {
      const from = this.#ledger.states[id];
      return from === undefined || from === state ? [] : [{ id, from, to: state }];
    });
  }

  get since(): string | null {
    return this.#ledger.at;
  }

  async remember(results: readonly CheckResult[], at: string): Promise<void> {
    const states = Object.fromEntries(results.map(({ id, state }) => [id, state]));
    await this.#change((ledger) => ({ ...ledger, at, states }));
  }

  async except(exception: BenchException): Promise<void> {
    await this.#change((ledger) => {
      const others = ledger.exceptions.filter(({ id }) => id !== exception.id);
      return { ...ledger, exceptions: [...others, exception] };
    });
  }

  /** What was mended here and can be taken back, the last one first. */
  get mended(): readonly { readonly id: string; readonly at: string; readonly fix: Fix }[] {
    return [...this.#ledger.undo].reverse().map(({ id, at, fix }) => ({ id, at, fix }));
  }

  /**
   * Makes one change, and writes down first what was there, so that a kill in between loses nothing.
   * @throws the system's error, with nothing changed and nothing left to take back
   */
  async fix(id: string, fix: Fix, at: string): Promise<void> {
    const one: Undo = { id, at, fix, before: await readBefore(fix) };
    await this.#change((ledger) => ({ ...ledger, undo: [...ledger.undo, one] }));
    try {
      await apply(one);
    } catch (error) {
      await this.#forget(one);
      throw error;
    }
  }

  /**
   * Takes changes back, the last one first; answers their checks.
   * @param only of these checks; none: all
   */
  async undo(only: readonly string[] = []): Promise<string[]> {
    const done: string[] = [];
    for (const one of [...this.#ledger.undo].reverse()) {
      if (only.length > 0 && !only.includes(one.id)) continue;
      await takeBack(one);
      done.push(one.id);
      await this.#forget(one);
    }
    return done;
  }

  async #forget(one: Undo): Promise<void> {
    const text = JSON.stringify(one);
    await this.#change((ledger) => ({
      ...ledger,
      undo: ledger.undo.filter((other) => JSON.stringify(other) !== text),
    }));
  }

  /** On what is written by now: a look takes seconds, and what somebody mended meanwhile must not be forgotten with it. */
  async #change(edit: (ledger: Ledger) => Ledger): Promise<void> {
    const ledger = edit(await readLedger(this.#path));
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    await writeFileAtomic(this.#path, JSON.stringify(ledger), { mode: 0o600 });
    this.#ledger = ledger;
  }
}

async function readLedger(path: string): Promise<Ledger> {
  try {
    return { ...EMPTY, ...(JSON.parse(await readFile(path, 'utf8')) as Ledger) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return EMPTY;
  }
}

function ledgerPath(): string {
  if (process.geteuid?.() === 0) return '/var/lib/darsena-bench/ledger.json';
  return join(process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'darsena', 'bench.json');
}

const switchPath = (name: string): string => `/proc/sys/${name.replaceAll('.', '/')}`;

async function readBefore(fix: Fix): Promise<Undo['before']> {
  if (fix.kind === 'sysctl') return { value: (await readFile(switchPath(fix.name), 'utf8')).trim() };
  const { mode, uid, gid } = await stat(fix.path);
  return { mode: mode & 0o7777, uid, gid };
}

async function apply({ fix, before }: Undo): Promise<void> {
  switch (fix.kind) {
    case 'mode':
      return chmod(fix.path, fix.mode);
    case 'owner':
      return chown(fix.path, fix.uid, fix.gid);
    case 'sysctl':
      await writeFile(switchPath(fix.name), fix.value);
      try {
        await requireSwitch(fix.name, fix.value);
        return await keepSwitch(fix.name, fix.value);
      } catch (error) {
        await writeFile(switchPath(fix.name), before.value ?? '');
        throw error;
      }
  }
}

async function takeBack({ fix, before }: Undo): Promise<void> {
  switch (fix.kind) {
    case 'mode':
      return unlessGone(chmod(fix.path, before.mode ?? fix.mode));
    case 'owner':
      return unlessGone(chown(fix.path, before.uid ?? 0, before.gid ?? 0));
    case 'sysctl':
      await unlessGone(writeFile(switchPath(fix.name), before.value ?? '', { flag: 'r+' }));
      return keepSwitch(fix.name, null);
  }
}

/** What is not there any more has nothing to be taken back, and must not keep the others from it. */
async function unlessGone(change: Promise<void>): Promise<void> {
  try {
    await change;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** A kernel that takes a value without obeying it has not been mended. */
async function requireSwitch(name: string, value: string): Promise<void> {
  const now = (await readFile(switchPath(name), 'utf8')).trim();
  if (now !== value) throw new Error(`${name} stays ${now}`);
}

/** The line of one switch in the file that is read at each start; null takes it out. */
async function keepSwitch(name: string, value: string | null): Promise<void> {
  const text = await readFile(SYSCTL_FILE, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith(`${name} `));
  if (value !== null) lines.push(`${name} = ${value}`);
  if (lines.length === 0) await rm(SYSCTL_FILE, { force: true });
  else await writeFileAtomic(SYSCTL_FILE, `${lines.join('\n')}\n`, { mode: 0o644 });
}
