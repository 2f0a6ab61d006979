import type { Text } from '../../system/index.ts';
import { reasonInWords } from '../reason-words.ts';

const TEXTS = {
  'no-artifact': () => ({
    en: 'it signs bytes that are not in it, and none were given',
    es: 'firma bytes que no contiene, y no se dio ninguno',
  }),
  'other-bytes': () => ({ en: 'it was made for other bytes', es: 'se hizo para otros bytes' }),
  'needs-certificate': () => ({
    en: 'it was signed by a managed key, and here a certificate is expected',
    es: 'la firmó una clave gestionada y aquí se espera un certificado',
  }),
  'needs-key': () => ({
    en: 'it carries a certificate, and here a managed key is expected',
    es: 'lleva un certificado y aquí se espera una clave gestionada',
  }),
  'signature-mismatch': (key) => ({
    en: `the signature does not match ${key}`,
    es: `la firma no corresponde a ${reasonInWords(key ?? '').es}`,
  }),
  'chain-unknown': (subject) => ({
    en: `its certificate (${subject}) was not issued by an authority of the trusted root`,
    es: `su certificado (${subject}) no lo emitió una autoridad de la raíz de confianza`,
  }),
  'certificate-rules': (why) => ({
    en: `its certificate breaks a rule of certificates: ${why}`,
    es: `su certificado incumple una regla de los certificados: ${reasonInWords(why ?? '').es}`,
  }),
  'certificate-time': (who, at, from, until) => ({
    en: `the certificate of ${who} was valid from ${from} to ${until}, and it was signed at ${at}`,
    es: `el certificado de ${who} era válido de ${from} a ${until} y se firmó el ${at}`,
  }),
  'authority-time': (who, at) => ({
    en: `the trusted root did not trust ${who} at the time of signing, ${at}`,
    es: `la raíz de confianza no confiaba en ${who} cuando se firmó, ${at}`,
  }),
  'signature-expired': (at) => ({
    en: `its signer let it end at ${at}`,
    es: `quien firmó fijó su fin el ${at}`,
  }),
  'time-missing': () => ({
    en: 'no trusted time of signing: neither a log nor a time stamp authority says when',
    es: 'sin hora de firma fiable: ni un registro ni una autoridad de sellado dice cuándo',
  }),
  'time-future': (at, now) => ({
    en: `it claims to be signed at ${at}, and here it is ${now}`,
    es: `dice haberse firmado el ${at} y aquí es ${now}`,
  }),
  'time-duplicate': () => ({
    en: 'the same time stamp or log entry is given twice',
    es: 'el mismo sello de tiempo o asiento de registro aparece dos veces',
  }),
  'stamp-wrong': (why) => ({
    en: `its time stamp does not hold: ${why}`,
    es: `su sello de tiempo no se sostiene: ${reasonInWords(why ?? '').es}`,
  }),
  'sct-missing': () => ({
    en: 'its certificate carries no proof of a certificate log',
    es: 'su certificado no lleva prueba de un registro de certificados',
  }),
  'sct-wrong': (why) => ({
    en: `the certificate log’s proof does not hold: ${why}`,
    es: `la prueba del registro de certificados no se sostiene: ${reasonInWords(why ?? '').es}`,
  }),
  'log-missing': () => ({
    en: 'it is in no transparency log',
    es: 'no está en ningún registro de transparencia',
  }),
  'log-unknown': (id) => ({
    en: `the transparency log ${id} is not in the trusted root, or was not trusted at that time`,
    es: `el registro de transparencia ${id} no está en la raíz de confianza o no era fiable entonces`,
  }),
  'log-promise': () => ({
    en: 'the transparency log did not sign this entry and its time',
    es: 'el registro de transparencia no firmó este asiento y su hora',
  }),
  'log-checkpoint': (why) => ({
    en: `the checkpoint of the transparency log does not hold: ${why}`,
    es: `el punto de control del registro de transparencia no se sostiene: ${reasonInWords(why ?? '').es}`,
  }),
  'log-inclusion': () => ({
    en: 'the entry is not in the transparency log that it names',
    es: 'el asiento no está en el registro de transparencia que nombra',
  }),
  'log-other-entry': (what) => ({
    en: `the transparency log entry is for another ${what}`,
    es: `el asiento del registro de transparencia es de otra cosa: ${reasonInWords(what ?? '').es}`,
  }),
  'log-kind': (kind) => ({
    en: `a transparency log entry of kind ${kind} proves nothing about this signature`,
    es: `un asiento de tipo ${kind} no prueba nada sobre esta firma`,
  }),
  'other-identity': (wanted, seen) => ({
    en: `expected ${wanted}, got ${seen}`,
    es: `se esperaba ${wanted}, se encontró ${seen}`,
  }),
} as const satisfies Record<string, (...seen: string[]) => Text>;

export type DoubtCode = keyof typeof TEXTS;

/** Why a signature is not believed, in words. Its message is the English one; nothing secret is ever in it. */
export class Doubt extends Error {
  readonly code: DoubtCode;
  readonly text: Text;

  constructor(code: DoubtCode, ...seen: string[]) {
    const make: (...parts: string[]) => Text = TEXTS[code];
    const text = make(...seen.map(clip));
    super(text.en);
    this.name = 'Doubt';
    this.code = code;
    this.text = text;
  }
}

/** What a stranger wrote is shown short and without control characters. */
function clip(seen: string): string {
  const plain = seen.replaceAll(/\p{Cc}/gu, '?');
  return plain.length > 300 ? `${plain.slice(0, 300)}…` : plain;
}

/** RFC 3339 to the second. */
export function timeText(at: number): string {
  return Number.isFinite(at) ? new Date(at).toISOString().replace(/\.\d+Z$/, 'Z') : at < 0 ? '-∞' : '∞';
}
