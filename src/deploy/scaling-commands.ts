import { type CliProgram, type OperationView, systemClock, type Text } from '../system/index.ts';
import type { Maintenance } from './deployments.ts';
import type { HorizontalStatus, VerticalStatus } from './engines/local/index.ts';
import { deployFault } from './errors.ts';
import { parseQuantity } from './kubernetes/quantity.ts';
import {
  AMOUNT_TEXTS,
  formatAmount,
  QUOTA_AMOUNTS,
  type QuotaAmount,
  type QuotaLimits,
  type QuotaView,
} from './quota.ts';
import { MODE_TEXTS } from './scaling/vertical.ts';

interface ScaledView {
  readonly project: string;
  readonly environment: string;
  readonly name: string;
  readonly ready: number;
  readonly horizontal?: HorizontalStatus;
  readonly vertical?: VerticalStatus;
}

interface MaintenanceView {
  readonly maintenance: Maintenance | null;
  readonly pods: readonly { readonly project: string; readonly name: string; readonly pod: string }[];
  readonly waiting: readonly {
    readonly project: string;
    readonly environment: string;
    readonly name: string;
    readonly text: Text;
  }[];
}

const DRAIN_POLL_MS = 500;

/** `autoscale host canary quota`: how much of what runs, where, and for whom. */
export function scalingCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;

  program
    .command('autoscale')
    .argument('[project]')
    .option('--env <environment>', t({ en: 'environment', es: 'entorno' }))
    .description(
      t({
        en: 'what is scaled by its usage: figures, decisions and reasons',
        es: 'qué se escala por su consumo: cifras, decisiones y motivos',
      }),
    )
    .action(async (project: string | undefined, options: { env?: string }) => {
      const path = project === undefined ? '/workloads' : `/projects/${project}/workloads`;
      const { items } = await api.get<{ items: ScaledView[] }>(path);
      const scaled = items.filter(
        ({ environment, horizontal, vertical }) =>
          (options.env === undefined || environment === options.env) && (horizontal ?? vertical) !== undefined,
      );
      const rows = scaled.flatMap((workload) => [...horizontalRows(workload), ...verticalRows(workload)]);
      print.table(
        [
          {
            title: { en: 'workload', es: 'carga de trabajo' },
            value: ({ workload }) => `${workload.project}/${workload.name}`,
          },
          { title: { en: 'environment', es: 'entorno' }, value: ({ workload }) => workload.environment },
          { title: { en: 'what', es: 'qué' }, value: ({ what }) => what },
          { title: { en: 'measured', es: 'medido' }, value: ({ measured }) => measured, align: 'right' },
          { title: { en: 'wanted', es: 'deseado' }, value: ({ wanted }) => wanted, align: 'right' },
          { title: { en: 'result', es: 'resultado' }, value: ({ result }) => result },
        ],
        rows,
        {
          empty: {
            en: 'Nothing is scaled by its usage. Write a HorizontalPodAutoscaler or a VerticalPodAutoscaler.',
            es: 'Nada se escala por su consumo. Escribir un HorizontalPodAutoscaler o un VerticalPodAutoscaler.',
          },
          json: { items: scaled },
        },
      );
      for (const { project: owner, name, environment, horizontal, vertical } of scaled) {
        const place = `${owner}/${name} (${environment})`;
        for (const { type, status, reason, text } of horizontal?.conditions ?? []) {
          const usual = status !== (type === 'ScalingLimited') && !reason.endsWith('Stabilized');
          if (!usual) print.note(`${place}: ${reason}: ${t(text)}`);
        }
        const last = horizontal?.lastScale;
        if (last != null) {
          const age = print.age(last.at);
          print.note({
            en: `${place}: from ${last.from} to ${last.to} replicas, ${age} ago`,
            es: `${place}: de ${last.from} a ${last.to} réplicas, hace ${age}`,
          });
        }
        if (vertical?.waits != null) print.note(`${place}: ${t(vertical.waits)}`);
      }
    });

  interface Row {
    readonly workload: ScaledView;
    readonly what: string;
    readonly measured: string;
    readonly wanted: string;
    readonly result: string;
  }

  function horizontalRows(workload: ScaledView): Row[] {
    const { horizontal, ready } = workload;
    if (horizontal === undefined) return [];
    const { least, most, replicas, metrics } = horizontal;
    const result = t({
      en: `${replicas} ${replicas === 1 ? 'replica' : 'replicas'} (${least}–${most}), ${ready} ready`,
      es: `${replicas} ${replicas === 1 ? 'réplica' : 'réplicas'} (${least}–${most}), ${ready} ${ready === 1 ? 'lista' : 'listas'}`,
    });
    if (metrics.length === 0) return [{ workload, what: '—', measured: '—', wanted: '—', result }];
    return metrics.map(({ resource, container, unit, current, target }) => {
      const show = (value: number): string => (unit === 'percent' ? `${value} %` : formatAmount(resource, value));
      return {
        workload,
        what: container === null ? resource : `${resource} ${container}`,
        measured: current === null ? '—' : show(current),
        wanted: show(target),
        result,
      };
    });
  }

  function verticalRows(workload: ScaledView): Row[] {
    const { vertical } = workload;
    if (vertical === undefined) return [];
    const result = t(MODE_TEXTS[vertical.mode]);
    return vertical.containers.flatMap(({ name, given, target }) =>
      (['cpu', 'memory'] as const).flatMap((resource): Row[] => {
        const [now, wanted] =
          resource === 'cpu' ? [given.cpuMillis, target.cpuMillis] : [given.memoryBytes, target.memoryBytes];
        if (wanted === null) return [];
        return [
          {
            workload,
            what: `${resource} ${name}`,
            measured: now === null ? '—' : formatAmount(resource, now),
            wanted: formatAmount(resource, wanted),
            result,
          },
        ];
      }),
    );
  }

  const host = program
    .command('host')
    .description(t({ en: 'take the host out of service and back', es: 'retirar el host del servicio y devolverlo' }));

  function printMaintenance(view: MaintenanceView): void {
    if (cli.output.json) {
      print.json(view);
      return;
    }
    const { maintenance, pods, waiting } = view;
    if (maintenance === null) {
      print.result({ en: `In service, ${pods.length} pods`, es: `En servicio, ${pods.length} pods` });
      return;
    }
    const reason = maintenance.reason === '' ? '' : `: ${maintenance.reason}`;
    print.result(
      maintenance.draining
        ? {
            en: `Draining since ${print.age(maintenance.since)} (${maintenance.by})${reason}; ${pods.length} pods left`,
            es: `Vaciándose desde hace ${print.age(maintenance.since)} (${maintenance.by})${reason}; quedan ${pods.length} pods`,
          }
        : {
            en: `Cordoned since ${print.age(maintenance.since)} (${maintenance.by})${reason}; ${pods.length} pods go on`,
            es: `Cerrado desde hace ${print.age(maintenance.since)} (${maintenance.by})${reason}; ${pods.length} pods continúan`,
          },
    );
    for (const { project, environment, name, text } of waiting)
      print.note(`${project}/${name} (${environment}): ${t(text)}`);
  }

  host
    .command('runtimes')
    .description(
      t({
        en: 'the engine of each host, and the run-times that workloads may ask for',
        es: 'el motor de cada host, y los entornos de ejecución que las cargas pueden pedir',
      }),
    )
    .action(async () => {
      const { items } = await api.get<{ items: EngineView[] }>('/hosts');
      const rows = items.flatMap(({ name, engine }) =>
        (engine?.runtimes ?? []).map((runtime) => ({
          host: name,
          engine: `${engine?.name} ${engine?.version}`,
          runtime: runtime.name,
          missing: runtime.missing,
        })),
      );
      print.table(
        [
          { title: { en: 'HOST', es: 'HOST' }, value: (row: (typeof rows)[number]) => row.host },
          { title: { en: 'ENGINE', es: 'MOTOR' }, value: (row) => row.engine },
          { title: { en: 'RUN-TIME', es: 'ENTORNO' }, value: (row) => row.runtime },
          {
            title: { en: 'TO BE HAD', es: 'DISPONIBLE' },
            value: ({ missing }) =>
              missing === null ? t({ en: 'yes', es: 'sí' }) : t({ en: `no: ${missing.en}`, es: `no: ${missing.es}` }),
            long: true,
          },
        ],
        rows,
        { json: { items } },
      );
    });
  host
    .command('status')
    .description(t({ en: 'whether it takes pods, and what waits', es: 'si admite pods, y qué espera' }))
    .action(async () => printMaintenance(await api.get<MaintenanceView>('/host/maintenance')));
  host
    .command('cordon')
    .option('--reason <text>', t({ en: 'why, for the audit log', es: 'por qué, para la auditoría' }))
    .description(
      t({ en: 'make no new pods; what runs goes on', es: 'no crear pods nuevos; lo que está en marcha continúa' }),
    )
    .action(async (options: { reason?: string }) => {
      const body = { draining: false, reason: options.reason ?? '' };
      printMaintenance(await api.put<MaintenanceView>('/host/maintenance', body));
    });
  host
    .command('uncordon')
    .description(
      t({ en: 'take pods again, and start what was stopped', es: 'admitir pods de nuevo, e iniciar lo detenido' }),
    )
    .action(async () => printMaintenance(await api.delete<MaintenanceView>('/host/maintenance')));
  host
    .command('drain')
    .option('--reason <text>', t({ en: 'why, for the audit log', es: 'por qué, para la auditoría' }))
    .option(
      '--disregard-budgets',
      t({
        en: 'also stop what a PodDisruptionBudget keeps',
        es: 'detener también lo que retiene un PodDisruptionBudget',
      }),
    )
    .option('--timeout <seconds>', t({ en: 'how long to watch (600)', es: 'cuánto tiempo observar (600)' }))
    .description(
      t({
        en: 'stop all pods in order, as their budgets let it be, and make no new ones',
        es: 'detener todos los pods en orden, según sus presupuestos, y no crear nuevos',
      }),
    )
    .action(async (options: { reason?: string; disregardBudgets?: boolean; timeout?: string }) => {
      const body = {
        draining: true,
        disregardBudgets: options.disregardBudgets === true,
        reason: options.reason ?? '',
      };
      const { timeout = '600' } = options;
      if (!/^\d{1,6}$/.test(timeout)) throw deployFault('deploy.name-invalid', { name: timeout, expected: '600' });
      let view = await api.put<MaintenanceView>('/host/maintenance', body);
      const until = systemClock.monotonicMs() + Number(timeout) * 1000;
      let told = '';
      while (view.pods.length > 0 && systemClock.monotonicMs() < until) {
        const waits = view.waiting.map(({ project, name, text }) => `${project}/${name}: ${t(text)}`).join('\n');
        if (waits !== told && waits !== '') print.note(waits);
        told = waits;
        await systemClock.sleep(DRAIN_POLL_MS, cli.signal);
        view = await api.get<MaintenanceView>('/host/maintenance');
      }
      printMaintenance(view);
      if (view.pods.length > 0) {
        const [first] = view.waiting;
        const why: Text = first?.text ?? { en: 'they are still ending', es: 'todavía están terminando' };
        throw deployFault('deploy.drain-waits', { count: view.pods.length, why: why.en, porque: why.es });
      }
    });

  const canary = program
    .command('canary')
    .description(t({ en: 'end the trial of a release', es: 'terminar la prueba de una versión' }));
  for (const how of ['promote', 'abort'] as const) {
    canary
      .command(how)
      .argument('<project>')
      .requiredOption('--env <environment>', t({ en: 'environment', es: 'entorno' }))
      .description(
        t(
          how === 'promote'
            ? { en: 'let it take over all requests', es: 'dejar que atienda todas las peticiones' }
            : { en: 'take it away; the one before serves alone', es: 'retirarla; la anterior sirve sola' },
        ),
      )
      .action(async (project: string, options: { env: string }) => {
        const operation = await api.post<OperationView>(`/projects/${project}/environments/${options.env}/canary`, {
          how,
        });
        const ended = await cli.followOperation(operation.id);
        if (cli.output.json) print.json(ended);
      });
  }

  const quota = program
    .command('quota')
    .description(t({ en: 'limits of projects and environments', es: 'límites de proyectos y entornos' }));
  const environmentOption = [
    '--env <environment>',
    t({ en: 'only this environment', es: 'solo este entorno' }),
  ] as const;
  const pathOf = (project: string, env: string | undefined): string =>
    `/projects/${project}/quotas${env === undefined ? '' : `?environment=${env}`}`;

  function printQuotas(project: string, items: readonly QuotaView[]): void {
    const rows = items.flatMap((view) =>
      QUOTA_AMOUNTS.flatMap((amount) => {
        const most = view.limits.most[amount];
        return most === undefined ? [] : [{ view, amount, most, used: view.used[amount] }];
      }),
    );
    print.table(
      [
        {
          title: { en: 'place', es: 'lugar' },
          value: ({ view }) => (view.environment === null ? view.project : `${view.project}/${view.environment}`),
        },
        { title: { en: 'what', es: 'qué' }, value: ({ amount }) => t(AMOUNT_TEXTS[amount]) },
        {
          title: { en: 'used', es: 'en uso' },
          value: ({ amount, used }) => formatAmount(amount, used),
          align: 'right',
        },
        {
          title: { en: 'limit', es: 'límite' },
          value: ({ amount, most }) => formatAmount(amount, most),
          align: 'right',
        },
      ],
      rows,
      {
        empty: {
          en: `${project} has no limits. Set some with: darsena quota set ${project} --cpu 4 --memory 8Gi`,
          es: `${project} no tiene límites. Fijarlos con: darsena quota set ${project} --cpu 4 --memory 8Gi`,
        },
        json: { items },
      },
    );
    for (const { environment, project: name, limits } of items) {
      const { defaults, containerMost } = limits;
      const parts = [
        ['cpu', defaults.cpuRequestMillis, { en: 'default request', es: 'solicitud por defecto' }],
        ['memory', defaults.memoryRequestBytes, { en: 'default request', es: 'solicitud por defecto' }],
        ['cpu', defaults.cpuLimitMillis, { en: 'default limit', es: 'límite por defecto' }],
        ['memory', defaults.memoryLimitBytes, { en: 'default limit', es: 'límite por defecto' }],
        ['cpu', containerMost.cpuMillis, { en: 'most of one container', es: 'máximo de un contenedor' }],
        ['memory', containerMost.memoryBytes, { en: 'most of one container', es: 'máximo de un contenedor' }],
      ] as const;
      for (const [resource, value, words] of parts) {
        if (value == null) continue;
        const place = environment === null ? name : `${name}/${environment}`;
        print.note(`${place}: ${resource}, ${t(words)}: ${formatAmount(resource, value)}`);
      }
    }
  }

  quota
    .command('show')
    .argument('<project>')
    .description(t({ en: 'limits and what is used of them', es: 'los límites y cuánto se usa de ellos' }))
    .action(async (project: string) => {
      const { items } = await api.get<{ items: QuotaView[] }>(pathOf(project, undefined));
      printQuotas(project, items);
    });
  quota
    .command('set')
    .argument('<project>')
    .option(...environmentOption)
    .option(
      '--cpu <cores>',
      t({ en: 'processor requested together, such as 4 or 500m', es: 'procesador solicitado en total, como 4 o 500m' }),
    )
    .option(
      '--memory <bytes>',
      t({ en: 'memory requested together, such as 8Gi', es: 'memoria solicitada en total, como 8Gi' }),
    )
    .option('--cpu-limit <cores>', t({ en: 'limits of processor together', es: 'límites de procesador en total' }))
    .option('--memory-limit <bytes>', t({ en: 'limits of memory together', es: 'límites de memoria en total' }))
    .option('--pods <count>', t({ en: 'pods', es: 'pods' }))
    .option('--volumes <count>', t({ en: 'volumes', es: 'volúmenes' }))
    .option('--storage <bytes>', t({ en: 'size of all volumes', es: 'tamaño de todos los volúmenes' }))
    .option(
      '--default-cpu <cores>',
      t({ en: 'request of a container that says none', es: 'solicitud de un contenedor que no indica ninguna' }),
    )
    .option('--default-memory <bytes>', t({ en: 'the same of memory', es: 'lo mismo de memoria' }))
    .option(
      '--default-cpu-limit <cores>',
      t({ en: 'limit of a container that says none', es: 'límite de un contenedor que no indica ninguno' }),
    )
    .option('--default-memory-limit <bytes>', t({ en: 'the same of memory', es: 'lo mismo de memoria' }))
    .option(
      '--container-cpu <cores>',
      t({ en: 'most that one container may ask for', es: 'máximo que puede pedir un contenedor' }),
    )
    .option('--container-memory <bytes>', t({ en: 'the same of memory', es: 'lo mismo de memoria' }))
    .description(
      t({
        en: 'set the limits anew; what is not named is not limited',
        es: 'fijar los límites de nuevo; lo que no se nombra no se limita',
      }),
    )
    .action(async (project: string, options: Readonly<Record<string, string | undefined>>) => {
      const limits = readLimits(options);
      // Limits are set anew: none named would take away those that there are.
      if (Object.values(limits).every((part) => Object.keys(part).length === 0))
        throw deployFault('deploy.quota-unnamed', { project });
      const { items } = await api.put<{ items: QuotaView[] }>(pathOf(project, options['env']), limits);
      printQuotas(project, items);
    });
  quota
    .command('clear')
    .argument('<project>')
    .option(...environmentOption)
    .description(t({ en: 'take the limits away', es: 'quitar los límites' }))
    .action(async (project: string, options: { env?: string }) => {
      const { items } = await api.delete<{ items: QuotaView[] }>(pathOf(project, options.env));
      printQuotas(project, items);
    });
}

/** @throws Fault deploy.name-invalid */
const QUOTA_EXAMPLES = { millis: '500m, 2', bytes: '64Mi, 10', count: '0, 1, 2 …' } as const;

function readLimits(options: Readonly<Record<string, string | undefined>>): QuotaLimits {
  const read = (name: string, unit: 'millis' | 'bytes' | 'count'): number | undefined => {
    const text = options[name];
    if (text === undefined) return undefined;
    const value = parseQuantity(text);
    const amount = value === null ? Number.NaN : Math.ceil(unit === 'millis' ? value * 1000 : value);
    // Half a pod is a slip, not a number that wants rounding.
    if (Number.isSafeInteger(amount) && (unit !== 'count' || amount === value)) return amount;
    throw deployFault('deploy.name-invalid', { name: text, expected: QUOTA_EXAMPLES[unit] });
  };
  const given = <T extends object>(values: T): T =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
  const most: Partial<Record<QuotaAmount, number | undefined>> = {
    cpuMillis: read('cpu', 'millis'),
    memoryBytes: read('memory', 'bytes'),
    cpuLimitMillis: read('cpuLimit', 'millis'),
    memoryLimitBytes: read('memoryLimit', 'bytes'),
    pods: read('pods', 'count'),
    volumes: read('volumes', 'count'),
    volumeBytes: read('storage', 'bytes'),
  };
  return {
    most: given(most) as QuotaLimits['most'],
    defaults: given({
      cpuRequestMillis: read('defaultCpu', 'millis'),
      cpuLimitMillis: read('defaultCpuLimit', 'millis'),
      memoryRequestBytes: read('defaultMemory', 'bytes'),
      memoryLimitBytes: read('defaultMemoryLimit', 'bytes'),
    }) as QuotaLimits['defaults'],
    containerMost: given({
      cpuMillis: read('containerCpu', 'millis'),
      memoryBytes: read('containerMemory', 'bytes'),
    }) as QuotaLimits['containerMost'],
  };
}

/** A host as `/hosts` tells it, as far as its engine goes. */
interface EngineView {
  readonly name: string;
  readonly engine: {
    readonly name: string;
    readonly version: string;
    readonly runtimes: readonly { readonly name: string; readonly missing: Text | null }[];
  } | null;
}
