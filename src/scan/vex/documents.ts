import type { Kysely } from 'kysely';
import type { Journal, JournalTables } from '../../journal/index.ts';
import { type Digest, digestOf } from '../../oci/index.ts';
import { type Clock, Fault, newId } from '../../system/index.ts';
import { scanFault } from '../errors.ts';
import { VEX_DOCUMENTS_MAX } from '../limits.ts';
import type { Finding, FindingVex, ScanReport } from '../report.ts';
import type { ScanTables } from '../store.ts';
import { speaksOf, type VexDocument } from './claim.ts';
import { readVex } from './read.ts';

/** A document somebody brought, and what became of it. */
export interface VexRecord {
  readonly id: string;
  readonly project: string;
  readonly format: FindingVex['format'];
  /** As the document names itself. */
  readonly document: string;
  readonly author: string;
  readonly claims: number;
  readonly digest: Digest;
  readonly state: 'waiting' | 'approved' | 'revoked';
  readonly uploadedBy: string;
  readonly uploadedAt: string;
  readonly approver: string | null;
  readonly decidedAt: string | null;
}

/** VEX that lies signed beside an image: believed because of its key, which the trust policy names for this use. */
export interface SignedVex {
  readonly signer: string;
  readonly bytes: Uint8Array;
}

/** Asked for the signed VEX documents of an image; what cannot be verified is not among them. */
export type FindSignedVex = (project: string, digest: Digest) => Promise<readonly SignedVex[]>;

interface Believed {
  readonly document: VexDocument;
  readonly provenance: FindingVex['provenance'];
  readonly because: string;
}

/** VEX documents of projects. One that nobody signed counts when a second person has approved it. */
export class VexDocuments {
  readonly #db: Kysely<ScanTables>;
  readonly #journal: Pick<Journal, 'record' | 'committed'>;
  readonly #clock: Clock;
  readonly #signed: FindSignedVex;
  /** Approved documents by project, read once. */
  readonly #believed = new Map<string, Promise<readonly Believed[]>>();

  constructor(parts: {
    db: Kysely<ScanTables & JournalTables>;
    journal: Pick<Journal, 'record' | 'committed'>;
    clock: Clock;
    signed: FindSignedVex;
  }) {
    this.#db = parts.db as unknown as Kysely<ScanTables>;
    this.#journal = parts.journal;
    this.#clock = parts.clock;
    this.#signed = parts.signed;
  }

  /** Newest first. */
  async list(project: string): Promise<VexRecord[]> {
    const rows = await this.#db
      .selectFrom('scan_vex')
      .selectAll()
      .where('project', '=', project)
      .orderBy('id', 'desc')
      .limit(VEX_DOCUMENTS_MAX)
      .execute();
    return rows.map(toRecord);
  }

  /**
   * Takes a document in; it counts for nothing until somebody else approves it.
   * @throws Fault scan.vex-invalid, scan.vex-many
   */
  async add(project: string, bytes: Uint8Array, actor: string): Promise<VexRecord> {
    const document = readVex(bytes);
    if ((await this.list(project)).filter(({ state }) => state !== 'revoked').length >= VEX_DOCUMENTS_MAX) {
      throw scanFault('scan.vex-many', { project, most: VEX_DOCUMENTS_MAX });
    }
    const record: VexRecord = {
      id: newId(this.#clock),
      project,
      format: document.format,
      document: document.id.slice(0, 500),
      author: document.author.slice(0, 500),
      claims: document.claims.length,
      digest: digestOf(bytes),
      state: 'waiting',
      uploadedBy: actor,
      uploadedAt: this.#clock.now().toISOString(),
      approver: null,
      decidedAt: null,
    };
    await this.#db.transaction().execute(async (tx) => {
      await tx
        .insertInto('scan_vex')
        .values({
          id: record.id,
          project,
          format: record.format,
          document: record.document,
          author: record.author,
          claims: record.claims,
          digest: record.digest,
          state: record.state,
          uploaded_by: actor,
          uploaded_at: record.uploadedAt,
          approver: null,
          decided_at: null,
          body: Buffer.from(bytes).toString('utf8'),
        })
        .execute();
      await this.#tell(tx, 'vex.added', record, actor);
    });
    this.#journal.committed();
    return record;
  }

  /**
   * The second person believes it.
   * @throws Fault scan.vex-unknown; scan.vex-own for who brought it
   */
  async approve(project: string, id: string, approver: string): Promise<VexRecord> {
    const record = await this.#find(project, id);
    if (record.uploadedBy === approver) throw scanFault('scan.vex-own', { id, author: record.uploadedBy });
    if (record.state !== 'waiting') return record;
    return this.#decide(record, 'approved', approver);
  }

  /** It counts no more, or will not. @throws Fault scan.vex-unknown */
  async revoke(project: string, id: string, actor: string): Promise<VexRecord> {
    const record = await this.#find(project, id);
    return record.state === 'revoked' ? record : this.#decide(record, 'revoked', actor);
  }

  /** What believed documents say of the findings of an image, by finding. */
  async apply(
    project: string,
    report: Pick<ScanReport, 'digest' | 'findings'>,
  ): Promise<ReadonlyMap<Finding, FindingVex>> {
    const found = new Map<Finding, FindingVex>();
    if (report.findings.length === 0) return found;
    const believed = [...(await this.#signedFor(project, report.digest)), ...(await this.#approved(project))];
    if (believed.length === 0) return found;
    const claims = believed.flatMap((one) => one.document.claims.map((claim) => ({ claim, ...one })));
    const byId = new Map<string, typeof claims>();
    for (const one of claims) {
      for (const id of one.claim.ids) byId.set(id, [...(byId.get(id) ?? []), one]);
    }
    for (const finding of report.findings) {
      const candidates = [finding.id, ...finding.aliases].flatMap((id) => byId.get(id) ?? []);
      // The newest word counts; of two at one time the more careful one.
      const [best] = candidates
        .filter(({ claim }) => speaksOf(claim, finding, report.digest))
        .map((one) => ({ ...one, at: one.claim.at ?? one.document.at }))
        .sort((a, b) =>
          a.at === b.at ? CAREFUL.indexOf(a.claim.status) - CAREFUL.indexOf(b.claim.status) : a.at < b.at ? 1 : -1,
        );
      if (best === undefined) continue;
      const { claim, document, provenance, because, at } = best;
      found.set(finding, {
        status: claim.status,
        justification: claim.justification,
        statement: claim.statement,
        document: document.id,
        author: document.author,
        format: document.format,
        provenance,
        believedBecause: because,
        at,
      });
    }
    return found;
  }

  async #signedFor(project: string, digest: Digest): Promise<Believed[]> {
    return (await this.#signed(project, digest)).flatMap(({ signer, bytes }) => {
      try {
        return [{ document: readVex(bytes), provenance: 'signed' as const, because: signer }];
      } catch (error) {
        // A signed document that cannot be read says nothing; it stands unread beside the image.
        if (error instanceof Fault && error.code === 'scan.vex-invalid') return [];
        throw error;
      }
    });
  }

  #approved(project: string): Promise<readonly Believed[]> {
    const known = this.#believed.get(project);
    if (known !== undefined) return known;
    const reading = this.#db
      .selectFrom('scan_vex')
      .select(['body', 'approver'])
      .where('project', '=', project)
      .where('state', '=', 'approved')
      .limit(VEX_DOCUMENTS_MAX)
      .execute()
      .then((rows) =>
        rows.map(({ body, approver }) => ({
          document: readVex(Buffer.from(body)),
          provenance: 'approved' as const,
          because: approver ?? '',
        })),
      );
    this.#believed.set(project, reading);
    reading.catch(() => this.#believed.delete(project));
    return reading;
  }

  async #find(project: string, id: string): Promise<VexRecord> {
    const row = await this.#db
      .selectFrom('scan_vex')
      .selectAll()
      .where('project', '=', project)
      .where('id', '=', id)
      .executeTakeFirst();
    if (row === undefined) throw scanFault('scan.vex-unknown', { id, project });
    return toRecord(row);
  }

  async #decide(record: VexRecord, state: 'approved' | 'revoked', actor: string): Promise<VexRecord> {
    const decidedAt = this.#clock.now().toISOString();
    const approver = state === 'approved' ? actor : record.approver;
    await this.#db.transaction().execute(async (tx) => {
      await tx
        .updateTable('scan_vex')
        .set({ state, approver, decided_at: decidedAt })
        .where('id', '=', record.id)
        .execute();
      await this.#tell(tx, `vex.${state}`, record, actor);
    });
    this.#believed.delete(record.project);
    this.#journal.committed();
    return { ...record, state, approver, decidedAt };
  }

  async #tell(tx: Kysely<ScanTables>, kind: string, record: VexRecord, actor: string): Promise<void> {
    const { id, project, digest, format, document, author, claims } = record;
    await this.#journal.record(tx as unknown as Kysely<JournalTables>, {
      kind,
      project,
      actor,
      subject: `VEX ${document || id}`,
      digest: null,
      body: { id, format, document, author, claims, digest },
    });
  }
}

const CAREFUL: readonly FindingVex['status'][] = ['affected', 'under_investigation', 'fixed', 'not_affected'];

function toRecord(row: {
  id: string;
  project: string;
  format: string;
  document: string;
  author: string;
  claims: number;
  digest: string;
  state: string;
  uploaded_by: string;
  uploaded_at: string;
  approver: string | null;
  decided_at: string | null;
}): VexRecord {
  return {
    id: row.id,
    project: row.project,
    format: row.format as VexRecord['format'],
    document: row.document,
    author: row.author,
    claims: row.claims,
    digest: row.digest as Digest,
    state: row.state as VexRecord['state'],
    uploadedBy: row.uploaded_by,
    uploadedAt: row.uploaded_at,
    approver: row.approver,
    decidedAt: row.decided_at,
  };
}
