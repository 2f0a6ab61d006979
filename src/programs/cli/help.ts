import { Command, type CommanderError, Help } from 'commander';
import type { Fault, Language } from '../../system/index.ts';
import { cliFault } from './errors.ts';

/** commander's own words; its titles reach us one by one through `styleTitle`. */
const TITLES: Readonly<Record<string, string>> = {
  'Usage:': 'Uso:',
  'Arguments:': 'Argumentos:',
  'Options:': 'Opciones:',
  'Global Options:': 'Opciones generales:',
  'Commands:': 'Órdenes:',
};

const USAGE: Readonly<Record<string, string>> = {
  '[options]': '[opciones]',
  '[command]': '[orden]',
};

export const HELP_WORDS = {
  help: { en: 'show this help', es: 'mostrar esta ayuda' },
  description: {
    en: 'Secure container platform: build, registry, scan, sign, admit, deploy, observe, respond',
    es: 'Plataforma segura de contenedores: construir, registrar, escanear, firmar, admitir, desplegar, observar, responder',
  },
  instance: {
    en: 'which instance on this machine (default: $DARSENA_INSTANCE, else darsena)',
    es: 'qué instancia de esta máquina (por defecto: $DARSENA_INSTANCE o, si falta, darsena)',
  },
  json: { en: 'print JSON for scripts', es: 'mostrar JSON para programas' },
  quiet: { en: 'print the result only', es: 'mostrar solo el resultado' },
  output: { en: '"wide" shows every column', es: '"wide" muestra todas las columnas' },
} as const;

/** No command and no noun has a `help` verb: `--help` is the one way, and it is said everywhere. */
class QuietCommand extends Command {
  constructor(name?: string) {
    super(name);
    this.helpCommand(false);
  }

  override createCommand(name?: string): Command {
    return new QuietCommand(name);
  }
}

/** Makes a commander program whose help and errors speak the caller's language, and all its subcommands alike. */
export function createProgram(language: Language): Command {
  const program = new QuietCommand('darsena');
  program
    .description(HELP_WORDS.description[language])
    .configureHelp({
      optionDescription(this: Help, option) {
        // What may be given again begins with nothing: no default worth a word.
        const whole = Help.prototype.optionDescription.call(this, option).replace(' (default: [])', '');
        if (language === 'en') return whole;
        return whole.replace('(choices:', '(valores:').replace('(default:', '(por defecto:');
      },
      ...(language === 'es'
        ? {
            styleTitle: (title: string) => TITLES[title] ?? title,
            styleUsage: (usage: string) => usage.replace(/\[options\]|\[command\]/g, (word) => USAGE[word] ?? word),
            subcommandTerm(this: Help, command: Command) {
              return Help.prototype.subcommandTerm
                .call(this, command)
                .replace(/\[options\]/g, (word) => USAGE[word] ?? word);
            },
          }
        : {}),
      helpWidth: Math.min(100, process.stdout.columns ?? 100),
    })
    .helpOption('-h, --help', HELP_WORDS.help[language])
    // Every error is said by us, in three lines and in the caller's language.
    .configureOutput({ writeErr: () => undefined })
    .exitOverride();
  return program;
}

/** Turns what commander found wrong with the arguments into one of our faults; null for help and version, which are no errors. */
export function usageFault(error: CommanderError, command: string): Fault | null {
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? '';
  const path = command === '' ? '' : `${command} `;
  switch (error.code) {
    case 'commander.help':
    case 'commander.helpDisplayed':
    case 'commander.version':
      return null;
    case 'commander.unknownCommand': {
      const suggestion = /Did you mean (?:one of )?([^?)]+)\?/.exec(error.message)?.[1];
      return cliFault('cli.unknown-command', {
        name: quoted,
        command: path,
        hint: suggestion === undefined ? '' : `   (${suggestion}?)`,
      });
    }
    case 'commander.unknownOption':
      return cliFault('cli.unknown-option', { name: quoted, command: path });
    case 'commander.missingArgument':
    case 'commander.optionMissingArgument':
    case 'commander.missingMandatoryOptionValue':
      return cliFault('cli.missing-argument', { name: quoted, command: path });
    case 'commander.excessArguments':
      return cliFault('cli.excess-arguments', { command });
    case 'commander.invalidArgument': {
      // Options that take a choice name all of them; others say what they expect.
      const [, flags = '', value = '', expected = ''] =
        /option '([^']*)' argument '(.*?)' is invalid\. ?(?:Allowed choices are )?(.+?)\.?$/s.exec(error.message) ?? [];
      if (expected === '')
        return cliFault('cli.wrong-use', { reason: error.message.replace(/^error: /, ''), command: path });
      const flag = /--[a-z-]+/.exec(flags)?.[0] ?? flags;
      return cliFault('cli.option-value', { flag, value: value.slice(0, 80), expected, command: path });
    }
    default:
      return cliFault('cli.wrong-use', { reason: error.message.replace(/^error: /, ''), command: path });
  }
}
