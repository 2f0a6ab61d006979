import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { type CliProgram, writeFileAtomic } from '../system/index.ts';
import { type BelievedKey, containersPolicy } from './containers-policy.ts';
import { trustFault } from './errors.ts';
import { DEMANDED_USES } from './policy.ts';
import { readDocument } from './policy-file.ts';
import type { SignedRecord } from './record.ts';
import { addPolicySign } from './sign-commands.ts';
import type { PolicyRecord } from './store.ts';
import { useInWords } from './use-words.ts';

/** `darsena trust policy …`: whose signatures an instance asks for, as a document that is versioned. */
export function addPolicyCommands(noun: Command, cli: CliProgram): void {
  const policy = noun
    .command('policy')
    .description(
      cli.t({ en: 'whose signatures count, and how many are wanted', es: 'qué firmas cuentan y cuántas se piden' }),
    );
  policy
    .command('show')
    .option('--version <n>', cli.t({ en: 'an older version', es: 'una versión anterior' }))
    .description(cli.t({ en: 'show the policy that stands', es: 'mostrar la política vigente' }))
    .action(async (options: { version?: string }) => {
      const query = options.version === undefined ? '' : `?version=${encodeURIComponent(options.version)}`;
      const record = await cli.api.get<PolicyRecord>(`/trust/policy${query}`);
      if (cli.output.json) cli.print.json(record);
      else showPolicy(cli, record);
    });
  policy
    .command('set')
    .argument('<file>')
    .option('--expected <n>', cli.t({ en: 'refuse if another version stands', es: 'rechazar si rige otra versión' }))
    .option(
      '--signatures <files...>',
      cli.t({ en: 'signatures of administrators', es: 'firmas de quienes administran' }),
    )
    .description(
      cli.t({ en: 'put a policy in place of the one that stands', es: 'poner una política en lugar de la vigente' }),
    )
    .action(async (file: string, options: { expected?: string; signatures?: string[] }) => {
      const document = await readDocument(file);
      const signatures: SignedRecord[] = [];
      for (const path of options.signatures ?? [])
        signatures.push(JSON.parse(await readFile(path, 'utf8')) as SignedRecord);
      const expected = options.expected === undefined ? {} : { expected: Number(options.expected) };
      const record = await cli.api.put<PolicyRecord>('/trust/policy', { document, signatures, ...expected });
      if (cli.output.json) cli.print.json(record);
      else
        cli.print.line({
          en: `trust policy ${record.version} stands`,
          es: `rige la política de confianza ${record.version}`,
        });
    });
  policy
    .command('check')
    .argument('<file>')
    .description(
      cli.t({
        en: 'check a policy document; needs no server',
        es: 'comprobar un documento de política; no necesita servidor',
      }),
    )
    .action(async (file: string) => {
      const document = await readDocument(file);
      if (cli.output.json) cli.print.json(document);
      const [signers, rules] = [document.signers?.length ?? 0, document.rules?.length ?? 0];
      cli.print.line({
        en: `${file} is right: ${signers} signers, ${rules} rules`,
        es: `${file} es correcto: ${signers} firmantes, ${rules} reglas`,
      });
    });
  addPolicySign(policy, cli);
  policy
    .command('containers')
    .requiredOption('--to <folder>', cli.t({ en: 'where to write the files', es: 'dónde escribir los archivos' }))
    .option(
      '--address <host:port>',
      cli.t({ en: 'of the registry, as those machines reach it', es: 'del registro, como lo alcanzan esas máquinas' }),
    )
    .option(
      '--reject-others',
      cli.t({ en: 'refuse images of all other registries', es: 'rechazar imágenes de los demás registros' }),
    )
    .description(
      cli.t({
        en: 'write policy.json and registries.d for Podman and CRI-O on other machines',
        es: 'escribir policy.json y registries.d para Podman y CRI-O en otras máquinas',
      }),
    )
    .action(async (options: { to: string; address?: string; rejectOthers?: boolean }) => {
      const [{ document }, { items }, status] = await Promise.all([
        cli.api.get<PolicyRecord>('/trust/policy'),
        cli.api.get<{ items: BelievedKey[] }>('/trust/keys'),
        options.address === undefined ? cli.api.get<{ registry: string }>('/status') : null,
      ]);
      const address = (options.address ?? status?.registry ?? '').replace(/^https?:\/\//, '');
      // It is written into files of other programs as it stands.
      if (!/^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$/.test(address)) {
        throw trustFault('trust.option', {
          ...{ option: '--address', command: 'trust policy containers' },
          reason: { en: 'expected HOST or HOST:PORT', es: 'se esperaba SERVIDOR o SERVIDOR:PUERTO' },
        });
      }
      const made = containersPolicy(document, items, {
        address,
        others: options.rejectOthers === true ? 'reject' : 'insecureAcceptAnything',
        now: new Date(),
      });
      const files = [
        ['policy.json', `${JSON.stringify(made.policy, null, 2)}\n`],
        ['registries.d/darsena.yaml', made.registriesD],
        ['registries.conf.d/darsena.conf', made.registriesConf],
      ] as const;
      for (const [name, text] of files) {
        const path = join(options.to, name);
        await mkdir(dirname(path), { recursive: true });
        await writeFileAtomic(path, text, { mode: 0o644 });
      }
      if (cli.output.json) cli.print.json({ files: files.map(([name]) => join(options.to, name)), notes: made.notes });
      for (const note of made.notes) cli.print.note(note);
      cli.print.line({
        en: `${files.map(([name]) => name).join(', ')} in ${options.to}; they belong in /etc/containers`,
        es: `${files.map(([name]) => name).join(', ')} en ${options.to}; su lugar es /etc/containers`,
      });
    });
}

function showPolicy(cli: CliProgram, { version, document, actor, createdAt }: PolicyRecord): void {
  if (version === 0) {
    cli.print.line({
      en: 'no policy was set: one signature by any believed key is wanted, bound to the repository',
      es: 'no se ha fijado ninguna política: se pide una firma de cualquier clave de confianza, ligada al repositorio',
    });
    return;
  }
  cli.print.line({
    en: `version ${version}, by ${actor}, ${createdAt}`,
    es: `versión ${version}, de ${actor}, ${createdAt}`,
  });
  cli.print.table(
    [
      { title: { en: 'signer', es: 'firmante' }, value: (one) => one.name },
      { title: { en: 'for', es: 'para' }, value: (one) => one.uses.map((use) => cli.t(useInWords(use))).join(', ') },
      {
        title: { en: 'known by', es: 'se reconoce por' },
        value: ({ keyless, notation }) =>
          keyless !== undefined
            ? `${keyless.subject} (${keyless.issuer})`
            : notation !== undefined
              ? notation.subject
              : cli.t({ en: 'a key', es: 'una clave' }),
        long: true,
      },
      {
        title: { en: 'repositories', es: 'repositorios' },
        value: (one) => (one.repositories ?? ['**']).join(' '),
        wide: true,
      },
      { title: { en: 'until', es: 'hasta' }, value: (one) => one.revokedAt ?? one.validUntil ?? '', wide: true },
    ],
    document.signers ?? [],
    {
      empty: {
        en: 'no signers beside the keys: darsena trust keys',
        es: 'sin firmantes aparte de las claves: darsena trust keys',
      },
    },
  );
  for (const rule of document.rules ?? []) {
    const where = rule.repositories.join(' ');
    for (const use of DEMANDED_USES) {
      const demand = rule[use];
      if (demand === undefined) continue;
      const { count, of, environments } = demand;
      const what = useInWords(use);
      const places = environments?.join(', ');
      cli.print.line({
        en: `${where}: ${what.en}: ${count} of ${of?.join(', ') ?? 'any trusted signer'}${places === undefined ? '' : `, in ${places}`}`,
        es: `${where}: ${what.es}: ${count} de ${of?.join(', ') ?? 'cualquier firmante de confianza'}${places === undefined ? '' : `, en ${places}`}`,
      });
    }
    if (rule.alsoBoundTo !== undefined && rule.alsoBoundTo.length > 0) {
      const places = rule.alsoBoundTo.join(' ');
      cli.print.line({
        en: `${where}: signatures for ${places} count as well`,
        es: `${where}: también cuentan las firmas para ${places}`,
      });
    }
    if ((rule.binding ?? document.binding) === 'ignored') {
      cli.print.line({
        en: `${where}: signatures that are bound to no or another repository count`,
        es: `${where}: cuentan firmas ligadas a otro repositorio o a ninguno`,
      });
    }
  }
}
