import type { Kysely, Selectable } from 'kysely';
import type { Journal } from '../journal/index.ts';
import { type Clock, newId, type Text } from '../system/index.ts';
import type { HostFacts } from './admission.ts';
import { admitFault } from './errors.ts';
import { EXPIRING_DAYS, type ExceptionState } from './exception.ts';
import { EXCEPTION_DAYS_MAX, HOST_EXCEPTION_CVES_MAX } from './limits.ts';
import type { AdmitTables } from './store.ts';

/** A known vulnerability of a run-time on a host, by the distribution's judgement: that host is exposed to it. */
export interface RuntimeIssue {
  readonly cve: string;
  readonly title: Text;
  /** `runc`, `conmon`, `podman` … */
  readonly program: string;
  /** Of the distribution's package, or of the program where it came by hand. */
  readonly version: string;
}

/** A port: which known vulnerabilities the run-times of hosts have, answered by who knows the hosts. */
export interface HostRuntimes {
  exposed(): Promise<readonly { readonly host: string; readonly issues: readonly RuntimeIssue[] }[]>;
}

/**
 * A promise that known vulnerabilities of one host's run-times may be lived with until a day: which ones, who asked, why, and
 * who else agreed. It never covers what becomes known later.
 */
export interface HostException {
  readonly id: string;
  readonly host: string;
  readonly cves: readonly string[];
  readonly reason: string;
  readonly author: string;
  /** Null until a second person agrees; until then it covers nothing. */
  readonly approver: string | null;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly revokedAt: string | null;
  readonly revokedBy: string | null;
}

export function hostExceptionState(exception: HostException, now: Date): ExceptionState {
  if (exception.revokedAt !== null) return 'revoked';
  const left = Date.parse(exception.expiresAt) - now.getTime();
  if (!(left > 0)) return 'expired';
  if (exception.approver === null) return 'waiting';
  return left <= EXPIRING_DAYS * 86_400_000 ? 'expiring' : 'active';
}

/** Whether it holds for a vulnerability of a host at a time. Whatever is in doubt does not hold. */
export function coversHost(exception: HostException, host: string, cve: string, at: string): boolean {
  return (
    exception.approver !== null &&
    exception.approver !== exception.author &&
    exception.revokedAt === null &&
    exception.host === host &&
    exception.cves.includes(cve) &&
    Date.parse(at) < Date.parse(exception.expiresAt)
  );
}

export interface HostExceptionsOptions {
  readonly db: Kysely<AdmitTables>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly clock: Clock;
  readonly runtimes: HostRuntimes;
}

/** What policies know of the hosts that workloads start on, and the exceptions from it. */
export class HostExceptions {
  readonly #options: HostExceptionsOptions;

  constructor(options: HostExceptionsOptions) {
    this.#options = options;
  }

  /** What stands against the run-times of all hosts: a workload may start on any of them. */
  async facts(): Promise<HostFacts> {
    const hosts = await this.#options.runtimes.exposed();
    const issues = hosts.flatMap(({ host, issues: all }) =>
      all.map(({ cve, program, version }) => ({
        ...{ key: cve, label: `${cve} (${program} ${version}, ${host})`, package: program, version, onHost: host },
      })),
    );
    return { known: hosts.length > 0, issues };
  }

  /** Newest first. */
  async list(): Promise<HostException[]> {
    const rows = await this.#options.db.selectFrom('admit_host_exceptions').selectAll().orderBy('id', 'desc').execute();
    return rows.map(toException);
  }

  /** The exposed run-times of every host with what covers each; for people. */
  async hosts(): Promise<
    readonly {
      readonly host: string;
      readonly issues: readonly (RuntimeIssue & { readonly exception: HostException | null })[];
    }[]
  > {
    const { clock, runtimes } = this.#options;
    const at = clock.now().toISOString();
    const [hosts, exceptions] = [await runtimes.exposed(), await this.list()];
    return hosts.map(({ host, issues }) => ({
      host,
      issues: issues.map((issue) => ({
        ...issue,
        exception: exceptions.find((one) => coversHost(one, host, issue.cve, at)) ?? null,
      })),
    }));
  }

  /**
   * Asks for an exception; it covers nothing until a second person approves it.
   * @param wanted without `cves`: all that the host is exposed to now
   * @throws Fault admit.host-exception-scope, admit.exception-expiry
   */
  async request(
    wanted: {
      readonly host: string;
      readonly cves: readonly string[] | null;
      readonly reason: string;
      readonly expiresAt: string;
    },
    author: string,
  ): Promise<HostException> {
    const { db, journal, clock, runtimes } = this.#options;
    const { host } = wanted;
    const known = (await runtimes.exposed()).find((one) => one.host === host)?.issues.map(({ cve }) => cve) ?? [];
    const cves = [...new Set(wanted.cves ?? known)].sort();
    const strange = cves.filter((cve) => !known.includes(cve));
    if (cves.length === 0 || strange.length > 0 || cves.length > HOST_EXCEPTION_CVES_MAX)
      throw admitFault('admit.host-exception-scope', { host, known: [...new Set(known)].sort().join(', ') || '—' });
    const now = clock.now();
    const expiry = Date.parse(wanted.expiresAt);
    if (!(expiry > now.getTime() && expiry <= now.getTime() + EXCEPTION_DAYS_MAX * 86_400_000))
      throw admitFault('admit.exception-expiry', { days: EXCEPTION_DAYS_MAX, expiresAt: wanted.expiresAt });
    const exception: HostException = {
      ...{ id: newId(clock), host, cves, reason: wanted.reason, author, approver: null },
      ...{ createdAt: now.toISOString(), expiresAt: new Date(expiry).toISOString(), revokedAt: null, revokedBy: null },
    };
    await db.transaction().execute(async (tx) => {
      await tx.insertInto('admit_host_exceptions').values(toRow(exception)).execute();
      await journal.record<AdmitTables>(tx, factOf('host-exception.requested', exception, author));
    });
    journal.committed();
    return exception;
  }

  /**
   * The second person agrees. Approving again changes nothing.
   * @throws Fault admit.host-exception-unknown; admit.exception-own for the author; admit.exception-over
   */
  async approve(id: string, approver: string): Promise<HostException> {
    const exception = await this.#read(id);
    if (exception.author === approver) throw admitFault('admit.exception-own', { id, author: exception.author });
    const state = hostExceptionState(exception, this.#options.clock.now());
    if (state === 'revoked' || state === 'expired') throw admitFault('admit.exception-over', { id });
    return this.#mark(exception, 'host-exception.approved', approver, { approver });
  }

  /**
   * Takes an exception back, or refuses one that waits. Twice changes nothing.
   * @throws Fault admit.host-exception-unknown
   */
  async revoke(id: string, actor: string): Promise<HostException> {
    const revokedAt = this.#options.clock.now().toISOString();
    const exception = await this.#read(id);
    return this.#mark(exception, 'host-exception.revoked', actor, { revokedAt, revokedBy: actor });
  }

  /** Announces approved exceptions that end within `EXPIRING_DAYS`, each once; the fact is `host-exception.expiring`. */
  async tellExpiring(): Promise<HostException[]> {
    const { db, journal, clock } = this.#options;
    const now = clock.now();
    const rows = await db
      .selectFrom('admit_host_exceptions')
      .selectAll()
      .where('announced_at', 'is', null)
      .where('revoked_at', 'is', null)
      .where('approver', 'is not', null)
      .where('expires_at', '<=', new Date(now.getTime() + EXPIRING_DAYS * 86_400_000).toISOString())
      .execute();
    const ending = rows.map(toException);
    for (const exception of ending) {
      await db.transaction().execute(async (tx) => {
        const announced = { announced_at: now.toISOString() };
        await tx.updateTable('admit_host_exceptions').set(announced).where('id', '=', exception.id).execute();
        await journal.record<AdmitTables>(tx, factOf('host-exception.expiring', exception, 'platform'));
      });
    }
    if (ending.length > 0) journal.committed();
    return ending;
  }

  async #mark(
    exception: HostException,
    kind: 'host-exception.approved' | 'host-exception.revoked',
    actor: string,
    changes: Partial<Pick<HostException, 'approver' | 'revokedAt' | 'revokedBy'>>,
  ): Promise<HostException> {
    const { db, journal } = this.#options;
    const isApproval = kind === 'host-exception.approved';
    const marked = await db.transaction().execute(async (tx) => {
      let update = tx
        .updateTable('admit_host_exceptions')
        .set(
          isApproval
            ? { approver: changes.approver ?? null }
            : { revoked_at: changes.revokedAt ?? null, revoked_by: changes.revokedBy ?? null },
        )
        .where('id', '=', exception.id)
        .where('revoked_at', 'is', null);
      if (isApproval) update = update.where('approver', 'is', null);
      const { numUpdatedRows } = await update.executeTakeFirst();
      if (Number(numUpdatedRows) === 0) return null;
      await journal.record<AdmitTables>(tx, factOf(kind, exception, actor));
      return { ...exception, ...changes };
    });
    journal.committed();
    return marked ?? exception;
  }

  async #read(id: string): Promise<HostException> {
    const exception = (await this.list()).find((one) => one.id === id);
    if (exception === undefined) throw admitFault('admit.host-exception-unknown', { id });
    return exception;
  }
}

function factOf(kind: string, exception: HostException, actor: string) {
  const { id, host, cves, expiresAt, reason } = exception;
  return {
    ...{ kind, project: null, actor, subject: `host ${host}` },
    body: { exception: id, host, cves: [...cves], expiresAt, reason },
  };
}

function toRow(exception: HostException): AdmitTables['admit_host_exceptions'] {
  const { id, host, cves, reason, author, approver, createdAt, expiresAt, revokedAt, revokedBy } = exception;
  return {
    ...{ id, host, cves: JSON.stringify(cves), reason, author, approver },
    ...{
      created_at: createdAt,
      expires_at: expiresAt,
      revoked_at: revokedAt,
      revoked_by: revokedBy,
      announced_at: null,
    },
  };
}

function toException(row: Selectable<AdmitTables['admit_host_exceptions']>): HostException {
  const { id, host, reason, author, approver } = row;
  return {
    ...{ id, host, cves: JSON.parse(row.cves) as string[], reason, author, approver },
    ...{ createdAt: row.created_at, expiresAt: row.expires_at, revokedAt: row.revoked_at, revokedBy: row.revoked_by },
  };
}
