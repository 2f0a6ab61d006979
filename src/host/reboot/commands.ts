import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { CliProgram, Text } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import { readWindow } from '../rollout/commands.ts';
import type { RolloutView } from '../rollout/rollouts.ts';
import { ROLLOUT_PHASE_WORDS, ROLLOUT_STATE_WORDS } from '../words.ts';
import type { RebootNeed, RebootProof } from './reboots.ts';

const FOLLOW_MS = 2_000;

interface StartOptions {
  readonly hosts?: string;
  readonly kernel?: string;
  readonly all?: boolean;
  readonly canaries?: string;
  readonly concurrency?: string;
  readonly failures?: string;
  readonly soak?: string;
  readonly patience?: string;
  readonly lost?: string;
  readonly window?: readonly string[];
}

type RebootView = RolloutView & { readonly hosts: readonly RebootProof[] };

/** `darsena kernel plan` and `darsena kernel reboot …`: hosts started again in order, when a kernel must be changed so. */
export function addRebootCommands(cli: CliProgram, kernel: Command): void {
  kernel
    .command('plan')
    .description(
      cli.t({
        en: 'which hosts need a restart, and why',
        es: 'qué hosts necesitan un reinicio, y por qué',
      }),
    )
    .action(async () => {
      const { items } = await cli.api.get<{ items: RebootNeed[] }>('/kernel/plan');
      cli.print.table(
        [
          { title: { en: 'HOST', es: 'HOST' }, value: ({ host }: RebootNeed) => host },
          {
            title: { en: 'RESTART', es: 'REINICIO' },
            value: ({ isNeeded }) => cli.t(isNeeded ? { en: 'needed', es: 'necesario' } : { en: 'no', es: 'no' }),
          },
          { title: { en: 'RUNS', es: 'EJECUTA' }, value: ({ release }) => release },
          { title: { en: 'NEWEST ON DISK', es: 'MÁS NUEVO EN DISCO' }, value: ({ newest }) => newest ?? '-' },
          { title: { en: 'BECAUSE', es: 'MOTIVO' }, value: ({ because }) => because.join(', ') || '-', long: true },
        ],
        items,
        { json: { items }, empty: { en: 'no host', es: 'ningún host' } },
      );
    });
  const reboot = kernel.command('reboot').description(
    cli.t({
      en: 'hosts started again in order: canaries, a share, then all; emptied before, looked at after',
      es: 'hosts reiniciados en orden: canarios, una parte y después todos; vaciados antes y comprobados después',
    }),
  );
  const newest = async (id: string | undefined): Promise<string> => {
    if (id !== undefined) return id;
    const { items } = await cli.api.get<{ items: RolloutView[] }>('/kernel/rollouts');
    const found = items.find(({ kind }) => kind === 'restart');
    if (found === undefined) throw hostFault('host.rollout-unknown', { id: '-' });
    return found.id;
  };
  const idArgument = ['[id]', cli.t({ en: 'without it the newest', es: 'sin él, el más nuevo' })] as const;
  const start = reboot.command('start').description(cli.t({ en: 'begin', es: 'empezar' }));
  for (const [flag, text] of START_OPTIONS) start.option(flag, cli.t(text));
  start.action(async (options: StartOptions) => {
    const number = (text: string | undefined, factor = 1): number | undefined => {
      if (text === undefined) return undefined;
      const value = Number(text);
      if (!Number.isFinite(value) || text.trim() === '')
        throw hostFault('host.choice-unknown', { value: text, choices: '0 1 2 …' });
      return value * factor;
    };
    const rules = {
      canaries: number(options.canaries),
      concurrency: number(options.concurrency) ?? 1,
      failuresShare: number(options.failures, 0.01) ?? 0,
      soakSeconds: number(options.soak) ?? 60,
      patienceSeconds: number(options.patience) ?? 600,
      lostSeconds: number(options.lost) ?? 1_800,
      windows: (options.window ?? []).map(readWindow),
    };
    const hosts = (options.hosts ?? '')
      .split(',')
      .map((one) => one.trim())
      .filter(Boolean);
    const order = { hosts, kernel: options.kernel ?? null, all: options.all === true, rules };
    const { id } = await cli.api.post<RolloutView>('/kernel/reboots', order);
    show(cli, await cli.api.get<RebootView>(`/kernel/reboots/${id}`));
  });
  reboot
    .command('status')
    .argument(...idArgument)
    .option('--follow', cli.t({ en: 'until it has ended', es: 'hasta que termine' }))
    .description(
      cli.t({
        en: 'how far it is, and the proof of each host that came back',
        es: 'hasta dónde ha llegado, y la prueba de cada host que volvió',
      }),
    )
    .action(async (id: string | undefined, { follow }: { follow?: boolean }) => {
      const path = `/kernel/reboots/${encodeURIComponent(await newest(id))}`;
      let view = await cli.api.get<RebootView>(path);
      while (follow === true && (view.state === 'running' || view.state === 'paused')) {
        await sleep(FOLLOW_MS, undefined, { signal: cli.signal });
        view = await cli.api.get<RebootView>(path);
      }
      show(cli, view);
      if (view.state === 'stopped') cli.exit(1);
    });
  for (const [order, text] of ORDERS) {
    reboot
      .command(order)
      .argument(...idArgument)
      .description(cli.t(text))
      .action(async (id: string | undefined) => {
        const own = encodeURIComponent(await newest(id));
        await cli.api.post(`/kernel/rollouts/${own}/${order}`, order === 'abort' ? { rollBack: false } : undefined);
        show(cli, await cli.api.get<RebootView>(`/kernel/reboots/${own}`));
      });
  }
}

const START_OPTIONS: readonly (readonly [string, Text])[] = [
  [
    '--hosts <names>',
    {
      en: 'only these, parted by commas, * for part of a name',
      es: 'solo estos, separados por comas, * por parte de un nombre',
    },
  ],
  [
    '--kernel <release>',
    {
      en: 'the kernel to come back on (default: the newest on each disk)',
      es: 'el núcleo con el que volver (por defecto: el más nuevo de cada disco)',
    },
  ],
  ['--all', { en: 'also hosts that need no restart', es: 'también los hosts que no lo necesitan' }],
  [
    '--canaries <count>',
    { en: 'hosts of the first ring (default: 1)', es: 'hosts del primer anillo (por defecto: 1)' },
  ],
  ['--concurrency <count>', { en: 'hosts at once (default: 1)', es: 'hosts a la vez (por defecto: 1)' }],
  [
    '--failures <percent>',
    {
      en: 'of a ring after the canaries that may fail (default: 0)',
      es: 'de un anillo tras los canarios que puede fallar (por defecto: 0)',
    },
  ],
  [
    '--soak <seconds>',
    { en: 'how long each host is watched (default: 60)', es: 'cuánto se vigila cada host (por defecto: 60)' },
  ],
  [
    '--patience <seconds>',
    {
      en: 'how long workloads may take to be ready again (default: 600)',
      es: 'cuánto pueden tardar las cargas de trabajo en estar listas (por defecto: 600)',
    },
  ],
  [
    '--lost <seconds>',
    {
      en: 'a host that is away for so long is lost (default: 1800)',
      es: 'un host ausente tanto tiempo está perdido (por defecto: 1800)',
    },
  ],
  [
    '--window <text...>',
    {
      en: 'when hosts may be restarted: "sat,sun 22:00-05:00 Europe/Madrid"',
      es: 'cuándo se pueden reiniciar hosts: "sat,sun 22:00-05:00 Europe/Madrid"',
    },
  ],
];

const ORDERS: readonly (readonly ['pause' | 'resume' | 'abort', Text])[] = [
  [
    'pause',
    {
      en: 'begin no further host; those begun are waited for',
      es: 'no empezar más hosts; los empezados se esperan',
    },
  ],
  ['resume', { en: 'go on', es: 'continuar' }],
  ['abort', { en: 'stop for good; hosts that are down come back', es: 'detener del todo; los hosts apagados vuelven' }],
];

function show(cli: CliProgram, view: RebootView): void {
  if (cli.output.json) {
    cli.print.json(view);
    return;
  }
  cli.print.line(
    `${view.id}  ${cli.t(ROLLOUT_STATE_WORDS[view.state])}${view.why === null ? '' : `: ${cli.t(view.why)}`}`,
  );
  if (!view.isOpen && view.state === 'running') {
    cli.print.note({
      en: 'outside of the maintenance windows: waiting',
      es: 'fuera de las ventanas de mantenimiento: en espera',
    });
  }
  const total = view.rings.reduce((sum, { hosts }) => sum + hosts, 0);
  const well = view.rings.reduce((sum, { phases }) => sum + (phases.well ?? 0), 0);
  cli.print.line({ en: `${well} of ${total} hosts well`, es: `${well} de ${total} hosts bien` });
  const phases = new Map(view.notable.map((one) => [one.host, one]));
  const phaseOf = ({ host, servedAt }: RebootProof): string => {
    const now = phases.get(host);
    if (now === undefined) return cli.t(ROLLOUT_PHASE_WORDS[servedAt === null ? 'waiting' : 'well']);
    const word = now.phase === 'applying' ? RESTARTING : ROLLOUT_PHASE_WORDS[now.phase];
    return `${cli.t(word)}${now.why === null ? '' : `: ${cli.t(now.why)}`}`;
  };
  cli.print.table(
    [
      { title: { en: 'HOST', es: 'HOST' }, value: ({ host }: RebootProof) => host },
      { title: { en: 'BEFORE', es: 'ANTES' }, value: ({ releaseBefore }) => releaseBefore },
      { title: { en: 'AFTER', es: 'DESPUÉS' }, value: ({ releaseAfter }) => releaseAfter ?? '-' },
      { title: { en: 'EMPTY', es: 'VACÍO' }, value: ({ emptyAt }) => emptyAt?.slice(11, 19) ?? '-' },
      { title: { en: 'BACK', es: 'DE VUELTA' }, value: ({ backAt }) => backAt?.slice(11, 19) ?? '-' },
      { title: { en: 'SERVES', es: 'SIRVE' }, value: ({ servedAt }) => servedAt?.slice(11, 19) ?? '-' },
      { title: { en: 'STANDING', es: 'SITUACIÓN' }, value: phaseOf, long: true },
    ],
    view.hosts,
    { empty: { en: 'no host has been begun', es: 'no se ha empezado ningún host' } },
  );
}

const RESTARTING: Text = { en: 'being restarted', es: 'reiniciando' };
