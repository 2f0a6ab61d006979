import type { Text } from '../../system/index.ts';
import { LABEL_NAME } from '../kubernetes/kinds/common.ts';
import { SAFE_SYSCTLS } from '../kubernetes/kinds/pod.ts';
import {
  BOOLEAN,
  choice,
  emulated,
  enforced,
  type Field,
  integer,
  list,
  object,
  refused,
  required,
  type Shape,
  TEXT,
  withRest,
} from '../kubernetes/schema.ts';
import { ULIMIT_NAMES } from '../ulimits.ts';

/**
 * Every field of the Compose Specification (the schema of August 2026) with its decision, in its long form: short forms are
 * written out before anything is judged, so that `8080:80` and `{published: 8080, target: 80}` mean the same.
 */

const ANY: Shape = { kind: 'anything' };
const words = (en: string, es: string): Text => ({ en, es });
const mapOf = (value: Shape, key = /^[^\0]{1,253}$/): Shape => ({
  kind: 'map',
  value,
  key,
  keyMeaning: words('a name', 'un nombre'),
});
const NOT_OF_THE_POD = refused(
  words(
    'it is no setting that Kubernetes takes for safe: of the host, or of what others feel',
    'no es un ajuste que Kubernetes considere seguro: es del host, o lo notan los demás',
  ),
);
const TEXTS = list(TEXT);
const VALUES = mapOf(ANY);

const HOST = words('it would open the host to the service', 'abriría el host al servicio');
const ALONE = words(
  'each replica is apart from all others here: host would open the host to it, service: and container: would join two of them',
  'aquí cada réplica está aparte de las demás: host le abriría el host; service: y container: unirían dos de ellas',
);
const OWN_NETWORK = words(
  'each replica has a network of its own here: host would open the host to it; for none, give it an internal network; for service:NAME, speak to NAME',
  'aquí cada réplica tiene su propia red: host le abriría el host; en vez de none, darle una red internal; en vez de service:NOMBRE, hablar con NOMBRE',
);
const LIMITS = words(
  'the host does not set it for one container; use deploy.resources.limits',
  'el host no lo fija para un contenedor; usar deploy.resources.limits',
);
const NO_DEVICES = words('devices of the host are not handed out', 'los dispositivos del host no se reparten');
const WINDOWS = words('it does not concern Linux containers', 'no concierne a contenedores Linux');
const ADDRESSES = words(
  'the platform gives addresses; services reach each other by name',
  'la plataforma asigna las direcciones; los servicios se alcanzan por su nombre',
);
const RECORDED = words('kept as annotations of the pods', 'se conserva como anotaciones de los pods');
const DEVELOPING = words(
  'for work on one’s own machine; a deploy runs what the image holds',
  'para trabajar en la propia máquina; un despliegue ejecuta lo que contiene la imagen',
);
const BUILD_LATER = words(
  'builds here are without network and without the host; write it into the Containerfile',
  'aquí las construcciones van sin red y sin el host; escribirlo en el Containerfile',
);
const ONE_HOST = words(
  'there is one host here, so there is nothing to choose',
  'aquí hay un solo host: no hay nada que elegir',
);
const DRIVERS = words(
  'volumes are local to the host and made by the platform',
  'los volúmenes son locales al host y los crea la plataforma',
);

const HOOK: Shape = object({
  command: required(ANY),
  user: refused(words('it runs as the user of the container', 'se ejecuta como el usuario del contenedor')),
  privileged: refused(HOST, false),
  working_dir: refused(words('it runs in the folder of the container', 'se ejecuta en la carpeta del contenedor')),
  environment: refused(words('it has the environment of the container', 'tiene el entorno del contenedor')),
});

const BUILD: Shape = object({
  context: required(TEXT),
  dockerfile: enforced(TEXT),
  dockerfile_inline: refused(
    words('write it into a file beside compose.yaml', 'escribirlo en un archivo junto a compose.yaml'),
  ),
  args: enforced(VALUES),
  target: enforced(TEXT),
  labels: refused(words('write LABEL into the Containerfile', 'escribir LABEL en el Containerfile')),
  tags: refused(words('a release names images by digest', 'una versión nombra las imágenes por su digest')),
  cache_from: emulated(
    TEXTS,
    words(
      'each project has a layer cache of its own on the host',
      'cada proyecto tiene su propia caché de capas en el host',
    ),
  ),
  cache_to: emulated(
    TEXTS,
    words(
      'each project has a layer cache of its own on the host',
      'cada proyecto tiene su propia caché de capas en el host',
    ),
  ),
  no_cache: refused(
    words('what a step reads is in the key of the cache', 'lo que lee un paso está en la clave de la caché'),
    false,
  ),
  pull: emulated(
    ANY,
    words(
      'a build takes base images from the platform’s own registry',
      'una construcción toma las imágenes base del propio registro',
    ),
  ),
  platforms: refused(
    words('images are built for the host that runs them', 'las imágenes se construyen para el host que las ejecuta'),
  ),
  additional_contexts: refused(BUILD_LATER),
  entitlements: refused(BUILD_LATER),
  extra_hosts: refused(BUILD_LATER),
  isolation: refused(WINDOWS, 'default'),
  network: refused(BUILD_LATER, 'none'),
  privileged: refused(HOST, false),
  secrets: refused(
    words(
      'who deploys gives them, and no file of the project: darsena deploy --secret id=ID,src=FILE',
      'los da quien despliega, y ningún archivo del proyecto: darsena deploy --secret id=ID,src=ARCHIVO',
    ),
  ),
  shm_size: refused(BUILD_LATER),
  ssh: refused(
    words(
      'a deploy gives no keys to builds; build it before with darsena build --ssh, and name the image',
      'un despliegue no da claves a las construcciones; construirla antes con darsena build --ssh y nombrar la imagen',
    ),
  ),
  ulimits: refused(BUILD_LATER),
});

const UPDATE: Shape = object({
  parallelism: enforced(integer(0, 1_000)),
  delay: emulated(
    TEXT,
    words(
      'a new replica must be ready for so long before the next one is replaced',
      'una réplica nueva debe estar lista ese tiempo antes de sustituir la siguiente',
    ),
  ),
  failure_action: enforced(
    choice(['rollback'], {
      pause: words('a roll-out that fails goes back by itself', 'un despliegue que falla vuelve atrás por sí solo'),
      continue: words('a roll-out that fails goes back by itself', 'un despliegue que falla vuelve atrás por sí solo'),
    }),
  ),
  monitor: emulated(
    TEXT,
    words(
      'readiness decides, and the progress deadline of ten minutes',
      'deciden la disponibilidad y el plazo de diez minutos',
    ),
  ),
  max_failure_ratio: refused(
    words('no failed replica takes the place of one that serves', 'ninguna réplica fallida sustituye a una que sirve'),
    0,
  ),
  order: enforced(choice(['start-first', 'stop-first'])),
});

const RESTART_POLICY: Shape = object({
  condition: emulated(
    choice(['any', 'on-failure'], {
      none: words('write kind: Job in a Kubernetes manifest', 'escribir kind: Job en un manifiesto de Kubernetes'),
    }),
    words(
      'what ends is started again, after a crash with growing waits',
      'lo que termina se reinicia, tras un fallo con esperas crecientes',
    ),
  ),
  delay: emulated(TEXT, words('at once, then after 10 s, 20 s … 5 min', 'enseguida, luego tras 10 s, 20 s … 5 min')),
  max_attempts: refused(
    words(
      'what crashes is tried again and said so in darsena ps',
      'lo que falla se vuelve a intentar y se dice en darsena ps',
    ),
  ),
  window: emulated(
    TEXT,
    words('a run of ten minutes forgets earlier crashes', 'diez minutos en marcha olvidan los fallos anteriores'),
  ),
});

const DEPLOY: Shape = object({
  mode: enforced(
    choice(['replicated', 'global'], {
      'replicated-job': words(
        'write kind: Job in a Kubernetes manifest',
        'escribir kind: Job en un manifiesto de Kubernetes',
      ),
      'global-job': words(
        'write kind: Job in a Kubernetes manifest',
        'escribir kind: Job en un manifiesto de Kubernetes',
      ),
    }),
  ),
  replicas: enforced(integer(0, 1_000)),
  endpoint_mode: emulated(
    choice(['vip', 'dnsrr']),
    words(
      'the name resolves to the addresses of the ready replicas',
      'el nombre lleva a las direcciones de las réplicas listas',
    ),
  ),
  labels: emulated(VALUES, RECORDED),
  update_config: enforced(UPDATE),
  rollback_config: emulated(
    ANY,
    words(
      'a roll-out that fails goes back to the release before it by itself',
      'un despliegue que falla vuelve por sí solo a la versión anterior',
    ),
  ),
  resources: enforced(
    object({
      limits: enforced(object({ cpus: enforced(ANY), memory: enforced(ANY), pids: refused(LIMITS) })),
      reservations: enforced(
        object({
          cpus: enforced(ANY),
          memory: enforced(ANY),
          generic_resources: refused(NO_DEVICES),
          devices: refused(NO_DEVICES),
        }),
      ),
    }),
  ),
  restart_policy: enforced(RESTART_POLICY),
  placement: object1({
    constraints: refused(ONE_HOST),
    preferences: refused(ONE_HOST),
    max_replicas_per_node: refused(ONE_HOST),
  }),
});

function object1(fields: Record<string, Field>): Field {
  return enforced(object(fields));
}

const CONTENT_USE: Shape = list(
  object({
    source: required(TEXT),
    target: enforced(TEXT),
    uid: refused(
      words(
        'files belong to root; every user may read them unless mode says otherwise',
        'los archivos son de root; cualquier usuario los lee salvo que mode diga otra cosa',
      ),
      '0',
      0,
    ),
    gid: refused(
      words(
        'files belong to root; every user may read them unless mode says otherwise',
        'los archivos son de root; cualquier usuario los lee salvo que mode diga otra cosa',
      ),
      '0',
      0,
    ),
    mode: enforced(integer(0, 0o777)),
  }),
);

const BIND = words(
  'a path of the host cannot be mounted. A file of the project: read_only: true, or a config (configs: with file:). Data: a named volume. Source code: COPY it into the image',
  'una ruta del host no se puede montar. Un archivo del proyecto: read_only: true, o un config (configs: con file:). Datos: un volumen con nombre. Código: COPY en la imagen',
);

const VOLUME_USE: Shape = list(
  object({
    type: enforced(
      choice(['volume', 'tmpfs'], {
        bind: BIND,
        cluster: DRIVERS,
        npipe: WINDOWS,
        image: words(
          'copy what is needed into the image of the service',
          'copiar lo necesario en la imagen del servicio',
        ),
      }),
    ),
    source: enforced(TEXT),
    target: required(TEXT),
    read_only: enforced(BOOLEAN),
    consistency: emulated(TEXT, words('a volume here is always consistent', 'aquí un volumen siempre es consistente')),
    bind: refused(BIND),
    volume: enforced(
      object({
        nocopy: emulated(
          BOOLEAN,
          words(
            'a new volume is filled from the image only by the engine’s own rule',
            'un volumen nuevo solo se llena desde la imagen según la regla del motor',
          ),
        ),
        subpath: enforced(TEXT),
        labels: emulated(VALUES, RECORDED),
      }),
    ),
    tmpfs: enforced(
      object({
        size: enforced(ANY),
        mode: refused(words('it belongs to the user of the service', 'pertenece al usuario del servicio')),
      }),
    ),
    image: refused(
      words('copy what is needed into the image of the service', 'copiar lo necesario en la imagen del servicio'),
    ),
  }),
);

const HEALTH: Shape = object({
  test: enforced(ANY),
  disable: enforced(BOOLEAN),
  interval: enforced(TEXT),
  timeout: enforced(TEXT),
  retries: enforced(integer(1, 1_000)),
  start_period: emulated(
    TEXT,
    words(
      'a replica gets no traffic until it is ready, however long that takes',
      'una réplica no recibe tráfico hasta estar lista, tarde lo que tarde',
    ),
  ),
  start_interval: emulated(
    TEXT,
    words('asked at interval from the start', 'se pregunta cada interval desde el principio'),
  ),
});

const SERVICE: Shape = object({
  annotations: emulated(VALUES, RECORDED),
  attach: emulated(
    ANY,
    words('darsena logs shows what a service writes', 'darsena logs muestra lo que escribe un servicio'),
  ),
  blkio_config: refused(LIMITS),
  build: emulated(
    BUILD,
    words('built, scanned and signed before the release', 'se construye, examina y firma antes de la versión'),
  ),
  cap_add: enforced(TEXTS),
  cap_drop: enforced(TEXTS),
  cgroup: refused(HOST, 'private'),
  cgroup_parent: refused(HOST),
  command: enforced(TEXTS),
  configs: enforced(CONTENT_USE),
  container_name: emulated(
    TEXT,
    words(
      'replicas have names of their own; other services reach it by this name as well',
      'las réplicas tienen nombres propios; otros servicios lo alcanzan también por este nombre',
    ),
  ),
  cpu_count: refused(WINDOWS),
  cpu_percent: refused(WINDOWS),
  cpu_shares: refused(LIMITS),
  cpu_quota: refused(LIMITS),
  cpu_period: refused(LIMITS),
  cpu_rt_period: refused(LIMITS),
  cpu_rt_runtime: refused(LIMITS),
  cpus: enforced(ANY),
  cpuset: refused(LIMITS),
  credential_spec: refused(WINDOWS),
  depends_on: enforced(
    mapOf(
      object({
        condition: emulated(
          choice(['service_started', 'service_healthy', 'service_completed_successfully']),
          words(
            'started and healthy: all start together, a name resolves to ready replicas only, and who is too early is started again; completed: it runs as an init container of whoever waits for it',
            'iniciado y sano: todos arrancan a la vez, un nombre lleva solo a réplicas listas, y quien llega pronto se reinicia; completado: se ejecuta como contenedor de inicio de quien lo espera',
          ),
        ),
        required: enforced(BOOLEAN),
        restart: refused(
          words(
            'replicas are restarted for their own reasons only',
            'las réplicas se reinician solo por motivos propios',
          ),
          false,
        ),
      }),
    ),
  ),
  deploy: enforced(DEPLOY),
  develop: emulated(ANY, DEVELOPING),
  device_cgroup_rules: refused(NO_DEVICES),
  devices: refused(NO_DEVICES),
  dns: enforced(TEXTS),
  dns_opt: enforced(TEXTS),
  dns_search: enforced(TEXTS),
  domainname: refused(
    words('names are below the environment of the project', 'los nombres están bajo el entorno del proyecto'),
  ),
  entrypoint: enforced(TEXTS),
  env_file: emulated(
    list(object({ path: required(TEXT), required: enforced(BOOLEAN), format: enforced(choice(['raw'])) })),
    words(
      'read when it is deployed; its values become variables of the service',
      'se lee al desplegar; sus valores pasan a variables del servicio',
    ),
  ),
  environment: enforced(VALUES),
  expose: enforced(list(ANY)),
  extends: emulated(ANY, words('written out before it is deployed', 'se desarrolla antes de desplegar')),
  external_links: refused(
    words(
      'reach services of other projects by their published names',
      'alcanzar servicios de otros proyectos por sus nombres publicados',
    ),
  ),
  extra_hosts: enforced(mapOf(ANY)),
  gpus: refused(NO_DEVICES),
  group_add: enforced(list(integer(0, 2 ** 31 - 1))),
  healthcheck: emulated(
    HEALTH,
    words(
      'the readiness of a replica: it decides about traffic and roll-outs',
      'la disponibilidad de una réplica: decide sobre tráfico y despliegues',
    ),
  ),
  hostname: enforced(LABEL_NAME),
  image: emulated(
    TEXT,
    words(
      'pinned by digest; an image of another registry is looked for below the project, as PROJECT/NAME:TAG',
      'se fija por digest; una imagen de otro registro se busca bajo el proyecto, como PROYECTO/NOMBRE:ETIQUETA',
    ),
  ),
  init: emulated(
    BOOLEAN,
    words('the pod’s own first process reaps what is left', 'el primer proceso del propio pod recoge lo que queda'),
  ),
  ipc: refused(ALONE, 'private', 'shareable', 'none'),
  isolation: refused(WINDOWS, 'default'),
  label_file: emulated(TEXTS, RECORDED),
  labels: emulated(VALUES, RECORDED),
  links: emulated(
    TEXTS,
    words(
      'services of a project reach each other by name; an alias is one more name',
      'los servicios de un proyecto se alcanzan por su nombre; un alias es un nombre más',
    ),
  ),
  logging: emulated(
    ANY,
    words(
      'the last 10 MiB of each container are kept on the host; darsena logs shows them',
      'se guardan en el host los últimos 10 MiB de cada contenedor; darsena logs los muestra',
    ),
  ),
  mac_address: refused(ADDRESSES),
  mem_limit: enforced(ANY),
  mem_reservation: enforced(ANY),
  mem_swappiness: refused(LIMITS),
  memswap_limit: refused(LIMITS),
  models: refused(words('language models are not run by the platform', 'la plataforma no ejecuta modelos de lenguaje')),
  network_mode: refused(OWN_NETWORK, 'bridge', 'default'),
  networks: emulated(
    mapOf(
      object({
        aliases: enforced(TEXTS),
        interface_name: refused(ADDRESSES),
        ipv4_address: refused(ADDRESSES),
        ipv6_address: refused(ADDRESSES),
        link_local_ips: refused(ADDRESSES),
        mac_address: refused(ADDRESSES),
        driver_opts: refused(ADDRESSES),
        priority: emulated(ANY, words('a pod has one interface', 'un pod tiene una sola interfaz')),
        gw_priority: emulated(ANY, words('a pod has one interface', 'un pod tiene una sola interfaz')),
      }),
    ),
    words(
      'one network an environment; who shares none of these is kept apart by a NetworkPolicy',
      'una red por entorno; quien no comparte ninguna de estas queda separado por una NetworkPolicy',
    ),
  ),
  oom_kill_disable: refused(HOST, false),
  oom_score_adj: refused(HOST),
  pid: refused(ALONE),
  pids_limit: refused(LIMITS),
  platform: emulated(TEXT, words('an image is for the host that runs it', 'una imagen es para el host que la ejecuta')),
  ports: emulated(
    list(
      object({
        target: required(integer(1, 65_535)),
        published: emulated(
          ANY,
          words(
            'the first HTTP port is published under the service’s own name by HTTPS; others are reached inside the project, or with darsena port-forward',
            'el primer puerto HTTP se publica con el nombre del servicio por HTTPS; los demás se alcanzan dentro del proyecto, o con darsena port-forward',
          ),
        ),
        protocol: enforced(choice(['tcp', 'udp'])),
        host_ip: emulated(
          TEXT,
          words(
            'who reaches published services is decided by darsena up --listen',
            'quién alcanza los servicios publicados lo decide darsena up --listen',
          ),
        ),
        mode: emulated(choice(['ingress', 'host']), words('published by the edge', 'lo publica el borde')),
        name: enforced(TEXT),
        app_protocol: enforced(TEXT),
      }),
    ),
    words(
      'published by the edge instead of by a port of the host',
      'los publica el borde en vez de un puerto del host',
    ),
  ),
  post_start: enforced(list(HOOK)),
  pre_stop: enforced(list(HOOK)),
  privileged: refused(
    words(
      'it would be root of the host; give what is needed with cap_add',
      'sería root del host; dar lo necesario con cap_add',
    ),
    false,
  ),
  profiles: enforced(TEXTS),
  provider: refused(
    words(
      'what runs outside of containers is not started here',
      'lo que corre fuera de contenedores no se inicia aquí',
    ),
  ),
  pull_policy: emulated(
    TEXT,
    words('images are pinned by digest when it is deployed', 'las imágenes se fijan por digest al desplegar'),
  ),
  pull_refresh_after: emulated(
    TEXT,
    words('images are pinned by digest when it is deployed', 'las imágenes se fijan por digest al desplegar'),
  ),
  read_only: enforced(BOOLEAN),
  restart: emulated(
    {
      kind: 'text',
      pattern: /^(?:no|always|unless-stopped|on-failure(?::\d+)?)$/,
      meaning: words('no, always, on-failure or unless-stopped', 'no, always, on-failure o unless-stopped'),
    },
    words(
      'what ends is started again, after a crash with growing waits',
      'lo que termina se reinicia, tras un fallo con esperas crecientes',
    ),
  ),
  runtime: refused(words('the run-time of the host is used', 'se usa el entorno de ejecución del host'), 'runc'),
  scale: enforced(integer(0, 1_000)),
  secrets: enforced(CONTENT_USE),
  security_opt: enforced(TEXTS),
  shm_size: emulated(
    ANY,
    words('a file system in memory at /dev/shm', 'un sistema de archivos en memoria en /dev/shm'),
  ),
  stdin_open: enforced(BOOLEAN),
  stop_grace_period: enforced(TEXT),
  stop_signal: enforced(TEXT),
  storage_opt: refused(LIMITS),
  sysctls: enforced(withRest(NOT_OF_THE_POD, Object.fromEntries(SAFE_SYSCTLS.map((name) => [name, enforced(ANY)])))),
  tmpfs: emulated(TEXTS, words('a file system in memory', 'un sistema de archivos en memoria')),
  tty: enforced(BOOLEAN),
  ulimits: emulated(
    withRest(
      refused(words(`there are ${ULIMIT_NAMES.join(', ')}`, `existen ${ULIMIT_NAMES.join(', ')}`)),
      Object.fromEntries(ULIMIT_NAMES.map((name) => [name, enforced(ANY)])),
    ),
    words(
      'the annotation darsena/ulimits of the pod; a host refuses the start of what asks for more than it may give',
      'la anotación darsena/ulimits del pod; un host rechaza el arranque de lo que pide más de lo que puede dar',
    ),
  ),
  use_api_socket: refused(HOST, false),
  user: enforced({
    kind: 'text',
    pattern: /^\d{1,10}(?::\d{1,10})?$/,
    meaning: words(
      'numbers, as 1000 or 1000:1000 (in the image: id -u NAME)',
      'números, como 1000 o 1000:1000 (en la imagen: id -u NOMBRE)',
    ),
  }),
  userns_mode: refused(HOST),
  uts: refused(HOST),
  volumes: emulated(
    VOLUME_USE,
    words(
      'a claim of the project; what has no name ends with the pod',
      'una solicitud del proyecto; lo que no tiene nombre termina con el pod',
    ),
  ),
  volumes_from: refused(words('name the volume in both services', 'nombrar el volumen en ambos servicios')),
  working_dir: enforced(TEXT),
});

const NETWORK: Shape = object({
  name: emulated(TEXT, words('networks are named by the platform', 'la plataforma nombra las redes')),
  driver: emulated(
    choice(['bridge', 'default', 'overlay'], {
      host: HOST,
      none: words('leave networks out of the service', 'omitir networks en el servicio'),
    }),
    words('the network of the environment', 'la red del entorno'),
  ),
  driver_opts: refused(ADDRESSES),
  ipam: refused(ADDRESSES),
  external: emulated(
    BOOLEAN,
    words(
      'it is the network of the environment; other projects are reached by published names',
      'es la red del entorno; otros proyectos se alcanzan por nombres publicados',
    ),
  ),
  internal: emulated(BOOLEAN, words('a NetworkPolicy closes the way out', 'una NetworkPolicy cierra la salida')),
  attachable: emulated(
    BOOLEAN,
    words('darsena run joins the network of the environment', 'darsena run se une a la red del entorno'),
  ),
  enable_ipv4: refused(ADDRESSES, true),
  enable_ipv6: refused(ADDRESSES, false),
  labels: emulated(VALUES, RECORDED),
});

const VOLUME: Shape = object({
  name: emulated(
    TEXT,
    words(
      'volumes are named by project, environment and their key here',
      'los volúmenes se nombran por proyecto, entorno y su clave aquí',
    ),
  ),
  driver: refused(DRIVERS, 'local'),
  driver_opts: refused(DRIVERS),
  external: emulated(
    BOOLEAN,
    words(
      'the claim of that name is kept from release to release',
      'la solicitud de ese nombre se conserva de versión en versión',
    ),
  ),
  labels: emulated(VALUES, RECORDED),
});

const CONTENT = (more: Record<string, Field>): Shape =>
  object({
    name: emulated(TEXT, words('named by its key here', 'se nombra por su clave aquí')),
    file: enforced(TEXT),
    environment: enforced(TEXT),
    external: refused(
      words(
        'its value must stand in a file or in the environment of the deploy',
        'su valor debe estar en un archivo o en el entorno del despliegue',
      ),
      false,
    ),
    labels: emulated(VALUES, RECORDED),
    template_driver: refused(words('what it says is taken as it is', 'lo que dice se toma tal cual')),
    ...more,
  });

/** A whole Compose file, in its long form. */
export const COMPOSE: Shape = object({
  version: emulated(
    ANY,
    words('the specification has no versions any more', 'la especificación ya no tiene versiones'),
  ),
  name: emulated(TEXT, words('the name of the project', 'el nombre del proyecto')),
  include: emulated(
    ANY,
    words('read and written out before it is deployed', 'se lee y se desarrolla antes de desplegar'),
  ),
  services: required(mapOf(SERVICE, /^[a-zA-Z0-9._-]{1,63}$/)),
  networks: emulated(
    mapOf(NETWORK),
    words('one network an environment, parted by NetworkPolicies', 'una red por entorno, dividida por NetworkPolicies'),
  ),
  volumes: enforced(mapOf(VOLUME)),
  configs: enforced(mapOf(CONTENT({ content: enforced(TEXT) }))),
  secrets: enforced(
    mapOf(
      CONTENT({
        driver: refused(words('Secrets are sealed by the platform', 'la plataforma sella los Secret')),
        driver_opts: refused(words('Secrets are sealed by the platform', 'la plataforma sella los Secret')),
      }),
    ),
  ),
  models: refused(words('language models are not run by the platform', 'la plataforma no ejecuta modelos de lenguaje')),
});
