import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { CliProgram, Text } from '../../system/index.ts';
import type { CertificateOrder, ShownAcmeSettings } from '../acme/orders.ts';
import { networkFault } from '../errors.ts';
import type { ServedCertificate } from './served.ts';

const STATES: Readonly<Record<ServedCertificate['state'], Text>> = {
  valid: { en: 'valid', es: 'válido' },
  expiring: { en: 'ends soon', es: 'termina pronto' },
  expired: { en: 'ended', es: 'terminado' },
};
const TONES = { valid: 'good', expiring: 'warn', expired: 'bad' } as const;

/** `darsena certificate …`: what the edge serves beside the platform's own certificate. */
export function certificateCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const noun = program
    .command('certificate')
    .description(t({ en: 'certificates of published services', es: 'certificados de los servicios publicados' }));
  noun
    .command('list')
    .alias('ls')
    .description(
      t({
        en: 'list the certificates, first to end first',
        es: 'listar los certificados, primero el que antes termina',
      }),
    )
    .action(async () => {
      const { items } = await api.get<{ items: readonly ServedCertificate[] }>('/certificates');
      print.table(
        [
          { title: { en: 'id', es: 'id' }, value: ({ id }) => id },
          { title: { en: 'names', es: 'nombres' }, value: ({ names }) => names.join(', '), long: true },
          { title: { en: 'project', es: 'proyecto' }, value: ({ project }) => project ?? '*' },
          { title: { en: 'state', es: 'estado' }, value: ({ state }) => print.colour(TONES[state], t(STATES[state])) },
          { title: { en: 'days', es: 'días' }, value: ({ days }) => String(days), align: 'right' },
          { title: { en: 'from', es: 'de' }, value: ({ issuer }) => issuer, wide: true },
        ],
        items,
        {
          empty: {
            en: 'none: every service is served with the platform’s own certificate',
            es: 'ninguno: todo servicio se sirve con el certificado de la plataforma',
          },
        },
      );
    });
  noun
    .command('show')
    .argument('<id>')
    .description(t({ en: 'show one certificate and its chain', es: 'mostrar un certificado y su cadena' }))
    .action(async (id: string) => {
      const one = await api.get<ServedCertificate & { chainPem: string }>(`/certificates/${encodeURIComponent(id)}`);
      if (cli.output.json) return print.json(one);
      print.result(
        [
          `${t({ en: 'names', es: 'nombres' })}: ${one.names.join(', ')}`,
          `${t({ en: 'project', es: 'proyecto' })}: ${one.project ?? '*'}`,
          `${t({ en: 'issuer', es: 'emisor' })}: ${one.issuer}`,
          `${t({ en: 'from', es: 'desde' })}: ${one.notBefore}`,
          `${t({ en: 'until', es: 'hasta' })}: ${one.notAfter} (${t(STATES[one.state])}, ${one.days} ${t({ en: 'days', es: 'días' })})`,
          `SHA-256: ${one.fingerprint}`,
          `${t({ en: 'added', es: 'añadido' })}: ${one.addedAt}, ${one.addedBy}`,
          one.chainPem.trimEnd(),
        ].join('\n'),
      );
    });
  noun
    .command('add')
    .argument(
      '<chain>',
      t({ en: 'PEM file: the certificate and what signed it', es: 'archivo PEM: el certificado y lo que lo firmó' }),
    )
    .argument('<key>', t({ en: 'PEM file: its key', es: 'archivo PEM: su clave' }))
    .option('--project <name>', t({ en: 'for hosts of this project only', es: 'solo para los hosts de este proyecto' }))
    .description(
      t({
        en: 'add a certificate, or renew the one of the same names',
        es: 'añadir un certificado o renovar el de los mismos nombres',
      }),
    )
    .action(async (chain: string, key: string, { project }: { project?: string }) => {
      const added = await api.post<ServedCertificate>('/certificates', {
        chain: await readPem(chain),
        key: await readPem(key),
        project: project ?? null,
      });
      if (cli.output.json) return print.json(added);
      print.result({
        en: `certificate ${added.id} is served for ${added.names.join(', ')} until ${added.notAfter}`,
        es: `el certificado ${added.id} se sirve para ${added.names.join(', ')} hasta ${added.notAfter}`,
      });
    });
  noun
    .command('remove')
    .alias('rm')
    .argument('<id>')
    .description(t({ en: 'serve it no longer and forget its key', es: 'dejar de servirlo y olvidar su clave' }))
    .action(async (id: string) => {
      await api.delete(`/certificates/${encodeURIComponent(id)}`);
      if (cli.output.json) return print.json({ id });
      print.result({ en: `certificate ${id} removed`, es: `certificado ${id} retirado` });
    });
  noun
    .command('request')
    .argument('<names...>', t({ en: 'host names, or *.example.org', es: 'nombres de host, o *.example.org' }))
    .option('--project <name>', t({ en: 'for hosts of this project only', es: 'solo para los hosts de este proyecto' }))
    .description(
      t({
        en: 'order a certificate by ACME, and renew it from then on',
        es: 'pedir un certificado por ACME y renovarlo en adelante',
      }),
    )
    .action(async (names: string[], { project }: { project?: string }) => {
      const order = await api.post<CertificateOrder>('/certificates/orders', { names, project: project ?? null });
      if (cli.output.json) return print.json(order);
      print.result({ en: `order ${order.id} is taken up`, es: `el pedido ${order.id} está en curso` });
      print.line({ en: 'how it goes: darsena certificate orders', es: 'cómo va: darsena certificate orders' });
    });
  noun
    .command('orders')
    .description(t({ en: 'list what is ordered by ACME', es: 'listar lo que se pide por ACME' }))
    .action(async () => {
      const { items } = await api.get<{ items: readonly CertificateOrder[] }>('/certificates/orders');
      print.table(
        [
          { title: { en: 'id', es: 'id' }, value: ({ id }) => id },
          { title: { en: 'names', es: 'nombres' }, value: ({ names }) => names.join(', ') },
          { title: { en: 'project', es: 'proyecto' }, value: ({ project }) => project ?? '*' },
          {
            title: { en: 'state', es: 'estado' },
            value: ({ state }) => print.colour(ORDER_TONES[state], t(ORDER_STATES[state])),
          },
          { title: { en: 'next', es: 'próximo' }, value: ({ nextAt }) => nextAt },
          {
            title: { en: 'why', es: 'por qué' },
            value: ({ detail }) => (detail === null ? '' : t(detail)),
            long: true,
          },
        ],
        items,
        { empty: { en: 'nothing is ordered', es: 'no hay pedidos' } },
      );
    });
  noun
    .command('cancel')
    .argument('<id>')
    .description(t({ en: 'renew a certificate no longer', es: 'dejar de renovar un certificado' }))
    .action(async (id: string) => {
      await api.delete(`/certificates/orders/${encodeURIComponent(id)}`);
      if (cli.output.json) return print.json({ id });
      print.result({
        en: `order ${id} ended; its certificate stays`,
        es: `pedido ${id} terminado; su certificado se queda`,
      });
    });
  const acme = noun
    .command('acme')
    .description(
      t({ en: 'the ACME authority and the DNS of its challenges', es: 'la autoridad ACME y el DNS de sus pruebas' }),
    );
  acme
    .command('show')
    .description(t({ en: 'show it', es: 'mostrarla' }))
    .action(async () => {
      const { settings } = await api.get<{ settings: ShownAcmeSettings | null }>('/certificates/acme');
      if (cli.output.json) return print.json({ settings });
      if (settings === null) return print.line({ en: 'none is set', es: 'no hay ninguna configurada' });
      const { directory, contact, dns } = settings;
      print.result(
        [
          `${t({ en: 'directory', es: 'directorio' })}: ${directory}`,
          `${t({ en: 'contact', es: 'contacto' })}: ${contact.join(', ') || '-'}`,
          `DNS: ${dns.host}:${dns.port}, ${dns.zones.join(', ')}, ${dns.keyName}`,
        ].join('\n'),
      );
    });
  acme
    .command('set')
    .requiredOption(
      '--directory <url>',
      t({ en: 'address of the directory (RFC 8555)', es: 'dirección del directorio (RFC 8555)' }),
    )
    .requiredOption('--agree-to-terms', t({ en: 'its terms of service were read', es: 'se leyeron sus condiciones' }))
    .requiredOption(
      '--dns-server <host[:port]>',
      t({ en: 'who takes changes of the zone (RFC 2136)', es: 'quién acepta cambios de la zona (RFC 2136)' }),
    )
    .requiredOption('--zone <zone...>', t({ en: 'zones that may be changed', es: 'zonas que se pueden cambiar' }))
    .requiredOption(
      '--tsig-name <name>',
      t({ en: 'name of the key (HMAC-SHA256)', es: 'nombre de la clave (HMAC-SHA256)' }),
    )
    .option('--tsig-secret-file <file>', t({ en: 'its secret in base64', es: 'su secreto en base64' }))
    .option(
      '--contact <email...>',
      t({ en: 'whom the authority may write to', es: 'a quién puede escribir la autoridad' }),
    )
    .option(
      '--ca-file <file>',
      t({ en: 'PEM of who vouches for its own TLS', es: 'PEM de quien responde de su propio TLS' }),
    )
    .option(
      '--wait <seconds>',
      t({ en: 'until secondaries have heard of a change', es: 'hasta que los secundarios conozcan un cambio' }),
      '0',
    )
    .description(t({ en: 'set it', es: 'configurarla' }))
    .action(async (options: AcmeOptions) => {
      const { host, port } = readServer(options.dnsServer);
      const secret = options.tsigSecretFile === undefined ? undefined : (await readPem(options.tsigSecretFile)).trim();
      const body = {
        directory: options.directory,
        contact: options.contact ?? [],
        ca: options.caFile === undefined ? null : await readPem(options.caFile),
        termsAgreed: true,
        dns: {
          ...{ host, port, zones: options.zone },
          ...{ keyName: options.tsigName, waitSeconds: Number(options.wait) },
        },
        ...(secret === undefined ? {} : { secret }),
      };
      const answer = await api.put<{ settings: ShownAcmeSettings }>('/certificates/acme', body);
      if (cli.output.json) return print.json(answer);
      print.result({
        en: `certificates are ordered at ${options.directory}`,
        es: `los certificados se piden en ${options.directory}`,
      });
    });
}

/** `ns1.example.org`, `192.0.2.53:5353`, `2001:db8::53` or `[2001:db8::53]:5353`. What is none has no host, which control refuses. */
export function readServer(text: string): { readonly host: string; readonly port: number } {
  if (isIP(text) === 6) return { host: text, port: 53 };
  const [, inner, plain, port = '53'] = /^(?:\[([^[\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  return { host: inner ?? plain ?? '', port: Number(port) };
}

/** @throws Fault network.file-unreadable */
async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw networkFault(
      'network.file-unreadable',
      { path, reason: (cause as NodeJS.ErrnoException).code ?? '' },
      { cause },
    );
  }
}

interface AcmeOptions {
  readonly directory: string;
  readonly dnsServer: string;
  readonly zone: readonly string[];
  readonly tsigName: string;
  readonly tsigSecretFile?: string;
  readonly contact?: readonly string[];
  readonly caFile?: string;
  readonly wait: string;
}

const ORDER_STATES: Readonly<Record<CertificateOrder['state'], Text>> = {
  waiting: { en: 'waits', es: 'espera' },
  valid: { en: 'valid', es: 'válido' },
  failed: { en: 'failed', es: 'falló' },
};
const ORDER_TONES = { waiting: 'warn', valid: 'good', failed: 'bad' } as const;
