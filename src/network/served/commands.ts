import { readFile } from 'node:fs/promises';
import type { CliProgram, Text } from '../../system/index.ts';
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
      t({ en: 'PEM file: the certificate and what signed it', es: 'fichero PEM: el certificado y lo que lo firmó' }),
    )
    .argument('<key>', t({ en: 'PEM file: its key', es: 'fichero PEM: su clave' }))
    .option('--project <name>', t({ en: 'for hosts of this project only', es: 'solo para los hosts de este proyecto' }))
    .description(
      t({
        en: 'add a certificate, or renew the one of the same names',
        es: 'añadir un certificado o renovar el de los mismos nombres',
      }),
    )
    .action(async (chain: string, key: string, { project }: { project?: string }) => {
      const added = await api.post<ServedCertificate>('/certificates', {
        chain: await readFile(chain, 'utf8'),
        key: await readFile(key, 'utf8'),
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
}
