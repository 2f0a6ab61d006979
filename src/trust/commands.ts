import { parseReference, projectOf } from '../oci/index.ts';
import type { CliProgram, Text } from '../system/index.ts';
import { trustFault } from './errors.ts';
import type { SignatureView } from './routes.ts';

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

const USE: Readonly<Record<string, Text>> = {
  image: { en: 'image', es: 'imagen' },
  provenance: { en: 'provenance', es: 'procedencia' },
  sbom: { en: 'SBOM', es: 'SBOM' },
  scan: { en: 'scan', es: 'análisis' },
  approval: { en: 'approval', es: 'aprobación' },
  verdict: { en: 'verdict', es: 'veredicto' },
};

/** `darsena trust …`: whose signatures count, and what is signed about an image. */
export function trustCommands(cli: CliProgram): void {
  const noun = cli.program.command('trust').description(cli.t({ en: 'keys and signatures', es: 'claves y firmas' }));
  noun
    .command('keys')
    .description(cli.t({ en: 'list the keys that are believed', es: 'listar las claves en las que se confía' }))
    .option('--pem', cli.t({ en: 'print the public keys', es: 'mostrar las claves públicas' }))
    .action(async (options: { pem?: boolean }) => {
      const { items } = await cli.api.get<{ items: KeyRow[] }>('/trust/keys');
      if (options.pem === true && !cli.output.json) {
        for (const key of items) cli.print.result(`# ${key.name}\n${key.publicKeyPem.trimEnd()}`);
        return;
      }
      listKeys(cli, items);
    });
  noun
    .command('verify')
    .argument('<image>', cli.t({ en: 'PROJECT/IMAGE@DIGEST', es: 'PROYECTO/IMAGEN@DIGEST' }))
    .description(
      cli.t({
        en: 'show whose signatures of an image count, and why others do not',
        es: 'mostrar qué firmas de una imagen cuentan y por qué no las demás',
      }),
    )
    .action(async (image: string) => {
      const { repository, digest } = parseReference(image);
      if (digest === null) throw trustFault('trust.digest-needed', { image });
      const path = `/projects/${encodeURIComponent(projectOf(repository))}/images/${encodeURIComponent(digest)}/signatures`;
      const { items } = await cli.api.get<{ items: SignatureView[] }>(path);
      const wanted = items.filter((item) => item.repository.endsWith(`/${repository}`));
      if (cli.output.json) cli.print.json({ items: wanted });
      else showSignatures(cli, `${repository}@${digest}`, wanted);
      if (!wanted.some((one) => one.verified && one.kind === 'image')) {
        cli.print.line({
          en: 'no trusted signature stands for this image',
          es: 'ninguna firma de confianza responde por esta imagen',
        });
        cli.exit(4);
      }
    });
}

function listKeys(cli: CliProgram, keys: readonly KeyRow[]): void {
  const state = (key: KeyRow): Text => {
    if (key.revokedAt !== null) return { en: 'revoked', es: 'revocada' };
    return key.signsHere ? { en: 'signs here', es: 'firma aquí' } : { en: 'believed', es: 'de confianza' };
  };
  cli.print.table(
    [
      { title: { en: 'name', es: 'nombre' }, value: (key) => key.name },
      {
        title: { en: 'for', es: 'para' },
        value: (key) => key.uses.map((use) => cli.t(USE[use] ?? { en: use, es: use })).join(', '),
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
      const what = cli.t(USE[kind] ?? { en: kind, es: kind });
      const text = { en: `  counts      ${what}: signed by ${signer}`, es: `  cuenta      ${what}: firma ${signer}` };
      cli.print.line(cli.print.colour('good', cli.t(text)));
      continue;
    }
    const which = bundle === null ? '' : ` (${bundle.slice(0, 19)})`;
    const text = { en: `  not counted ${reason?.en}${which}`, es: `  no cuenta   ${reason?.es}${which}` };
    cli.print.line(cli.print.colour('warn', cli.t(text)));
  }
}
