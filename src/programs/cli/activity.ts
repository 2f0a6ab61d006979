import { createHash } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join, parse as parsePath } from 'node:path';
import { createGzip } from 'node:zlib';
import type { Activity } from '../../events/index.ts';
import { type CliProgram, defineFaults, streamToFile, type Text } from '../../system/index.ts';
import { readCount } from './exec.ts';
import { jsonText, printable } from './print.ts';

export const tailFault = defineFaults({
  'cli.workload-name': {
    kind: 'invalid',
    en: { what: '"{text}" is no workload', why: 'expected project/workload', remedy: 'darsena ps' },
    es: { what: '"{text}" no es una carga de trabajo', why: 'se esperaba proyecto/carga', remedy: 'darsena ps' },
  },
  'cli.capture-cut': {
    kind: 'unavailable',
    en: {
      what: 'the recording was cut',
      why: 'the connection ended before its seal came',
      remedy: 'what was written was removed; record again',
    },
    es: {
      what: 'la grabación se cortó',
      why: 'la conexión terminó antes de llegar su sello',
      remedy: 'se eliminó lo escrito; grabar de nuevo',
    },
  },
});

interface Place {
  readonly filter?: string;
  readonly workload?: string;
  readonly project?: string;
  readonly env?: string;
}

interface Batch {
  readonly host: string;
  readonly seen: number;
  readonly dropped: number;
  readonly events: readonly Activity[];
}

const SEAL_BYTES = 32;

/** `tail` and `capture`: what happens now, as it happens or as a recording. */
export function activityCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const place = <C extends ReturnType<typeof program.command>>(command: C): C =>
    command
      .argument('[filter...]', t({ en: 'as with --filter', es: 'como con --filter' }))
      .option(
        '--filter <condition>',
        t({ en: 'a condition in the language of detection rules', es: 'una condición en el lenguaje de las reglas' }),
      )
      .option('--workload <name>', t({ en: 'project/workload', es: 'proyecto/carga' }))
      .option('--project <name>', t({ en: 'of one project', es: 'de un proyecto' }))
      .option('--env <environment>', t({ en: 'of one environment', es: 'de un entorno' })) as C;

  place(program.command('tail'))
    .option('-n, --limit <number>', t({ en: 'end after so many', es: 'terminar tras tantos' }))
    .description(
      t({
        en: 'what processes in containers do now, until Ctrl-C; recorded in the audit log',
        es: 'qué hacen ahora los procesos de los contenedores, hasta Ctrl-C; queda en la auditoría',
      }),
    )
    .action(async (words: string[], options: Place & { limit?: string }) => {
      const query = queryOf(words, options);
      await warnOfNothing(query);
      const most = options.limit === undefined ? Number.POSITIVE_INFINITY : readCount(options.limit);
      let shown = 0;
      let dropped = 0;
      const cut = t({ en: '(truncated)', es: '(cortado)' });
      await api.stream(`/activity?${query}`, ({ event, data }) => {
        if (event === 'watching') {
          const { hosts, arguments: given, missing } = data as unknown as Watching;
          print.note({ en: `looking at ${hosts.join(', ')}`, es: `mirando ${hosts.join(', ')}` });
          if (!given)
            print.note({
              en: 'without command lines and arguments: your role does not show them',
              es: 'sin líneas de órdenes ni argumentos: su función no los muestra',
            });
          if (missing.length > 0)
            print.note({
              en: `not seen here, whatever the condition says: ${missing.join(', ')}`,
              es: `aquí no se ve, diga lo que diga la condición: ${missing.join(', ')}`,
            });
          return true;
        }
        if (event === 'host-away') {
          const { host } = data as { host: string };
          print.note({ en: `${host} shows no more`, es: `${host} ya no muestra nada` });
          return true;
        }
        if (event !== 'activity') return true;
        const batch = data as unknown as Batch;
        for (const one of batch.events) {
          // An object a line, as programs read streams.
          if (cli.output.json) process.stdout.write(`${jsonText({ host: batch.host, ...one })}\n`);
          else print.result(lineOf(one, cut));
          if (++shown >= most) return false;
        }
        if (batch.dropped > 0) {
          dropped += batch.dropped;
          print.note({
            en: `${batch.dropped} events not shown: too many at once (${dropped} so far)`,
            es: `${batch.dropped} eventos sin mostrar: demasiados a la vez (${dropped} hasta ahora)`,
          });
        }
        return true;
      });
    });

  place(program.command('capture'))
    .requiredOption('-w, --write <file>', t({ en: 'where to write it', es: 'dónde escribirla' }))
    .option('-M, --seconds <number>', t({ en: 'for how long', es: 'durante cuánto' }), '60')
    .option(
      '--host <name>',
      t({ en: 'on this host; again for another at the same time', es: 'en este host; repetir para otro a la vez' }),
      (value: string, before: readonly string[]) => [...before, value],
      [],
    )
    .option('--mebibytes <number>', t({ en: 'how large at most', es: 'tamaño máximo' }), '64')
    .description(
      t({
        en: 'record what processes in containers do, for darsena rules test; sealed with a hash that the audit log has',
        es: 'grabar qué hacen los procesos de los contenedores, para darsena rules test; sellada con un hash que queda en la auditoría',
      }),
    )
    .action(
      async (
        words: string[],
        options: Place & { write: string; seconds: string; mebibytes: string; host: readonly string[] },
      ) => {
        const query = queryOf(words, options);
        await warnOfNothing(query);
        query.set('seconds', options.seconds);
        query.set('bytes', String(Math.floor(Number(options.mebibytes) * 1024 * 1024)));
        // Each host's recording is whole by itself, with its own seal; they are taken at the same time.
        const several = options.host.length > 1;
        const wanted = options.host.length === 0 ? [null] : options.host;
        const results = await Promise.all(
          wanted.map((host) => captureOne(host, several ? fileOf(options.write, host ?? '') : options.write, query)),
        );
        if (cli.output.json) print.json(several ? { items: results } : results[0]);
        else
          for (const { file, bytes, sha256 } of results)
            print.result({
              en: `${file}: ${print.bytes(bytes)}, seal ${sha256}`,
              es: `${file}: ${print.bytes(bytes)}, sello ${sha256}`,
            });
      },
    );

  /** A name that is written wrong would be waited for without an end; one that is still to come may be. */
  async function warnOfNothing(query: URLSearchParams): Promise<void> {
    const [project, environment, workload] = [query.get('project'), query.get('environment'), query.get('workload')];
    const place = { project, environment, workload };
    if (place.project === null && place.environment === null) return;
    const { items } = await api.get<{ items: Parameters<typeof warningOfNothing>[0] }>('/workloads');
    const warning = warningOfNothing(items, place);
    if (warning !== null) print.note(warning);
  }

  async function captureOne(
    host: string | null,
    path: string,
    shared: URLSearchParams,
  ): Promise<{ file: string; host: string | null; bytes: number; sha256: string }> {
    const query = new URLSearchParams(shared);
    if (host !== null) query.set('host', host);
    const seen = new SealReader();
    const part = `${path}.part`;
    try {
      const bytes = seen.follow(api.download(`/activity/capture?${query}`));
      // Whoever records decides who reads it: there are command lines in it. A file that somebody put there is not written to.
      await rm(part, { force: true });
      await streamToFile(part, [bytes, createGzip({ level: 6 })], { exclusive: true });
      const seal = seen.seal();
      if (seal === null) throw tailFault('cli.capture-cut');
      await rename(part, path);
      return { file: path, host, bytes: seen.bytes, sha256: seal };
    } finally {
      await rm(part, { force: true });
    }
  }

  function queryOf(words: readonly string[], options: Place): URLSearchParams {
    const query = new URLSearchParams();
    const conditions = [options.filter, words.join(' ')].filter((one) => one !== undefined && one !== '');
    if (conditions.length > 0)
      query.set(
        'filter',
        conditions.length === 1 ? (conditions[0] ?? '') : conditions.map((one) => `(${one})`).join(' and '),
      );
    if (options.project !== undefined) query.set('project', options.project);
    if (options.workload !== undefined) {
      const [project, workload, ...rest] = options.workload.split('/');
      if (project === undefined || workload === undefined || rest.length > 0)
        throw tailFault('cli.workload-name', { text: options.workload });
      query.set('project', project);
      query.set('workload', workload);
    }
    if (options.env !== undefined) query.set('environment', options.env);
    return query;
  }
}

/** `act.cap` of the host `vm-2` is `act-vm-2.cap`. */
function fileOf(path: string, host: string): string {
  const { dir, name, ext } = parsePath(path);
  return join(dir, `${name}-${host.replaceAll(/[^-.\w]/g, '_')}${ext}`);
}

type Named = { readonly [part in 'project' | 'environment' | 'workload']: string | null };

/** What to say where nothing that runs has these names, with those that are nearest; null where something does. */
export function warningOfNothing(
  running: readonly { readonly project: string; readonly environment: string; readonly name: string }[],
  { project, environment, workload }: Named,
): Text | null {
  const ofProject = running.filter((one) => project === null || one.project === project);
  const ofPlace = ofProject.filter((one) => environment === null || one.environment === environment);
  if (ofPlace.some(({ name }) => workload === null || name === workload)) return null;
  const name = [project, workload].filter((part) => part !== null).join('/');
  const asked = environment === null ? name : name === '' ? environment : `${name} (${environment})`;
  const near = ofProject.length > 0 ? ofProject : running;
  const known = near.map((one) => `${one.project}/${one.name} (${one.environment})`);
  const shown = [...known.slice(0, KNOWN_SHOWN_MAX), ...(known.length > KNOWN_SHOWN_MAX ? ['…'] : [])].join(', ');
  return {
    en: `warning: ${asked} does not run now; it may still come. What runs: ${shown || 'nothing'}`,
    es: `advertencia: ${asked} no está en marcha; aún puede llegar. En marcha: ${shown || 'nada'}`,
  };
}

const KNOWN_SHOWN_MAX = 10;

interface Watching {
  readonly hosts: readonly string[];
  readonly arguments: boolean;
  readonly missing: readonly string[];
}

/** `12:01:02.123  openat  tienda/web  nginx 1234  /etc/passwd`: what is not known is left out. */
export function lineOf(one: Activity, cut = '(truncated)'): string {
  const where = one.project === null ? (one.container ?? '-') : `${one.project}/${one.workload ?? '?'}`;
  const what = one.type === 'execve' ? (one.arguments ?? one.about) : one.about;
  const failed = one.result !== null && one.result !== 'SUCCESS' ? ` = ${one.result}` : '';
  const more = one.type !== 'execve' && one.about === null && one.arguments !== null ? one.arguments : '';
  return printable(
    `${one.at.slice(11, 23)}  ${one.type.padEnd(8)}  ${where}  ${one.process} ${one.pid}  ${what ?? more}${failed}${one.truncated ? ` ${cut}` : ''}`,
  );
}

/** Follows the bytes of a recording; the last of them are its seal over all before. */
class SealReader {
  readonly #hash = createHash('sha256');
  #rest: Buffer = Buffer.alloc(0);
  bytes = 0;

  async *follow(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      this.bytes += chunk.length;
      this.#rest = Buffer.concat([this.#rest, chunk]);
      const sure = this.#rest.length - SEAL_BYTES - SEAL_HEAD_BYTES;
      if (sure > 0) {
        this.#hash.update(this.#rest.subarray(0, sure));
        this.#rest = this.#rest.subarray(sure);
      }
      yield chunk;
    }
  }

  /** In hexadecimal; null when it is not the seal of what came. */
  seal(): string | null {
    const found = this.#rest.subarray(SEAL_HEAD_BYTES);
    const wanted = this.#hash.digest();
    return found.equals(wanted) ? wanted.toString('hex') : null;
  }
}

/** Kind and length of the block that holds it. */
const SEAL_HEAD_BYTES = 5;
