import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileReason, writeFileAtomic } from '../system/index.ts';
import { trustFault } from './errors.ts';
import { networkReason } from './network-reason.ts';
import { reasonInWords } from './reason-words.ts';
import type { TufMirror, TufState } from './tuf.ts';

const TIMEOUT_MS = 30_000;
const STATE = ['timestamp', 'snapshot', 'targets'] as const;

/** A mirror of TUF metadata: `metadata/` or the top for metadata, `targets/` for targets, as Sigstore's is laid out. */
export function tufMirror(address: string): TufMirror {
  const read = /^https?:\/\//.test(address) ? readUrl : readPath;
  const base = address.replace(/\/+$/, '');
  return {
    metadata: (name, maxBytes) => read(`${base}/${name}`, maxBytes),
    target: (path, maxBytes) => read(`${base}/targets/${path}`, maxBytes),
  };
}

/** A redirection is not followed: the mirror is the one that was named. */
async function readUrl(url: string, maxBytes: number): Promise<Uint8Array | null> {
  let response: Response;
  try {
    response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (cause) {
    const { en, es } = networkReason(cause);
    throw trustFault('trust.tuf-refused', { reason: { en: `${url}: ${en}`, es: `${url}: ${es}` } }, { cause });
  }
  if (response.status === 404 || response.status === 403) {
    await response.body?.cancel();
    return null;
  }
  if (!response.ok || response.body === null) throw refused(`${url} answered ${response.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw refused(`${url} sends more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function readPath(path: string, maxBytes: number): Promise<Uint8Array | null> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    if (size > maxBytes) throw refused(`${path} is larger than ${maxBytes} bytes`);
    return await file.readFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** What the client kept; the root that was given by hand where nothing was kept yet. */
export async function readTufState(folder: string, initialRoot: string | null): Promise<TufState> {
  const kept = async (name: string): Promise<Buffer | null> => {
    try {
      return await readFile(join(folder, `${name}.json`));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  };
  const root = (await kept('root')) ?? (initialRoot === null ? null : await readGiven(initialRoot));
  if (root === null) throw refused('there is no root yet: give the first one with --root FILE');
  return { root, timestamp: await kept('timestamp'), snapshot: await kept('snapshot'), targets: await kept('targets') };
}

async function readGiven(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw trustFault('trust.file-unreadable', { file, reason: fileReason(error) }, { cause: error });
  }
}

function refused(reason: string): Error {
  return trustFault('trust.tuf-refused', { reason: reasonInWords(reason) });
}

/** The root first: a crash in between leaves a state from which the next update goes on. */
export async function writeTufState(folder: string, state: TufState): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFileAtomic(join(folder, 'root.json'), state.root, { mode: 0o644 });
  for (const name of STATE) {
    const bytes = state[name];
    if (bytes !== null) await writeFileAtomic(join(folder, `${name}.json`), bytes, { mode: 0o644 });
  }
}
