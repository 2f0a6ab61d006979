import { createHash } from 'node:crypto';
import { type CommandOptions, type CommandResult, commandFault, runCommand, startChild } from '../../system/index.ts';
import { requireDone } from './freeze.ts';

/** Runs a tool where the files of volumes can be read: as root, or in the user's own namespace. */
export interface Tools {
  run(program: string, words: readonly string[], options: CommandOptions): Promise<CommandResult>;
  /** The program and words as they are started. */
  command(program: string, words: readonly string[]): readonly [string, readonly string[]];
}

/** Without root, files of containers belong to numbers that only a namespace of the user's shows. */
export function createTools(rootless: boolean, env: Readonly<Record<string, string>>): Tools {
  const command = (program: string, words: readonly string[]): readonly [string, readonly string[]] =>
    rootless ? ['podman', ['unshare', program, ...words]] : [program, words];
  return {
    command,
    run: (program, words, options) => {
      const [file, args] = command(program, words);
      return runCommand(file, args, { ...options, env: { ...env, ...options.env } });
    },
  };
}

export interface TreeHash {
  /** SHA-256, lower-case hexadecimal. */
  readonly tree: string;
  readonly files: number;
  readonly bytes: number;
}

/**
 * The hash of all that a folder holds: names, kinds, owners, modes, times to the second, links and contents, in one order,
 * as GNU tar writes it. Equal trees have equal hashes on whatever file system.
 */
export async function hashTree(
  tools: Tools,
  path: string,
  options: {
    readonly timeoutMs: number;
    readonly signal?: AbortSignal;
    readonly env: Readonly<Record<string, string>>;
  },
): Promise<TreeHash> {
  const { files, bytes } = await countTree(tools, path, options.timeoutMs, options.signal);
  const words = ['--create', '--sort=name', '--numeric-owner', '--format=gnu', '--one-file-system'];
  const [program, args] = tools.command('tar', [...words, '--warning=no-file-ignored', '-C', path, '.']);
  const hash = createHash('sha256');
  options.signal?.throwIfAborted();
  const child = startChild(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...options.env } });
  let isCut = false;
  const cut = (): void => {
    isCut = true;
    child.kill('SIGKILL');
    // Without root its own child is the one that writes.
    child.stdout.destroy();
  };
  const timer = setTimeout(cut, options.timeoutMs);
  options.signal?.addEventListener('abort', cut, { once: true });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (stderr.length < 4_096) stderr += chunk.toString('utf8');
  });
  try {
    const ended = new Promise<number>((resolve, reject) => {
      child.once('error', (error: NodeJS.ErrnoException) =>
        reject(error.code === 'ENOENT' ? commandFault('system.command-missing', { file: program }) : error),
      );
      child.once('close', (code) => resolve(code ?? 137));
    });
    // Awaited behind its output: one that could not be started has failed by then.
    ended.catch(() => undefined);
    try {
      for await (const chunk of child.stdout) hash.update(chunk as Buffer);
    } catch (error) {
      if (!isCut) throw error;
    }
    const code = await ended;
    options.signal?.throwIfAborted();
    requireDone({ code, stdout: '', stderr }, { en: 'reading the volume', es: 'leer el volumen' }, 'tar');
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', cut);
  }
  return { tree: hash.digest('hex'), files, bytes };
}

/** Entries below a folder, without itself, and the bytes of its files. */
export async function countTree(
  tools: Tools,
  path: string,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<{ readonly files: number; readonly bytes: number }> {
  const what = { en: 'counting the volume', es: 'contar el volumen' };
  const options = { timeoutMs, ...(signal === undefined ? {} : { signal }) };
  const inodes = await tools.run('du', ['--inodes', '--summarize', '--one-file-system', '--', path], options);
  requireDone(inodes, what, 'du');
  const size = await tools.run(
    'du',
    ['--apparent-size', '--block-size=1', '--summarize', '--one-file-system', '--', path],
    options,
  );
  requireDone(size, what, 'du');
  return { files: Math.max(0, Number.parseInt(inodes.stdout, 10) - 1), bytes: Number.parseInt(size.stdout, 10) };
}
