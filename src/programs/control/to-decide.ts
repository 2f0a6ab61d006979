import { may, type Principal } from '../../access/index.ts';
import type { Exception } from '../../admit/index.ts';
import type { ServedCertificate } from '../../network/index.ts';
import type { Text } from '../../system/index.ts';
import type { Todo } from './platform-routes.ts';

/** What waits for a person's word, and what ends unless somebody acts. */
export interface ToDecide {
  /** Texts of policies that wait for a second administrator. */
  readonly policies: () => Promise<readonly { readonly name: string; readonly author: string }[]>;
  /** Exceptions of a project that wait for a second person. */
  readonly exceptions: (project: string) => Promise<readonly Pick<Exception, 'author'>[]>;
  readonly hostExceptions: () => Promise<readonly { readonly host: string; readonly author: string }[]>;
  /** Actions and playbooks that wait for an answer. */
  readonly answers: () => Promise<readonly { readonly incident: number; readonly project: string | null }[]>;
  readonly certificates: () => Promise<readonly ServedCertificate[]>;
}

const APPROVE: Text = { en: 'Look and decide', es: 'Ver y decidir' };

/** One line for each place where somebody waits for this person. What one asked for oneself is for another to decide. */
export async function decisionTodos(
  ask: ToDecide,
  principal: Principal,
  projects: readonly string[],
): Promise<readonly Todo[]> {
  const isAdministrator = may(principal, 'platform.admin', null);
  const others = <T extends { readonly author: string }>(all: readonly T[]): readonly T[] =>
    all.filter(({ author }) => author !== principal.actor);
  const todos: Todo[] = [];
  const waiting = (await ask.answers()).filter(({ project }) => may(principal, 'incident.respond', project));
  for (const [number, all] of Map.groupBy(waiting, ({ incident }) => incident)) {
    todos.push({
      id: `answer-${number}`,
      kind: 'incident',
      weight: 97,
      text: {
        en: `Incident ${number}: ${all.length === 1 ? 'an action waits' : `${all.length} actions wait`} for an answer`,
        es: `Incidente ${number}: ${all.length === 1 ? 'una acción espera' : `${all.length} acciones esperan`} una respuesta`,
      },
      href: `/incidents/${number}`,
      action: APPROVE,
    });
  }
  for (const project of projects) {
    if (!may(principal, 'promotion.approve', project)) continue;
    const count = others(await ask.exceptions(project)).length;
    if (count === 0) continue;
    todos.push({
      id: `exceptions-${project}`,
      kind: 'exception',
      weight: 58,
      text: {
        en: `${project}: ${count === 1 ? 'an exception waits' : `${count} exceptions wait`} for a second person`,
        es: `${project}: ${count === 1 ? 'una excepción espera' : `${count} excepciones esperan`} a otra persona`,
      },
      href: `/decisions?project=${encodeURIComponent(project)}`,
      action: APPROVE,
    });
  }
  if (!isAdministrator) return todos;
  for (const { name } of others(await ask.policies())) {
    todos.push({
      id: `policy-${name}`,
      kind: 'policy',
      weight: 62,
      text: {
        en: `Policy ${name}: a new text waits for a second person`,
        es: `Política ${name}: un texto nuevo espera a otra persona`,
      },
      href: `/settings/policies?policy=${encodeURIComponent(name)}`,
      action: APPROVE,
    });
  }
  for (const host of new Set(others(await ask.hostExceptions()).map((one) => one.host))) {
    todos.push({
      id: `host-exception-${host}`,
      kind: 'exception',
      weight: 57,
      text: {
        en: `Host ${host}: an exception waits for a second person`,
        es: `Host ${host}: una excepción espera a otra persona`,
      },
      href: `/hosts?host=${encodeURIComponent(host)}`,
      action: APPROVE,
    });
  }
  todos.push(...(await ask.certificates()).filter(({ state }) => state !== 'valid').map(certificateTodo));
  return todos;
}

/** A certificate from ACME is renewed by itself: it is told when that has not come about for long. */
function certificateTodo({ id, names, state, days, source }: ServedCertificate): Todo {
  const name = names[0] ?? id;
  const isOver = state === 'expired';
  const acme: Text =
    source === 'acme' ? { en: ' and was not renewed', es: ' y no se ha renovado' } : { en: '', es: '' };
  return {
    id: `certificate-${id}`,
    kind: 'certificate',
    weight: isOver ? 96 : days < 7 ? 85 : 50,
    text: isOver
      ? {
          en: `The certificate of ${name} has ended: browsers refuse what it serves`,
          es: `El certificado de ${name} ha terminado: los navegadores rechazan lo que sirve`,
        }
      : {
          en: `The certificate of ${name} ends in ${days} ${days === 1 ? 'day' : 'days'}${acme.en}`,
          es: `El certificado de ${name} termina en ${days} ${days === 1 ? 'día' : 'días'}${acme.es}`,
        },
    href: '/settings/certificates',
    action: { en: 'Open the certificates', es: 'Abrir los certificados' },
  };
}
