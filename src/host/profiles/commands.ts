import type { CliProgram, Json, Text } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import type { ProfileState, ProfileView } from './profiles.ts';
import type { RootNeeds } from './root.ts';

const STATES: Readonly<Record<ProfileState, Text>> = {
  recorded: { en: 'recorded, not tried', es: 'grabado, sin probar' },
  passed: { en: 'passed in a copy', es: 'superado en una copia' },
  failed: { en: 'failed in a copy', es: 'fallido en una copia' },
  applied: { en: 'applied', es: 'aplicado' },
};

interface Options {
  readonly env?: string;
  readonly for?: string;
  readonly test?: string;
}

interface RootView {
  readonly project: string;
  readonly environment: string;
  readonly workload: string;
  readonly containers: readonly string[];
  readonly needs: readonly RootNeeds[] | null;
}

/** `darsena profile …`: what a workload calls, recorded, tried in a copy and made its limit; `darsena root …`: life without root. */
export function profileCommands(cli: CliProgram): void {
  const { t, api, print } = cli;
  const workloadArgument = ['<workload>', 'project/workload'] as const;
  const envOption = [
    '--env <environment>',
    t({ en: 'environment (the first one)', es: 'entorno (el primero)' }),
  ] as const;
  const forOption = (text: Text, fallback: string) => ['--for <seconds>', t(text), fallback] as const;
  const testOption = [
    '--test <command>',
    t({
      en: 'run in the copy by its shell (sh -c); it must end with 0',
      es: 'se ejecuta en la copia con su intérprete (sh -c); debe terminar con 0',
    }),
  ] as const;
  const profile = cli.program.command('profile').description(
    t({
      en: 'what a workload calls of the kernel: recorded, tried in a copy, and made its limit',
      es: 'lo que una carga de trabajo llama del núcleo: grabado, probado en una copia y convertido en su límite',
    }),
  );

  profile
    .command('record')
    .argument(...workloadArgument)
    .option(...envOption)
    .option(...forOption({ en: 'how long (60)', es: 'cuánto tiempo (60)' }, '60'))
    .description(t({ en: 'record the running workload', es: 'grabar la carga que está en marcha' }))
    .action(async (named: string, options: Options) => {
      await follow(named, options, { step: 'record', seconds: secondsOf(options) });
      await show(named);
    });
  profile
    .command('show')
    .argument('<workload>', t({ en: 'project/workload, or a project', es: 'proyecto/carga, o un proyecto' }))
    .description(t({ en: 'what is known, and what became of it', es: 'qué se sabe y qué fue de ello' }))
    .action((named: string) => show(named));
  profile
    .command('try')
    .argument(...workloadArgument)
    .option(...envOption)
    .option(...forOption({ en: 'how long the copy is watched (10)', es: 'cuánto se vigila la copia (10)' }, '10'))
    .option(...testOption)
    .description(
      t({
        en: 'prove the profile: one copy shows what a start calls, a second one may nothing else',
        es: 'comprobar el perfil: una copia muestra qué llama un arranque, otra no puede nada más',
      }),
    )
    .action(async (named: string, options: Options) => {
      await follow(named, options, { step: 'try', seconds: secondsOf(options), test: testOf(options) });
      await show(named);
    });
  for (const [word, method, text] of [
    [
      'apply',
      'put',
      {
        en: 'sign what passed beside the images; the next start is narrowed to it',
        es: 'firmar lo superado junto a las imágenes; el próximo arranque se limita a ello',
      },
    ],
    [
      'withdraw',
      'delete',
      { en: 'take it back; the next start is as before', es: 'retirarlo; el próximo arranque es como antes' },
    ],
  ] as const) {
    profile
      .command(word)
      .argument(...workloadArgument)
      .option(...envOption)
      .description(t(text))
      .action(async (named: string, options: Options) => {
        const { path, query } = placeOf(named, options);
        await (method === 'put' ? api.put(`${path}/profile${query}`, {}) : api.delete(`${path}/profile${query}`));
        await show(named);
        if (!cli.output.json) {
          print.line({
            en: `it holds from the next start: darsena rollout restart ${named}`,
            es: `vale desde el próximo arranque: darsena rollout restart ${named}`,
          });
        }
      });
  }

  const root = cli.program.command('root').description(
    t({
      en: 'containers that run as root, and how they can do without',
      es: 'contenedores que se ejecutan como root, y cómo pueden dejar de hacerlo',
    }),
  );
  root
    .command('list')
    .argument('<project>', t({ en: 'project', es: 'proyecto' }))
    .description(
      t({ en: 'who runs as root, and what was seen of their needs', es: 'quién es root y qué se vio que necesita' }),
    )
    .action(async (project: string) => {
      const { items } = await api.get<{ items: RootView[] }>(`/projects/${encodeURIComponent(project)}/roots`);
      print.table(
        [
          { title: { en: 'WORKLOAD', es: 'CARGA' }, value: (one: RootView) => `${one.project}/${one.workload}` },
          { title: { en: 'ENVIRONMENT', es: 'ENTORNO' }, value: ({ environment }) => environment },
          { title: { en: 'CONTAINERS', es: 'CONTENEDORES' }, value: ({ containers }) => containers.join(', ') },
          { title: { en: 'NEEDS', es: 'NECESITA' }, value: ({ needs }) => needsText(cli, needs), long: true },
        ],
        items,
        { json: { items }, empty: { en: 'nothing runs as root', es: 'nada se ejecuta como root' } },
      );
    });
  root
    .command('remove')
    .argument(...workloadArgument)
    .option(...envOption)
    .option(...forOption({ en: 'how long the copy is watched (10)', es: 'cuánto se vigila la copia (10)' }, '10'))
    .option(...testOption)
    .description(
      t({
        en: 'write the manifest without root, and try it in a copy; changes nothing',
        es: 'escribir el manifiesto sin root y probarlo en una copia; no cambia nada',
      }),
    )
    .action(async (named: string, options: Options) => {
      const result = (await follow(named, options, {
        step: 'unroot',
        seconds: secondsOf(options),
        test: testOf(options),
      })) as unknown as { passed: boolean; why: Text | null; needs: RootNeeds[]; yaml: string };
      if (!result.passed) cli.exit(1);
      if (cli.output.json) return print.json(result);
      print.result(result.yaml.trimEnd());
      for (const { notes } of result.needs) for (const note of notes) print.line(`# ${t(note)}`);
      print.line(
        result.passed
          ? { en: '# a copy with this manifest worked', es: '# una copia con este manifiesto funcionó' }
          : { en: `# a copy did not work: ${result.why?.en}`, es: `# una copia no funcionó: ${result.why?.es}` },
      );
    });

  async function follow(named: string, options: Options, body: Json): Promise<Json> {
    const { path, query } = placeOf(named, options);
    const { operation } = await api.post<{ operation: string }>(`${path}/profile${query}`, body);
    return (await cli.followOperation(operation)).result as Json;
  }

  async function show(named: string): Promise<void> {
    const [project = '', workload] = named.split('/');
    const query = workload === undefined ? '' : `?workload=${encodeURIComponent(workload)}`;
    const { items } = await api.get<{ items: ProfileView[] }>(
      `/projects/${encodeURIComponent(project)}/profiles${query}`,
    );
    print.table(
      [
        {
          title: { en: 'CONTAINER', es: 'CONTENEDOR' },
          value: (one: ProfileView) => `${one.workload}/${one.container}`,
        },
        { title: { en: 'IMAGE', es: 'IMAGEN' }, value: ({ digest }) => digest.slice(7, 19) },
        { title: { en: 'STATE', es: 'ESTADO' }, value: (one) => stateOf(cli, one) },
        { title: { en: 'CALLS', es: 'LLAMADAS' }, value: ({ calls }) => String(calls.length), align: 'right' },
        {
          title: { en: 'CAPABILITIES', es: 'PERMISOS' },
          value: ({ capabilities }) =>
            capabilities === null ? t({ en: 'not shown', es: 'no se ven' }) : capabilities.join(' ') || '-',
        },
        {
          title: { en: 'START SEEN', es: 'ARRANQUE VISTO' },
          value: ({ fromStart }) => t(fromStart ? { en: 'yes', es: 'sí' } : { en: 'no', es: 'no' }),
        },
        {
          title: { en: 'WHAT THE COPY SAID', es: 'QUÉ DIJO LA COPIA' },
          value: ({ trial }) => (trial?.why == null ? '-' : t(trial.why)),
          long: true,
        },
      ],
      items,
      { json: { items }, empty: { en: 'nothing was recorded', es: 'no se grabó nada' } },
    );
  }
}

function stateOf({ t }: CliProgram, { state, appliedAt }: ProfileView): string {
  if (appliedAt === null || state === 'applied') return t(STATES[state]);
  return `${t(STATES[state])} (${t({ en: 'the one of before stands', es: 'sigue el anterior' })})`;
}

function placeOf(named: string, { env }: Options): { path: string; query: string } {
  const [project, workload, ...rest] = named.split('/');
  if (!project || !workload || rest.length > 0) {
    throw hostFault('host.choice-unknown', { value: named, choices: 'project/workload' });
  }
  return {
    path: `/projects/${encodeURIComponent(project)}/workloads/${encodeURIComponent(workload)}`,
    query: env === undefined ? '' : `?environment=${encodeURIComponent(env)}`,
  };
}

function secondsOf({ for: text = '' }: Options): number {
  const seconds = Number(text);
  if (!/^\d{1,6}$/.test(text) || seconds < 1) {
    throw hostFault('host.choice-unknown', { value: text, choices: '--for 1, --for 60, --for 86400' });
  }
  return seconds;
}

function testOf({ test }: Options): string[] | null {
  return test === undefined ? null : ['/bin/sh', '-c', test];
}

function needsText({ t }: CliProgram, needs: readonly RootNeeds[] | null): string {
  if (needs === null) return t({ en: 'not recorded', es: 'sin grabar' });
  const parts = needs.flatMap(({ capabilities, lowPorts, scratch, volumes, inImage }) => [
    ...capabilities,
    ...(lowPorts ? [t({ en: 'ports below 1024', es: 'puertos por debajo de 1024' })] : []),
    ...[...scratch, ...volumes, ...inImage],
  ]);
  return [...new Set(parts)].join(', ') || t({ en: 'nothing', es: 'nada' });
}
