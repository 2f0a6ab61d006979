import { EDGE_CLIENTS_MAX, PROBE_HEADER } from '../limits.ts';
import { LOG_BYTES_MAX, LOG_LINE_BYTES_MAX, LOGGED_METHOD_MAX, logFormat } from './access-log.ts';
import type { RouteOptions } from './options.ts';
import {
  backendOf,
  backendsOf,
  type EdgeBackend,
  type EdgeListener,
  type EdgeRoute,
  type Endpoint,
  type Published,
  WEIGHT_DEFAULT,
} from './route.ts';

/** What is not in the routes: where the edge listens and where its files are. */
export interface EdgeSettings {
  readonly ports: { readonly https: number; readonly http: number };
  /** Addresses to listen on. */
  readonly addresses: readonly string[];
  /** Certificate and key, in one PEM file. */
  readonly certificate: string;
  /** Where the institution's certificates are listed, one file a line. */
  readonly certificateList: string;
  readonly statsSocket: string;
  /** Files: a whole answer for `unavailable`, bodies for the others. */
  readonly pages: Readonly<Record<'unavailable' | 'missing' | 'refused' | 'slow', string>>;
  /** Hides addresses of replicas in the cookies of sticky sessions; letters and digits. */
  readonly stickyKey: string;
}

/** The places of the endpoints of each backend, by its id; a place that is null waits for the next replica without a reload. */
export type Slots = ReadonlyMap<string, readonly (Endpoint | null)[]>;

/** HAProxy's configuration for the routes. Pure: equal input gives equal text. */
export function renderConfig(settings: EdgeSettings, published: Published, slots: Slots): string {
  const { ports } = settings;
  const target = ports.https === 443 ? '' : `:${ports.https}`;
  const tls = ` ssl crt ${settings.certificate} crt-list ${settings.certificateList} alpn h2,http/1.1`;
  const behind = published.proxies.length === 0 ? [] : [expectProxy(published.proxies)];
  return `${[
    global(settings),
    DEFAULTS(settings),
    // In memory and bounded: the agent reads it at the run-time socket, and nothing of it comes to a disk.
    `ring access
  format raw
  maxlen ${LOG_LINE_BYTES_MAX}
  size ${LOG_BYTES_MAX}`,
    [
      'frontend plain',
      bind(settings, ports.http),
      ...behind,
      `  http-request redirect location "https://%[req.hdr(host),field(1,:),lower]${target}%[pathq]" code 308`,
    ].join('\n'),
    [
      'frontend published',
      bind(settings, ports.https, tls),
      ...behind,
      FRONTEND_RULES,
      ...knowProbes(published.probe ?? null),
      ...[...published.routes].sort(compareRoutes).map(renderRule),
      '  default_backend missing',
    ].join('\n'),
    `backend missing
  http-request return status 404 content-type "text/html; charset=utf-8" file ${settings.pages.missing}`,
    ...[...published.listeners]
      .sort((one, other) => one.port - other.port)
      .map((listener) => renderListener(settings, listener, behind)),
    ...backendsOf(published).map((backend) => renderBackend(settings, backend, slots.get(backend.id) ?? [])),
  ].join('\n\n')}\n`;
}

/** Mozilla's intermediate set (version 5.7) without finite-field DH: forward secrecy and authenticated encryption only. */
const CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');
const CIPHERSUITES = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';

function global(settings: EdgeSettings): string {
  return `global
  log stderr format raw daemon notice
  stats socket ${settings.statsSocket} mode 600 level admin expose-fd listeners
  stats timeout 24h
  hard-stop-after 10m
  ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
  ssl-default-bind-ciphers ${CIPHERS}
  ssl-default-bind-ciphersuites ${CIPHERSUITES}
  ssl-default-bind-curves X25519:P-256:P-384
  tune.bufsize 16384
  tune.maxrewrite 1024
  tune.http.maxhdr 101
  tune.h2.max-concurrent-streams 100`;
}

const DEFAULTS = (settings: EdgeSettings): string => `defaults
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
  errorfile 503 ${settings.pages.unavailable}`;

/**
 * Who a client is and what it asks for, before a route is looked for. Headers by which a client could say that it is
 * somebody else are replaced, whatever follows `X-Forwarded-`; `Proxy` would become HTTP_PROXY of a CGI program.
 * What is logged is kept here: the path without its query, cut and escaped.
 */
const FRONTEND_RULES = `  option dontlognull
  log ring@access len ${LOG_LINE_BYTES_MAX} format raw local0 info
  log-format '${logFormat('http')}'
  http-request del-header X-Forwarded- -m beg
  http-request del-header Forwarded
  http-request del-header X-Real-IP
  http-request del-header X-Client-IP
  http-request del-header True-Client-IP
  http-request del-header X-Original-URL
  http-request del-header X-Rewrite-URL
  http-request del-header Proxy
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto https
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Port %[dst_port]
  http-request set-var(txn.host) req.hdr(host),field(1,:),lower
  http-request set-var(txn.log_method) method,bytes(0,${LOGGED_METHOD_MAX}),json(utf8s)
  http-request set-var(txn.log_host) var(txn.host),bytes(0,253),json(utf8s)
  http-request set-var(txn.log_path) path,bytes(0,512),json(utf8s)
  http-request set-var(txn.log_query) query,length
  http-request set-var(txn.log_agent) req.hdr(user-agent),bytes(0,200),json(utf8s)`;

/** Looks of the platform at its own edge, every few seconds, would push what clients asked out of the log. */
function knowProbes(probe: string | null): string[] {
  if (probe !== null && !/^[0-9a-f]{32}$/.test(probe)) throw new RangeError('a probe has a word that is none');
  const known =
    probe === null ? [] : [`  http-request set-log-level silent if { req.hdr(${PROBE_HEADER}) -m str ${probe} }`];
  return [...known, `  http-request del-header ${PROBE_HEADER}`];
}

function bind({ addresses }: EdgeSettings, port: number, options = ''): string {
  return addresses
    .map((address) =>
      // Each family by itself: an address of all IPv6 would else take IPv4 too.
      address.includes(':') ? `  bind [${address}]:${port} v6only${options}` : `  bind ${address}:${port}${options}`,
    )
    .join('\n');
}

function expectProxy(proxies: readonly string[]): string {
  return [...acl('balancers', 'src', proxies), '  tcp-request connection expect-proxy layer4 if balancers'].join('\n');
}

/** Words of one line after which HAProxy wants another one; it takes 64, and some of them are not ours. */
const WORDS_A_LINE = 32;

/** A condition that holds for any of the values; lines of one name add up. */
function acl(name: string, fetch: string, values: readonly string[]): string[] {
  const lines: string[] = [];
  for (let at = 0; at < values.length; at += WORDS_A_LINE) {
    lines.push(`  acl ${name} ${fetch} ${values.slice(at, at + WORDS_A_LINE).join(' ')}`);
  }
  return lines;
}

function renderListener(settings: EdgeSettings, listener: EdgeListener, behind: readonly string[]): string {
  const { port, service, sources, denied = [], tls } = listener;
  const ssl = tls ? ` ssl crt ${settings.certificate} crt-list ${settings.certificateList}` : '';
  // Behind a balancer the client is known by what it says first; the rules of a connection are asked before that is read.
  const request = `tcp-request ${behind.length === 0 ? 'connection' : 'session'}`;
  return [
    `frontend tcp${port}`,
    '  mode tcp',
    bind(settings, port, ssl),
    ...behind,
    '  timeout client 1h',
    `  log ring@access len ${LOG_LINE_BYTES_MAX} format raw local0 info`,
    `  log-format '${logFormat('tcp')}'`,
    ...(denied.length === 0 ? [] : [...acl('denied', 'src', denied), `  ${request} reject if denied`]),
    ...(sources.length === 0 ? [] : [...acl('allowed', 'src', sources), `  ${request} reject unless allowed`]),
    `  default_backend ${backendName(`${service}.tcp${port}`)}`,
  ].join('\n');
}

/** A backend's id as HAProxy spells a name; `/` is not in its alphabet, and `_` stands in no DNS name. */
export function backendName(id: string): string {
  return `s_${id.replaceAll('/', '_')}`;
}

export function serverName(place: number): string {
  return `r${place + 1}`;
}

function renderBackend(settings: EdgeSettings, backend: EdgeBackend, places: readonly (Endpoint | null)[]): string {
  const speak =
    backend.kind === 'tcp'
      ? backend.listener.sendProxy
        ? ' send-proxy-v2'
        : ''
      : backend.options.h2c
        ? ' proto h2'
        : '';
  const servers = places.map((endpoint, place) => {
    if (endpoint === null) return `  server ${serverName(place)} 127.0.0.1:1 weight ${WEIGHT_DEFAULT}${speak} disabled`;
    const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
    const { weight = WEIGHT_DEFAULT } = endpoint;
    return `  server ${serverName(place)} ${host}:${endpoint.port} weight ${weight}${speak}`;
  });
  const rules =
    backend.kind === 'tcp'
      ? ['  mode tcp', '  timeout server 1h', ...(backend.listener.sticky ? BY_ADDRESS : ['  balance leastconn'])]
      : renderOptions(settings, backend.options);
  return [`backend ${backendName(backend.id)}`, ...rules, ...servers].join('\n');
}

/** The same address leads to the same replica, also after a reload, and only the share of one that goes is moved. */
const BY_ADDRESS = ['  balance source', '  hash-type consistent'];

/** What a route asks for beside sending its requests on; refusals come first, the rate counts what was not refused. */
function renderOptions(settings: EdgeSettings, options: RouteOptions): string[] {
  const { sticky, rate, bodyBytesMax, answerSeconds, quietSeconds } = options;
  const { denyPaths, denyMethods, allowMethods, denyAgents, denyNetworks, allowNetworks } = options;
  const forbid = (reason: string, name: string, fetch: string, values: readonly string[] | undefined, only = false) =>
    values === undefined
      ? []
      : [
          ...acl(name, fetch, values),
          `  http-request set-var(txn.refused) str(${reason}) ${only ? 'unless' : 'if'} ${name}`,
        ];
  const lines = [
    ...forbid('network', 'net_allowed', 'src', allowNetworks, true),
    ...forbid('network', 'net_denied', 'src', denyNetworks),
    ...forbid('method', 'method_allowed', 'method', allowMethods, true),
    ...forbid('method', 'method_denied', 'method', denyMethods),
    ...forbid('agent', 'agent_denied', 'req.hdr(user-agent) -m sub -i --', denyAgents?.map(quoted)),
    ...(denyPaths === undefined ? [] : forbidPaths(denyPaths)),
  ];
  if (lines.length > 0) {
    lines.push(
      `  http-request deny deny_status 403 content-type "text/html; charset=utf-8" file ${settings.pages.refused} if { var(txn.refused) -m found }`,
    );
  }
  if (rate !== undefined) {
    lines.push(
      `  stick-table type ipv6 size ${EDGE_CLIENTS_MAX} expire ${rate.seconds}s store http_req_rate(${rate.seconds}s)`,
      '  http-request track-sc0 src,ipmask(32,64)',
      `  acl too_many sc0_http_req_rate gt ${rate.requests}`,
      '  http-request set-var(txn.refused) str(rate) if too_many',
      `  http-request deny deny_status 429 content-type "text/html; charset=utf-8" file ${settings.pages.slow} hdr retry-after ${rate.seconds} if too_many`,
    );
  }
  if (bodyBytesMax !== undefined) {
    lines.push(
      `  acl too_long req.hdr_val(content-length) gt ${bodyBytesMax}`,
      '  acl chunked req.hdr(transfer-encoding) -m found',
      // HTTP/2 can send a body without a word of its length: seen by its first byte, which is waited for.
      '  acl unsaid req.hdr_cnt(content-length) eq 0',
      '  http-request wait-for-body time 10s at-least 1 if unsaid !chunked',
      '  acl has_body req.body_len gt 0',
      '  http-request set-var(txn.refused) str(length) if too_long or chunked or unsaid has_body',
      '  http-request deny deny_status 413 if too_long',
      '  http-request return status 411 content-type "text/plain" string "length required" if { var(txn.refused) -m str length }',
    );
  }
  if (sticky === 'address') lines.push(...BY_ADDRESS);
  if (sticky === 'cookie') {
    lines.push(
      `  cookie ${STICKY_COOKIE} insert indirect nocache httponly secure dynamic attr SameSite=Lax`,
      `  dynamic-cookie-key ${settings.stickyKey}`,
    );
  }
  if (answerSeconds !== undefined) lines.push(`  timeout server ${answerSeconds}s`);
  if (quietSeconds !== undefined) lines.push(`  timeout tunnel ${quietSeconds}s`);
  return lines;
}

const STICKY_COOKIE = 'darsena_replica';

/**
 * A path is compared in the form in which programs may read it: decoded once, in lower case, with backslashes as slashes,
 * without parameters (`;x=1`), `//` and `/./`. One that climbs (`/../`) is refused, as it could lead anywhere; so are control
 * characters, at which some programs stop reading, and a path that cannot be decoded, which is compared with nothing.
 */
function forbidPaths(paths: readonly string[]): string[] {
  const ends = paths.filter((path) => path.startsWith('*')).map((path) => path.slice(1));
  const starts = paths
    .filter((path) => path.startsWith('/'))
    .map((path) =>
      path
        .replace(/\/(?:\.\/)+/g, '/')
        .replace(/\/\/+/g, '/')
        .replace(/\/$/, ''),
    );
  const plain = 'var(txn.plain)';
  return [
    `  http-request set-var(txn.plain) "path,url_dec,lower,regsub('[\\\\\\\\]','/',g),regsub(';[^/]*','',g),regsub('/([.]/)+','/',g),regsub('//+','/',g)"`,
    ...acl('path_denied', `${plain} -m reg`, [quoted('/[.][.](/|$)'), quoted('[[:cntrl:]]')]),
    ...acl('path_denied', `${plain} -m end --`, ends.map(quoted)),
    // Interpreters run /page.php for /page.php/more too, and hand it the rest.
    ...acl(
      'path_denied',
      `${plain} -m sub --`,
      ends.map((end) => quoted(`${end}/`)),
    ),
    ...acl(
      'path_denied',
      `${plain} -m str --`,
      starts.map((path) => quoted(path === '' ? '/' : path)),
    ),
    ...acl(
      'path_denied',
      `${plain} -m beg --`,
      starts.map((path) => quoted(`${path}/`)),
    ),
    `  http-request set-var(txn.refused) str(path) unless { ${plain} -m found }`,
    '  http-request set-var(txn.refused) str(path) if path_denied',
  ];
}

/** One word of HAProxy's configuration, as it stands: nothing has a meaning inside of apostrophes but the apostrophe. */
function quoted(text: string): string {
  if (/['\p{Cc}]/u.test(text)) throw new RangeError(`not one word of a configuration: ${JSON.stringify(text)}`);
  return `'${text}'`;
}

function renderRule(route: EdgeRoute): string {
  // One label for the asterisk, as networking.k8s.io/v1 has it.
  const host = route.host.startsWith('*.')
    ? `{ var(txn.host) -m reg ${quoted(`^[^.]+${route.host.slice(1).replaceAll('.', '[.]')}$`)} }`
    : `{ var(txn.host) -m str ${route.host} }`;
  const backend = backendName(backendOf(route));
  if (route.pathType === 'Exact') return `  use_backend ${backend} if ${host} { path -m str ${quoted(route.path)} }`;
  const prefix = route.path.replace(/\/+$/, '');
  if (prefix === '') return `  use_backend ${backend} if ${host}`;
  // networking.k8s.io/v1: a prefix matches whole elements, /foo is not a prefix of /foobar.
  return `  use_backend ${backend} if ${host} { path -m str ${quoted(prefix)} }\n  use_backend ${backend} if ${host} { path -m beg ${quoted(`${prefix}/`)} }`;
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
      backendOf(route),
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

export function refusedPage(): string {
  return page(
    'Petición rechazada · Request refused',
    'Las reglas de este servicio no admiten esta petición.',
    'The rules of this service do not allow this request.',
  );
}

export function slowPage(): string {
  return page(
    'Demasiadas peticiones · Too many requests',
    'Han llegado demasiadas peticiones de esta dirección. Se puede probar de nuevo en un momento.',
    'Too many requests came from this address. Try again in a moment.',
  );
}
