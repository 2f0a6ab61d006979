import { z } from 'zod';
import { type Descriptor, type Digest, digestOf, parseManifest } from '../../oci/index.ts';
import { canonicalJson, describeIssue, type Json, type Text } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import { SHIELD_FEED_MAX_BYTES } from '../limits.ts';
import { SHIELD, type ShieldEntry, UNSTOPPABLE } from './feed.ts';

/** Where feeds of the shield lie in the registry, under one tag. */
export const SHIELD_REPOSITORY = 'platform/kernel-shield';
export const SHIELD_TAG = 'feed';
const FEED_TYPE = 'application/vnd.darsena.kernel-shield.v1+json';
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

/** All entries there are, as of one number; a host and a platform take no older one than they hold. */
export interface ShieldFeed {
  readonly number: number;
  /** RFC 3339 */
  readonly issuedAt: string;
  readonly entries: readonly ShieldEntry[];
  readonly unstoppable: typeof UNSTOPPABLE;
}

/** The one that comes with the platform. Raise the number with every change of its entries. */
export const SHIPPED_FEED: ShieldFeed = {
  number: 2,
  issuedAt: '2026-11-22T00:00:00.000Z',
  entries: SHIELD,
  unstoppable: UNSTOPPABLE,
};

const text = z.strictObject({ en: z.string().min(1).max(2_000), es: z.string().min(1).max(2_000) });
const cve = z.string().regex(/^CVE-\d{4}-\d{4,9}$/);
const call = z.string().regex(/^[a-z0-9_]{1,40}$/);
const calls = z.array(call).max(100);
const families = z.array(z.number().int().min(0).max(63)).max(64);
/** A number alone: there are switches whose text is a program to run. */
const value = z.string().regex(/^\d{1,10}$/);

const control = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('sysctl'),
    name: z.string().regex(/^(?:kernel|user|net|vm|fs|dev)(?:\.[a-z0-9_]{1,60}){1,6}$/),
    set: value,
    closed: z.array(value).min(1).max(20),
  }),
  z.strictObject({
    kind: z.literal('module'),
    names: z
      .array(z.string().regex(/^[A-Za-z0-9_]{1,64}$/))
      .min(1)
      .max(100),
  }),
  z.strictObject({ kind: z.literal('seccomp'), families, calls }),
]);

const feed = z
  .strictObject({
    number: z.number().int().min(1).max(1_000_000_000),
    issuedAt: z.iso.datetime(),
    entries: z
      .array(
        z.strictObject({
          // Its record lies beside the feed, under its name.
          id: z.string().regex(/^(?!feed$)[a-z0-9][a-z0-9-]{0,60}$/),
          title: text,
          cves: z.array(cve).min(1).max(2_000),
          option: z.string().regex(/^[A-Z0-9_]{1,80}$/),
          controls: z.array(control).min(1).max(20),
          uses: z.strictObject({ calls, families }).exactOptional(),
          cost: text,
          sources: z.array(z.string().min(1).max(500)).min(1).max(50),
        }),
      )
      .min(1)
      .max(1_000),
    unstoppable: z.array(z.strictObject({ cve, why: text })).max(1_000),
  })
  .refine(({ entries }) => new Set(entries.map(({ id }) => id)).size === entries.length, 'an entry is there twice');

/** @throws Fault host.shield-feed */
export function readFeed(bytes: Uint8Array): ShieldFeed {
  const wrong = (why: Text, cause?: unknown) => hostFault('host.shield-feed', { why }, { cause });
  if (bytes.length > SHIELD_FEED_MAX_BYTES) throw wrong(TOO_LARGE);
  let given: unknown;
  try {
    given = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw wrong(NOT_JSON, cause);
  }
  const read = feed.safeParse(given);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const at = issue?.path.join('.') ?? '';
  const { code: keyword = 'custom', message, ...params } = issue ?? {};
  const said = describeIssue({ keyword, instancePath: at, message, params });
  throw wrong({ en: `${at}: ${said.en}`, es: `${at}: ${said.es}` });
}

export const NOT_JSON: Text = { en: 'it is not JSON', es: 'no es JSON' };
const TOO_LARGE: Text = {
  en: `it has more than ${SHIELD_FEED_MAX_BYTES} bytes`,
  es: `tiene más de ${SHIELD_FEED_MAX_BYTES} bytes`,
};

/** A feed as it is signed and stored: the same feed has the same bytes. */
export function writeFeed(given: ShieldFeed): Buffer {
  return Buffer.from(canonicalJson(JSON.parse(JSON.stringify(given)) as Json));
}

/** A feed as an OCI artifact. */
export function packFeed(bytes: Uint8Array): {
  readonly digest: Digest;
  readonly manifestBytes: Buffer;
  readonly mediaType: string;
  readonly blob: { readonly digest: Digest; readonly bytes: Uint8Array };
} {
  const blob = { digest: digestOf(bytes), bytes };
  const described: Descriptor = { mediaType: FEED_TYPE, digest: blob.digest, size: bytes.length };
  const manifest = {
    ...{ schemaVersion: 2, mediaType: MANIFEST_TYPE, artifactType: FEED_TYPE },
    ...{ config: described, layers: [described] },
  };
  const manifestBytes = Buffer.from(canonicalJson(manifest as unknown as Json));
  return { digest: digestOf(manifestBytes), manifestBytes, mediaType: MANIFEST_TYPE, blob };
}

/** Where the feed of an artifact lies. @throws Fault host.shield-feed */
export function feedOfManifest(bytes: Uint8Array): Descriptor {
  const manifest = parseManifest(bytes);
  if (manifest.kind !== 'manifest' || manifest.config.mediaType !== FEED_TYPE) {
    throw hostFault('host.shield-feed', {
      why: { en: 'it is no feed of the shield', es: 'no es una lista del escudo' },
    });
  }
  if (manifest.config.size > SHIELD_FEED_MAX_BYTES) {
    throw hostFault('host.shield-feed', { why: TOO_LARGE });
  }
  return manifest.config;
}

/** The newer one of two. */
export function newerFeed(one: ShieldFeed, other: ShieldFeed | null): ShieldFeed {
  return other !== null && other.number > one.number ? other : one;
}
