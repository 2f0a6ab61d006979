import { readFile, writeFile } from 'node:fs/promises';
import { hostname, machine, release, version } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type CliProgram, type Json, systemClock, type Text } from '../../system/index.ts';
import { makeBundle, openSigner } from '../../trust/index.ts';
import { hostFault } from '../errors.ts';
import type { MachineFacts } from '../facts.ts';
import { gatherFacts } from '../gather.ts';
import { localPatchHost } from '../livepatch/local-host.ts';
import type { ShieldEntry } from './feed.ts';
import { NOT_JSON, packFeed, readFeed, SHIELD_REPOSITORY, type ShieldFeed, writeFeed } from './feed-file.ts';
import { HostFeed } from './host-feed.ts';
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
  // As `up` lays an instance of root out; without one, what came with the platform.
  const agentFolder = join('/var/lib/darsena', cli.instance, 'agent');
  const localFeed = (): Promise<ShieldFeed> => new HostFeed(localPatchHost, agentFolder).open();
  const keeper = async (): Promise<ShieldKeeper> => {
    const feed = await localFeed();
    const { KernelShut } = await import('../../observe/index.ts');
    return new ShieldKeeper(
      localPatchHost,
      () => systemClock.now().toISOString(),
      () => feed,
      new KernelShut(),
    );
  };
  /** The feed of this machine, or of the platform. */
  const feedOf = async (host: string | undefined): Promise<ShieldFeed> => {
    if (host === undefined) return localFeed();
    const { items, ...feed } = await cli.api.get<Omit<ShieldFeed, 'entries'> & { items: ShieldEntry[] }>(
      '/kernel/shield',
    );
    return { ...feed, entries: items };
  };
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
      const { entries, unstoppable, number } = await feedOf(host);
      const rows: readonly ShieldStanding[] =
        host === undefined
          ? shieldStates(factsHere(), new Set(), entries)
          : (await cli.api.get<{ items: ShieldStanding[] }>(`/hosts/${encodeURIComponent(host)}/kernel/shield`)).items;
      const stateOf = new Map(rows.map((row) => [row.id, row]));
      cli.print.table(
        [
          { title: { en: 'ENTRY', es: 'ENTRADA' }, value: ({ id }: ShieldEntry) => id },
          { title: { en: 'STATE', es: 'ESTADO' }, value: ({ id }) => sayState(cli, stateOf.get(id)?.state ?? 'off') },
          { title: { en: 'CVES', es: 'CVE' }, value: ({ cves }) => String(cves.length) },
          { title: { en: 'WHAT', es: 'QUÉ' }, value: ({ title }) => cli.t(title), long: true },
        ],
        entries,
        {
          json: {
            feed: number,
            items: entries.map((entry) => ({ ...entry, state: stateOf.get(entry.id)?.state ?? 'off' })),
            unstoppable,
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
    .option(...hostOption)
    .action(async (id: string, { host }: { host?: string }) => {
      const entry = findShield(id, await feedOf(host));
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
      const entry = findShield(id, await feedOf(host));
      const { would } =
        host === undefined
          ? await (await keeper()).tryOut(entry.id)
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
    const command = shield
      .command(change)
      .argument(...entryArgument)
      .option(...hostOption)
      .description(cli.t(text));
    if (change === 'apply') {
      command.option(
        '--restart',
        cli.t({
          en: 'with --host: then start workloads again by rolling updates, so that it holds for those that run as well',
          es: 'con --host: después, reiniciar las cargas de forma progresiva, para que valga también para las que corren',
        }),
      );
    }
    command.action(async (id: string, { host, restart }: { host?: string; restart?: boolean }) => {
      const outcome: ShieldOutcome & { readonly restarts?: readonly string[] } =
        host === undefined
          ? await (await keeper())[change](id)
          : await onHost<ShieldOutcome & { restarts?: string[] }>(
              cli,
              host,
              change,
              change === 'undo' ? id : findShield(id, await feedOf(host)).id,
              restart === true,
            );
      if (cli.output.json) return cli.print.json(outcome);
      for (const { control, before, after } of outcome.probes) {
        cli.print.line(`${cli.t(control)}: ${cli.t(PROBE_WORDS[before])} → ${cli.t(PROBE_WORDS[after])}`);
      }
      const { running } = outcome;
      const restarts = outcome.restarts ?? [];
      if (restarts.length > 0)
        cli.print.line({
          en: `started again by rolling updates, and under it from now on: ${restarts.join(', ')}`,
          es: `reiniciadas de forma progresiva, y desde ahora con ello: ${restarts.join(', ')}`,
        });
      if (running?.means != null)
        cli.print.line({
          en: `containers that run already are kept from it by the kernel (${running.means})`,
          es: `el núcleo se lo impide también a los contenedores que ya se ejecutan (${running.means})`,
        });
      else if (running != null && restarts.length === 0)
        cli.print.note({
          en: `containers that run already keep it until they start again${running.why === null ? '' : ` (${running.why})`}; with --host, --restart does that`,
          es: `los contenedores que ya se ejecutan lo conservan hasta que vuelvan a arrancar${running.why === null ? '' : ` (${running.why})`}; con --host lo hace --restart`,
        });
      if (change === 'apply' && outcome.probes.some(({ after }) => after === 'open')) cli.exit(1);
    });
  }

  const feed = shield.command('feed').description(
    cli.t({
      en: 'the list of entries of the platform: signed, numbered, carried by file where there is no network',
      es: 'la lista de entradas de la plataforma: firmada, numerada, llevada en archivo donde no hay red',
    }),
  );
  feed
    .command('show')
    .description(cli.t({ en: 'its number, and whether hosts take it', es: 'su número, y si los hosts la toman' }))
    .action(async () => {
      const found = await cli.api.get<FeedView & { items: ShieldEntry[] }>('/kernel/shield');
      if (cli.output.json) return cli.print.json(found);
      cli.print.line({
        en: `feed ${found.number} of ${found.issuedAt.slice(0, 10)}, ${found.items.length} entries, ${found.digest ?? 'as it came with the platform'}`,
        es: `lista ${found.number} del ${found.issuedAt.slice(0, 10)}, ${found.items.length} entradas, ${found.digest ?? 'la que vino con la plataforma'}`,
      });
      if (found.doubt !== null) cli.print.note(found.doubt);
    });
  feed
    .command('push')
    .argument('<file>', cli.t({ en: 'the feed as JSON', es: 'la lista como JSON' }))
    .requiredOption('--key <file>', cli.t({ en: 'private key to sign it with', es: 'clave privada con que firmarla' }))
    .option('--passphrase-file <file>', cli.t({ en: 'passphrase of the key', es: 'frase de paso de la clave' }))
    .description(
      cli.t({ en: 'sign a feed and give it to all hosts', es: 'firmar una lista y darla a todos los hosts' }),
    )
    .action(async (file: string, { key, passphraseFile }: { key: string; passphraseFile?: string }) => {
      const bytes = writeFeed(readFeed(await readFile(file)));
      const signer = await openSigner(cli, { key, ...(passphraseFile === undefined ? {} : { passphraseFile }) });
      const subject = { repository: SHIELD_REPOSITORY, digest: packFeed(bytes).digest };
      const bundle = Buffer.from(await makeBundle(signer, 'image', subject, {})).toString('base64');
      await give({ feed: bytes.toString('base64'), bundles: [bundle] });
    });
  feed
    .command('export')
    .argument('<file>')
    .description(
      cli.t({ en: 'the feed with its signatures, as one file', es: 'la lista con sus firmas, en un archivo' }),
    )
    .action(async (file: string) => {
      await writeFile(file, JSON.stringify(await cli.api.get('/kernel/shield/feed')));
      cli.print.result(file);
    });
  feed
    .command('import')
    .argument('<file>')
    .description(
      cli.t({
        en: 'take a feed that another platform exported; an older one than is held is refused',
        es: 'tomar una lista que exportó otra plataforma; se rechaza una más antigua que la que se tiene',
      }),
    )
    .action(async (file: string) => {
      const text = await readFile(file, 'utf8');
      let carried: Json;
      try {
        carried = JSON.parse(text) as Json;
      } catch (cause) {
        throw hostFault('host.shield-feed', { why: NOT_JSON }, { cause });
      }
      await give(carried);
    });

  async function give(body: Json): Promise<void> {
    const taken = await cli.api.post<FeedView & { entries: number; refused: { host: string; why: Text }[] }>(
      '/kernel/shield/feed',
      body,
    );
    if (cli.output.json) return cli.print.json(taken);
    cli.print.line({
      en: `feed ${taken.number}, ${taken.entries} entries`,
      es: `lista ${taken.number}, ${taken.entries} entradas`,
    });
    if (taken.doubt !== null) cli.print.note(taken.doubt);
    for (const { host, why } of taken.refused) cli.print.note({ en: `${host}: ${why.en}`, es: `${host}: ${why.es}` });
    if (taken.refused.length > 0) cli.exit(1);
  }
}

interface FeedView {
  readonly number: number;
  readonly issuedAt: string;
  readonly digest: string | null;
  readonly doubt: Text | null;
}

async function onHost<T>(
  cli: CliProgram,
  host: string,
  change: 'apply' | 'undo' | 'try',
  entry: string,
  restart = false,
): Promise<T> {
  const started = await cli.api.post<{ operation: string }>(`/hosts/${encodeURIComponent(host)}/kernel/shield`, {
    entry,
    change,
    restart,
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
