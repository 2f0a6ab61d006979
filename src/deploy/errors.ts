import { defineFaults } from '../system/index.ts';

export const deployFault = defineFaults({
  'deploy.host-taken': {
    kind: 'conflict',
    en: {
      what: 'the host {host} cannot be published',
      why: 'it belongs to another project: by its certificate, or because that one published it first',
      remedy: 'choose another host; an administrator sees who has it with `darsena route list`',
    },
    es: {
      what: 'el host {host} no se puede publicar',
      why: 'pertenece a otro proyecto: por su certificado o porque ese lo publicó antes',
      remedy: 'elegir otro host; un administrador ve quién lo tiene con `darsena route list`',
    },
  },
  'deploy.host-foreign': {
    kind: 'refused',
    en: {
      what: 'the host {host} cannot be published',
      why: 'names below {domain} carry their project, so that none can take those of another',
      remedy: 'leave the host out for the published name, use {expected}, or use a domain of your own',
    },
    es: {
      what: 'el host {host} no se puede publicar',
      why: 'los nombres bajo {domain} llevan su proyecto, para que ninguno tome los de otro',
      remedy: 'omitir el host para el nombre publicado, usar {expected} o un dominio propio',
    },
  },
  'deploy.port-taken': {
    kind: 'conflict',
    en: {
      what: 'port {port} of the service {service} cannot be opened at the edge',
      why: 'it belongs to {holder}',
      remedy:
        'choose another port (type NodePort with a nodePort of 30000 to 32767, or LoadBalancer with another port)',
    },
    es: {
      what: 'el puerto {port} del servicio {service} no se puede abrir en el borde',
      why: 'es de {quien}',
      remedy: 'elegir otro puerto (tipo NodePort con un nodePort de 30000 a 32767, o LoadBalancer con otro puerto)',
    },
  },
  'deploy.project-unknown': {
    kind: 'not-found',
    en: { what: 'there is no project {project}', remedy: 'darsena project list; the first darsena deploy makes one' },
    es: { what: 'no existe el proyecto {project}', remedy: 'darsena project list; lo crea el primer darsena deploy' },
  },
  'deploy.environment-alike': {
    kind: 'conflict',
    en: {
      what: 'the project {project} cannot have the environment {environment}',
      why: 'on the hosts it would be called {onHosts}, and an environment of another project is called so already',
      remedy: 'choose another name for it in darsena.yaml',
    },
    es: {
      what: 'el proyecto {project} no puede tener el entorno {environment}',
      why: 'en los hosts se llamaría {onHosts}, y un entorno de otro proyecto ya se llama así',
      remedy: 'elegir otro nombre en darsena.yaml',
    },
  },
  'deploy.environment-unsaid': {
    kind: 'invalid',
    en: { what: 'say which environment of {project} is meant', why: 'it has {known}', remedy: '--env ENVIRONMENT' },
    es: { what: 'decir qué entorno de {project} se quiere', why: 'tiene {known}', remedy: '--env ENTORNO' },
  },
  'deploy.environment-unknown': {
    kind: 'not-found',
    en: {
      what: '{project} has no environment {environment}',
      why: 'it has {known}',
      remedy: 'name one of these, or write {environment} into darsena.yaml under environments and deploy',
    },
    es: {
      what: '{project} no tiene el entorno {environment}',
      why: 'tiene {known}',
      remedy: 'nombrar uno de estos, o escribir {environment} en darsena.yaml bajo environments y desplegar',
    },
  },
  'deploy.folder-missing': {
    kind: 'invalid',
    en: { what: 'there is no folder {folder}', remedy: 'darsena deploy FOLDER' },
    es: { what: 'no existe la carpeta {folder}', remedy: 'darsena deploy CARPETA' },
  },
  'deploy.project-file-missing': {
    kind: 'invalid',
    en: {
      what: '{folder} is not a project',
      why: 'it has no darsena.yaml',
      remedy: 'see examples/tienda/darsena.yaml',
    },
    es: {
      what: '{folder} no es un proyecto',
      why: 'no tiene darsena.yaml',
      remedy: 'ver examples/tienda/darsena.yaml',
    },
  },
  'deploy.project-unnamed': {
    kind: 'invalid',
    en: {
      what: 'the manifests in {path} name no project',
      why: 'what is deployed belongs to one',
      remedy: 'darsena deploy {path} --project NAME, or a folder with a darsena.yaml that has the file under manifests',
    },
    es: {
      what: 'los manifiestos de {path} no nombran ningún proyecto',
      why: 'lo que se despliega pertenece a uno',
      remedy:
        'darsena deploy {path} --project NOMBRE, o una carpeta con un darsena.yaml que tenga el archivo en manifests',
    },
  },
  'deploy.input-empty': {
    kind: 'invalid',
    en: {
      what: 'nothing came on standard input',
      why: 'the command before it printed nothing',
      remedy: 'look at that command by itself; then helm template CHART | darsena deploy - --project NAME',
    },
    es: {
      what: 'no llegó nada por la entrada estándar',
      why: 'la orden anterior no imprimió nada',
      remedy: 'ver esa orden por sí sola; después helm template CHART | darsena deploy - --project NOMBRE',
    },
  },
  'deploy.input-encoding': {
    kind: 'invalid',
    en: {
      what: 'what came on standard input is neither an archive nor manifests',
      why: 'its letters are not UTF-8',
      remedy: 'send a tar (plain, gzip or zstd), or manifests in UTF-8',
    },
    es: {
      what: 'lo que llegó por la entrada estándar no es un archivo tar ni manifiestos',
      why: 'sus letras no son UTF-8',
      remedy: 'enviar un tar (sin comprimir, gzip o zstd) o manifiestos en UTF-8',
    },
  },
  'deploy.input-too-large': {
    kind: 'too-large',
    en: {
      what: '{path} is too large',
      why: 'more than {limit} bytes of text',
      remedy: 'put the manifests into several files of a folder with a darsena.yaml',
    },
    es: {
      what: '{path} es demasiado grande',
      why: 'más de {limit} bytes de texto',
      remedy: 'repartir los manifiestos en varios archivos de una carpeta con un darsena.yaml',
    },
  },
  'deploy.project-mismatch': {
    kind: 'invalid',
    en: { what: 'the source does not belong to {project}', why: 'its darsena.yaml says {written}' },
    es: { what: 'el código fuente no es de {project}', why: 'su darsena.yaml dice {written}' },
  },
  'deploy.source-broken': {
    kind: 'invalid',
    en: { what: 'the source bundle cannot be read', why: '{why}' },
    es: { what: 'no se puede leer el paquete de código fuente', why: '{why}' },
  },
  'deploy.source-too-large': {
    kind: 'too-large',
    en: {
      what: 'the source bundle is too large',
      why: 'more than {limit}',
      remedy: 'leave files out with .containerignore',
    },
    es: {
      what: 'el paquete de código fuente es demasiado grande',
      why: 'más de {limit}',
      remedy: 'excluir archivos con .containerignore',
    },
  },
  'deploy.file-too-large': {
    kind: 'too-large',
    en: {
      what: '{path} is too large to be read',
      why: 'it has {bytes} bytes, and at most {limit} are read of darsena.yaml and of each manifest',
      remedy: 'split it, or keep its data in a volume',
    },
    es: {
      what: '{path} es demasiado grande para leerlo',
      why: 'tiene {bytes} bytes, y de darsena.yaml y de cada manifiesto se leen {limit} como máximo',
      remedy: 'dividirlo, o guardar sus datos en un volumen',
    },
  },
  'deploy.file-unreadable': {
    kind: 'invalid',
    en: { what: '{path} cannot be read', why: '{why}' },
    es: { what: '{path} no se puede leer', why: '{why}' },
  },
  'deploy.base-missing': {
    kind: 'needs',
    en: { what: 'the base image {name} is not there', remedy: 'darsena base create {release}{include} --name {name}' },
    es: { what: 'falta la imagen base {name}', remedy: 'darsena base create {release}{include} --name {name}' },
  },
  'deploy.manifests-missing': {
    kind: 'invalid',
    en: { what: 'the source has no Kubernetes YAML', why: 'darsena.yaml names {paths} and nothing was found there' },
    es: {
      what: 'el código fuente no tiene YAML de Kubernetes',
      why: 'darsena.yaml nombra {paths} y ahí no se encontró nada',
    },
  },
  'deploy.image-unknown': {
    kind: 'invalid',
    en: {
      what: 'there is no image {image} to deploy',
      why: 'images are those of darsena.yaml, and in the registry of the platform those of the same project and below base/',
      remedy:
        'build it (images: of darsena.yaml), bring it in with darsena mirror create, darsena image import or a push, and name it PROJECT/NAME; what there is: darsena image list',
    },
    es: {
      what: 'no hay imagen {image} que desplegar',
      why: 'las imágenes son las de darsena.yaml y, en el registro de la plataforma, las del mismo proyecto y las de base/',
      remedy:
        'construirla (images: de darsena.yaml), traerla con darsena mirror create, darsena image import o un push, y nombrarla PROYECTO/NOMBRE; lo que hay: darsena image list',
    },
  },
  'deploy.refused': {
    kind: 'refused',
    en: { what: '{project} was refused for {environment}', why: '{reasons}', remedy: '{remedy}' },
    es: { what: '{project} fue rechazado para {environment}', why: '{reasons}', remedy: '{remedy}' },
  },
  'deploy.rolled-back': {
    kind: 'unavailable',
    en: {
      what: 'release {number} of {project} in {environment} did not become healthy',
      why: '{why}; the version before serves again',
      remedy: 'darsena ps {project} --env {environment}',
    },
    es: {
      what: 'la versión {number} de {project} en {environment} no llegó a estar sana',
      why: '{porque}; vuelve a servir la versión anterior',
      remedy: 'darsena ps {project} --env {environment}',
    },
  },
  'deploy.not-available': {
    kind: 'unavailable',
    en: {
      what: 'release {number} of {project} in {environment} is not available',
      why: '{why}',
      remedy: 'darsena ps {project} --env {environment}',
    },
    es: {
      what: 'la versión {number} de {project} en {environment} no está disponible',
      why: '{porque}',
      remedy: 'darsena ps {project} --env {environment}',
    },
  },
  'deploy.superseded': {
    kind: 'conflict',
    en: { what: 'release {number} of {project} in {environment} was overtaken', why: 'a newer release took its place' },
    es: {
      what: 'la versión {number} de {project} en {environment} fue reemplazada',
      why: 'una versión más nueva tomó su lugar',
    },
  },
  'deploy.nothing-to-promote': {
    kind: 'conflict',
    en: {
      what: 'there is nothing to promote',
      why: '{project} has no available release in {environment}',
      remedy: 'darsena deploy',
    },
    es: {
      what: 'no hay nada que promover',
      why: '{project} no tiene una versión disponible en {environment}',
      remedy: 'darsena deploy',
    },
  },
  'deploy.promotion-direction': {
    kind: 'invalid',
    en: {
      what: '{project} cannot be promoted to {environment}',
      why: 'nothing stands before it: it is the first environment, or the one promoted from',
      remedy: 'darsena deploy',
    },
    es: {
      what: '{project} no se puede promover a {environment}',
      why: 'no hay nada antes: es el primer entorno, o el mismo desde el que se promueve',
      remedy: 'darsena deploy',
    },
  },
  'deploy.promotion-unknown': {
    kind: 'not-found',
    en: { what: 'there is no promotion {id} in {project}', remedy: 'darsena promotion list {project}' },
    es: { what: 'no existe la promoción {id} en {project}', remedy: 'darsena promotion list {project}' },
  },
  'deploy.promotion-decided': {
    kind: 'conflict',
    en: { what: 'the promotion {id} is no longer open', why: 'it is {state}' },
    es: { what: 'la promoción {id} ya no está abierta', why: 'su estado es {state}' },
  },
  'deploy.same-person': {
    kind: 'forbidden',
    en: {
      what: '{name} cannot approve this promotion',
      why: 'who wrote or asked for a release does not approve it',
      remedy: 'another person with the role approver: darsena promotion approve {project} {id}',
    },
    es: {
      what: '{name} no puede aprobar esta promoción',
      why: 'quien escribió o pidió una versión no la aprueba',
      remedy: 'otra persona con el rol approver: darsena promotion approve {project} {id}',
    },
  },
  'deploy.policy-not-waiting': {
    kind: 'not-found',
    en: {
      what: 'no change of the policy of {project}/{environment} waits',
      why: 'nobody asked for one, or somebody decided it, or another one took its place',
      remedy: 'darsena env show {project}/{environment}',
    },
    es: {
      what: 'no espera ningún cambio de la política de {project}/{environment}',
      why: 'nadie lo pidió, o alguien lo decidió, u otro ocupó su lugar',
      remedy: 'darsena env show {project}/{environment}',
    },
  },
  'deploy.policy-own': {
    kind: 'forbidden',
    en: {
      what: '{name} cannot approve this change of the policy of {project}/{environment}',
      why: 'who asks for it does not approve it',
      remedy: 'another person with the role approver: darsena env approve {project}/{environment}',
    },
    es: {
      what: '{name} no puede aprobar este cambio de la política de {project}/{environment}',
      why: 'quien lo pide no lo aprueba',
      remedy: 'otra persona con el rol approver: darsena env approve {project}/{environment}',
    },
  },
  'deploy.policy-of-file': {
    kind: 'invalid',
    en: {
      what: 'the policy of {project}/{environment} cannot be left to darsena.yaml',
      why: 'it is production: who writes the project file does not choose what guards it',
      remedy: 'darsena env set {project}/{environment} --policy NAME',
    },
    es: {
      what: 'la política de {project}/{environment} no se puede dejar a darsena.yaml',
      why: 'es producción: quien escribe el archivo de proyecto no elige lo que la protege',
      remedy: 'darsena env set {project}/{environment} --policy NOMBRE',
    },
  },
  'deploy.policy-choice': {
    kind: 'invalid',
    en: {
      what: 'the policy of {place} is not changed',
      why: 'one of --policy NAME and --from-file is expected',
      remedy: 'darsena policy list',
    },
    es: {
      what: 'la política de {place} no se cambia',
      why: 'se espera una de --policy NOMBRE y --from-file',
      remedy: 'darsena policy list',
    },
  },
  'deploy.place-invalid': {
    kind: 'invalid',
    en: { what: '{place} is not a place', why: 'expected PROJECT/ENVIRONMENT', remedy: 'darsena project list' },
    es: { what: '{place} no es un lugar', why: 'se esperaba PROYECTO/ENTORNO', remedy: 'darsena project list' },
  },
  'deploy.promotion-needed': {
    kind: 'forbidden',
    en: {
      what: '{environment} takes no direct deploys',
      why: 'what runs there was promoted and approved',
      remedy: 'darsena promote {project} --to {environment}',
    },
    es: {
      what: '{environment} no admite despliegues directos',
      why: 'lo que funciona ahí fue promovido y aprobado',
      remedy: 'darsena promote {project} --to {environment}',
    },
  },
  'deploy.side-unknown': {
    kind: 'not-found',
    en: {
      what: '{project} has no release to compare at {side}',
      remedy: 'see its releases: darsena release list {project}',
    },
    es: {
      what: '{project} no tiene una versión que comparar en {side}',
      remedy: 'ver sus versiones: darsena release list {project}',
    },
  },
  'deploy.release-first': {
    kind: 'not-found',
    en: {
      what: '{project} has no release before this one in {environment} to return to',
      remedy: 'darsena rollback {project} --env {environment} --list',
    },
    es: {
      what: '{project} no tiene en {environment} una versión anterior a esta a la que revertir',
      remedy: 'darsena rollback {project} --env {environment} --list',
    },
  },
  'deploy.release-unknown': {
    kind: 'not-found',
    en: {
      what: '{project} has no release {number} in {environment} to return to',
      remedy: 'darsena rollback {project} --env {environment} --list',
    },
    es: {
      what: '{project} no tiene en {environment} una versión {number} a la que revertir',
      remedy: 'darsena rollback {project} --env {environment} --list',
    },
  },
  'deploy.workload-unknown': {
    kind: 'not-found',
    en: {
      what: 'there is no workload {name}',
      why: 'the workloads of {project} in {environment}: {known}',
      remedy: 'darsena ps {project}',
    },
    es: {
      what: 'no existe la carga de trabajo {name}',
      why: 'las cargas de trabajo de {project} en {environment}: {known}',
      remedy: 'darsena ps {project}',
    },
  },
  'deploy.replica-unknown': {
    kind: 'not-found',
    en: {
      what: '{name} has no replica {replica}',
      why: 'its replicas in {environment}: {known}',
      remedy: 'darsena ps {project} -o wide',
    },
    es: {
      what: '{name} no tiene ninguna réplica {replica}',
      why: 'sus réplicas en {environment}: {known}',
      remedy: 'darsena ps {project} -o wide',
    },
  },
  'deploy.replica-missing': {
    kind: 'unavailable',
    en: { what: '{name} has no running container{container}', remedy: 'darsena ps {project}' },
    es: { what: '{name} no tiene en marcha ningún contenedor{container}', remedy: 'darsena ps {project}' },
  },
  'deploy.not-started': {
    kind: 'unavailable',
    en: { what: '{name} did not start', why: '{why}', remedy: 'darsena ps' },
    es: { what: '{name} no arrancó', why: '{porque}', remedy: 'darsena ps' },
  },
  'deploy.quota-unnamed': {
    kind: 'invalid',
    en: {
      what: 'no limit is named',
      why: 'limits are set anew, so those that there are would go',
      remedy: 'name one, such as --cpu 4; to take all away: darsena quota clear {project}',
    },
    es: {
      what: 'no se nombra ningún límite',
      why: 'los límites se fijan de nuevo, así que los que hay desaparecerían',
      remedy: 'nombrar uno, como --cpu 4; para quitarlos todos: darsena quota clear {project}',
    },
  },
  'deploy.name-invalid': {
    kind: 'invalid',
    en: { what: '"{name}" is not understood', why: 'expected {expected}' },
    es: { what: 'no se entiende "{name}"', why: 'se esperaba {expected}' },
  },
  'deploy.host-maintenance': {
    kind: 'unavailable',
    en: {
      what: 'the host is in maintenance, so nothing new is started',
      why: 'since {since}, by {by}: {reason}',
      remedy: 'darsena host uncordon',
    },
    es: {
      what: 'el host está en mantenimiento, así que no se inicia nada nuevo',
      why: 'desde {since}, por {by}: {reason}',
      remedy: 'darsena host uncordon',
    },
  },
  'deploy.no-canary': {
    kind: 'conflict',
    en: {
      what: 'no release of {project} is being tried out in {environment}',
      remedy: 'darsena deploy FOLDER --canary 10%',
    },
    es: {
      what: 'ninguna versión de {project} está en prueba en {environment}',
      remedy: 'darsena deploy CARPETA --canary 10%',
    },
  },
  'deploy.canary-not-ready': {
    kind: 'conflict',
    en: {
      what: 'release {number} of {project} in {environment} is not ready to be promoted',
      why: 'its pods under trial are not all ready',
      remedy: 'darsena ps {project} --env {environment}',
    },
    es: {
      what: 'la versión {number} de {project} en {environment} no está lista para promoverse',
      why: 'no todos sus pods en prueba están listos',
      remedy: 'darsena ps {project} --env {environment}',
    },
  },
  'deploy.canary-impossible': {
    kind: 'invalid',
    en: {
      what: 'this release cannot be tried out beside the one before',
      why: '{why}',
      remedy: 'deploy it without --canary',
    },
    es: {
      what: 'esta versión no puede probarse junto a la anterior',
      why: '{porque}',
      remedy: 'desplegarla sin --canary',
    },
  },
  'deploy.runtime-nowhere': {
    kind: 'refused',
    en: {
      what: 'no host runs {workload} with {runtime}',
      why: '{why}',
      remedy: 'install it on a host, or leave runtimeClassName out; what there is: darsena host runtimes',
    },
    es: {
      what: 'ningún host ejecuta {workload} con {runtime}',
      why: '{porque}',
      remedy: 'instalarlo en un host, u omitir runtimeClassName; lo que hay: darsena host runtimes',
    },
  },
  'deploy.quota-exceeded': {
    kind: 'refused',
    en: {
      what: '{place} may not use so much',
      why: '{why}',
      remedy: 'ask for less, or have an administrator raise it: darsena quota set {project}',
    },
    es: {
      what: '{place} no puede usar tanto',
      why: '{porque}',
      remedy: 'pedir menos, o que un administrador lo aumente: darsena quota set {project}',
    },
  },
  'deploy.drain-waits': {
    kind: 'needs',
    en: {
      what: '{count} pods are still on the host',
      why: '{why}',
      remedy: 'darsena host status; to stop them all the same: darsena host drain --disregard-budgets',
    },
    es: {
      what: 'quedan {count} pods en el host',
      why: '{porque}',
      remedy: 'darsena host status; para detenerlos de todos modos: darsena host drain --disregard-budgets',
    },
  },
  'deploy.run-exists': {
    kind: 'conflict',
    en: {
      what: '{project} already runs something called {name} in {environment}',
      remedy: 'choose another --name, or take it away: darsena rm {project}/{name}',
    },
    es: {
      what: '{project} ya ejecuta algo llamado {name} en {environment}',
      remedy: 'elegir otro --name, o quitarlo: darsena rm {project}/{name}',
    },
  },
  'deploy.runs-many': {
    kind: 'exhausted',
    en: {
      what: '{project} has {most} runs, and no more are kept',
      remedy: 'take those away that have ended: darsena rm {project}/NAME',
    },
    es: {
      what: '{project} tiene {most} ejecuciones, y no se guardan más',
      remedy: 'quitar las terminadas: darsena rm {project}/NOMBRE',
    },
  },
  'deploy.run-unknown': {
    kind: 'not-found',
    en: {
      what: '{project} has no run {name}',
      why: 'only what was started with darsena run can be stopped and removed so',
      remedy: 'darsena ps {project}; a workload of a release: darsena scale {project}/{name} --replicas 0',
    },
    es: {
      what: '{project} no tiene una ejecución {name}',
      why: 'así solo se detiene y se quita lo que se inició con darsena run',
      remedy: 'darsena ps {project}; una carga de una versión: darsena scale {project}/{name} --replicas 0',
    },
  },
  'deploy.run-unclear': {
    kind: 'invalid',
    en: { what: 'there is a run {name} in {known}', remedy: 'say which with --env' },
    es: { what: 'hay una ejecución {name} en {known}', remedy: 'indicar cuál con --env' },
  },
  'deploy.run-going': {
    kind: 'conflict',
    en: { what: '{name} is still running', remedy: 'darsena stop {name}, or darsena rm --force {name}' },
    es: { what: '{name} sigue en marcha', remedy: 'darsena stop {name}, o darsena rm --force {name}' },
  },
  'deploy.run-volume': {
    kind: 'invalid',
    en: {
      what: 'there is no volume {claim} here',
      why: 'the environment has {known}; folders of a host are never mounted',
      remedy: 'name a claim of the environment, or copy files: darsena cp',
    },
    es: {
      what: 'aquí no hay un volumen {claim}',
      why: 'el entorno tiene {known}; las carpetas de un host nunca se montan',
      remedy: 'nombrar un volumen del entorno, o copiar archivos: darsena cp',
    },
  },
  'deploy.run-guarded': {
    kind: 'refused',
    en: {
      what: '{image} may not be run in {environment}',
      why: 'what runs there is approved by another person first, and this image is in no release that is there',
      remedy: 'darsena promote {project} --to {environment}, or run it in another environment',
    },
    es: {
      what: '{image} no puede ejecutarse en {environment}',
      why: 'lo que corre ahí lo aprueba antes otra persona, y esta imagen no está en ninguna versión de ahí',
      remedy: 'darsena promote {project} --to {environment}, o ejecutarla en otro entorno',
    },
  },
  'deploy.change-impossible': {
    kind: 'invalid',
    en: { what: '{name} cannot be changed so', why: '{why}', remedy: '{remedy}' },
    es: { what: '{name} no se puede cambiar así', why: '{porque}', remedy: '{salida}' },
  },
  'deploy.trial-open': {
    kind: 'conflict',
    en: {
      what: 'release {number} of {project} in {environment} is under trial',
      why: 'what is changed now would take its place',
      remedy: 'darsena canary promote {project} --env {environment}, or abort',
    },
    es: {
      what: 'la versión {number} de {project} en {environment} está en prueba',
      why: 'lo que se cambie ahora ocuparía su lugar',
      remedy: 'darsena canary promote {project} --env {environment}, o abort',
    },
  },
});
