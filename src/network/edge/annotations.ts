import type { Text } from '../../system/index.ts';
import { EDGE_BODY_BYTES_MAX, EDGE_LIST_MAX, EDGE_RATE_MAX, EDGE_RATE_SECONDS_MAX } from '../limits.ts';
import { AGENT, DENIED_PATH, isNetwork, METHOD, type RouteOptions } from './options.ts';

/** An annotation of an Ingress that the edge acts on. */
export interface RouteAnnotation {
  readonly name: string;
  /** What it does, for `explain` and the manual. */
  readonly how: Text;
  /** What may be written. */
  readonly meaning: Text;
  /** Null: the text means nothing. */
  readonly read: (text: string) => Partial<RouteOptions> | null;
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };
const BYTES: Readonly<Record<string, number>> = { '': 1, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 };
const DURATION: Text = {
  en: 'a time such as 30s, 5m or 1h, at most 24h',
  es: 'un tiempo como 30s, 5m o 1h, hasta 24h',
};
const DAY_SECONDS = 86_400;

/** In the order in which the manual shows them. */
export const ROUTE_ANNOTATIONS: readonly RouteAnnotation[] = [
  {
    name: 'darsena/sticky',
    how: {
      en: 'a client stays with one replica: by a cookie of the edge, or by its address',
      es: 'un cliente se queda con una réplica: por una cookie del borde o por su dirección',
    },
    meaning: { en: 'cookie or address', es: 'cookie o address' },
    read: (text) => (text === 'cookie' || text === 'address' ? { sticky: text } : null),
  },
  {
    name: 'darsena/rate-limit',
    how: {
      en: 'requests of one client (an IPv4 address, an IPv6 /64) in that time; more are answered 429',
      es: 'peticiones de un cliente (una dirección IPv4, un /64 de IPv6) en ese tiempo; a las demás se responde 429',
    },
    meaning: {
      en: 'requests and a time, such as 100/10s, 20/s or 600/m, the time at most 1h',
      es: 'peticiones y un tiempo, como 100/10s, 20/s o 600/m, el tiempo hasta 1h',
    },
    read(text) {
      const [, requests = '', count = '', unit = ''] = /^\s*(\d{1,7})\/(\d{0,5})([smh])\s*$/.exec(text) ?? [];
      const seconds = Number(count === '' ? 1 : count) * (SECONDS[unit] ?? 0);
      const rate = { requests: Number(requests), seconds };
      const sound = rate.requests >= 1 && rate.requests <= EDGE_RATE_MAX;
      return sound && seconds >= 1 && seconds <= EDGE_RATE_SECONDS_MAX ? { rate } : null;
    },
  },
  {
    name: 'darsena/body-limit',
    how: {
      en: 'a longer request is answered 413, and 411 when it does not say how long it is',
      es: 'a una petición más larga se responde 413, y 411 si no dice cuánto ocupa',
    },
    meaning: { en: 'bytes such as 500Ki or 10Mi', es: 'bytes como 500Ki o 10Mi' },
    read(text) {
      const [, number = '', unit = ''] = /^(\d{1,12})(Ki|Mi|Gi)?$/.exec(text) ?? [];
      const bodyBytesMax = Number(number) * (BYTES[unit] ?? 0);
      return bodyBytesMax >= 1 && bodyBytesMax <= EDGE_BODY_BYTES_MAX ? { bodyBytesMax } : null;
    },
  },
  {
    name: 'darsena/answer-timeout',
    how: {
      en: 'how long a replica may take to answer; then 504 (60 s without it)',
      es: 'cuánto puede tardar una réplica en responder; después, 504 (60 s sin ella)',
    },
    meaning: DURATION,
    read: (text) => readSeconds(text, (answerSeconds) => ({ answerSeconds })),
  },
  {
    name: 'darsena/quiet-timeout',
    how: {
      en: 'how long a WebSocket may be silent (1 h without it)',
      es: 'cuánto puede callar un WebSocket (1 h sin ella)',
    },
    meaning: DURATION,
    read: (text) => readSeconds(text, (quietSeconds) => ({ quietSeconds })),
  },
  {
    name: 'darsena/deny-paths',
    how: {
      en: 'answered 403: a path with all below it, or the end of a name in it; compared decoded and in lower case',
      es: 'se responde 403: una ruta con todo lo que cuelga de ella, o el final de un nombre de ella; se compara decodificada y en minúsculas',
    },
    meaning: {
      en: 'paths such as /admin, /.git or *.php, with commas between them, in lower case',
      es: 'rutas como /admin, /.git o *.php, separadas por comas, en minúsculas',
    },
    read: (text) =>
      readList(
        text,
        (part) => DENIED_PATH.test(part),
        (denyPaths) => ({ denyPaths }),
      ),
  },
  {
    name: 'darsena/deny-methods',
    how: { en: 'methods that are answered 403', es: 'métodos a los que se responde 403' },
    meaning: { en: 'methods such as PUT, DELETE', es: 'métodos como PUT, DELETE' },
    read: (text) =>
      readList(
        text,
        (part) => METHOD.test(part),
        (denyMethods) => ({ denyMethods }),
      ),
  },
  {
    name: 'darsena/allow-methods',
    how: { en: 'every other method is answered 403', es: 'a cualquier otro método se responde 403' },
    meaning: { en: 'methods such as GET, HEAD', es: 'métodos como GET, HEAD' },
    read: (text) =>
      readList(
        text,
        (part) => METHOD.test(part),
        (allowMethods) => ({ allowMethods }),
      ),
  },
  {
    name: 'darsena/deny-agents',
    how: {
      en: 'answered 403 when the User-Agent holds one of these, in any case',
      es: 'se responde 403 si el User-Agent contiene uno de estos, en mayúsculas o minúsculas',
    },
    meaning: { en: 'parts of names such as sqlmap, nikto', es: 'partes de nombres como sqlmap, nikto' },
    read: (text) =>
      readList(
        text,
        (part) => AGENT.test(part),
        (denyAgents) => ({ denyAgents }),
      ),
  },
  {
    name: 'darsena/deny-networks',
    how: { en: 'clients that are answered 403', es: 'clientes a los que se responde 403' },
    meaning: { en: 'addresses or blocks such as 203.0.113.0/24', es: 'direcciones o bloques como 203.0.113.0/24' },
    read: (text) => readList(text, isNetwork, (denyNetworks) => ({ denyNetworks })),
  },
  {
    name: 'darsena/allow-networks',
    how: { en: 'every other client is answered 403', es: 'a cualquier otro cliente se responde 403' },
    meaning: { en: 'addresses or blocks such as 10.0.0.0/8', es: 'direcciones o bloques como 10.0.0.0/8' },
    read: (text) => readList(text, isNetwork, (allowNetworks) => ({ allowNetworks })),
  },
];

/** The options that the annotations of an Ingress ask for; those that mean nothing are left out. */
export function readRouteAnnotations(annotations: Readonly<Record<string, string>>): RouteOptions {
  const read = ROUTE_ANNOTATIONS.map(({ name, read: readOne }) =>
    Object.hasOwn(annotations, name) ? readOne(annotations[name] ?? '') : null,
  );
  return Object.assign({}, ...read) as RouteOptions;
}

function readSeconds(text: string, as: (seconds: number) => Partial<RouteOptions>): Partial<RouteOptions> | null {
  const [, count = '', unit = ''] = /^(\d{1,6})([smh])$/.exec(text) ?? [];
  const seconds = Number(count) * (SECONDS[unit] ?? 0);
  return seconds >= 1 && seconds <= DAY_SECONDS ? as(seconds) : null;
}

function readList(
  text: string,
  isSound: (part: string) => boolean,
  as: (parts: readonly string[]) => Partial<RouteOptions>,
): Partial<RouteOptions> | null {
  const parts = text.split(',').map((part) => part.trim());
  return parts.length <= EDGE_LIST_MAX && parts.every(isSound) ? as(parts) : null;
}
