import { hostname, machine, release, version } from 'node:os';
import type { Command } from 'commander';
import { type CliProgram, systemClock, type Text } from '../../system/index.ts';
import { answerKernel } from '../answer.ts';
import { gatherFacts } from '../gather.ts';
import { localPatchHost } from '../livepatch/local-host.ts';
import { openAdvisories } from '../open-advisories.ts';
import { ModuleKeeper, type ModuleStanding } from './keeper.ts';
import { keptFor } from './kept.ts';
import type { ModuleProposal, ModuleUseView } from './module-use.ts';

interface Options {
  readonly hosts?: string;
  readonly keep?: string;
  readonly advisories?: string;
}

const listOf = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((one) => one.trim().replaceAll('-', '_'))
    .filter(Boolean);

const MODES: Readonly<Record<ModuleStanding['mode'], Text>> = {
  off: { en: 'nothing is kept out', es: 'no se impide nada' },
  trial: { en: 'trial: logged, not refused', es: 'prueba: se registra, no se rechaza' },
  enforce: { en: 'enforced', es: 'impuesta' },
};

/** `darsena kernel modules …`: which are used, and keeping the others out; of this machine, or with --hosts of the platform. */
export function addModuleCommands(cli: CliProgram, kernel: Command): void {
  const modules = kernel.command('modules').description(
    cli.t({
      en: 'which modules of the kernel are used, and keeping the others out',
      es: 'qué módulos del núcleo se usan, e impedir la carga de los demás',
    }),
  );
  const keeper = async (): Promise<ModuleKeeper> => {
    const { KernelShut } = await import('../../observe/index.ts');
    return new ModuleKeeper(localPatchHost, () => systemClock.now().toISOString(), new KernelShut());
  };
  const hostsOption = [
    '--hosts <names>',
    cli.t({
      en: 'hosts of the platform, parted by commas, * for part of a name; without it this machine',
      es: 'hosts de la plataforma, separados por comas, * por parte de un nombre; sin ella, esta máquina',
    }),
  ] as const;
  const keepOption = [
    '--keep <modules>',
    cli.t({
      en: 'modules to allow beside those that are used, parted by commas',
      es: 'módulos que permitir además de los usados, separados por comas',
    }),
  ] as const;
  const query = ({ hosts, keep }: Options): string => {
    const parts = new URLSearchParams();
    if (hosts !== undefined && hosts !== '*') parts.set('hosts', hosts);
    if (keep !== undefined) parts.set('keep', listOf(keep).join(','));
    return parts.size === 0 ? '' : `?${parts}`;
  };

  modules
    .command('list')
    .option(...hostsOption)
    .description(
      cli.t({
        en: 'modules that are used: of the platform over time, starts and workloads; of this machine now',
        es: 'módulos que se usan: en la plataforma, en el tiempo, por arranque y carga de trabajo; en esta máquina, ahora',
      }),
    )
    .action(async (options: Options) => {
      if (options.hosts === undefined) return listHere(cli);
      const { items } = await cli.api.get<{ items: ModuleUseView[] }>(`/kernel/modules${query(options)}`);
      cli.print.table(
        [
          { title: { en: 'MODULE', es: 'MÓDULO' }, value: ({ module }: ModuleUseView) => module },
          { title: { en: 'USED ON', es: 'USADO EN' }, value: ({ usedOn, hosts }) => `${usedOn}/${hosts}` },
          { title: { en: 'STARTS', es: 'ARRANQUES' }, value: ({ boots }) => String(boots), align: 'right' },
          { title: { en: 'LOADS', es: 'CARGAS' }, value: ({ loads }) => String(loads), align: 'right' },
          { title: { en: 'SINCE', es: 'DESDE' }, value: ({ firstAt }) => firstAt.slice(0, 16) },
          {
            title: { en: 'SEEN WITH', es: 'VISTO CON' },
            value: ({ workloads }) => workloads.join(', ') || '-',
            long: true,
          },
        ],
        items,
        { json: { items }, empty: { en: 'no module was seen', es: 'no se vio ningún módulo' } },
      );
    });
  modules
    .command('propose')
    .option(...hostsOption)
    .option(...keepOption)
    .option(
      '--advisories <place>',
      cli.t({
        en: 'for this machine: folder with advisories, or one file (also DARSENA_ADVISORIES)',
        es: 'para esta máquina: carpeta con avisos, o un archivo (también DARSENA_ADVISORIES)',
      }),
    )
    .description(
      cli.t({
        en: 'the allow-list that follows, what it keeps out and which CVEs it puts out of reach; changes nothing',
        es: 'la lista que resulta, qué impide y qué CVE deja fuera de alcance; no cambia nada',
      }),
    )
    .action(async (options: Options) => {
      const proposal =
        options.hosts === undefined
          ? await proposeHere(options)
          : await cli.api.get<ModuleProposal>(`/kernel/modules/proposal${query(options)}`);
      showProposal(cli, proposal);
    });
  for (const [change, text] of [
    [
      'trial',
      { en: 'log what would be refused, refuse nothing', es: 'registrar qué se rechazaría, sin rechazar nada' },
    ],
    ['enforce', { en: 'keep out what the allow-list does not name', es: 'impedir lo que la lista no nombra' }],
    ['undo', { en: 'everything back as it was', es: 'todo como estaba' }],
  ] as const) {
    const command = modules
      .command(change)
      .option(...hostsOption)
      .description(cli.t(text));
    if (change !== 'undo') command.option(...keepOption);
    command.action(async (options: Options) => {
      if (options.hosts === undefined) {
        const allow = change === 'undo' ? [] : (await proposeHere(options)).allow.map(({ module }) => module);
        return showStandings(cli, [
          { host: hostname(), ...(await (await keeper()).do({ kind: 'kernel-modules', change, allow })) },
        ]);
      }
      const order = { hosts: options.hosts.split(',').map((one) => one.trim()), keep: listOf(options.keep), change };
      const { operation } = await cli.api.post<{ operation: string }>('/kernel/modules', order);
      const { result } = await cli.followOperation(operation);
      const { items, failed } = result as unknown as {
        items: (ModuleStanding & { host: string })[];
        failed: { host: string; why: string }[];
      };
      showStandings(cli, items, failed);
      if (failed.length > 0) cli.exit(1);
    });
  }
  modules
    .command('status')
    .option('--host <host>', cli.t({ en: 'a host of the platform', es: 'un host de la plataforma' }))
    .description(
      cli.t({
        en: 'what is kept out, and in a trial what would have been refused',
        es: 'qué se impide y, en prueba, qué se habría rechazado',
      }),
    )
    .action(async ({ host }: { host?: string }) => {
      const standing =
        host === undefined
          ? await (await keeper()).standing()
          : await cli.api.get<ModuleStanding>(`/hosts/${encodeURIComponent(host)}/kernel/modules`);
      showStandings(cli, [{ host: host ?? hostname(), ...standing }]);
    });
}

const factsHere = () =>
  gatherFacts(
    '/',
    { release: release(), version: version(), machine: machine(), host: hostname() },
    systemClock.now().toISOString(),
  );

function listHere(cli: CliProgram): void {
  const rows = factsHere().modules.loaded ?? [];
  cli.print.table(
    [
      { title: { en: 'MODULE', es: 'MÓDULO' }, value: ({ name }: (typeof rows)[number]) => name },
      { title: { en: 'REFERENCES', es: 'REFERENCIAS' }, value: ({ references }) => String(references), align: 'right' },
      { title: { en: 'USED BY', es: 'USADO POR' }, value: ({ usedBy }) => usedBy.join(', ') || '-', long: true },
    ],
    rows,
    {
      json: { items: rows },
      empty: { en: 'this kernel has loaded no module', es: 'este núcleo no ha cargado módulos' },
    },
  );
}

/** The same for this machine, by what is loaded now: nobody has looked at it over time. */
async function proposeHere({ keep, advisories }: Options): Promise<ModuleProposal> {
  const facts = factsHere();
  const loaded = facts.modules.loaded ?? [];
  const available = facts.modules.available ?? [];
  const asked = listOf(keep);
  const allow = new Map<string, 'used' | 'loaded' | 'asked'>(asked.map((one) => [one, 'asked']));
  for (const { name, references, usedBy } of loaded) {
    allow.set(name, references > 0 || usedBy.length > 0 ? 'used' : 'loaded');
  }
  const out = available.filter((name) => !allow.has(name) && keptFor(name, null) === null);
  const place = advisories ?? process.env['DARSENA_ADVISORIES'] ?? null;
  const isRpm = facts.kernel.package?.source === 'kernel';
  const { database } = await openAdvisories(place === '' ? null : place, systemClock, { isRpm });
  const before = answerKernel(facts, database, systemClock);
  const blocked = [...facts.modules.blocked, ...out.map((name) => ({ name, by: 'darsena kernel modules' }))];
  const after = answerKernel({ ...facts, modules: { ...facts.modules, blocked } }, database, systemClock);
  const open = new Set(
    before.cves.flatMap(({ cve, state }) => (state === 'exposed' || state === 'unknown' ? [cve] : [])),
  );
  const cves = after.cves.flatMap(({ cve, state }) => (state === 'not-reachable' && open.has(cve) ? [cve] : []));
  return {
    ...{ hosts: [hostname()], observedSince: null, onDisk: available.length, keptOut: out.length },
    allow: [...allow].map(([module, why]) => ({ module, why })).sort((a, b) => (a.module < b.module ? -1 : 1)),
    keptForSecurity: available.filter((name) => keptFor(name, null) === 'security').sort(),
    unreachable: { most: cves.length, cves: cves.sort() },
    isBlind: before.data.state === 'no-data',
  };
}

const WHY: Readonly<Record<ModuleProposal['allow'][number]['why'], Text>> = {
  used: { en: 'in use', es: 'en uso' },
  loaded: { en: 'loaded', es: 'cargado' },
  asked: { en: 'asked for', es: 'pedido' },
};

function showProposal(cli: CliProgram, proposal: ModuleProposal): void {
  if (cli.output.json) {
    cli.print.json(proposal);
    return;
  }
  const { hosts, observedSince, allow, onDisk, keptOut, keptForSecurity, unreachable, isBlind } = proposal;
  cli.print.table(
    [
      { title: { en: 'ALLOWED', es: 'PERMITIDO' }, value: ({ module }: (typeof allow)[number]) => module },
      { title: { en: 'WHY', es: 'MOTIVO' }, value: ({ why }) => cli.t(WHY[why]) },
    ],
    allow,
    { empty: { en: 'no module is loaded', es: 'no hay módulos cargados' } },
  );
  cli.print.line({
    en: `${hosts.length} hosts, looked at since ${observedSince ?? 'now only'}: ${keptOut} of ${onDisk} modules would be kept out`,
    es: `${hosts.length} hosts, observados desde ${observedSince ?? 'solo ahora'}: se impedirían ${keptOut} de ${onDisk} módulos`,
  });
  cli.print.line({
    en: `never kept out, as security needs them: ${keptForSecurity.length} modules`,
    es: `nunca se impiden, porque la seguridad los necesita: ${keptForSecurity.length} módulos`,
  });
  cli.print.line(
    isBlind
      ? {
          en: 'CVEs put out of reach: unknown, there are no kernel advisories',
          es: 'CVE fuera de alcance: desconocido, no hay avisos del núcleo',
        }
      : {
          en: `CVEs put out of reach: ${unreachable.most}`,
          es: `CVE que quedarían fuera de alcance: ${unreachable.most}`,
        },
  );
}

function showStandings(
  cli: CliProgram,
  items: readonly (ModuleStanding & { readonly host: string })[],
  failed: readonly { readonly host: string; readonly why: string }[] = [],
): void {
  if (cli.output.json) {
    cli.print.json({ items, failed });
    return;
  }
  for (const { host, why } of failed) cli.print.note(`${host}: ${why}`);
  for (const { host, mode, since, kept, onDisk, spared, wouldBlock, kernel } of items) {
    cli.print.line({
      en: `${host}: ${MODES[mode].en}${since === null ? '' : ` since ${since}`}; ${kept} of ${onDisk} modules kept out, ${spared} spared for security, containers or use`,
      es: `${host}: ${MODES[mode].es}${since === null ? '' : ` desde ${since}`}; ${kept} de ${onDisk} módulos impedidos, ${spared} respetados por seguridad, contenedores o uso`,
    });
    for (const { module, times, last } of wouldBlock)
      cli.print.line({
        en: `  would have been refused: ${module} (${times}, last ${last})`,
        es: `  se habría rechazado: ${module} (${times}, último ${last})`,
      });
    if (mode !== 'enforce') continue;
    if (kernel.means === null)
      cli.print.note({
        en: `${host}: root can still load a module file by itself (insmod); the kernel's own requests and modprobe are stopped${kernel.why === null ? '' : `. The kernel itself cannot refuse it: ${kernel.why}`}`,
        es: `${host}: root aún puede cargar un archivo de módulo por sí mismo (insmod); se detienen las peticiones del núcleo y modprobe${kernel.why === null ? '' : `. El propio núcleo no puede rechazarlo: ${kernel.why}`}`,
      });
    else
      cli.print.line({
        en: `  the kernel itself refuses the others, by ${kernel.means}; refused so far: ${kernel.refused}`,
        es: `  el propio núcleo rechaza los demás, con ${kernel.means}; rechazados hasta ahora: ${kernel.refused}`,
      });
  }
}
