import type { Text } from '../src/system/index.ts';

/** What each route does; test/docs.test.ts holds this list equal to the routes in src/. */
export const ROUTES: Readonly<Record<string, Text>> = {
  'GET /api/v1/access-log': {
    en: 'the last requests that came to the edge, without their queries (`after=CURSOR` for what came next)',
    es: 'las últimas peticiones que llegaron al borde, sin sus consultas (`after=CURSOR` para lo que llegó después)',
  },
  'GET /api/v1/activity': {
    en: 'what processes in containers do now, as server-sent events (`filter` in the language of rules; asks `workload.read` in the projects, and for command lines `workload.exec` or `incident.respond`)',
    es: 'qué hacen ahora los procesos de los contenedores, como eventos del servidor (`filter` en el lenguaje de las reglas; pide `workload.read` en los proyectos, y para las líneas de órdenes `workload.exec` o `incident.respond`)',
  },
  'GET /api/v1/activity/capture': {
    en: 'the same as a sealed recording for `darsena rules test` (`seconds`, `bytes`; needs the right to see command lines)',
    es: 'lo mismo como grabación sellada para `darsena rules test` (`seconds`, `bytes`; necesita el derecho a ver líneas de órdenes)',
  },
  'GET /api/v1/advisories': {
    en: 'sources in use, their records and age',
    es: 'fuentes en uso, sus registros y su antigüedad',
  },
  'POST /api/v1/advisories/import': {
    en: 'import one feed or archive, sent as the body',
    es: 'importar una fuente o un archivo, enviado como cuerpo',
  },
  'POST /api/v1/advisories/update': {
    en: 'fetch the configured feeds',
    es: 'descargar las fuentes configuradas',
  },
  'GET /api/v1/alerts': {
    en: 'alerts, newest first',
    es: 'alertas, las más recientes primero',
  },
  'GET /api/v1/archives': {
    en: 'images (`image=…`, repeatable) with what refers to them as one OCI archive (asks `image.pull` for each)',
    es: 'imágenes (`image=…`, repetible), con lo que se refiere a ellas, en un archivo OCI (pide `image.pull` para cada una)',
  },
  'POST /api/v1/archives': {
    en: 'put the images of an OCI archive into the registry (asks `image.push` for each); answers an operation',
    es: 'poner en el registro las imágenes de un archivo OCI (pide `image.push` para cada una); responde una operación',
  },
  'GET /api/v1/audit/facts': {
    en: 'the audit log: facts with their place in the chain',
    es: 'la auditoría: hechos con su lugar en la cadena',
  },
  'GET /api/v1/audit/verify': {
    en: 'check the hash chain and the signed checkpoints',
    es: 'comprobar la cadena de hashes y los puntos de control firmados',
  },
  'GET /api/v1/bases': {
    en: 'base images: owner, source, age, end of support, warnings',
    es: 'imágenes base: responsable, origen, antigüedad, fin del soporte, avisos',
  },
  'PUT /api/v1/bases': {
    en: 'put an image on the list of bases, or say who answers for it',
    es: 'poner una imagen en la lista de bases o decir quién responde de ella',
  },
  'DELETE /api/v1/bases': {
    en: 'take an image (`repository=…`) off the list; it stays',
    es: 'quitar una imagen (`repository=…`) de la lista; la imagen se queda',
  },
  'POST /api/v1/bases': {
    en: 'make a base image; answers an operation',
    es: 'crear una imagen base; responde una operación',
  },
  'GET /api/v1/certificates': {
    en: 'certificates that the edge serves beside the platform’s own, first to end first',
    es: 'certificados que el borde sirve además del de la plataforma, primero el que antes termina',
  },
  'POST /api/v1/certificates': {
    en: 'add a certificate of the institution (`chain` and `key` in PEM); one of the same names is replaced',
    es: 'añadir un certificado de la institución (`chain` y `key` en PEM); uno de los mismos nombres se sustituye',
  },
  'GET /api/v1/certificates/acme': {
    en: 'the ACME authority and the DNS server of its challenges; never a key',
    es: 'la autoridad ACME y el servidor DNS de sus pruebas; nunca una clave',
  },
  'PUT /api/v1/certificates/acme': {
    en: 'set the ACME authority and the DNS server (RFC 2136, TSIG) of its challenges',
    es: 'configurar la autoridad ACME y el servidor DNS (RFC 2136, TSIG) de sus pruebas',
  },
  'GET /api/v1/certificates/orders': {
    en: 'certificates that are ordered and renewed by ACME, with why one failed',
    es: 'certificados que se piden y renuevan por ACME, con el motivo de un fallo',
  },
  'POST /api/v1/certificates/orders': {
    en: 'order a certificate by ACME (`names`, `project`) and renew it from then on',
    es: 'pedir un certificado por ACME (`names`, `project`) y renovarlo en adelante',
  },
  'DELETE /api/v1/certificates/orders/:id': {
    en: 'renew a certificate no longer; it stays until its end',
    es: 'dejar de renovar un certificado; se queda hasta su fin',
  },
  'GET /api/v1/certificates/:id': {
    en: 'one certificate with its chain; never its key',
    es: 'un certificado con su cadena; nunca su clave',
  },
  'DELETE /api/v1/certificates/:id': {
    en: 'serve a certificate no longer; its key is forgotten',
    es: 'dejar de servir un certificado; su clave se olvida',
  },
  'GET /api/v1/edge/settings': {
    en: 'what holds for the whole edge: the balancers in front of it',
    es: 'lo que vale para todo el borde: los balanceadores que tiene delante',
  },
  'PUT /api/v1/edge/settings': {
    en: 'set the networks of balancers in front, whose PROXY protocol is believed',
    es: 'fijar las redes de los balanceadores de delante, a cuyo protocolo PROXY se cree',
  },
  'GET /api/v1/drills': {
    en: 'drills that were made, newest first, and when one is made each day',
    es: 'simulacros hechos, el más reciente primero, y cuándo se hace uno cada día',
  },
  'GET /api/v1/drills/:id': {
    en: 'a drill, rule by rule: seen or not, and how soon',
    es: 'un simulacro, regla por regla: vista o no, y en cuánto tiempo',
  },
  'POST /api/v1/drills': {
    en: 'perform harmless attacks that every shipped rule must see; answers an operation (asks `incident.respond` on all projects)',
    es: 'realizar ataques inofensivos que toda regla de la plataforma debe ver; responde una operación (pide `incident.respond` en todos los proyectos)',
  },
  'PUT /api/v1/drills/plan': {
    en: 'when a drill is made each day (`at`: HH:MM in UTC, or null)',
    es: 'cuándo se hace un simulacro cada día (`at`: HH:MM en UTC, o null)',
  },
  'GET /api/v1/evidence': {
    en: 'evidence that was taken, newest first',
    es: 'evidencia tomada, la más reciente primero',
  },
  'POST /api/v1/evidence': {
    en: 'take evidence of the container of an incident or of a workload (asks `incident.respond` in its project)',
    es: 'tomar evidencia del contenedor de un incidente o de una carga de trabajo (pide `incident.respond` en su proyecto)',
  },
  'GET /api/v1/evidence/:id': {
    en: 'what was gathered, and who had it in hands (asks `incident.read` in its project)',
    es: 'qué se reunió y quién lo tuvo en sus manos (pide `incident.read` en su proyecto)',
  },
  'GET /api/v1/evidence/:id/archive': {
    en: 'the evidence as one archive (asks `audit.read` or `incident.respond` in its project)',
    es: 'la evidencia en un archivo (pide `audit.read` o `incident.respond` en su proyecto)',
  },
  'DELETE /api/v1/evidence/:id': {
    en: 'delete the bytes, with a `reason`; hashes and chain of custody stay (asks `incident.respond` in its project)',
    es: 'borrar los bytes, con un `reason`; los hashes y la cadena de custodia se quedan (pide `incident.respond` en su proyecto)',
  },
  'GET /api/v1/events': {
    en: 'live stream (server-sent events): facts, operations, workloads that the caller may see; resumes by `Last-Event-ID`',
    es: 'flujo en vivo (server-sent events): hechos, operaciones y cargas de trabajo que se pueden ver; se reanuda con `Last-Event-ID`',
  },
  'GET /api/v1/foreign': {
    en: 'containers that the platform did not start',
    es: 'contenedores que la plataforma no inició',
  },
  'POST /api/v1/foreign/:id/stop': {
    en: 'stop one of them',
    es: 'detener uno de ellos',
  },
  'POST /api/v1/foreign/allowed': {
    en: 'let containers run beside the platform (`image`, `name`, `host`, `reason`, `until`)',
    es: 'dejar que corran contenedores junto a la plataforma (`image`, `name`, `host`, `reason`, `until`)',
  },
  'DELETE /api/v1/foreign/allowed/:id': {
    en: 'take such an entry back',
    es: 'retirar una de esas entradas',
  },
  'GET /api/v1/foreign/rules': {
    en: 'what may run beside the platform, and what of the rest is stopped',
    es: 'qué puede correr junto a la plataforma y qué del resto se detiene',
  },
  'POST /api/v1/foreign/stops': {
    en: 'have containers stopped that the platform did not start and nobody allowed',
    es: 'hacer que se detengan los contenedores que la plataforma no inició y nadie permitió',
  },
  'DELETE /api/v1/foreign/stops/:id': {
    en: 'only report them from now on',
    es: 'solo avisar de ellos desde ahora',
  },
  'GET /api/v1/openapi.json': {
    en: 'this API as an OpenAPI 3.1 document',
    es: 'esta API como documento OpenAPI 3.1',
  },
  'GET /api/v1/findings/:finding/images': {
    en: 'images with this finding (CVE or other id), those that run first: packages, places, workloads (cut down to the projects of `image.read`)',
    es: 'imágenes con este hallazgo (CVE u otro identificador), primero las que se ejecutan: paquetes, lugares, cargas de trabajo (reducidas a los proyectos de `image.read`)',
  },
  'GET /api/v1/hosts': {
    en: 'hosts: kernel, engine, sensor, adaptations',
    es: 'hosts: núcleo, motor, sensor, adaptaciones',
  },
  'GET /api/v1/hosts/:name/kernel': {
    en: 'what is known of a host and its kernel, run-times, and the count of CVEs by state',
    es: 'qué se sabe de un host y su núcleo, entornos de ejecución y el número de CVE por estado',
  },
  'GET /api/v1/hosts/:name/kernel/cves': {
    en: 'the truth of every kernel CVE on a host with its evidence, the most urgent first (`state=…`, `limit=…`)',
    es: 'la verdad de cada CVE del núcleo en un host con su prueba, primero lo más urgente (`state=…`, `limit=…`)',
  },
  'GET /api/v1/hosts/:name/kernel/vex': {
    en: 'the same as OpenVEX, for other scanners',
    es: 'lo mismo como OpenVEX, para otros escáneres',
  },
  'GET /api/v1/kernel/patches': {
    en: 'live patches in the registry: what they fix, who signed them, on how many hosts they are in force or could be',
    es: 'parches en vivo del registro: qué corrigen, quién los firmó, en cuántos hosts están activos o podrían estarlo',
  },
  'POST /api/v1/kernel/patches': {
    en: 'put a live patch into the registry: `about`, `module` and `bundle` (a signature), both in base64',
    es: 'poner un parche en vivo en el registro: `about`, `module` y `bundle` (una firma), ambos en base64',
  },
  'GET /api/v1/kernel/patches/:name': {
    en: 'a live patch, and the hosts where it is in force or fits the running kernel',
    es: 'un parche en vivo, y los hosts donde está activo o sirve para el núcleo en ejecución',
  },
  'POST /api/v1/hosts/:name/kernel/patches': {
    en: 'bring a live patch into force on a host, or take it out (`change`: apply, rollback); an operation',
    es: 'activar un parche en vivo en un host, o retirarlo (`change`: apply, rollback); una operación',
  },
  'GET /api/v1/kernel/rollouts': {
    en: 'roll-outs of live patches, the newest first: rings, hosts by state, those that are not well',
    es: 'despliegues de parches en vivo, primero el más nuevo: anillos, hosts por estado, los que no están bien',
  },
  'POST /api/v1/kernel/rollouts': {
    en: 'begin a roll-out: `patch`, `hosts` (names, `*`), `rules` (canaries, share, soakSeconds, windows, …)',
    es: 'empezar un despliegue: `patch`, `hosts` (nombres, `*`), `rules` (canaries, share, soakSeconds, windows, …)',
  },
  'GET /api/v1/kernel/rollouts/:id': {
    en: 'how far a roll-out is',
    es: 'hasta dónde ha llegado un despliegue',
  },
  'POST /api/v1/kernel/rollouts/:id/pause': {
    en: 'begin no further host',
    es: 'no empezar más hosts',
  },
  'POST /api/v1/kernel/rollouts/:id/resume': {
    en: 'go on with a paused roll-out',
    es: 'continuar un despliegue en pausa',
  },
  'POST /api/v1/kernel/rollouts/:id/abort': {
    en: 'stop a roll-out for good and take the patch out (`rollBack`: false leaves it)',
    es: 'detener del todo un despliegue y retirar el parche (`rollBack`: false lo deja)',
  },
  'GET /api/v1/kernel/plan': {
    en: 'which hosts need a restart: what runs, what waits on disk, why',
    es: 'qué hosts necesitan un reinicio: qué ejecutan, qué espera en disco y por qué',
  },
  'POST /api/v1/kernel/reboots': {
    en: 'start hosts again in order (`hosts`, `kernel`, `all`, `rules`); pause, resume and abort as for a roll-out',
    es: 'reiniciar hosts en orden (`hosts`, `kernel`, `all`, `rules`); pausar, reanudar y abandonar como un despliegue',
  },
  'GET /api/v1/kernel/reboots/:id': {
    en: 'how far a restart in order is, with the proof of each host: kernels, starts, times',
    es: 'hasta dónde ha llegado un reinicio en orden, con la prueba de cada host: núcleos, arranques, horas',
  },
  'GET /api/v1/kernel/modules': {
    en: 'which modules hosts use: over time, starts and workloads (`hosts=a*,b`)',
    es: 'qué módulos usan los hosts: en el tiempo, por arranque y por carga de trabajo (`hosts=a*,b`)',
  },
  'GET /api/v1/kernel/modules/proposal': {
    en: 'the allow-list that follows for a group, what it keeps out and which CVEs it puts out of reach (`hosts`, `keep`)',
    es: 'la lista que resulta para un grupo, qué impide y qué CVE deja fuera de alcance (`hosts`, `keep`)',
  },
  'POST /api/v1/kernel/modules': {
    en: 'try (log only), enforce or take back the allow-list of a group (`hosts`, `keep`, `change`); an operation',
    es: 'probar (solo registrar), imponer o deshacer la lista de un grupo (`hosts`, `keep`, `change`); una operación',
  },
  'GET /api/v1/hosts/:name/kernel/modules': {
    en: 'what is kept out of a host, and in a trial what would have been refused',
    es: 'qué se impide en un host y, en prueba, qué se habría rechazado',
  },
  'GET /api/v1/bench': {
    en: 'hosts with the sums of their benchmarks, the worst first',
    es: 'hosts con los totales de sus comprobaciones, primero el peor',
  },
  'GET /api/v1/bench/exceptions': {
    en: 'accepted failures that hold now, with author, reason and end',
    es: 'fallos aceptados vigentes, con autor, motivo y fin',
  },
  'POST /api/v1/bench/exceptions': {
    en: 'accept a failing check (`check`, `host` or all, `reason`, `until`)',
    es: 'aceptar una comprobación que falla (`check`, `host` o todos, `reason`, `until`)',
  },
  'DELETE /api/v1/bench/exceptions/:id': {
    en: 'end an exception before its day',
    es: 'terminar una excepción antes de su día',
  },
  'GET /api/v1/hosts/:name/bench': {
    en: 'the last look at a host: checks with state, evidence, remedy and exception, and what has changed (`state=…`)',
    es: 'la última comprobación de un host: estado, pruebas, remedio y excepción de cada una, y qué cambió (`state=…`)',
  },
  'POST /api/v1/hosts/:name/bench': {
    en: 'look at a host, mend what is safe, or take that back (`change`: look, fix, undo; `checks`); an operation',
    es: 'comprobar un host, corregir lo seguro o deshacerlo (`change`: look, fix, undo; `checks`); una operación',
  },
  'GET /api/v1/projects/:project/profiles': {
    en: 'what containers of the project were seen to call, and what became of it (`workload=…`)',
    es: 'lo que se vio llamar a los contenedores del proyecto, y qué fue de ello (`workload=…`)',
  },
  'POST /api/v1/projects/:project/workloads/:workload/profile': {
    en: 'record a workload, try its profile in a copy, or try it without root (`step`: record, try, unroot); answers an operation',
    es: 'grabar una carga, probar su perfil en una copia o probarla sin root (`step`: record, try, unroot); responde una operación',
  },
  'PUT /api/v1/projects/:project/workloads/:workload/profile': {
    en: 'sign the profile that passed beside the images of the workload; starts are narrowed to it',
    es: 'firmar junto a las imágenes de la carga el perfil superado; los arranques se limitan a él',
  },
  'DELETE /api/v1/projects/:project/workloads/:workload/profile': {
    en: 'take the profile of a workload back',
    es: 'retirar el perfil de una carga',
  },
  'GET /api/v1/projects/:project/roots': {
    en: 'workloads with containers that run as root, and what was seen of their needs',
    es: 'cargas con contenedores que se ejecutan como root, y qué se vio que necesitan',
  },
  'GET /api/v1/kernel/shield': {
    en: 'the shield: mitigations with their controls, CVEs, cost and sources, and faults that none stops',
    es: 'el escudo: mitigaciones con sus controles, CVE, coste y fuentes, y fallos que ninguna detiene',
  },
  'GET /api/v1/kernel/shield/feed': {
    en: 'the feed of the shield with its signatures, for a platform without a network',
    es: 'la lista del escudo con sus firmas, para una plataforma sin red',
  },
  'POST /api/v1/kernel/shield/feed': {
    en: 'take a feed of the shield with its signatures and give it to the hosts; an older one is refused',
    es: 'tomar una lista del escudo con sus firmas y darla a los hosts; una más antigua se rechaza',
  },
  'GET /api/v1/hosts/:name/kernel/shield': {
    en: 'which entries of the shield stand on a host, and since when',
    es: 'qué entradas del escudo están activas en un host, y desde cuándo',
  },
  'POST /api/v1/hosts/:name/kernel/shield': {
    en: 'set an entry on a host, take it back, or see what it would break (`change`: apply, undo, try); an operation',
    es: 'activar una entrada en un host, retirarla o ver qué rompería (`change`: apply, undo, try); una operación',
  },
  'GET /api/v1/kernel/hosts': {
    en: 'every host with its kernel and the count of CVEs by state',
    es: 'cada host con su núcleo y el número de CVE por estado',
  },
  'GET /api/v1/kernel/cves/:cve': {
    en: 'which hosts a kernel CVE concerns, and the cheapest safe way out for each',
    es: 'a qué hosts concierne una CVE del núcleo, y la salida segura más barata para cada uno',
  },
  'GET /api/v1/incidents/:number/playbooks': {
    en: 'runs of playbooks about an incident, newest first',
    es: 'ejecuciones de guiones sobre un incidente, la más reciente primero',
  },
  'POST /api/v1/incidents/:number/playbooks': {
    en: 'run a playbook about an incident (asks for the rights of each of its steps)',
    es: 'ejecutar un guion sobre un incidente (pide los derechos de cada uno de sus pasos)',
  },
  'GET /api/v1/playbooks': {
    en: 'playbooks in force',
    es: 'guiones en vigor',
  },
  'PUT /api/v1/playbooks': {
    en: 'put a playbook in force (`source` in YAML)',
    es: 'poner en vigor un guion (`source` en YAML)',
  },
  'POST /api/v1/playbooks/check': {
    en: 'every mistake of a playbook with its line (`details`), or its steps; nothing is put in force',
    es: 'cada error de un guion con su línea (`details`), o sus pasos; no se pone nada en vigor',
  },
  'POST /api/v1/response/policies/check': {
    en: 'every mistake of a response policy with its line (`details`), or what it says; nothing is put in force',
    es: 'cada error de una política de respuesta con su línea (`details`), o lo que dice; no se pone nada en vigor',
  },
  'DELETE /api/v1/playbooks/:name': {
    en: 'take a playbook out of force',
    es: 'retirar un guion',
  },
  'GET /api/v1/playbooks/:name/preview': {
    en: 'what each step would do about an incident (`incident=…`) now; nothing is done',
    es: 'qué haría cada paso sobre un incidente (`incident=…`) ahora; no se hace nada',
  },
  'GET /api/v1/playbook-runs/:id': {
    en: 'a run of a playbook, step by step',
    es: 'una ejecución de un guion, paso a paso',
  },
  'POST /api/v1/playbook-runs/:id/answer': {
    en: 'agree to the step that a run waits with, or decline it (asks for the rights of that step)',
    es: 'aprobar el paso con que espera una ejecución, o rechazarlo (pide los derechos de ese paso)',
  },
  'GET /api/v1/incident-filters': {
    en: 'the caller’s saved filters of incidents',
    es: 'los filtros de incidentes guardados de quien llama',
  },
  'PUT /api/v1/incident-filters': {
    en: 'save a filter under a name (`state`, `project`, `environment`, `priority`, `owner`, `text`)',
    es: 'guardar un filtro con un nombre (`state`, `project`, `environment`, `priority`, `owner`, `text`)',
  },
  'DELETE /api/v1/incident-filters/:name': {
    en: 'forget a filter',
    es: 'olvidar un filtro',
  },
  'GET /api/v1/incidents/:number/comments': {
    en: 'what people wrote down about an incident, and the incidents linked with it',
    es: 'lo anotado sobre un incidente, y los incidentes enlazados con él',
  },
  'POST /api/v1/incidents/:number/comments': {
    en: 'write something down about an incident (asks `incident.respond` in its project)',
    es: 'anotar algo sobre un incidente (pide `incident.respond` en su proyecto)',
  },
  'PUT /api/v1/incidents/:number/links/:other': {
    en: 'say that two incidents belong together (asks `incident.respond` for the first)',
    es: 'decir que dos incidentes van juntos (pide `incident.respond` para el primero)',
  },
  'DELETE /api/v1/incidents/:number/links/:other': {
    en: 'say that they do not',
    es: 'decir que no van juntos',
  },
  'GET /api/v1/incidents/:number/people': {
    en: 'who may work on an incident (asks `incident.respond` in its project)',
    es: 'quién puede trabajar en un incidente (pide `incident.respond` en su proyecto)',
  },
  'PUT /api/v1/incidents/:number/owner': {
    en: 'give an incident to a `name` that may work on it, or to nobody (asks `incident.respond` in its project)',
    es: 'encargar un incidente a un `name` que puede trabajar en él, o a nadie (pide `incident.respond` en su proyecto)',
  },
  'POST /api/v1/incidents/:number/reopen': {
    en: 'go on with an incident that was closed, with a `reason` (asks `incident.respond` in its project)',
    es: 'seguir con un incidente cerrado, con un `reason` (pide `incident.respond` en su proyecto)',
  },
  'POST /api/v1/incidents/triage': {
    en: 'take on or close up to 200 incidents at once; each is answered by itself (asks `incident.respond` for each)',
    es: 'hacerse cargo de hasta 200 incidentes a la vez, o cerrarlos; cada uno se responde por sí mismo (pide `incident.respond` para cada uno)',
  },
  'GET /api/v1/incidents': {
    en: 'incidents',
    es: 'incidentes',
  },
  'POST /api/v1/incidents/:number/actions/:id': {
    en: 'approve or decline an action that a response policy asks for (asks `incident.respond`, and another person than its author)',
    es: 'aprobar o rechazar una acción que pide una política de respuesta (pide `incident.respond`, y otra persona que no sea su autora)',
  },
  'GET /api/v1/notices/channels': {
    en: 'whom the platform tells of incidents',
    es: 'a quién avisa la plataforma de los incidentes',
  },
  'PUT /api/v1/notices/channels': {
    en: 'set up a channel; its address and secret are kept sealed',
    es: 'configurar un canal; su dirección y su secreto se guardan sellados',
  },
  'DELETE /api/v1/notices/channels/:name': {
    en: 'tell it no longer',
    es: 'dejar de avisarlo',
  },
  'POST /api/v1/notices/channels/:name/test': {
    en: 'send a test now and answer how it went',
    es: 'enviar una prueba ahora y responder cómo fue',
  },
  'GET /api/v1/notices/deliveries': {
    en: 'what was told, waits or failed, newest first',
    es: 'lo avisado, en espera o fallido, lo más reciente primero',
  },
  'GET /api/v1/prevention/policies': {
    en: 'prevention policies, how strongly each host follows them, and what their packages are in each image that one may read (`packages`)',
    es: 'políticas de prevención, con qué fuerza las sigue cada host y qué son sus paquetes en cada imagen que se puede leer (`packages`)',
  },
  'PUT /api/v1/prevention/policies': {
    en: 'put a prevention policy in force (`source`, YAML)',
    es: 'poner en vigor una política de prevención (`source`, YAML)',
  },
  'GET /api/v1/prevention/policies/:name': {
    en: 'a prevention policy as its author wrote it, and what its packages are in each image that one may read',
    es: 'una política de prevención como la escribió su autor y qué son sus paquetes en cada imagen que se puede leer',
  },
  'DELETE /api/v1/prevention/policies/:name': {
    en: 'take a prevention policy out of force',
    es: 'retirar una política de prevención',
  },
  'GET /api/v1/response/policies': {
    en: 'response policies: what is done by itself',
    es: 'políticas de respuesta: qué se hace solo',
  },
  'PUT /api/v1/response/policies': {
    en: 'put a response policy (YAML in `source`) in force',
    es: 'poner en vigor una política de respuesta (YAML en `source`)',
  },
  'DELETE /api/v1/response/policies/:name': {
    en: 'take a response policy out of force',
    es: 'retirar una política de respuesta',
  },
  'POST /api/v1/response/policies/try': {
    en: 'what a response policy would have done about the alerts of the last `days`',
    es: 'qué habría hecho una política de respuesta ante las alertas de los últimos `days` días',
  },
  'GET /api/v1/response/quarantine': {
    en: 'images in quarantine',
    es: 'imágenes en cuarentena',
  },
  'GET /api/v1/incidents/:number/actions': {
    en: 'what can be done about an incident now, with what each will do',
    es: 'qué se puede hacer ahora con un incidente, y qué hará cada acción',
  },
  'GET /api/v1/incidents/:number': {
    en: 'an incident: alerts, timeline, process tree, actions',
    es: 'un incidente: alertas, cronología, árbol de procesos, acciones',
  },
  'POST /api/v1/incidents/:number/respond': {
    en: "acknowledge, act or close (asks `incident.respond` in the incident's project)",
    es: 'asumir, actuar o cerrar (pide `incident.respond` en el proyecto del incidente)',
  },
  'GET /api/v1/scan/engines': {
    en: 'engines against malware, their signatures and age, and why one cannot be used',
    es: 'motores contra código malicioso, sus firmas y antigüedad, y por qué alguno no se puede usar',
  },
  'GET /api/v1/scan/rules': {
    en: 'rules for credentials, YARA rules and hashes that were given, in all versions',
    es: 'reglas de credenciales, reglas YARA y hashes que se dieron, en todas sus versiones',
  },
  'PUT /api/v1/scan/rules/:kind': {
    en: 'give a file of rules (`secrets`, `yara`, `hashes`), sent as the body; images are scanned again',
    es: 'dar un archivo de reglas (`secrets`, `yara`, `hashes`), enviado como cuerpo; las imágenes se reanalizan',
  },
  'DELETE /api/v1/scan/rules/:kind': {
    en: 'use a file of rules no more',
    es: 'dejar de usar un archivo de reglas',
  },
  'GET /api/v1/projects/:project/scan/rules': {
    en: 'rules for credentials and baselines of a project, in all versions',
    es: 'reglas de credenciales y credenciales conocidas de un proyecto, en todas las versiones',
  },
  'PUT /api/v1/projects/:project/scan/baseline': {
    en: 'give the known credentials of a project, sent as the body',
    es: 'dar las credenciales conocidas de un proyecto, enviadas como cuerpo',
  },
  'PUT /api/v1/projects/:project/scan/secrets': {
    en: 'give a project rules for credentials of its own, sent as the body; its images are scanned again',
    es: 'dar a un proyecto reglas de credenciales propias, enviadas como cuerpo; se reanalizan sus imágenes',
  },
  'POST /api/v1/projects/:project/scan/secrets/try': {
    en: 'try rules for credentials on a text: which rule would find what in which line; nothing is kept',
    es: 'probar reglas de credenciales con un texto: qué regla encontraría algo y en qué línea; no se guarda nada',
  },
  'DELETE /api/v1/projects/:project/scan/secrets': {
    en: 'look in a project by the rules of the platform again',
    es: 'volver a mirar un proyecto con las reglas de la plataforma',
  },
  'DELETE /api/v1/projects/:project/scan/baseline': {
    en: 'count the known credentials of a project again',
    es: 'volver a contar las credenciales conocidas de un proyecto',
  },
  'GET /api/v1/projects/:project/access-log': {
    en: 'the last requests that came to the published services of a project, without their queries',
    es: 'las últimas peticiones que llegaron a los servicios publicados de un proyecto, sin sus consultas',
  },
  'GET /api/v1/projects/:project/edge-denials': {
    en: 'what the edge refuses for a project by decision of a person',
    es: 'lo que el borde rechaza en un proyecto por decisión de una persona',
  },
  'POST /api/v1/projects/:project/edge-denials': {
    en: 'refuse `networks` or `paths` at the edge until a time, with a `reason`',
    es: 'rechazar `networks` o `paths` en el borde hasta una hora, con un `reason`',
  },
  'DELETE /api/v1/projects/:project/edge-denials/:id': {
    en: 'refuse it no longer',
    es: 'dejar de rechazarlo',
  },
  'GET /api/v1/projects/:project/environments/:environment/network-policies/proposal': {
    en: 'network policies that leave the workloads the ways they took and close the rest',
    es: 'políticas de red que dejan a las cargas los caminos que tomaron y cierran los demás',
  },
  'GET /api/v1/projects/:project/flows': {
    en: 'who talked to whom in a project, and who was refused',
    es: 'quién habló con quién en un proyecto, y a quién se rechazó',
  },
  'GET /api/v1/scanners/harbor/api/v1/metadata': {
    en: "Harbor's pluggable scanner: what this scanner is and does",
    es: 'escáner conectable de Harbor: qué es y qué hace este analizador',
  },
  'POST /api/v1/scanners/harbor/api/v1/scan': {
    en: "Harbor's pluggable scanner: scan an artifact of a listed registry; answers an id",
    es: 'escáner conectable de Harbor: analizar un artefacto de un registro de la lista; responde un identificador',
  },
  'GET /api/v1/scanners/harbor/api/v1/scan/:id/report': {
    en: "Harbor's pluggable scanner: the report by `Accept` (vulnerabilities, raw, bill of materials); 302 while it runs",
    es: 'escáner conectable de Harbor: el informe según `Accept` (vulnerabilidades, en bruto, lista de componentes); 302 mientras se hace',
  },
  'GET /api/v1/me': {
    en: 'who the caller is, with roles',
    es: 'quién llama y con qué roles',
  },
  'POST /api/v1/me/language': {
    en: 'choose the language of the console',
    es: 'elegir el idioma de la consola',
  },
  'POST /api/v1/me/password': {
    en: "set or change one's password",
    es: 'fijar o cambiar la contraseña propia',
  },
  'GET /api/v1/operations': {
    en: 'long work that the caller may see',
    es: 'trabajos largos que se pueden ver',
  },
  'GET /api/v1/operations/:id': {
    en: 'one operation with its steps',
    es: 'una operación con sus pasos',
  },
  'POST /api/v1/operations/:id/cancel': {
    en: 'cancel it',
    es: 'cancelarla',
  },
  'GET /api/v1/operations/:id/events': {
    en: 'follow it live (server-sent events)',
    es: 'seguirla en vivo (server-sent events)',
  },
  'GET /api/v1/overview': {
    en: 'what serves, what is to be done, what changed',
    es: 'qué da servicio, qué hay que hacer, qué ha cambiado',
  },
  'GET /api/v1/host-exceptions': {
    en: 'known vulnerabilities of hosts’ run-times, and the exceptions from them',
    es: 'vulnerabilidades conocidas de los entornos de ejecución de los hosts y sus excepciones',
  },
  'POST /api/v1/host-exceptions': {
    en: 'ask for one (`host`, `cves`, `reason`, `expiresAt`); without `cves` all that the host is exposed to now',
    es: 'pedir una (`host`, `cves`, `reason`, `expiresAt`); sin `cves`, todas a las que el host está expuesto ahora',
  },
  'POST /api/v1/host-exceptions/:id/approve': {
    en: 'approve one that another administrator asked for',
    es: 'aprobar una que pidió otro administrador',
  },
  'POST /api/v1/host-exceptions/:id/revoke': {
    en: 'take one back, or refuse one that waits',
    es: 'retirar una, o rechazar una que espera',
  },
  'GET /api/v1/policies': {
    en: 'admission policies',
    es: 'políticas de admisión',
  },
  'GET /api/v1/policies/:name': {
    en: 'one policy with its rules and source',
    es: 'una política con sus reglas y su texto',
  },
  'POST /api/v1/policies': {
    en: 'apply a policy, or a new text of it',
    es: 'aplicar una política, o un texto nuevo',
  },
  'GET /api/v1/policies/:name/revisions': {
    en: 'texts that a policy had',
    es: 'textos que tuvo una política',
  },
  'POST /api/v1/policies/:name/approve': {
    en: 'approve the text that waits for a second person',
    es: 'aprobar el texto que espera a otra persona',
  },
  'POST /api/v1/policies/:name/reject': {
    en: 'reject the text that waits',
    es: 'rechazar el texto que espera',
  },
  'DELETE /api/v1/policies/:name': {
    en: 'take a policy out of force',
    es: 'quitar una política de vigor',
  },
  'POST /api/v1/policies/try': {
    en: 'what a policy would have said of what was judged',
    es: 'lo que habría dicho una política de lo que se juzgó',
  },
  'POST /api/v1/policies/:name/test': {
    en: 'what a policy holds against Kubernetes manifests',
    es: 'qué objeta una política a manifiestos de Kubernetes',
  },
  'POST /api/v1/policies/check': {
    en: 'check a policy document',
    es: 'comprobar un documento de política',
  },
  'GET /api/v1/projects': {
    en: 'projects and their environments',
    es: 'proyectos y sus entornos',
  },
  'GET /api/v1/projects/:project': {
    en: 'one project',
    es: 'un proyecto',
  },
  'GET /api/v1/kubernetes/fields': {
    en: 'what happens to a field of a manifest and to those below it: `?field=deployment.spec.strategy`',
    es: 'qué ocurre con un campo de un manifiesto y con los que contiene: `?field=deployment.spec.strategy`',
  },
  'POST /api/v1/kubernetes/report': {
    en: 'what a deploy would make of each field of manifests: `{"files": [{"path", "text"}]}`',
    es: 'qué haría un despliegue con cada campo de los manifiestos: `{"files": [{"path", "text"}]}`',
  },
  'GET /api/v1/host/maintenance': {
    en: 'whether hosts take pods, what still runs there, and what waits for a budget',
    es: 'si los hosts admiten pods, qué queda allí en marcha y qué espera a un presupuesto',
  },
  'PUT /api/v1/host/maintenance': {
    en: 'take hosts out of service: `{"draining", "disregardBudgets", "reason"}`',
    es: 'retirar hosts del servicio: `{"draining", "disregardBudgets", "reason"}`',
  },
  'DELETE /api/v1/host/maintenance': {
    en: 'give hosts back: what was stopped is started again',
    es: 'devolver los hosts: se inicia de nuevo lo que se detuvo',
  },
  'GET /api/v1/projects/:project/runs': {
    en: 'what was started with `run` and not removed',
    es: 'lo iniciado con `run` y no quitado',
  },
  'POST /api/v1/projects/:project/runs': {
    en: 'run an image once beside the releases (asks `release.create` too); its terminal is `…/workloads/NAME/session?kind=attach`',
    es: 'ejecutar una imagen una vez junto a las versiones (pide también `release.create`); su terminal es `…/workloads/NOMBRE/session?kind=attach`',
  },
  'GET /api/v1/projects/:project/runs/:run': {
    en: 'one run by its name or id: state, exit code, reason',
    es: 'una ejecución por su nombre o id: estado, código de salida, motivo',
  },
  'DELETE /api/v1/projects/:project/runs/:run': {
    en: 'remove a run with its logs (asks `release.create` too); `force=1` ends one that goes on',
    es: 'quitar una ejecución con sus registros (pide también `release.create`); `force=1` termina la que sigue',
  },
  'POST /api/v1/projects/:project/runs/:run/stop': {
    en: 'end a run; its logs stay (asks `release.create` too)',
    es: 'terminar una ejecución; sus registros quedan (pide también `release.create`)',
  },
  'POST /api/v1/projects/:project/workloads/:workload/change': {
    en: 'scale, restart, pause or resume a workload: a new release from the one that is there, judged as any; answers an operation',
    es: 'escalar, reiniciar, pausar o reanudar una carga: una versión nueva a partir de la que está, juzgada como cualquiera; responde una operación',
  },
  'GET /api/v1/projects/:project/workloads/:workload/events': {
    en: 'what happened to its pods within a week: made, ready, started again, probes, phases; the newest first',
    es: 'qué ocurrió con sus pods en una semana: creados, listos, reiniciados, sondas, fases; lo más nuevo primero',
  },
  'GET /api/v1/projects/:project/workloads/:workload/history': {
    en: 'the releases of a workload: specification, replicas, images, what was changed by hand',
    es: 'las versiones de una carga: especificación, réplicas, imágenes, qué se cambió a mano',
  },
  'GET /api/v1/projects/:project/environments/:environment/policy': {
    en: 'the policy of an environment, its changes and the one that waits, and what it says now of what runs there as of a new release',
    es: 'la política de un entorno, sus cambios y el que espera, y lo que dice ahora de lo que funciona ahí como versión nueva',
  },
  'POST /api/v1/projects/:project/environments/:environment/policy/try': {
    en: 'what another policy would have said of what was judged there, held against what its own says, and says of what runs: `{"policy", "days"}`',
    es: 'lo que otra política habría dicho de lo juzgado ahí, frente a lo que dice la suya, y lo que dice de lo que funciona: `{"policy", "days"}`',
  },
  'PUT /api/v1/projects/:project/environments/:environment/policy': {
    en: 'give an environment another policy, or for production ask for it: `{"policy", "reason"}`; null leaves it to the project file',
    es: 'dar otra política a un entorno o, para producción, pedirla: `{"policy", "reason"}`; null la deja al archivo de proyecto',
  },
  'POST /api/v1/projects/:project/environments/:environment/policy/approve': {
    en: 'agree to the change of policy that somebody else asked for: `{"change"}`, its id',
    es: 'aprobar el cambio de política que pidió otra persona: `{"change"}`, su id',
  },
  'POST /api/v1/projects/:project/environments/:environment/policy/reject': {
    en: 'reject the change of policy that waits, or take one’s own back: `{"change"}`, its id',
    es: 'rechazar el cambio de política que espera, o retirar el propio: `{"change"}`, su id',
  },
  'GET /api/v1/projects/:project/quotas': {
    en: 'limits of a project and its environments, and what is used of them',
    es: 'límites de un proyecto y sus entornos, y cuánto se usa de ellos',
  },
  'PUT /api/v1/projects/:project/quotas': {
    en: 'set the limits of a project, or with `?environment=` of one of its environments: `{"most", "defaults", "containerMost"}`',
    es: 'fijar los límites de un proyecto o, con `?environment=`, de uno de sus entornos: `{"most", "defaults", "containerMost"}`',
  },
  'DELETE /api/v1/projects/:project/quotas': {
    en: 'take the limits away (`?environment=` for one environment)',
    es: 'quitar los límites (`?environment=` para un entorno)',
  },
  'POST /api/v1/projects/:project/environments/:environment/canary': {
    en: 'end the trial of a release: `{"how": "promote" | "abort"}`; answers an operation',
    es: 'terminar la prueba de una versión: `{"how": "promote" | "abort"}`; responde una operación',
  },
  'GET /api/v1/site': {
    en: 'this site, the hosts that it shares with others, and what DNS tells of them',
    es: 'esta sede, los hosts que comparte con otras y lo que el DNS dice de ellos',
  },
  'PUT /api/v1/site': {
    en: 'set name and addresses of this site, and the DNS server that takes changes',
    es: 'fijar nombre y direcciones de esta sede, y el servidor DNS que acepta cambios',
  },
  'PUT /api/v1/site/hosts/:host': {
    en: 'share a host with other sites by DNS: `{"path": "/", "seconds": 30}`',
    es: 'repartir un host con otras sedes por DNS: `{"path": "/", "seconds": 30}`',
  },
  'DELETE /api/v1/site/hosts/:host': {
    en: 'take a host of this site out of DNS',
    es: 'sacar del DNS un host de esta sede',
  },
  'PUT /api/v1/site/drained': {
    en: 'take this site out of DNS before its maintenance, or bring it back: `{"drained": true}`',
    es: 'sacar esta sede del DNS antes de su mantenimiento, o devolverla: `{"drained": true}`',
  },
  'POST /api/v1/projects/:project/build-secrets': {
    en: 'bring the secrets of one build, `{"secrets": {"ID": base64}}`: kept in memory for ten minutes, used once by who brought them; answers their `id`',
    es: 'entregar los secretos de una construcción, `{"secrets": {"ID": base64}}`: diez minutos en memoria, los usa una vez quien los entregó; responde su `id`',
  },
  'POST /api/v1/projects/:project/builds': {
    en: 'build an image (`?image=`, `tag`, `containerfile`, `target`, `arg`, `label`, `platform`, `noCache`, `sourceDateEpoch`, `secrets`): the source as a tar in the body; answers an operation',
    es: 'construir una imagen (`?image=`, `tag`, `containerfile`, `target`, `arg`, `label`, `platform`, `noCache`, `sourceDateEpoch`, `secrets`): el código fuente como tar en el cuerpo; responde una operación',
  },
  'POST /api/v1/projects/:project/deploys': {
    en: 'deploy: the source as a tar in the body; answers an operation (asks `release.create`, and `project.create` for a new project)',
    es: 'desplegar: el código fuente como tar en el cuerpo; responde una operación (pide `release.create`, y `project.create` si el proyecto es nuevo)',
  },
  'GET /api/v1/projects/:project/environments/:environment/rollback': {
    en: 'releases that an environment can return to',
    es: 'versiones a las que un entorno puede revertir',
  },
  'POST /api/v1/projects/:project/environments/:environment/rollback': {
    en: 'return to an earlier release',
    es: 'revertir a una versión anterior',
  },
  'GET /api/v1/projects/:project/comparison': {
    en: 'what differs between two environments or releases (`from`, `to`: `dev`, `prod@12`): images, replicas, keys of settings, YAML',
    es: 'qué cambia entre dos entornos o versiones (`from`, `to`: `dev`, `prod@12`): imágenes, réplicas, claves de los ajustes, YAML',
  },
  'GET /api/v1/projects/:project/exceptions': {
    en: 'exceptions to policies',
    es: 'excepciones a las políticas',
  },
  'POST /api/v1/projects/:project/exceptions': {
    en: 'ask for an exception: digest, reason, end',
    es: 'pedir una excepción: digest, motivo, vencimiento',
  },
  'POST /api/v1/projects/:project/exceptions/:id/approve': {
    en: 'approve an exception of somebody else',
    es: 'aprobar una excepción de otra persona',
  },
  'GET /api/v1/projects/:project/images': {
    en: 'images, with scan, signatures and verdict',
    es: 'imágenes, con análisis, firmas y veredicto',
  },
  'GET /api/v1/projects/:project/images/:digest': {
    en: 'one image: configuration, layers, what is attached, its thread',
    es: 'una imagen: configuración, capas, lo adjunto, su hilo',
  },
  'DELETE /api/v1/projects/:project/images/:digest': {
    en: 'delete an image with its tags',
    es: 'eliminar una imagen con sus etiquetas',
  },
  'GET /api/v1/projects/:project/images/:digest/layers/:layer/files': {
    en: 'files a layer adds and removes (`?match=`, `?order=largest`, pages by `?after=`)',
    es: 'archivos que una capa añade y elimina (`?match=`, `?order=largest`, páginas con `?after=`)',
  },
  'GET /api/v1/projects/:project/images/:digest/owners': {
    en: 'which packages brought these files (`?path=`, as often as needed)',
    es: 'qué paquetes trajeron estos archivos (`?path=`, tantas veces como haga falta)',
  },
  'GET /api/v1/projects/:project/images/:digest/packages': {
    en: 'packages with version, place, layer, licences and count of findings (`?match=`, `?type=`, `?layer=`, pages by `?after=`)',
    es: 'paquetes con versión, lugar, capa, licencias y número de hallazgos (`?match=`, `?type=`, `?layer=`, páginas con `?after=`)',
  },
  'GET /api/v1/projects/:project/images/:digest/package-files': {
    en: 'the files of one package (`?purl=` and the `?path=` of its record)',
    es: 'los archivos de un paquete (`?purl=` y el `?path=` de su registro)',
  },
  'GET /api/v1/projects/:project/images/:digest/sbom': {
    en: 'bill of materials (`format=cyclonedx|cyclonedx-1.7|spdx|spdx-3`)',
    es: 'lista de componentes (`format=cyclonedx|cyclonedx-1.7|spdx|spdx-3`)',
  },
  'GET /api/v1/projects/:project/images/:digest/report': {
    en: 'the report as a file (`format=json|sarif|cyclonedx-vex|openvex|html`), in the language of `Accept-Language`',
    es: 'el informe como archivo (`format=json|sarif|cyclonedx-vex|openvex|html`), en el idioma de `Accept-Language`',
  },
  'GET /api/v1/projects/:project/images/:digest/scan': {
    en: 'scan report',
    es: 'informe del análisis',
  },
  'POST /api/v1/projects/:project/images/:digest/rescan': {
    en: 'scan again; answers an operation',
    es: 'volver a analizar; responde una operación',
  },
  'GET /api/v1/projects/:project/images/:digest/signatures': {
    en: 'whose signatures count and why others do not',
    es: 'qué firmas cuentan y por qué otras no',
  },
  'GET /api/v1/projects/:project/network-policies': {
    en: 'the network policies in force in a project, with the names that may be reached outside',
    es: 'las políticas de red vigentes en un proyecto, con los nombres alcanzables fuera',
  },
  'GET /api/v1/projects/:project/promotions': {
    en: 'promotions, newest first',
    es: 'promociones, las más recientes primero',
  },
  'POST /api/v1/projects/:project/promotions': {
    en: 'ask for a promotion; answers an operation',
    es: 'pedir una promoción; responde una operación',
  },
  'GET /api/v1/projects/:project/promotions/:id': {
    en: 'one promotion',
    es: 'una promoción',
  },
  'POST /api/v1/projects/:project/promotions/:id/decision': {
    en: "approve or reject it; never one's own",
    es: 'aprobarla o rechazarla; nunca la propia',
  },
  'GET /api/v1/projects/:project/quarantine': {
    en: 'why an image is held or released',
    es: 'por qué una imagen está retenida o liberada',
  },
  'GET /api/v1/projects/:project/releases': {
    en: 'releases, newest first',
    es: 'versiones, las más recientes primero',
  },
  'GET /api/v1/projects/:project/repository-settings': {
    en: 'settings of repositories: what each pattern says, and what holds for `repository`',
    es: 'ajustes de los repositorios: qué dice cada patrón y qué vale para `repository`',
  },
  'PUT /api/v1/projects/:project/repository-settings': {
    en: 'change what `pattern` says: fields left out stay, null takes one back; a quota asks `platform.admin`',
    es: 'cambiar lo que dice `pattern`: lo que no se nombra queda, null lo retira; una cuota pide `platform.admin`',
  },
  'GET /api/v1/projects/:project/pulls': {
    en: 'pulls over time (`?repository=`, `?digest=`, `?by=hour|day`, `?count=`), who pulled and what, most first',
    es: 'descargas a lo largo del tiempo (`?repository=`, `?digest=`, `?by=hour|day`, `?count=`), quién descargó y qué, de más a menos',
  },
  'GET /api/v1/projects/:project/grace': {
    en: 'images that run and were refused since: in which environment, until when, why',
    es: 'imágenes que se ejecutan y fueron rechazadas después: en qué entorno, hasta cuándo, por qué',
  },
  'GET /api/v1/projects/:project/retention': {
    en: 'what the retention of the project would remove now, and why; changes nothing',
    es: 'qué eliminaría ahora la retención del proyecto y por qué; no cambia nada',
  },
  'POST /api/v1/projects/:project/retention': {
    en: 'remove it; answers an operation',
    es: 'eliminarlo; responde una operación',
  },
  'GET /api/v1/registry/status': {
    en: 'what the registry stores, what the collection removed, what the scrub found damaged',
    es: 'qué guarda el registro, qué eliminó la recogida, qué encontró dañado la comprobación',
  },
  'POST /api/v1/registry/collection': {
    en: 'remove content that nothing refers to; answers an operation',
    es: 'eliminar el contenido al que nada se refiere; responde una operación',
  },
  'POST /api/v1/registry/scrub': {
    en: 'check all stored content and heal what is damaged; answers an operation',
    es: 'comprobar todo el contenido guardado y reparar lo dañado; responde una operación',
  },
  'GET /api/v1/projects/:project/repositories': {
    en: 'repositories of the project',
    es: 'repositorios del proyecto',
  },
  'DELETE /api/v1/projects/:project/tags': {
    en: 'delete a tag',
    es: 'eliminar una etiqueta',
  },
  'GET /api/v1/projects/:project/verdicts': {
    en: 'verdicts, with the facts they were given on',
    es: 'veredictos, con los hechos en que se basan',
  },
  'GET /api/v1/projects/:project/workloads': {
    en: 'workloads and their replicas',
    es: 'cargas de trabajo y sus réplicas',
  },
  'GET /api/v1/projects/:project/workloads/:workload/diff': {
    en: 'files of a container that differ from its image (recorded)',
    es: 'archivos de un contenedor distintos de su imagen (queda registrado)',
  },
  'GET /api/v1/projects/:project/workloads/:workload/files': {
    en: 'a file or folder of a container as a tar (`path`; recorded)',
    es: 'un archivo o carpeta de un contenedor como tar (`path`; queda registrado)',
  },
  'PUT /api/v1/projects/:project/workloads/:workload/files': {
    en: 'unpack a tar into a folder of a container (`path`; recorded)',
    es: 'desempaquetar un tar en una carpeta de un contenedor (`path`; queda registrado)',
  },
  'GET /api/v1/projects/:project/workloads/:workload/logs': {
    en: 'what a container has written (`tail`), and with `follow=1` what it writes, as text, for five minutes',
    es: 'lo que ha escrito un contenedor (`tail`) y, con `follow=1`, lo que escribe, como texto, durante cinco minutos',
  },
  'GET /api/v1/projects/:project/workloads/:workload/stats': {
    en: 'counters of what the containers of a workload use',
    es: 'contadores de lo que usan los contenedores de una carga de trabajo',
  },
  'GET /api/v1/projects/:project/workloads/:workload/top': {
    en: 'the processes of a container (recorded)',
    es: 'los procesos de un contenedor (queda registrado)',
  },
  'GET /api/v1/projects/:project/assurance': {
    en: 'availability, integrity and confidentiality of each environment, stated and measured; `days` to look back (30)',
    es: 'disponibilidad, integridad y confidencialidad de cada entorno, lo declarado y lo medido; `days` para mirar atrás (30)',
  },
  'POST /api/v1/compose/convert': {
    en: 'a Compose file and what it leads to as `darsena.yaml` and Kubernetes manifests, with a report of every field',
    es: 'un archivo Compose y lo que incluye como `darsena.yaml` y manifiestos de Kubernetes, con un informe de cada campo',
  },
  'GET /api/v1/watches': {
    en: 'watched registries, with their last check',
    es: 'registros vigilados, con su última revisión',
  },
  'POST /api/v1/watches': { en: 'watch images of a remote registry', es: 'vigilar imágenes de un registro remoto' },
  'GET /api/v1/watches/:name': {
    en: 'a watched registry and its images: verdict, findings, signatures',
    es: 'un registro vigilado y sus imágenes: veredicto, hallazgos, firmas',
  },
  'DELETE /api/v1/watches/:name': { en: 'stop watching', es: 'dejar de vigilar' },
  'POST /api/v1/watches/:name/check': {
    en: 'look now; answers an operation',
    es: 'revisar ahora; responde una operación',
  },
  'GET /api/v1/copies': {
    en: 'copies that should not exist and images without a source; `all=1` also those that are over',
    es: 'copias que no deberían existir e imágenes sin origen; con `all=1` también las resueltas',
  },
  'POST /api/v1/copies/check': { en: 'compare anew', es: 'comparar de nuevo' },
  'GET /api/v1/replications': {
    en: 'replications: what waits, lag, last success',
    es: 'replicaciones: lo pendiente, el retraso, el último éxito',
  },
  'POST /api/v1/replications': {
    en: 'send images to another registry from now on',
    es: 'enviar imágenes a otro registro desde ahora',
  },
  'GET /api/v1/replications/:name': { en: 'a replication with its queue', es: 'una replicación con su cola' },
  'PUT /api/v1/replications/:name': { en: 'pause or resume', es: 'detener o reanudar' },
  'DELETE /api/v1/replications/:name': {
    en: 'end a replication; what is there stays there',
    es: 'terminar una replicación; lo enviado se queda allí',
  },
  'POST /api/v1/replications/:name/sync': {
    en: 'compare everything and try what waits now',
    es: 'comparar todo e intentar ahora lo pendiente',
  },
  'GET /api/v1/remotes': { en: 'remote registries', es: 'registros remotos' },
  'POST /api/v1/remotes': {
    en: 'allow another registry to be talked to; its secret is stored sealed and never shown',
    es: 'permitir hablar con otro registro; su secreto se guarda sellado y no se muestra nunca',
  },
  'GET /api/v1/remotes/:name': { en: 'a remote registry and what uses it', es: 'un registro remoto y quién lo usa' },
  'PUT /api/v1/remotes/:name': {
    en: 'change what is given; another address takes the credentials away',
    es: 'cambiar lo que se da; otra dirección quita las credenciales',
  },
  'DELETE /api/v1/remotes/:name': { en: 'forget it, unless something uses it', es: 'olvidarlo, si nada lo usa' },
  'POST /api/v1/remotes/:name/check': {
    en: 'whether it answers and lets us in',
    es: 'si responde y deja entrar',
  },
  'GET /api/v1/mirrors': { en: 'mirrors, with their last sync', es: 'réplicas locales, con su última sincronización' },
  'POST /api/v1/projects/:project/mirrors': {
    en: 'mirror a remote registry below `PROJECT/NAME`',
    es: 'replicar un registro remoto bajo `PROYECTO/NOMBRE`',
  },
  'GET /api/v1/projects/:project/mirrors/:name': {
    en: 'a mirror and what it knows of its tags',
    es: 'una réplica local y lo que sabe de sus etiquetas',
  },
  'PUT /api/v1/projects/:project/mirrors/:name': { en: 'change a mirror', es: 'cambiar una réplica local' },
  'DELETE /api/v1/projects/:project/mirrors/:name': {
    en: 'end a mirror; its images stay',
    es: 'terminar una réplica local; sus imágenes se quedan',
  },
  'POST /api/v1/projects/:project/mirrors/:name/sync': {
    en: 'bring what is new now; answers an operation',
    es: 'traer ahora lo nuevo; responde una operación',
  },
  'GET /api/v1/rules': {
    en: 'detection rules in force, files of one’s own, warnings',
    es: 'reglas de detección en vigor, archivos propios, avisos',
  },
  'GET /api/v1/rules/by-name/:rule': {
    en: 'one rule with its page: what it means, when it is innocent, what to do first, what it misses',
    es: 'una regla con su página: qué significa, cuándo es inofensiva, qué hacer primero, qué no ve',
  },
  'GET /api/v1/rules/files/:name': { en: 'a rule file with its text', es: 'un archivo de reglas con su texto' },
  'PUT /api/v1/rules/files/:name': {
    en: 'put a rule file in force, everywhere or in a project (asks `rule.manage` there)',
    es: 'poner en vigor un archivo de reglas, en todas partes o en un proyecto (pide `rule.manage` ahí)',
  },
  'DELETE /api/v1/rules/files/:name': {
    en: 'take a rule file out of force (asks `rule.manage` where it counts)',
    es: 'dejar sin vigor un archivo de reglas (pide `rule.manage` donde cuenta)',
  },
  'POST /api/v1/rules/check': {
    en: 'what there is to say of a rule file that is not in force',
    es: 'qué hay que decir de un archivo de reglas que no está en vigor',
  },
  'POST /api/v1/rules/try': {
    en: 'what a draft or a rule in force would have found in what hosts kept of their last days (a draft asks `rule.manage` and `incident.respond`)',
    es: 'qué habría encontrado un borrador o una regla en vigor en lo que los hosts guardaron de sus últimos días (un borrador pide `rule.manage` e `incident.respond`)',
  },
  'GET /api/v1/rules/tunings': {
    en: 'what of rules is known harmless: by whom, why, until when, how often it held',
    es: 'lo que de las reglas se sabe inofensivo: quién, por qué, hasta cuándo, cuántas veces se cumplió',
  },
  'POST /api/v1/rules/tunings': {
    en: 'say what of a rule is known harmless (asks `rule.manage` there)',
    es: 'decir qué de una regla es inofensivo (pide `rule.manage` ahí)',
  },
  'DELETE /api/v1/rules/tunings/:id': {
    en: 'let a rule speak again (asks `rule.manage` there)',
    es: 'dejar que una regla vuelva a avisar (pide `rule.manage` ahí)',
  },
  'GET /api/v1/routes': {
    en: 'published services',
    es: 'servicios publicados',
  },
  'POST /api/v1/session': {
    en: 'log in a browser: name and password, answers a cookie',
    es: 'iniciar sesión en un navegador: nombre y contraseña, responde una cookie',
  },
  'DELETE /api/v1/session': {
    en: 'end this session or token',
    es: 'terminar esta sesión o testigo',
  },
  'POST /api/v1/session/exchange': {
    en: 'exchange a one-time code for a browser session',
    es: 'cambiar un código de un solo uso por una sesión de navegador',
  },
  'POST /api/v1/session/certificate': {
    en: "exchange a code, name and password, or a robot's token for a client certificate, with a certificate request",
    es: 'cambiar un código, nombre y contraseña, o el testigo de un robot por un certificado de cliente, con una petición de certificado',
  },
  'GET /api/v1/status': {
    en: 'how the parts of the platform are',
    es: 'cómo están las partes de la plataforma',
  },
  'GET /api/v1/tokens': {
    en: "one's tokens (an administrator: all)",
    es: 'testigos propios (administración: todos)',
  },
  'POST /api/v1/tokens': {
    en: 'make a token for a program: name, role, project, days',
    es: 'crear un testigo para un programa: nombre, rol, proyecto, días',
  },
  'DELETE /api/v1/tokens/:id': {
    en: 'revoke a token',
    es: 'revocar un testigo',
  },
  'POST /api/v1/projects/:project/images/:digest/documents': {
    en: 'lay a bill of materials (`application/vnd.cyclonedx+json`, up to 64 MiB) beside its image (`repository`), for a signed statement to name by its digest',
    es: 'dejar junto a su imagen (`repository`) una lista de componentes (`application/vnd.cyclonedx+json`, hasta 64 MiB), para que una declaración firmada la nombre por su digest',
  },
  'POST /api/v1/projects/:project/images/:digest/signatures': {
    en: 'store a signature or attestation made elsewhere beside its image (`bundle` or `cosign`); it must count here',
    es: 'guardar junto a su imagen una firma o certificación hecha fuera (`bundle` o `cosign`); debe contar aquí',
  },
  'GET /api/v1/trust/keys': {
    en: 'public keys that are believed',
    es: 'claves públicas en las que se confía',
  },
  'POST /api/v1/trust/keys': {
    en: 'believe a public key: name, uses, repositories',
    es: 'confiar en una clave pública: nombre, usos, repositorios',
  },
  'POST /api/v1/trust/keys/:name/revoke': {
    en: 'believe a key no longer; with `since`, what is proven to be older still counts',
    es: 'dejar de confiar en una clave; con `since`, lo probado anterior sigue contando',
  },
  'POST /api/v1/trust/keys/:name/rotate': {
    en: 'put another key in the place of a key (`publicKeyPem`; the platform and its builders make theirs); `stolen`: nothing that the former one signed counts',
    es: 'poner otra clave en el lugar de una (`publicKeyPem`; la plataforma y sus constructores crean la suya); `stolen`: nada de lo que firmó la anterior cuenta',
  },
  'GET /api/v1/trust/policy': {
    en: 'the trust policy that stands, or one of its versions (`version`): document, signatures of administrators, who set it',
    es: 'la política de confianza vigente o una de sus versiones (`version`): documento, firmas de quienes administran, quién la fijó',
  },
  'PUT /api/v1/trust/policy': {
    en: 'put a trust policy in place of the one that stands: document, expected version, signatures',
    es: 'poner una política de confianza en lugar de la vigente: documento, versión esperada, firmas',
  },
  'GET /api/v1/users': {
    en: 'people and their roles',
    es: 'personas y sus roles',
  },
  'POST /api/v1/users': {
    en: 'invite a person; answers a one-time code',
    es: 'invitar a una persona; responde un código de un solo uso',
  },
  'DELETE /api/v1/users/:name': {
    en: 'remove a person with sessions and tokens',
    es: 'eliminar a una persona con sus sesiones y testigos',
  },
  'POST /api/v1/users/:name/code': {
    en: 'a new one-time code for a person',
    es: 'un código nuevo de un solo uso para una persona',
  },
  'PUT /api/v1/users/:name/state': {
    en: 'shut a person out, or let them in again',
    es: 'cerrar el paso a una persona, o volver a dejarla entrar',
  },
  'PUT /api/v1/users/:name/grants': {
    en: "change a person's roles",
    es: 'cambiar los roles de una persona',
  },
  'GET /api/v1/stats': {
    en: 'counters of what containers use, of all projects that the caller may see',
    es: 'contadores de lo que usan los contenedores de todos los proyectos visibles',
  },
  'GET /api/v1/workloads': {
    en: 'workloads of all projects that the caller may see',
    es: 'cargas de trabajo de todos los proyectos visibles',
  },
  'GET /api/v1/projects/:project/members': {
    en: 'people with a role in the project itself',
    es: 'personas con un rol en el propio proyecto',
  },
  'PUT /api/v1/projects/:project/members/:name': {
    en: 'give a person exactly these roles in the project',
    es: 'dar a una persona exactamente estos roles en el proyecto',
  },
  'DELETE /api/v1/projects/:project/members/:name': {
    en: "take a person's roles in the project away, at once",
    es: 'quitar al momento los roles de una persona en el proyecto',
  },
  'GET /api/v1/projects/:project/robots': {
    en: 'robots of the project with their rights',
    es: 'robots del proyecto con sus derechos',
  },
  'POST /api/v1/projects/:project/robots': {
    en: 'make a robot; its secret is in this answer only',
    es: 'crear un robot; su secreto está solo en esta respuesta',
  },
  'POST /api/v1/projects/:project/robots/:name/rotate': {
    en: 'a new secret; the former one ends at once',
    es: 'un secreto nuevo; el anterior termina al momento',
  },
  'PUT /api/v1/projects/:project/robots/:name/state': {
    en: 'shut a robot out, or let it in again',
    es: 'cerrar el paso a un robot, o volver a dejarlo entrar',
  },
  'DELETE /api/v1/projects/:project/robots/:name': {
    en: 'end a robot at once',
    es: 'terminar un robot al momento',
  },
  'GET /api/v1/projects/:project/images/:digest/changes': {
    en: 'findings and packages that came and went since the image before it in its repository',
    es: 'hallazgos y paquetes que aparecieron y desaparecieron desde la imagen anterior de su repositorio',
  },
  'GET /api/v1/projects/:project/images/:digest/vex': {
    en: 'what is held of each finding, as OpenVEX',
    es: 'qué se sostiene de cada hallazgo, en OpenVEX',
  },
  'GET /api/v1/deadlines': {
    en: 'by when findings of running images, and refused images that run, are to be gone; what is due first coming first',
    es: 'para cuándo deben desaparecer los hallazgos de imágenes en marcha y las imágenes rechazadas que se ejecutan, primero lo que antes vence',
  },
  'GET /api/v1/projects/:project/vex': {
    en: 'VEX documents of a project, newest first',
    es: 'documentos VEX de un proyecto, los más nuevos primero',
  },
  'POST /api/v1/projects/:project/vex': {
    en: 'bring a VEX document (OpenVEX, CSAF, CycloneDX); a second person has to believe it',
    es: 'traer un documento VEX (OpenVEX, CSAF, CycloneDX); tiene que creerlo una segunda persona',
  },
  'POST /api/v1/projects/:project/vex/:id/approve': {
    en: 'believe a VEX document that somebody else brought',
    es: 'creer un documento VEX que trajo otra persona',
  },
  'POST /api/v1/projects/:project/vex/:id/revoke': {
    en: 'believe a VEX document no more',
    es: 'dejar de creer un documento VEX',
  },
  'POST /api/v1/projects/:project/exceptions/:id/revoke': {
    en: 'take an exception back, or refuse one that waits',
    es: 'retirar una excepción, o rechazar una que espera',
  },
  'GET /api/v1/projects/:project/trust-rules': {
    en: 'workloads of other platforms that the project believes',
    es: 'cargas de trabajo de otras plataformas a las que cree el proyecto',
  },
  'POST /api/v1/projects/:project/trust-rules': {
    en: 'believe workloads of an issuer, by claims',
    es: 'creer a cargas de trabajo de un emisor, por sus atributos',
  },
  'DELETE /api/v1/projects/:project/trust-rules/:name': {
    en: 'believe them no more; their tokens end at once',
    es: 'dejar de creerlas; sus tokens terminan al momento',
  },
  'GET /api/v1/workload-identity/issuers': {
    en: 'issuers of tokens that are believed',
    es: 'emisores de tokens a los que se cree',
  },
  'POST /api/v1/workload-identity/issuers': {
    en: 'believe an issuer (OpenID Connect)',
    es: 'creer a un emisor (OpenID Connect)',
  },
  'DELETE /api/v1/workload-identity/issuers/:name': {
    en: 'believe it no more; its rules and tokens end at once',
    es: 'dejar de creerlo; sus reglas y tokens terminan al momento',
  },
  'POST /api/v1/workload-identity/token': {
    en: "exchange a workload's token for one of ours (in the manner of RFC 8693)",
    es: 'cambiar el token de una carga de trabajo por uno nuestro (al modo de RFC 8693)',
  },
  'GET /api/v1/storage-classes': {
    en: 'storage classes that a claim may name',
    es: 'clases de almacenamiento que puede nombrar una petición',
  },
  'PUT /api/v1/storage-classes/:name': {
    en: 'offer storage under a name (asks `platform.admin`)',
    es: 'ofrecer almacenamiento con un nombre (pide `platform.admin`)',
  },
  'DELETE /api/v1/storage-classes/:name': {
    en: 'take a class away that no claim lies in',
    es: 'quitar una clase en la que no hay ninguna petición',
  },
  'GET /api/v1/storage-devices': {
    en: 'which host was told to give which device its file system',
    es: 'a qué host se le dijo que creara el sistema de archivos de cada dispositivo',
  },
  'DELETE /api/v1/storage-devices/:id': {
    en: 'let another host format it (asks `platform.admin`)',
    es: 'dejar que otro host lo formatee (pide `platform.admin`)',
  },
  'GET /api/v1/volumes': {
    en: 'volumes of all projects that the caller may see: state, size, use',
    es: 'volúmenes de todos los proyectos que se pueden ver: estado, tamaño, uso',
  },
  'GET /api/v1/projects/:project/volumes': {
    en: 'volumes of a project: state with its reason, size, use',
    es: 'volúmenes de un proyecto: estado con su motivo, tamaño, uso',
  },
  'GET /api/v1/projects/:project/volumes/:environment/:claim': {
    en: 'one volume with its copies and its schedule',
    es: 'un volumen con sus copias y su programación',
  },
  'PUT /api/v1/projects/:project/volumes/:environment/:claim/reclaim': {
    en: 'what happens to its data when no release wants it',
    es: 'qué ocurre con sus datos cuando ninguna versión lo pide',
  },
  'PUT /api/v1/projects/:project/volumes/:environment/:claim/host': {
    en: 'let another host write to it; its epoch rises',
    es: 'dejar que otro host escriba en él; su época sube',
  },
  'DELETE /api/v1/projects/:project/volumes/:environment/:claim': {
    en: 'take its data and snapshots away; answers an operation whose result is the proof',
    es: 'borrar sus datos e instantáneas; responde una operación cuyo resultado es la prueba',
  },
  'POST /api/v1/projects/:project/volumes/:environment/:claim/snapshots': {
    en: 'copy it on the same disk; answers an operation and the id of the copy',
    es: 'copiarlo en el mismo disco; responde una operación y el id de la copia',
  },
  'POST /api/v1/projects/:project/volumes/:environment/:claim/backups': {
    en: 'save it in a repository; answers an operation and the id of the copy',
    es: 'guardarlo en un repositorio; responde una operación y el id de la copia',
  },
  'PUT /api/v1/projects/:project/volumes/:environment/:claim/schedule': {
    en: 'save it by time: cron in UTC, how many stay, days between trials of a restore',
    es: 'guardarlo a horas fijas: cron en UTC, cuántas se quedan, días entre pruebas de restauración',
  },
  'DELETE /api/v1/projects/:project/volumes/:environment/:claim/schedule': {
    en: 'save it by time no longer',
    es: 'dejar de guardarlo a horas fijas',
  },
  'GET /api/v1/projects/:project/backups': {
    en: 'snapshots and backups, newest first (`environment=`, `claim=`)',
    es: 'instantáneas y copias, las más recientes primero (`environment=`, `claim=`)',
  },
  'GET /api/v1/projects/:project/backups/:id': {
    en: 'one copy: its size, hash, and whether a restore of it was tried',
    es: 'una copia: su tamaño, su hash y si se probó a restaurarla',
  },
  'POST /api/v1/projects/:project/backups/:id/restore': {
    en: 'fill a claim that is not there yet; answers an operation',
    es: 'llenar una petición que aún no existe; responde una operación',
  },
  'POST /api/v1/projects/:project/backups/:id/verify': {
    en: 'restore a backup aside and compare every file; answers an operation',
    es: 'restaurar una copia aparte y comparar cada archivo; responde una operación',
  },
  'DELETE /api/v1/projects/:project/backups/:id': {
    en: 'take a copy away; answers an operation',
    es: 'borrar una copia; responde una operación',
  },
  'GET /api/v1/projects/:project/backup-schedules': {
    en: 'what is saved when, and how long it stays',
    es: 'qué se guarda cuándo y cuánto tiempo',
  },
  'GET /api/v1/backup-repositories': {
    en: 'where backups go',
    es: 'dónde van las copias',
  },
  'POST /api/v1/backup-repositories': {
    en: 'open a repository, or make it; answers an operation',
    es: 'abrir un repositorio, o crearlo; responde una operación',
  },
  'POST /api/v1/backup-repositories/:name/key': {
    en: 'the key that opens it; who was shown it stands in the audit log',
    es: 'la clave que lo abre; quién la vio queda en la auditoría',
  },
  'DELETE /api/v1/backup-repositories/:name': {
    en: 'forget a repository that nothing needs; what lies in it stays',
    es: 'olvidar un repositorio que nada necesita; lo que contiene se queda',
  },
};
