import type { Text } from '../system/index.ts';

const NETWORK_REASONS: Readonly<Record<string, Text>> = {
  ECONNREFUSED: { en: 'nothing answers there', es: 'allí no responde nadie' },
  ENOTFOUND: { en: 'its name is not known', es: 'su nombre no se conoce' },
  ECONNRESET: { en: 'it cut the connection', es: 'cortó la conexión' },
};

/** `fetch` says only that it failed; why stands in its cause. */
export function networkReason(error: unknown): Text {
  const { name, message, cause } = error as {
    name?: string;
    message?: string;
    cause?: { code?: string; message?: string };
  };
  if (name === 'TimeoutError') return { en: 'it did not answer in time', es: 'no respondió a tiempo' };
  const known = NETWORK_REASONS[cause?.code ?? ''];
  if (known !== undefined) return known;
  const said = cause?.message ?? message ?? String(error);
  return { en: said, es: said };
}
