import { readFile } from 'node:fs/promises';
import type { CliProgram, Text } from '../../system/index.ts';
import type { QuarantinedImage } from '../quarantines.ts';
import { printable } from '../timeline.ts';
import type { StoredResponsePolicy } from './book.ts';
import type { WouldDo } from './policy.ts';

const HOW: Readonly<Record<WouldDo['how'], Text>> = {
  act: { en: 'does it', es: 'lo hace' },
  ask: { en: 'asks first', es: 'pregunta antes' },
  limit: { en: 'held back by the limit', es: 'retenido por el límite' },
};

/** `darsena response …`: what is done by itself. */
export function responseCommands(cli: CliProgram): void {
  const { api, print, t } = cli;
  const noun = cli.program
    .command('response')
    .description(t({ en: 'what is done by itself about incidents', es: 'qué se hace solo ante los incidentes' }));
  const policy = noun.command('policy').description(t({ en: 'response policies', es: 'políticas de respuesta' }));
  policy
    .command('list')
    .description(t({ en: 'list the policies in force', es: 'listar las políticas en vigor' }))
    .action(async () => {
      const { items } = await api.get<{ items: StoredResponsePolicy[] }>('/response/policies');
      print.table(
        [
          { title: { en: 'policy', es: 'política' }, value: (row) => row.policy.name },
          { title: { en: 'mode', es: 'modo' }, value: (row) => t(MODE[row.policy.mode]) },
          {
            title: { en: 'does', es: 'hace' },
            value: (row) => [...row.policy.do, ...row.policy.run.map((name) => `playbook ${name}`)].join(', '),
          },
          {
            title: { en: 'asks first in', es: 'pregunta antes en' },
            value: (row) => row.policy.approve.join(', ') || '–',
          },
          { title: { en: 'by', es: 'por' }, value: (row) => row.author },
          { title: { en: 'age', es: 'antigüedad' }, value: (row) => print.age(row.at) },
        ],
        items,
        { empty: { en: 'nothing is done by itself', es: 'no se hace nada solo' } },
      );
    });
  policy
    .command('apply')
    .argument('<file>', t({ en: 'a policy in YAML', es: 'una política en YAML' }))
    .description(t({ en: 'put a policy in force', es: 'poner en vigor una política' }))
    .action(async (file: string) => {
      const stored = await api.put<StoredResponsePolicy>('/response/policies', {
        source: await readFile(file, 'utf8'),
      });
      if (cli.output.json) return print.json(stored);
      const { name, mode } = stored.policy;
      print.result({
        en: `policy ${name} in force: ${t(MODE[mode])}`,
        es: `política ${name} en vigor: ${t(MODE[mode])}`,
      });
    });
  policy
    .command('remove')
    .argument('<name>')
    .description(t({ en: 'take a policy out of force', es: 'retirar una política' }))
    .action(async (name: string) => {
      await api.delete(`/response/policies/${encodeURIComponent(name)}`);
      print.result({ en: `policy ${name} removed`, es: `política ${name} retirada` });
    });
  policy
    .command('try')
    .argument('<file>', t({ en: 'a policy in YAML', es: 'una política en YAML' }))
    .option('--days <number>', t({ en: 'how far back', es: 'desde cuántos días atrás' }), '7')
    .description(
      t({
        en: 'say what a policy would have done, and do nothing',
        es: 'decir qué habría hecho una política, sin hacer nada',
      }),
    )
    .action(async (file: string, { days }: { days: string }) => {
      const body = { source: await readFile(file, 'utf8'), days: Number(days) };
      const tried = await api.post<{ name: string; alerts: number; cut: boolean; items: WouldDo[] }>(
        '/response/policies/try',
        body,
      );
      if (cli.output.json) return print.json(tried);
      print.table(
        [
          { title: { en: 'when', es: 'cuándo' }, value: (row) => print.age(row.at) },
          { title: { en: 'incident', es: 'incidente' }, value: (row) => String(row.incident), align: 'right' },
          { title: { en: 'action', es: 'acción' }, value: (row) => row.action },
          { title: { en: 'how', es: 'cómo' }, value: (row) => t(HOW[row.how]) },
          { title: { en: 'where', es: 'dónde' }, value: (row) => row.place },
          { title: { en: 'rule', es: 'regla' }, value: (row) => printable(row.rule) },
        ],
        tried.items,
        { empty: { en: 'it would have done nothing', es: 'no habría hecho nada' } },
      );
      const acts = tried.items.filter(({ how }) => how === 'act').length;
      print.line({
        en: `${tried.alerts} alerts of ${days} days: ${acts} actions by itself, ${tried.items.length - acts} asked or held back`,
        es: `${tried.alerts} alertas de ${days} días: ${acts} acciones por sí sola, ${tried.items.length - acts} preguntadas o retenidas`,
      });
      if (tried.cut)
        print.note({
          en: 'there are more alerts; the oldest were left out',
          es: 'hay más alertas; se omitieron las más antiguas',
        });
    });
  noun
    .command('quarantine')
    .description(t({ en: 'list the images in quarantine', es: 'listar las imágenes en cuarentena' }))
    .action(async () => {
      const { items } = await api.get<{ items: QuarantinedImage[] }>('/response/quarantine');
      print.table(
        [
          { title: { en: 'project', es: 'proyecto' }, value: (row) => row.project },
          { title: { en: 'image', es: 'imagen' }, value: (row) => row.digest },
          { title: { en: 'incident', es: 'incidente' }, value: (row) => String(row.incident ?? '–'), align: 'right' },
          { title: { en: 'by', es: 'por' }, value: (row) => row.actor },
          { title: { en: 'age', es: 'antigüedad' }, value: (row) => print.age(row.at) },
        ],
        items,
        { empty: { en: 'no image is in quarantine', es: 'ninguna imagen está en cuarentena' } },
      );
    });
}

const MODE = {
  'dry-run': { en: 'says only what it would do', es: 'solo dice qué haría' },
  enforce: { en: 'acts', es: 'actúa' },
} as const;
