import { projectOf } from '../oci/index.ts';
import type { CliProgram, Text } from '../system/index.ts';
import type { DemandVerdict } from './demands.ts';
import { trustFault } from './errors.ts';
import { resolveImage } from './image-argument.ts';
import { addPolicyCommands } from './policy-commands.ts';
import { readText } from './policy-file.ts';
import { addRootCommand } from './root-command.ts';
import type { SignatureView } from './routes.ts';
import { fullRepository } from './statement.ts';
import { isFormer } from './succession.ts';
import { useInWords } from './use-words.ts';

interface KeyRow {
  readonly id: string;
  readonly name: string;
  readonly algorithm: string;
  readonly uses: readonly string[];
  readonly repositories: readonly string[];
  readonly publicKeyPem: string;
  readonly createdAt: string;
  readonly revokedAt: string | null;
  readonly signsHere: boolean;
}

/** `darsena trust …`: whose signatures count, and what is signed about an image. */
export function trustCommands(cli: CliProgram): void {
  const noun = cli.program.command('trust').description(cli.t({ en: 'keys and signatures', es: 'claves y firmas' }));
  noun
    .command('keys')
    .argument('[name]', cli.t({ en: 'one of them, such as control', es: 'una de ellas, por ejemplo control' }))
    .description(cli.t({ en: 'list the keys that are believed', es: 'listar las claves en las que se confía' }))
    .option('--pem', cli.t({ en: 'print the public keys', es: 'mostrar las claves públicas' }))
    .action(async (name: string | undefined, options: { pem?: boolean }) => {
      const all = (await cli.api.get<{ items: KeyRow[] }>('/trust/keys')).items;
      const items = all.filter((key) => name === undefined || key.name === name);
      if (name !== undefined && items.length === 0) throw trustFault('trust.key-unknown', { key: name });
      if (options.pem === true && !cli.output.json) {
        for (const key of items) {
          // One alone is what other programs read as a file.
          const title = name === undefined ? `# ${key.name}\n` : '';
          cli.print.result(`${title}${key.publicKeyPem.trimEnd()}`);
        }
        return;
      }
      listKeys(cli, items);
    });
  noun
    .command('add')
    .argument('<name>')
    .argument('<file>', cli.t({ en: 'public key in PEM', es: 'clave pública en PEM' }))
    .option('--use <uses...>', cli.t({ en: 'what it may sign', es: 'qué puede firmar' }), ['image'])
    .option('--repository <patterns...>', cli.t({ en: 'where', es: 'dónde' }), ['**'])
    .option('--from <time>', cli.t({ en: 'RFC 3339', es: 'RFC 3339' }))
    .option('--until <time>', cli.t({ en: 'RFC 3339', es: 'RFC 3339' }))
    .description(cli.t({ en: 'believe a public key', es: 'confiar en una clave pública' }))
    .action(
      async (
        name: string,
        file: string,
        given: { use: string[]; repository: string[]; from?: string; until?: string },
      ) => {
        const row = await cli.api.post<KeyRow>('/trust/keys', {
          ...{ name, uses: given.use, repositories: given.repository, publicKeyPem: await readText(file) },
          ...{ validFrom: given.from ?? null, validUntil: given.until ?? null },
        });
        if (cli.output.json) cli.print.json(row);
        else
          cli.print.line({
            en: `${name} is believed (${row.algorithm})`,
            es: `se confía en ${name} (${row.algorithm})`,
          });
      },
    );
  noun
    .command('revoke')
    .argument('<name>')
    .option(
      '--since <time>',
      cli.t({
        en: 'RFC 3339: what a log or time stamp proves to be older still counts',
        es: 'RFC 3339: lo que un registro o sello prueba anterior sigue contando',
      }),
    )
    .description(cli.t({ en: 'believe a key no longer', es: 'dejar de confiar en una clave' }))
    .action(async (name: string, options: { since?: string }) => {
      await cli.api.post(`/trust/keys/${encodeURIComponent(name)}/revoke`, { since: options.since ?? null });
      cli.print.line({ en: `${name} is believed no longer`, es: `ya no se confía en ${name}` });
    });
  noun
    .command('rotate')
    .argument('<name>')
    .argument(
      '[file]',
      cli.t({
        en: 'the new public key in PEM; the platform and its builders make theirs themselves',
        es: 'la clave pública nueva en PEM; la plataforma y sus constructores crean la suya',
      }),
    )
    .option(
      '--stolen',
      cli.t({
        en: 'nothing that the former key signed counts any more',
        es: 'nada de lo que firmó la clave anterior cuenta ya',
      }),
    )
    .description(
      cli.t({
        en: 'put another key in the place of a key; the former one stays believed until it is revoked',
        es: 'poner otra clave en el lugar de una; la anterior sigue siendo de confianza hasta que se revoque',
      }),
    )
    .action(async (name: string, file: string | undefined, { stolen = false }: { stolen?: boolean }) => {
      const { key, former } = await cli.api.post<{ key: KeyRow; former: string }>(
        `/trust/keys/${encodeURIComponent(name)}/rotate`,
        { stolen, ...(file === undefined ? {} : { publicKeyPem: await readText(file) }) },
      );
      if (cli.output.json) {
        cli.print.json({ key, former, stolen });
        return;
      }
      const id = `${key.algorithm} ${key.id.slice(0, 16)}`;
      cli.print.line({ en: `${key.name} is another key now (${id})`, es: `${key.name} es ahora otra clave (${id})` });
      cli.print.line(
        stolen
          ? {
              en: `the former one is ${former}: nothing that it signed counts any more`,
              es: `la anterior es ${former}: nada de lo que firmó cuenta ya`,
            }
          : {
              en: `the former one is ${former}: what it signed counts until darsena trust revoke ${former}`,
              es: `la anterior es ${former}: lo que firmó cuenta hasta darsena trust revoke ${former}`,
            },
      );
    });
  addPolicyCommands(noun, cli);
  addRootCommand(noun, cli);
  noun
    .command('verify')
    .argument('<image>', cli.t({ en: 'PROJECT/IMAGE:TAG or @DIGEST', es: 'PROYECTO/IMAGEN:ETIQUETA o @DIGEST' }))
    .description(
      cli.t({
        en: 'show whose signatures of an image count, and why others do not',
        es: 'mostrar qué firmas de una imagen cuentan y por qué no las demás',
      }),
    )
    .action(async (image: string) => {
      const { repository, digest } = await resolveImage(cli, image);
      const { items, demands } = await readSignatures(cli, repository, digest);
      if (cli.output.json) cli.print.json({ items, demands });
      else showSignatures(cli, `${repository}@${digest}`, items);
      if (demands.length === 0 || demands.some(isMissing)) {
        cli.print.line({
          en: 'the signatures that are wanted do not stand for this image',
          es: 'esta imagen no lleva las firmas que se piden',
        });
        cli.exit(4);
      }
    });
  noun
    .command('explain')
    .argument('<image>', cli.t({ en: 'PROJECT/IMAGE:TAG or @DIGEST', es: 'PROYECTO/IMAGEN:ETIQUETA o @DIGEST' }))
    .description(
      cli.t({
        en: 'go through all signatures of an image: who, by what, when, and why one does not count',
        es: 'recorrer todas las firmas de una imagen: quién, con qué, cuándo y por qué alguna no cuenta',
      }),
    )
    .action(async (image: string) => {
      const { repository, digest } = await resolveImage(cli, image);
      const { items, demands } = await readSignatures(cli, repository, digest);
      if (cli.output.json) cli.print.json({ repository, digest, items, demands });
      else explain(cli, `${repository}@${digest}`, items, demands);
      if (demands.some(isMissing)) cli.exit(4);
    });
}

/** An image that nobody signed is not enough, even where the policy does not name it. */
function isMissing({ use, needed, met }: DemandView): boolean {
  return !met && (needed || use === 'image');
}

type DemandView = DemandVerdict & { readonly repository: string };

/** Signatures and demands of one repository. */
async function readSignatures(
  cli: CliProgram,
  repository: string,
  digest: string,
): Promise<{ items: SignatureView[]; demands: DemandView[] }> {
  const path = `/projects/${encodeURIComponent(projectOf(repository))}/images/${encodeURIComponent(digest)}/signatures`;
  const found = await cli.api.get<{ items: SignatureView[]; demands: DemandView[] }>(path);
  const here = (one: { readonly repository: string }): boolean => one.repository === fullRepository(repository);
  return { items: found.items.filter(here), demands: found.demands.filter(here) };
}

const FORMAT: Readonly<Record<string, Text>> = {
  bundle: { en: 'Sigstore bundle', es: 'paquete Sigstore' },
  cosign: { en: 'cosign 2 layout', es: 'formato de cosign 2' },
  notation: { en: 'Notation', es: 'Notation' },
};

/** Each signature with all that is known about it, then what the policy makes of them together. */
function explain(
  cli: CliProgram,
  image: string,
  items: readonly SignatureView[],
  demands: readonly DemandView[],
): void {
  cli.print.line(cli.print.colour('strong', image));
  if (items.length === 0) cli.print.line({ en: '  it carries no signature', es: '  no lleva ninguna firma' });
  for (const [index, one] of items.entries()) {
    const format = one.format === null ? '' : cli.t(FORMAT[one.format] ?? { en: one.format, es: one.format });
    const what = one.verified ? cli.t(useInWords(one.kind)) : '';
    cli.print.line(`${index + 1}. ${[what, format, one.bundle?.slice(0, 19)].filter(Boolean).join(', ')}`);
    if (one.identity !== null) {
      const { identity, signer } = one;
      const who =
        identity.kind === 'key'
          ? `${cli.t({ en: 'key', es: 'clave' })} ${identity.keyId.slice(0, 16)}`
          : `${identity.subject} (${identity.issuer})`;
      cli.print.line({ en: `   signed by ${signer}: ${who}`, es: `   firma ${signer}: ${who}` });
    }
    for (const time of one.times) {
      const source =
        time.source === 'log'
          ? { en: 'transparency log', es: 'registro de transparencia' }
          : { en: 'time stamp', es: 'sello de tiempo' };
      cli.print.line(`   ${time.at.slice(0, 19)}Z: ${cli.t(source)} ${time.name.split(' ')[0]}`);
    }
    if (one.verified && one.times.length === 0) {
      cli.print.line({
        en: '   no trusted time: judged by today’s keys',
        es: '   sin hora fiable: se juzga con las claves de hoy',
      });
    }
    const outcome: Text = one.verified
      ? { en: '   counts', es: '   cuenta' }
      : { en: `   does not count: ${one.reason?.en}`, es: `   no cuenta: ${one.reason?.es}` };
    cli.print.line(cli.print.colour(one.verified ? 'good' : 'warn', cli.t(outcome)));
  }
  for (const { use, count, of, environments, signers, met, needed } of demands) {
    if (use === 'provenance' && !needed && !met) continue; // nobody asked for it by name
    const wanted =
      of === null ? cli.t({ en: 'any trusted signer', es: 'cualquier firmante de confianza' }) : of.join(', ');
    const seen: Text =
      signers.length === 0
        ? { en: 'signed by nobody', es: 'no firmó nadie' }
        : {
            en: `signed by ${signers.join(', ')}`,
            es: `${signers.length === 1 ? 'firmó' : 'firmaron'} ${signers.join(', ')}`,
          };
    const name = cli.t(useInWords(use));
    const places = environments?.join(', ');
    const line: Text = {
      en: `${name}: ${count} of ${wanted} wanted${places === undefined ? '' : ` in ${places}`}, ${seen.en}`,
      es: `${name}: se ${count === 1 ? 'pide' : 'piden'} ${count} de ${wanted}${places === undefined ? '' : ` en ${places}`}; ${seen.es}`,
    };
    cli.print.line(cli.print.colour(met ? 'good' : 'bad', cli.t(line)));
  }
}

function listKeys(cli: CliProgram, keys: readonly KeyRow[]): void {
  const state = (key: KeyRow): Text => {
    if (key.revokedAt !== null) return { en: 'revoked', es: 'revocada' };
    if (isFormer(key.name)) return { en: 'former', es: 'anterior' };
    return key.signsHere ? { en: 'signs here', es: 'firma aquí' } : { en: 'believed', es: 'de confianza' };
  };
  cli.print.table(
    [
      { title: { en: 'name', es: 'nombre' }, value: (key) => key.name },
      {
        title: { en: 'for', es: 'para' },
        value: (key) => key.uses.map((use) => cli.t(useInWords(use))).join(', '),
      },
      { title: { en: 'state', es: 'estado' }, value: (key) => cli.t(state(key)) },
      { title: { en: 'key', es: 'clave' }, value: (key) => `${key.algorithm} ${key.id.slice(0, 16)}` },
      { title: { en: 'age', es: 'antigüedad' }, value: (key) => cli.print.age(key.createdAt) },
      { title: { en: 'repositories', es: 'repositorios' }, value: (key) => key.repositories.join(' '), wide: true },
    ],
    keys,
    { empty: { en: 'no keys yet: darsena up makes them', es: 'todavía no hay claves: las crea darsena up' } },
  );
}

function showSignatures(cli: CliProgram, image: string, signatures: readonly SignatureView[]): void {
  cli.print.line(cli.print.colour('strong', image));
  for (const { verified, kind, signer, reason, bundle } of signatures) {
    if (verified) {
      const what = cli.t(useInWords(kind));
      const text = { en: `  counts      ${what}: signed by ${signer}`, es: `  cuenta      ${what}: firma ${signer}` };
      cli.print.line(cli.print.colour('good', cli.t(text)));
      continue;
    }
    const which = bundle === null ? '' : ` (${bundle.slice(0, 19)})`;
    const text = { en: `  not counted ${reason?.en}${which}`, es: `  no cuenta   ${reason?.es}${which}` };
    cli.print.line(cli.print.colour('warn', cli.t(text)));
  }
}
