import { readFile } from 'node:fs/promises';
import type { CliProgram } from '../system/index.ts';
import { ROBOT_ACTIONS, ROBOT_ROLES, ROLES } from './action.ts';
import { accessFault } from './errors.ts';
import type { ClaimRule } from './identity/claims.ts';
import type { Issuer, TrustRule } from './identity/identity.ts';
import { WORKLOAD_MINUTES_MAX } from './limits.ts';
import type { IssuedRobot, Robot } from './robots.ts';

const day = (at: string): string => at.slice(0, 10);

/** `member`, `robot` and `identity`: who works in a project, people and programs. */
export function machineCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const inProject = (project: string, path: string): string => `/projects/${encodeURIComponent(project)}/${path}`;
  const name = (text: string): string => encodeURIComponent(text);
  const rightsHelp = `${t({ en: 'right; may be repeated', es: 'derecho; puede repetirse' })}: ${[...ROBOT_ROLES, ...ROBOT_ACTIONS].join(', ')}`;
  const repositoryHelp = t({
    en: 'repository below the project, * for part of a word, ** for any; may be repeated; default all',
    es: 'repositorio dentro del proyecto, * por parte de una palabra, ** por cualquiera; puede repetirse; por defecto todos',
  });

  const members = program
    .command('member')
    .description(t({ en: 'people of a project', es: 'personas de un proyecto' }));
  members
    .command('list')
    .argument('<project>')
    .description(t({ en: 'who has a role in the project', es: 'quién tiene un rol en el proyecto' }))
    .action(async (project: string) => {
      const { items } = await api.get<{ items: { name: string; roles: string[]; state: string }[] }>(
        inProject(project, 'members'),
      );
      print.table(
        [
          { title: { en: 'name', es: 'nombre' }, value: (member) => member.name },
          { title: { en: 'roles', es: 'roles' }, value: (member) => member.roles.join(' ') },
          { title: { en: 'state', es: 'estado' }, value: (member) => member.state },
        ],
        items,
        { empty: { en: 'Nobody has a role in this project alone.', es: 'Nadie tiene un rol solo en este proyecto.' } },
      );
    });
  members
    .command('set')
    .argument('<project>')
    .argument('<name>')
    .requiredOption(
      '--role <role...>',
      `${t({ en: 'role; may be repeated', es: 'rol; puede repetirse' })}: ${ROLES.join(', ')}`,
    )
    .description(
      t({ en: 'give a person exactly these roles in it', es: 'dar a una persona exactamente estos roles en él' }),
    )
    .action(async (project: string, who: string, options: { role: string[] }) => {
      const answer = await api.put(inProject(project, `members/${name(who)}`), { roles: options.role });
      if (cli.output.json) print.json(answer);
      else print.result(`${who}: ${options.role.map((role) => `${role}@${project}`).join(' ')}`);
    });
  members
    .command('remove')
    .argument('<project>')
    .argument('<name>')
    .description(t({ en: 'take every role in it away, at once', es: 'quitar al momento todos sus roles en él' }))
    .action(async (project: string, who: string) => {
      await api.delete(inProject(project, `members/${name(who)}`));
      print.line({ en: `${who} is no member of ${project} any more`, es: `${who} ya no es miembro de ${project}` });
    });

  const robots = program
    .command('robot')
    .description(t({ en: 'programs of a project', es: 'programas de un proyecto' }));
  robots
    .command('list')
    .argument('<project>')
    .description(t({ en: 'robots with their rights', es: 'robots con sus derechos' }))
    .action(async (project: string) => {
      const { items } = await api.get<{ items: Robot[] }>(inProject(project, 'robots'));
      print.table(
        [
          { title: { en: 'name', es: 'nombre' }, value: (robot) => robot.name },
          { title: { en: 'rights', es: 'derechos' }, value: (robot) => robot.rights.join(' ') },
          {
            title: { en: 'repositories', es: 'repositorios' },
            value: (robot) => (robot.repositories.length === 0 ? '**' : robot.repositories.join(' ')),
          },
          { title: { en: 'state', es: 'estado' }, value: (robot) => robot.state },
          { title: { en: 'expires', es: 'caduca' }, value: (robot) => day(robot.expiresAt) },
          {
            title: { en: 'last used', es: 'último uso' },
            value: (robot) => print.age(robot.lastUsedAt),
            align: 'right',
          },
        ],
        items,
        { empty: { en: 'No robot.', es: 'Ningún robot.' } },
      );
    });
  const showSecret = ({ robot, secret }: IssuedRobot): void => {
    if (cli.output.json) {
      print.json({ robot, secret });
      return;
    }
    print.result(secret);
    print.line({
      en: `  shown this once; with it: podman login -u ${robot.login} --password-stdin`,
      es: `  se muestra esta única vez; con él: podman login -u ${robot.login} --password-stdin`,
    });
  };
  robots
    .command('create')
    .argument('<project>')
    .argument('<name>')
    .requiredOption('--right <right...>', rightsHelp)
    .option('--repository <pattern...>', repositoryHelp)
    .option('--days <days>', t({ en: 'how long it lives', es: 'cuánto vive' }), '90')
    .description(
      t({ en: 'make a robot; its secret is shown once', es: 'crear un robot; su secreto se muestra una vez' }),
    )
    .action(
      async (project: string, robot: string, options: { right: string[]; repository?: string[]; days: string }) => {
        showSecret(
          await api.post<IssuedRobot>(inProject(project, 'robots'), {
            name: robot,
            rights: options.right,
            repositories: options.repository ?? [],
            days: Number(options.days),
          }),
        );
      },
    );
  robots
    .command('rotate')
    .argument('<project>')
    .argument('<name>')
    .description(
      t({ en: 'a new secret; the former one ends at once', es: 'un secreto nuevo; el anterior termina al momento' }),
    )
    .action(async (project: string, robot: string) => {
      showSecret(await api.post<IssuedRobot>(inProject(project, `robots/${name(robot)}/rotate`), {}));
    });
  for (const [verb, state, description] of [
    ['disable', 'disabled', { en: 'shut it out at once', es: 'cerrarle el paso al momento' }],
    ['enable', 'active', { en: 'let it in again', es: 'volver a dejarlo entrar' }],
  ] as const) {
    robots
      .command(verb)
      .argument('<project>')
      .argument('<name>')
      .description(t(description))
      .action(async (project: string, robot: string) => {
        const changed = await api.put<Robot>(inProject(project, `robots/${name(robot)}/state`), { state });
        if (cli.output.json) print.json(changed);
        else print.result(`${project}/${robot}: ${changed.state}`);
      });
  }
  robots
    .command('delete')
    .argument('<project>')
    .argument('<name>')
    .description(t({ en: 'end it at once', es: 'terminarlo al momento' }))
    .action(async (project: string, robot: string) => {
      await api.delete(inProject(project, `robots/${name(robot)}`));
      print.line({ en: `the robot ${robot} is no longer accepted`, es: `ya no se acepta el robot ${robot}` });
    });

  const identity = program.command('identity').description(
    t({
      en: 'workload identity: jobs and pods of other platforms, believed by the tokens of these',
      es: 'identidad de cargas de trabajo: trabajos y pods de otras plataformas, creídos por los tokens de estas',
    }),
  );
  identity
    .command('issuers')
    .description(t({ en: 'whose tokens are believed', es: 'de quién se creen los tokens' }))
    .action(async () => {
      const { items } = await api.get<{ items: Issuer[] }>('/workload-identity/issuers');
      print.table(
        [
          { title: { en: 'name', es: 'nombre' }, value: (issuer) => issuer.name },
          { title: { en: 'issuer', es: 'emisor' }, value: (issuer) => issuer.url, long: true },
          { title: { en: 'audience', es: 'audiencia' }, value: (issuer) => issuer.audience },
          { title: { en: 'keys', es: 'claves' }, value: (issuer) => issuer.keys },
        ],
        items,
        { empty: { en: 'No issuer.', es: 'Ningún emisor.' } },
      );
    });
  identity
    .command('add-issuer')
    .argument('<name>')
    .requiredOption(
      '--url <https-url>',
      t({ en: 'the “iss” of its tokens, to the letter', es: 'el «iss» de sus tokens, al pie de la letra' }),
    )
    .requiredOption(
      '--audience <text>',
      t({ en: 'the one “aud” that its tokens must have', es: 'el único «aud» que deben tener sus tokens' }),
    )
    .option(
      '--keys-url <https-url>',
      t({
        en: 'where its keys are, when discovery does not say',
        es: 'dónde están sus claves, si no lo dice el descubrimiento',
      }),
    )
    .option(
      '--keys <file>',
      t({ en: 'its keys (JWKS), when it cannot be asked', es: 'sus claves (JWKS), si no se le puede preguntar' }),
    )
    .option(
      '--ca <file>',
      t({ en: 'certificate of the authority of its address', es: 'certificado de la autoridad de su dirección' }),
    )
    .option(
      '--network <cidr...>',
      t({
        en: 'private network where it may be; may be repeated',
        es: 'red privada donde puede estar; puede repetirse',
      }),
    )
    .option(
      '--reuse',
      t({ en: 'a token may be shown again while it lives', es: 'un token puede mostrarse otra vez mientras vive' }),
    )
    .description(
      t({ en: 'believe an issuer of tokens (OpenID Connect)', es: 'creer a un emisor de tokens (OpenID Connect)' }),
    )
    .action(
      async (
        issuer: string,
        options: {
          url: string;
          audience: string;
          keysUrl?: string;
          keys?: string;
          ca?: string;
          network?: string[];
          reuse?: boolean;
        },
      ) => {
        const added = await api.post<Issuer>('/workload-identity/issuers', {
          name: issuer,
          url: options.url,
          audience: options.audience,
          jwksUrl: options.keysUrl ?? null,
          jwks: options.keys === undefined ? null : await readFile(options.keys, 'utf8'),
          caPem: options.ca === undefined ? null : await readFile(options.ca, 'utf8'),
          networks: options.network ?? [],
          reuse: options.reuse === true,
        });
        if (cli.output.json) print.json(added);
        else print.result(`${added.name}: ${added.url}`);
      },
    );
  identity
    .command('remove-issuer')
    .argument('<name>')
    .description(
      t({
        en: 'believe it no more; its rules and tokens end at once',
        es: 'dejar de creerlo; sus reglas y tokens terminan al momento',
      }),
    )
    .action(async (issuer: string) => {
      await api.delete(`/workload-identity/issuers/${name(issuer)}`);
      print.line({ en: `${issuer} is no longer believed`, es: `ya no se cree a ${issuer}` });
    });
  identity
    .command('rules')
    .argument('<project>')
    .description(t({ en: 'which workloads the project believes', es: 'a qué cargas de trabajo cree el proyecto' }))
    .action(async (project: string) => {
      const { items } = await api.get<{ items: TrustRule[] }>(inProject(project, 'trust-rules'));
      print.table(
        [
          { title: { en: 'name', es: 'nombre' }, value: (rule) => rule.name },
          { title: { en: 'issuer', es: 'emisor' }, value: (rule) => rule.issuer },
          { title: { en: 'rights', es: 'derechos' }, value: (rule) => rule.rights.join(' ') },
          {
            title: { en: 'repositories', es: 'repositorios' },
            value: (rule) => (rule.repositories.length === 0 ? '**' : rule.repositories.join(' ')),
          },
          {
            title: { en: 'claims', es: 'atributos' },
            value: (rule) => rule.claims.map(({ claim, value }) => `${claim}=${value}`).join(' '),
            long: true,
          },
        ],
        items,
        { empty: { en: 'No trust rule.', es: 'Ninguna regla de confianza.' } },
      );
    });
  identity
    .command('trust')
    .argument('<project>')
    .argument('<name>')
    .requiredOption(
      '--issuer <name>',
      t({ en: 'an issuer of `darsena identity issuers`', es: 'un emisor de `darsena identity issuers`' }),
    )
    .requiredOption(
      '--claim <claim=value...>',
      t({
        en: 'what its token must say, in full or with * for one part; may be repeated, all must hold',
        es: 'lo que debe decir su token, completo o con * por una parte; puede repetirse, todas deben cumplirse',
      }),
    )
    .requiredOption('--right <right...>', rightsHelp)
    .option('--repository <pattern...>', repositoryHelp)
    .option(
      '--minutes <minutes>',
      t({ en: 'how long its tokens live', es: 'cuánto viven sus tokens' }),
      String(WORKLOAD_MINUTES_MAX),
    )
    .description(t({ en: 'believe workloads of an issuer', es: 'creer a cargas de trabajo de un emisor' }))
    .action(
      async (
        project: string,
        rule: string,
        options: { issuer: string; claim: string[]; right: string[]; repository?: string[]; minutes: string },
      ) => {
        const added = await api.post<TrustRule>(inProject(project, 'trust-rules'), {
          name: rule,
          issuer: options.issuer,
          claims: options.claim.map(parseClaim),
          rights: options.right,
          repositories: options.repository ?? [],
          minutes: Number(options.minutes),
        });
        if (cli.output.json) print.json(added);
        else print.result(`${project}/${rule}: ${added.rights.join(' ')}`);
      },
    );
  identity
    .command('distrust')
    .argument('<project>')
    .argument('<name>')
    .description(
      t({
        en: 'believe them no more; their tokens end at once',
        es: 'dejar de creerlas; sus tokens terminan al momento',
      }),
    )
    .action(async (project: string, rule: string) => {
      await api.delete(inProject(project, `trust-rules/${name(rule)}`));
      print.line({ en: `the rule ${rule} is gone`, es: `la regla ${rule} ya no está` });
    });
}

function parseClaim(text: string): ClaimRule {
  const at = text.indexOf('=');
  if (at <= 0) throw accessFault('access.request-invalid', { why: `"${text.slice(0, 100)}" is no CLAIM=VALUE` });
  return { claim: text.slice(0, at), value: text.slice(at + 1) };
}
