import type { SecretScanner } from './scanner.ts';
import type { ImageSecret, SecretSource } from './secret.ts';

/** A text of an image's configuration in which a credential may lie. */
export interface ConfigText {
  readonly source: SecretSource;
  readonly path: string;
  readonly text: string;
}

/** Texts of a configuration: the most that history and environment of a real image hold is some hundred. */
const TEXTS_MAX = 5000;

/**
 * Environment, labels, entry point and history of an image's configuration (image-spec 1.1, config.md). What has another
 * shape than the specification says is passed over: it cannot carry what it should.
 */
export function configTexts(config: unknown): readonly ConfigText[] {
  const root = recordOf(config);
  const inner = recordOf(root['config']);
  const texts: ConfigText[] = [];
  for (const variable of textsOf(inner['Env'])) {
    const [name = ''] = variable.split('=', 1);
    texts.push({ source: 'config-env', path: name, text: variable });
  }
  for (const [name, value] of Object.entries(recordOf(inner['Labels']))) {
    if (typeof value === 'string') texts.push({ source: 'config-label', path: name, text: `${name}=${value}` });
  }
  for (const name of ['Entrypoint', 'Cmd']) {
    const text = textsOf(inner[name]).join(' ');
    if (text !== '') texts.push({ source: 'config-command', path: name, text });
  }
  const history = Array.isArray(root['history']) ? root['history'] : [];
  for (const [index, entry] of history.entries()) {
    const { created_by: command, comment } = recordOf(entry);
    for (const text of [command, comment]) {
      if (typeof text === 'string' && text !== '') {
        texts.push({ source: 'config-history', path: `history ${index + 1}`, text });
      }
    }
  }
  return texts.slice(0, TEXTS_MAX);
}

export function scanConfigTexts(scanner: SecretScanner, texts: readonly ConfigText[]): ImageSecret[] {
  return texts.flatMap(({ source, path, text }) =>
    scanner.scanText(path, text).map((found) => ({ ...found, source, path, layer: null, removed: false })),
  );
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}
