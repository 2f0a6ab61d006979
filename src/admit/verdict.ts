import { z } from 'zod';
import type { Json, Text } from '../system/index.ts';
import { type PublicKey, type SignedRecord, type SigningKey, signRecord, verifyRecord } from '../trust/index.ts';
import { DOORS, type Door } from './admission.ts';
import { admitFault } from './errors.ts';

/** The answer at a door, with every reason. Plain JSON. */
export interface Verdict {
  readonly id: string;
  readonly at: string;
  readonly door: Door;
  readonly decision: 'allow' | 'warn' | 'refuse';
  readonly reasons: readonly Reason[];
  readonly policy: { readonly name: string; readonly version: string };
  readonly project: string;
  readonly environment: string | null;
  readonly digest: string;
  /** Hash of the workload that was judged, null at doors without one. */
  readonly specHash: string | null;
  /** Given for containers of what runs there already, not for a new release. */
  readonly restart: boolean;
  /** From then on it permits nothing. */
  readonly expiresAt: string;
}

export interface Reason {
  readonly rule: string;
  readonly effect: 'warn' | 'refuse';
  readonly message: Text;
  readonly remedy: Text | null;
  /** The package, container … that it is about. */
  readonly subject: string | null;
  /** The exception that turned a refusal into a warning. */
  readonly exception: { readonly id: string; readonly expiresAt: string; readonly reason: string } | null;
}

export const VERDICT_PAYLOAD_TYPE = 'application/vnd.darsena.verdict.v1+json';

const text = z.object({ en: z.string(), es: z.string() });
const verdictShape = z.object({
  id: z.string(),
  at: z.iso.datetime(),
  door: z.enum(DOORS as [Door, ...Door[]]),
  decision: z.enum(['allow', 'warn', 'refuse']),
  reasons: z.array(
    z.object({
      rule: z.string(),
      effect: z.enum(['warn', 'refuse']),
      message: text,
      remedy: text.nullable(),
      subject: z.string().nullable(),
      exception: z.object({ id: z.string(), expiresAt: z.string(), reason: z.string() }).nullable(),
    }),
  ),
  policy: z.object({ name: z.string(), version: z.string() }),
  project: z.string(),
  environment: z.string().nullable(),
  digest: z.string(),
  specHash: z.string().nullable(),
  restart: z.boolean().default(false),
  expiresAt: z.iso.datetime(),
});

/** @throws z.ZodError when the value is no verdict */
export function readVerdict(value: unknown): Verdict {
  return verdictShape.parse(value);
}

/** A verdict as it travels to agents. */
export function signVerdict(key: SigningKey, verdict: Verdict): SignedRecord {
  return signRecord(key, VERDICT_PAYLOAD_TYPE, verdict as unknown as Json);
}

/** What is about to start, as the agent sees it with its own eyes. */
export interface StartQuestion {
  readonly project: string;
  readonly environment: string;
  readonly digest: string;
  readonly specHash: string;
  readonly now: Date;
}

/**
 * Whether a signed verdict permits a start. Returns the verdict when it does.
 * @throws Fault trust.record-refused when the signature does not hold; admit.verdict-refused when it is for another
 *   image, workload or place, refuses, or has expired
 */
export function checkVerdict(record: unknown, keys: readonly PublicKey[], question: StartQuestion): Verdict {
  const refuse = (en: string, es: string) =>
    admitFault('admit.verdict-refused', { image: `${question.project}@${question.digest}`, reason: { en, es } });
  const parsed = verdictShape.safeParse(verifyRecord(record, keys, VERDICT_PAYLOAD_TYPE));
  if (!parsed.success)
    throw refuse('what was signed is no verdict of this version', 'lo firmado no es un veredicto de esta versión');
  const verdict: Verdict = parsed.data;
  for (const field of ['project', 'environment', 'digest', 'specHash'] as const) {
    if (verdict[field] !== question[field]) {
      throw refuse(
        `the verdict is for ${field} ${verdict[field]}, asked was ${question[field]}`,
        `el veredicto es para ${field} ${verdict[field]} y se preguntó por ${question[field]}`,
      );
    }
  }
  if (verdict.door !== 'start') {
    throw refuse(
      `the verdict was given at door ${verdict.door}, not at start`,
      `el veredicto se dio en la puerta ${verdict.door}, no al iniciar`,
    );
  }
  if (verdict.decision === 'refuse') {
    const why = verdict.reasons.find((reason) => reason.effect === 'refuse')?.message;
    throw refuse(why?.en ?? 'the verdict refuses', why?.es ?? 'el veredicto rechaza');
  }
  if (!(question.now.getTime() < Date.parse(verdict.expiresAt)))
    throw refuse(`the verdict expired at ${verdict.expiresAt}`, `el veredicto caducó el ${verdict.expiresAt}`);
  return verdict;
}
