import { hostname, machine, release, version } from 'node:os';
import type { Command } from 'commander';
import { type CliProgram, systemClock, type Text } from '../../system/index.ts';
import type { MachineFacts } from '../facts.ts';
import { gatherFacts } from '../gather.ts';
import { localPatchHost } from '../livepatch/local-host.ts';
import { SHIELD, type ShieldEntry, UNSTOPPABLE } from './feed.ts';
import { findShield, type ProbeState, ShieldKeeper, type ShieldOutcome, sayControl } from './keeper.ts';
import { type ShieldStanding, shieldStates } from './standing.ts';

function factsHere(): MachineFacts {
  const identity = { release: release(), version: version(), machine: machine(), host: hostname() };
  return gatherFacts('/', identity, systemClock.now().toISOString());
}

const PROBE_WORDS: Readonly<Record<ProbeState, Text>> = {
  closed: { en: 'closed', es: 'cerrado' },
  open: { en: 'open', es: 'abierto' },
  later: { en: 'at the next start', es: 'en el próximo arranque' },
  absent: { en: 'not on this kernel', es: 'no está en este núcleo' },
};

/** `darsena kernel shield …`: virtual patches of this machine, or with --host of one of the platform. */
export function addShieldCommands(cli: CliProgram, kernel: Command): void {
  const shield = kernel.command('shield').description(
    cli.t({
      en: 'virtual patches: switches, modules and system calls that close the way to a fault until it is mended',
      es: 'parches virtuales: interruptores, módulos y llamadas al sistema que cierran el camino a un fallo hasta corregirlo',
    }),
  );
  const keeper = (): ShieldKeeper => new ShieldKeeper(localPatchHost, () => systemClock.now().toISOString());
  const hostOption = [
    '--host <host>',
    cli.t({ en: 'a host of the platform', es: 'un host de la plataforma' }),
  ] as const;
  const entryArgument = [
    '<entry>',
    cli.t({ en: 'name of an entry, or a CVE', es: 'nombre de una entrada, o una CVE' }),
  ] as const;

  shield
    .command('list')
    .option(...hostOption)
    .description(cli.t({ en: 'what there is, and whether it stands here', es: 'qué hay, y si está activo aquí' }))
    .action(async ({ host }: { host?: string }) => {
      const rows: readonly ShieldStanding[] =
        host === undefined
          ? shieldStates(factsHere(), new Set())
          : (await cli.api.get<{ items: ShieldStanding[] }>(`/hosts/${encodeURIComponent(host)}/kernel/shield`)).items;
      const stateOf = new Map(rows.map((row) => [row.id, row]));
      cli.print.table(
        [
          { title: { en: 'ENTRY', es: 'ENTRADA' }, value: ({ id }: ShieldEntry) => id },
          { title: { en: 'STATE', es: 'ESTADO' }, value: ({ id }) => sayState(cli, stateOf.get(id)?.state ?? 'off') },
          { title: { en: 'CVES', es: 'CVE' }, value: ({ cves }) => String(cves.length) },
          { title: { en: 'WHAT', es: 'QUÉ' }, value: ({ title }) => cli.t(title), long: true },
        ],
        SHIELD,
        {
          json: {
            items: SHIELD.map((entry) => ({ ...entry, state: stateOf.get(entry.id)?.state ?? 'off' })),
            unstoppable: UNSTOPPABLE,
          },
        },
      );
    });
  shield
    .command('show')
    .argument(...entryArgument)
    .description(
      cli.t({
        en: 'what an entry does, what it costs and why it works',
        es: 'qué hace una entrada, qué cuesta y por qué funciona',
      }),
    )
    .action(async (id: string) => {
      const entry = findShield(id);
      if (cli.output.json) return cli.print.json(entry);
      cli.print.line(`${entry.id}: ${cli.t(entry.title)}`);
      for (const control of entry.controls) cli.print.line(`  ${cli.t(sayControl(control))}`);
      cli.print.line(`  ${cli.t({ en: 'against', es: 'contra' })}: ${entry.cves.join(', ')}`);
      cli.print.line(`  ${cli.t({ en: 'what stops working', es: 'qué deja de funcionar' })}: ${cli.t(entry.cost)}`);
      for (const source of entry.sources) cli.print.line(`  ${cli.t({ en: 'source', es: 'fuente' })}: ${source}`);
    });
  shield
    .command('try')
    .argument(...entryArgument)
    .option(...hostOption)
    .description(cli.t({ en: 'what it would break now; changes nothing', es: 'qué rompería ahora; no cambia nada' }))
    .action(async (id: string, { host }: { host?: string }) => {
      const entry = findShield(id);
      const { would } =
        host === undefined
          ? await keeper().tryOut(entry.id)
          : await onHost<{ would: Text[] }>(cli, host, 'try', entry.id);
      if (cli.output.json) return cli.print.json({ entry: entry.id, would, cost: entry.cost });
      for (const one of would) cli.print.line(one);
      if (would.length === 0)
        cli.print.line({ en: 'nothing here does what it stops', es: 'nada aquí hace lo que impide' });
      cli.print.line(`${cli.t({ en: 'what stops working', es: 'qué deja de funcionar' })}: ${cli.t(entry.cost)}`);
    });
  for (const [change, text] of [
    ['apply', { en: 'set it, and look before and after', es: 'activarla, con prueba antes y después' }],
    ['undo', { en: 'everything back as it was', es: 'todo como estaba' }],
  ] as const) {
    shield
      .command(change)
      .argument(...entryArgument)
      .option(...hostOption)
      .description(cli.t(text))
      .action(async (id: string, { host }: { host?: string }) => {
        const entry = findShield(id).id;
        const outcome =
          host === undefined ? await keeper()[change](entry) : await onHost<ShieldOutcome>(cli, host, change, entry);
        if (cli.output.json) return cli.print.json(outcome);
        for (const { control, before, after } of outcome.probes) {
          cli.print.line(`${cli.t(control)}: ${cli.t(PROBE_WORDS[before])} → ${cli.t(PROBE_WORDS[after])}`);
        }
        if (change === 'apply' && outcome.probes.some(({ after }) => after === 'open')) cli.exit(1);
      });
  }
}

async function onHost<T>(cli: CliProgram, host: string, change: 'apply' | 'undo' | 'try', entry: string): Promise<T> {
  const started = await cli.api.post<{ operation: string }>(`/hosts/${encodeURIComponent(host)}/kernel/shield`, {
    entry,
    change,
  });
  return (await cli.followOperation(started.operation)).result as T;
}

function sayState(cli: CliProgram, state: string): string {
  const words: Readonly<Record<string, Text>> = {
    on: { en: 'set', es: 'activa' },
    setting: { en: 'on its way', es: 'en camino' },
    leaving: { en: 'on its way out', es: 'retirándose' },
    given: { en: 'closed by itself', es: 'cerrada de por sí' },
    fixed: { en: 'set, no longer needed', es: 'activa, ya no hace falta' },
  };
  return cli.t(words[state] ?? { en: 'off', es: 'inactiva' });
}
