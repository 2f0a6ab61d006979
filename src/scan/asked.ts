import { createHash } from 'node:crypto';
import type { Generated, Kysely } from 'kysely';
import type { AdvisoryDatabase, AdvisoryMatch, PackageQuery } from '../advisories/index.ts';
import type { Digest } from '../oci/index.ts';
import { isDistributionsOwn, systemTypeOf } from './distribution-own.ts';
import type { Inventory } from './package.ts';
import { riskOf } from './risk.ts';
import { toQuery } from './scan.ts';

/**
 * What stored images ask the advisories. Ten thousand images ask a hundred thousand different questions: each has a
 * number, an image keeps the numbers of its questions and what all the answers were, as hashes. So a change of the
 * advisories is tried once a question, and only the images whose answers changed are opened.
 */
export interface AskedTables {
  /** `query` is a `StoredQuery` in JSON, found by its `hash`: names out of images are longer than PostgreSQL indexes. */
  scan_asked: { id: Generated<number>; hash: string; query: string };
  /**
   * Of each inventory, what it asks (`packAsks`) and the answers under the revision `advisories`. `answers` is a hash of
   * all that was answered, `news` of what people are told of, `written` is the `answers` that the stored report shows.
   */
  scan_matched: {
    digest: string;
    analysers: string;
    advisories: string;
    asked: Uint8Array;
    answers: string;
    news: string;
    written: string;
  };
}

type StoredQuery = readonly [
  type: string,
  name: string,
  version: string,
  source: PackageQuery['source'],
  module: string | null,
  distribution: { readonly id: string; readonly version: string; readonly idLike: readonly string[] } | null,
];

/** Numbers of the questions of one image. */
export interface Asks {
  /** A question of the distribution's package manager; 0: there is none. */
  readonly system: number;
  /** Ascending. */
  readonly always: readonly number[];
  /** Of what the distribution's own packages bring: asked only where nothing is known of that distribution. */
  readonly own: readonly number[];
}

export interface Fingerprints {
  readonly answers: string;
  readonly news: string;
}

/** Values of one statement: one or two each stay far below SQLite's and PostgreSQL's limits of parameters. */
const AT_ONCE = 500;

/** The numbers of an inventory's questions, new ones given where needed; call it inside a transaction. */
export async function numberAsks(db: Kysely<AskedTables>, inventory: Inventory, learn: Answers): Promise<Asks> {
  const queries = new Map<string, { readonly query: PackageQuery; readonly isOwn: boolean }>();
  const systemType = systemTypeOf(inventory.packages);
  let system = '';
  for (const one of inventory.packages) {
    const query = toQuery(one, inventory);
    const text = textOf(query);
    if (system === '' && one.type === systemType) system = text;
    const isOwn = isDistributionsOwn(one, inventory) && queries.get(text)?.isOwn !== false;
    queries.set(text, { query, isOwn });
  }
  const numbers = await numbersOf(db, [...queries.keys()].sort());
  const always: number[] = [];
  const own: number[] = [];
  for (const [text, { query, isOwn }] of queries) {
    const id = numbers.get(text) as number;
    learn.ask(id, query);
    (isOwn ? own : always).push(id);
  }
  const ascending = (a: number, b: number): number => a - b;
  return { system: numbers.get(system) ?? 0, always: always.sort(ascending), own: own.sort(ascending) };
}

/** @param texts in one order everywhere, so that two that write at once do not wait for each other in a circle */
async function numbersOf(db: Kysely<AskedTables>, texts: readonly string[]): Promise<Map<string, number>> {
  const numbers = new Map<string, number>();
  const find = async (some: readonly string[]): Promise<string[]> => {
    const byHash = new Map(some.map((text) => [hashOfText(text), text]));
    const rows = await db
      .selectFrom('scan_asked')
      .select(['id', 'hash'])
      .where('hash', 'in', [...byHash.keys()])
      .execute();
    for (const { id, hash } of rows) numbers.set(byHash.get(hash) ?? '', id);
    return some.filter((text) => !numbers.has(text));
  };
  for (let at = 0; at < texts.length; at += AT_ONCE) {
    const missing = await find(texts.slice(at, at + AT_ONCE));
    if (missing.length === 0) continue;
    await db
      .insertInto('scan_asked')
      .values(missing.map((query) => ({ hash: hashOfText(query), query })))
      .onConflict((conflict) => conflict.column('hash').doNothing())
      .execute();
    await find(missing);
  }
  return numbers;
}

/** Who packs an image chooses its names: two questions must not have one number. */
function hashOfText(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

function textOf({ type, name, version, source, module, distribution }: PackageQuery): string {
  const place = distribution && {
    id: distribution.id,
    version: distribution.version,
    idLike: distribution.idLike ?? [],
  };
  const stored: StoredQuery = [type, name, version, source, module ?? null, place];
  return JSON.stringify(stored);
}

function queryOf(text: string): PackageQuery {
  const [type, name, version, source, module, distribution] = JSON.parse(text) as StoredQuery;
  return { type, name, version, source, module, distribution };
}

/** Answers to questions by their numbers, all of one state of the advisories. */
export class Answers {
  readonly #advisories: AdvisoryDatabase;
  /** Hashes of what was answered; null where nothing was. */
  readonly #answers = new Map<number, Fingerprints | null>();
  /** Whether anything is known of such packages at all, by the number of a question. */
  readonly #coverage = new Map<number, string>();
  readonly #realms = new Map<string, string>();
  /** The highest number that there was when all were asked. */
  #last = 0;

  constructor(advisories: AdvisoryDatabase) {
    this.#advisories = advisories;
  }

  ask(id: number, query: PackageQuery): void {
    if (this.#answers.has(id)) return;
    const { type, distribution } = query;
    const name = JSON.stringify([type, distribution?.id, distribution?.version, distribution?.idLike ?? []]);
    let realm = this.#realms.get(name);
    if (realm === undefined) {
      realm = `${name} ${this.#advisories.coverage(query)}`;
      this.#realms.set(name, realm);
    }
    this.#coverage.set(id, realm);
    const answer = this.#advisories.match(query);
    this.#answers.set(id, answer.length === 0 ? null : hashesOf(answer));
  }

  /** Asks every question that is stored, a few at a time. */
  async askAll(db: Kysely<AskedTables>, pause: () => Promise<void>): Promise<void> {
    for (let last = 0; ; ) {
      const rows = await db
        .selectFrom('scan_asked')
        .select(['id', 'query'])
        .where('id', '>', last)
        .orderBy('id')
        .limit(AT_ONCE)
        .execute();
      for (const { id, query } of rows) this.ask(id, queryOf(query));
      last = rows.at(-1)?.id ?? last;
      this.#last = last;
      if (rows.length < AT_ONCE) return;
      await pause();
    }
  }

  /** What is answered to an image, as hashes; null when one of its questions is not known. */
  fingerprintsOf({ system, always, own }: Asks): Fingerprints | null {
    const answers = createHash('sha1');
    const news = createHash('sha1');
    const realms = new Set<string>();
    const isSystemKnown = system !== 0 && !this.#coverage.get(system)?.endsWith(' no-data');
    for (const list of [always, own]) {
      for (const id of list) {
        const realm = this.#coverage.get(id);
        if (realm === undefined) return null;
        realms.add(realm);
        const answer = this.#answers.get(id);
        if (!answer || (list === own && isSystemKnown)) continue;
        answers.update(`${id} ${answer.answers}\n`);
        news.update(`${id} ${answer.news}\n`);
      }
    }
    answers.update([...realms].sort().join());
    return { answers: answers.digest('base64url'), news: news.digest('base64url') };
  }

  /** Forgets the questions that nobody asks any more, here and in the database. */
  async forget(db: Kysely<AskedTables>, asked: ReadonlySet<number>): Promise<void> {
    const unasked = [...this.#answers.keys()].filter((id) => id <= this.#last && !asked.has(id));
    if (unasked.length < Math.max(AT_ONCE, asked.size / 5)) return;
    // An image that is stored meanwhile may lose one: the next re-match opens it.
    for (let at = 0; at < unasked.length; at += AT_ONCE) {
      const some = unasked.slice(at, at + AT_ONCE);
      await db.deleteFrom('scan_asked').where('id', 'in', some).execute();
      for (const id of some) this.#answers.delete(id);
    }
  }
}

/** Answers are shared between images, and so are their hashes. */
const HASHES = new WeakMap<readonly AdvisoryMatch[], Fingerprints>();

function hashesOf(answer: readonly AdvisoryMatch[]): Fingerprints {
  const known = HASHES.get(answer);
  if (known !== undefined) return known;
  const told = answer.map((one) => [one.id, one.aliases, one.fixedVersion, riskOf(one)]);
  const hashes = { answers: hashOf(answer), news: hashOf(told) };
  HASHES.set(answer, hashes);
  return hashes;
}

function hashOf(value: unknown): string {
  return createHash('sha1').update(JSON.stringify(value)).digest('base64url');
}

/** Three lists of numbers as differences, seven bits a byte, each list with its length before it: near a byte a question. */
export function packAsks({ system, always, own }: Asks): Uint8Array {
  const bytes: number[] = [];
  const put = (value: number): void => {
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
    bytes.push(rest);
  };
  put(system);
  for (const list of [always, own]) {
    put(list.length);
    let before = 0;
    for (const id of list) {
      put(id - before);
      before = id;
    }
  }
  return Uint8Array.from(bytes);
}

export function unpackAsks(bytes: Uint8Array): Asks {
  let at = 0;
  const take = (): number => {
    let value = 0;
    for (let unit = 1; ; unit *= 0x80) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
    }
  };
  const list = (): number[] => {
    let id = 0;
    return Array.from({ length: take() }, () => (id += take()));
  };
  return { system: take(), always: list(), own: list() };
}

/** An inventory as it was matched. */
export interface Matched extends Fingerprints {
  readonly digest: Digest;
  readonly analysers: string;
  readonly advisories: string;
  readonly asks: Asks;
  /** Of the report that is stored. */
  readonly written: string;
}

/** Writes down what an image asks and was answered. */
export async function writeMatched(db: Kysely<AskedTables>, matched: Matched): Promise<void> {
  const { digest, analysers, advisories, asks, answers, news, written } = matched;
  const values = { analysers, advisories, asked: packAsks(asks), answers, news, written };
  await db
    .insertInto('scan_matched')
    .values({ digest, ...values })
    .onConflict((conflict) => conflict.column('digest').doUpdateSet(values))
    .execute();
}
