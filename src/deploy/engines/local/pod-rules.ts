import type { ChildProcessByStdio } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { type CommandResult, commandFault, runCommand, startChild, type Text } from '../../../system/index.ts';

const NFT_MS = 10_000;
/** A table of a pod with all sets full of addresses is some 2 MB as JSON. */
const TABLE_BYTES_MAX = 16 * 1024 * 1024;

/** What is done with the rules of a pod: a script loaded as one transaction, or a table read as JSON. */
export type RulesAct = { readonly load: string } | { readonly list: string };

/** Runs nft inside the network of a process, with the rights that its owner has there. */
function runNft(pid: number, rootless: boolean, act: RulesAct): Promise<CommandResult> {
  const words = 'load' in act ? ['-f', '-'] : ['--json', 'list', 'table', 'inet', act.list];
  const input = 'load' in act ? act.load : '';
  return runCommand('nsenter', ['--target', String(pid), ...entering(rootless), 'nft', ...words], {
    input,
    timeoutMs: NFT_MS,
  });
}

function entering(rootless: boolean): readonly string[] {
  return rootless ? ['--user', '--preserve-credentials', '--net'] : ['--net'];
}

/**
 * Its folder is $0, the words to enter with are its arguments; a line of its input is the number of a request, a process, and a
 * table to read or nothing. What was printed is in files, so that nothing but numbers passes through the shell.
 */
const SHELL = `
while read -r number pid table; do
  if [ -n "$table" ]; then
    nsenter --target "$pid" "$@" nft --json list table inet "$table" >"$0/$number.out" 2>"$0/err" </dev/null
  else
    nsenter --target "$pid" "$@" nft -f "$0/$number.in" >/dev/null 2>"$0/err" </dev/null
  fi
  code=$?
  [ $code = 0 ] || mv "$0/err" "$0/$number.err"
  echo "$number $code"
done
rm -rf -- "$0"
`;

/** The shell ended, or took too long, before it answered. */
const GONE = Symbol('gone');

interface Shell {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  readonly folder: string;
  /** Who waits for its answer, by number. */
  readonly waiting: Map<number, (code: number | typeof GONE) => void>;
}

/**
 * Starts nft for many pods. To start a program, Node copies the tables of its own memory and stands still until the program
 * runs: 1.5 ms of processor time and 4 to 20 ms of waiting, in which no other pod gets on. A shell of a megabyte, which ends
 * with this process, does it for a tenth of that. What it does not answer is done without it.
 */
export class PodRules {
  readonly #rootless: boolean;
  #shell: Shell | null = null;
  #next = 1;

  constructor(rootless: boolean) {
    this.#rootless = rootless;
  }

  /** @param pid a process in the pod's network */
  async run(pid: number, act: RulesAct): Promise<CommandResult> {
    // What goes through the shell is a number and a plain word, whoever asks.
    const table = 'list' in act ? act.list : '';
    if (!Number.isSafeInteger(pid) || pid < 1 || !/^[a-z_]*$/.test(table)) throw new TypeError('no process or table');
    const number = this.#next++;
    this.#shell ??= this.#begin();
    const shell = this.#shell;
    const file = (ending: string): string => join(shell.folder, `${number}.${ending}`);
    try {
      if ('load' in act) await writeFile(file('in'), act.load, { mode: 0o600 });
      const code = await this.#ask(shell, number, `${number} ${pid} ${table}\n`);
      if (code === GONE) return await runNft(pid, this.#rootless, act);
      const stderr = code === 0 ? '' : await readFile(file('err'), 'utf8');
      return { code, stdout: code === 0 && 'list' in act ? await readBounded(file('out')) : '', stderr };
    } catch (error) {
      // The folder goes with the shell, or somebody cleans up below /tmp.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      this.#drop(shell);
      return await runNft(pid, this.#rootless, act);
    } finally {
      for (const ending of ['load' in act ? 'in' : 'out', 'err']) await rm(file(ending), { force: true });
    }
  }

  close(): void {
    // Without input it ends, and takes its folder away.
    this.#shell?.child.stdin.end();
    this.#shell = null;
  }

  async #ask(shell: Shell, number: number, line: string): Promise<number | typeof GONE> {
    const { child, waiting } = shell;
    const { promise, resolve } = Promise.withResolvers<number | typeof GONE>();
    waiting.set(number, resolve);
    child.ref();
    const timer = setTimeout(() => this.#drop(shell), NFT_MS);
    child.stdin.write(line, (error) => {
      if (error !== null && error !== undefined) resolve(GONE);
    });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      waiting.delete(number);
      if (waiting.size === 0) child.unref();
    }
  }

  #begin(): Shell {
    const folder = mkdtempSync(join(tmpdir(), 'darsena-rules-'));
    const child = startShell(folder, entering(this.#rootless));
    const shell: Shell = { child, folder, waiting: new Map() };
    let rest = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [number, code] = line.split(' ').map(Number);
        shell.waiting.get(number ?? 0)?.(code ?? 1);
      }
    });
    child.once('exit', () => this.#drop(shell));
    child.once('error', () => this.#drop(shell));
    child.stdin.on('error', () => this.#drop(shell));
    for (const stream of [child.stdin, child.stdout]) (stream as Socket).unref();
    child.unref();
    return shell;
  }

  /** Those that wait are told, and the next one begins another shell. */
  #drop(shell: Shell): void {
    if (this.#shell === shell) this.#shell = null;
    const { child, folder, waiting } = shell;
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
    for (const answer of waiting.values()) answer(GONE);
    rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

function startShell(folder: string, words: readonly string[]): Shell['child'] {
  try {
    return startChild('/bin/sh', ['-c', SHELL, folder, ...words], {
      // A group of its own, so that what it started ends with it.
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
}

async function readBounded(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > TABLE_BYTES_MAX) throw commandFault('system.command-output', { file: 'nft', bytes: TABLE_BYTES_MAX });
  return await readFile(path, 'utf8');
}

/** Null when rules inside pods can be loaded on this host; otherwise why not. */
export async function rulesMissing(): Promise<Text | null> {
  try {
    const { code } = await runCommand('nft', ['--version'], { timeoutMs: 5_000 });
    if (code === 0) return null;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
  return {
    en: 'environments are not kept apart, and ports of services cannot be redirected: the program nft is not installed (package nftables)',
    es: 'los entornos no quedan separados ni se pueden redirigir puertos de servicios: falta el programa nft (paquete nftables)',
  };
}
