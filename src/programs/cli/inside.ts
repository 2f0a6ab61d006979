import { createServer, type Server } from 'node:net';
import { type Duplex, pipeline } from 'node:stream';
import { type CliProgram, defineFaults, renderTemplate, systemClock } from '../../system/index.ts';
import { Mux } from '../link/mux.ts';
import { reviveFault, type SerializedFault } from '../link/protocol.ts';
import { FRAME } from '../link/session.ts';
import { copyIn, copyOut } from './copy.ts';
import { addWhich, openSession, parseWorkload, readCount, type WhichContainer } from './exec.ts';
import { printable } from './print.ts';

export const insideFault = defineFaults({
  'cli.copy-places': {
    kind: 'invalid',
    en: {
      what: 'one of the two places must be in a container',
      why: 'expected project/workload:/path on one side and a path here, or -, on the other',
      remedy: 'darsena cp tienda/web:/etc/passwd .',
    },
    es: {
      what: 'uno de los dos lugares debe estar en un contenedor',
      why: 'se esperaba proyecto/carga:/ruta en un lado y una ruta local, o -, en el otro',
      remedy: 'darsena cp tienda/web:/etc/passwd .',
    },
  },
  'cli.port-pair': {
    kind: 'invalid',
    en: { what: '"{text}" names no ports', why: 'expected PORT, HERE:THERE or :THERE' },
    es: { what: '"{text}" no nombra puertos', why: 'se esperaba PUERTO, AQUÍ:ALLÍ o :ALLÍ' },
  },
});

/** Between two looks at counters: what a share of a processor is told from. */
const STATS_EVERY_MS = 1_000;

interface StatsFlags {
  readonly env?: string;
  readonly stream: boolean;
  readonly format?: string;
  readonly interval?: string;
}
const HOME = '\u001b[H\u001b[J';

interface UseView {
  readonly project: string;
  readonly environment: string;
  readonly name: string;
  readonly replica: string;
  readonly container: string;
  readonly id: string;
  readonly cpuNanos: number;
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number | null;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly processes: number;
}

interface Used extends UseView {
  readonly cpuPercent: number;
}

/** `stats top diff cp port-forward`: looking into what runs, with the words people know. */
export function insideCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const which = <C extends ReturnType<typeof program.command>>(command: C): C =>
    command
      .option('--env <environment>', t({ en: 'environment (the first one)', es: 'entorno (el primero)' }))
      .option('-c, --container <name>', t({ en: 'container of the pod', es: 'contenedor del pod' }))
      .option('--replica <name>', t({ en: 'replica (the first ready one)', es: 'réplica (la primera lista)' })) as C;
  const pathOf = (
    workload: string,
    what: string,
    options: WhichContainer,
    more: Record<string, string> = {},
  ): string => {
    const place = parseWorkload(workload);
    const query = new URLSearchParams(more);
    addWhich(query, options);
    const environment = query.get('env');
    query.delete('env');
    if (environment !== null) query.set('environment', environment);
    return `/projects/${place.project}/workloads/${place.workload}/${what}?${query}`;
  };

  program
    .command('stats')
    .argument('[workload]', t({ en: 'project/workload, or a project', es: 'proyecto/carga, o un proyecto' }))
    .option('--env <environment>', t({ en: 'environment', es: 'entorno' }))
    .option('--no-stream', t({ en: 'once', es: 'una sola vez' }))
    .option('-i, --interval <seconds>', t({ en: 'between two looks (1)', es: 'entre dos miradas (1)' }))
    .option(
      '-a, --all',
      t({
        en: 'as docker writes it; what does not run uses nothing',
        es: 'como en docker; lo que no corre no usa nada',
      }),
    )
    .option(
      '--format <template>',
      t({ en: 'lines such as {{.Name}} {{.CPUPerc}}', es: 'líneas como {{.Name}} {{.CPUPerc}}' }),
    )
    .description(
      t({ en: 'processor, memory and traffic of what runs', es: 'procesador, memoria y tráfico de lo que corre' }),
    )
    .action(async (workload: string | undefined, options: StatsFlags) => {
      const everyMs = options.interval === undefined ? STATS_EVERY_MS : readCount(options.interval) * 1000;
      const query = new URLSearchParams(options.env === undefined ? {} : { environment: options.env });
      if (workload !== undefined && !workload.includes('/')) query.set('project', workload);
      const path = workload?.includes('/') ? pathOf(workload, 'stats', options) : `/stats?${query}`;
      const read = () => api.get<{ at: string; items: UseView[] }>(path);
      let before = await read();
      const isLive = options.stream && cli.output.terminal && !cli.output.json && options.format === undefined;
      do {
        await systemClock.sleep(everyMs, cli.signal).catch(() => undefined);
        if (cli.signal.aborted) return;
        const now = await read();
        const used = usedSince(before, now);
        before = now;
        if (isLive) process.stdout.write(HOME);
        showUse(used, options.format);
      } while (isLive || (options.stream && cli.output.json && !cli.signal.aborted));
    });

  function showUse(used: readonly Used[], format: string | undefined): void {
    if (format !== undefined) {
      for (const line of renderTemplate(format, used.map(fieldsOf))) print.result(line);
      return;
    }
    print.table(
      [
        { title: { en: 'workload', es: 'carga' }, value: (one) => `${one.project}/${one.name}` },
        { title: { en: 'environment', es: 'entorno' }, value: (one) => one.environment },
        { title: { en: 'container', es: 'contenedor' }, value: (one) => one.container },
        { title: { en: 'CPU', es: 'CPU' }, value: (one) => `${one.cpuPercent.toFixed(1)} %`, align: 'right' },
        { title: { en: 'memory', es: 'memoria' }, value: (one) => print.bytes(one.memoryBytes), align: 'right' },
        {
          title: { en: 'limit', es: 'límite' },
          value: (one) => (one.memoryLimitBytes === null ? '—' : print.bytes(one.memoryLimitBytes)),
          align: 'right',
        },
        {
          title: { en: 'network in/out', es: 'red ent./sal.' },
          value: (one) => `${print.bytes(one.receivedBytes)} / ${print.bytes(one.sentBytes)}`,
          align: 'right',
        },
        {
          title: { en: 'disk read/written', es: 'disco leído/escrito' },
          value: (one) => `${print.bytes(one.readBytes)} / ${print.bytes(one.writtenBytes)}`,
          align: 'right',
          wide: true,
        },
        { title: { en: 'processes', es: 'procesos' }, value: (one) => String(one.processes), align: 'right' },
        { title: { en: 'replica', es: 'réplica' }, value: (one) => one.replica, wide: true },
      ],
      used,
      { empty: { en: 'Nothing runs.', es: 'No hay nada en marcha.' }, json: { items: used } },
    );
  }

  function fieldsOf(one: Used): Record<string, string> {
    const limit = one.memoryLimitBytes;
    return {
      ID: one.id.slice(0, 12),
      Name: `${one.project}/${one.name}`,
      Container: one.container,
      Environment: one.environment,
      Replica: one.replica,
      CPUPerc: `${one.cpuPercent.toFixed(2)}%`,
      MemUsage: `${print.bytes(one.memoryBytes)} / ${limit === null ? '—' : print.bytes(limit)}`,
      MemPerc: limit === null ? '—' : `${((one.memoryBytes / limit) * 100).toFixed(2)}%`,
      NetIO: `${print.bytes(one.receivedBytes)} / ${print.bytes(one.sentBytes)}`,
      BlockIO: `${print.bytes(one.readBytes)} / ${print.bytes(one.writtenBytes)}`,
      PIDs: String(one.processes),
    };
  }

  which(program.command('top').argument('<workload>', 'project/workload'))
    .description(t({ en: 'the processes of a container', es: 'los procesos de un contenedor' }))
    .action(async (workload: string, options: WhichContainer) => {
      const { titles, processes, ...rest } = await api.get<{ titles: string[]; processes: string[][] }>(
        pathOf(workload, 'top', options),
      );
      print.table(
        titles.map((title, index) => ({
          title: { en: title, es: title },
          value: (row: string[]) => row[index] ?? '',
          ...(index === titles.length - 1 ? { long: true } : {}),
        })),
        processes,
        { json: { ...rest, titles, processes } },
      );
    });

  which(program.command('diff').argument('<workload>', 'project/workload'))
    .description(
      t({
        en: 'files of a container that are not as in its image (A added, C changed, D removed)',
        es: 'archivos de un contenedor distintos de su imagen (A añadido, C cambiado, D eliminado)',
      }),
    )
    .action(async (workload: string, options: WhichContainer) => {
      const answer = await api.get<{ items: { path: string; kind: keyof typeof LETTER }[] }>(
        pathOf(workload, 'diff', options),
      );
      if (cli.output.json) print.json(answer);
      else for (const { path, kind } of answer.items) print.result(`${LETTER[kind]} ${printable(path)}`);
    });

  which(
    program
      .command('cp')
      .argument('<from>', t({ en: 'project/workload:/path, a path, or -', es: 'proyecto/carga:/ruta, una ruta, o -' }))
      .argument('<to>', t({ en: 'a path, -, or project/workload:/path', es: 'una ruta, -, o proyecto/carga:/ruta' })),
  )
    .option(
      '-L, --follow-link',
      t({ en: 'copy what links here mean', es: 'copiar lo que indican los enlaces de aquí' }),
    )
    .option('-q', t({ en: 'say nothing', es: 'no decir nada' }))
    .description(
      t({
        en: 'copy files out of a container or into it; recorded (- is a tar)',
        es: 'copiar archivos de un contenedor o hacia él; queda registrado (- es un tar)',
      }),
    )
    .action(async (from: string, to: string, options: WhichContainer & { followLink?: boolean; q?: boolean }) => {
      const source = inContainer(from);
      const target = inContainer(to);
      if ((source === null) === (target === null)) throw insideFault('cli.copy-places');
      const url = (workload: string, path: string) => pathOf(workload, 'files', options, { path });
      const done =
        source !== null
          ? await copyOut(api.download(url(source.workload, askedPath(source.path, to))), source.path, to)
          : await copyIn(cli, from, target?.path ?? '/', {
              followLink: options.followLink === true,
              url: (folder) => url(target?.workload ?? '', folder),
            });
      for (const note of done.notes) print.note({ en: printable(note.en), es: printable(note.es) });
      const bytes = print.bytes(done.bytes);
      if (options.q !== true && to !== '-')
        print.line(
          from === '-'
            ? { en: `${bytes} of a tar`, es: `${bytes} de un tar` }
            : { en: `${done.files} file(s), ${bytes}`, es: `${done.files} archivo(s), ${bytes}` },
        );
    });

  which(
    program
      .command('port-forward')
      .argument('<workload>', 'project/workload')
      .argument('<ports...>', t({ en: 'PORT, HERE:THERE or :THERE', es: 'PUERTO, AQUÍ:ALLÍ o :ALLÍ' })),
  )
    .option('--address <address>', t({ en: 'where to listen here', es: 'dónde escuchar aquí' }), '127.0.0.1')
    .description(
      t({
        en: 'reach ports of a pod from here until Ctrl-C; recorded',
        es: 'llegar a puertos de un pod desde aquí hasta Ctrl-C; queda registrado',
      }),
    )
    .action(async (workload: string, ports: string[], options: WhichContainer & { address: string }) => {
      await forward(cli, workload, ports.map(parsePorts), options);
    });
}

const LETTER = { added: 'A', changed: 'C', removed: 'D' } as const;

function usedSince(
  before: { readonly at: string; readonly items: readonly UseView[] },
  now: { readonly at: string; readonly items: readonly UseView[] },
): Used[] {
  const former = new Map(before.items.map((one) => [one.id, one.cpuNanos]));
  const spanNanos = (Date.parse(now.at) - Date.parse(before.at)) * 1e6;
  return now.items.map((one) => {
    const spent = one.cpuNanos - (former.get(one.id) ?? one.cpuNanos);
    return { ...one, cpuPercent: spanNanos > 0 ? Math.max(0, (spent / spanNanos) * 100) : 0 };
  });
}

function inContainer(text: string): { workload: string; path: string } | null {
  const match = /^([a-z0-9-]+\/[a-z0-9.-]+):(.*)$/s.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return null;
  return { workload: match[1], path: match[2].startsWith('/') ? match[2] : `/${match[2]}` };
}

/** Engines differ in how they name the entries below `folder/.`; those of `folder` all begin with its name. */
function askedPath(path: string, to: string): string {
  if (to === '-' || /^\/+\.?$/.test(path)) return path === '/' ? '/.' : path;
  return path.endsWith('/.') ? path.slice(0, -2) : path;
}

export interface PortPair {
  readonly here: number;
  readonly there: number;
}

/** `8080`, `9000:80`, `:80` (any free port here). @throws Fault cli.port-pair */
export function parsePorts(text: string): PortPair {
  const match = /^(?:(\d{0,5}):)?(\d{1,5})$/.exec(text);
  const there = Number(match?.[2]);
  const here = match?.[1] === undefined ? there : Number(match[1] === '' ? 0 : match[1]);
  if (match === null || there < 1 || there > 65_535 || here > 65_535) throw insideFault('cli.port-pair', { text });
  return { here, there };
}

/** Listens here and carries each connection over one session until Ctrl-C, or until the session is cut. */
async function forward(
  cli: CliProgram,
  workload: string,
  ports: readonly PortPair[],
  options: WhichContainer & { readonly address: string },
): Promise<void> {
  const query = new URLSearchParams({
    kind: 'forward',
    ports: [...new Set(ports.map(({ there }) => there))].join(','),
  });
  addWhich(query, options);
  const stream = await openSession(cli, parseWorkload(workload), query);
  const mux = new Mux(stream, null);
  const servers: Server[] = [];
  let fault: SerializedFault | null = null;
  try {
    for (const { here, there } of ports) {
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        let channel: Duplex;
        try {
          channel = mux.open(there);
        } catch (error) {
          // One connection too many ends by itself and no other.
          cli.print.note(`${there}: ${error instanceof Error ? error.message : String(error)}`);
          socket.destroy();
          return;
        }
        channel.on('error', (error) => cli.print.note(`${there}: ${printable(error.message)}`));
        const over = (): void => undefined;
        pipeline(socket, channel, over);
        pipeline(channel, socket, over);
      });
      servers.push(server);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(here, options.address, resolve);
      });
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : here;
      cli.print.result({
        en: `Forwarding from ${options.address}:${port} -> ${there}`,
        es: `Reenviando de ${options.address}:${port} -> ${there}`,
      });
    }
    const stop = (): void => void stream.destroy();
    cli.signal.addEventListener('abort', stop, { once: true });
    await mux
      .run((kind, payload) => {
        if (kind === FRAME.fault) fault = JSON.parse(payload.toString('utf8')) as SerializedFault;
      })
      .catch((error: unknown) => {
        if (!cli.signal.aborted) throw error;
      });
  } finally {
    for (const server of servers) server.close();
    stream.destroy();
  }
  if (fault !== null) throw reviveFault(fault);
}
