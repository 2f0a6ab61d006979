import { type EdgeRoute, type Endpoint, WEIGHT_DEFAULT } from './route.ts';

/** What is not in the routes: where the edge listens and where its files are. */
export interface EdgeSettings {
  readonly ports: { readonly https: number; readonly http: number };
  /** Addresses to listen on. */
  readonly addresses: readonly string[];
  /** Certificate and key, in one PEM file. */
  readonly certificate: string;
  readonly statsSocket: string;
  readonly unavailablePage: string;
  readonly missingPage: string;
}

/** The places of a service's endpoints; a place that is null waits for the next replica without a reload. */
export type Slots = ReadonlyMap<string, readonly (Endpoint | null)[]>;

/** HAProxy's configuration for the routes. Pure: equal input gives equal text. */
export function renderConfig(settings: EdgeSettings, routes: readonly EdgeRoute[], slots: Slots): string {
  const { ports, addresses } = settings;
  const binds = (port: number, options = ''): string =>
    addresses
      .map((address) => `  bind ${address.includes(':') ? `[${address}]` : address}:${port}${options}`)
      .join('\n');
  const target = ports.https === 443 ? '' : `:${ports.https}`;
  return `${[
    `global
  log stderr format raw daemon notice
  stats socket ${settings.statsSocket} mode 600 level admin expose-fd listeners
  stats timeout 1m
  hard-stop-after 10m
  ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
  tune.ssl.default-dh-param 2048`,
    `defaults
  mode http
  timeout connect 3s
  timeout queue 5s
  timeout http-request 10s
  timeout http-keep-alive 60s
  timeout client 60s
  timeout client-fin 10s
  timeout server 60s
  timeout tunnel 1h
  retries 3
  option redispatch 1
  retry-on conn-failure
  balance roundrobin
  http-reuse safe
  errorfile 503 ${settings.unavailablePage}`,
    `frontend plain
${binds(ports.http)}
  http-request redirect location "https://%[req.hdr(host),field(1,:),lower]${target}%[pathq]" code 308`,
    `frontend published
${binds(ports.https, ` ssl crt ${settings.certificate} alpn h2,http/1.1`)}
  http-request del-header Forwarded
  http-request del-header X-Real-IP
  http-request del-header X-Forwarded-For
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto https
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-var(txn.host) req.hdr(host),field(1,:),lower
${[...routes].sort(compareRoutes).map(renderRule).join('\n')}
  default_backend missing`,
    `backend missing
  http-request return status 404 content-type "text/html; charset=utf-8" file ${settings.missingPage}`,
    ...[...slots].map(([service, places]) => renderBackend(service, places)),
  ].join('\n\n')}\n`;
}

/** A service key as HAProxy spells a name; `/` is not in its alphabet, and `_` stands in no DNS name. */
export function backendName(service: string): string {
  return `s_${service.replaceAll('/', '_')}`;
}

export function serverName(place: number): string {
  return `r${place + 1}`;
}

function renderBackend(service: string, places: readonly (Endpoint | null)[]): string {
  const lines = places.map((endpoint, place) => {
    if (endpoint === null) return `  server ${serverName(place)} 127.0.0.1:1 weight ${WEIGHT_DEFAULT} disabled`;
    const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
    const { weight = WEIGHT_DEFAULT } = endpoint;
    return `  server ${serverName(place)} ${host}:${endpoint.port} weight ${weight}`;
  });
  return `backend ${backendName(service)}\n${lines.join('\n')}`;
}

function renderRule(route: EdgeRoute): string {
  const host = route.host.startsWith('*.')
    ? `{ var(txn.host) -m end ${route.host.slice(1)} }`
    : `{ var(txn.host) -m str ${route.host} }`;
  const backend = backendName(route.service);
  if (route.pathType === 'Exact') return `  use_backend ${backend} if ${host} { path -m str ${route.path} }`;
  const prefix = route.path.replace(/\/+$/, '');
  if (prefix === '') return `  use_backend ${backend} if ${host}`;
  // networking.k8s.io/v1: a prefix matches whole elements, /foo is not a prefix of /foobar.
  return `  use_backend ${backend} if ${host} { path -m str ${prefix} }\n  use_backend ${backend} if ${host} { path -m beg ${prefix}/ }`;
}

/** Exact hosts before wildcards, exact paths before prefixes, long before short (networking.k8s.io/v1, multiple matches). */
function compareRoutes(left: EdgeRoute, right: EdgeRoute): number {
  const rank = (route: EdgeRoute): string =>
    [
      route.host.startsWith('*.') ? '1' : '0',
      route.host,
      String(10_000 - route.path.length).padStart(5, '0'),
      route.pathType === 'Exact' ? '0' : '1',
      route.path,
      route.service,
    ].join(' ');
  return rank(left) < rank(right) ? -1 : 1;
}

const STYLE =
  'body{font:18px/1.6 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem;color:#1d2a33;background:#f6f4ef}' +
  '@media(prefers-color-scheme:dark){body{color:#e8eef1;background:#12181d}}h1{font-size:1.4rem}p[lang]{margin:.6rem 0}';

function page(title: string, spanish: string, english: string): string {
  return `<!doctype html><html lang="es"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>${STYLE}</style></head><body><h1>${title}</h1><p lang="es">${spanish}</p><p lang="en">${english}</p></body></html>\n`;
}

/** A whole HTTP answer, as HAProxy's `errorfile` wants it. */
export function unavailableAnswer(): string {
  const body = page(
    'Servicio no disponible · Service unavailable',
    'El servicio existe, pero ahora ninguna de sus réplicas está disponible. Suele durar unos segundos.',
    'The service exists, but none of its replicas is ready now. This usually lasts a few seconds.',
  );
  return [
    'HTTP/1.1 503 Service Unavailable',
    'cache-control: no-cache',
    'retry-after: 5',
    'content-type: text/html; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}

export function missingPage(): string {
  return page(
    'Nada publicado aquí · Nothing published here',
    'Con este nombre no hay ningún servicio publicado.',
    'No service is published under this name.',
  );
}
