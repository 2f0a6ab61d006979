import { defineFaults } from '../system/index.ts';
import { reasonInWords } from './notices/reason-words.ts';

export const respondFault = defineFaults(
  {
    'respond.incident-unknown': {
      kind: 'not-found',
      en: { what: 'there is no incident {number}', remedy: 'see the incidents: darsena incident list' },
      es: { what: 'no hay ningún incidente {number}', remedy: 'ver los incidentes: darsena incident list' },
    },
    'respond.incident-closed': {
      kind: 'conflict',
      en: { what: 'incident {number} is closed', why: '{owner} closed it at {at}' },
      es: { what: 'el incidente {number} está cerrado', why: 'lo cerró {owner} el {at}' },
    },
    'respond.incident-not-closed': {
      kind: 'conflict',
      en: { what: 'incident {number} is not closed', remedy: 'see it: darsena incident show {number}' },
      es: { what: 'el incidente {number} no está cerrado', remedy: 'verlo: darsena incident show {number}' },
    },
    'respond.owner-needed': {
      kind: 'invalid',
      en: {
        what: 'whom to give incident {number} to was not said',
        remedy: 'darsena incident assign {number} NAME, or --nobody; who may: darsena incident people {number}',
      },
      es: {
        what: 'no se ha dicho a quién encargar el incidente {number}',
        remedy: 'darsena incident assign {number} NOMBRE, o --nobody; quién puede: darsena incident people {number}',
      },
    },
    'respond.owner-unknown': {
      kind: 'invalid',
      en: {
        what: 'incident {number} cannot be given to {name}',
        why: 'nobody of this name may work on incidents of its project',
        remedy: 'see who may: darsena incident people {number}',
      },
      es: {
        what: 'el incidente {number} no se puede encargar a {name}',
        why: 'nadie con este nombre puede trabajar en los incidentes de su proyecto',
        remedy: 'ver quién puede: darsena incident people {number}',
      },
    },
    'respond.action-running': {
      kind: 'conflict',
      en: {
        what: 'an action on incident {number} is still running',
        why: '{actor} started it at {at}',
        remedy: 'wait for it: darsena incident show {number}',
      },
      es: {
        what: 'todavía hay una acción en marcha sobre el incidente {number}',
        why: 'la inició {actor} el {at}',
        remedy: 'esperar a que termine: darsena incident show {number}',
      },
    },
    'respond.nothing-to-kill': {
      kind: 'conflict',
      en: {
        what: 'incident {number} has nothing that can be ended',
        why: 'its alerts name no container',
      },
      es: {
        what: 'el incidente {number} no tiene nada que se pueda terminar',
        why: 'sus alertas no nombran ningún contenedor',
      },
    },
    'respond.reason-needed': {
      kind: 'invalid',
      en: {
        what: 'incident {number} cannot be closed without a reason',
        remedy: 'say what it was: darsena incident close {number} --reason TEXT',
      },
      es: {
        what: 'el incidente {number} no se puede cerrar sin un motivo',
        remedy: 'decir qué era: darsena incident close {number} --reason TEXTO',
      },
    },
    'respond.action-needed': {
      kind: 'needs',
      en: {
        what: 'what to do about incident {number} was not said',
        remedy: 'see what can be done: darsena incident respond {number} --preview',
      },
      es: {
        what: 'no se ha dicho qué hacer con el incidente {number}',
        remedy: 'ver qué se puede hacer: darsena incident respond {number} --preview',
      },
    },
    'respond.action-unavailable': {
      kind: 'conflict',
      en: {
        what: '{action} cannot be done about incident {number}',
        why: '{why}',
        remedy: 'see what can: darsena incident respond {number} --preview',
      },
      es: {
        what: '{action} no se puede hacer con el incidente {number}',
        why: '{why}',
        remedy: 'ver qué se puede: darsena incident respond {number} --preview',
      },
    },
    'respond.channel-invalid': {
      kind: 'invalid',
      en: { what: 'the channel cannot be set up', why: '{why}' },
      es: { what: 'el canal no se puede configurar', why: '{why}' },
    },
    'respond.channel-address': {
      kind: 'refused',
      en: { what: 'the notice is not sent', why: '{why}', remedy: 'darsena notice add NAME … --allow-network CIDR' },
      es: { what: 'el aviso no se envía', why: '{why}', remedy: 'darsena notice add NOMBRE … --allow-network CIDR' },
    },
    'respond.channel-unknown': {
      kind: 'not-found',
      en: { what: 'there is no channel {name}', remedy: 'darsena notice list' },
      es: { what: 'no hay ningún canal {name}', remedy: 'darsena notice list' },
    },
    'respond.notice-failed': {
      kind: 'unavailable',
      en: { what: 'the channel {name} did not take the notice', why: '{why}' },
      es: { what: 'el canal {name} no recibió el aviso', why: '{why}' },
    },
    'respond.policy-invalid': {
      kind: 'invalid',
      en: { what: 'the response policy cannot be used', why: '{place}: {why}', remedy: 'see the manual: response' },
      es: {
        what: 'la política de respuesta no se puede usar',
        why: '{place}: {why}',
        remedy: 'ver el manual: respuesta',
      },
    },
    'respond.policy-unknown': {
      kind: 'not-found',
      en: { what: 'there is no response policy {name}', remedy: 'darsena response policy list' },
      es: { what: 'no hay ninguna política de respuesta {name}', remedy: 'darsena response policy list' },
    },
    'respond.policies-full': {
      kind: 'exhausted',
      en: {
        what: 'there are {most} response policies',
        why: 'each is asked about every alert',
        remedy: 'darsena response policy remove NAME',
      },
      es: {
        what: 'hay {most} políticas de respuesta',
        why: 'se consulta a cada una por cada alerta',
        remedy: 'darsena response policy remove NOMBRE',
      },
    },
    'respond.action-unknown': {
      kind: 'not-found',
      en: { what: 'incident {number} has no action {id} that waits', remedy: 'darsena incident show {number}' },
      es: {
        what: 'el incidente {number} no tiene ninguna acción {id} en espera',
        remedy: 'darsena incident show {number}',
      },
    },
    'respond.action-several': {
      kind: 'invalid',
      en: {
        what: '{id} is meant by {count} actions of incident {number} that wait',
        remedy: 'darsena incident show {number}',
      },
      es: {
        what: '{id} son {count} acciones en espera del incidente {number}',
        remedy: 'darsena incident show {number}',
      },
    },
    'respond.own-approval': {
      kind: 'forbidden',
      en: {
        what: 'the action is not approved',
        why: '{actor} wrote or started what asks for it; another person has to agree',
      },
      es: {
        what: 'la acción no se aprueba',
        why: '{actor} escribió o inició lo que la pide; otra persona tiene que aprobarla',
      },
    },
    'respond.alert-unreadable': {
      kind: 'invalid',
      en: { what: 'an alert cannot be read', why: '{reason}' },
      es: { what: 'no se puede leer una alerta', why: '{reason}' },
    },
    'respond.too-many-comments': {
      kind: 'invalid',
      en: { what: 'incident {number} has {most} comments already', remedy: 'link another incident to it' },
      es: { what: 'el incidente {number} ya tiene {most} comentarios', remedy: 'enlazar otro incidente con él' },
    },
    'respond.link-impossible': {
      kind: 'invalid',
      en: { what: 'incident {number} cannot be linked so', why: 'it is the same one, or has {most} links already' },
      es: { what: 'el incidente {number} no se puede enlazar así', why: 'es el mismo, o ya tiene {most} enlaces' },
    },
    'respond.too-many-filters': {
      kind: 'invalid',
      en: { what: 'there are {most} saved filters already', remedy: 'darsena incident filters --remove NAME' },
      es: { what: 'ya hay {most} filtros guardados', remedy: 'darsena incident filters --remove NOMBRE' },
    },
    'respond.filter-unknown': {
      kind: 'not-found',
      en: { what: 'there is no saved filter "{name}"', remedy: 'darsena incident filters' },
      es: { what: 'no hay ningún filtro guardado "{name}"', remedy: 'darsena incident filters' },
    },
    'respond.playbook-invalid': {
      kind: 'invalid',
      en: { what: 'the playbook cannot be used', why: '{place}: {why}', remedy: 'see the manual: Response, Playbooks' },
      es: { what: 'el guion no sirve', why: '{place}: {why}', remedy: 'ver el manual: Respuesta, Guiones' },
    },
    'respond.playbook-unknown': {
      kind: 'not-found',
      en: { what: 'there is no playbook {name}', remedy: 'darsena playbook list' },
      es: { what: 'no hay ningún guion {name}', remedy: 'darsena playbook list' },
    },
    'respond.playbooks-full': {
      kind: 'invalid',
      en: { what: 'there are {most} playbooks already', remedy: 'darsena playbook remove NAME' },
      es: { what: 'ya hay {most} guiones', remedy: 'darsena playbook remove NOMBRE' },
    },
    'respond.too-many-runs': {
      kind: 'conflict',
      en: {
        what: 'no other run of a playbook begins',
        why: '{actor} has {most} that have not ended',
        remedy: 'darsena playbook show INCIDENT, then approve or decline what waits',
      },
      es: {
        what: 'no empieza ninguna otra ejecución de un guion',
        why: '{actor} tiene {most} que no han acabado',
        remedy: 'darsena playbook show INCIDENTE, y aprobar o rechazar lo que espera',
      },
    },
    'respond.run-unknown': {
      kind: 'not-found',
      en: { what: 'there is no run {id} of a playbook', remedy: 'darsena playbook show INCIDENT' },
      es: { what: 'no hay ninguna ejecución {id} de un guion', remedy: 'darsena playbook show INCIDENTE' },
    },
    'respond.run-not-waiting': {
      kind: 'conflict',
      en: { what: 'the run {id} waits for nobody', why: 'it is {state}' },
      es: { what: 'la ejecución {id} no espera a nadie', why: 'está {state}' },
    },
  },
  reasonInWords,
);
