import { defineFaults } from '../system/index.ts';

export const hostFault = defineFaults({
  'host.facts-unreadable': {
    kind: 'invalid',
    en: {
      what: 'the facts in {name} cannot be read',
      why: '{why}',
      remedy: 'write them on the machine with: darsena kernel facts --json',
    },
    es: {
      what: 'los hechos de {name} no se pueden leer',
      why: '{why}',
      remedy: 'escribirlos en la máquina con: darsena kernel facts --json',
    },
  },
  'host.shield-feed': {
    kind: 'invalid',
    en: { what: 'the feed of the shield cannot be read', why: '{why}' },
    es: { what: 'la lista del escudo no se puede leer', why: '{why}' },
  },
  'host.shield-feed-untrusted': {
    kind: 'refused',
    en: {
      what: 'the feed of the shield is not believed',
      why: '{why}',
      remedy: 'sign it: darsena kernel shield feed push FILE --key KEY, and name that key in the trust policy',
    },
    es: {
      what: 'no se cree en la lista del escudo',
      why: '{porque}',
      remedy:
        'firmarla: darsena kernel shield feed push ARCHIVO --key CLAVE, y nombrar esa clave en la política de confianza',
    },
  },
  'host.shield-feed-old': {
    kind: 'refused',
    en: { what: 'an older feed of the shield is not taken', why: 'this one is {number}, and {held} is held' },
    es: { what: 'no se toma una lista del escudo más antigua', why: 'esta es la {number}, y se tiene la {held}' },
  },
  'host.profile-foreign': {
    kind: 'refused',
    en: {
      what: 'the container {container} cannot be narrowed',
      why: 'it runs 32-bit programs, or makes calls that are not in the table: they cannot be told apart',
    },
    es: {
      what: 'el contenedor {container} no se puede limitar',
      why: 'ejecuta programas de 32 bits, o hace llamadas que no están en la tabla: no se pueden distinguir',
    },
  },
  'host.profile-failed': {
    kind: 'refused',
    en: {
      what: 'the copy of {workload} that may nothing else did not work',
      why: '{why}',
      remedy: 'record it for longer while it does all that it does: darsena profile record, then try again',
    },
    es: {
      what: 'la copia de {workload} que no puede nada más no funcionó',
      why: '{porque}',
      remedy: 'grabarla más tiempo mientras hace todo lo que hace: darsena profile record, y probar de nuevo',
    },
  },
  'host.profile-unproven': {
    kind: 'refused',
    en: {
      what: 'the profile of {workload} is not applied',
      why: 'the container {container} with its image of now has none that passed in a copy',
      remedy: 'darsena profile try PROJECT/{workload}',
    },
    es: {
      what: 'el perfil de {workload} no se aplica',
      why: 'el contenedor {container}, con su imagen de ahora, no tiene ninguno que haya superado la prueba en una copia',
      remedy: 'darsena profile try PROYECTO/{workload}',
    },
  },
  'host.profile-unrecorded': {
    kind: 'needs',
    en: {
      what: 'nothing is known of what {workload} needs',
      why: 'no recording has seen all of its containers that run as root, with their images of now',
      remedy: 'darsena profile record PROJECT/{workload}',
    },
    es: {
      what: 'no se sabe qué necesita {workload}',
      why: 'ninguna grabación ha visto todos sus contenedores que se ejecutan como root, con sus imágenes de ahora',
      remedy: 'darsena profile record PROYECTO/{workload}',
    },
  },
  'host.root-none': {
    kind: 'invalid',
    en: { what: 'no container of {workload} runs as root' },
    es: { what: 'ningún contenedor de {workload} se ejecuta como root' },
  },
  'host.copy-failed': {
    kind: 'refused',
    en: { what: 'the copy {name} did not work', why: '{why}' },
    es: { what: 'la copia {name} no funcionó', why: '{porque}' },
  },
  'host.copy-impossible': {
    kind: 'invalid',
    en: { what: 'of {workload} there can be no copy', why: 'it runs to an end' },
    es: { what: 'de {workload} no puede haber una copia', why: 'se ejecuta hasta terminar' },
  },
  'host.kernel-unknown': {
    kind: 'invalid',
    en: { what: '"{value}" is no release of a kernel', remedy: 'give it as uname -r does: --kernel 6.1.55' },
    es: { what: '«{value}» no es una versión de núcleo', remedy: 'darla como uname -r: --kernel 6.1.55' },
  },
  'host.choice-unknown': {
    kind: 'invalid',
    en: { what: '"{value}" is not known here', why: 'expected one of: {choices}' },
    es: { what: '«{value}» no se conoce aquí', why: 'se espera uno de: {choices}' },
  },
  'host.exception-incomplete': {
    kind: 'invalid',
    en: {
      what: 'the check {id} cannot be accepted so',
      why: 'it needs a reason and a day to come',
      remedy: 'darsena bench --except ID --reason TEXT --until YYYY-MM-DD',
    },
    es: {
      what: 'la comprobación {id} no se puede aceptar así',
      why: 'hacen falta un motivo y un día futuro',
      remedy: 'darsena bench --except ID --reason TEXTO --until AAAA-MM-DD',
    },
  },
  'host.bench-none': {
    kind: 'not-found',
    en: { what: 'the host {host} has not been looked at yet', remedy: 'darsena bench --host {host} --look' },
    es: { what: 'el host {host} todavía no se ha comprobado', remedy: 'darsena bench --host {host} --look' },
  },
  'host.bench-unreadable': {
    kind: 'unavailable',
    en: { what: 'the answer of the host {host} cannot be read', why: '{why}' },
    es: { what: 'la respuesta del host {host} no se puede leer', why: '{why}' },
  },
  'host.bench-exception-unknown': {
    kind: 'not-found',
    en: { what: 'there is no exception {id} that holds', remedy: 'darsena bench --host HOST --json names them' },
    es: { what: 'no hay ninguna excepción {id} vigente', remedy: 'darsena bench --host HOST --json las nombra' },
  },
  'host.reboot-blind': {
    kind: 'needs',
    en: { what: 'the host {host} is not started again', why: 'it does not say which start of the machine this is' },
    es: { what: 'el host {host} no se reinicia', why: 'no dice en qué arranque de la máquina está' },
  },
  'host.reboot-drain': {
    kind: 'refused',
    en: {
      what: 'the host {host} is not started again',
      why: 'after {minutes} minutes these still run there: {pods}',
      remedy: 'see what waits: darsena host status',
    },
    es: {
      what: 'el host {host} no se reinicia',
      why: 'tras {minutes} minutos siguen allí: {pods}',
      remedy: 'ver qué espera: darsena host status',
    },
  },
  'host.node-unmanaged': {
    kind: 'refused',
    en: {
      what: 'the node {node} ({host}) is not emptied',
      why: 'nothing would start these pods again elsewhere: {pods}',
      remedy: 'delete them or give them a controller, then start again',
    },
    es: {
      what: 'el nodo {node} ({host}) no se vacía',
      why: 'nada volvería a arrancar estos pods en otro sitio: {pods}',
      remedy: 'eliminarlos o darles un controlador, y empezar de nuevo',
    },
  },
  'host.node-unready': {
    kind: 'unavailable',
    en: {
      what: 'the node {node} ({host}) is not given back to its cluster',
      why: 'it is not Ready after {minutes} minutes',
      remedy: 'see why: kubectl describe node {node}; then kubectl uncordon {node}',
    },
    es: {
      what: 'el nodo {node} ({host}) no se devuelve a su clúster',
      why: 'no está Ready tras {minutes} minutos',
      remedy: 'ver por qué: kubectl describe node {node}; después kubectl uncordon {node}',
    },
  },
  'host.cluster-silent': {
    kind: 'unavailable',
    en: {
      what: 'the cluster {cluster} does not answer as it should',
      why: '{why}',
      remedy: 'look at kubernetes in control.json: server, caFile, tokenFile',
    },
    es: {
      what: 'el clúster {cluster} no responde como debería',
      why: '{why}',
      remedy: 'revisar kubernetes en control.json: server, caFile, tokenFile',
    },
  },
  'host.cluster-refused': {
    kind: 'refused',
    en: {
      what: 'the cluster {cluster} refuses {path}',
      why: 'it answers {status}: {why}',
      remedy: 'the token needs: nodes get, list, patch; pods list; pods/eviction create',
    },
    es: {
      what: 'el clúster {cluster} rechaza {path}',
      why: 'responde {status}: {why}',
      remedy: 'el token necesita: nodes get, list, patch; pods list; pods/eviction create',
    },
  },
  'host.reboot-stays': {
    kind: 'unavailable',
    en: {
      what: 'the host {host} did not go down',
      why: '{minutes} minutes after it was told to start again it is still in the same start',
    },
    es: { what: 'el host {host} no se apagó', why: '{minutes} minutos después de la orden sigue en el mismo arranque' },
  },
  'host.reboot-left': {
    kind: 'conflict',
    en: {
      what: 'the host {host} was left as it is',
      why: 'the restart of the others was stopped before its turn, or it did not come back',
    },
    es: {
      what: 'el host {host} se dejó como está',
      why: 'el reinicio de los demás se detuvo antes de su turno, o no volvió',
    },
  },
  'host.reboot-kernel': {
    kind: 'refused',
    en: { what: 'the host {host} came back on another kernel', why: 'it runs {seen}, and {wanted} was expected' },
    es: { what: 'el host {host} volvió con otro núcleo', why: 'ejecuta {seen}, y se esperaba {wanted}' },
  },
  'host.reboot-nowhere': {
    kind: 'refused',
    en: {
      what: 'no host is to be started again',
      why: 'none of those named needs it',
      remedy: 'see darsena kernel plan; --all takes those that need none',
    },
    es: {
      what: 'no hay ningún host que reiniciar',
      why: 'ninguno de los nombrados lo necesita',
      remedy: 'ver darsena kernel plan; --all toma también los que no lo necesitan',
    },
  },
  'host.modules-none': {
    kind: 'needs',
    en: {
      what: 'this kernel has no modules on disk',
      why: 'there is no modules.dep for it',
      remedy: 'nothing was changed',
    },
    es: {
      what: 'este núcleo no tiene módulos en disco',
      why: 'no hay modules.dep para él',
      remedy: 'no se cambió nada',
    },
  },
  'host.modules-nowhere': {
    kind: 'not-found',
    en: { what: 'no host of the platform has a name like {hosts}', remedy: 'darsena kernel hosts' },
    es: { what: 'ningún host de la plataforma tiene un nombre como {hosts}', remedy: 'darsena kernel hosts' },
  },
  'host.patch-unusable': {
    kind: 'needs',
    en: { what: 'live patches cannot be brought in by {driver} here', why: '{why}' },
    es: { what: 'aquí no se pueden activar parches en vivo con {driver}', why: '{why}' },
  },
  'host.patch-unreadable': {
    kind: 'invalid',
    en: { what: 'the live patch {name} cannot be used', why: '{why}', remedy: 'nothing was changed' },
    es: { what: 'el parche en vivo {name} no se puede usar', why: '{why}', remedy: 'no se cambió nada' },
  },
  'host.patch-untrusted': {
    kind: 'refused',
    en: { what: 'the live patch {name} is not believed', why: '{why}', remedy: 'nothing was changed' },
    es: { what: 'no se confía en el parche en vivo {name}', why: '{why}', remedy: 'no se cambió nada' },
  },
  'host.patch-other-kernel': {
    kind: 'refused',
    en: {
      what: 'the live patch {name} is for another kernel',
      why: 'it is for the build {wanted}, and {seen} runs',
      remedy: 'nothing was changed; build it for this kernel: darsena kernel patch build',
    },
    es: {
      what: 'el parche en vivo {name} es para otro núcleo',
      why: 'es para la construcción {wanted}, y se ejecuta {seen}',
      remedy: 'no se cambió nada; construirlo para este núcleo: darsena kernel patch build',
    },
  },
  'host.patch-busy': {
    kind: 'conflict',
    en: {
      what: 'the live patch {name} has to wait',
      why: '{other} is still on its way into or out of the kernel',
      remedy: 'nothing was changed; try again when darsena kernel patch status shows it on or gone',
    },
    es: {
      what: 'el parche en vivo {name} tiene que esperar',
      why: '{other} todavía está entrando o saliendo del núcleo',
      remedy: 'no se cambió nada; probar cuando darsena kernel patch status lo muestre activo o retirado',
    },
  },
  'host.patch-refused': {
    kind: 'unavailable',
    en: { what: 'the live patch {name} was refused', why: '{why}', remedy: 'nothing of it is in force' },
    es: { what: 'el parche en vivo {name} fue rechazado', why: '{why}', remedy: 'nada de él está activo' },
  },
  'host.patch-stalled': {
    kind: 'unavailable',
    en: {
      what: 'the live patch {name} did not come to its end and was turned round',
      why: 'tasks that never left the code it changes: {blockers}',
      remedy: 'restart what holds it, and try again',
    },
    es: {
      what: 'el parche en vivo {name} no llegó a su fin y se revirtió',
      why: 'tareas que nunca salieron del código que cambia: {blockers}',
      remedy: 'reiniciar lo que lo retiene y probar de nuevo',
    },
  },
  'host.patch-test': {
    kind: 'unavailable',
    en: {
      what: 'the live patch {name} did not do what it should and was taken out',
      why: 'its test "{test}" looked at {file} and did not find what it expects',
      remedy: 'nothing of it is in force',
    },
    es: {
      what: 'el parche en vivo {name} no hizo lo que debía y se retiró',
      why: 'su prueba «{test}» miró {file} y no encontró lo que espera',
      remedy: 'nada de él está activo',
    },
  },
  'host.patch-unknown': {
    kind: 'not-found',
    en: {
      what: 'there is no live patch {name} in the registry',
      remedy: 'see which there are: darsena kernel patch list',
    },
    es: {
      what: 'no hay ningún parche en vivo {name} en el registro',
      remedy: 'ver cuáles hay: darsena kernel patch list',
    },
  },
  'host.patch-taken': {
    kind: 'conflict',
    en: {
      what: 'there is another live patch {name} already',
      why: 'hosts know patches by their names, and {digest} stands under this one',
      remedy: 'give the new one a name of its own, and let it supersede the other',
    },
    es: {
      what: 'ya hay otro parche en vivo {name}',
      why: 'los hosts conocen los parches por su nombre, y {digest} está bajo este',
      remedy: 'dar al nuevo un nombre propio y declarar que sustituye al otro',
    },
  },
  'host.rollout-nowhere': {
    kind: 'conflict',
    en: {
      what: 'there is no host for the live patch {patch}',
      why: 'no host that was named runs a kernel that it was made for without having it already',
      remedy: 'see where it fits: darsena kernel patch show {patch}',
    },
    es: {
      what: 'no hay ningún host para el parche en vivo {patch}',
      why: 'ningún host indicado ejecuta un núcleo para el que se hizo sin tenerlo ya',
      remedy: 'ver dónde sirve: darsena kernel patch show {patch}',
    },
  },
  'host.rollout-running': {
    kind: 'conflict',
    en: {
      what: 'another roll-out is not at its end',
      why: '{patch} is on its way to hosts; what goes wrong there could not be told from what this one does',
      remedy: 'wait for it, or stop it: darsena kernel rollout abort',
    },
    es: {
      what: 'otro despliegue no ha terminado',
      why: '{patch} está llegando a los hosts; sus fallos no se distinguirían de los de este',
      remedy: 'esperar o detenerlo: darsena kernel rollout abort',
    },
  },
  'host.rollout-unknown': {
    kind: 'not-found',
    en: { what: 'there is no roll-out {id}', remedy: 'see which there are: darsena kernel rollout list' },
    es: { what: 'no hay ningún despliegue {id}', remedy: 'ver cuáles hay: darsena kernel rollout list' },
  },
  'host.rollout-state': {
    kind: 'conflict',
    en: { what: 'the roll-out cannot do that now ({order})', why: 'it is {state}' },
    es: { what: 'el despliegue no puede hacer eso ahora ({order})', why: 'está {state}' },
  },
  'host.shield-unknown': {
    kind: 'not-found',
    en: {
      what: 'there is no shield against {id}',
      why: '{why}',
      remedy: 'see what there is: darsena kernel shield list',
    },
    es: { what: 'no hay escudo contra {id}', why: '{why}', remedy: 'ver qué hay: darsena kernel shield list' },
  },
  'host.shield-idle': {
    kind: 'conflict',
    en: { what: 'the shield {id} means nothing here', why: 'this kernel has neither the switch nor the modules' },
    es: { what: 'el escudo {id} no significa nada aquí', why: 'este núcleo no tiene ni el interruptor ni los módulos' },
  },
  'host.shield-refused': {
    kind: 'unavailable',
    en: { what: 'the shield {id} could not be set', why: '{why}', remedy: 'everything is as it was before' },
    es: { what: 'el escudo {id} no se pudo activar', why: '{why}', remedy: 'todo está como antes' },
  },
  'host.patch-build': {
    kind: 'invalid',
    en: { what: 'the live patch {name} cannot be built', why: '{why}' },
    es: { what: 'el parche en vivo {name} no se puede construir', why: '{why}' },
  },
  'host.unknown': {
    kind: 'not-found',
    en: { what: 'there are no facts of a host {host}', remedy: 'see which hosts there are: darsena kernel hosts' },
    es: { what: 'no hay hechos de un host {host}', remedy: 'ver qué hosts hay: darsena kernel hosts' },
  },
  'host.cve-unknown': {
    kind: 'not-found',
    en: {
      what: '{cve} is not in the kernel advisories',
      remedy: 'see how old they are: darsena advisories list',
    },
    es: {
      what: '{cve} no está en los avisos del núcleo',
      remedy: 'ver su antigüedad: darsena advisories list',
    },
  },
});
