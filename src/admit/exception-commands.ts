import { InvalidArgumentError } from 'commander';
import type { CliProgram, Text } from '../system/index.ts';
import type { Exception, ExceptionState } from './exception.ts';
import { EXCEPTION_DAYS_MAX } from './limits.ts';

type ExceptionView = Exception & { readonly state: ExceptionState };

const STATES: Readonly<Record<ExceptionState, Text>> = {
  waiting: { en: 'waiting', es: 'en espera' },
  active: { en: 'active', es: 'activa' },
  expiring: { en: 'expires soon', es: 'caduca pronto' },
  expired: { en: 'expired', es: 'caducada' },
  revoked: { en: 'revoked', es: 'revocada' },
};

interface RequestOptions {
  readonly rule?: string;
  readonly finding?: string;
  readonly package?: string;
  readonly environment?: string;
  readonly digest?: string;
  readonly repository?: string;
  readonly reason: string;
  readonly days: number;
}

/** `darsena exception …`: refusals that may be lived with for a while, agreed by two people. */
export function exceptionCommands(cli: CliProgram): void {
  const noun = cli.program.command('exception').description(
    cli.t({
      en: 'refusals that may be lived with for a while',
      es: 'rechazos con los que se puede convivir un tiempo',
    }),
  );
  const pathOf = (project: string): string => `/projects/${encodeURIComponent(project)}/exceptions`;
  noun
    .command('list')
    .argument('<project>')
    .option(
      '--expiring',
      cli.t({ en: 'only those that expire within a week', es: 'solo las que caducan en una semana' }),
    )
    .description(cli.t({ en: 'list the exceptions of a project', es: 'listar las excepciones de un proyecto' }))
    .action(async (project: string, options: { expiring?: boolean }) => {
      const all = (await cli.api.get<{ items: ExceptionView[] }>(pathOf(project))).items;
      const items = options.expiring === true ? all.filter(({ state }) => state === 'expiring') : all;
      cli.print.table(
        [
          { title: { en: 'id', es: 'id' }, value: (row: ExceptionView) => row.id },
          { title: { en: 'state', es: 'estado' }, value: ({ state }) => cli.t(STATES[state]) },
          { title: { en: 'about', es: 'sobre' }, value: (row) => aboutOf(row) },
          {
            title: { en: 'images', es: 'imágenes' },
            value: (row) => row.repository ?? row.digest?.slice(0, 19) ?? '-',
          },
          { title: { en: 'until', es: 'hasta' }, value: ({ expiresAt }) => expiresAt.slice(0, 10) },
          { title: { en: 'asked by', es: 'la pidió' }, value: ({ author }) => author },
          { title: { en: 'agreed by', es: 'la aprobó' }, value: ({ approver }) => approver ?? '-' },
          { title: { en: 'why', es: 'motivo' }, value: ({ reason }) => reason, long: true },
        ],
        items,
        { json: { items } },
      );
    });
  noun
    .command('request')
    .argument('<project>')
    .option('--finding <id>', cli.t({ en: 'CVE or other key of the finding', es: 'CVE u otra clave del hallazgo' }))
    .option('--package <name>', cli.t({ en: 'name of the package', es: 'nombre del paquete' }))
    .option(
      '--rule <rule>',
      cli.t({ en: 'rule of the policy; without it every rule', es: 'regla de la política; sin ella, todas' }),
    )
    .option('--digest <digest>', cli.t({ en: 'for one image', es: 'para una imagen' }))
    .option(
      '--repository <pattern>',
      cli.t({
        en: 'for images of a repository: tienda/web, tienda/*',
        es: 'para las imágenes de un repositorio: tienda/web, tienda/*',
      }),
    )
    .option('--environment <name>', cli.t({ en: 'only there', es: 'solo ahí' }))
    .option('--days <days>', cli.t({ en: 'how long, at most 180', es: 'cuánto tiempo, como mucho 180' }), readDays, 30)
    .requiredOption('--reason <text>', cli.t({ en: 'why', es: 'por qué' }))
    .description(
      cli.t({
        en: 'ask for an exception; somebody else has to approve it',
        es: 'pedir una excepción; la tiene que aprobar otra persona',
      }),
    )
    .action(async (project: string, options: RequestOptions) => {
      const made = await cli.api.post<ExceptionView>(pathOf(project), {
        rule: options.rule ?? '*',
        subject: options.finding ?? null,
        package: options.package ?? null,
        environment: options.environment ?? null,
        digest: options.digest ?? null,
        repository: options.repository ?? null,
        reason: options.reason,
        expiresAt: endAfter(options.days),
      });
      if (cli.output.json) cli.print.json(made);
      else {
        cli.print.result({
          en: `${made.id}: waiting for somebody else: darsena exception approve ${project} ${made.id}`,
          es: `${made.id}: a la espera de otra persona: darsena exception approve ${project} ${made.id}`,
        });
      }
    });
  hostCommands(cli, noun.command('host'));
  for (const [verb, text] of DECIDE) {
    noun
      .command(verb)
      .argument('<project>')
      .argument('<id>')
      .description(cli.t(text))
      .action(async (project: string, id: string) => {
        const made = await cli.api.post<ExceptionView>(`${pathOf(project)}/${encodeURIComponent(id)}/${verb}`);
        if (cli.output.json) cli.print.json(made);
        else cli.print.result(`${id}: ${cli.t(STATES[made.state])}`);
      });
  }
}

interface HostExceptionView {
  readonly id: string;
  readonly host: string;
  readonly cves: readonly string[];
  readonly state: ExceptionState;
  readonly reason: string;
  readonly author: string;
  readonly approver: string | null;
  readonly expiresAt: string;
}

interface HostIssueView {
  readonly cve: string;
  readonly title: Text;
  readonly program: string;
  readonly version: string;
  /** Of the exception that covers it now. */
  readonly exception: string | null;
}

interface HostExceptionsView {
  readonly items: readonly HostExceptionView[];
  readonly hosts: readonly { readonly host: string; readonly issues: readonly HostIssueView[] }[];
}

/** `darsena exception host …`: known vulnerabilities of a host's run-times that may be lived with until a day. */
function hostCommands(cli: CliProgram, noun: ReturnType<CliProgram['program']['command']>): void {
  noun.description(
    cli.t({
      en: 'known vulnerabilities of the programs that start containers on a host',
      es: 'vulnerabilidades conocidas de los programas que arrancan contenedores en un host',
    }),
  );
  noun
    .command('list')
    .description(
      cli.t({
        en: 'what hosts are exposed to, and what two administrators agreed to live with',
        es: 'a qué están expuestos los hosts y con qué acordaron convivir dos administradores',
      }),
    )
    .action(async () => {
      const all = await cli.api.get<HostExceptionsView>('/host-exceptions');
      if (cli.output.json) return cli.print.json(all);
      cli.print.table(
        [
          { title: { en: 'host', es: 'host' }, value: ({ host }: HostIssueView & { host: string }) => host },
          { title: { en: 'program', es: 'programa' }, value: ({ program, version }) => `${program} ${version}` },
          { title: { en: 'vulnerability', es: 'vulnerabilidad' }, value: ({ cve }) => cve },
          { title: { en: 'excepted by', es: 'exceptuada por' }, value: ({ exception }) => exception ?? '-' },
          { title: { en: 'what it is', es: 'qué es' }, value: ({ title }) => cli.t(title), long: true },
        ],
        all.hosts.flatMap(({ host, issues }) => issues.map((issue) => ({ ...issue, host }))),
      );
      if (all.items.length === 0) return;
      cli.print.table(
        [
          { title: { en: 'id', es: 'id' }, value: ({ id }: HostExceptionView) => id },
          { title: { en: 'state', es: 'estado' }, value: ({ state }) => cli.t(STATES[state]) },
          { title: { en: 'host', es: 'host' }, value: ({ host }) => host },
          { title: { en: 'until', es: 'hasta' }, value: ({ expiresAt }) => expiresAt.slice(0, 10) },
          { title: { en: 'asked by', es: 'la pidió' }, value: ({ author }) => author },
          { title: { en: 'agreed by', es: 'la aprobó' }, value: ({ approver }) => approver ?? '-' },
          { title: { en: 'about', es: 'sobre' }, value: ({ cves }) => cves.join(' '), long: true },
          { title: { en: 'why', es: 'motivo' }, value: ({ reason }) => reason, long: true },
        ],
        all.items,
      );
    });
  noun
    .command('request')
    .argument('<host>')
    .option(
      '--cve <id...>',
      cli.t({
        en: 'which ones; without it all that the host is exposed to now',
        es: 'cuáles; sin ella, todas a las que el host está expuesto ahora',
      }),
    )
    .option('--days <days>', cli.t({ en: 'how long, at most 180', es: 'cuánto tiempo, como mucho 180' }), readDays, 30)
    .requiredOption('--reason <text>', cli.t({ en: 'why', es: 'por qué' }))
    .description(
      cli.t({
        en: 'ask to live with them until a day; another administrator has to agree',
        es: 'pedir convivir con ellas hasta un día; lo tiene que aprobar otro administrador',
      }),
    )
    .action(async (host: string, options: { cve?: string[]; days: number; reason: string }) => {
      const made = await cli.api.post<HostExceptionView>('/host-exceptions', {
        ...{ host, cves: options.cve ?? null, reason: options.reason },
        expiresAt: endAfter(options.days),
      });
      if (cli.output.json) return cli.print.json(made);
      cli.print.result({
        en: `${made.id}: ${made.cves.length} on ${made.host}, waiting for another administrator: darsena exception host approve ${made.id}`,
        es: `${made.id}: ${made.cves.length} en ${made.host}, a la espera de otro administrador: darsena exception host approve ${made.id}`,
      });
    });
  for (const [verb, text] of DECIDE) {
    noun
      .command(verb)
      .argument('<id>')
      .description(cli.t(text))
      .action(async (id: string) => {
        const made = await cli.api.post<HostExceptionView>(`/host-exceptions/${encodeURIComponent(id)}/${verb}`);
        if (cli.output.json) cli.print.json(made);
        else cli.print.result(`${id}: ${cli.t(STATES[made.state])}`);
      });
  }
}

const DECIDE: readonly (readonly ['approve' | 'revoke', Text])[] = [
  [
    'approve',
    { en: 'agree to an exception that somebody else asked for', es: 'aprobar una excepción que pidió otra persona' },
  ],
  [
    'revoke',
    { en: 'take an exception back, or refuse one that waits', es: 'retirar una excepción, o rechazar una que espera' },
  ],
];

function readDays(text: string): number {
  const days = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (days < 1 || days > EXCEPTION_DAYS_MAX) throw new InvalidArgumentError(`1 … ${EXCEPTION_DAYS_MAX}`);
  return days;
}

/** The time so many days from now. */
function endAfter(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString();
}

function aboutOf({ rule, subject, package: name }: Exception): string {
  return [subject, name, rule === '*' ? null : rule].filter((part) => part !== null).join(' ');
}
