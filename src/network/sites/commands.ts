import { readFile } from 'node:fs/promises';
import type { CliProgram, Text } from '../../system/index.ts';
import { networkFault } from '../errors.ts';
import { readServer } from '../served/commands.ts';
import type { SiteHostState, SiteState } from './sites.ts';

/** `darsena site …`: hosts that several sites serve, each with a platform of its own. */
export function siteCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const noun = program
    .command('site')
    .description(t({ en: 'balance hosts between sites by DNS', es: 'repartir hosts entre sedes por DNS' }));

  const show = (state: SiteState): void => {
    const { settings, problem, drained, hosts } = state;
    if (cli.output.json) {
      print.json(state);
      return;
    }
    if (settings === null) {
      print.line({
        en: 'this site is not set: darsena site set --help',
        es: 'esta sede no está configurada: darsena site set --help',
      });
      return;
    }
    const { name, addresses, dns } = settings;
    print.result(`${name}: ${addresses.join(', ')} · DNS ${dns.host}:${dns.port} (${dns.zones.join(', ')})`);
    if (problem !== null) print.result(`${print.colour('bad', t(NOT_TOLD))}: ${t(problem)}`);
    if (drained)
      print.result({ en: 'taken out of DNS: darsena site undrain', es: 'fuera del DNS: darsena site undrain' });
    print.table<SiteHostState>(
      [
        { title: { en: 'host', es: 'host' }, value: ({ host }) => host },
        {
          title: { en: 'here', es: 'aquí' },
          value: ({ addresses: own }) =>
            own
              .map(({ address, up }) => `${address} ${print.colour(TONES[stateOf(up)], t(WORDS[stateOf(up)]))}`)
              .join(', '),
        },
        {
          title: { en: 'sites', es: 'sedes' },
          value: ({ sites }) =>
            sites.map((one) => `${one.site} ${print.colour(TONES[one.state], t(WORDS[one.state]))}`).join(', '),
        },
        { title: { en: 'DNS tells', es: 'el DNS dice' }, value: ({ answers }) => answers.join(', ') || '-' },
        { title: { en: 'look at', es: 'atención' }, value: (host) => remarks(host), long: true },
      ],
      hosts,
      {
        empty: {
          en: 'no host is balanced: darsena site balance HOST',
          es: 'ningún host se reparte: darsena site balance HOST',
        },
      },
    );
  };
  function remarks({ addresses, problem, stays }: SiteHostState): string {
    return [
      ...(problem === null ? [] : [t(problem)]),
      ...addresses.flatMap(({ address, why }) => (why === null ? [] : [`${address}: ${t(why)}`])),
      ...(stays ? [t(LAST)] : []),
    ].join('; ');
  }

  noun
    .command('show')
    .alias('list')
    .description(t({ en: 'this site, its hosts and the other sites', es: 'esta sede, sus hosts y las otras sedes' }))
    .action(async () => show(await api.get<SiteState>('/site')));
  noun
    .command('set')
    .requiredOption('--name <name>', t({ en: 'of this site, such as madrid', es: 'de esta sede, como madrid' }))
    .requiredOption(
      '--address <address...>',
      t({
        en: 'at which clients reach its edge, IPv4 or IPv6',
        es: 'en las que los clientes llegan a su borde, IPv4 o IPv6',
      }),
    )
    .option('--port <port>', t({ en: 'of its edge (443)', es: 'de su borde (443)' }), '443')
    .requiredOption(
      '--dns-server <host[:port]>',
      t({ en: 'who takes changes of the zone (RFC 2136)', es: 'quién acepta cambios de la zona (RFC 2136)' }),
    )
    .requiredOption('--zone <zone...>', t({ en: 'zones that may be changed', es: 'zonas que se pueden cambiar' }))
    .requiredOption(
      '--tsig-name <name>',
      t({ en: 'name of the key (HMAC-SHA256)', es: 'nombre de la clave (HMAC-SHA256)' }),
    )
    .option('--tsig-secret-file <file>', t({ en: 'its secret in base64', es: 'su secreto en base64' }))
    .description(t({ en: 'say which site this is', es: 'decir qué sede es esta' }))
    .action(async (options: SetFlags) => {
      const { host, port } = readServer(options.dnsServer);
      const secret = options.tsigSecretFile === undefined ? undefined : await readSecret(options.tsigSecretFile);
      show(
        await api.put<SiteState>('/site', {
          ...{ name: options.name, addresses: options.address, port: Number(options.port) },
          dns: { host, port, zones: options.zone, keyName: options.tsigName },
          ...(secret === undefined ? {} : { secret }),
        }),
      );
    });
  noun
    .command('balance')
    .argument('<host>')
    .option(
      '--path <path>',
      t({ en: 'asked for to know whether it serves (/)', es: 'ruta que se pide para saber si sirve (/)' }),
      '/',
    )
    .option(
      '--ttl <seconds>',
      t({ en: 'how long resolvers keep an answer (30)', es: 'cuánto guardan los resolutores una respuesta (30)' }),
      '30',
    )
    .description(t({ en: 'share a host with the other sites', es: 'repartir un host con las otras sedes' }))
    .action(async (host: string, { path, ttl }: { path: string; ttl: string }) => {
      show(await api.put<SiteState>(`/site/hosts/${encodeURIComponent(host)}`, { path, seconds: Number(ttl) }));
    });
  noun
    .command('unbalance')
    .argument('<host>')
    .description(t({ en: 'take a host of this site out of DNS', es: 'sacar del DNS un host de esta sede' }))
    .action(async (host: string) => {
      await api.delete(`/site/hosts/${encodeURIComponent(host)}`);
      show(await api.get<SiteState>('/site'));
    });
  for (const [word, drained, text] of [
    ['drain', true, { en: 'take this site out of DNS', es: 'sacar esta sede del DNS' }],
    ['undrain', false, { en: 'bring this site back into DNS', es: 'devolver esta sede al DNS' }],
  ] as const) {
    noun
      .command(word)
      .description(t(text))
      .action(async () => show(await api.put<SiteState>('/site/drained', { drained })));
  }
}

interface SetFlags {
  readonly name: string;
  readonly address: readonly string[];
  readonly port: string;
  readonly dnsServer: string;
  readonly zone: readonly string[];
  readonly tsigName: string;
  readonly tsigSecretFile?: string;
}

type SiteWord = 'up' | 'down' | 'silent' | 'unknown';
const WORDS: Readonly<Record<SiteWord, Text>> = {
  up: { en: 'serves', es: 'sirve' },
  down: { en: 'does not serve', es: 'no sirve' },
  silent: { en: 'silent', es: 'callada' },
  unknown: { en: 'not asked yet', es: 'sin consultar aún' },
};
const TONES = { up: 'good', down: 'bad', silent: 'bad', unknown: 'faint' } as const;
const NOT_TOLD: Text = { en: 'DNS takes no change from here', es: 'el DNS no acepta cambios de aquí' };
const LAST: Text = {
  en: 'no site serves it; its addresses stay, as no answer would be no better',
  es: 'ninguna sede lo sirve; sus direcciones se quedan, pues no responder nada no sería mejor',
};

function stateOf(up: boolean | null): SiteWord {
  return up === null ? 'unknown' : up ? 'up' : 'down';
}

/** @throws Fault network.file-unreadable */
async function readSecret(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw networkFault(
      'network.file-unreadable',
      { path, reason: (cause as NodeJS.ErrnoException).code ?? '' },
      { cause },
    );
  }
}
