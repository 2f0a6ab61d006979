import { z } from 'zod';
import type { Alert } from '../../detect/index.ts';
import type { KernelReach } from '../../observe/index.ts';
import type { Text } from '../../system/index.ts';

const TEXT_MAX = 65_536;
/** As many as the sensor's table in the kernel has. */
const RECORDED_MAX = 4_096;
/** Four bytes in the file. */
const COUNT_MAX = 0xffff_ffff;
/** A batch of a recording, at most two mebibytes, in base64. */
const KEPT_LENGTH_MAX = 3 * 1024 * 1024;
const text = z.string().max(TEXT_MAX);
const words = z.union([text, z.strictObject({ en: text, es: text })]);
const counts = z.record(z.string().max(200), z.number().int().min(0));
const time = z.iso.datetime();

const kernelMeans = z.enum(['bpf-lsm', 'bpf-return', 'bpf-signal']).nullable();

/** What the sensor says. It has fewer rights than the agent, so what it sends is read as a stranger's; fields more are left out. */
const fromSensor = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('ready'),
    resumed: z.boolean().default(false),
    coverage: z.object({
      programs: z.array(z.string().max(200)).max(1_000),
      missing: z.array(z.object({ what: text, why: words })).max(1_000),
    }),
  }),
  z.object({
    type: z.literal('rules'),
    revision: z.string().max(16).nullable().default(null),
    accepted: z.boolean(),
    reason: text.nullable().default(null),
  }),
  z.object({ type: z.literal('stats'), events: z.number().int().min(0), lost: counts, tuned: counts.default({}) }),
  z.object({ type: z.literal('gap'), from: time, to: time }),
  z.object({
    type: z.literal('recorded'),
    id: z.string().max(100),
    step: z.enum(['begin', 'read', 'end']),
    why: text.nullable(),
    lost: z.number().int().min(0),
    containers: z
      .array(
        z.object({
          id: z.string().regex(/^[0-9a-f]{64}$/),
          calls: z.array(z.string().regex(/^\w{1,40}$/)).max(512),
          families: z.array(z.number().int().min(0).max(63)).max(64),
          capabilities: z.array(z.number().int().min(0).max(63)).max(64).nullable(),
          fromStart: z.boolean(),
          foreign: z.boolean(),
        }),
      )
      .max(RECORDED_MAX),
  }),
  z.object({
    type: z.literal('guarded'),
    exec: z.object({ means: kernelMeans, why: text.nullable() }),
    open: z.object({ means: kernelMeans, why: text.nullable() }),
    left: z.array(z.string().max(64)).max(10_000),
  }),
  z.object({
    type: z.literal('kept'),
    lane: z.enum(['others', 'opens']),
    ...{ firstMs: z.number().min(0), lastMs: z.number().min(0) },
    ...{ events: z.number().int().min(0).max(COUNT_MAX), missing: z.number().int().min(0) },
    body: z.base64().max(KEPT_LENGTH_MAX),
  }),
  z.object({ type: z.literal('strangers'), ids: z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(1_000) }),
  z.object({
    type: z.literal('watching'),
    watch: z.string().max(100),
    why: text.nullable(),
    missing: z.array(z.object({ what: text, why: words })).max(1_000),
  }),
]);

export type FromSensor =
  | {
      readonly type: 'ready';
      readonly resumed: boolean;
      readonly coverage: { programs: string[]; missing: { what: string; why: Text | string }[] };
    }
  /** Its inside is read by control, which stores it; here it needs an id, to be kept and sent under. */
  | { readonly type: 'alert'; readonly alert: Pick<Alert, 'id'>; readonly stations: readonly number[] }
  | {
      readonly type: 'rules';
      readonly revision: string | null;
      readonly accepted: boolean;
      /** The first mistake, with its place. */
      readonly reason: string | null;
    }
  | {
      readonly type: 'stats';
      readonly events: number;
      readonly lost: Record<string, number>;
      readonly tuned: Record<string, number>;
    }
  | { readonly type: 'gap'; readonly from: string; readonly to: string }
  | ({ readonly type: 'guarded' } & KernelReach)
  | { readonly type: 'strangers'; readonly ids: string[] }
  | {
      readonly type: 'watching';
      readonly watch: string;
      readonly why: string | null;
      readonly missing: { what: string; why: Text | string }[];
    }
  | Extract<z.infer<typeof fromSensor>, { type: 'recorded' }>
  | KeptBatch
  | ActivityBatch;

/** Events for what the host keeps. */
export type KeptBatch = Extract<z.infer<typeof fromSensor>, { type: 'kept' }>;

/** What of the events that somebody looks at came since the last; `body` is read by control, or by who reads the recording. */
export interface ActivityBatch {
  readonly type: 'activity';
  readonly watch: string;
  readonly seen: number;
  readonly dropped: number;
  /** Lines, or a batch of a recording in base64. */
  readonly body: string | readonly unknown[];
}

/** The id becomes the name of a file in the spool. */
const ALERT_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Null for what is no message of a sensor. */
export function readFromSensor(value: unknown): FromSensor | null {
  return readAlert(value) ?? readActivity(value) ?? fromSensor.safeParse(value).data ?? null;
}

/** By hand: there may be ten thousand events a second. */
function readActivity(value: unknown): ActivityBatch | null {
  if (typeof value !== 'object' || value === null || !('type' in value) || value.type !== 'activity') return null;
  const { watch, seen, dropped, body } = value as {
    watch?: unknown;
    seen?: unknown;
    dropped?: unknown;
    body?: unknown;
  };
  if (typeof watch !== 'string' || !isCount(seen) || !isCount(dropped) || dropped > seen) return null;
  if (typeof body !== 'string' && !Array.isArray(body)) return null;
  return { type: 'activity', watch, seen, dropped, body };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** By hand: an alert is in a hurry. */
function readAlert(value: unknown): Extract<FromSensor, { type: 'alert' }> | null {
  if (typeof value !== 'object' || value === null || !('type' in value) || value.type !== 'alert') return null;
  const { alert, stations } = value as { alert?: unknown; stations?: unknown };
  if (typeof alert !== 'object' || alert === null || !('id' in alert)) return null;
  if (typeof alert.id !== 'string' || !ALERT_ID.test(alert.id)) return null;
  const times = Array.isArray(stations) && stations.length <= 8 && stations.every((one) => Number.isFinite(one));
  return { type: 'alert', alert: alert as Pick<Alert, 'id'>, stations: times ? stations : [] };
}
