import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RuleText, Tuning } from '../../detect/index.ts';
import type { LastAnswer, LastQuestion } from '../../detect/try-kept.ts';
import { defineFaults, type Json, startChild, type Text } from '../../system/index.ts';
import type { KeptRulesTask } from '../link/protocol.ts';

export const keptFault = defineFaults({
  'agent.kept-unreadable': {
    kind: 'unavailable',
    en: {
      what: 'the rules could not be tried on what this host kept',
      why: '{why}',
      remedy: 'ask for fewer days or one project; darsena logs agent',
    },
    es: {
      what: 'no se pudieron probar las reglas con lo que este host guardó',
      why: '{why}',
      remedy: 'preguntar por menos días o por un proyecto; darsena logs agent',
    },
  },
  'agent.nothing-kept': {
    kind: 'unavailable',
    en: {
      what: 'this host keeps no events',
      why: 'no sensor runs on it',
      remedy: 'darsena status; a platform of an ordinary user has no sensor',
    },
    es: {
      what: 'este host no guarda eventos',
      why: 'no hay ningún sensor en él',
      remedy: 'darsena status; una plataforma de un usuario corriente no tiene sensor',
    },
  },
});

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** What is read until then is answered, with up to where it went. */
const DEADLINE_MS = 25_000;
/** Somebody waits to act: what was read until then is what there is. */
const LAST_DEADLINE_MS = 8_000;
/** A child that does not hold to it. */
const KILL_MS = DEADLINE_MS + 10_000;
const HEAP_MIB = 256;
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
const COMPLAINT_BYTES_MAX = 4_096;
/** Workloads go first. */
const NICE = '10';

/**
 * Tries rules on the files of a folder, in a child that may read them and its own code and nothing else.
 *
 * @throws Fault agent.kept-unreadable
 */
export async function askKept(
  task: KeptRulesTask,
  ground: { readonly folder: string; readonly files: readonly RuleText[]; readonly tunings: readonly Tuning[] },
  signal: AbortSignal,
): Promise<Json> {
  const { kind: _kind, ...question } = task;
  return askChild({ question, ground: { ...ground, deadlineMs: DEADLINE_MS } }, ground.folder, signal);
}

/**
 * What was last in a container, by the same child.
 *
 * @throws Fault agent.kept-unreadable
 */
export async function askLast(last: LastQuestion, folder: string, signal: AbortSignal): Promise<LastAnswer> {
  const answer = await askChild({ last, ground: { folder, deadlineMs: LAST_DEADLINE_MS } }, folder, signal);
  return answer as unknown as LastAnswer;
}

async function askChild(order: object, folder: string, signal: AbortSignal): Promise<Json> {
  const code = ['src', 'rules', 'node_modules', 'package.json'].map((name) => join(ROOT, name));
  const child = startChild(
    'nice',
    [
      ...['-n', NICE, process.execPath, '--permission', '--no-warnings', `--max-old-space-size=${HEAP_MIB}`],
      ...[...code, folder].map((path) => `--allow-fs-read=${path}`),
      join(ROOT, 'src/programs/kept-rules.ts'),
    ],
    { cwd: '/', env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }, stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const parts: Buffer[] = [];
  let [bytes, complaint] = [0, ''];
  let why: Text | string | null = null;
  const stop = (reason: Text): void => {
    why ??= reason;
    child.kill('SIGKILL');
  };
  const seconds = KILL_MS / 1_000;
  const late = { en: `it took longer than ${seconds} s`, es: `tardó más de ${seconds} s` };
  const timer = setTimeout(() => stop(late), KILL_MS);
  const onAbort = (): void => stop({ en: 'nobody waits for it any more', es: 'ya nadie espera la respuesta' });
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    child.stdout.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes > ANSWER_BYTES_MAX) stop({ en: 'the answer is too long', es: 'la respuesta es demasiado larga' });
      else parts.push(part);
    });
    child.stderr.on('data', (part: Buffer) => {
      complaint = `${complaint}${part.toString('utf8')}`.slice(0, COMPLAINT_BYTES_MAX);
    });
    // EPIPE: the child has ended, and says why itself.
    child.stdin.on('error', () => undefined);
    child.stdin.end(JSON.stringify(order));
    const ended = await new Promise<number | null>((resolve) => {
      child.once('error', (error) => {
        why ??= error.message;
        resolve(null);
      });
      child.once('close', resolve);
    });
    if (ended !== 0) why ??= lastLine(complaint) ?? { en: 'it ended early', es: 'terminó antes de tiempo' };
    if (why !== null) throw keptFault('agent.kept-unreadable', { why });
    return JSON.parse(Buffer.concat(parts).toString('utf8')) as Json;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    child.kill('SIGKILL');
  }
}

function lastLine(text: string): string | null {
  const line = text.trim().split('\n').at(-1);
  return line === undefined || line === '' ? null : line;
}
