import type { Text } from '../../system/index.ts';
import type { CheckSeverity, Misconfiguration } from '../report.ts';

/** What a check says of itself; how it looks is in the table that holds it. */
export interface Check {
  /** 'k8s-privileged': never reused for another thing, ignore lists name it. */
  readonly id: string;
  readonly severity: CheckSeverity;
  /** What is wrong, as a predicate of the subject: 'runs privileged'. */
  readonly title: Text;
  readonly remedy: Text;
  /** Items of CIS, NSA/CISA, Pod Security Standards … that ask for it. */
  readonly standards: readonly string[];
}

/** Titles and remedies are written side by side, English then Spanish, so that no pair is torn. */
export type Pair = readonly [en: string, es: string];

export function check(id: string, severity: CheckSeverity, standards: string, title: Pair, remedy: Pair): Check {
  return {
    id,
    severity,
    title: { en: title[0], es: title[1] },
    remedy: { en: remedy[0], es: remedy[1] },
    standards: standards === '' ? [] : standards.split(', '),
  };
}

export interface Spot {
  readonly path: string | null;
  readonly line: number | null;
  readonly subject: string | null;
  /** Said after the title: a name, a value. Never a secret. */
  readonly detail?: string;
}

export function misconfigured(one: Check, { path, line, subject, detail }: Spot): Misconfiguration {
  const start = subject === null ? '' : `${subject}: `;
  const end = detail === undefined ? '' : ` (${detail})`;
  return {
    id: one.id,
    severity: one.severity,
    title: one.title,
    message: { en: `${start}${one.title.en}${end}`, es: `${start}${one.title.es}${end}` },
    remedy: one.remedy,
    standards: one.standards,
    path,
    line,
    subject,
    layer: null,
  };
}

/** A name that says that its value is a credential. */
const SECRET_NAME =
  /(?:^|[_.-])(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|client[_-]?secret|credentials?|auth[_-]?key)(?:[_.-]|$)/i;
/** …unless it says where the credential is, how long it lives, or that there is none. */
const NOT_SECRET =
  /(?:_FILE|_PATH|_DIR|_URL|_URI|_TTL|_NAME|_ID|_LENGTH|_EXPIR\w*|_TIMEOUT|_ENABLED|_TYPE|_ALGORITHM|_VERSION|_SHA256|_GPG_KEY)$/i;

/** A word that switches something, as in MYSQL_RANDOM_ROOT_PASSWORD=yes, is no credential. */
export function isSwitch(value: string): boolean {
  return /^["']?(?:yes|no|true|false|on|off|0|1)["']?$/i.test(value);
}

export function namesSecret(name: string): boolean {
  return SECRET_NAME.test(name.replace(/([a-z0-9])([A-Z])/g, '$1_$2')) && !NOT_SECRET.test(name);
}
