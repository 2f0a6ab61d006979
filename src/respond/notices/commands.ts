import { readFile } from 'node:fs/promises';
import type { CliProgram, Text } from '../../system/index.ts';
import { respondFault } from '../errors.ts';
import { printable } from '../timeline.ts';
import { CHANNEL_KINDS } from './message.ts';
import type { Channel, Delivery } from './notices.ts';

const STATES: Readonly<Record<Delivery['state'], Text>> = {
  pending: { en: 'waits', es: 'espera' },
  sent: { en: 'taken', es: 'recibido' },
  failed: { en: 'given up', es: 'abandonado' },
};

/** What of its incident a notice tells: a test belongs to none and is not kept. */
const EVENTS: Readonly<Record<Delivery['event'], Text>> = {
  'incident.opened': { en: 'opened', es: 'abierto' },
  'incident.worsened': { en: 'worse', es: 'agravado' },
  'incident.told': { en: 'told by hand', es: 'avisado a mano' },
};

/** `darsena notice …`: whom the platform tells of incidents. */
export function noticeCommands(cli: CliProgram): void {
  const { api, print, t } = cli;
  const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];
  const noun = cli.program.command('notice').description(t({ en: 'notices of incidents', es: 'avisos de incidentes' }));
  noun
    .command('list')
    .description(t({ en: 'list the channels', es: 'listar los canales' }))
    .action(async () => {
      const { items } = await api.get<{ items: Channel[] }>('/notices/channels');
      print.table(
        [
          { title: { en: 'channel', es: 'canal' }, value: (row) => row.name },
          { title: { en: 'kind', es: 'tipo' }, value: (row) => row.kind },
          { title: { en: 'leads to', es: 'lleva a' }, value: (row) => [row.host, ...(row.recipients ?? [])].join(' ') },
          { title: { en: 'from', es: 'desde' }, value: (row) => row.priority },
          { title: { en: 'projects', es: 'proyectos' }, value: (row) => row.projects?.join(', ') ?? '*' },
          { title: { en: 'signed', es: 'firmado' }, value: (row) => t(row.signed ? YES : NO) },
          { title: { en: 'by', es: 'por' }, value: (row) => row.author, wide: true },
        ],
        items,
        { empty: { en: 'nobody is told', es: 'no se avisa a nadie' } },
      );
    });
  noun
    .command('add')
    .argument('<name>')
    .requiredOption('--kind <kind>', CHANNEL_KINDS.join(' | '))
    .option(
      '--to <url>',
      t({
        en: 'https://…, smtps://…, tls://…, tcp://… or udp://…',
        es: 'https://…, smtps://…, tls://…, tcp://… o udp://…',
      }),
    )
    .option(
      '--to-file <file>',
      t({ en: 'the same from a file, where it is a secret', es: 'lo mismo desde un archivo, si es secreto' }),
    )
    .option(
      '--secret-file <file>',
      t({
        en: 'what signs the notices; of e-mail the password',
        es: 'con qué se firman los avisos; en correo, la contraseña',
      }),
    )
    .option('--from <address>', t({ en: 'of e-mail: the sender', es: 'en correo: el remitente' }))
    .option(
      '--recipient <address>',
      t({ en: 'of e-mail: who is told; repeatable', es: 'en correo: a quién se avisa; repetible' }),
      collect,
    )
    .option('--user <name>', t({ en: 'of e-mail: who logs in', es: 'en correo: quién inicia sesión' }))
    .option(
      '--ca-file <file>',
      t({
        en: 'the authority of a receiver of your own, in PEM',
        es: 'la autoridad de un receptor propio, en PEM',
      }),
    )
    .option('--priority <level>', t({ en: 'of this or worse', es: 'de esta o peor' }), 'warning')
    .option(
      '--project <name>',
      t({ en: 'of this project only; repeatable', es: 'solo de este proyecto; repetible' }),
      collect,
    )
    .option(
      '--allow-network <cidr>',
      t({
        en: 'a network inside that it may lead to; repeatable',
        es: 'una red interna a la que puede llevar; repetible',
      }),
      collect,
    )
    .description(t({ en: 'set up a channel', es: 'configurar un canal' }))
    .action(async (name: string, options: AddOptions) => {
      const url = options.to ?? (options.toFile === undefined ? null : (await readFile(options.toFile, 'utf8')).trim());
      if (url === null)
        throw respondFault('respond.channel-invalid', { why: 'no address was given: --to or --to-file' });
      const secret = options.secretFile === undefined ? null : (await readFile(options.secretFile, 'utf8')).trim();
      const channel = await api.put<Channel>('/notices/channels', {
        ...{ name, kind: options.kind, url, secret, priority: options.priority },
        ...{ projects: options.project ?? null, networks: options.allowNetwork ?? [] },
        ca: options.kind === 'email' || options.caFile === undefined ? null : await readFile(options.caFile, 'utf8'),
        mail: await mailOf(options),
      });
      if (cli.output.json) return print.json(channel);
      print.result({ en: `channel ${name} set up: ${channel.host}`, es: `canal ${name} configurado: ${channel.host}` });
      print.line({ en: `try it: darsena notice test ${name}`, es: `probarlo: darsena notice test ${name}` });
    });
  noun
    .command('test')
    .argument('<name>')
    .description(t({ en: 'send a test now', es: 'enviar una prueba ahora' }))
    .action(async (name: string) => {
      const { note } = await api.post<{ note: Text | null }>(`/notices/channels/${encodeURIComponent(name)}/test`);
      print.result({ en: `${name} took the test`, es: `${name} recibió la prueba` });
      if (note !== null)
        print.note({ en: `not all are told: ${printable(note.en)}`, es: `no se avisa a todos: ${printable(note.es)}` });
    });
  noun
    .command('remove')
    .argument('<name>')
    .description(t({ en: 'tell it no longer', es: 'dejar de avisarlo' }))
    .action(async (name: string) => {
      await api.delete(`/notices/channels/${encodeURIComponent(name)}`);
      print.result({ en: `channel ${name} removed`, es: `canal ${name} retirado` });
    });
  noun
    .command('deliveries')
    .description(t({ en: 'list what was told, waits or failed', es: 'listar lo avisado, en espera o fallido' }))
    .action(async () => {
      const { items } = await api.get<{ items: Delivery[] }>('/notices/deliveries?limit=200');
      print.table(
        [
          { title: { en: 'channel', es: 'canal' }, value: (row) => row.channel },
          { title: { en: 'incident', es: 'incidente' }, value: (row) => String(row.incident), align: 'right' },
          { title: { en: 'what', es: 'qué' }, value: (row) => t(EVENTS[row.event]) },
          { title: { en: 'state', es: 'estado' }, value: (row) => t(STATES[row.state]) },
          { title: { en: 'tries', es: 'intentos' }, value: (row) => String(row.attempts), align: 'right' },
          { title: { en: 'age', es: 'antigüedad' }, value: (row) => print.age(row.at) },
          {
            title: { en: 'why', es: 'por qué' },
            value: (row) => (row.error === null ? '' : printable(t(row.error))),
            long: true,
          },
        ],
        items,
        { empty: { en: 'nothing was told yet', es: 'todavía no se ha avisado de nada' } },
      );
    });
}

async function mailOf({ kind, from, recipient, user, caFile }: AddOptions): Promise<object | null> {
  if (kind !== 'email') return null;
  if (from === undefined || recipient === undefined)
    throw respondFault('respond.channel-invalid', { why: 'e-mail needs --from and --recipient' });
  return { from, to: recipient, user: user ?? null, ca: caFile === undefined ? null : await readFile(caFile, 'utf8') };
}

interface AddOptions {
  readonly from?: string;
  readonly recipient?: string[];
  readonly user?: string;
  readonly caFile?: string;
  readonly kind: string;
  readonly to?: string;
  readonly toFile?: string;
  readonly secretFile?: string;
  readonly priority: string;
  readonly project?: string[];
  readonly allowNetwork?: string[];
}

const YES: Text = { en: 'yes', es: 'sí' };
const NO: Text = { en: 'no', es: 'no' };
