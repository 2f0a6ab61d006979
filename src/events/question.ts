/** The question of a message to a name server (RFC 1035, 4.1). */

export interface Question {
  /** Lower case, without the dot at its end; bytes that are not of printable ASCII as `\\ddd` (RFC 4343). */
  readonly name: string;
  /** `A`, `TXT` …, or `TYPE65280`. */
  readonly type: string;
}

const HEADER_BYTES = 12;
const LABEL_BYTES_MAX = 63;
const NAME_BYTES_MAX = 255;
/** The bit that tells an answer, and the kind of question. */
const IS_ANSWER = 0x8000;
const TYPES: Readonly<Record<number, string>> = {
  ...{ 1: 'A', 2: 'NS', 5: 'CNAME', 6: 'SOA', 10: 'NULL', 12: 'PTR', 13: 'HINFO', 15: 'MX', 16: 'TXT', 28: 'AAAA' },
  ...{ 33: 'SRV', 35: 'NAPTR', 41: 'OPT', 43: 'DS', 48: 'DNSKEY', 52: 'TLSA', 64: 'SVCB', 65: 'HTTPS', 99: 'SPF' },
  ...{ 252: 'AXFR', 255: 'ANY', 257: 'CAA' },
};

/** The first question, or null when the bytes are none: an answer, cut short, or a name that points elsewhere. */
export function readQuestion(bytes: Buffer): Question | null {
  if (bytes.length < HEADER_BYTES + 5) return null;
  if ((bytes.readUInt16BE(2) & IS_ANSWER) !== 0 || bytes.readUInt16BE(4) === 0) return null;
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const length = bytes[at];
    if (length === undefined || length > LABEL_BYTES_MAX || at - HEADER_BYTES > NAME_BYTES_MAX) return null;
    at++;
    if (length === 0) break;
    if (at + length > bytes.length) return null;
    labels.push(labelText(bytes.subarray(at, at + length)));
    at += length;
  }
  if (at + 4 > bytes.length) return null;
  const type = bytes.readUInt16BE(at);
  return { name: labels.join('.'), type: TYPES[type] ?? `TYPE${type}` };
}

function labelText(label: Buffer): string {
  let text = '';
  for (const byte of label) {
    const isPlain = byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c;
    text += isPlain ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`;
  }
  return text.toLowerCase();
}
