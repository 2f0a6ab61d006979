import { z } from 'zod';
import { EVIDENCE_PARTS, type EvidenceManifest } from './format.ts';
import { EVIDENCE_ARCHIVE_BYTES_MAX, EVIDENCE_FILES_MAX } from './limits.ts';

const text = z.string().max(2_000);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A later version may say more: what is not known here is left out of what is shown, the signed record keeps it. */
const shape = z.object({
  version: z.literal(1),
  id: z.uuid(),
  instance: text,
  host: text,
  containerId: sha256,
  incident: count.nullable(),
  requestedBy: text,
  reason: text.nullable(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  freeze: z.object({
    frozen: z.boolean(),
    milliseconds: count,
    pausedBefore: z.boolean(),
    leftPaused: z.boolean(),
    why: text.nullable(),
  }),
  parts: z
    .array(
      z.object({ part: z.enum(EVIDENCE_PARTS), state: z.enum(['whole', 'partial', 'absent']), why: text.nullable() }),
    )
    .max(EVIDENCE_PARTS.length),
  archive: z.object({ sha256, bytes: count.max(EVIDENCE_ARCHIVE_BYTES_MAX) }),
  files: z.array(z.object({ path: z.string().max(4_096), bytes: count, sha256 })).max(EVIDENCE_FILES_MAX),
});

/** What a host signed is still a stranger's word: read before anything of it is kept. @throws Error with the place */
export function readManifest(value: unknown): EvidenceManifest {
  const read = shape.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new TypeError(`its manifest: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as expected'}`);
}
