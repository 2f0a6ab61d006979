import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Journal } from '../../journal/index.ts';
import { type Clock, Fault, networkProblem, newId, timeOfAges } from '../../system/index.ts';
import type { Grant, Principal } from '../action.ts';
import { accessFault } from '../errors.ts';
import { ISSUERS_MAX, KEYS_BYTES_MAX, REFUSALS_RECORDED, TRUST_RULES_MAX, WORKLOAD_MINUTES_MAX } from '../limits.ts';
import { describeRights, grantsOf, type ProgramRights } from '../rights.ts';
import { hashOf, makeSecret } from '../secrets.ts';
import { type AccessTables, type IssuerRow, readGrants, type TrustRuleRow } from '../store.ts';
import { RateLimit } from '../throttle.ts';
import { type ClaimRule, describeClaims, matchClaims, requireClaims } from './claims.ts';
import { IssuerKeys, readKeySet } from './keys.ts';
import { claimedBy, issuerOf, refused, type TrustedIssuer, type VerifiedToken, verifyToken } from './verify.ts';

export interface NewIssuer {
  readonly name: string;
  /** The `iss` of its tokens, to the letter: an https address. */
  readonly url: string;
  readonly audience: string;
  readonly jwksUrl: string | null;
  readonly jwks: string | null;
  readonly caPem: string | null;
  /** CIDR ranges beside the public Internet where it may be. */
  readonly networks: readonly string[];
  readonly reuse: boolean;
}

export interface Issuer extends Omit<NewIssuer, 'jwks' | 'caPem'> {
  readonly id: string;
  readonly keys: 'discovery' | 'address' | 'given';
  readonly hasAuthority: boolean;
  readonly createdBy: string;
  readonly createdAt: string;
}

export interface TrustRule extends ProgramRights {
  readonly id: string;
  readonly project: string;
  readonly name: string;
  readonly issuer: string;
  readonly claims: readonly ClaimRule[];
  readonly minutes: number;
  readonly createdBy: string;
  readonly createdAt: string;
}

export interface NewTrustRule extends ProgramRights {
  readonly project: string;
  readonly name: string;
  readonly issuer: string;
  readonly claims: readonly ClaimRule[];
  readonly minutes: number;
}

/** A token of the platform for a workload: short, and bound to the rules it rests on. */
export interface WorkloadToken {
  readonly secret: string;
  readonly expiresAt: string;
  readonly name: string;
  readonly grants: readonly Grant[];
}

/**
 * Workload identity: a program that runs elsewhere (a job of GitHub Actions or GitLab CI, a pod of Kubernetes) shows the
 * token that its own platform gave it and gets one of ours for a few minutes. An administrator says which issuers are
 * believed, a project says which of their workloads may do what. No secret is stored anywhere for it.
 */
export class WorkloadIdentity {
  readonly #db: Kysely<AccessTables>;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #keys: IssuerKeys;
  readonly #refusals: RateLimit;
  /** Refusals since the last one that was written down. */
  #unrecorded = 0;

  /**
   * @param parts.changed called after each commit that takes or gives rights
   * @param parts.issuerMs how long an issuer may take to answer, in milliseconds
   */
  constructor(parts: {
    db: Kysely<AccessTables>;
    journal: Journal;
    clock: Clock;
    changed: () => void;
    issuerMs?: number;
  }) {
    this.#db = parts.db;
    this.#journal = parts.journal;
    this.#clock = parts.clock;
    this.#changed = parts.changed;
    this.#keys = new IssuerKeys(parts.clock, parts.issuerMs);
    this.#refusals = new RateLimit(parts.clock, REFUSALS_RECORDED);
  }

  /** @throws Fault access.issuer-invalid, access.issuer-exists */
  async addIssuer(issuer: NewIssuer, actor: string): Promise<Issuer> {
    requireIssuer(issuer);
    const row: IssuerRow = {
      id: newId(this.#clock),
      name: issuer.name,
      url: issuer.url,
      audience: issuer.audience,
      jwks_url: issuer.jwksUrl,
      jwks: issuer.jwks,
      ca_pem: issuer.caPem,
      networks: JSON.stringify(issuer.networks),
      reuse: issuer.reuse ? 1 : 0,
      created_by: actor,
      created_at: this.#time(),
    };
    await this.#db.transaction().execute(async (tx) => {
      const rows = await tx.selectFrom('access_issuers').select(['name', 'url', 'audience']).execute();
      const same = rows.find(
        (other) => other.name === row.name || (other.url === row.url && other.audience === row.audience),
      );
      if (same !== undefined) throw accessFault('access.issuer-exists', { issuer: same.name });
      if (rows.length >= ISSUERS_MAX) throw invalidIssuer(`there are at most ${ISSUERS_MAX}`);
      await tx.insertInto('access_issuers').values(row).execute();
      await this.#journal.record(tx, {
        kind: 'identity.issuer-added',
        project: null,
        actor,
        subject: `issuer:${row.name}`,
        body: { url: row.url, audience: row.audience, jwksUrl: row.jwks_url, networks: [...issuer.networks] },
      });
    });
    this.#changed();
    return describeIssuer(row);
  }

  async listIssuers(): Promise<Issuer[]> {
    return (await this.#db.selectFrom('access_issuers').selectAll().orderBy('name').execute()).map(describeIssuer);
  }

  /** Takes the issuer away with every rule that names it; their tokens end at once. @throws Fault access.issuer-unknown */
  async removeIssuer(name: string, actor: string): Promise<void> {
    const id = await this.#db.transaction().execute(async (tx) => {
      const row = await tx.selectFrom('access_issuers').selectAll().where('name', '=', name).executeTakeFirst();
      if (row === undefined) throw accessFault('access.issuer-unknown', { issuer: name });
      const rules = await tx
        .deleteFrom('access_trust_rules')
        .where('issuer_id', '=', row.id)
        .returning(['id', 'project', 'name'])
        .execute();
      await endTokensOf(tx, new Set(rules.map((rule) => rule.id)));
      await tx.deleteFrom('access_presented').where('issuer_id', '=', row.id).execute();
      await tx.deleteFrom('access_issuers').where('id', '=', row.id).execute();
      await this.#journal.record(tx, {
        kind: 'identity.issuer-removed',
        project: null,
        actor,
        subject: `issuer:${name}`,
        body: { rules: rules.map((rule) => `${rule.project}/${rule.name}`) },
      });
      return row.id;
    });
    this.#keys.forget(id);
    this.#changed();
  }

  /** @throws Fault access.trust-invalid, access.trust-exists, access.issuer-unknown, access.rights-invalid */
  async addRule(rule: NewTrustRule, by: Principal): Promise<TrustRule> {
    requireClaims(rule.claims);
    if (rule.minutes < 1 || rule.minutes > WORKLOAD_MINUTES_MAX) {
      throw accessFault('access.trust-invalid', {
        why: `its tokens live between 1 and ${WORKLOAD_MINUTES_MAX} minutes`,
      });
    }
    const grants = grantsOf(rule.project, rule, by);
    const row = await this.#db.transaction().execute(async (tx): Promise<TrustRuleRow> => {
      const issuer = await tx
        .selectFrom('access_issuers')
        .select('id')
        .where('name', '=', rule.issuer)
        .executeTakeFirst();
      if (issuer === undefined) throw accessFault('access.issuer-unknown', { issuer: rule.issuer });
      const others = await tx
        .selectFrom('access_trust_rules')
        .select('name')
        .where('project', '=', rule.project)
        .execute();
      if (others.some((other) => other.name === rule.name)) {
        throw accessFault('access.trust-exists', { rule: rule.name, project: rule.project });
      }
      if (others.length >= TRUST_RULES_MAX) {
        throw accessFault('access.trust-invalid', { why: `a project has at most ${TRUST_RULES_MAX} rules` });
      }
      const made: TrustRuleRow = {
        id: newId(this.#clock),
        project: rule.project,
        name: rule.name,
        issuer_id: issuer.id,
        claims: JSON.stringify(rule.claims),
        grants: JSON.stringify(grants),
        minutes: rule.minutes,
        created_by: by.actor,
        created_at: this.#time(),
      };
      await tx.insertInto('access_trust_rules').values(made).execute();
      await this.#journal.record(tx, {
        kind: 'identity.trusted',
        project: rule.project,
        actor: by.actor,
        subject: `workload:${rule.project}/${rule.name}`,
        body: { issuer: rule.issuer, claims: describeClaims(rule.claims), ...describeRights(rule.project, grants) },
      });
      return made;
    });
    this.#changed();
    return describeRule({ ...row, issuer: rule.issuer });
  }

  async listRules(project: string): Promise<TrustRule[]> {
    const rows = await this.#db
      .selectFrom('access_trust_rules as t')
      .innerJoin('access_issuers as i', 'i.id', 't.issuer_id')
      .selectAll('t')
      .select('i.name as issuer')
      .where('t.project', '=', project)
      .orderBy('t.name')
      .execute();
    return rows.map(describeRule);
  }

  /** Every token that rests on the rule ends at once. @throws Fault access.trust-unknown */
  async removeRule(project: string, name: string, actor: string): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      const row = await tx
        .deleteFrom('access_trust_rules')
        .where('project', '=', project)
        .where('name', '=', name)
        .returning('id')
        .executeTakeFirst();
      if (row === undefined) throw accessFault('access.trust-unknown', { rule: name, project });
      await endTokensOf(tx, new Set([row.id]));
      await this.#journal.record(tx, {
        kind: 'identity.distrusted',
        project,
        actor,
        subject: `workload:${project}/${name}`,
        body: null,
      });
    });
    this.#changed();
  }

  /**
   * Exchanges a workload's token for one of ours (in the manner of RFC 8693). It is taken once: shown again while it
   * lives, it is refused.
   * @param options.project only rules of this project count
   * @param options.source where it comes from, for the record of a refusal
   * @throws Fault access.workload-refused, access.issuer-unavailable
   */
  async exchange(
    token: string,
    options: { readonly project: string | null; readonly source?: string },
  ): Promise<WorkloadToken> {
    return this.#recording(token, options.source ?? null, async () => {
      const verified = await this.#verify(token);
      return this.#admit(token, verified, { project: options.project, boundTo: null });
    });
  }

  /**
   * The same for clients that know only a name and a password, which they show at each step of a push: the token stands
   * for itself while its first use is a few minutes ago, and only from the address of that use.
   * @returns the id of the platform's token behind it
   * @throws Fault access.workload-refused, access.issuer-unavailable
   */
  async present(token: string, source: string): Promise<string> {
    return this.#recording(token, source, () => this.#present(token, source));
  }

  async #present(token: string, source: string): Promise<string> {
    const verified = await this.#verify(token);
    const seen = await this.#db
      .selectFrom('access_presented')
      .selectAll()
      .where('hash', '=', presentedHash(token, verified))
      .executeTakeFirst();
    if (seen !== undefined && seen.bound_to === source && seen.expires_at > this.#time()) return seen.token_id;
    return (await this.#admit(token, verified, { project: null, boundTo: source })).id;
  }

  /**
   * A refusal is a fact of the audit log, with what the token claimed to be; anybody can ask, so no more than a steady
   * few are written, and the next one says how many were left out.
   */
  async #recording<T>(token: string, source: string | null, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'access.workload-refused') throw error;
      if (this.#refusals.take('all') > 0) {
        this.#unrecorded += 1;
        throw error;
      }
      const { issuer, sub } = claimedBy(token);
      const leftOut = this.#unrecorded;
      this.#unrecorded = 0;
      await this.#db.transaction().execute((tx) =>
        this.#journal.record(tx, {
          kind: 'identity.refused',
          project: null,
          actor: 'anonymous',
          subject: `issuer:${issuer}`,
          body: { why: String(error.params['why'] ?? ''), claimedSub: sub, source, leftOut },
        }),
      );
      this.#journal.committed();
      throw error;
    }
  }

  async #verify(token: string): Promise<VerifiedToken> {
    const named = issuerOf(token);
    const row = await this.#db
      .selectFrom('access_issuers')
      .selectAll()
      .where('url', '=', named.issuer)
      .where('audience', '=', named.audience)
      .executeTakeFirst();
    if (row === undefined) throw refused('no issuer of this address and audience is trusted here');
    return verifyToken(token, trustedIssuer(row), this.#keys, this.#clock);
  }

  async #admit(
    token: string,
    { issuer, claims }: VerifiedToken,
    options: { readonly project: string | null; readonly boundTo: string | null },
  ): Promise<WorkloadToken & { readonly id: string }> {
    const id = newId(this.#clock);
    const secret = makeSecret();
    const now = this.#clock.now();
    const issued = await this.#db.transaction().execute(async (tx) => {
      // Asked within the transaction: a rule that goes at this moment takes this token with it, or was not there.
      const rows = await tx.selectFrom('access_trust_rules').selectAll().where('issuer_id', '=', issuer.id).execute();
      const rules = rows.filter(
        (rule) =>
          (options.project === null || rule.project === options.project) &&
          matchClaims(JSON.parse(rule.claims) as ClaimRule[], claims),
      );
      const [first] = rules;
      if (first === undefined) throw refused('no trust rule of a project fits its claims');
      // What is forgotten could be presented again as soon as a clock that was ahead is set right.
      const over = timeOfAges(this.#clock).toISOString();
      await tx.deleteFrom('access_presented').where('expires_at', '<', over).execute();
      const minutes = Math.min(...rules.map((rule) => rule.minutes));
      const expiresAt = new Date(now.getTime() + minutes * 60_000).toISOString();
      if (!issuer.reuse || options.boundTo !== null) {
        // Kept until the token could not be accepted any more, leeway included.
        const ends = new Date((claims.exp + 2 * 60) * 1000).toISOString();
        const { numInsertedOrUpdatedRows } = await tx
          .insertInto('access_presented')
          .values({
            hash: presentedHash(token, { issuer, claims }),
            issuer_id: issuer.id,
            expires_at: ends,
            bound_to: options.boundTo,
            token_id: id,
          })
          .onConflict((conflict) => conflict.column('hash').doNothing())
          .executeTakeFirst();
        if (numInsertedOrUpdatedRows !== 1n) throw refused('it was shown before, and counts once');
      }
      const grants = rules.flatMap((rule) => readGrants(rule.grants));
      const name = `${first.project}/${first.name}`;
      await tx
        .insertInto('access_tokens')
        .values({
          id,
          hash: hashOf(secret),
          kind: 'workload',
          name,
          user_id: null,
          owner_id: null,
          robot_id: null,
          rule_ids: JSON.stringify(rules.map((rule) => rule.id)),
          grants: JSON.stringify(grants),
          created_by: `workload:${name}`,
          created_at: now.toISOString(),
          expires_at: expiresAt,
          last_used_at: null,
        })
        .execute();
      await this.#journal.record(tx, {
        kind: 'identity.signed-in',
        project: first.project,
        actor: `workload:${name}`,
        subject: `token:${name}`,
        body: {
          id,
          issuer: issuer.name,
          // Who it was, as the issuer says; the token itself is nowhere.
          sub: claims.sub.slice(0, 500),
          rules: rules.map((rule) => `${rule.project}/${rule.name}`),
          expiresAt,
        },
      });
      return { id, secret, expiresAt, name, grants };
    });
    this.#journal.committed();
    return issued;
  }

  #time(): string {
    return this.#clock.now().toISOString();
  }
}

/** Tokens live minutes, so there are few: they are looked through, not indexed. */
async function endTokensOf(tx: Kysely<AccessTables>, rules: ReadonlySet<string>): Promise<void> {
  const tokens = await tx
    .selectFrom('access_tokens')
    .select(['id', 'rule_ids'])
    .where('kind', '=', 'workload')
    .execute();
  for (const { id, rule_ids: list } of tokens) {
    const rests = (JSON.parse(list ?? '[]') as string[]).some((rule) => rules.has(rule));
    if (rests) await tx.deleteFrom('access_tokens').where('id', '=', id).execute();
  }
}

/**
 * What one token is known again by: its `jti`, or, without one, what was signed. Never the signature: ECDSA has two for
 * one message.
 */
function presentedHash(token: string, { issuer, claims }: VerifiedToken): string {
  const own =
    typeof claims.jti === 'string' && claims.jti !== '' ? `jti\0${claims.jti}` : `body\0${token.split('.')[1]}`;
  return createHash('sha256').update(`${issuer.id}\0${own}`).digest('hex');
}

function trustedIssuer(row: IssuerRow): TrustedIssuer {
  return {
    id: row.id,
    name: row.name,
    url: row.url,
    audience: row.audience,
    jwksUrl: row.jwks_url,
    jwks: row.jwks,
    caPem: row.ca_pem,
    networks: JSON.parse(row.networks) as string[],
    reuse: row.reuse === 1,
  };
}

function invalidIssuer(why: string) {
  return accessFault('access.issuer-invalid', { why });
}

function requireIssuer(issuer: NewIssuer): void {
  for (const address of [issuer.url, ...(issuer.jwksUrl === null ? [] : [issuer.jwksUrl])]) {
    const url = URL.canParse(address) ? new URL(address) : null;
    if (url === null || url.protocol !== 'https:') throw invalidIssuer(`${address.slice(0, 200)} is no https address`);
    if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
      throw invalidIssuer('its address has no credentials, query or fragment');
    }
  }
  if (issuer.audience === '') throw invalidIssuer('an audience is needed: tokens for other services are not for us');
  if (issuer.jwks !== null && issuer.jwksUrl !== null) throw invalidIssuer('keys are given or fetched, not both');
  for (const network of issuer.networks) {
    const why = networkProblem(network);
    if (why !== null) throw invalidIssuer(why);
  }
  if (issuer.jwks === null) return;
  if (issuer.jwks.length > KEYS_BYTES_MAX) throw invalidIssuer(`its keys have more than ${KEYS_BYTES_MAX} characters`);
  let keys: unknown[];
  try {
    keys = readKeySet(JSON.parse(issuer.jwks));
  } catch (error) {
    throw invalidIssuer(error instanceof SyntaxError ? 'its keys are no JSON' : (error as Error).message);
  }
  if (keys.length === 0) throw invalidIssuer('its keys hold no public key for signatures');
}

function describeIssuer(row: IssuerRow): Issuer {
  return {
    id: row.id,
    name: row.name,
    url: row.url,
    audience: row.audience,
    jwksUrl: row.jwks_url,
    keys: row.jwks !== null ? 'given' : row.jwks_url !== null ? 'address' : 'discovery',
    hasAuthority: row.ca_pem !== null,
    networks: JSON.parse(row.networks) as string[],
    reuse: row.reuse === 1,
    createdBy: row.created_by,
    createdAt: row.created_at,
  };
}

function describeRule(row: TrustRuleRow & { readonly issuer: string }): TrustRule {
  return {
    id: row.id,
    project: row.project,
    name: row.name,
    issuer: row.issuer,
    claims: JSON.parse(row.claims) as ClaimRule[],
    ...describeRights(row.project, readGrants(row.grants)),
    minutes: row.minutes,
    createdBy: row.created_by,
    createdAt: row.created_at,
  };
}
