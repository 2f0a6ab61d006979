import { randomBytes } from 'node:crypto';
import type { Kysely, Selectable } from 'kysely';
import type { Vault } from '../../access/index.ts';
import type { Journal } from '../../journal/index.ts';
import type { Clock, Json } from '../../system/index.ts';
import type { EdgeCertificate } from '../edge/edge.ts';
import { networkFault } from '../errors.ts';
import { EXPIRY_ALARM_DAYS, SERVED_CERTIFICATES_MAX } from '../limits.ts';
import { type CheckedCertificate, checkCertificate } from './upload.ts';

export interface ServedTables {
  network_certificates: {
    id: string;
    project: string | null;
    /** JSON. */
    names: string;
    chain: string;
    /** The key under the vault, base64. */
    sealed: string;
    issuer: string;
    fingerprint: string;
    not_before: string;
    not_after: string;
    source: string;
    added_at: string;
    added_by: string;
    /** The fewest days before its end of which was told; null: none yet. */
    told_days: number | null;
  };
}

/** What people see of a certificate; its key is nobody's to read again. */
export interface ServedCertificate {
  readonly id: string;
  /** Whose hosts alone it is for; null: of every project. */
  readonly project: string | null;
  readonly names: readonly string[];
  readonly issuer: string;
  readonly fingerprint: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly source: 'upload' | 'acme';
  readonly addedAt: string;
  readonly addedBy: string;
  readonly state: 'valid' | 'expiring' | 'expired';
  /** Until its end, rounded down; negative after it. */
  readonly days: number;
}

export interface ServedOptions {
  readonly db: Kysely<ServedTables>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly clock: Clock;
  readonly vault: Vault;
  readonly projectExists: (project: string) => Promise<boolean>;
  /** What is published now, by host. */
  readonly publishedHosts: () => Promise<readonly { readonly host: string; readonly project: string }[]>;
  /** Told after each change: the edge needs the new list. */
  readonly onChange: () => void;
}

const DAY_MS = 86_400_000;

interface Upload {
  readonly chain: string;
  readonly key: string;
  readonly project: string | null;
}

/** The certificates that the edge serves beside the platform's own: from the institution, or from an ACME authority. */
export class ServedCertificates {
  readonly #options: ServedOptions;
  /** One after the other: each looks at those before it. */
  #adding: Promise<unknown> = Promise.resolve();

  constructor(options: ServedOptions) {
    this.#options = options;
  }

  async list(): Promise<ServedCertificate[]> {
    const rows = await this.#options.db.selectFrom('network_certificates').selectAll().orderBy('not_after').execute();
    return rows.map((row) => this.#view(row));
  }

  /** @throws Fault network.certificate-unknown */
  async read(id: string): Promise<ServedCertificate & { readonly chainPem: string }> {
    const row = await this.#row(id);
    return { ...this.#view(row), chainPem: row.chain };
  }

  /**
   * Takes a chain and its key. One with the same names for the same project takes the place of the former, under its id, so
   * that the edge changes it without a reload.
   * @throws Fault network.certificate-refused, network.certificate-name-taken, network.certificates-full
   */
  add(upload: Upload, author: string, source: ServedCertificate['source'] = 'upload'): Promise<ServedCertificate> {
    const turn = this.#adding.then(() => this.#add(upload, author, source));
    this.#adding = turn.catch(() => undefined);
    return turn;
  }

  /**
   * Answers the id of the certificate whose place one of these names would take; null: of none. One for a project that is
   * not there would keep its names from everybody; one for hosts that another project publishes would be served to its visitors.
   * @throws Fault network.certificate-name-taken, network.certificates-full, network.certificate-project,
   *   network.certificate-host-taken
   */
  async refuseClash(names: readonly string[], project: string | null): Promise<string | null> {
    const all = await this.list();
    if (project !== null) await this.#refuseForeign(names, project, all);
    const before = all.find((one) => one.project === project && sameNames(one.names, names));
    const clash = all.find((one) => one.id !== before?.id && one.names.some((name) => names.includes(name)));
    if (clash !== undefined) {
      const name = clash.names.find((one) => names.includes(one)) ?? '';
      throw networkFault('network.certificate-name-taken', { name, id: clash.id });
    }
    if (before === undefined && all.length >= SERVED_CERTIFICATES_MAX)
      throw networkFault('network.certificates-full', { limit: SERVED_CERTIFICATES_MAX });
    return before?.id ?? null;
  }

  async #refuseForeign(names: readonly string[], project: string, all: readonly ServedCertificate[]): Promise<void> {
    if (!(await this.#options.projectExists(project))) throw networkFault('network.certificate-project', { project });
    const foreign = (await this.#options.publishedHosts()).find(
      (one) =>
        one.project !== project &&
        names.some((name) => coversHost(name, one.host)) &&
        // A host with a certificate of its own keeps it below somebody's wildcard.
        !(all.some((other) => other.names.includes(one.host)) && !names.includes(one.host)),
    );
    if (foreign !== undefined) throw networkFault('network.certificate-host-taken', { host: foreign.host, project });
  }

  async #add(upload: Upload, author: string, source: ServedCertificate['source']): Promise<ServedCertificate> {
    const { db, vault, clock, journal } = this.#options;
    const { project } = upload;
    const now = clock.now();
    const checked = checkCertificate(upload.chain, upload.key, now);
    const before = await this.refuseClash(checked.names, project);
    const id = before ?? randomBytes(8).toString('hex');
    const row = {
      id,
      project,
      names: JSON.stringify(checked.names),
      chain: checked.chainPem,
      sealed: Buffer.from(vault.seal(Buffer.from(checked.keyPem), sealContext(id))).toString('base64'),
      issuer: checked.issuer,
      fingerprint: checked.fingerprint,
      not_before: checked.notBefore,
      not_after: checked.notAfter,
      source,
      added_at: now.toISOString(),
      added_by: author,
      told_days: null,
    };
    await db.transaction().execute(async (tx) => {
      await tx.deleteFrom('network_certificates').where('id', '=', id).execute();
      await tx.insertInto('network_certificates').values(row).execute();
      const kind = before === null ? 'certificate.added' : 'certificate.renewed';
      await journal.record<ServedTables>(tx, {
        kind,
        project,
        actor: author,
        subject: `certificate ${id}`,
        body: factOf(checked, source),
      });
    });
    journal.committed();
    this.#options.onChange();
    return this.#view(row);
  }

  /** @throws Fault network.certificate-unknown */
  async remove(id: string, author: string): Promise<void> {
    const { db, journal } = this.#options;
    const { project, names } = this.#view(await this.#row(id));
    await db.transaction().execute(async (tx) => {
      await tx.deleteFrom('network_certificates').where('id', '=', id).execute();
      const body = { names: [...names] };
      await journal.record<ServedTables>(tx, {
        kind: 'certificate.removed',
        project,
        actor: author,
        subject: `certificate ${id}`,
        body,
      });
    });
    journal.committed();
    this.#options.onChange();
  }

  /**
   * With their keys, for the edge and nobody else. One that has ended gives way, name by name, where a valid one covers the
   * name: of the same project or of all, or the platform's own.
   */
  async forEdge(platform: Pick<ServedCertificate, 'names' | 'notAfter'>): Promise<EdgeCertificate[]> {
    const rows = await this.#options.db.selectFrom('network_certificates').selectAll().orderBy('id').execute();
    const nowMs = this.#options.clock.now().getTime();
    const valid = [{ ...platform, project: null }, ...rows.map((row) => this.#view(row))].filter(
      ({ notAfter }) => Date.parse(notAfter) > nowMs,
    );
    return rows.flatMap((row) => {
      const { id, names, project, state } = this.#view(row);
      const isCovered = (host: string): boolean =>
        valid.some(
          (one) =>
            (one.project === null || one.project === project) &&
            one.names.some((name) => name === host || (!host.startsWith('*.') && coversHost(name, host))),
        );
      const left = state === 'expired' ? names.filter((name) => !isCovered(name)) : names;
      if (left.length === 0) return [];
      const pair = { id, certificatePem: row.chain, privateKeyPem: this.#keyOf(id, row.sealed) };
      return left.length === names.length ? [pair] : [{ ...pair, names: left }];
    });
  }

  /** States once for each of the alarm's days, and once after the end, that a certificate runs out. Answers how many it told. */
  async tellExpiring(): Promise<number> {
    const { db, journal } = this.#options;
    let told = 0;
    for (const row of await db.selectFrom('network_certificates').selectAll().execute()) {
      const { days, id, project, names, notAfter, state } = this.#view(row);
      const due = state === 'expired' ? -1 : Math.min(...EXPIRY_ALARM_DAYS.filter((limit) => days < limit));
      if (!Number.isFinite(due) || (row.told_days !== null && row.told_days <= due)) continue;
      await db.transaction().execute(async (tx) => {
        await tx.updateTable('network_certificates').set({ told_days: due }).where('id', '=', id).execute();
        await journal.record<ServedTables>(tx, {
          kind: state === 'expired' ? 'certificate.expired' : 'certificate.expiring',
          project,
          actor: 'platform',
          subject: `certificate ${id}`,
          body: { names: [...names], notAfter, days },
        });
      });
      journal.committed();
      told++;
    }
    return told;
  }

  async #row(id: string): Promise<Selectable<ServedTables['network_certificates']>> {
    const row = await this.#options.db
      .selectFrom('network_certificates')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst();
    if (row === undefined) throw networkFault('network.certificate-unknown', { id });
    return row;
  }

  #keyOf(id: string, sealed: string): string {
    return Buffer.from(this.#options.vault.open(Buffer.from(sealed, 'base64'), sealContext(id))).toString('utf8');
  }

  #view(row: Selectable<ServedTables['network_certificates']>): ServedCertificate {
    const days = Math.floor((Date.parse(row.not_after) - this.#options.clock.now().getTime()) / DAY_MS);
    const expired = Date.parse(row.not_after) <= this.#options.clock.now().getTime();
    return {
      id: row.id,
      project: row.project,
      names: JSON.parse(row.names) as string[],
      issuer: row.issuer,
      fingerprint: row.fingerprint,
      notBefore: row.not_before,
      notAfter: row.not_after,
      source: row.source === 'acme' ? 'acme' : 'upload',
      addedAt: row.added_at,
      addedBy: row.added_by,
      state: expired ? 'expired' : days < Math.max(...EXPIRY_ALARM_DAYS) ? 'expiring' : 'valid',
      days,
    };
  }
}

/** Whether a name of a certificate is for a host: a wildcard for exactly one label (RFC 6125 section 6.4.3). */
export function coversHost(name: string, host: string): boolean {
  return name.startsWith('*.')
    ? host.slice(host.indexOf('.') + 1) === name.slice(2) && host.includes('.')
    : name === host;
}

/**
 * The projects that a host belongs to by the certificates given for single ones: the name itself before a wildcard above
 * it. A wildcard host takes in every name below it, and so belongs to those who have one there too.
 */
export function ownersOfHost(
  certificates: readonly Pick<ServedCertificate, 'names' | 'project'>[],
  host: string,
): readonly string[] {
  const exact = certificates.filter(({ names }) => names.includes(host));
  const above = certificates.filter(({ names }) => names.some((name) => coversHost(name, host)));
  const below = certificates.filter(({ names }) => names.some((name) => coversHost(host, name)));
  const all = [...(exact.length > 0 ? exact : above), ...(host.startsWith('*.') ? below : [])];
  return [...new Set(all.flatMap(({ project }) => project ?? []))];
}

function sealContext(id: string): string {
  return `network/certificate/${id}`;
}

function sameNames(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name) => other.includes(name));
}

function factOf({ names, issuer, notAfter, fingerprint }: CheckedCertificate, source: string): Json {
  return { names: [...names], issuer, notAfter, fingerprint, source };
}
