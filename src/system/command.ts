import { spawn } from 'node:child_process';
import { defineFaults } from './fault.ts';

export const commandFault = defineFaults({
  'system.command-missing': {
    kind: 'needs',
    en: { what: 'the program {file} is not installed', remedy: 'darsena doctor' },
    es: { what: 'el programa {file} no está instalado', remedy: 'darsena doctor' },
  },
  'system.command-timeout': {
    kind: 'unavailable',
    en: { what: '{file} did not finish', why: 'it was ended after {seconds} s' },
    es: { what: '{file} no terminó', why: 'se detuvo a los {seconds} s' },
  },
  'system.command-output': {
    kind: 'exhausted',
    en: { what: '{file} printed too much', why: 'more than {bytes} bytes' },
    es: { what: '{file} imprimió demasiado', why: 'más de {bytes} bytes' },
  },
});

export interface CommandOptions {
  readonly input?: string | Uint8Array;
  /** The whole environment of the child; PATH and HOME are not inherited unless they are in it. Default: this process's. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly timeoutMs: number;
  /** Bytes kept of each stream. @default 16 MiB; more is a fault, never a silent cut. */
  readonly maxOutputBytes?: number;
  readonly signal?: AbortSignal;
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
}

export interface CommandResult {
  /** Exit code; 128 + signal number when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * `spawn` of node:child_process, whose child has its streams. Without a descriptor left Node gives a child that has none, and
 * tells why by an event that comes when whoever asked for a stream has failed and nobody listens any more.
 *
 * @throws Error EMFILE, or another of fork(2)
 */
export const startChild = ((...args: Parameters<typeof spawn>) => {
  const child = spawn(...args);
  if (child.stdio !== undefined) return child;
  child.on('error', () => undefined); // it is thrown here
  throw Object.assign(new Error(`spawn ${args[0]} EMFILE: too many open files`), { code: 'EMFILE', syscall: 'spawn' });
}) as typeof spawn;

/**
 * Runs a program to its end with an array of arguments, never through a shell. The child leads its own process group, so
 * that a time-out or an abort ends its children too.
 * @throws Fault system.command-missing, system.command-timeout, system.command-output; the signal's reason when aborted.
 */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  options.signal?.throwIfAborted();
  const maxBytes = options.maxOutputBytes ?? 16 * 1024 * 1024;
  const child = startChild(file, args, {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.env === undefined ? {} : { env: { ...options.env } }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  let failure: unknown;
  const end = (reason: unknown): void => {
    failure ??= reason;
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) killGroup(child.pid);
    // What it started may have left its group and hold its output open as long as it lives.
    child.stdout.destroy();
    child.stderr.destroy();
  };
  const timer = setTimeout(
    () => end(commandFault('system.command-timeout', { file, seconds: options.timeoutMs / 1000 })),
    options.timeoutMs,
  );
  const onAbort = (): void => end(options.signal?.reason);
  options.signal?.addEventListener('abort', onAbort, { once: true });

  const collect = (stream: NodeJS.ReadableStream, name: 'stdout' | 'stderr'): (() => string) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let rest = '';
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        end(commandFault('system.command-output', { file, bytes: maxBytes }));
        return;
      }
      chunks.push(chunk);
      if (options.onLine === undefined) return;
      const lines = (rest + chunk.toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) options.onLine(line, name);
    });
    stream.on('end', () => {
      if (rest !== '') options.onLine?.(rest, name);
    });
    return () => Buffer.concat(chunks).toString('utf8');
  };
  const stdout = collect(child.stdout, 'stdout');
  const stderr = collect(child.stderr, 'stderr');
  // A child that ends before it has read its input closes the pipe; its exit code tells the story, not EPIPE.
  child.stdin.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') end(error);
  });
  child.stdin.end(options.input ?? '');

  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        reject(error.code === 'ENOENT' ? commandFault('system.command-missing', { file }, { cause: error }) : error);
      });
      child.once('close', (exitCode, signal) => resolve(exitCode ?? 128 + signalNumber(signal)));
    });
    if (failure !== undefined) throw failure;
    return { code, stdout: stdout(), stderr: stderr() };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // ESRCH: the group ended between the check and the signal.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === 'SIGKILL' ? 9 : signal === 'SIGTERM' ? 15 : 1;
}
