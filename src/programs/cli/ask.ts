import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { CliAsk, Language, Text } from '../../system/index.ts';
import { cliFault } from './errors.ts';

/** Questions are asked at a terminal only; nothing ever waits for an answer that cannot come. */
export function createAsk(language: Language, signal: AbortSignal, assumeYes: () => boolean): CliAsk {
  const atTerminal = (): boolean => process.stdin.isTTY === true && process.stderr.isTTY === true;
  const read = async (question: Text, options: { remedy: string; secret?: boolean }): Promise<string> => {
    if (!atTerminal()) {
      throw cliFault('cli.needs-decision', { question: question[language], remedy: options.remedy });
    }
    let muted = false;
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!muted) process.stderr.write(chunk);
        done();
      },
    });
    const lines = createInterface({ input: process.stdin, output, terminal: true });
    try {
      const answer = lines.question(`${question[language]} `, { signal });
      muted = options.secret === true;
      return (await answer).trim();
    } finally {
      if (muted) process.stderr.write('\n');
      lines.close();
    }
  };
  return {
    text: read,
    confirm: async (question, options) => {
      if (assumeYes()) return true;
      const hint = language === 'es' ? '[s/N]' : '[y/N]';
      const answer = await read({ en: `${question.en} ${hint}`, es: `${question.es} ${hint}` }, options);
      return /^(y|yes|s|si|sí)$/i.test(answer);
    },
  };
}
