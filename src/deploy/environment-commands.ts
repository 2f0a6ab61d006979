import type { Replay } from '../admit/index.ts';
import type { CliProgram, Text } from '../system/index.ts';
import type { EnvironmentPolicy, PolicyChange } from './environment-policies.ts';
import type { RunningUnder } from './environment-routes.ts';
import { deployFault } from './errors.ts';

interface EnvironmentView extends EnvironmentPolicy {
  readonly running: readonly RunningUnder[];
  /** Why the policy cannot be asked. */
  readonly problem: Text | null;
}

interface Trial {
  readonly policy: string;
  readonly current: string;
  readonly replay: Replay;
  readonly running: readonly RunningUnder[];
}

/** What is shown of a what-if before the rest is counted. */
const SHOWN = 20;
const REASONS_SHOWN = 5;

/** `darsena env …`: which policy judges an environment that exists. */
export function environmentCommands(cli: CliProgram): void {
  const { api, ask, print, t } = cli;
  const noun = cli.program
    .command('env')
    .description(t({ en: 'environments and what judges them', es: 'entornos y lo que los juzga' }));
  const where = t({ en: 'PROJECT/ENVIRONMENT', es: 'PROYECTO/ENTORNO' });
  const tell = (view: EnvironmentView): void => {
    if (cli.output.json) print.json(view);
    else showState(cli, view);
  };
  noun
    .command('show')
    .argument('<place>', where)
    .description(
      t({
        en: 'the policy of an environment, its changes, and what it says now of what runs there',
        es: 'la política de un entorno, sus cambios y lo que dice ahora de lo que funciona ahí',
      }),
    )
    .action(async (place: string) => {
      const view = await api.get<EnvironmentView>(pathOf(place));
      if (cli.output.json) {
        print.json(view);
        return;
      }
      showState(cli, view);
      showRunning(cli, view.running, {
        en: 'all that runs there would be let through as a new release',
        es: 'todo lo que funciona ahí pasaría como versión nueva',
      });
      showChanges(cli, view.changes);
    });
  noun
    .command('set')
    .argument('<place>', where)
    .option('--policy <name>', t({ en: 'prod, or prod@VERSION', es: 'prod, o prod@VERSIÓN' }))
    .option(
      '--from-file',
      t({
        en: 'what darsena.yaml says, from the next deploy on; not for production',
        es: 'la que diga darsena.yaml, desde el próximo despliegue; no para producción',
      }),
    )
    .option('--reason <text>', t({ en: 'why, for the audit log', es: 'por qué, para la auditoría' }), '')
    .option('-y, --yes', t({ en: 'do not ask', es: 'no preguntar' }))
    .option('--dry-run', t({ en: 'only show what it would change', es: 'solo mostrar qué cambiaría' }))
    .description(
      t({
        en: 'give an environment another policy after showing whom it would hit; production waits for a second person',
        es: 'dar otra política a un entorno tras mostrar a quién afectaría; producción espera a otra persona',
      }),
    )
    .action(
      async (
        place: string,
        options: { policy?: string; fromFile?: boolean; reason: string; dryRun?: boolean },
      ): Promise<void> => {
        const path = pathOf(place);
        const { policy = null, reason } = options;
        if ((policy === null) !== (options.fromFile === true)) throw deployFault('deploy.policy-choice', { place });
        if (policy !== null) {
          const trial = await api.post<Trial>(`${path}/try`, { policy });
          if (options.dryRun === true && cli.output.json) {
            print.json(trial);
            return;
          }
          if (!cli.output.json) showTrial(cli, trial);
        }
        if (options.dryRun === true) return;
        const remedy = `darsena env set ${place} ${policy === null ? '--from-file' : `--policy ${policy}`} --yes`;
        const agreed = await ask.confirm(
          policy === null
            ? {
                en: `Leave the policy of ${place} to darsena.yaml?`,
                es: `¿Dejar la política de ${place} a darsena.yaml?`,
              }
            : { en: `Give ${place} the policy ${policy}?`, es: `¿Dar a ${place} la política ${policy}?` },
          { remedy },
        );
        if (agreed) tell(await api.put<EnvironmentView>(path, { policy, reason }));
      },
    );
  for (const [verb, text, question] of DECIDE) {
    noun
      .command(verb)
      .argument('<place>', where)
      .option(
        '--change <id>',
        t({ en: 'this change alone, without showing it', es: 'solo este cambio, sin mostrarlo' }),
      )
      .option('-y, --yes', t({ en: 'do not ask', es: 'no preguntar' }))
      .description(t(text))
      .action(async (place: string, options: { change?: string }) => {
        const path = pathOf(place);
        let { change } = options;
        if (change === undefined) {
          const { waiting, project, environment } = await api.get<EnvironmentView>(path);
          if (waiting === null) throw deployFault('deploy.policy-not-waiting', { project, environment });
          if (!cli.output.json) {
            showWaiting(cli, waiting);
            showTrial(cli, await api.post<Trial>(`${path}/try`, { policy: waiting.after }));
          }
          const remedy = `darsena env ${verb} ${place} --change ${waiting.id}`;
          if (!(await ask.confirm(question(place, waiting.after), { remedy }))) return;
          change = waiting.id;
        }
        tell(await api.post<EnvironmentView>(`${path}/${verb}`, { change }));
      });
  }
}

const DECIDE: readonly (readonly ['approve' | 'reject', Text, (place: string, policy: string) => Text])[] = [
  [
    'approve',
    {
      en: 'show the change of policy that somebody else asked for and whom it would hit, and agree to it',
      es: 'mostrar el cambio de política que pidió otra persona y a quién afectaría, y aprobarlo',
    },
    (place, policy) => ({ en: `Give ${place} the policy ${policy}?`, es: `¿Dar a ${place} la política ${policy}?` }),
  ],
  [
    'reject',
    {
      en: 'reject the change of policy that waits, or take one’s own back',
      es: 'rechazar el cambio de política que espera, o retirar el propio',
    },
    (place, policy) => ({
      en: `Reject the policy ${policy} for ${place}?`,
      es: `¿Rechazar la política ${policy} para ${place}?`,
    }),
  ],
];

/** @throws Fault deploy.place-invalid */
function pathOf(place: string): string {
  const [project = '', environment = '', ...rest] = place.split('/');
  if (project === '' || environment === '' || rest.length > 0) throw deployFault('deploy.place-invalid', { place });
  return `/projects/${encodeURIComponent(project)}/environments/${encodeURIComponent(environment)}/policy`;
}

function showState({ print }: CliProgram, view: EnvironmentView): void {
  const { project, environment, policy, followsFile, waiting, problem } = view;
  print.result({
    en: `${project}/${environment} (${view.class}): policy ${policy}, ${followsFile ? 'as darsena.yaml says at each deploy' : 'whatever darsena.yaml says'}`,
    es: `${project}/${environment} (${CLASSES[view.class]}): política ${policy}, ${followsFile ? 'como diga darsena.yaml en cada despliegue' : 'diga lo que diga darsena.yaml'}`,
  });
  if (problem !== null) print.result(problem);
  if (waiting !== null) {
    print.result({
      en: `${waiting.before} → ${waiting.after} waits for a second person: darsena env approve ${project}/${environment}`,
      es: `${waiting.before} → ${waiting.after} espera a otra persona: darsena env approve ${project}/${environment}`,
    });
  }
}

const CLASSES: Readonly<Record<EnvironmentPolicy['class'], string>> = {
  development: 'desarrollo',
  'pre-production': 'preproducción',
  production: 'producción',
};

function showWaiting({ print }: CliProgram, { before, after, requestedBy, requestedAt, reason }: PolicyChange): void {
  const why = reason === '' ? '' : `: ${reason.replaceAll(/\p{Cc}/gu, '�')}`;
  print.result({
    en: `${before} → ${after}, asked for by ${requestedBy} at ${requestedAt}${why}`,
    es: `${before} → ${after}, pedido por ${requestedBy} el ${requestedAt}${why}`,
  });
}

function showTrial(cli: CliProgram, { policy, current, replay, running }: Trial): void {
  const { print } = cli;
  const { counts, replayed, missed, since } = replay;
  const day = since.slice(0, 10);
  print.result({
    en: `${current} → ${policy}, ${replayed} admissions recorded since ${day}: ${counts.newlyRefused} would be refused now, ${counts.newlyAllowed} no longer, ${counts.otherwise} with other warnings, ${replay.same} the same`,
    es: `${current} → ${policy}, ${replayed} admisiones registradas desde ${day}: ${counts.newlyRefused} se rechazarían ahora, ${counts.newlyAllowed} ya no, ${counts.otherwise} con otras advertencias, ${replay.same} igual`,
  });
  if (missed > 0)
    print.line({ en: `${missed} could not be asked again`, es: `${missed} no se pudieron volver a preguntar` });
  for (const { rule, times, why } of replay.errors) print.line(`${rule} × ${times}: ${why}`);
  showRunning(cli, running, {
    en: `all that runs there would be let through as a new release under ${policy}`,
    es: `todo lo que funciona ahí pasaría como versión nueva con ${policy}`,
  });
}

/** What would be refused of what runs, with the reasons; it goes on running all the same. */
function showRunning({ print, t }: CliProgram, running: readonly RunningUnder[], all: Text): void {
  const refused = running.filter(({ decision }) => decision === 'refuse');
  if (running.length > 0 && refused.length === 0) print.line(all);
  if (refused.length === 0) return;
  print.result({
    en: `${refused.length} of ${running.length} that run there would be refused as new releases; they go on running:`,
    es: `${refused.length} de ${running.length} que funcionan ahí se rechazarían como versiones nuevas; siguen funcionando:`,
  });
  for (const { workload, repository, digest, reasons } of refused.slice(0, SHOWN)) {
    print.result(`  ${workload} ${repository}@${digest.slice(0, 19)}`);
    const against = reasons.filter(({ effect }) => effect === 'refuse');
    for (const { rule, message } of against.slice(0, REASONS_SHOWN)) print.line(`    ${rule}: ${t(message)}`);
    if (against.length > REASONS_SHOWN) {
      const more = against.length - REASONS_SHOWN;
      print.line({ en: `    and ${more} more reasons`, es: `    y ${more} motivos más` });
    }
  }
  if (refused.length > SHOWN)
    print.line({ en: `  and ${refused.length - SHOWN} more`, es: `  y ${refused.length - SHOWN} más` });
}

const STATES: Readonly<Record<PolicyChange['state'], Text>> = {
  waiting: { en: 'waits for a second person', es: 'espera a otra persona' },
  applied: { en: 'applied', es: 'aplicado' },
  rejected: { en: 'rejected', es: 'rechazado' },
  superseded: { en: 'taken back', es: 'retirado' },
};

function showChanges({ print, t }: CliProgram, changes: readonly PolicyChange[]): void {
  if (changes.length === 0) return;
  print.table(
    [
      { title: { en: 'from', es: 'de' }, value: (row: PolicyChange) => row.before },
      { title: { en: 'to', es: 'a' }, value: ({ after }) => after },
      { title: { en: 'state', es: 'estado' }, value: ({ state }) => t(STATES[state]) },
      { title: { en: 'asked by', es: 'lo pidió' }, value: ({ requestedBy }) => requestedBy },
      { title: { en: 'decided by', es: 'lo decidió' }, value: ({ decidedBy }) => decidedBy ?? '-' },
      { title: { en: 'at', es: 'fecha' }, value: ({ decidedAt, requestedAt }) => decidedAt ?? requestedAt },
      { title: { en: 'why', es: 'motivo' }, value: ({ reason }) => reason, wide: true },
    ],
    changes,
  );
}
