import { hostname } from 'node:os';
import { InvalidArgumentError, Option } from 'commander';
import type { CliProgram, Clock, Text } from '../../system/index.ts';
import { createView, drawWhile } from '../cli/operations.ts';
import { formatDuration, type PrintTarget } from '../cli/print.ts';
import { OWN_CODE, readVersion } from './code.ts';
import { readDatabaseUrl } from './database.ts';
import { setupFault } from './errors.ts';
import { EVERYWHERE, findInstance, type Instance } from './instance.ts';
import { formatLogLine, LOGGED_PROGRAMS, loggedProgram, readLog } from './logs.ts';
import type { PartState } from './status.ts';
import { LocalSteps } from './steps.ts';
import type { Listen, UpResult } from './up.ts';

const LOG_LINES = 100;
/** A part of status that should run and does not. */
const BAD: ReadonlySet<PartState> = new Set(['down']);

/** `up`, `down`, `status`, `doctor`, `logs`, `version`: what is done on the machine itself. */
export function setupCommands(cli: CliProgram, target: PrintTarget, clock: Clock): void {
  const { program } = cli;
  const stepped = (): { steps: LocalSteps; drawn: <T>(work: () => Promise<T>) => Promise<T> } => {
    const steps = new LocalSteps(clock);
    const view = createView(target, cli.print, cli.language, cli.output.json || cli.output.quiet);
    return { steps, drawn: (work) => drawWhile(view, () => steps.snapshot(), work(), clock) };
  };
  const terminal = (): boolean => process.stdin.isTTY === true && process.stderr.isTTY === true;

  program
    .command('up')
    .description(
      cli.t({
        en: 'set up and start the platform on this machine',
        es: 'instalar y arrancar la plataforma en esta máquina',
      }),
    )
    .option(
      '--yes',
      cli.t({
        en: 'install missing system packages without asking',
        es: 'instalar sin preguntar los paquetes que falten',
      }),
    )
    .addOption(
      new Option(
        '--listen <where>',
        cli.t({
          en: 'who reaches the ports: this machine only, or every network it is in; kept for later (default: loopback)',
          es: 'quién llega a los puertos: solo esta máquina, o todas sus redes; se recuerda (por defecto: loopback)',
        }),
      ).choices(['loopback', 'all']),
    )
    .option(
      '--database-file <file>',
      cli.t({
        en: 'PostgreSQL instead of SQLite, from the first up: a file with its postgres:// address (or DARSENA_DATABASE_URL)',
        es: 'PostgreSQL en vez de SQLite, desde el primer up: un archivo con su dirección postgres:// (o DARSENA_DATABASE_URL)',
      }),
    )
    .option(
      '--engine <engine>',
      cli.t({
        en: 'what runs the pods, from the first up: podman (default), or cri:///run/containerd/containerd.sock',
        es: 'qué ejecuta los pods, desde el primer up: podman (por defecto), o cri:///run/containerd/containerd.sock',
      }),
    )
    .action(async (options: { yes?: boolean; listen?: Listen; databaseFile?: string; engine?: string }) => {
      const began = clock.monotonicMs();
      const { bringUp } = await import('./up.ts');
      const { parseEngine } = await import('./cri.ts');
      const result = await bringUp({
        name: cli.instance,
        ask: cli.ask,
        yes: options.yes === true,
        listen: options.listen,
        databaseUrl: await readDatabaseUrl(options.databaseFile),
        engine: options.engine === undefined ? null : parseEngine(options.engine),
        terminal: terminal(),
        language: cli.language,
        clock,
        signal: cli.signal,
        ...stepped(),
      });
      printUp(cli, result, clock.monotonicMs() - began);
    });

  program
    .command('down')
    .description(
      cli.t({
        en: 'stop the platform; workloads keep running',
        es: 'detener la plataforma; las cargas de trabajo siguen',
      }),
    )
    .option(
      '--workloads',
      cli.t({
        en: 'stop and remove workloads too (volumes stay)',
        es: 'detener y eliminar también las cargas de trabajo (los volúmenes quedan)',
      }),
    )
    .option(
      '--purge',
      cli.t({ en: 'remove everything that the instance owns', es: 'eliminar todo lo que es de la instancia' }),
    )
    .option('--yes', cli.t({ en: 'do not ask', es: 'no preguntar' }))
    .action(async (options: { workloads?: boolean; purge?: boolean; yes?: boolean }) => {
      const instance = await wantedInstance(cli, { unfinishedToo: true });
      const choice = {
        workloads: options.workloads === true,
        purge: options.purge === true,
        yes: options.yes === true,
      };
      const { takeDown } = await import('./down.ts');
      const result = await takeDown(instance, choice, { ask: cli.ask, terminal: terminal(), clock, ...stepped() });
      if (cli.output.json) {
        cli.print.json({ instance: instance.name, stopped: result.stopped, removed: result.removed });
        return;
      }
      for (const text of result.removed) cli.print.line({ en: `  removed ${text.en}`, es: `  eliminado ${text.es}` });
      if (choice.purge) {
        cli.print.line({
          en: `Nothing of the instance "${instance.name}" is left on this machine.`,
          es: `No queda nada de la instancia "${instance.name}" en esta máquina.`,
        });
      } else if (!choice.workloads) {
        cli.print.line({
          en: 'Workloads keep running; their published addresses answer again after: darsena up',
          es: 'Las cargas de trabajo siguen en marcha; sus direcciones publicadas volverán a responder tras: darsena up',
        });
      }
    });

  program
    .command('status')
    .description(
      cli.t({
        en: 'what runs, since when, with how much memory',
        es: 'qué está en marcha, desde cuándo y con cuánta memoria',
      }),
    )
    .action(async () => {
      const instance = await wantedInstance(cli);
      const { readStatus } = await import('./status.ts');
      const status = await readStatus(instance, cli.api);
      if (status.parts.some(({ state }) => BAD.has(state))) cli.exit(1);
      if (cli.output.json) {
        cli.print.json(status);
        return;
      }
      cli.print.line({
        en: `Dársena ${status.version}, instance ${status.instance} (${status.mode})   ${status.console}`,
        es: `Dársena ${status.version}, instancia ${status.instance} (${status.mode})   ${status.console}`,
      });
      cli.print.table(
        [
          { title: { en: 'part', es: 'parte' }, value: (row) => row.name },
          { title: { en: 'state', es: 'estado' }, value: (row) => stateWord(cli, row.state) },
          { title: { en: 'since', es: 'desde hace' }, value: (row) => cli.print.age(row.since) },
          {
            title: { en: 'memory', es: 'memoria' },
            align: 'right',
            value: (row) => (row.memoryBytes === null ? '-' : cli.print.bytes(row.memoryBytes)),
          },
          {
            title: { en: 'detail', es: 'detalle' },
            ...{ long: true, own: true },
            value: (row) => (row.detail === null ? '' : cli.t(row.detail)),
          },
        ],
        status.parts,
      );
      if (status.memoryBytes !== null) {
        const size = cli.print.bytes(status.memoryBytes);
        cli.print.line({ en: `memory in all: ${size}`, es: `memoria en total: ${size}` });
      }
      if (status.detection !== null) {
        const { alerts, p50Ms, p99Ms } = status.detection;
        cli.print.line({
          en: `from a kernel event to its stored alert: half within ${p50Ms} ms, 99 % within ${p99Ms} ms (last ${alerts})`,
          es: `de un evento del núcleo a su alerta guardada: la mitad en ${p50Ms} ms, el 99 % en ${p99Ms} ms (últimas ${alerts})`,
        });
      }
      printAdaptations(cli, instance);
      if (status.unanswered !== null) cli.print.note(status.unanswered);
    });

  program
    .command('doctor')
    .description(
      cli.t({
        en: 'examine the machine and the platform, with a remedy for what is wrong',
        es: 'examinar la máquina y la plataforma, con remedio para lo que esté mal',
      }),
    )
    .action(async () => {
      const { examine } = await import('./doctor.ts');
      const checks = await examine(cli.instance, await findInstance(cli.instance), clock);
      if (checks.some(({ state }) => state === 'broken')) cli.exit(1);
      cli.print.table(
        [
          { title: { en: 'check', es: 'prueba' }, value: (row) => row.name },
          { title: { en: 'state', es: 'estado' }, value: (row) => checkWord(cli, row.state) },
          { title: { en: 'found', es: 'resultado' }, long: true, value: (row) => cli.t(row.found) },
        ],
        checks,
      );
      for (const { name, remedy, state } of checks) {
        if (remedy !== null && state !== 'ok') cli.print.line(`  ${name}: ${cli.t(remedy)}`);
      }
    });

  program
    .command('logs')
    .argument(
      '[program]',
      `${LOGGED_PROGRAMS.join(', ')}; ${cli.t({ en: 'or project/workload', es: 'o proyecto/carga' })}`,
    )
    .description(
      cli.t({
        en: 'the platform’s own logs, or what a workload wrote',
        es: 'los registros de la propia plataforma, o lo que escribió una carga de trabajo',
      }),
    )
    .option(
      '--env <environment>',
      cli.t({ en: 'environment of the workload (the first one)', es: 'entorno de la carga (el primero)' }),
    )
    .option('-f, --follow', cli.t({ en: 'go on as lines come', es: 'seguir según llegan líneas' }))
    .option(
      '-n, --lines <count>',
      cli.t({ en: 'how many lines of the past (100)', es: 'cuántas líneas anteriores (100)' }),
      parseLines,
    )
    .option('--tail <count>', cli.t({ en: 'the same; all: every line', es: 'lo mismo; all: todas' }), parseLines)
    .option(
      '--since <time>',
      cli.t({
        en: 'of a workload: from then on (10m, 2h, a date)',
        es: 'de una carga: desde entonces (10m, 2h, fecha)',
      }),
    )
    .option('--until <time>', cli.t({ en: 'of a workload: up to then', es: 'de una carga: hasta entonces' }))
    .option('-t, --timestamps', cli.t({ en: 'of a workload: with times', es: 'de una carga: con la hora' }))
    .option('-c, --container <name>', cli.t({ en: 'container of the pod', es: 'contenedor del pod' }))
    .option('--replica <name>', cli.t({ en: 'replica (the first ready one)', es: 'réplica (la primera lista)' }))
    .action(async (name: string | undefined, flags: LogFlags) => {
      const options = { ...flags, lines: flags.tail ?? flags.lines ?? (flags.since === undefined ? LOG_LINES : 'all') };
      if (name?.includes('/') === true) {
        const { showWorkloadLogs } = await import('../cli/exec.ts');
        await showWorkloadLogs(cli, name, {
          ...options,
          follow: options.follow === true,
          timestamps: options.timestamps === true,
        });
        return;
      }
      const chosen = name === undefined ? LOGGED_PROGRAMS : [loggedProgram(name)];
      const instance = await wantedInstance(cli);
      const width = Math.max(...chosen.map((program) => program.length));
      const show = (program: string, line: string): void => {
        const label = chosen.length === 1 ? '' : `${program.padEnd(width)}  `;
        target.write(cli.output.json ? `${line}\n` : `${label}${formatLogLine(line)}\n`);
      };
      const follow = options.follow === true;
      const read = chosen.map(
        (program) => () =>
          readLog(instance, program, {
            lines: options.lines === 'all' ? Number.MAX_SAFE_INTEGER : options.lines,
            follow,
            clock,
            signal: cli.signal,
            onLine: (line) => show(program, line),
          }),
      );
      if (follow) await Promise.all(read.map((start) => start()));
      else for (const start of read) await start();
    });

  program
    .command('version')
    .description(cli.t({ en: 'which version this is', es: 'qué versión es esta' }))
    .action(async () => {
      const version = await readVersion(OWN_CODE);
      const instance = await findInstance(cli.instance);
      if (cli.output.json) cli.print.json({ cli: version, instance: instance?.version ?? null, node: process.version });
      else cli.print.result(`darsena ${version} (Node ${process.version})`);
    });
}

/** @throws Fault `setup.not-up` */
async function wantedInstance(cli: CliProgram, options: { unfinishedToo?: boolean } = {}): Promise<Instance> {
  const instance = await findInstance(cli.instance);
  if (instance === null || (instance.unfinished === true && options.unfinishedToo !== true))
    throw setupFault('setup.not-up', { name: cli.instance });
  return instance;
}

function printUp(cli: CliProgram, result: UpResult, durationMs: number): void {
  const { instance, authority } = result;
  const caPath = `${instance.data}/ca.pem`;
  if (cli.output.json) {
    cli.print.json({
      instance: instance.name,
      mode: instance.mode,
      version: instance.version,
      console: result.console,
      code: result.code,
      codeExpiresAt: result.codeExpiresAt,
      ca: caPath,
      caFingerprint: authority.fingerprint,
      domain: instance.domain,
      ports: instance.ports,
      credentials: result.credentials,
      started: result.started,
      alreadyRunning: result.alreadyRunning,
      adaptations: instance.adaptations,
      durationMs: Math.round(durationMs),
    });
    return;
  }
  const time = formatDuration(durationMs);
  const running = result.alreadyRunning.join(', ');
  cli.print.line('');
  cli.print.line(
    result.started.length === 0
      ? {
          en: `Dársena was running already: ${running} (${time})`,
          es: `Dársena ya estaba en marcha: ${running} (${time})`,
        }
      : { en: `Dársena is ready (${time})`, es: `Dársena está lista (${time})` },
  );
  cli.print.result(result.console);
  cli.print.line({
    en: `  the code in this address works once, until ${result.codeExpiresAt}; this account’s command line is logged in`,
    es: `  el código de esta dirección sirve una vez, hasta ${result.codeExpiresAt}; la línea de órdenes de esta cuenta ya tiene sesión`,
  });
  cli.print.line({
    en: `authority for browsers and clients: ${caPath}`,
    es: `autoridad para navegadores y clientes: ${caPath}`,
  });
  cli.print.line(`  SHA-256 ${authority.fingerprint}`);
  if (instance.bind === EVERYWHERE) {
    const place = `https://${hostname()}:${instance.ports.console}`;
    cli.print.line({
      en: `it listens on every network of this machine; elsewhere: darsena login --url ${place} --fingerprint …`,
      es: `escucha en todas las redes de esta máquina; en otra: darsena login --url ${place} --fingerprint …`,
    });
  }
  printAdaptations(cli, instance);
  cli.print.line({ en: 'next: darsena deploy examples/tienda', es: 'siguiente: darsena deploy examples/tienda' });
}

function printAdaptations(cli: CliProgram, instance: Instance): void {
  if (instance.adaptations.length === 0) return;
  cli.print.line({ en: 'adapted to this machine:', es: 'adaptado a esta máquina:' });
  for (const { text } of instance.adaptations) cli.print.line({ en: `  ${text.en}`, es: `  ${text.es}` });
}

const STATE_WORDS: Readonly<Record<PartState, Text>> = {
  ok: { en: 'ok', es: 'bien' },
  degraded: { en: 'degraded', es: 'degradado' },
  down: { en: 'down', es: 'parado' },
  absent: { en: 'absent', es: 'ausente' },
};

function stateWord(cli: CliProgram, state: PartState): string {
  const kind = state === 'ok' ? 'good' : state === 'down' ? 'bad' : state === 'degraded' ? 'warn' : 'faint';
  return cli.print.colour(kind, cli.t(STATE_WORDS[state]));
}

function checkWord(cli: CliProgram, state: 'ok' | 'warn' | 'broken'): string {
  const words = { ok: { en: 'ok', es: 'bien' }, warn: { en: 'note', es: 'nota' }, broken: { en: 'BROKEN', es: 'MAL' } };
  return cli.print.colour(state === 'ok' ? 'good' : state === 'warn' ? 'warn' : 'bad', cli.t(words[state]));
}

interface LogFlags {
  readonly follow?: boolean;
  readonly lines?: number | 'all';
  readonly tail?: number | 'all';
  readonly since?: string;
  readonly until?: string;
  readonly timestamps?: boolean;
  readonly env?: string;
  readonly container?: string;
  readonly replica?: string;
}

function parseLines(text: string): number | 'all' {
  if (text === 'all') return text;
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('100, all');
  return Number(text);
}
