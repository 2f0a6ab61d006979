import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { OpenedSource } from '../build/index.ts';
import {
  type CliProgram,
  type OperationView,
  ProblemReply,
  renderTemplate,
  systemClock,
  type Text,
} from '../system/index.ts';
import { changeText } from './change-words.ts';
import type { ComparedPlace, Comparison, Difference } from './comparison.ts';
import type { ComposePlace } from './compose/index.ts';
import type { ProjectView, Promotion, Release } from './deployments.ts';
import { deployFault } from './errors.ts';
import type { BareManifests } from './manifest-source.ts';
import type { parseProjectFile } from './project-file.ts';

/** Hosts tell what they run within a second of the platform's start; a slow one is asked for this long. */
const STATUS_TRIES = 25;
const STATUS_WAIT_MS = 200;
/** States of a release whose pods should be there. */
const RUNS: ReadonlySet<string> = new Set(['rolling-out', 'canary', 'available']);

interface WorkloadView {
  readonly project: string;
  readonly environment: string;
  readonly name: string;
  readonly phase: string;
  readonly ready: number;
  readonly wanted: number;
  /** Null for what was started with run. */
  readonly release: number | null;
  readonly specHash: string;
  readonly conditions: readonly { readonly type: string; readonly text: Text }[];
  readonly endpoints: readonly { readonly url: string }[];
  /** Of its pods. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly replicas: readonly {
    readonly name: string;
    readonly specHash: string;
    readonly phase: string;
    readonly ready: boolean;
    readonly restarts: number;
    readonly startedAt: string | null;
    readonly containers?: readonly { readonly id: string; readonly image: string }[];
  }[];
}

/**
 * The release of a replica; beside a newer one, or while the newer one is held back, what is there of the release before
 * is not called by its number.
 */
function releaseText(
  { release, specHash, replicas, conditions }: WorkloadView,
  replica: WorkloadView['replicas'][number] | null,
): Text {
  const number = String(release ?? '—');
  const isMixed = replicas.some((one) => one.specHash === specHash) || conditions.some(({ type }) => type === 'paused');
  if (release === null || replica === null || !isMixed || replica.specHash === specHash)
    return { en: number, es: number };
  return { en: `before ${number}`, es: `antes de ${number}` };
}

/** `deploy promote rollback ps project release promotion`: from a source folder to what runs, and what runs now. */
export function deployCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const whyOf = ({ why = [] }: Release): string =>
    why.map(({ workload, text }) => (workload === null ? t(text) : `${workload}: ${t(text)}`)).join('; ');
  const printReleases = (items: readonly Release[], empty: Text): void =>
    print.table(
      [
        { title: { en: 'release', es: 'versión' }, value: (item) => String(item.number), align: 'right' },
        { title: { en: 'environment', es: 'entorno' }, value: (item) => item.environment },
        { title: { en: 'state', es: 'estado' }, value: (item) => stateWord(item.state) },
        { title: { en: 'by', es: 'por' }, value: (item) => item.createdBy },
        { title: { en: 'age', es: 'antigüedad' }, value: (item) => print.age(item.createdAt), align: 'right' },
        { title: { en: 'commit', es: 'commit' }, value: (item) => item.commit?.slice(0, 12) ?? '—' },
        {
          title: { en: 'change', es: 'cambio' },
          value: (item) => (item.change == null ? '' : t(changeText(item.change))),
        },
        {
          title: { en: 'images', es: 'imágenes' },
          value: (item) => item.digests.map((image) => `${image.name}@${image.digest.slice(7, 19)}`).join(' '),
          wide: true,
        },
        ...(items.some((item) => (item.why ?? []).length > 0)
          ? [{ title: { en: 'why', es: 'por qué' }, value: whyOf, long: true }]
          : []),
      ],
      items,
      { empty, json: { items } },
    );

  program
    .command('deploy')
    .argument(
      '<folder>',
      t({
        en: 'the project: a folder with a darsena.yaml, a Compose file, Kubernetes manifests, an archive, - for either on standard input, or https://HOST/PATH.git#REF:FOLDER',
        es: 'el proyecto: una carpeta con un darsena.yaml, un archivo Compose, manifiestos de Kubernetes, un .tar, - para uno u otro por la entrada estándar, o https://HOST/RUTA.git#REF:CARPETA',
      }),
    )
    .option(
      '--profile <name>',
      t({ en: 'of a Compose file: with this profile', es: 'de un archivo Compose: con este perfil' }),
      (value: string, before: string[]) => [...before, value],
      [],
    )
    .option(
      '-f, --file <file>',
      t({
        en: 'of a Compose file: a further file that changes it',
        es: 'de un archivo Compose: otro archivo que lo cambia',
      }),
      (value: string, before: string[]) => [...before, value],
      [],
    )
    .option(
      '-p, --project <name>',
      t({
        en: 'of a Compose file, and of manifests alone: name of the project',
        es: 'de un archivo Compose, y de manifiestos solos: nombre del proyecto',
      }),
    )
    .option('--env <name>', t({ en: 'environment', es: 'entorno' }))
    .option(
      '-y, --yes',
      t({ en: 'make missing base images without asking', es: 'crear las imágenes base que falten sin preguntar' }),
    )
    .description(
      t({
        en: 'build, scan, sign, judge and roll out a project',
        es: 'construir, examinar, firmar, juzgar y desplegar un proyecto',
      }),
    )
    .option(
      '--canary <share>',
      t({
        en: 'give it only this share of the requests, such as 10%, until it is promoted',
        es: 'darle solo esta proporción de las peticiones, como 10%, hasta promoverla',
      }),
    )
    .option(
      '--secret <id=ID,src=FILE>',
      t({
        en: 'of a build, for RUN --mount=type=secret,id=ID; or id=ID,env=NAME',
        es: 'de una construcción, para RUN --mount=type=secret,id=ID; o id=ID,env=NOMBRE',
      }),
      (value: string, before: string[]) => [...before, value],
      [],
    )
    .action(async (folder: string, options: DeployFlags) => {
      // Only this command opens, packs and converts anything.
      const { openSource } = await import('../build/index.ts');
      const { openNothing, readInput, readManifestFile } = await import('./manifest-source.ts');
      const given = folder === '-' ? await readInput(process.stdin) : null;
      const bare = given === null ? await readManifestFile(folder) : 'manifests' in given ? given.manifests : null;
      const input = given !== null && 'archive' in given ? given.archive : process.stdin;
      const opened =
        bare === null ? await openSource(folder, { input, terminal: cli.output.terminal }) : await openNothing();
      try {
        await deploySource(opened, options, bare === null ? null : { ...bare, given: folder });
      } finally {
        await opened.close();
      }
    });

  program
    .command('promote')
    .argument('<project>')
    .requiredOption('--to <environment>', t({ en: 'where to', es: 'a qué entorno' }))
    .option('--from <environment>', t({ en: 'where from (the one before it)', es: 'desde qué entorno (el anterior)' }))
    .description(
      t({ en: 'move the same digests to another environment', es: 'llevar los mismos digests a otro entorno' }),
    )
    .action(async (project: string, options: { to: string; from?: string }) => {
      const body = { to: options.to, ...(options.from === undefined ? {} : { from: options.from }) };
      const operation = await api.post<OperationView>(`/projects/${project}/promotions`, body);
      printOutcome(await cli.followOperation(operation.id));
    });

  program
    .command('rollback')
    .argument('[project]', t({ en: 'the one of the folder', es: 'el de la carpeta' }))
    .option('--env <environment>', t({ en: 'environment (the only one)', es: 'entorno (el único)' }))
    .option(
      '--to <number>',
      t({ en: 'release to return to (the one before)', es: 'versión a la que revertir (la anterior)' }),
    )
    .option('--list', t({ en: 'only list what can be returned to', es: 'solo listar a cuáles se puede revertir' }))
    .description(t({ en: 'return to an earlier release', es: 'revertir a una versión anterior' }))
    .action(async (named: string | undefined, options: { env?: string; to?: string; list?: boolean }) => {
      const project = named ?? (await readProjectFile(process.cwd())).project;
      const environments =
        options.env === undefined
          ? (await api.get<ProjectView>(`/projects/${project}`)).environments.map(({ name }) => name)
          : [options.env];
      if (options.list === true) {
        // To look at all of them harms nobody.
        const lists = environments.map((name) =>
          api.get<{ items: Release[] }>(`/projects/${project}/environments/${name}/rollback`),
        );
        const places = environments.join(', ');
        printReleases(
          (await Promise.all(lists)).flatMap(({ items }) => items),
          {
            en: `${project} has nothing in ${places} to return to: only releases that served count.`,
            es: `${project} no tiene en ${places} a qué revertir: solo cuentan las versiones que sirvieron.`,
          },
        );
        return;
      }
      const [environment, ...others] = environments;
      if (environment === undefined || others.length > 0) {
        const known = environments.join(', ') || '—';
        throw deployFault('deploy.environment-unsaid', { project, known });
      }
      if (options.to !== undefined && !/^[1-9]\d{0,8}$/.test(options.to))
        throw deployFault('deploy.name-invalid', { name: options.to, expected: '1, 2, 3 …' });
      const body = options.to === undefined ? {} : { to: Number(options.to) };
      const operation = await api.post<OperationView>(
        `/projects/${project}/environments/${environment}/rollback`,
        body,
      );
      printOutcome(await cli.followOperation(operation.id));
    });

  program
    .command('ps')
    .argument('[project]')
    .option('--env <environment>', t({ en: 'environment', es: 'entorno' }))
    .option(
      '-a, --all',
      t({
        en: 'as docker writes it: what has ended is shown anyway',
        es: 'como en docker: lo terminado se muestra siempre',
      }),
    )
    .option('-q', t({ en: 'names only', es: 'solo nombres' }))
    .option(
      '--no-trunc',
      t({ en: 'as docker writes it: names are never cut', es: 'como en docker: los nombres nunca se cortan' }),
    )
    .option(
      '-f, --filter <key=value>',
      t({
        en: 'name, label, project, environment, status, image or ready; again to narrow further',
        es: 'name, label, project, environment, status, image o ready; repetir para acotar más',
      }),
      (value: string, before: string[]) => [...before, value],
      [],
    )
    .option(
      '--format <template>',
      t({ en: 'lines such as {{.Name}} {{.Status}}', es: 'líneas como {{.Name}} {{.Status}}' }),
    )
    .option('-n, --last <number>', t({ en: 'only the newest so many', es: 'solo los más nuevos, tantos' }))
    .option('-l, --latest', t({ en: 'only the newest', es: 'solo el más nuevo' }))
    .description(t({ en: 'what runs', es: 'qué está en marcha' }))
    .action(async (project: string | undefined, options: PsFlags) => {
      const path =
        project === undefined
          ? '/workloads'
          : `/projects/${project}/workloads${options.env === undefined ? '' : `?environment=${options.env}`}`;
      const items = await listWorkloads(path);
      const matching = items.filter(
        (item) =>
          (options.env === undefined || item.environment === options.env) &&
          options.filter.every((one) => passes(item, one)),
      );
      const shown = newest(matching, options);
      if (options.q === true || options.format !== undefined) {
        const lines = shown.flatMap(psFields);
        const names = [...new Set(lines.map(({ Name }) => Name ?? ''))];
        for (const line of options.format === undefined ? names : renderTemplate(options.format, lines))
          print.result(line);
        return;
      }
      interface Row {
        readonly workload: WorkloadView;
        readonly replica: WorkloadView['replicas'][number] | null;
      }
      const rows = shown.flatMap((workload): Row[] =>
        workload.replicas.length === 0
          ? [{ workload, replica: null }]
          : workload.replicas.map((replica) => ({ workload, replica })),
      );
      print.table(
        [
          {
            title: { en: 'workload', es: 'carga de trabajo' },
            value: ({ workload }) => `${workload.project}/${workload.name}`,
          },
          { title: { en: 'environment', es: 'entorno' }, value: ({ workload }) => workload.environment },
          {
            title: { en: 'state', es: 'estado' },
            value: ({ workload, replica }) => (replica === null ? phaseWord(workload.phase) : replicaWord(replica)),
          },
          {
            title: { en: 'restarts', es: 'reinicios' },
            value: ({ replica }) => String(replica?.restarts ?? '—'),
            align: 'right',
          },
          {
            title: { en: 'age', es: 'antigüedad' },
            value: ({ replica }) => print.age(replica?.startedAt ?? null),
            align: 'right',
          },
          {
            title: { en: 'replica', es: 'réplica' },
            value: ({ replica }) => replica?.name ?? '—',
            // Where there are several, it is what tells their lines apart.
            wide: !shown.some((workload) => workload.replicas.length > 1),
            long: true,
          },
          {
            title: { en: 'release', es: 'versión' },
            value: ({ workload, replica }) => t(releaseText(workload, replica)),
            align: 'right',
          },
          { title: { en: 'address', es: 'dirección' }, value: ({ workload }) => workload.endpoints[0]?.url ?? '' },
        ],
        rows,
        {
          empty: {
            en: 'Nothing runs yet. Start with: darsena deploy FOLDER',
            es: 'Aún no hay nada en marcha. Para empezar: darsena deploy CARPETA',
          },
          json: { items: shown },
        },
      );
      for (const workload of shown) {
        for (const condition of workload.conditions)
          print.note(`${workload.project}/${workload.name} (${workload.environment}): ${t(condition.text)}`);
      }
    });

  /** A platform that has just started looks at its hosts first: what is released there is waited for, not called nothing. */
  async function listWorkloads(path: string): Promise<WorkloadView[]> {
    for (let attempt = 1; ; attempt++) {
      const { items } = await api.get<{ items: WorkloadView[] }>(path);
      if (items.length > 0 || attempt === STATUS_TRIES) return items;
      const { items: known } = await api.get<{ items: ProjectView[] }>('/projects');
      const isReleased = known.some(({ environments }) =>
        environments.some(({ release }) => release !== null && RUNS.has(release.state)),
      );
      if (!isReleased) return items;
      await systemClock.sleep(STATUS_WAIT_MS, cli.signal);
    }
  }

  const projects = program.command('project').description(t({ en: 'projects', es: 'proyectos' }));
  projects
    .command('list')
    .description(t({ en: 'projects and their environments', es: 'proyectos y sus entornos' }))
    .action(async () => {
      const { items } = await api.get<{ items: ProjectView[] }>('/projects');
      const rows = items.flatMap((item): readonly ProjectRow[] => {
        const rowsOfItem = item.environments.map((environment) => ({ item, environment }));
        return rowsOfItem.length === 0 ? [{ item, environment: null }] : rowsOfItem;
      });
      print.table(
        [
          { title: { en: 'project', es: 'proyecto' }, value: ({ item }) => item.name },
          { title: { en: 'environment', es: 'entorno' }, value: ({ environment }) => environment?.name ?? '—' },
          { title: { en: 'class', es: 'clase' }, value: ({ environment }) => environment?.class ?? '—' },
          { title: { en: 'policy', es: 'política' }, value: ({ environment }) => environment?.policy ?? '—' },
          {
            title: { en: 'release', es: 'versión' },
            value: ({ environment }) =>
              environment === null || environment.release === null
                ? '—'
                : `${environment.release.number} (${stateWord(environment.release.state)})`,
          },
          {
            title: { en: 'workloads', es: 'cargas' },
            value: ({ environment }) =>
              environment === null ? '—' : `${environment.workloads.ok}/${environment.workloads.total}`,
            align: 'right',
          },
        ],
        rows,
        {
          empty: {
            en: 'No project yet. Start with: darsena deploy FOLDER',
            es: 'Aún no hay proyectos. Para empezar: darsena deploy CARPETA',
          },
          json: { items },
        },
      );
    });

  const releases = program.command('release').description(t({ en: 'releases', es: 'versiones' }));
  releases
    .command('list')
    .argument('<project>')
    .option('--env <environment>', t({ en: 'environment', es: 'entorno' }))
    .description(t({ en: 'what was deployed, newest first', es: 'qué se desplegó, lo más nuevo primero' }))
    .action(async (project: string, options: { env?: string }) => {
      const query = options.env === undefined ? '' : `?environment=${options.env}`;
      const { items } = await api.get<{ items: Release[] }>(`/projects/${project}/releases${query}`);
      printReleases(items, { en: 'Nothing was deployed yet.', es: 'Aún no se ha desplegado nada.' });
    });

  releases
    .command('diff')
    .argument('<project>')
    .argument('<from>')
    .argument('<to>')
    .description(
      t({
        en: 'what differs between two environments (dev prod) or releases (prod@11 prod@12)',
        es: 'qué cambia entre dos entornos (dev prod) o versiones (prod@11 prod@12)',
      }),
    )
    .action(async (project: string, from: string, to: string) => {
      const query = new URLSearchParams({ from, to });
      const found = await api.get<Comparison>(`/projects/${encodeURIComponent(project)}/comparison?${query}`);
      if (cli.output.json) return print.json(found);
      printComparison(cli, found);
    });

  const promotions = program
    .command('promotion')
    .description(t({ en: 'promotions and their approval', es: 'promociones y su aprobación' }));
  promotions
    .command('list')
    .argument('<project>')
    .description(t({ en: 'promotions, newest first', es: 'promociones, lo más nuevo primero' }))
    .action(async (project: string) => {
      const { items } = await api.get<{ items: Promotion[] }>(`/projects/${project}/promotions`);
      print.table(
        [
          { title: { en: 'id', es: 'id' }, value: (item) => item.id },
          { title: { en: 'from → to', es: 'de → a' }, value: (item) => `${item.from} → ${item.to}` },
          { title: { en: 'state', es: 'estado' }, value: (item) => stateWord(item.state) },
          { title: { en: 'requested by', es: 'pedida por' }, value: (item) => item.requestedBy },
          {
            title: { en: 'approvals', es: 'aprobaciones' },
            value: (item) => `${item.approvals.filter((one) => one.decision === 'approve').length}/${item.required}`,
            align: 'right',
          },
          { title: { en: 'age', es: 'antigüedad' }, value: (item) => print.age(item.requestedAt), align: 'right' },
        ],
        items,
        { empty: { en: 'Nothing was promoted yet.', es: 'Aún no se ha promovido nada.' }, json: { items } },
      );
    });
  for (const decision of ['approve', 'reject'] as const) {
    promotions
      .command(decision)
      .argument('<project>')
      .argument('<id>')
      .option('--comment <text>', t({ en: 'why', es: 'por qué' }))
      .description(
        t(
          decision === 'approve'
            ? {
                en: 'let it into its environment; never one’s own',
                es: 'dejarla entrar en su entorno; nunca una propia',
              }
            : { en: 'keep it out of its environment', es: 'no dejarla entrar en su entorno' },
        ),
      )
      .action(async (project: string, id: string, options: { comment?: string }) => {
        const body = { decision, ...(options.comment === undefined ? {} : { comment: options.comment }) };
        const answer = await api.post<{ promotion: Promotion; operation: OperationView | null }>(
          `/projects/${project}/promotions/${id}/decision`,
          body,
        );
        if (answer.operation !== null) printOutcome(await cli.followOperation(answer.operation.id));
        else if (cli.output.json) print.json(answer.promotion);
        else print.result(stateWord(answer.promotion.state));
      });
  }

  async function deploySource(
    opened: OpenedSource,
    options: DeployFlags,
    bare: (BareManifests & { readonly given: string }) | null,
  ): Promise<void> {
    const { addSecrets, addSourceFacts, packSource } = await import('../build/index.ts');
    const { convertFolder, tellConversion } = await import('./compose/index.ts');
    const { parseProjectFile } = await import('./project-file.ts');
    const { projectOfManifests } = await import('./manifest-source.ts');
    const bareProject = bare === null ? null : projectOfManifests(bare, options.project, bare.given);
    const compose = bare === null ? await composeOf(opened.folder) : null;
    const root = compose?.folder ?? opened.folder;
    const converted =
      compose === null
        ? null
        : convertFolder(compose, {
            variables: process.env,
            more: options.file,
            profiles: options.profile,
            project: options.project ?? null,
          });
    if (converted !== null) tellConversion(cli, converted);
    const madeFile = bareProject ?? converted?.projectFile ?? null;
    const manifests = bare ?? converted?.manifests ?? null;
    const added = madeFile === null || manifests === null ? [] : [{ path: 'darsena.yaml', text: madeFile }, manifests];
    const file = madeFile === null ? await readProjectFile(root) : parseProjectFile(madeFile, 'darsena.yaml');
    const environment = options.env ?? Object.keys(file.environments)[0] ?? 'dev';
    const send = async (createBases: boolean): Promise<OperationView> => {
      const query = new URLSearchParams({ environment, createBases: createBases ? '1' : '0' });
      addSourceFacts(query, opened);
      // Anew each time: they are used once.
      await addSecrets(cli, file.project, query, options.secret);
      if (options.canary !== undefined) query.set('canary', String(readShare(options.canary)));
      const operation = await api.upload<OperationView>(
        `/projects/${file.project}/deploys?${query}`,
        packSource(root, {}, added),
        {
          contentType: 'application/x-tar',
        },
      );
      return cli.followOperation(operation.id);
    };
    // Without a terminal the project file is the decision: it names the bases and what is in them.
    let ended: OperationView;
    try {
      ended = await send(options.yes === true || !cli.output.terminal);
    } catch (error) {
      if (!(error instanceof ProblemReply) || error.code !== 'deploy.base-missing') throw error;
      const { what, remedy } = error.text;
      const agreed = await cli.ask.confirm(
        { en: `${what}. Make it now?`, es: `${what}. ¿Crearla ahora?` },
        { remedy: remedy ?? 'darsena base create' },
      );
      if (!agreed) throw error;
      ended = await send(true);
    }
    printOutcome(ended);
    if (options.canary === undefined) return;
    const onTrial = (ended.result as { canary?: number | null } | null)?.canary;
    if (onTrial == null) {
      print.note({
        en: 'Nothing is under trial: no pod of it differs from what serves',
        es: 'Nada está en prueba: ningún pod difiere de lo que sirve',
      });
    } else {
      print.note({
        en: `It serves its share. Then: darsena canary promote ${file.project} --env ${environment}, or abort`,
        es: `Sirve su proporción. Después: darsena canary promote ${file.project} --env ${environment}, o abort`,
      });
    }
  }

  function printOutcome(operation: OperationView): void {
    if (cli.output.json) {
      print.json(operation);
      return;
    }
    const result = operation.result as {
      addresses?: string[];
      promotion?: { id: string; state: string; to: string; required: number };
      project?: string;
    } | null;
    for (const address of result?.addresses ?? []) print.result(address);
    const promotion = result?.promotion;
    if (promotion?.state === 'awaiting-approval') {
      print.result({
        en: `Waits for ${promotion.required} approval(s) by another person: darsena promotion approve ${result?.project} ${promotion.id}`,
        es: `Espera ${promotion.required} aprobación(es) de otra persona: darsena promotion approve ${result?.project} ${promotion.id}`,
      });
    }
  }

  function phaseWord(phase: string): string {
    return t(PHASES[phase] ?? { en: phase, es: phase });
  }

  function replicaWord(replica: { phase: string; ready: boolean }): string {
    const word = replica.ready ? t({ en: 'ready', es: 'lista' }) : phaseWord(replica.phase);
    return print.colour(replica.ready ? 'good' : 'warn', word);
  }

  function stateWord(state: string): string {
    return t(STATES[state] ?? { en: state, es: state });
  }
}

const PHASES: Readonly<Record<string, Text>> = {
  progressing: { en: 'rolling out', es: 'desplegando' },
  available: { en: 'available', es: 'disponible' },
  degraded: { en: 'degraded', es: 'degradada' },
  refused: { en: 'refused', es: 'rechazada' },
  'rolled-back': { en: 'rolled back', es: 'revertida' },
  stopped: { en: 'stopped', es: 'detenida' },
  starting: { en: 'starting', es: 'iniciando' },
  running: { en: 'not ready', es: 'no lista' },
  waiting: { en: 'waits to restart', es: 'espera reinicio' },
  paused: { en: 'paused', es: 'en pausa' },
  stopping: { en: 'stopping', es: 'deteniendo' },
  broken: { en: 'broken', es: 'averiada' },
  completed: { en: 'completed', es: 'completado' },
  failed: { en: 'failed', es: 'fallido' },
  scheduled: { en: 'scheduled', es: 'programado' },
  suspended: { en: 'suspended', es: 'suspendido' },
  canary: { en: 'under trial', es: 'en prueba' },
  succeeded: { en: 'succeeded', es: 'terminada' },
};

/** `10%` or `10`. @throws Fault deploy.name-invalid */
function readShare(text: string): number {
  const share = /^([1-9]\d?)%?$/.exec(text)?.[1];
  if (share === undefined) throw deployFault('deploy.name-invalid', { name: text, expected: '1% … 99%' });
  return Number(share);
}

const STATES: Readonly<Record<string, Text>> = {
  canary: { en: 'under trial', es: 'en prueba' },
  refused: { en: 'refused', es: 'rechazada' },
  'rolling-out': { en: 'rolling out', es: 'desplegando' },
  available: { en: 'available', es: 'disponible' },
  'rolled-back': { en: 'rolled back', es: 'revertida' },
  failed: { en: 'failed', es: 'fallida' },
  superseded: { en: 'replaced', es: 'reemplazada' },
  'awaiting-approval': { en: 'awaits approval', es: 'espera aprobación' },
  approved: { en: 'approved', es: 'aprobada' },
  rejected: { en: 'rejected', es: 'denegada' },
  done: { en: 'done', es: 'hecha' },
};

interface PsFlags {
  readonly last?: string;
  readonly latest?: boolean;
  readonly env?: string;
  readonly q?: boolean;
  readonly filter: string[];
  readonly format?: string;
}

/** One line a replica, by the names that docker and podman give its fields. */
function psFields(item: WorkloadView): Record<string, string>[] {
  const common = {
    Name: `${item.project}/${item.name}`,
    Project: item.project,
    Environment: item.environment,
    Release: String(item.release ?? ''),
    Ports: item.endpoints[0]?.url ?? '',
  };
  const replicas = item.replicas.length === 0 ? [null] : item.replicas;
  return replicas.map((replica) => ({
    ...common,
    ID: replica?.containers?.[0]?.id.slice(0, 12) ?? '',
    Names: replica?.name ?? '',
    Image: replica?.containers?.[0]?.image ?? '',
    State: replica?.phase ?? item.phase,
    Status: replica?.ready === true ? 'ready' : (replica?.phase ?? item.phase),
    Restarts: String(replica?.restarts ?? 0),
    CreatedAt: replica?.startedAt ?? '',
  }));
}

const ENDED: ReadonlySet<string> = new Set(['succeeded', 'failed', 'completed']);

/** `status=ready`: whether one of its replicas is so. @throws Fault deploy.name-invalid for another key */
function passes(item: WorkloadView, filter: string): boolean {
  const [key = '', value = ''] = filter.split(/=(.*)/s);
  const lines = psFields(item);
  switch (key) {
    case 'name':
      return lines.some(({ Name, Names }) => Name?.includes(value) === true || Names?.includes(value) === true);
    case 'label':
      return hasLabel(item.labels ?? {}, value);
    case 'project':
      return item.project === value;
    case 'environment':
    case 'env':
      return item.environment === value;
    case 'status':
      if (value === 'exited') return lines.some(({ State = '' }) => ENDED.has(State));
      return item.phase === value || lines.some(({ State, Status }) => State === value || Status === value);
    case 'ready':
      return lines.some(({ Status }) => Status === 'ready') === (value === 'true');
    case 'id':
      return lines.some(({ ID }) => ID !== '' && ID?.startsWith(value.slice(0, 12)) === true);
    case 'image':
    case 'ancestor':
      return lines.some(({ Image }) => Image?.includes(value) === true);
    default:
      throw deployFault('deploy.name-invalid', {
        name: filter,
        expected: 'name=, id=, label=, project=, environment=, status=, ready= or image=',
      });
  }
}

/** `tier` or `tier=web`, as docker and podman take it. */
function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const [name = '', value] = wanted.split(/=(.*)/s);
  return Object.hasOwn(labels, name) && (value === undefined || labels[name] === value);
}

/** By their newest replica; those that never ran stand last. */
function newest(items: readonly WorkloadView[], { last, latest }: PsFlags): readonly WorkloadView[] {
  const most = latest === true ? 1 : last === undefined ? null : Number(last);
  if (most === null) return items;
  if (!Number.isInteger(most) || most < 1)
    throw deployFault('deploy.name-invalid', { name: String(last).slice(0, 40), expected: '--last 5' });
  const startOf = ({ replicas }: WorkloadView): string =>
    replicas
      .map(({ startedAt }) => startedAt ?? '')
      .sort()
      .at(-1) ?? '';
  return [...items].sort((one, other) => (startOf(one) < startOf(other) ? 1 : -1)).slice(0, most);
}

interface DeployFlags {
  readonly env?: string;
  readonly yes?: boolean;
  readonly canary?: string;
  readonly profile: string[];
  readonly file: string[];
  readonly project?: string;
  readonly secret: string[];
}

/** A Compose file that is named, or the one of a folder that has no darsena.yaml. */
async function composeOf(path: string): Promise<ComposePlace | null> {
  const full = resolve(path);
  const isProject = await stat(join(full, 'darsena.yaml')).then(
    () => true,
    () => false,
  );
  if (isProject || full.endsWith('darsena.yaml')) return null;
  return (await import('./compose/index.ts')).findCompose(full);
}

async function readProjectFile(root: string): Promise<ReturnType<typeof parseProjectFile>> {
  const path = join(root, 'darsena.yaml');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const isFolder = await stat(root).then(
      (found) => found.isDirectory(),
      () => false,
    );
    throw deployFault(
      isFolder ? 'deploy.project-file-missing' : 'deploy.folder-missing',
      { folder: root },
      { cause: error },
    );
  }
  return (await import('./project-file.ts')).parseProjectFile(text, 'darsena.yaml');
}

interface ProjectRow {
  readonly item: ProjectView;
  /** Null where the project only has images so far. */
  readonly environment: ProjectView['environments'][number] | null;
}

const DIFFERENCE: Readonly<Record<Difference, Text>> = {
  'only-from': { en: 'only in the first', es: 'solo en lo primero' },
  'only-to': { en: 'only in the second', es: 'solo en lo segundo' },
  differs: { en: 'differs', es: 'cambia' },
  same: { en: 'the same', es: 'igual' },
};

function printComparison(cli: CliProgram, { from, to, workloads, settings, documents, same }: Comparison): void {
  const { print, t } = cli;
  const titleOf = (place: ComparedPlace): string => `${place.name} ${place.release.number}`;
  print.line(`${titleOf(from)} → ${titleOf(to)}`);
  for (const what of ['policy', 'class', 'approvals'] as const) {
    if (from[what] !== to[what]) print.result(`${what}: ${from[what]} → ${to[what]}`);
  }
  for (const one of workloads.filter(({ state }) => state !== 'same')) {
    print.result(`${one.name}: ${t(DIFFERENCE[one.state])}`);
    if (one.from === null || one.to === null) continue;
    if (one.from.replicas !== one.to.replicas)
      print.result({
        en: `  replicas ${one.from.replicas} → ${one.to.replicas}`,
        es: `  réplicas ${one.from.replicas} → ${one.to.replicas}`,
      });
    for (const { container, image } of one.to.images) {
      const before = one.from.images.find((other) => other.container === container)?.image ?? '-';
      if (before !== image) print.result(`  ${container}: ${before} → ${image}`);
    }
  }
  for (const { kind, name, key, state } of settings) print.result(`${kind} ${name} ${key}: ${t(DIFFERENCE[state])}`);
  for (const { kind, name, lines } of documents) {
    print.result(`--- ${kind} ${name}`);
    for (const { op, text } of lines) {
      const shown = op === '@' ? `@ ${text}` : `${op}${text}`;
      print.result(op === '-' ? print.colour('bad', shown) : op === '+' ? print.colour('good', shown) : shown);
    }
  }
  print.line({ en: `${same} objects are the same`, es: `${same} objetos son iguales` });
}
