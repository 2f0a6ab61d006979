import { readFile } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import type { CliProgram, Text } from '../system/index.ts';
import type { StoredPreventPolicy } from './book.ts';
import { type Means, type Part, type Strength, shortId } from './guard.ts';
import type { Reach } from './host-state.ts';
import type { Allowed, KeptStranger, StopRule } from './strangers.ts';

const STRENGTH: Readonly<Record<Strength, Text>> = {
  blocks: { en: 'blocks before', es: 'bloquea antes' },
  kills: { en: 'kills after', es: 'termina después' },
  reports: { en: 'only reports', es: 'solo avisa' },
  nothing: { en: 'does nothing', es: 'no hace nada' },
};
const PART: Readonly<Record<Part, Text>> = {
  drift: { en: 'drift', es: 'deriva' },
  command: { en: 'commands', es: 'órdenes' },
  file: { en: 'files', es: 'archivos' },
  component: { en: 'components', es: 'componentes' },
  package: { en: 'packages', es: 'paquetes' },
};
const MODE = {
  'dry-run': { en: 'dry run', es: 'prueba' },
  enforce: { en: 'in force', es: 'en vigor' },
} as const;

interface PackageView {
  readonly purl: string;
  readonly programs: readonly string[];
  readonly libraries: readonly string[];
  readonly why: Text | null;
}
interface ImageView {
  readonly digest: string;
  readonly image: string;
  readonly unknown: Text | null;
  readonly found: readonly PackageView[];
}
interface PolicyView extends StoredPreventPolicy {
  readonly packages: readonly ImageView[];
  readonly hosts: readonly {
    readonly host: string;
    readonly state: 'in-force' | 'behind' | 'unable';
    readonly parts: readonly {
      part: Part;
      strength: Strength;
      means: Means | null;
      containers: number;
      why: Text | null;
    }[];
  }[];
}
interface PolicyRow {
  readonly item: PolicyView;
  readonly host: string;
  readonly part: PolicyView['hosts'][number]['parts'][number] | null;
}
interface PoliciesView {
  readonly items: readonly PolicyView[];
  readonly hosts: readonly { readonly host: string; readonly exec: Reach | null; readonly open: Reach | null }[];
}

/** `darsena prevent …` and `darsena foreign …`. */
export function preventCommands(cli: CliProgram): void {
  registerPrevent(cli);
  registerForeign(cli);
}

function registerPrevent(cli: CliProgram): void {
  const { api, print, t } = cli;
  const noun = cli.program.command('prevent').description(
    t({
      en: 'what may not run or be opened in containers',
      es: 'qué no puede ejecutarse ni abrirse en los contenedores',
    }),
  );
  noun
    .command('list')
    .description(
      t({
        en: 'list the policies, and how strongly each host follows them',
        es: 'listar las políticas y con qué fuerza las sigue cada host',
      }),
    )
    .action(async () => {
      const { items, hosts } = await api.get<PoliciesView>('/prevention/policies');
      if (cli.output.json) return print.json({ items, hosts });
      const rows = items.flatMap((item): PolicyRow[] => {
        const parts = item.hosts.flatMap(({ host, parts: some }) => some.map((part) => ({ item, host, part })));
        return parts.length > 0 ? parts : [{ item, host: '–', part: null }];
      });
      print.table(
        [
          { title: { en: 'policy', es: 'política' }, value: (row) => row.item.policy.name },
          { title: { en: 'mode', es: 'modo' }, value: (row) => t(MODE[row.item.policy.mode]) },
          { title: { en: 'host', es: 'host' }, value: (row) => row.host },
          { title: { en: 'part', es: 'parte' }, value: (row) => (row.part === null ? '–' : t(PART[row.part.part])) },
          {
            title: { en: 'strength', es: 'fuerza' },
            value: (row) =>
              row.part === null ? t({ en: 'no container', es: 'ningún contenedor' }) : t(STRENGTH[row.part.strength]),
          },
          { title: { en: 'by', es: 'por' }, value: (row) => row.part?.means ?? '–' },
          {
            title: { en: 'containers', es: 'contenedores' },
            value: (row) => String(row.part?.containers ?? 0),
            align: 'right',
          },
        ],
        rows,
        { empty: { en: 'nothing is prevented', es: 'no se impide nada' } },
      );
      for (const { item, host, part } of rows)
        if (part?.why != null)
          print.note({
            en: `${item.policy.name} on ${host}: ${part.why.en}`,
            es: `${item.policy.name} en ${host}: ${part.why.es}`,
          });
    });
  noun
    .command('hosts')
    .description(t({ en: 'say what each host can do at best', es: 'decir qué puede hacer cada host como mucho' }))
    .action(async () => {
      const { hosts } = await api.get<PoliciesView>('/prevention/policies');
      if (cli.output.json) return print.json(hosts);
      const rows = hosts.flatMap(({ host, exec, open }) => [
        { host, act: t({ en: 'programs', es: 'programas' }), reach: exec },
        { host, act: t({ en: 'files', es: 'archivos' }), reach: open },
      ]);
      print.table(
        [
          { title: { en: 'host', es: 'host' }, value: (row) => row.host },
          { title: { en: 'of', es: 'de' }, value: (row) => row.act },
          { title: { en: 'strength', es: 'fuerza' }, value: (row) => t(STRENGTH[row.reach?.strength ?? 'nothing']) },
          { title: { en: 'by', es: 'por' }, value: (row) => row.reach?.means ?? '–' },
          {
            title: { en: 'why not more', es: 'por qué no más' },
            value: (row) => (row.reach?.why == null ? '' : t(row.reach.why)),
          },
        ],
        rows,
        { empty: { en: 'no host is connected', es: 'no hay ningún host conectado' } },
      );
    });
  noun
    .command('apply')
    .argument('<file>', t({ en: 'a policy in YAML', es: 'una política en YAML' }))
    .description(t({ en: 'put a policy in force', es: 'poner en vigor una política' }))
    .action(async (file: string) => {
      const stored = await api.put<StoredPreventPolicy>('/prevention/policies', {
        source: await readFile(file, 'utf8'),
      });
      if (cli.output.json) return print.json(stored);
      const { name, mode } = stored.policy;
      print.result({ en: `policy ${name}: ${MODE[mode].en}`, es: `política ${name}: ${MODE[mode].es}` });
    });
  noun
    .command('show')
    .argument('<name>')
    .description(t({ en: 'show a policy as it was written', es: 'mostrar una política como se escribió' }))
    .action(async (name: string) => {
      const found = await api.get<StoredPreventPolicy>(`/prevention/policies/${encodeURIComponent(name)}`);
      if (cli.output.json) return print.json(found);
      print.result(found.source.trimEnd());
    });
  noun
    .command('packages')
    .argument('<name>')
    .description(
      t({
        en: 'say what the packages that a policy denies are in each image that runs',
        es: 'decir qué son, en cada imagen en marcha, los paquetes que una política deniega',
      }),
    )
    .action(async (name: string) => {
      const { packages } = await api.get<PolicyView>(`/prevention/policies/${encodeURIComponent(name)}`);
      if (cli.output.json) return print.json(packages);
      const rows = packages.flatMap((item): { item: ImageView; one: PackageView | null }[] =>
        item.found.length === 0 ? [{ item, one: null }] : item.found.map((one) => ({ item, one })),
      );
      print.table(
        [
          {
            title: { en: 'image', es: 'imagen' },
            value: ({ item }) => `${item.image}@${item.digest.slice(7, 19)}`,
          },
          {
            title: { en: 'package', es: 'paquete' },
            value: ({ item, one }) =>
              one !== null
                ? (one.purl.split('?')[0] ?? '')
                : t(
                    item.unknown === null
                      ? { en: 'none of them', es: 'ninguno' }
                      : { en: 'not known', es: 'no se sabe' },
                  ),
          },
          {
            title: { en: 'denied', es: 'se deniega' },
            value: ({ one }) => (one === null ? '–' : deniedWords([...one.programs, ...one.libraries])),
            long: true,
          },
          {
            title: { en: 'cannot be enforced because', es: 'no se puede imponer porque' },
            value: ({ item, one }) => {
              const why = one?.why ?? item.unknown;
              return why == null ? '' : t(why);
            },
            long: true,
          },
        ],
        rows,
        {
          empty: {
            en: 'the policy denies no packages, or no image runs',
            es: 'la política no deniega paquetes, o no hay ninguna imagen en marcha',
          },
        },
      );
    });
  noun
    .command('remove')
    .argument('<name>')
    .description(t({ en: 'take a policy out of force', es: 'retirar una política' }))
    .action(async (name: string) => {
      await api.delete(`/prevention/policies/${encodeURIComponent(name)}`);
      print.result({ en: `policy ${name} removed`, es: `política ${name} retirada` });
    });
}

/** The first few, and how many there are beside them. */
function deniedWords(paths: readonly string[]): string {
  const [shown, more] = [paths.slice(0, 4), paths.length - 4];
  return paths.length === 0 ? '–' : `${shown.join(' ')}${more > 0 ? ` +${more}` : ''}`;
}

interface ForeignOptions {
  readonly image?: string;
  readonly name?: string;
  readonly host?: string;
  readonly environment?: string;
  readonly reason: string;
  readonly days?: number;
}

function registerForeign(cli: CliProgram): void {
  const { api, print, t } = cli;
  const noun = cli.program
    .command('foreign')
    .description(
      t({ en: 'containers that the platform did not start', es: 'contenedores que la plataforma no inició' }),
    );
  const image = t({ en: 'of images that match; * is any text', es: 'de imágenes que coincidan; * es cualquier texto' });
  const named = t({ en: 'whose name matches', es: 'cuyo nombre coincida' });
  const host = t({ en: 'on hosts that match', es: 'en hosts que coincidan' });
  const why = t({ en: 'why', es: 'por qué' });
  noun
    .command('list')
    .description(t({ en: 'list them', es: 'listarlos' }))
    .action(async () => {
      const { items } = await api.get<{ items: KeptStranger[] }>('/foreign');
      print.table(
        [
          { title: { en: 'host', es: 'host' }, value: (row) => row.host },
          { title: { en: 'container', es: 'contenedor' }, value: (row) => shortId(row.id) },
          { title: { en: 'engine', es: 'motor' }, value: (row) => row.engine },
          { title: { en: 'name', es: 'nombre' }, value: (row) => row.name ?? '–' },
          { title: { en: 'image', es: 'imagen' }, value: (row) => row.image ?? '–' },
          { title: { en: 'state', es: 'estado' }, value: (row) => t(stateOf(row)) },
          { title: { en: 'found', es: 'visto' }, value: (row) => print.age(row.foundAt) },
        ],
        items,
        { empty: { en: 'only the platform runs containers', es: 'solo la plataforma ejecuta contenedores' } },
      );
    });
  noun
    .command('stop')
    .argument('<id>')
    .description(t({ en: 'stop one', es: 'detener uno' }))
    .action(async (id: string) => {
      const stopped = await api.post<KeptStranger>(`/foreign/${encodeURIComponent(id)}/stop`, {});
      if (cli.output.json) return print.json(stopped);
      print.result({ en: `stopped: ${stopped.outcome ?? ''}`, es: `detenido: ${stopped.outcome ?? ''}` });
    });
  noun
    .command('allow')
    .option('--image <pattern>', image)
    .option('--name <pattern>', named)
    .option('--host <pattern>', host)
    .option('--days <number>', t({ en: 'for so many days', es: 'durante tantos días' }), readDays)
    .requiredOption('--reason <text>', why)
    .description(t({ en: 'let some run beside the platform', es: 'dejar que algunos corran junto a la plataforma' }))
    .action(async ({ image: one, name, host: where, reason, days }: ForeignOptions) => {
      const until = days === undefined ? null : new Date(Date.now() + days * 86_400_000).toISOString();
      const body = { image: one ?? null, name: name ?? null, host: where ?? null, reason, until };
      const entry = await api.post<Allowed>('/foreign/allowed', body);
      if (cli.output.json) return print.json(entry);
      print.result({ en: `allowed: ${entry.id}`, es: `permitido: ${entry.id}` });
    });
  noun
    .command('allowed')
    .description(t({ en: 'list what is allowed', es: 'listar lo permitido' }))
    .action(async () => {
      const { allowed } = await api.get<{ allowed: Allowed[] }>('/foreign/rules');
      print.table(
        [
          { title: { en: 'id', es: 'id' }, value: (row) => row.id },
          { title: { en: 'image', es: 'imagen' }, value: (row) => row.image ?? '*' },
          { title: { en: 'name', es: 'nombre' }, value: (row) => row.name ?? '*' },
          { title: { en: 'host', es: 'host' }, value: (row) => row.host ?? '*' },
          { title: { en: 'until', es: 'hasta' }, value: (row) => row.until ?? '–' },
          { title: { en: 'by', es: 'por' }, value: (row) => row.author },
          { title: { en: 'why', es: 'por qué' }, value: (row) => row.reason },
        ],
        allowed,
        { empty: { en: 'nothing is allowed', es: 'no hay nada permitido' } },
      );
    });
  noun
    .command('disallow')
    .argument('<id>')
    .description(t({ en: 'take such an entry back', es: 'retirar una de esas entradas' }))
    .action(async (id: string) => {
      await api.delete(`/foreign/allowed/${encodeURIComponent(id)}`);
      print.result({ en: 'no longer allowed', es: 'ya no está permitido' });
    });
  const rule = noun
    .command('rule')
    .description(
      t({ en: 'what is stopped; without a rule all is only reported', es: 'qué se detiene; sin reglas solo se avisa' }),
    );
  rule
    .command('list')
    .description(t({ en: 'list the rules', es: 'listar las reglas' }))
    .action(async () => {
      const { stops } = await api.get<{ stops: StopRule[] }>('/foreign/rules');
      print.table(
        [
          { title: { en: 'id', es: 'id' }, value: (row) => row.id },
          { title: { en: 'host', es: 'host' }, value: (row) => row.host ?? '*' },
          { title: { en: 'environment', es: 'entorno' }, value: (row) => row.environment ?? '*' },
          { title: { en: 'image', es: 'imagen' }, value: (row) => row.image ?? '*' },
          { title: { en: 'name', es: 'nombre' }, value: (row) => row.name ?? '*' },
          { title: { en: 'by', es: 'por' }, value: (row) => row.author },
          { title: { en: 'why', es: 'por qué' }, value: (row) => row.reason },
        ],
        stops,
        { empty: { en: 'they are only reported', es: 'solo se avisa de ellos' } },
      );
    });
  rule
    .command('stop')
    .option('--host <pattern>', host)
    .option(
      '--environment <pattern>',
      t({ en: 'only on hosts with pods of such an environment', es: 'solo en hosts con pods de un entorno así' }),
    )
    .option('--image <pattern>', image)
    .option('--name <pattern>', named)
    .requiredOption('--reason <text>', why)
    .description(t({ en: 'have them stopped', es: 'hacer que se detengan' }))
    .action(async ({ image: one, name, host: where, environment, reason }: ForeignOptions) => {
      const body = {
        host: where ?? null,
        environment: environment ?? null,
        image: one ?? null,
        name: name ?? null,
        reason,
      };
      const made = await api.post<StopRule>('/foreign/stops', body);
      if (cli.output.json) return print.json(made);
      print.result({ en: `they are stopped from now on: ${made.id}`, es: `se detienen desde ahora: ${made.id}` });
    });
  rule
    .command('remove')
    .argument('<id>')
    .description(t({ en: 'only report from now on', es: 'solo avisar desde ahora' }))
    .action(async (id: string) => {
      await api.delete(`/foreign/stops/${encodeURIComponent(id)}`);
      print.result({ en: 'rule removed', es: 'regla retirada' });
    });
}

function readDays(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('1 … 9999');
  return Number(text);
}

function stateOf({ goneAt, stoppedAt, allowedBy }: KeptStranger): Text {
  if (stoppedAt !== null) return { en: 'stopped', es: 'detenido' };
  if (goneAt !== null) return { en: 'gone', es: 'ya no está' };
  return allowedBy === null ? { en: 'runs', es: 'en marcha' } : { en: 'allowed', es: 'permitido' };
}
