import { readFile } from 'node:fs/promises';
import { type CliProgram, systemClock, type Text } from '../../system/index.ts';
import { printable } from '../timeline.ts';
import type { PlannedStep, PlaybookRun, RunStep, StoredPlaybook } from './playbooks.ts';

const STEPS: Readonly<Record<RunStep['state'], Text>> = {
  pending: { en: 'to come', es: 'por hacer' },
  awaiting: { en: 'waits for approval', es: 'espera aprobación' },
  running: { en: 'running', es: 'en marcha' },
  done: { en: 'done', es: 'hecho' },
  skipped: { en: 'left out', es: 'omitido' },
  failed: { en: 'FAILED', es: 'FALLÓ' },
  declined: { en: 'declined', es: 'rechazado' },
};
const RUNS: Readonly<Record<PlaybookRun['state'], Text>> = {
  queued: { en: 'begins', es: 'empieza' },
  running: { en: 'running', es: 'en marcha' },
  awaiting: { en: 'waits for approval', es: 'espera aprobación' },
  done: { en: 'done', es: 'hecho' },
  failed: { en: 'failed', es: 'falló' },
  declined: { en: 'declined', es: 'rechazado' },
  interrupted: { en: 'interrupted', es: 'interrumpido' },
};
const LOOK_MS = 500;

/** `darsena playbook …`: several actions in their order. */
export function playbookCommands(cli: CliProgram): void {
  const { api, print, t } = cli;
  const noun = cli.program
    .command('playbook')
    .description(t({ en: 'several actions in their order', es: 'varias acciones en su orden' }));
  noun
    .command('list')
    .description(t({ en: 'list the playbooks in force', es: 'listar los guiones en vigor' }))
    .action(async () => {
      const { items } = await api.get<{ items: StoredPlaybook[] }>('/playbooks');
      print.table(
        [
          { title: { en: 'playbook', es: 'guion' }, value: (row) => row.playbook.name },
          {
            title: { en: 'steps', es: 'pasos' },
            value: (row) => row.playbook.steps.map((step) => (step.approve ? `${step.do}?` : step.do)).join(' → '),
          },
          { title: { en: 'by', es: 'por' }, value: (row) => row.author },
          { title: { en: 'age', es: 'antigüedad' }, value: (row) => print.age(row.at) },
          {
            title: { en: 'what for', es: 'para qué' },
            value: (row) => printable(row.playbook.description),
            long: true,
          },
        ],
        items,
        { empty: { en: 'no playbooks', es: 'no hay guiones' } },
      );
    });
  noun
    .command('apply')
    .argument('<file>', t({ en: 'a playbook in YAML', es: 'un guion en YAML' }))
    .description(t({ en: 'put a playbook in force', es: 'poner en vigor un guion' }))
    .action(async (file: string) => {
      const stored = await api.put<StoredPlaybook>('/playbooks', { source: await readFile(file, 'utf8') });
      if (cli.output.json) return print.json(stored);
      const { name, steps } = stored.playbook;
      print.result({
        en: `playbook ${name} in force: ${steps.length} steps`,
        es: `guion ${name} en vigor: ${steps.length} pasos`,
      });
    });
  noun
    .command('remove')
    .argument('<name>')
    .description(t({ en: 'take a playbook out of force', es: 'retirar un guion' }))
    .action(async (name: string) => {
      await api.delete(`/playbooks/${encodeURIComponent(name)}`);
      print.result({ en: `playbook ${name} removed`, es: `guion ${name} retirado` });
    });
  noun
    .command('run')
    .argument('<name>')
    .requiredOption('--incident <number>', t({ en: 'about which incident', es: 'sobre qué incidente' }))
    .option(
      '--preview',
      t({ en: 'say what each step will do, and do nothing', es: 'decir qué hará cada paso, sin hacerlo' }),
    )
    .description(t({ en: 'do its steps about an incident', es: 'hacer sus pasos sobre un incidente' }))
    .action(async (name: string, options: { incident: string; preview?: boolean }) => {
      if (options.preview === true) return preview(name, options.incident);
      const path = `/incidents/${encodeURIComponent(options.incident)}/playbooks`;
      let run = await api.post<PlaybookRun>(path, { playbook: name });
      while (run.state === 'queued' || run.state === 'running') {
        await systemClock.sleep(LOOK_MS, cli.signal).catch(() => undefined);
        if (cli.signal.aborted) return;
        run = await api.get<PlaybookRun>(`/playbook-runs/${run.id}`);
      }
      show(run);
    });
  noun
    .command('show')
    .argument('<incident>', t({ en: 'the number of an incident', es: 'el número de un incidente' }))
    .description(t({ en: 'runs about an incident, step by step', es: 'ejecuciones sobre un incidente, paso a paso' }))
    .action(async (incident: string) => {
      const { items } = await api.get<{ items: PlaybookRun[] }>(`/incidents/${encodeURIComponent(incident)}/playbooks`);
      if (cli.output.json) return print.json({ items });
      if (items.length === 0)
        print.result({ en: 'no playbook was run about it', es: 'no se ejecutó ningún guion sobre él' });
      for (const run of items) show(run);
    });
  noun
    .command('approve')
    .argument('<run>', t({ en: 'the id that show tells', es: 'el identificador que dice show' }))
    .option('--decline', t({ en: 'say no', es: 'decir que no' }))
    .description(t({ en: 'answer what a run waits for', es: 'responder a lo que espera una ejecución' }))
    .action(async (run: string, options: { decline?: boolean }) => {
      const approve = options.decline !== true;
      const answered = await api.post<PlaybookRun>(`/playbook-runs/${encodeURIComponent(run)}/answer`, { approve });
      if (cli.output.json) return print.json(answered);
      print.result(
        approve ? { en: 'it goes on', es: 'sigue' } : { en: 'declined: it ends here', es: 'rechazado: termina aquí' },
      );
    });

  async function preview(name: string, incident: string): Promise<void> {
    const path = `/playbooks/${encodeURIComponent(name)}/preview?incident=${encodeURIComponent(incident)}`;
    const { items } = await api.get<{ items: PlannedStep[] }>(path);
    if (cli.output.json) return print.json({ items });
    items.forEach((step, index) => {
      const asks = step.approve
        ? t({ en: ' (somebody else has to agree first)', es: ' (antes debe aprobarlo otra persona)' })
        : '';
      print.line(`${index + 1}. ${print.colour(step.why === null ? 'strong' : 'faint', step.do)}${asks}`);
      if (step.why !== null) print.line(`   ${t({ en: 'left out', es: 'omitido' })}: ${t(step.why)}`);
      else for (const text of step.effect) print.line(`   ${t(text)}`);
      if (step.undo !== null)
        print.line(
          `   ${t({ en: 'taken back by', es: 'se deshace con' })}: darsena incident respond ${incident} ${step.undo}`,
        );
    });
  }

  function show(run: PlaybookRun): void {
    if (run.state === 'failed' || run.state === 'interrupted') cli.exit(1);
    if (cli.output.json) {
      print.json(run);
      return;
    }
    print.line(`${print.colour('strong', run.playbook)}: ${t(RUNS[run.state])}  ${run.actor}  ${run.id}`);
    run.steps.forEach((step, index) => {
      const detail = step.detail === null ? '' : `: ${printable(t(step.detail))}`;
      print.line(
        `  ${index + 1}. ${step.do}  ${t(STEPS[step.state])}${detail}${step.by === null ? '' : `  (${step.by})`}`,
      );
    });
    if (run.state === 'awaiting') print.line(`  darsena playbook approve ${run.id}`);
  }
}
