import type { CliProgram } from '../system/index.ts';
import type { ChainedFact } from './fact.ts';
import type { AuditVerdict } from './journal.ts';

/** `audit`: what was recorded, and whether it is still what was recorded. */
export function journalCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const audit = program.command('audit').description(t({ en: 'the audit log', es: 'el registro de auditoría' }));
  audit
    .command('list')
    .option('--project <name>', t({ en: 'of one project', es: 'de un proyecto' }))
    .option('--kind <kind>', t({ en: 'such as image.pushed', es: 'como image.pushed' }))
    .option('--digest <digest>', t({ en: 'about one image', es: 'de una imagen' }))
    .option('-n, --limit <number>', t({ en: 'how many', es: 'cuántos' }), '50')
    .description(t({ en: 'what was recorded, newest first', es: 'qué se registró, lo más nuevo primero' }))
    .action(async (options: { project?: string; kind?: string; digest?: string; limit: string }) => {
      const query = new URLSearchParams({ limit: options.limit });
      for (const key of ['project', 'kind', 'digest'] as const) {
        const value = options[key];
        if (value !== undefined) query.set(key, value);
      }
      const { items } = await api.get<{ items: ChainedFact[] }>(`/audit/facts?${query}`);
      print.table(
        [
          { title: { en: 'no.', es: 'n.º' }, value: (fact) => String(fact.seq), align: 'right' },
          { title: { en: 'when', es: 'cuándo' }, value: (fact) => fact.at.slice(0, 19).replace('T', ' ') },
          { title: { en: 'what', es: 'qué' }, value: (fact) => fact.kind },
          { title: { en: 'who', es: 'quién' }, value: (fact) => fact.actor },
          { title: { en: 'about', es: 'sobre' }, value: (fact) => fact.subject },
          { title: { en: 'hash', es: 'hash' }, value: (fact) => fact.hash.slice(0, 16), wide: true },
        ],
        items,
        { empty: { en: 'Nothing was recorded.', es: 'No hay nada registrado.' }, json: { items } },
      );
    });
  audit
    .command('verify')
    .description(
      t({
        en: 'recompute the whole chain and check the signed checkpoints',
        es: 'recalcular toda la cadena y comprobar los puntos de control firmados',
      }),
    )
    .action(async () => {
      const verdict = await api.get<AuditVerdict>('/audit/verify');
      if (verdict.state === 'broken') cli.exit(1);
      if (cli.output.json) {
        print.json(verdict);
        return;
      }
      const { firstBad, facts, checkpoints, head, durationMs } = verdict;
      if (firstBad === null) {
        print.result({
          en: `intact: ${facts} records, ${checkpoints} signed checkpoints, in ${durationMs} ms; head ${head?.seq ?? 0} ${head?.hash.slice(0, 16) ?? ''}`,
          es: `íntegro: ${facts} registros, ${checkpoints} puntos de control firmados, en ${durationMs} ms; cabeza ${head?.seq ?? 0} ${head?.hash.slice(0, 16) ?? ''}`,
        });
      } else {
        print.result({
          en: `BROKEN at record ${firstBad.seq}: ${firstBad.why.en}`,
          es: `ALTERADO en el registro ${firstBad.seq}: ${firstBad.why.es}`,
        });
      }
    });
}
