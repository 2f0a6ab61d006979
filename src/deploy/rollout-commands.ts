import { type CliProgram, type OperationView, systemClock, type Text } from '../system/index.ts';
import { changeText, type WorkloadChange } from './change-words.ts';
import type { WorkloadRevision } from './deployments.ts';
import { deployFault } from './errors.ts';

interface WorkloadView {
  readonly environment: string;
  readonly name: string;
  readonly phase: string;
  readonly wanted: number;
  readonly ready: number;
  readonly updated: number;
  readonly release: number | null;
  readonly conditions: readonly { readonly type: string; readonly text: Text }[];
}

const POLL_MS = 500;
/** Phases in which nothing more comes by itself. */
const SETTLED: ReadonlySet<string> = new Set(['available', 'stopped', 'completed', 'scheduled', 'suspended', 'canary']);
const FAILED: ReadonlySet<string> = new Set(['rolled-back', 'refused', 'failed']);

/** `scale rollout`: what runs changed by hand, with the words of kubectl. */
export function rolloutCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const environmentFlag = { en: 'environment (the first one)', es: 'entorno (el primero)' };

  program
    .command('scale')
    .argument('<workload>', 'project/workload')
    .requiredOption('--replicas <number>', t({ en: 'how many; 0 stops it', es: 'cuántas; 0 la detiene' }))
    .option('--current-replicas <number>', t({ en: 'only if it is so many now', es: 'solo si ahora son tantas' }))
    .option('--env <environment>', t(environmentFlag))
    .description(
      t({
        en: 'change how many replicas run: a new release, kept until the manifests say another number',
        es: 'cambiar cuántas réplicas corren: una versión nueva, hasta que los manifiestos digan otro número',
      }),
    )
    .action(async (workload: string, options: { replicas: string; currentReplicas?: string; env?: string }) => {
      const replicas = readNumber(options.replicas);
      if (options.currentReplicas !== undefined) {
        const now = (await find(workload, options.env)).wanted;
        if (now !== readNumber(options.currentReplicas)) {
          throw deployFault('deploy.change-impossible', {
            name: workload,
            why: `it has ${now} replicas now`,
            porque: `ahora tiene ${now} réplicas`,
            remedy: 'leave out --current-replicas, or name that number',
            salida: 'omitir --current-replicas, o indicar ese número',
          });
        }
      }
      await change(workload, options.env, { kind: 'scale', replicas });
    });

  const rollout = program
    .command('rollout')
    .description(t({ en: 'how releases take their place', es: 'cómo las versiones ocupan su lugar' }));
  const ACTIONS = {
    pause: {
      en: 'hold back a Deployment: no version takes the place of another until it is resumed',
      es: 'retener un Deployment: ninguna versión sustituye a otra hasta reanudarlo',
    },
    resume: { en: 'go on with what was paused', es: 'continuar lo que se pausó' },
    restart: {
      en: 'make the pods of a workload anew, a few at a time',
      es: 'crear de nuevo los pods de una carga, de pocos en pocos',
    },
  } as const;
  for (const kind of ['pause', 'resume', 'restart'] as const) {
    rollout
      .command(kind)
      .argument('<workload>', 'project/workload')
      .option('--env <environment>', t(environmentFlag))
      .description(t(ACTIONS[kind]))
      .action((workload: string, options: { env?: string }) => change(workload, options.env, { kind }));
  }
  rollout
    .command('status')
    .argument('<workload>', 'project/workload')
    .option('--env <environment>', t(environmentFlag))
    .option('-w, --watch', t({ en: 'until it is done (on)', es: 'hasta que termine (activo)' }), true)
    .option('--no-watch', t({ en: 'only say how it is now', es: 'solo decir cómo está ahora' }))
    .option('--timeout <seconds>', t({ en: 'wait no longer than this', es: 'no esperar más que esto' }))
    .description(t({ en: 'follow a roll-out to its end', es: 'seguir un despliegue hasta su fin' }))
    .action(async (workload: string, options: { env?: string; watch: boolean; timeout?: string }) => {
      const until =
        options.timeout === undefined
          ? Number.POSITIVE_INFINITY
          : systemClock.monotonicMs() + readSeconds(options.timeout);
      let said = '';
      for (;;) {
        const now = await find(workload, options.env);
        const text = statusText(now);
        if (t(text) !== said && !cli.output.json) print.result(text);
        said = t(text);
        const isPaused = now.conditions.some(({ type }) => type === 'paused');
        const isOver = SETTLED.has(now.phase) || FAILED.has(now.phase) || isPaused || !options.watch;
        if (isOver || systemClock.monotonicMs() >= until) {
          if (cli.output.json) print.json(now);
          if (FAILED.has(now.phase) || (!isOver && options.watch)) cli.exit(1);
          return;
        }
        await systemClock.sleep(POLL_MS, cli.signal);
      }
    });
  rollout
    .command('history')
    .argument('<workload>', 'project/workload')
    .option('--env <environment>', t(environmentFlag))
    .option('--revision <release>', t({ en: 'only this release, whole', es: 'solo esta versión, completa' }))
    .description(
      t({ en: 'the releases of a workload, newest first', es: 'las versiones de una carga, lo más nuevo primero' }),
    )
    .action(async (workload: string, options: { env?: string; revision?: string }) => {
      const { project, name } = place(workload);
      const query = options.env === undefined ? '' : `?environment=${options.env}`;
      const answer = await api.get<{ environment: string; items: WorkloadRevision[] }>(
        `/projects/${project}/workloads/${name}/history${query}`,
      );
      const only = options.revision === undefined ? null : readNumber(options.revision);
      const items = only === null ? answer.items : answer.items.filter(({ release }) => release === only);
      print.table(
        [
          {
            title: { en: 'release', es: 'versión' },
            value: (item) => `${item.release}${item.current ? ' *' : ''}`,
            align: 'right',
          },
          { title: { en: 'replicas', es: 'réplicas' }, value: (item) => String(item.replicas), align: 'right' },
          {
            title: { en: 'change', es: 'cambio' },
            value: (item) => (item.change === null ? deployed(item) : t(changeText(item.change))),
          },
          { title: { en: 'by', es: 'por' }, value: (item) => item.createdBy },
          { title: { en: 'age', es: 'antigüedad' }, value: (item) => print.age(item.createdAt), align: 'right' },
          { title: { en: 'specification', es: 'especificación' }, value: (item) => item.specHash.slice(7, 19) },
          {
            title: { en: 'images', es: 'imágenes' },
            value: (item) => item.images.map((image) => image.replace(/@sha256:([0-9a-f]{12}).*/, '@$1')).join(' '),
            wide: only === null,
            long: true,
          },
        ],
        items,
        {
          empty: { en: 'No release of it is known.', es: 'No se conoce ninguna versión suya.' },
          json: { environment: answer.environment, items },
        },
      );
      if (only === null && !cli.output.json) {
        print.note({
          en: `To return to one: darsena rollback ${project} --env ${answer.environment} --to RELEASE`,
          es: `Para volver a una: darsena rollback ${project} --env ${answer.environment} --to VERSIÓN`,
        });
      }
    });
  rollout
    .command('undo')
    .argument('<workload>', 'project/workload')
    .description(
      t({ en: 'as in kubectl; releases are returned to whole', es: 'como en kubectl; se vuelve a versiones enteras' }),
    )
    .option('--to-revision <release>', t({ en: 'release', es: 'versión' }))
    .option('--env <environment>', t(environmentFlag))
    .action((workload: string, options: { toRevision?: string; env?: string }) => {
      const { project } = place(workload);
      const to = options.toRevision === undefined ? '' : ` --to ${options.toRevision}`;
      const command = `darsena rollback ${project} --env ${options.env ?? 'ENV'}${to}`;
      throw deployFault('deploy.change-impossible', {
        name: workload,
        why: 'what was judged together returns together: a release, not one workload of it',
        porque: 'lo que se juzgó junto vuelve junto: una versión, no una carga suya',
        remedy: command,
        salida: command,
      });
    });

  function deployed(item: WorkloadRevision): string {
    return item.commit === null ? t({ en: 'deployed', es: 'desplegada' }) : `commit ${item.commit.slice(0, 12)}`;
  }

  async function change(
    workload: string,
    environment: string | undefined,
    body: { readonly kind: WorkloadChange['kind']; readonly replicas?: number },
  ): Promise<void> {
    const { project, name } = place(workload);
    const query = environment === undefined ? '' : `?environment=${environment}`;
    const operation = await api.post<OperationView>(`/projects/${project}/workloads/${name}/change${query}`, body);
    const ended = await cli.followOperation(operation.id);
    if (cli.output.json) print.json(ended);
  }

  async function find(workload: string, environment: string | undefined): Promise<WorkloadView> {
    const { project, name } = place(workload);
    const { items } = await api.get<{ items: WorkloadView[] }>(`/projects/${project}/workloads`);
    const first =
      environment ??
      (await api.get<{ environments: { name: string }[] }>(`/projects/${project}`)).environments[0]?.name;
    const mine = items.filter((item) => item.environment === first);
    const found = mine.find((item) => item.name === name);
    if (found !== undefined) return found;
    throw deployFault('deploy.workload-unknown', {
      ...{ name, project, environment: first ?? '—' },
      known: mine.map((item) => item.name).join(', ') || '—',
    });
  }
}

function statusText(now: WorkloadView): Text {
  const { name, phase, wanted, ready, updated, conditions, release } = now;
  const paused = conditions.find(({ type }) => type === 'paused');
  if (phase === 'canary') {
    return {
      en: `${name}: release ${release} is under trial beside the one before, ${ready} pods ready`,
      es: `${name}: la versión ${release} está a prueba junto a la anterior, ${ready} pods listos`,
    };
  }
  if (SETTLED.has(phase)) {
    return {
      en: `${name}: release ${release} is in place, ${ready} of ${wanted} ready`,
      es: `${name}: la versión ${release} está en su lugar, ${ready} de ${wanted} listas`,
    };
  }
  const why = paused ?? (FAILED.has(phase) ? conditions[0] : undefined);
  if (why !== undefined) return { en: `${name}: ${why.text.en}`, es: `${name}: ${why.text.es}` };
  return {
    en: `${name}: ${updated} of ${wanted} of the new version, ${ready} ready`,
    es: `${name}: ${updated} de ${wanted} de la versión nueva, ${ready} listas`,
  };
}

function place(workload: string): { project: string; name: string } {
  const match = /^([a-z0-9-]+)\/([a-z0-9.-]+)$/.exec(workload);
  if (match?.[1] === undefined || match[2] === undefined)
    throw deployFault('deploy.name-invalid', { name: workload, expected: 'project/workload' });
  return { project: match[1], name: match[2] };
}

function readNumber(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw deployFault('deploy.name-invalid', { name: text, expected: '0, 1, 2 …' });
  return Number(text);
}

/** `30`, `90s`, `5m`, as kubectl takes it; in milliseconds. */
function readSeconds(text: string): number {
  const match = /^(\d{1,6})(s|m|h)?$/.exec(text);
  if (match === null) throw deployFault('deploy.name-invalid', { name: text, expected: '30s, 5m' });
  return Number(match[1]) * { s: 1_000, m: 60_000, h: 3_600_000 }[(match[2] ?? 's') as 's' | 'm' | 'h'];
}
