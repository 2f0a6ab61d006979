import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { CliProgram, Text } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import { ROLLOUT_PHASE_WORDS, ROLLOUT_RING_WORDS, ROLLOUT_STATE_WORDS } from '../words.ts';
import type { HostPhase } from './machine.ts';
import type { MaintenanceWindow } from './plan.ts';
import type { RolloutView } from './rollouts.ts';

const FOLLOW_MS = 2_000;

interface StartOptions {
  readonly hosts?: string;
  readonly canaries?: string;
  readonly share?: string;
  readonly soak?: string;
  readonly concurrency?: string;
  readonly failures?: string;
  readonly window?: readonly string[];
  readonly keep?: boolean;
}

/** `darsena kernel rollout …`: a live patch over the fleet, ring by ring. */
export function addRolloutCommands(cli: CliProgram, kernel: Command): void {
  const rollout = kernel.command('rollout').description(
    cli.t({
      en: 'a live patch over all hosts: canaries, a share, then all, watched and turned back by itself',
      es: 'un parche en vivo en todos los hosts: canarios, una parte y después todos, vigilado y con retirada automática',
    }),
  );
  const newest = async (id: string | undefined): Promise<string> => {
    if (id !== undefined) return id;
    const { items } = await cli.api.get<{ items: RolloutView[] }>('/kernel/rollouts');
    if (items[0] === undefined) throw hostFault('host.rollout-unknown', { id: '-' });
    return items[0].id;
  };
  const idArgument = ['[id]', cli.t({ en: 'without it the newest', es: 'sin él, el más nuevo' })] as const;

  rollout
    .command('start')
    .argument('<patch>', cli.t({ en: 'name of a patch in the registry', es: 'nombre de un parche del registro' }))
    .option(
      '--hosts <names>',
      cli.t({
        en: 'only these, parted by commas, * for part of a name',
        es: 'solo estos, separados por comas, * por parte de un nombre',
      }),
    )
    .option(
      '--canaries <count>',
      cli.t({ en: 'hosts of the first ring (default: 1)', es: 'hosts del primer anillo (por defecto: 1)' }),
    )
    .option(
      '--share <percent>',
      cli.t({
        en: 'up to where the second ring goes (default: 10)',
        es: 'hasta dónde llega el segundo anillo (por defecto: 10)',
      }),
    )
    .option(
      '--soak <seconds>',
      cli.t({
        en: 'how long each host is watched (default: 600)',
        es: 'cuánto se vigila cada host (por defecto: 600)',
      }),
    )
    .option(
      '--concurrency <count>',
      cli.t({ en: 'hosts at once (default: 50)', es: 'hosts a la vez (por defecto: 50)' }),
    )
    .option(
      '--failures <percent>',
      cli.t({
        en: 'of a ring after the canaries that may fail (default: 1)',
        es: 'de un anillo tras los canarios que puede fallar (por defecto: 1)',
      }),
    )
    .option(
      '--window <text...>',
      cli.t({
        en: 'when hosts may be changed: "sat,sun 22:00-05:00 Europe/Madrid"',
        es: 'cuándo se pueden cambiar hosts: "sat,sun 22:00-05:00 Europe/Madrid"',
      }),
    )
    .option(
      '--keep',
      cli.t({ en: 'leave the patch in when it stops by itself', es: 'dejar el parche cuando se detiene por sí mismo' }),
    )
    .description(cli.t({ en: 'begin', es: 'empezar' }))
    .action(async (patch: string, options: StartOptions) => {
      const number = (text: string | undefined, factor = 1): number | undefined => {
        if (text === undefined) return undefined;
        const value = Number(text);
        if (!Number.isFinite(value) || text.trim() === '')
          throw hostFault('host.choice-unknown', { value: text, choices: '0 1 2 …' });
        return value * factor;
      };
      const rules = {
        canaries: number(options.canaries),
        share: number(options.share, 0.01),
        soakSeconds: number(options.soak),
        concurrency: number(options.concurrency),
        failuresShare: number(options.failures, 0.01),
        rollBack: options.keep !== true,
        windows: (options.window ?? []).map(readWindow),
      };
      const hosts = (options.hosts ?? '')
        .split(',')
        .map((one) => one.trim())
        .filter(Boolean);
      show(cli, await cli.api.post<RolloutView>('/kernel/rollouts', { patch, hosts, rules }));
    });
  rollout
    .command('list')
    .description(cli.t({ en: 'roll-outs, the newest first', es: 'despliegues, primero el más nuevo' }))
    .action(async () => {
      const { items } = await cli.api.get<{ items: RolloutView[] }>('/kernel/rollouts');
      cli.print.table(
        [
          { title: { en: 'ROLL-OUT', es: 'DESPLIEGUE' }, value: ({ id }: RolloutView) => id },
          { title: { en: 'PATCH', es: 'PARCHE' }, value: ({ patch }) => patch },
          { title: { en: 'STATE', es: 'ESTADO' }, value: ({ state }) => cli.t(ROLLOUT_STATE_WORDS[state]) },
          { title: { en: 'STARTED', es: 'INICIO' }, value: ({ startedAt }) => startedAt },
          { title: { en: 'WHY', es: 'MOTIVO' }, value: ({ why }) => (why === null ? '-' : cli.t(why)), long: true },
        ],
        items,
        { json: { items }, empty: { en: 'no roll-out', es: 'ningún despliegue' } },
      );
    });
  rollout
    .command('status')
    .argument(...idArgument)
    .option('--follow', cli.t({ en: 'until it has ended', es: 'hasta que termine' }))
    .description(cli.t({ en: 'how far it is, ring by ring', es: 'hasta dónde ha llegado, anillo por anillo' }))
    .action(async (id: string | undefined, { follow }: { follow?: boolean }) => {
      const path = `/kernel/rollouts/${encodeURIComponent(await newest(id))}`;
      let view = await cli.api.get<RolloutView>(path);
      let said = '';
      while (follow === true && !hasEnded(view)) {
        const line = shortly(cli, view);
        if (line !== said && !cli.output.json) cli.print.line(line);
        said = line;
        await sleep(FOLLOW_MS, undefined, { signal: cli.signal });
        view = await cli.api.get<RolloutView>(path);
      }
      show(cli, view);
      if (view.state === 'rolled-back' || view.state === 'stopped') cli.exit(1);
    });
  for (const [order, text] of ORDERS) {
    const command = rollout
      .command(order)
      .argument(...idArgument)
      .description(cli.t(text));
    if (order === 'abort')
      command.option('--keep', cli.t({ en: 'leave the patch where it is', es: 'dejar el parche donde está' }));
    command.action(async (id: string | undefined, { keep }: { keep?: boolean }) => {
      const path = `/kernel/rollouts/${encodeURIComponent(await newest(id))}/${order}`;
      show(cli, await cli.api.post<RolloutView>(path, order === 'abort' ? { rollBack: keep !== true } : undefined));
    });
  }
}

const ORDERS: readonly (readonly ['pause' | 'resume' | 'abort', Text])[] = [
  [
    'pause',
    {
      en: 'begin no further host; those begun are watched on',
      es: 'no empezar más hosts; los empezados se siguen vigilando',
    },
  ],
  ['resume', { en: 'go on', es: 'continuar' }],
  ['abort', { en: 'stop for good and take the patch out', es: 'detener del todo y retirar el parche' }],
];

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** `sat,sun 22:00-05:00 Europe/Madrid`; `daily` for all days, UTC without a zone. @throws Fault host.choice-unknown */
export function readWindow(text: string): MaintenanceWindow {
  const [, names = '', from = '', to = '', zone = 'UTC'] =
    /^([a-z,]+) (\d\d:\d\d)-(\d\d:\d\d)(?: (\S+))?$/.exec(text.trim()) ?? [];
  const days = names === 'daily' ? DAYS.map((_, day) => day) : names.split(',').map((name) => DAYS.indexOf(name));
  if (from === '' || days.includes(-1)) {
    throw hostFault('host.choice-unknown', {
      value: text,
      choices: 'sat,sun 22:00-05:00 Europe/Madrid; daily 01:00-05:00',
    });
  }
  return { days, from, to, zone };
}

function hasEnded({ state }: RolloutView): boolean {
  return state === 'done' || state === 'rolled-back' || state === 'stopped';
}

function phasesText(cli: CliProgram, phases: RolloutView['rings'][number]['phases']): string {
  const words = Object.entries(phases).map(
    ([phase, count]) => `${count} ${cli.t(ROLLOUT_PHASE_WORDS[phase as HostPhase])}`,
  );
  return words.join(', ') || '-';
}

function shortly(cli: CliProgram, view: RolloutView): string {
  const rings = view.rings.filter(({ state }) => state !== 'waiting');
  const texts = rings.map(
    ({ name, phases }) => `${cli.t(ROLLOUT_RING_WORDS[name as 'all'])}: ${phasesText(cli, phases)}`,
  );
  return [cli.t(ROLLOUT_STATE_WORDS[view.state]), ...texts].join(' · ');
}

function show(cli: CliProgram, view: RolloutView): void {
  if (cli.output.json) {
    cli.print.json(view);
    return;
  }
  cli.print.line(
    `${view.id}  ${view.patch}  ${cli.t(ROLLOUT_STATE_WORDS[view.state])}${view.why === null ? '' : `: ${cli.t(view.why)}`}`,
  );
  if (!view.isOpen && view.state === 'running') {
    cli.print.note({
      en: 'outside of the maintenance windows: waiting',
      es: 'fuera de las ventanas de mantenimiento: en espera',
    });
  }
  cli.print.table(
    [
      {
        title: { en: 'RING', es: 'ANILLO' },
        value: ({ name }: RolloutView['rings'][number]) => cli.t(ROLLOUT_RING_WORDS[name as 'all']),
      },
      { title: { en: 'HOSTS', es: 'HOSTS' }, value: ({ hosts }) => String(hosts) },
      { title: { en: 'MAY FAIL', es: 'PUEDEN FALLAR' }, value: ({ failuresMax }) => String(failuresMax) },
      { title: { en: 'STANDING', es: 'SITUACIÓN' }, value: ({ phases }) => phasesText(cli, phases), long: true },
    ],
    view.rings,
  );
  const shown = view.notable.filter(({ phase }) => phase !== 'watching' && phase !== 'withdrawn').slice(0, 20);
  for (const { host, phase, why } of shown)
    cli.print.line(`  ${host}  ${cli.t(ROLLOUT_PHASE_WORDS[phase])}${why === null ? '' : `: ${cli.t(why)}`}`);
}
