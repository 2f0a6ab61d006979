import type { CliProgram } from '../system/index.ts';
import type { Token, User } from './access.ts';
import { type Grant, isRole, ROLES } from './action.ts';
import { accessFault } from './errors.ts';

/** `user` and `token`: who may do what, and the credentials of robots. */
export function accessCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const grantOption = t({
    en: 'role, or role@project; may be repeated',
    es: 'rol, o rol@proyecto; puede repetirse',
  });

  const users = program.command('user').description(t({ en: 'people and their roles', es: 'personas y sus roles' }));
  users
    .command('list')
    .description(t({ en: 'who there is', es: 'quiénes hay' }))
    .action(async () => {
      const { items } = await api.get<{ items: User[] }>('/users');
      print.table(
        [
          { title: { en: 'name', es: 'nombre' }, value: (user) => user.name },
          { title: { en: 'roles', es: 'roles' }, value: (user) => user.grants.map(formatGrant).join(' ') },
          {
            title: { en: 'state', es: 'estado' },
            value: (user) =>
              t(user.state === 'active' ? { en: 'active', es: 'activa' } : { en: 'shut out', es: 'sin acceso' }),
          },
          {
            title: { en: 'password', es: 'contraseña' },
            value: (user) => t(user.hasPassword ? { en: 'set', es: 'puesta' } : { en: 'not yet', es: 'aún no' }),
          },
          {
            title: { en: 'last login', es: 'último acceso' },
            value: (user) => print.age(user.lastLoginAt),
            align: 'right',
          },
        ],
        items,
        { json: { items } },
      );
    });
  users
    .command('create')
    .argument('<name>')
    .requiredOption('--role <role...>', `${grantOption}: ${ROLES.join(', ')}`)
    .description(
      t({
        en: 'add a person; prints a login address that works once',
        es: 'añadir una persona; muestra una dirección de acceso que sirve una vez',
      }),
    )
    .action(async (name: string, options: { role: string[] }) => {
      const body = { name, grants: options.role.map(parseGrant) };
      const answer = await api.post<{ user: User; code: string; url: string; expiresAt: string }>('/users', body);
      if (cli.output.json) print.json(answer);
      else {
        print.result(answer.url);
        print.line({
          en: `  for ${name}; it works once, until ${answer.expiresAt}. On a command line: darsena login --code ${answer.code}`,
          es: `  para ${name}; sirve una vez, hasta ${answer.expiresAt}. En una línea de órdenes: darsena login --code ${answer.code}`,
        });
      }
    });
  users
    .command('grant')
    .argument('<name>')
    .requiredOption('--role <role...>', `${grantOption}: ${ROLES.join(', ')}`)
    .description(t({ en: 'give a person exactly these roles', es: 'dar a una persona exactamente estos roles' }))
    .action(async (name: string, options: { role: string[] }) => {
      const user = await api.put<User>(`/users/${encodeURIComponent(name)}/grants`, {
        grants: options.role.map(parseGrant),
      });
      if (cli.output.json) print.json(user);
      else print.result(`${user.name}: ${user.grants.map(formatGrant).join(' ')}`);
    });
  users
    .command('code')
    .argument('<name>')
    .description(
      t({ en: 'a new login address that works once', es: 'una dirección de acceso nueva que sirve una vez' }),
    )
    .action(async (name: string) => {
      const answer = await api.post<{ url: string }>(`/users/${encodeURIComponent(name)}/code`, {});
      if (cli.output.json) print.json(answer);
      else print.result(answer.url);
    });
  for (const [verb, state, description] of [
    [
      'disable',
      'disabled',
      {
        en: 'shut a person out at once, and keep their roles',
        es: 'cerrar el paso a una persona al momento, conservando sus roles',
      },
    ],
    ['enable', 'active', { en: 'let a person in again', es: 'volver a dejar entrar a una persona' }],
  ] as const) {
    users
      .command(verb)
      .argument('<name>')
      .description(t(description))
      .action(async (name: string) => {
        const user = await api.put<User>(`/users/${encodeURIComponent(name)}/state`, { state });
        if (cli.output.json) print.json(user);
        else if (state === 'disabled') print.line({ en: `${name} is shut out`, es: `${name} ya no puede entrar` });
        else print.line({ en: `${name} may log in again`, es: `${name} puede volver a entrar` });
      });
  }
  users
    .command('remove')
    .argument('<name>')
    .description(
      t({
        en: 'remove a person and end every session at once',
        es: 'quitar a una persona y terminar al momento sus sesiones',
      }),
    )
    .action(async (name: string) => {
      await api.delete(`/users/${encodeURIComponent(name)}`);
      print.line({ en: `${name} is removed`, es: `${name} ya no está` });
    });

  const tokens = program.command('token').description(t({ en: 'tokens of robots', es: 'tokens de robots' }));
  tokens
    .command('list')
    .description(t({ en: 'tokens that are valid', es: 'tokens vigentes' }))
    .action(async () => {
      const { items } = await api.get<{ items: Token[] }>('/tokens');
      print.table(
        [
          { title: { en: 'id', es: 'id' }, value: (token) => token.id, long: true },
          { title: { en: 'name', es: 'nombre' }, value: (token) => token.name },
          { title: { en: 'kind', es: 'clase' }, value: (token) => token.kind },
          { title: { en: 'roles', es: 'roles' }, value: (token) => token.grants.map(formatGrant).join(' ') },
          { title: { en: 'expires', es: 'caduca' }, value: (token) => token.expiresAt.slice(0, 16).replace('T', ' ') },
          {
            title: { en: 'last used', es: 'último uso' },
            value: (token) => print.age(token.lastUsedAt),
            align: 'right',
          },
        ],
        items,
        { empty: { en: 'No token.', es: 'Ningún token.' }, json: { items } },
      );
    });
  tokens
    .command('create')
    .argument('<name>')
    .requiredOption(
      '--role <role>',
      `${t({ en: 'role, or role@project', es: 'rol, o rol@proyecto' })}: ${ROLES.join(', ')}`,
    )
    .option('--days <days>', t({ en: 'how long it lives', es: 'cuánto vive' }), '30')
    .description(t({ en: 'make a token; it is shown once', es: 'crear un token; se muestra una vez' }))
    .action(async (name: string, options: { role: string; days: string }) => {
      const body = { name, ...parseGrant(options.role), days: Number(options.days) };
      const answer = await api.post<Token & { token: string }>('/tokens', body);
      if (cli.output.json) print.json(answer);
      else print.result(answer.token);
    });
  tokens
    .command('revoke')
    .argument('<id>')
    .description(t({ en: 'end a token at once', es: 'terminar un token al momento' }))
    .action(async (id: string) => {
      await api.delete(`/tokens/${encodeURIComponent(id)}`);
      print.line({ en: 'the token is no longer accepted', es: 'el token ya no se acepta' });
    });
}

function formatGrant({ role, project }: Grant): string {
  return project === '*' ? role : `${role}@${project}`;
}

function parseGrant(text: string): Grant {
  const [role = '', project = '*'] = text.split('@', 2);
  if (!isRole(role))
    throw accessFault('access.request-invalid', { why: `"${role}" is no role; there are ${ROLES.join(', ')}` });
  return { role, project };
}
