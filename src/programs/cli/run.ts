import { randomBytes } from 'node:crypto';
import type { RunView } from '../../deploy/index.ts';
import type { Ulimit } from '../../deploy/kubernetes/index.ts';
import { type CliProgram, defineFaults, systemClock, type Text } from '../../system/index.ts';
import {
  addWhich,
  collect,
  parseWorkload,
  readCount,
  readVariables,
  runSession,
  variablesOf,
  type WhichContainer,
} from './exec.ts';
import { refuseOption } from './habits.ts';

export const runFault = defineFaults({
  'cli.run-flag': {
    kind: 'invalid',
    en: { what: '{flag} cannot be honoured here', why: '{why}', remedy: '{remedy}' },
    es: { what: '{flag} no puede cumplirse aquí', why: '{porque}', remedy: '{salida}' },
  },
  'cli.run-value': {
    kind: 'invalid',
    en: { what: '"{text}" is not understood', why: 'expected {expected}' },
    es: { what: 'no se entiende "{text}"', why: 'se esperaba {esperado}' },
  },
  'cli.run-project': {
    kind: 'invalid',
    en: {
      what: 'the project is not known',
      why: '{image} does not say whose it is',
      remedy: 'darsena run --project PROJECT … {image}',
    },
    es: {
      what: 'no se conoce el proyecto',
      why: '{image} no dice de quién es',
      remedy: 'darsena run --project PROYECTO … {image}',
    },
  },
});

/** Flags of docker and podman that ask for what a platform with admission does not give, and the way to the same end. */
export const RUN_REFUSED: readonly {
  readonly flags: string;
  readonly why: Text;
  readonly way: Text;
  /** Values that ask for what happens anyway. */
  readonly harmless?: readonly string[];
}[] = [
  {
    flags: '--runtime <name>',
    why: { en: 'run-times are named in manifests', es: 'los entornos de ejecución se nombran en los manifiestos' },
    way: {
      en: 'runtimeClassName: darsena explain pod.spec.runtimeClassName',
      es: 'runtimeClassName: darsena explain pod.spec.runtimeClassName',
    },
  },
  {
    flags: '-p, --publish <ports>',
    why: {
      en: 'ports of a host belong to the edge',
      es: 'los puertos de un host son del borde',
    },
    way: {
      en: 'darsena port-forward PROJECT/NAME HERE:THERE, or a Service and an Ingress in its manifests',
      es: 'darsena port-forward PROYECTO/NOMBRE AQUÍ:ALLÍ, o un Service y un Ingress en sus manifiestos',
    },
  },
  {
    flags: '-P, --publish-all',
    why: { en: 'ports of a host belong to the edge', es: 'los puertos de un host son del borde' },
    way: {
      en: 'darsena port-forward PROJECT/NAME HERE:THERE',
      es: 'darsena port-forward PROYECTO/NOMBRE AQUÍ:ALLÍ',
    },
  },
  {
    flags: '--privileged',
    why: { en: 'no container is privileged here', es: 'aquí ningún contenedor es privilegiado' },
    way: { en: 'ask for what it needs: --cap-add NAME', es: 'pedir lo que necesita: --cap-add NOMBRE' },
  },
  ...['--network <network>', '--net <network>'].map((flags) => ({
    flags,
    why: {
      en: 'a run is in the network of its environment, whose policies hold for it',
      es: 'una ejecución está en la red de su entorno, cuyas políticas la obligan',
    },
    way: { en: 'choose the environment: --env NAME', es: 'elegir el entorno: --env NOMBRE' },
  })),
  ...['--pid <mode>', '--ipc <mode>', '--uts <mode>', '--userns <mode>', '--cgroupns <mode>'].map((flags) => ({
    flags,
    why: {
      en: 'namespaces of the host and of other containers are not entered',
      es: 'no se entra en los espacios de nombres del host ni de otros contenedores',
    },
    way: {
      en: 'to look into a container: darsena exec, or darsena debug',
      es: 'para mirar dentro de un contenedor: darsena exec, o darsena debug',
    },
  })),
  ...['--device <device>', '--gpus <which>'].map((flags) => ({
    flags,
    why: {
      en: 'devices of a host are given to no container',
      es: 'los dispositivos de un host no se dan a contenedores',
    },
    way: {
      en: 'work with files of a volume: -v CLAIM:/path',
      es: 'trabajar con archivos de un volumen: -v CLAIM:/ruta',
    },
  })),
  ...['--restart <policy>', '--health-cmd <command>'].map((flags) => ({
    flags,
    harmless: ['no'],
    why: { en: 'a run ends once', es: 'una ejecución termina una vez' },
    way: {
      en: 'what is to stay up is a Deployment: darsena deploy',
      es: 'lo que debe seguir en marcha es un Deployment: darsena deploy',
    },
  })),
  ...['--mount <mount>', '--volumes-from <container>', '--volume-driver <name>'].map((flags) => ({
    flags,
    why: { en: 'volumes are claims of the environment', es: 'los volúmenes son los del entorno' },
    way: { en: '-v CLAIM:/path[:ro], --tmpfs /path', es: '-v CLAIM:/ruta[:ro], --tmpfs /ruta' },
  })),
  ...['--link <container>', '--network-alias <name>', '--ip <address>', '--dns <address>', '--dns-search <name>'].map(
    (flags) => ({
      flags,
      why: {
        en: 'names and addresses are given by the platform',
        es: 'los nombres y direcciones los da la plataforma',
      },
      way: {
        en: 'services are called by their names; --add-host NAME:ADDRESS for others',
        es: 'los servicios se llaman por su nombre; --add-host NOMBRE:DIRECCIÓN para otros',
      },
    }),
  ),
  ...['--memory-swap <size>', '-c, --cpu-shares <number>', '--cpuset-cpus <set>', '--pids-limit <n>'].map((flags) => ({
    flags,
    why: { en: 'only --cpus and --memory are limits here', es: 'aquí solo --cpus y --memory son límites' },
    way: { en: '--cpus 0.5 --memory 256m', es: '--cpus 0.5 --memory 256m' },
  })),
  ...['--sysctl <setting>', '--shm-size <size>', '--init', '--platform <platform>'].map((flags) => ({
    flags,
    why: { en: 'a run does not have it', es: 'una ejecución no lo tiene' },
    way: {
      en: 'manifests say more than these flags: darsena explain pod.spec',
      es: 'los manifiestos dicen más que estas opciones: darsena explain pod.spec',
    },
  })),
  ...[
    ...[
      '--blkio-weight <n>',
      '--blkio-weight-device <weight>',
      '--cpu-period <n>',
      '--cpu-quota <n>',
      '--cpu-rt-period <n>',
    ],
    ...['--cpu-rt-runtime <n>', '--cpuset-mems <set>', '--memory-reservation <size>', '--memory-swappiness <n>'],
    ...[
      '--device-read-bps <rate>',
      '--device-read-iops <rate>',
      '--device-write-bps <rate>',
      '--device-write-iops <rate>',
    ],
    ...['--device-cgroup-rule <rule>', '--cgroup-conf <setting>', '--cgroup-parent <group>', '--cgroups <mode>'],
    ...['--oom-kill-disable', '--oom-score-adj <n>'],
  ].map((flags) => ({
    flags,
    why: { en: 'only --cpus and --memory are limits here', es: 'aquí solo --cpus y --memory son límites' },
    way: { en: '--cpus 0.5 --memory 256m', es: '--cpus 0.5 --memory 256m' },
  })),
  ...[
    ...[
      '--gidmap <map>',
      '--uidmap <map>',
      '--subgidname <name>',
      '--subuidname <name>',
      '--hostuser <user>',
      '--group-add <group>',
    ],
    ...['--passwd', '--passwd-entry <entry>', '--umask <mask>', '--personality <persona>', '--seccomp-policy <policy>'],
  ].map((flags) => ({
    flags,
    why: {
      en: 'who runs is said by numbers, and mapped by the platform',
      es: 'quién corre se dice con números, y lo mapea la plataforma',
    },
    way: { en: '--user UID:GID', es: '--user UID:GID' },
  })),
  ...[
    ...[
      '--arch <architecture>',
      '--os <system>',
      '--variant <variant>',
      '--authfile <file>',
      '--tls-verify',
      '--disable-content-trust',
    ],
    ...[
      '--rootfs',
      '--image-volume <mode>',
      '--chrootdirs <folders>',
      '--rmi',
      '--init-path <path>',
      '--systemd <mode>',
    ],
  ].map((flags) => ({
    flags,
    why: {
      en: 'what runs is an image of the platform’s registry, by the digest that was judged',
      es: 'lo que corre es una imagen del registro de la plataforma, por el digest que se juzgó',
    },
    way: { en: 'darsena run PROJECT/IMAGE', es: 'darsena run PROYECTO/IMAGEN' },
  })),
  ...[
    ...[
      '--dns-option <option>',
      '--expose <port>',
      '--ip6 <address>',
      '--mac-address <address>',
      '--no-hosts',
      '--http-proxy',
    ],
  ].map((flags) => ({
    flags,
    why: {
      en: 'names and addresses are given by the platform',
      es: 'los nombres y direcciones los da la plataforma',
    },
    way: {
      en: 'darsena port-forward, --add-host NAME:ADDRESS',
      es: 'darsena port-forward, --add-host NOMBRE:DIRECCIÓN',
    },
  })),
  ...[
    ...[
      '--health-interval <time>',
      '--health-on-failure <action>',
      '--health-retries <n>',
      '--health-start-period <time>',
    ],
    ...[
      '--health-timeout <time>',
      '--no-healthcheck',
      '--requires <containers>',
      '--sdnotify <mode>',
      '--timeout <seconds>',
    ],
  ].map((flags) => ({
    flags,
    why: { en: 'a run ends once', es: 'una ejecución termina una vez' },
    way: {
      en: 'what is to stay up is a Deployment: darsena deploy',
      es: 'lo que debe seguir en marcha es un Deployment: darsena deploy',
    },
  })),
  ...[
    '--env-host',
    '--env-merge <variable>',
    '--unsetenv <variable>',
    '--unsetenv-all',
    '--tz <zone>',
    '--secret <secret>',
  ].map((flags) => ({
    flags,
    why: { en: 'variables are given one by one', es: 'las variables se dan una a una' },
    way: { en: '-e NAME, --env-file FILE', es: '-e NOMBRE, --env-file ARCHIVO' },
  })),
  ...['--annotation <annotation>', '--label-file <file>', '--stop-signal <signal>', '--read-only-tmpfs'].map(
    (flags) => ({
      flags,
      why: { en: 'a run does not have it', es: 'una ejecución no lo tiene' },
      way: {
        en: 'manifests say more than these flags: darsena explain pod.spec',
        es: 'los manifiestos dicen más que estas opciones: darsena explain pod.spec',
      },
    }),
  ),
  ...[
    ...[
      '--attach <stream>',
      '--sig-proxy',
      '--preserve-fds <n>',
      '--conmon-pidfile <file>',
      '--pidfile <file>',
      '--pod-id-file <file>',
    ],
    '--log-opt <option>',
  ].map((flags) => ({
    flags,
    why: { en: 'it belongs to an engine of one machine', es: 'es de un motor de una sola máquina' },
    way: { en: 'darsena attach, darsena logs, darsena ps', es: 'darsena attach, darsena logs, darsena ps' },
  })),
  ...['--log-driver <name>', '--cidfile <file>', '--pod <pod>', '--replace', '--detach-keys <keys>'].map((flags) => ({
    flags,
    why: { en: 'it belongs to an engine of one machine', es: 'es de un motor de una sola máquina' },
    way: { en: 'darsena logs, darsena ps, darsena rm', es: 'darsena logs, darsena ps, darsena rm' },
  })),
];

interface RunFlags {
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly detach?: boolean;
  readonly rm?: boolean;
  readonly name?: string;
  readonly project?: string;
  readonly env: readonly string[];
  readonly variable: readonly string[];
  readonly envFile: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly cpus?: string;
  readonly memory?: string;
  readonly readOnly?: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly securityOpt: readonly string[];
  readonly entrypoint?: string;
  readonly volume: readonly string[];
  readonly tmpfs: readonly string[];
  readonly hostname?: string;
  readonly label: readonly string[];
  readonly addHost: readonly string[];
  readonly ulimit: readonly string[];
  readonly stopTimeout?: string;
  readonly pull?: string;
}

interface DebugFlags extends WhichContainer {
  readonly image: string;
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly variable: readonly string[];
  readonly target?: string;
}

/** `run debug attach stop rm wait`: an image once, with the flags of docker and podman. */
export function runCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const run = program
    .command('run')
    .argument(
      '<image>',
      t({
        en: 'project/image, with a tag or digest if wanted',
        es: 'proyecto/imagen, con etiqueta o digest si se quiere',
      }),
    )
    .argument('[command...]')
    .option('-i, --interactive', t({ en: 'pass on standard input', es: 'pasar la entrada estándar' }))
    .option('-t, --tty', t({ en: 'with a terminal', es: 'con terminal' }))
    .option('-d, --detach', t({ en: 'leave it running and say its name', es: 'dejarlo en marcha y decir su nombre' }))
    .option('--rm', t({ en: 'remove it when it has ended', es: 'quitarlo cuando haya terminado' }))
    .option('--name <name>', t({ en: 'name (one is made up)', es: 'nombre (se inventa uno)' }))
    .option(
      '--project <project>',
      t({ en: 'project (the first part of the image)', es: 'proyecto (la primera parte de la imagen)' }),
    )
    .option(
      '--env <environment>',
      t({
        en: 'environment (the first one); NAME=value is a variable, as in docker',
        es: 'entorno (el primero); NOMBRE=valor es una variable, como en docker',
      }),
      collect,
      [],
    )
    .option('-e, --variable <NAME=value>', t({ en: 'environment variable', es: 'variable de entorno' }), collect, [])
    .option('--env-file <file>', t({ en: 'variables from a file', es: 'variables de un archivo' }), collect, [])
    .option('-w, --workdir <folder>', t({ en: 'in this folder', es: 'en esta carpeta' }))
    .option('-u, --user <uid[:gid]>', t({ en: 'as this user, by number', es: 'como este usuario, por número' }))
    .option('--cpus <number>', t({ en: 'processors at most, such as 0.5', es: 'procesadores como máximo, como 0.5' }))
    .option('-m, --memory <size>', t({ en: 'memory at most, such as 256m', es: 'memoria como máximo, como 256m' }))
    .option('--read-only', t({ en: 'its image is not written to', es: 'no se escribe en su imagen' }))
    .option('--cap-add <capability>', t({ en: 'add a capability', es: 'añadir una capacidad' }), collect, [])
    .option(
      '--cap-drop <capability>',
      t({ en: 'drop a capability, or ALL', es: 'quitar una capacidad, o ALL' }),
      collect,
      [],
    )
    .option(
      '--security-opt <option>',
      t({
        en: 'no-new-privileges (on) or no-new-privileges=false',
        es: 'no-new-privileges (activo) o no-new-privileges=false',
      }),
      collect,
      [],
    )
    .option(
      '--entrypoint <program>',
      t({ en: 'program in place of the image’s', es: 'programa en lugar del de la imagen' }),
    )
    .option(
      '-v, --volume <claim:/path[:ro]>',
      t({ en: 'a claim of the environment', es: 'un volumen del entorno' }),
      collect,
      [],
    )
    .option('--tmpfs <path>', t({ en: 'a folder in memory', es: 'una carpeta en memoria' }), collect, [])
    .option('--hostname <name>', t({ en: 'its host name', es: 'su nombre de host' }))
    .option('-l, --label <key=value>', t({ en: 'label of its pod', es: 'etiqueta de su pod' }), collect, [])
    .option(
      '--add-host <name:address>',
      t({ en: 'a name and what it means', es: 'un nombre y lo que significa' }),
      collect,
      [],
    )
    .option(
      '--ulimit <name=soft[:hard]>',
      t({ en: 'limit of its processes, as nofile=1024:2048', es: 'límite de sus procesos, como nofile=1024:2048' }),
      collect,
      [],
    )
    .option(
      '--stop-timeout <seconds>',
      t({ en: 'grace before it is forced to end', es: 'espera antes de forzar su fin' }),
    )
    .option(
      '--pull <when>',
      t({
        en: 'as in docker; what runs is the digest that was judged',
        es: 'como en docker; corre el digest que se juzgó',
      }),
    )
    .option('-q', t({ en: 'as in docker', es: 'como en docker' }))
    .description(
      t({
        en: 'run an image once, judged as any start; recorded',
        es: 'ejecutar una imagen una vez, juzgada como cualquier arranque; queda registrado',
      }),
    );
  for (const { flags, why, way, harmless } of RUN_REFUSED)
    refuseOption(run, flags, () => refusedFlag(flags, why, way), harmless);
  run.action(async (image: string, command: string[], options: RunFlags) => {
    const project = options.project ?? projectOf(image);
    const tty = options.tty === true;
    const interactive = options.interactive === true;
    const environment = options.env.findLast((value) => !value.includes('='));
    const variables = [...options.env.filter((value) => value.includes('=')), ...options.variable];
    const name = readName(options.name ?? `run-${randomBytes(4).toString('hex')}`);
    const joined = options.detach !== true;
    const started = await api.post<RunView>(`/projects/${project}/runs`, {
      ...(environment === undefined ? {} : { environment }),
      name,
      image,
      command,
      entrypoint: options.entrypoint === undefined ? null : [options.entrypoint],
      env: [...(await Promise.all(options.envFile.map(readVariables))).flat(), ...variablesOf(variables)],
      workingDir: options.workdir ?? null,
      user: options.user === undefined ? null : readUser(options.user),
      cpuMillis: options.cpus === undefined ? null : readCpus(options.cpus),
      memoryBytes: options.memory === undefined ? null : readMemory(options.memory),
      readOnly: options.readOnly === true,
      capAdd: options.capAdd.map(readCapability),
      capDrop: options.capDrop.map(readCapability),
      newPrivileges: readSecurity(options.securityOpt),
      volumes: options.volume.map(readVolume),
      tmpfs: options.tmpfs.map(readTmpfs),
      hostname: options.hostname ?? null,
      labels: Object.fromEntries(options.label.map((one) => splitAt(one, '=', 'key=value', 'clave=valor'))),
      hosts: options.addHost
        .map((one) => splitAt(one, ':', 'name:address', 'nombre:dirección'))
        .map(([host, address]) => ({ name: host, address })),
      ulimits: await readUlimits(options.ulimit),
      stopSeconds: options.stopTimeout === undefined ? null : readCount(options.stopTimeout, 9_999, 0),
      interactive,
      terminal: tty,
      joined,
      remove: options.rm === true,
    });
    const place = `${started.project}/${started.name}`;
    if (!joined) {
      if (cli.output.json) print.json(started);
      else print.result(place);
      return;
    }
    const query = new URLSearchParams({ kind: 'attach', env: started.environment });
    cli.exit(
      await runSession(cli, { project, workload: started.name }, query, { tty, input: interactive, signals: true }),
    );
  });

  program
    .command('debug')
    .argument('<workload>', 'project/workload')
    .argument('[command...]')
    .requiredOption(
      '--image <image>',
      t({
        en: 'image with the tools, of the project or a base',
        es: 'imagen con las herramientas, del proyecto o una base',
      }),
    )
    .option('-i, --interactive', t({ en: 'pass on standard input', es: 'pasar la entrada estándar' }))
    .option('-t, --tty', t({ en: 'with a terminal', es: 'con terminal' }))
    .option('-e, --variable <NAME=value>', t({ en: 'environment variable', es: 'variable de entorno' }), collect, [])
    .option('--env <environment>', t({ en: 'environment (the first one)', es: 'entorno (el primero)' }))
    .option(
      '--target <container>',
      t({ en: 'container whose processes it sees (the first one)', es: 'contenedor cuyos procesos ve (el primero)' }),
    )
    .option('--replica <name>', t({ en: 'replica (the first ready one)', es: 'réplica (la primera lista)' }))
    .description(
      t({
        en: 'add a container with tools to a running pod for as long as the session lasts; judged and recorded',
        es: 'añadir un contenedor con herramientas a un pod en marcha mientras dure la sesión; juzgado y registrado',
      }),
    )
    .action(async (workload: string, command: string[], options: DebugFlags) => {
      const tty = options.tty === true;
      const input = options.interactive === true;
      const query = new URLSearchParams({
        ...{ kind: 'debug', image: options.image, command: JSON.stringify(command) },
        ...{ tty: tty ? '1' : '0', interactive: input ? '1' : '0' },
      });
      for (const { name, value } of variablesOf(options.variable)) query.append('variable', `${name}=${value}`);
      addWhich(query, { ...options, ...(options.target === undefined ? {} : { container: options.target }) });
      cli.exit(await runSession(cli, parseWorkload(workload), query, { tty, input, signals: true }));
    });

  program
    .command('attach')
    .argument('<workload>', 'project/workload')
    .option('--env <environment>', t({ en: 'environment (the first one)', es: 'entorno (el primero)' }))
    .option('-c, --container <name>', t({ en: 'container of the pod', es: 'contenedor del pod' }))
    .option('--replica <name>', t({ en: 'replica (the first ready one)', es: 'réplica (la primera lista)' }))
    .option('--no-stdin', t({ en: 'do not pass on standard input', es: 'no pasar la entrada estándar' }))
    .option('-t, --tty', t({ en: 'its process has a terminal', es: 'su proceso tiene terminal' }))
    .description(
      t({
        en: 'join the first process of a container: what it wrote, then what it writes; recorded',
        es: 'unirse al primer proceso de un contenedor: lo que escribió y lo que escribe; queda registrado',
      }),
    )
    .action(
      async (
        workload: string,
        options: { env?: string; container?: string; replica?: string; stdin: boolean; tty?: boolean },
      ) => {
        const query = new URLSearchParams({ kind: 'attach' });
        for (const key of ['env', 'container', 'replica'] as const) {
          const value = options[key];
          if (value !== undefined) query.set(key, value);
        }
        const tty = options.tty === true;
        cli.exit(await runSession(cli, parseWorkload(workload), query, { tty, input: options.stdin, signals: true }));
      },
    );

  program
    .command('stop')
    .argument('<runs...>', 'project/name')
    .option('--env <environment>', t({ en: 'environment', es: 'entorno' }))
    .description(
      t({
        en: 'end what darsena run started; its logs stay',
        es: 'terminar lo iniciado con darsena run; sus registros quedan',
      }),
    )
    .action(async (names: string[], options: { env?: string }) => {
      for (const name of names) {
        const { project, workload } = parseWorkload(name);
        await api.post<RunView>(`/projects/${project}/runs/${workload}/stop${queryOf(options.env)}`);
        print.result(name);
      }
    });

  program
    .command('rm')
    .argument('<runs...>', 'project/name')
    .option('-f, --force', t({ en: 'also what is still running', es: 'también lo que sigue en marcha' }))
    .option('--env <environment>', t({ en: 'environment', es: 'entorno' }))
    .description(t({ en: 'remove what darsena run left', es: 'quitar lo que dejó darsena run' }))
    .action(async (names: string[], options: { env?: string; force?: boolean }) => {
      for (const name of names) {
        const { project, workload } = parseWorkload(name);
        const more = options.force === true ? { force: '1' } : {};
        await api.delete(`/projects/${project}/runs/${workload}${queryOf(options.env, more)}`);
        print.result(name);
      }
    });

  program
    .command('wait')
    .argument('<runs...>', 'project/name')
    .option('--env <environment>', t({ en: 'environment', es: 'entorno' }))
    .description(
      t({
        en: 'wait until a run has ended, and say its exit code',
        es: 'esperar a que termine una ejecución y decir su código',
      }),
    )
    .action(async (names: string[], options: { env?: string }) => {
      for (const name of names) {
        const { project, workload } = parseWorkload(name);
        for (;;) {
          const one = await api.get<RunView>(`/projects/${project}/runs/${workload}${queryOf(options.env)}`);
          if (one.state === 'ended') {
            if (cli.output.json) print.json(one);
            else print.result(String(one.exitCode ?? t(one.why ?? { en: 'unknown', es: 'desconocido' })));
            break;
          }
          await systemClock.sleep(WAIT_MS, cli.signal);
        }
      }
    });
}

const WAIT_MS = 500;

function queryOf(environment: string | undefined, more: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams({ ...(environment === undefined ? {} : { environment }), ...more });
  return query.size === 0 ? '' : `?${query}`;
}

function refusedFlag(flags: string, why: Text, way: Text): Error {
  const flag = /--[a-z-]+/.exec(flags)?.[0] ?? flags;
  return runFault('cli.run-flag', { flag, why: why.en, porque: why.es, remedy: way.en, salida: way.es });
}

/** `tienda/web:1` is tienda's; base images are everybody's, so that they say nothing. @throws Fault cli.run-project */
function projectOf(image: string): string {
  const parts = image.split('@')[0]?.split('/') ?? [];
  // A host name with a port or a dot in front is a registry's.
  const first = parts.length > 1 && /[.:]/.test(parts[0] ?? '') ? parts[1] : parts[0];
  if (parts.length < 2 || first === undefined || first === 'base') throw runFault('cli.run-project', { image });
  return first;
}

function invalid(text: string, expected: string, esperado: string): Error {
  return runFault('cli.run-value', { text, expected, esperado });
}

function readUser(text: string): { uid: number; gid: number | null } {
  const match = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(text);
  if (match === null) {
    throw runFault('cli.run-flag', {
      flag: `--user ${text}`,
      why: 'a name means a different number in each image, and policies judge numbers',
      porque: 'un nombre significa otro número en cada imagen, y las políticas juzgan números',
      remedy: 'give the number: -u 1000 or -u 1000:1000',
      salida: 'dar el número: -u 1000 o -u 1000:1000',
    });
  }
  return { uid: Number(match[1]), gid: match[2] === undefined ? null : Number(match[2]) };
}

function readCpus(text: string): number {
  const millis = Math.round(Number(text) * 1000);
  if (!/^\d*\.?\d+$/.test(text) || millis < 1) throw invalid(text, 'a number such as 0.5', 'un número como 0.5');
  return millis;
}

/** `512m`, `1g`: units of docker, by 1024. */
export function readSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)i?b?$/i.exec(text);
  const unit = ['b', 'k', 'm', 'g', 't'].indexOf((match?.[2] || 'b').toLowerCase());
  if (match === null) throw invalid(text, 'a size such as 256m or 1g', 'un tamaño como 256m o 1g');
  return Math.round(Number(match[1]) * 1024 ** unit);
}

/** @throws Fault cli.run-value for less than any program starts in */
function readMemory(text: string): number {
  const bytes = readSize(text);
  if (bytes < MEMORY_LEAST) throw invalid(text, 'at least 4m', 'al menos 4m');
  return bytes;
}

/** As the API takes it. */
const MEMORY_LEAST = 4 * 1024 ** 2;
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

function readName(text: string): string {
  if (!NAME.test(text))
    throw invalid(text, 'a name of small letters, digits and -', 'un nombre de minúsculas, cifras y -');
  return text;
}

/** As docker takes them, the last of a name counts. */
async function readUlimits(texts: readonly string[]): Promise<Record<string, Ulimit>> {
  if (texts.length === 0) return {};
  // What reads them comes along only where somebody says one: every command answers before anybody waits.
  const { parseUlimit, ULIMIT_NAMES } = await import('../../deploy/kubernetes/index.ts');
  return Object.fromEntries(
    texts.map((text) => {
      const read = parseUlimit(text);
      if (read !== null) return [read.name, read.limit];
      const names = ULIMIT_NAMES.join(', ');
      throw invalid(text, `NAME=SOFT[:HARD], -1: none, of ${names}`, `NOMBRE=BLANDO[:DURO], -1: ninguno, de ${names}`);
    }),
  );
}

function readCapability(text: string): string {
  return text.toUpperCase().replace(/^CAP_/, '');
}

/** Whether its processes may gain privileges: only when that is asked for. @throws Fault cli.run-flag */
function readSecurity(options: readonly string[]): boolean {
  let gains = false;
  for (const option of options) {
    const match = /^no-new-privileges(?:[=:](true|false))?$/.exec(option);
    if (match === null) {
      throw runFault('cli.run-flag', {
        flag: `--security-opt ${option}`,
        why: 'profiles are named in manifests, where policies judge them',
        porque: 'los perfiles se nombran en manifiestos, donde las políticas los juzgan',
        remedy: 'darsena explain pod.spec.containers.securityContext',
        salida: 'darsena explain pod.spec.containers.securityContext',
      });
    }
    gains = match[1] === 'false';
  }
  return gains;
}

function readVolume(text: string): { claim: string; path: string; readOnly: boolean } {
  const [claim = '', path = '', mode] = text.split(':');
  if (claim.startsWith('/') || claim.startsWith('.') || claim.startsWith('~')) {
    throw runFault('cli.run-flag', {
      flag: `--volume ${text}`,
      why: 'folders of a host are never mounted',
      porque: 'las carpetas de un host nunca se montan',
      remedy: 'a claim of the environment: -v CLAIM:/path; single files: darsena cp',
      salida: 'un volumen del entorno: -v CLAIM:/ruta; archivos sueltos: darsena cp',
    });
  }
  const isKnown = mode === undefined || mode === 'ro' || mode === 'rw';
  if (claim === '' || !path.startsWith('/') || !isKnown)
    throw invalid(text, 'CLAIM:/path or CLAIM:/path:ro', 'VOLUMEN:/ruta o VOLUMEN:/ruta:ro');
  return { claim, path, readOnly: mode === 'ro' };
}

/** Options of a mount (`/run:size=64m`) would be left out: they are refused instead. */
export function readTmpfs(text: string): string {
  if (!text.includes(':')) return text;
  throw runFault('cli.run-flag', {
    flag: `--tmpfs ${text}`,
    why: 'a folder in memory has no options; what is in it counts against --memory',
    porque: 'una carpeta en memoria no tiene opciones; lo que contiene cuenta en --memory',
    remedy: `--tmpfs ${text.split(':')[0]}`,
    salida: `--tmpfs ${text.split(':')[0]}`,
  });
}

function splitAt(text: string, separator: string, expected: string, esperado: string): [string, string] {
  const at = text.indexOf(separator);
  if (at < 1) throw invalid(text, expected, esperado);
  return [text.slice(0, at), text.slice(at + 1)];
}
