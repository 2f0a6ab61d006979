import type { Command } from 'commander';
import { type CliProgram, systemClock, writeFileAtomic } from '../system/index.ts';
import { readTrustedRoot } from './sigstore/trusted-root.ts';
import { updateTarget } from './tuf.ts';
import { readTufState, tufMirror, writeTufState } from './tuf-mirror.ts';

/** `darsena trust root`: the authorities of a Sigstore instance, renewed from a mirror that is not believed. */
export function addRootCommand(noun: Command, cli: CliProgram): void {
  noun
    .command('root')
    .argument('<output>', cli.t({ en: 'trusted_root.json to write', es: 'trusted_root.json que escribir' }))
    .requiredOption(
      '--mirror <address>',
      cli.t({ en: 'folder or URL of the TUF repository', es: 'carpeta o URL del repositorio TUF' }),
    )
    .requiredOption(
      '--state <folder>',
      cli.t({ en: 'what is kept between updates', es: 'lo que se guarda entre actualizaciones' }),
    )
    .option(
      '--root <file>',
      cli.t({ en: 'the first root.json, got by another way', es: 'el primer root.json, obtenido por otra vía' }),
    )
    .option('--target <name>', cli.t({ en: 'another target', es: 'otro objetivo' }), 'trusted_root.json')
    .description(
      cli.t({
        en: 'renew a trusted root from a TUF mirror: rollback, freeze and mixing are refused',
        es: 'renovar una raíz de confianza desde una réplica TUF: se rechaza retroceder, congelar o mezclar',
      }),
    )
    .action(async (output: string, options: { mirror: string; state: string; root?: string; target: string }) => {
      const state = await readTufState(options.state, options.root ?? null);
      const update = await updateTarget(tufMirror(options.mirror), state, options.target, systemClock.now());
      readTrustedRoot(update.target);
      await writeTufState(options.state, update.state);
      await writeFileAtomic(output, update.target, { mode: 0o644 });
      const { versions, expires } = update;
      if (cli.output.json) cli.print.json({ output, versions, expires: expires.toISOString() });
      cli.print.line({
        en: `${output} is renewed; the mirror's word is good until ${expires.toISOString().slice(0, 10)}`,
        es: `${output} está renovado; la palabra de la réplica vale hasta el ${expires.toISOString().slice(0, 10)}`,
      });
    });
}
