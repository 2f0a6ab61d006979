import { createHash } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Kysely, Selectable } from 'kysely';
import { packTar } from '../../formats/index.ts';
import type { Journal } from '../../journal/index.ts';
import {
  type Clock,
  Fault,
  isDiskFull,
  type Json,
  newId,
  readFileBytes,
  streamToFile,
  syncFolder,
} from '../../system/index.ts';
import {
  type PublicKey,
  readPublicKey,
  type SignedRecord,
  type SigningKey,
  signRecord,
  verifyRecord,
} from '../../trust/index.ts';
import type { RespondTables } from '../store.ts';
import { evidenceFault } from './errors.ts';
import {
  CUSTODY_TYPE,
  type CustodyRecord,
  type CustodyStep,
  type EvidenceManifest,
  type EvidenceReceipt,
  exportedEntries,
  MANIFEST_TYPE,
  PART,
  RECEIPT_TYPE,
} from './format.ts';
import { EVIDENCE_ARCHIVE_BYTES_MAX, EVIDENCE_STORE_BYTES_MAX } from './limits.ts';
import { readManifest } from './manifest.ts';
import { EVIDENCE_README } from './readme.ts';
import { sha256 } from './verify.ts';

type Db = Kysely<RespondTables>;

/** Of what evidence is taken. */
export interface EvidenceTarget {
  readonly host: string;
  readonly containerId: string;
  readonly incident: number | null;
  readonly project: string | null;
  readonly environment: string | null;
  readonly workload: string | null;
  readonly digest: string | null;
}

export interface EvidenceHow {
  readonly actor: string;
  readonly reason: string | null;
  readonly keepPaused: boolean;
  readonly copyFiles: boolean;
  /** Packets of its network are kept for so long first; 0: none. */
  readonly packetSeconds: number;
}

export interface EvidenceOrder {
  readonly id: string;
  readonly containerId: string;
  readonly incident: number | null;
  readonly requestedBy: string;
  readonly reason: string | null;
  readonly keepPaused: boolean;
  readonly copyFiles: boolean;
  /** Packets of its network are kept for so long first; 0: none. */
  readonly packetSeconds: number;
}

/** Asked of the host: it looks at the container and sends what it finds. */
export interface EvidenceTaker {
  /**
   * @param receive takes the bytes of the archive, once
   * @returns the manifest as the host signed it, unread
   * @throws Fault when the host refuses, fails or is not there
   */
  take(host: string, order: EvidenceOrder, receive: (bytes: Readable) => Promise<void>): Promise<Json>;
  /** The public key (PEM) with which this host signs, as control learned it; null when it never told. */
  hostKey(host: string): string | null;
}

export interface Evidence extends EvidenceTarget {
  readonly id: string;
  readonly takenBy: string;
  readonly reason: string | null;
  readonly at: string;
  readonly bytes: number;
  /** When its bytes were deleted; what it was and who did so stays. */
  readonly deletedAt: string | null;
  readonly manifest: EvidenceManifest;
}

export interface EvidenceStoreOptions {
  readonly db: Kysely<RespondTables>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly clock: Clock;
  readonly taker: EvidenceTaker;
  /** Control's key, which signs receipts and the chain of custody. */
  readonly key: SigningKey;
  /** With those that it took the place of: receipts that they signed leave signed by the one that stands. */
  readonly believedKeys?: () => Promise<readonly PublicKey[]>;
  readonly instance: string;
  /** Where the archives lie; nobody but control reads there. */
  readonly folder: string;
}

/** Takes evidence by way of the hosts, keeps it, and says who had it in hands. Nothing leaves by itself. */
export class EvidenceStore {
  readonly #options: EvidenceStoreOptions;
  #reserved = 0;

  constructor(options: EvidenceStoreOptions) {
    this.#options = options;
  }

  /** After a start: what was being taken when control stopped has no record, so its bytes go. */
  async recover(): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true, mode: 0o700 });
    const rows = await this.#options.db.selectFrom('respond_evidence').select(['id', 'deleted_at']).execute();
    const kept = new Set(rows.filter((row) => row.deleted_at === null).map((row) => `${row.id}.tar.gz`));
    for (const name of await readdir(this.#options.folder)) {
      if (!kept.has(name)) await rm(join(this.#options.folder, name), { force: true });
    }
  }

  /**
   * Takes evidence and keeps it. When this returns it is on disk with its chain begun.
   * @param context what control knows of the matter now; it goes into the archive
   * @throws Fault evidence.store-full, evidence.not-believed, and what the host says
   */
  async take(target: EvidenceTarget, how: EvidenceHow, context: Json): Promise<Evidence> {
    const { clock, taker, key, instance, folder } = this.#options;
    const used = (await this.usedBytes()) + this.#reserved;
    if (used + EVIDENCE_ARCHIVE_BYTES_MAX > EVIDENCE_STORE_BYTES_MAX)
      throw evidenceFault('evidence.store-full', { used, most: EVIDENCE_STORE_BYTES_MAX });
    const id = newId(clock);
    const path = join(folder, `${id}.tar.gz`);
    this.#reserved += EVIDENCE_ARCHIVE_BYTES_MAX;
    let isAsked = false;
    try {
      let received = { sha256: '', bytes: 0 };
      const order: EvidenceOrder = {
        ...{ id, containerId: target.containerId, incident: target.incident, requestedBy: how.actor },
        ...{ reason: how.reason, keepPaused: how.keepPaused, copyFiles: how.copyFiles },
        packetSeconds: how.packetSeconds,
      };
      const record = await taker.take(target.host, order, async (bytes) => {
        received = await receive(bytes, `${path}.part`);
      });
      const { manifest, hostKey } = this.#believe(target, order, record, received);
      await rename(`${path}.part`, path);
      await syncFolder(folder);
      const manifestText = JSON.stringify(record);
      const contextText = JSON.stringify(context);
      const receipt: EvidenceReceipt = {
        ...{ version: 1, id, instance, host: target.host, hostKey: hostKey.id, takenBy: how.actor },
        storedAt: clock.now().toISOString(),
        ...{ manifest: sha256(manifestText), archive: received.sha256, context: sha256(contextText) },
      };
      const row: Selectable<RespondTables['respond_evidence']> = {
        ...{ id, incident: target.incident, project: target.project, environment: target.environment },
        ...{ workload: target.workload, container_id: target.containerId, digest: target.digest, host: target.host },
        ...{ taken_by: how.actor, reason: how.reason, at: receipt.storedAt, bytes: received.bytes },
        manifest: manifestText,
        receipt: JSON.stringify(signRecord(key, RECEIPT_TYPE, receipt as unknown as Json)),
        context: contextText,
        host_key: hostKey.pem,
        deleted_at: null,
      };
      isAsked = true;
      await this.#options.db.transaction().execute(async (tx) => {
        await tx.insertInto('respond_evidence').values(row).execute();
        await this.#note(tx, row, 'taken', how.actor, how.reason, {
          ...{ sha256: received.sha256, bytes: received.bytes, frozen: manifest.freeze.frozen },
          milliseconds: manifest.freeze.milliseconds,
        });
      });
      this.#options.journal.committed();
      return toEvidence(row);
    } catch (error) {
      await rm(`${path}.part`, { force: true });
      // A commit may stand of which the disk, or PostgreSQL, did not say so: what it names is not thrown away.
      if (!isAsked || !(await this.#mayStand(id))) await rm(path, { force: true });
      if (isDiskFull(error)) throw evidenceFault('evidence.disk-full', { folder }, { cause: error });
      throw error;
    } finally {
      this.#reserved -= EVIDENCE_ARCHIVE_BYTES_MAX;
    }
  }

  async #mayStand(id: string): Promise<boolean> {
    try {
      const row = await this.#options.db
        .selectFrom('respond_evidence')
        .select('id')
        .where('id', '=', id)
        .executeTakeFirst();
      return row !== undefined;
    } catch {
      // Nobody can say; the next start throws away what has no record.
      return true;
    }
  }

  /** Newest first. */
  async list(query: {
    readonly projects: '*' | readonly string[];
    readonly incident?: number;
    readonly project?: string;
    readonly limit: number;
  }): Promise<Evidence[]> {
    let select = this.#options.db.selectFrom('respond_evidence').selectAll();
    if (query.projects !== '*') {
      if (query.projects.length === 0) return [];
      select = select.where('project', 'in', query.projects);
    }
    if (query.incident !== undefined) select = select.where('incident', '=', query.incident);
    if (query.project !== undefined) select = select.where('project', '=', query.project);
    return (await select.orderBy('id', 'desc').limit(query.limit).execute()).map(toEvidence);
  }

  /** By its id, or the beginning of it that no other has. @throws Fault evidence.unknown */
  async find(id: string): Promise<Evidence> {
    return toEvidence(await this.#row(id));
  }

  /** What it holds, for somebody: that they looked is written down. @throws Fault evidence.unknown */
  async read(id: string, actor: string): Promise<{ evidence: Evidence; custody: readonly CustodyStep[] }> {
    const row = await this.#row(id);
    await this.#options.db.transaction().execute((tx) => this.#note(tx, row, 'read', actor, null, {}));
    this.#options.journal.committed();
    return { evidence: toEvidence(row), custody: await this.custody(row.id) };
  }

  /** Oldest first. */
  async custody(id: string): Promise<CustodyStep[]> {
    const rows = await this.#options.db
      .selectFrom('respond_custody')
      .select(['at', 'actor', 'what', 'note'])
      .where('evidence', '=', id)
      .orderBy('id')
      .execute();
    return rows.map(({ what, ...row }) => ({ ...row, what: what as CustodyStep['what'] }));
  }

  /**
   * The archive that `darsena evidence verify` reads. That it left is in its own chain of custody.
   * @throws Fault evidence.unknown, evidence.deleted
   */
  async export(id: string, actor: string): Promise<{ id: string; bytes: AsyncIterable<Uint8Array> }> {
    const { db, journal, clock, key, folder } = this.#options;
    const row = await this.#row(id);
    await this.#refuseDeleted(row);
    await db.transaction().execute((tx) => this.#note(tx, row, 'exported', actor, null, {}));
    journal.committed();
    const beside = { readme: EVIDENCE_README, hostKey: row.host_key, controlKey: key.publicKeyPem };
    const custody: CustodyRecord = {
      ...{ version: 1, id: row.id, exportedAt: clock.now().toISOString() },
      steps: await this.custody(row.id),
      files: {
        [PART.readme]: sha256(beside.readme),
        [PART.hostKey]: sha256(beside.hostKey),
        [PART.controlKey]: sha256(beside.controlKey),
      },
    };
    const entries = exportedEntries(
      {
        ...beside,
        manifest: row.manifest,
        receipt: await this.#receiptNow(row.receipt),
        context: row.context,
        custody: JSON.stringify(signRecord(key, CUSTODY_TYPE, custody as unknown as Json)),
      },
      { content: readFileBytes(join(folder, `${row.id}.tar.gz`)), sizeBytes: row.bytes },
    );
    return { id: row.id, bytes: packTar(entries) };
  }

  /**
   * As it is, or signed anew where a former key of control had signed it: who checks it has the key that stands. What a
   * stolen key signed is handed out as it is: the check says that it does not count, and the rest is not lost with it.
   */
  async #receiptNow(receipt: string): Promise<string> {
    const { key, believedKeys } = this.#options;
    const record = JSON.parse(receipt) as SignedRecord;
    if (believedKeys === undefined || record.signatures.some(({ keyid }) => keyid === key.id)) return receipt;
    try {
      return JSON.stringify(signRecord(key, RECEIPT_TYPE, verifyRecord(record, await believedKeys(), RECEIPT_TYPE)));
    } catch (error) {
      if (error instanceof Fault && error.code === 'trust.record-refused') return receipt;
      throw error;
    }
  }

  /** The bytes go; what it was, its hashes and its chain stay. @throws Fault evidence.unknown, evidence.deleted */
  async delete(id: string, actor: string, reason: string): Promise<Evidence> {
    const { db, journal, clock, folder } = this.#options;
    const row = await this.#row(id);
    await this.#refuseDeleted(row);
    const deleted = { ...row, deleted_at: clock.now().toISOString() };
    await db.transaction().execute(async (tx) => {
      await tx
        .updateTable('respond_evidence')
        .set({ deleted_at: deleted.deleted_at })
        .where('id', '=', row.id)
        .execute();
      await this.#note(tx, row, 'deleted', actor, reason, {});
    });
    journal.committed();
    await rm(join(folder, `${row.id}.tar.gz`), { force: true });
    return toEvidence(deleted);
  }

  async usedBytes(): Promise<number> {
    const { used } = await this.#options.db
      .selectFrom('respond_evidence')
      .select((eb) => eb.fn.coalesce(eb.fn.sum<number>('bytes'), eb.lit(0)).as('used'))
      .where('deleted_at', 'is', null)
      .executeTakeFirstOrThrow();
    return Number(used);
  }

  /** What a host says is kept only if its own key signed it and it is the answer to this very question. */
  #believe(
    target: EvidenceTarget,
    order: EvidenceOrder,
    record: Json,
    received: { readonly sha256: string; readonly bytes: number },
  ) {
    const { host } = target;
    const refuse = (why: string): Fault => evidenceFault('evidence.not-believed', { host, why });
    const pem = this.#options.taker.hostKey(host);
    if (pem === null) throw refuse('control does not know its key');
    const hostKey = readPublicKey(pem, host);
    let manifest: EvidenceManifest;
    try {
      manifest = readManifest(verifyRecord(record as unknown as SignedRecord, [hostKey], MANIFEST_TYPE));
    } catch (error) {
      throw refuse(error instanceof Fault ? (error.text('en').why ?? error.message) : String(error));
    }
    if (manifest.id !== order.id || manifest.containerId !== order.containerId || manifest.host !== host)
      throw refuse('it speaks of something else than was asked');
    if (manifest.archive.sha256 !== received.sha256 || manifest.archive.bytes !== received.bytes)
      throw refuse('its archive is not the one that it signed');
    return { manifest, hostKey };
  }

  async #row(id: string): Promise<Selectable<RespondTables['respond_evidence']>> {
    if (!/^[0-9a-f-]{4,36}$/.test(id)) throw evidenceFault('evidence.unknown', { id: id.slice(0, 40) });
    const rows = await this.#options.db
      .selectFrom('respond_evidence')
      .selectAll()
      .where('id', 'like', `${id}%`)
      .limit(2)
      .execute();
    const [row] = rows;
    if (row === undefined || rows.length > 1) throw evidenceFault('evidence.unknown', { id });
    return row;
  }

  async #refuseDeleted(row: Selectable<RespondTables['respond_evidence']>): Promise<void> {
    if (row.deleted_at === null) return;
    const step = (await this.custody(row.id)).findLast(({ what }) => what === 'deleted');
    const { actor, note } = step ?? { actor: '?', note: null };
    throw evidenceFault('evidence.deleted', { id: row.id, actor, at: row.deleted_at, reason: note ?? '' });
  }

  /** A step of the chain, as a row and as a fact, in one transaction. */
  async #note(
    tx: Db,
    row: Selectable<RespondTables['respond_evidence']>,
    what: CustodyStep['what'],
    actor: string,
    note: string | null,
    body: Record<string, Json>,
  ): Promise<void> {
    const { clock, journal } = this.#options;
    const at = clock.now().toISOString();
    await tx
      .insertInto('respond_custody')
      .values({ id: newId(clock), evidence: row.id, at, actor, what, note })
      .execute();
    await journal.record<RespondTables>(tx, {
      kind: `evidence.${what}`,
      project: row.project,
      actor,
      subject: row.incident === null ? `evidence ${row.id}` : `incident ${row.incident}`,
      digest: row.digest,
      body: {
        ...{ evidence: row.id, incident: row.incident, environment: row.environment, workload: row.workload },
        ...{ host: row.host, container: row.container_id, reason: note },
        ...body,
      },
    });
  }
}

async function receive(bytes: Readable, path: string): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let count = 0;
  const counted = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of source) {
      count += piece.length;
      if (count > EVIDENCE_ARCHIVE_BYTES_MAX) {
        throw evidenceFault('evidence.not-believed', {
          host: '',
          why: `more than ${EVIDENCE_ARCHIVE_BYTES_MAX} bytes`,
        });
      }
      hash.update(piece);
      yield piece;
    }
  };
  await streamToFile(path, [bytes, counted], { flush: true });
  return { sha256: hash.digest('hex'), bytes: count };
}

function toEvidence(row: Selectable<RespondTables['respond_evidence']>): Evidence {
  const { payload } = JSON.parse(row.manifest) as { payload: string };
  return {
    ...{ id: row.id, incident: row.incident, project: row.project, environment: row.environment },
    ...{ workload: row.workload, containerId: row.container_id, digest: row.digest, host: row.host },
    ...{ takenBy: row.taken_by, reason: row.reason, at: row.at, bytes: row.bytes, deletedAt: row.deleted_at },
    manifest: JSON.parse(Buffer.from(payload, 'base64').toString('utf8')) as EvidenceManifest,
  };
}
