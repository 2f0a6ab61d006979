import { randomBytes, X509Certificate } from 'node:crypto';
import type { Writable } from 'node:stream';
import type { Kysely } from 'kysely';
import type { Journal } from '../journal/index.ts';
import { type Clock, newId, timeOfAges, whenClosed } from '../system/index.ts';
import { type Grant, may, type Principal, type Role } from './action.ts';
import { accessFault } from './errors.ts';
import {
  CODE_MINUTES,
  LOGIN_FAILURES_MAX,
  LOGIN_NAMES_MAX,
  LOGIN_REST_MS,
  PASSWORD_LENGTH_MAX,
  PASSWORD_LENGTH_MIN,
  SESSION_HOURS,
  STREAM_END_MS,
  TOKEN_DAYS_MAX,
} from './limits.ts';
import { hashPassword, verifyPassword } from './password.ts';
import { type Found, type Identity, Presence } from './presence.ts';
import { describeGrant } from './rights.ts';
import { hashOf, makeSecret, TOKEN_PREFIX } from './secrets.ts';
import {
  type AccessTables,
  findRobot,
  findToken,
  findUser,
  haveRules,
  readGrants,
  type TokenRow,
  type UserRow,
} from './store.ts';

export interface User {
  readonly id: string;
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly hasPassword: boolean;
  readonly state: 'active' | 'disabled';
  readonly language: 'en' | 'es' | null;
  readonly createdAt: string;
  readonly lastLoginAt: string | null;
}

export interface Token {
  readonly id: string;
  readonly kind: TokenRow['kind'];
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly createdBy: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly lastUsedAt: string | null;
}

/** A secret that is shown once, beside what is kept about it. */
export interface Issued<T> {
  readonly secret: string;
  readonly record: T;
}

/** What a command line shows to get its certificate. */
export type Proof =
  | { readonly code: string }
  | { readonly name: string; readonly password: string }
  | { readonly token: string };

/** A client certificate as mutual TLS has verified it: signed by this instance's authority and in its time. */
export interface ClientCertificate {
  readonly kind: 'person' | 'robot';
  /** The login it was made for. */
  readonly login: string;
  /** SHA-256 over its DER, as Node.js spells it. */
  readonly fingerprint: string;
}

export interface Certified {
  readonly certificatePem: string;
  readonly expiresAt: string;
  readonly principal: Principal;
}

/**
 * Signs a certificate request (PKCS #10) for the subject given, whatever subject it asks for: the instance's authority.
 * @throws Fault when the request is not good
 */
export type CertifyClient = (requestPem: string, options: { subject: string; hours: number }) => string;

/** No SHA-256 of a secret begins so: a certificate never passes for a bearer token, nor the other way round. */
const CERTIFICATE_PREFIX = 'x509:';
/** Kinds of tokens that programs hold, and get a certificate with. */
const PROGRAMS: ReadonlySet<TokenRow['kind']> = new Set(['robot', 'workload']);
const TOKEN_USE_NOTED_MS = 60_000;

/** People, robots and their credentials. Only hashes of codes and tokens are kept; passwords as argon2id. */
export class Access {
  readonly #db: Kysely<AccessTables>;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #presence: Presence;
  readonly #failures = new Map<string, { count: number; until: number }>();
  /** Tokens whose use is being written down. */
  readonly #noting = new Set<string>();
  #unknown: Promise<string> | undefined;

  constructor(options: { readonly db: Kysely<AccessTables>; readonly journal: Journal; readonly clock: Clock }) {
    this.#db = options.db;
    this.#journal = options.journal;
    this.#clock = options.clock;
    this.#presence = new Presence((who) => this.#find(who), options.clock);
  }

  /** The user with that name and administrator of the platform, made when missing: for the one who ran `up`. */
  async ensureAdministrator(name: string): Promise<User> {
    const found = await findUser(this.#db, 'name', name);
    if (found !== undefined) return toUser(found);
    return this.createUser(name, [{ role: 'admin', project: '*' }], 'platform');
  }

  /** @throws Fault access.user-exists */
  async createUser(name: string, grants: readonly Grant[], actor: string): Promise<User> {
    const row: UserRow = {
      id: newId(this.#clock),
      name,
      password_hash: null,
      grants: JSON.stringify(grants),
      language: null,
      created_at: this.#time(),
      last_login_at: null,
      state: 'active',
      epoch: 0,
    };
    await this.#db.transaction().execute(async (tx) => {
      if ((await findUser(tx, 'name', name)) !== undefined) throw accessFault('access.user-exists', { name });
      await tx.insertInto('access_users').values(row).execute();
      await this.#journal.record(tx, {
        kind: 'user.created',
        project: null,
        actor,
        subject: `user:${name}`,
        body: { grants: grants.map(describeGrant) },
      });
    });
    this.#journal.committed();
    return toUser(row);
  }

  async listUsers(): Promise<User[]> {
    return (await this.#db.selectFrom('access_users').selectAll().orderBy('name').execute()).map(toUser);
  }

  /** @throws Fault access.user-unknown, access.last-admin */
  async changeGrants(name: string, grants: readonly Grant[], actor: string): Promise<User> {
    const set = { grants: JSON.stringify(grants) };
    const user = await this.#changeUser(name, actor, 'user.grants-changed', { set, grants });
    return { ...user, grants };
  }

  /** Who has a role in the project itself, by name. */
  async listMembers(project: string): Promise<{ name: string; roles: string[]; state: User['state'] }[]> {
    const rows = await this.#db.selectFrom('access_users').selectAll().orderBy('name').execute();
    return rows.flatMap(({ name, grants, state }) => {
      const roles = readGrants(grants).filter((grant) => grant.project === project);
      return roles.length === 0 ? [] : [{ name, state, roles: roles.map((grant) => grant.role) }];
    });
  }

  /**
   * Gives a person exactly these roles in one project; none: they are no member any more. Their roles elsewhere stay.
   * @throws Fault access.user-unknown, access.grant-too-wide, access.changed-meanwhile
   */
  async changeMember(project: string, name: string, roles: readonly Role[], by: Principal): Promise<void> {
    for (const role of roles) {
      if (!holds(by.grants, { role, project }))
        throw accessFault('access.grant-too-wide', { name: by.name, role, place: project });
    }
    await this.#db.transaction().execute(async (tx) => {
      const row = await findUser(tx, 'name', name);
      if (row === undefined) throw accessFault('access.user-unknown', { name });
      const elsewhere = readGrants(row.grants).filter((grant) => grant.project !== project);
      const grants: Grant[] = [...elsewhere, ...[...new Set(roles)].map((role) => ({ role, project }))];
      // Only over what was read: of two changes side by side (PostgreSQL) none brings back what the other took away.
      const { numUpdatedRows } = await tx
        .updateTable('access_users')
        .set({ grants: JSON.stringify(grants) })
        .where('id', '=', row.id)
        .where('grants', '=', row.grants)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) throw accessFault('access.changed-meanwhile', { name });
      await this.#journal.record(tx, {
        kind: roles.length === 0 ? 'member.removed' : 'member.changed',
        project,
        actor: by.actor,
        subject: `user:${name}`,
        body: { roles: [...roles] },
      });
    });
    this.rightsChanged();
  }

  /** Removes the person and ends every session and token at once. @throws Fault access.user-unknown, access.last-admin */
  async removeUser(name: string, actor: string): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      const row = await findUser(tx, 'name', name);
      if (row === undefined) throw accessFault('access.user-unknown', { name });
      await this.#keepAnAdministrator(tx, row, []);
      await endTokens(tx, row.id);
      await tx.deleteFrom('access_codes').where('user_id', '=', row.id).execute();
      await tx.deleteFrom('access_users').where('id', '=', row.id).execute();
      await this.#journal.record(tx, {
        kind: 'user.removed',
        project: null,
        actor,
        subject: `user:${name}`,
        body: null,
      });
    });
    this.rightsChanged();
  }

  /**
   * Shuts a person out without forgetting them: every session and token of theirs ends at once, and no login works until
   * they are let in again. @throws Fault access.user-unknown, access.last-admin
   */
  async setState(name: string, state: User['state'], actor: string): Promise<User> {
    const changed = await this.#db.transaction().execute(async (tx) => {
      const row = await findUser(tx, 'name', name);
      if (row === undefined) throw accessFault('access.user-unknown', { name });
      if (state === 'disabled') {
        await this.#keepAnAdministrator(tx, row, []);
        await endTokens(tx, row.id);
        await tx.deleteFrom('access_codes').where('user_id', '=', row.id).execute();
      }
      await tx
        .updateTable('access_users')
        .set({ state, epoch: row.epoch + 1 })
        .where('id', '=', row.id)
        .execute();
      await this.#journal.record(tx, {
        kind: state === 'disabled' ? 'user.disabled' : 'user.enabled',
        project: null,
        actor,
        subject: `user:${name}`,
        body: null,
      });
      return { ...row, state };
    });
    this.rightsChanged();
    return toUser(changed);
  }

  /** A code that logs the user in once, within ten minutes. @throws Fault access.user-unknown */
  async issueCode(name: string, actor: string): Promise<{ code: string; expiresAt: string }> {
    const code = randomBytes(18).toString('base64url');
    const expiresAt = new Date(this.#clock.now().getTime() + CODE_MINUTES * 60_000).toISOString();
    await this.#db.transaction().execute(async (tx) => {
      const user = await findUser(tx, 'name', name);
      if (user === undefined) throw accessFault('access.user-unknown', { name });
      await tx.deleteFrom('access_codes').where('expires_at', '<', timeOfAges(this.#clock).toISOString()).execute();
      await tx
        .insertInto('access_codes')
        .values({ hash: hashOf(code), user_id: user.id, expires_at: expiresAt })
        .execute();
      await this.#journal.record(tx, {
        kind: 'user.code-issued',
        project: null,
        actor,
        subject: `user:${name}`,
        body: { expiresAt },
      });
    });
    this.#journal.committed();
    return { code, expiresAt };
  }

  /** @throws Fault access.code-invalid */
  async exchangeCode(code: string): Promise<Issued<Token> & { readonly user: User }> {
    const user = await this.#takeCode(code);
    return { ...(await this.#openSession(user)), user: toUser(user) };
  }

  async #takeCode(code: string): Promise<UserRow> {
    const hash = hashOf(code);
    const user = await this.#db.transaction().execute(async (tx) => {
      const row = await tx.selectFrom('access_codes').selectAll().where('hash', '=', hash).executeTakeFirst();
      if (row === undefined) return undefined;
      await tx.deleteFrom('access_codes').where('hash', '=', hash).execute();
      return row.expires_at < this.#time() ? undefined : findUser(tx, 'id', row.user_id);
    });
    if (user === undefined || user.state !== 'active') throw accessFault('access.code-invalid');
    return user;
  }

  /** @throws Fault access.credentials-wrong, access.too-many-tries */
  async login(name: string, password: string): Promise<Issued<Token> & { readonly user: User }> {
    const user = await this.#checkPassword(name, password);
    return { ...(await this.#openSession(user)), user: toUser(user) };
  }

  /**
   * A client certificate for a command line: the person by a code or a password, a robot by its token. It is a login like
   * any other: ending the login, the person or the robot's token ends it.
   * @throws Fault access.code-invalid, access.credentials-wrong, access.too-many-tries, access.token-invalid; of the request
   */
  async certify(proof: Proof, requestPem: string, sign: CertifyClient): Promise<Certified> {
    if ('code' in proof) return this.#certifyUser(await this.#takeCode(proof.code), requestPem, sign);
    if ('name' in proof)
      return this.#certifyUser(await this.#checkPassword(proof.name, proof.password), requestPem, sign);
    const parent = await findToken(this.#db, 'hash', hashOf(proof.token));
    const usable = parent !== undefined && PROGRAMS.has(parent.kind) && parent.expires_at >= this.#time();
    if (!usable || (await this.#principalOf(parent)) === null) throw accessFault('access.token-invalid');
    return this.#certify({ name: parent.name, user: null, parent }, requestPem, sign);
  }

  /** A certificate for the person who may already act as that user. @throws Fault access.user-unknown; of the request */
  async certifyUser(name: string, requestPem: string, sign: CertifyClient): Promise<Certified> {
    const user = await findUser(this.#db, 'name', name);
    if (user === undefined) throw accessFault('access.user-unknown', { name });
    return this.#certifyUser(user, requestPem, sign);
  }

  /**
   * Sets a password and ends what rests on a former one: every session and token but the one that asks. A first password
   * ends nothing.
   * @throws Fault access.password-weak, access.credentials-wrong
   */
  async setPassword(
    userId: string,
    password: string,
    current: string | undefined,
    keepTokenId: string | null = null,
  ): Promise<void> {
    const length = [...password].length;
    if (length < PASSWORD_LENGTH_MIN || length > PASSWORD_LENGTH_MAX) {
      throw accessFault('access.password-weak', { length, min: PASSWORD_LENGTH_MIN, max: PASSWORD_LENGTH_MAX });
    }
    const user = await findUser(this.#db, 'id', userId);
    if (user === undefined) throw accessFault('access.login-needed');
    if (user.password_hash !== null) {
      if (current === undefined) throw accessFault('access.credentials-wrong');
      await this.#checkPassword(user.name, current);
    }
    const hash = await hashPassword(password);
    // A first password replaces nothing that another may have stolen: the command line that `up` logged in stays so.
    const change =
      user.password_hash === null
        ? { set: { password_hash: hash } }
        : { set: { password_hash: hash, epoch: user.epoch + 1 }, keepTokenId };
    await this.#changeUser(user.name, `user:${user.name}`, 'user.password-set', change);
  }

  async setLanguage(userId: string, language: 'en' | 'es'): Promise<void> {
    await this.#db.updateTable('access_users').set({ language }).where('id', '=', userId).execute();
  }

  async describeUser(userId: string): Promise<User | null> {
    const row = await findUser(this.#db, 'id', userId);
    return row === undefined ? null : toUser(row);
  }

  /**
   * A long-lived token of a person's own for a program. Nobody gives more than they hold, and it never does more than
   * its owner may at the time. @throws Fault access.grant-too-wide */
  async issueRobotToken(request: { name: string; grant: Grant; days: number; by: Principal }): Promise<Issued<Token>> {
    const { name, grant, by } = request;
    if (!holds(by.grants, grant))
      throw accessFault('access.grant-too-wide', { name: by.name, role: grant.role, place: grant.project });
    const days = Math.min(Math.max(1, request.days), TOKEN_DAYS_MAX);
    return this.#issueToken({
      kind: 'robot',
      name,
      user: null,
      ownerId: by.id,
      grants: [grant],
      createdBy: by.actor,
      hours: days * 24,
    });
  }

  /** A short-lived token of one of the platform's helpers; it is not listed and dies by itself. */
  async issueServiceToken(request: { name: string; grants: readonly Grant[]; hours: number }): Promise<Issued<Token>> {
    return this.#issueToken({ kind: 'service', ...request, user: null, createdBy: 'platform' });
  }

  async listTokens(by: Principal): Promise<Token[]> {
    const rows = await this.#db.selectFrom('access_tokens').selectAll().orderBy('created_at', 'desc').execute();
    const all = may(by, 'user.manage', null);
    return rows
      .filter((row) => row.kind !== 'service' && row.robot_id === null && (all || row.created_by === by.actor))
      .map(toToken);
  }

  /** Ends the token at once. @throws Fault access.token-unknown */
  async revokeToken(id: string, by: Principal): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      const row = await findToken(tx, 'id', id);
      const mine =
        row !== undefined &&
        row.robot_id === null &&
        (row.id === by.tokenId || row.created_by === by.actor || row.user_id === by.id || may(by, 'user.manage', null));
      if (!mine) throw accessFault('access.token-unknown', { id: id.slice(0, 40) });
      await tx.deleteFrom('access_tokens').where('id', '=', id).execute();
      await tx.deleteFrom('access_tokens').where('parent_id', '=', id).execute();
      await this.#journal.record(tx, {
        kind: 'token.revoked',
        project: null,
        actor: by.actor,
        subject: `token:${row.name}`,
        body: { id },
      });
    });
    this.rightsChanged();
  }

  /** Who holds this token. @throws Fault access.token-invalid */
  async authenticate(secret: string): Promise<Principal> {
    const row = await findToken(this.#db, 'hash', hashOf(secret));
    if (row === undefined || row.expires_at < this.#time()) throw accessFault('access.token-invalid');
    this.#noteUse(row);
    const found = await this.#principalOf(row);
    if (found === null) throw accessFault('access.token-invalid');
    return found;
  }

  /** Who holds the key of this certificate, which mutual TLS has checked. @throws Fault access.login-ended */
  async authenticateCertificate(certificate: ClientCertificate): Promise<Principal> {
    const row = await findToken(this.#db, 'id', certificate.login);
    const known = row?.hash === certificateHash(certificate.fingerprint) && row.expires_at >= this.#time();
    const found = row === undefined || !known ? null : await this.#principalOf(row);
    if (row === undefined || found === null) throw accessFault('access.login-ended');
    this.#noteUse(row);
    return found;
  }

  /** HTTP Basic as container clients send it: name and password, or any name and a token. */
  async authenticateBasic(name: string, secret: string): Promise<Principal> {
    if (secret.startsWith(TOKEN_PREFIX)) return this.authenticate(secret);
    return principalOf(await this.#checkPassword(name, secret), null);
  }

  /** Who a token is of, by its id: for what already knows that the caller may use it. @throws Fault access.token-invalid */
  async authenticateById(tokenId: string): Promise<Principal> {
    const principal = await this.#presence.current({ id: '', tokenId });
    if (principal === null) throw accessFault('access.token-invalid');
    return principal;
  }

  /** Who a principal is by now: see Presence. */
  current(who: Identity): Principal | null | Promise<Principal | null> {
    return this.#presence.current(who);
  }

  /** Calls back when the principal of an open stream loses it (null) or its rights change; see Presence. */
  watch(principal: Principal, changed: (now: Principal | null) => void): () => void {
    return this.#presence.watch(principal, changed);
  }

  /** Cuts what is open in a principal's name a moment after their login has ended. */
  hold(principal: Principal, stream: Writable): void {
    const forget = this.#presence.watch(principal, (now) => {
      if (now === null) setTimeout(() => stream.destroy(), STREAM_END_MS);
    });
    whenClosed(stream, forget);
  }

  /** To be called after each commit that takes or gives rights: from then on nobody has what they had before. */
  rightsChanged(): void {
    this.#journal.committed();
    this.#presence.changed();
  }

  close(): void {
    this.#presence.close();
  }

  async #find(who: Identity): Promise<Found | null> {
    if (who.tokenId !== null) {
      const row = await findToken(this.#db, 'id', who.tokenId);
      const principal = row === undefined ? null : await this.#principalOf(row);
      return row === undefined || principal === null ? null : { principal, untilMs: Date.parse(row.expires_at) };
    }
    const user = await findUser(this.#db, 'id', who.id);
    if (user === undefined || user.state !== 'active' || user.epoch !== (who.epoch ?? 0)) return null;
    return { principal: principalOf(user, null), untilMs: Number.POSITIVE_INFINITY };
  }

  /** What a token's holder may do now; null when the person it hangs on is gone or shut out. */
  async #principalOf(row: TokenRow): Promise<Principal | null> {
    if (row.user_id !== null) {
      const user = await findUser(this.#db, 'id', row.user_id);
      if (user === undefined || user.state !== 'active') return null;
      const isCertificate = row.hash.startsWith(CERTIFICATE_PREFIX);
      const certificate = isCertificate ? { certificate: row.hash.slice(CERTIFICATE_PREFIX.length) } : {};
      return { ...principalOf(user, row.id), ...certificate };
    }
    if (row.parent_id !== null) {
      const parent = await findToken(this.#db, 'id', row.parent_id);
      const robot = parent === undefined || parent.expires_at < this.#time() ? null : await this.#principalOf(parent);
      return robot === null ? null : { ...robot, tokenId: row.id };
    }
    if (row.robot_id !== null) {
      const robot = await findRobot(this.#db, { id: row.robot_id });
      if (robot === undefined || robot.state !== 'active' || robot.expires_at <= this.#time()) return null;
      const name = `${robot.project}/${robot.name}`;
      const held = readGrants(robot.grants);
      // The robot's own id: what it pushed and began stays its own when its secret is changed.
      const { id } = robot;
      return { id, actor: `robot:${name}`, kind: 'robot', name, grants: held, tokenId: row.id, owner: row.created_by };
    }
    let grants: readonly Grant[] = readGrants(row.grants ?? '[]');
    let owned: Pick<Principal, 'owner'> = {};
    if (row.rule_ids !== null && !(await haveRules(this.#db, JSON.parse(row.rule_ids) as string[]))) return null;
    if (row.owner_id !== null) {
      const owner = await findUser(this.#db, 'id', row.owner_id);
      if (owner === undefined || owner.state !== 'active') return null;
      const held = readGrants(owner.grants);
      grants = grants.filter((grant) => holds(held, grant));
      owned = { owner: `user:${owner.name}` };
    }
    const isService = row.kind === 'service';
    const word = row.kind === 'workload' ? 'workload' : 'robot';
    return {
      id: row.id,
      actor: isService ? row.name : `${word}:${row.name}`,
      kind: isService ? 'agent' : 'robot',
      name: row.name,
      grants,
      tokenId: row.id,
      ...owned,
    };
  }

  async #checkPassword(name: string, password: string): Promise<UserRow> {
    const failures = this.#failures.get(name);
    const now = this.#clock.monotonicMs();
    if (failures !== undefined && failures.count >= LOGIN_FAILURES_MAX && failures.until > now) {
      throw accessFault('access.too-many-tries', { seconds: Math.ceil((failures.until - now) / 1000) });
    }
    const user = await findUser(this.#db, 'name', name);
    // An unknown name costs the same time as a wrong password, so that names cannot be guessed by the clock.
    const matches = await verifyPassword(password, user?.password_hash ?? (await this.#noPassword()));
    if (user === undefined || user.password_hash === null || user.state !== 'active' || !matches) {
      if (this.#failures.size >= LOGIN_NAMES_MAX) this.#failures.delete(this.#failures.keys().next().value ?? '');
      this.#failures.set(name, { count: (failures?.count ?? 0) + 1, until: now + LOGIN_REST_MS });
      throw accessFault('access.credentials-wrong');
    }
    this.#failures.delete(name);
    return user;
  }

  /** Something to compare with when there is no password; made once, never matches. */
  #noPassword(): Promise<string> {
    this.#unknown ??= hashPassword(randomBytes(32).toString('hex'));
    return this.#unknown;
  }

  async #openSession(user: UserRow): Promise<Issued<Token>> {
    await this.#noteLogin(user);
    return this.#issueToken({
      kind: 'session',
      name: user.name,
      user,
      grants: null,
      createdBy: `user:${user.name}`,
      hours: SESSION_HOURS,
    });
  }

  async #noteLogin(user: UserRow): Promise<void> {
    await this.#db.updateTable('access_users').set({ last_login_at: this.#time() }).where('id', '=', user.id).execute();
  }

  async #certifyUser(user: UserRow, requestPem: string, sign: CertifyClient): Promise<Certified> {
    const certified = await this.#certify({ name: user.name, user, parent: null }, requestPem, sign);
    await this.#noteLogin(user);
    return certified;
  }

  /** The certificate names its login; the login knows its certificate. Neither is worth anything without the other. */
  async #certify(
    owner: { name: string; user: UserRow | null; parent: TokenRow | null },
    requestPem: string,
    sign: CertifyClient,
  ): Promise<Certified> {
    const { name, user, parent } = owner;
    const id = newId(this.#clock);
    const certificatePem = sign(requestPem, {
      subject: `${user === null ? 'robot' : 'person'}:${id}`,
      hours: SESSION_HOURS,
    });
    const { fingerprint256, validToDate } = new X509Certificate(certificatePem);
    const end = validToDate.toISOString();
    const row: TokenRow = {
      id,
      hash: certificateHash(fingerprint256),
      kind: 'cli',
      name,
      user_id: user?.id ?? null,
      owner_id: parent?.owner_id ?? null,
      robot_id: null,
      rule_ids: null,
      grants: null,
      created_by: user === null ? `robot:${name}` : `user:${name}`,
      created_at: this.#time(),
      expires_at: parent !== null && parent.expires_at < end ? parent.expires_at : end,
      last_used_at: null,
      parent_id: parent?.id ?? null,
    };
    await this.#insertToken(row);
    const principal = await this.#principalOf(row);
    if (principal === null) throw accessFault('access.login-ended');
    return { certificatePem, expiresAt: row.expires_at, principal };
  }

  async #issueToken(request: {
    kind: TokenRow['kind'];
    name: string;
    user: UserRow | null;
    ownerId?: string;
    grants: readonly Grant[] | null;
    createdBy: string;
    hours: number;
  }): Promise<Issued<Token>> {
    const secret = makeSecret();
    const row: TokenRow = {
      id: newId(this.#clock),
      hash: hashOf(secret),
      kind: request.kind,
      name: request.name,
      user_id: request.user?.id ?? null,
      owner_id: request.ownerId ?? null,
      robot_id: null,
      rule_ids: null,
      grants: request.grants === null ? null : JSON.stringify(request.grants),
      created_by: request.createdBy,
      created_at: this.#time(),
      expires_at: new Date(this.#clock.now().getTime() + request.hours * 3_600_000).toISOString(),
      last_used_at: null,
      parent_id: null,
    };
    await this.#insertToken(row);
    return { secret, record: toToken(row) };
  }

  async #insertToken(row: TokenRow): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      await tx.deleteFrom('access_tokens').where('expires_at', '<', timeOfAges(this.#clock).toISOString()).execute();
      await tx.insertInto('access_tokens').values(row).execute();
      if (row.kind === 'service') return;
      await this.#journal.record(tx, {
        kind: row.kind === 'robot' ? 'token.created' : 'session.opened',
        project: null,
        actor: row.created_by,
        subject: `token:${row.name}`,
        body: { id: row.id, kind: row.kind, expiresAt: row.expires_at },
      });
    });
    this.#journal.committed();
  }

  /** Beside the answer: a database that takes no writes now keeps nobody from reading. */
  #noteUse({ id, last_used_at: last }: TokenRow): void {
    const now = this.#clock.now().getTime();
    if ((last !== null && now - Date.parse(last) < TOKEN_USE_NOTED_MS) || this.#noting.has(id)) return;
    this.#noting.add(id);
    const noted = this.#db
      .updateTable('access_tokens')
      .set({ last_used_at: this.#time() })
      .where('id', '=', id)
      .execute();
    // Not noted now, it is at the next use.
    noted.catch(() => null).finally(() => this.#noting.delete(id));
  }

  async #changeUser(
    name: string,
    actor: string,
    kind: string,
    change: {
      readonly set: Partial<UserRow>;
      readonly grants?: readonly Grant[];
      /** When given, even as null: sessions and the command line's tokens end, but this one. */
      readonly keepTokenId?: string | null;
    },
  ): Promise<User> {
    const { set, grants, keepTokenId } = change;
    const changed = await this.#db.transaction().execute(async (tx) => {
      const row = await findUser(tx, 'name', name);
      if (row === undefined) throw accessFault('access.user-unknown', { name });
      if (grants !== undefined) await this.#keepAnAdministrator(tx, row, grants);
      await tx.updateTable('access_users').set(set).where('id', '=', row.id).execute();
      if (keepTokenId !== undefined) {
        await tx
          .deleteFrom('access_tokens')
          .where('user_id', '=', row.id)
          .where('id', '!=', keepTokenId ?? '')
          .execute();
      }
      const body = grants === undefined ? null : { grants: grants.map(describeGrant) };
      await this.#journal.record(tx, { kind, project: null, actor, subject: `user:${name}`, body });
      return row;
    });
    this.rightsChanged();
    return toUser(changed);
  }

  async #keepAnAdministrator(tx: Kysely<AccessTables>, row: UserRow, grants: readonly Grant[]): Promise<void> {
    const isAdmin = (list: readonly Grant[]): boolean =>
      list.some((grant) => grant.role === 'admin' && grant.project === '*');
    if (!isAdmin(readGrants(row.grants)) || isAdmin(grants)) return;
    const others = await tx
      .selectFrom('access_users')
      .select('grants')
      .where('id', '!=', row.id)
      .where('state', '=', 'active')
      .execute();
    if (!others.some((other) => isAdmin(readGrants(other.grants))))
      throw accessFault('access.last-admin', { name: row.name });
  }

  #time(): string {
    return this.#clock.now().toISOString();
  }
}

function certificateHash(fingerprint: string): string {
  return CERTIFICATE_PREFIX + fingerprint.replaceAll(':', '').toLowerCase();
}

function principalOf(user: UserRow, tokenId: string | null): Principal {
  return {
    id: user.id,
    actor: `user:${user.name}`,
    kind: 'user',
    name: user.name,
    grants: readGrants(user.grants),
    tokenId,
    epoch: user.epoch,
  };
}

/** Whether what somebody holds includes a grant: the same role or an administrator's, in the place. */
function holds(held: readonly Grant[], grant: Grant): boolean {
  return held.some(
    (own) =>
      (own.role === 'admin' || own.role === grant.role) &&
      (own.project === '*' || own.project === grant.project) &&
      own.repositories === undefined,
  );
}

/** Ends a person's sessions and every token they made. */
async function endTokens(tx: Kysely<AccessTables>, userId: string): Promise<void> {
  await tx
    .deleteFrom('access_tokens')
    .where((where) => where.or([where('user_id', '=', userId), where('owner_id', '=', userId)]))
    .execute();
}

function toUser(row: UserRow): User {
  return {
    id: row.id,
    name: row.name,
    grants: readGrants(row.grants),
    hasPassword: row.password_hash !== null,
    state: row.state,
    language: row.language === 'en' || row.language === 'es' ? row.language : null,
    createdAt: row.created_at,
    lastLoginAt: row.last_login_at,
  };
}

function toToken(row: TokenRow): Token {
  return {
    id: row.id,
    kind: row.kind,
    name: row.name,
    grants: row.grants === null ? [] : readGrants(row.grants),
    createdBy: row.created_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
  };
}
