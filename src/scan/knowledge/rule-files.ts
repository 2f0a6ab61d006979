import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Journal, JournalTables } from '../../journal/index.ts';
import { type Clock, newId, type Text } from '../../system/index.ts';
import { scanFault } from '../errors.ts';
import { JAVA_INDEX_MAX, JAVA_INDEX_TEXT_MAX_BYTES } from '../limits.ts';
import { type HashList, readHashList } from '../malware/hash-list.ts';
import { HASH_FILE_MAX_BYTES, YARA_FILES_MAX, YARA_RULES_MAX_BYTES } from '../malware/limits.ts';
import { compileYara, type YaraSource } from '../malware/yara.ts';
import { readBaseline, type SecretBaseline } from '../secrets/baseline.ts';
import { BASELINE_MAX_BYTES, RULE_FILE_MAX_BYTES } from '../secrets/limits.ts';
import { type OwnSecretRules, ownSecretRules, type RefusedRule } from '../secrets/own-rules.ts';
import type { SecretRuleSource } from '../secrets/rules.ts';
import { whyText } from '../spanish.ts';
import type { ScanTables } from '../store.ts';
import { type JavaIndex, NO_ARCHIVE, readJavaIndex } from './java-index.ts';

/**
 * What people give the scanner to know: rules for credentials in gitleaks' format, credentials that are known, YARA rules,
 * hashes of bad files, names of Java archives by their checksum. The first and the second are one file each; of the
 * others there may be several, by their name.
 */
export const RULE_FILE_KINDS = ['secrets', 'baseline', 'yara', 'hashes', 'jars'] as const;
export type RuleFileKind = (typeof RULE_FILE_KINDS)[number];

export const RULE_FILE_MAX: Readonly<Record<RuleFileKind, number>> = {
  secrets: RULE_FILE_MAX_BYTES,
  baseline: BASELINE_MAX_BYTES,
  yara: YARA_RULES_MAX_BYTES,
  hashes: HASH_FILE_MAX_BYTES,
  jars: JAVA_INDEX_TEXT_MAX_BYTES,
};

/** A rule, allow-list or line that is not used. */
export interface ToldRefusal {
  readonly rule: string;
  readonly why: Text;
}

/** One version of a file, without its text. */
export interface RuleFileRecord {
  readonly id: string;
  /** Null: the whole platform. */
  readonly project: string | null;
  readonly kind: RuleFileKind;
  readonly name: string;
  /** From 1; a file that is given again gets the next. */
  readonly version: number;
  readonly digest: string;
  readonly sizeBytes: number;
  /** What is in it: rules, hashes, known credentials. */
  readonly entries: number;
  /** Rules of it that are not used, with the reason. */
  readonly refused: readonly ToldRefusal[];
  readonly state: 'active' | 'replaced' | 'removed';
  readonly uploadedBy: string;
  readonly uploadedAt: string;
}

/** Files of one kind in one place. */
const FILES_MAX = 100;
/** Sets of rules of projects that are kept read, some hundred KiB each. */
const PROJECT_RULES_KEPT = 50;
/** Versions that are listed. */
const LIST_MAX = 500;

/** Files with knowledge for the scanner, checked when they come in, kept in all their versions. */
export class RuleFiles {
  readonly #db: Kysely<ScanTables>;
  readonly #journal: Pick<Journal, 'record' | 'committed'>;
  readonly #clock: Clock;
  readonly #baselines = new Map<string, Promise<SecretBaseline | null>>();
  readonly #projectRules = new Map<string, Promise<OwnSecretRules | null>>();
  /** A million hashes are not read for each look. */
  #hashes: Promise<HashList | null> | null = null;

  constructor(parts: {
    db: Kysely<ScanTables & JournalTables>;
    journal: Pick<Journal, 'record' | 'committed'>;
    clock: Clock;
  }) {
    this.#db = parts.db as unknown as Kysely<ScanTables>;
    this.#journal = parts.journal;
    this.#clock = parts.clock;
  }

  /** Newest first. @param project null: those of the platform */
  async list(project: string | null): Promise<RuleFileRecord[]> {
    const rows = await this.#db
      .selectFrom('scan_rule_files')
      .select([...COLUMNS])
      .where('project', '=', project ?? '')
      .orderBy('id', 'desc')
      .limit(LIST_MAX)
      .execute();
    return rows.map(toRecord);
  }

  /**
   * Takes a file in. It is used from now on, in place of the one of the same name.
   *
   * @throws Fault scan.rules-invalid, with the place in the file
   */
  async put(
    { project, kind, name, text }: { project: string | null; kind: RuleFileKind; name: string; text: string },
    actor: string,
  ): Promise<RuleFileRecord> {
    const { entries, refused } = await check(kind, name, text);
    const place = project ?? '';
    const id = newId(this.#clock);
    const row = {
      id,
      project: place,
      kind,
      name,
      digest: `sha256:${createHash('sha256').update(text).digest('hex')}`,
      size_bytes: Buffer.byteLength(text),
      entries,
      refused: JSON.stringify(refused.slice(0, 100)),
      state: 'active',
      uploaded_by: actor,
      uploaded_at: this.#clock.now().toISOString(),
      body: text,
    };
    const version = await this.#db.transaction().execute(async (tx) => {
      const before = await tx
        .selectFrom('scan_rule_files')
        .select(({ fn }) => fn.max('version').as('version'))
        .where('project', '=', place)
        .where('kind', '=', kind)
        .where('name', '=', name)
        .executeTakeFirst();
      const next = Number(before?.version ?? 0) + 1;
      await tx
        .updateTable('scan_rule_files')
        .set({ state: 'replaced' })
        .where('project', '=', place)
        .where('kind', '=', kind)
        .where('name', '=', name)
        .where('state', '=', 'active')
        .execute();
      const others = await tx
        .selectFrom('scan_rule_files')
        .select(['id', 'entries'])
        .where('project', '=', place)
        .where('kind', '=', kind)
        .where('state', '=', 'active')
        .execute();
      if (others.length >= FILES_MAX) {
        throw scanFault('scan.rules-invalid', { name, why: `there are ${FILES_MAX} files of this kind already` });
      }
      // All of them are one index, which must be readable when control starts.
      const together = others.reduce((sum, one) => sum + Number(one.entries), entries);
      if (kind === 'jars' && together > JAVA_INDEX_MAX) {
        throw scanFault('scan.rules-invalid', {
          name,
          why: `with the other lists there are more than ${JAVA_INDEX_MAX} archives`,
        });
      }
      await tx
        .insertInto('scan_rule_files')
        .values({ ...row, version: next })
        .execute();
      await this.#record(tx, actor, { project, kind, name, version: next, digest: row.digest, state: 'active' });
      return next;
    });
    this.#changed(place);
    return toRecord({ ...row, version });
  }

  /** It is used no more. @throws Fault scan.rules-unknown */
  async remove(project: string | null, kind: RuleFileKind, name: string, actor: string): Promise<void> {
    const place = project ?? '';
    await this.#db.transaction().execute(async (tx) => {
      const row = await tx
        .selectFrom('scan_rule_files')
        .select(['id', 'version', 'digest'])
        .where('project', '=', place)
        .where('kind', '=', kind)
        .where('name', '=', name)
        .where('state', '=', 'active')
        .executeTakeFirst();
      if (!row) throw scanFault('scan.rules-unknown', { kind, name });
      await tx.updateTable('scan_rule_files').set({ state: 'removed' }).where('id', '=', row.id).execute();
      const { version, digest } = row;
      await this.#record(tx, actor, { project, kind, name, version, digest, state: 'removed' });
    });
    this.#changed(place);
  }

  /** The rules for credentials of the platform; null: those that ship. */
  async secretRules(): Promise<OwnSecretRules | null> {
    const [file] = await this.#active('', 'secrets');
    return file ? ownSecretRules(file.text, null) : null;
  }

  /**
   * The rules for credentials of one project, in place of the platform's, which they may extend; null: it has none.
   *
   * @param base the platform's
   */
  async projectSecretRules(project: string, base: SecretRuleSource): Promise<OwnSecretRules | null> {
    const key = `${project}\0${base.revision}`;
    const known = this.#projectRules.get(key);
    if (known) return known;
    const reading = this.#active(project, 'secrets').then(([file]) =>
      file ? ownSecretRules(file.text, null, base) : null,
    );
    if (this.#projectRules.size >= PROJECT_RULES_KEPT) this.#projectRules.clear();
    this.#projectRules.set(key, reading);
    reading.catch(() => this.#projectRules.delete(key));
    return reading;
  }

  yara(): Promise<readonly YaraSource[]> {
    return this.#active('', 'yara');
  }

  hashes(): Promise<HashList | null> {
    if (this.#hashes !== null) return this.#hashes;
    const reading = this.#active('', 'hashes').then((files) => (files.length === 0 ? null : readHashList(files)));
    this.#hashes = reading;
    reading.catch(() => {
      this.#hashes = null;
    });
    return reading;
  }

  /** Names of Java archives that people gave; null: none are. */
  async javaIndex(): Promise<JavaIndex | null> {
    const files = await this.#active('', 'jars');
    return files.length === 0 ? null : readJavaIndex(files);
  }

  /** The credentials that are known in a project; null: none are. */
  baseline(project: string): Promise<SecretBaseline | null> {
    const known = this.#baselines.get(project);
    if (known) return known;
    const reading = this.#active(project, 'baseline').then(([file]) => (file ? readBaseline(file.text) : null));
    this.#baselines.set(project, reading);
    reading.catch(() => this.#baselines.delete(project));
    return reading;
  }

  async #active(place: string, kind: RuleFileKind): Promise<YaraSource[]> {
    const rows = await this.#db
      .selectFrom('scan_rule_files')
      .select(['name', 'body'])
      .where('project', '=', place)
      .where('kind', '=', kind)
      .where('state', '=', 'active')
      .orderBy('name')
      .limit(YARA_FILES_MAX)
      .execute();
    return rows.map(({ name, body }) => ({ name, text: body }));
  }

  #changed(place: string): void {
    this.#baselines.delete(place);
    this.#projectRules.clear();
    this.#hashes = null;
    this.#journal.committed();
  }

  async #record(
    tx: unknown,
    actor: string,
    file: { project: string | null; kind: string; name: string; version: number; digest: string; state: string },
  ): Promise<void> {
    const { project, kind, name, version, digest, state } = file;
    await this.#journal.record(tx as Kysely<JournalTables>, {
      kind: 'scan.rules-changed',
      project,
      actor,
      subject: `${kind}/${name}`,
      body: { kind, name, version, digest, state },
    });
  }
}

/** @throws Fault scan.rules-invalid */
async function check(
  kind: RuleFileKind,
  name: string,
  text: string,
): Promise<{ entries: number; refused: readonly RefusedRule[] }> {
  try {
    switch (kind) {
      case 'secrets': {
        const { rules, refused } = ownSecretRules(text, null);
        return { entries: rules, refused };
      }
      case 'baseline':
        return { entries: readBaseline(text).entries, refused: [] };
      case 'hashes':
        return { entries: readHashList([{ name, text }]).size, refused: [] };
      case 'jars':
        return ofJars(readJavaIndex([{ name, text }]));
      case 'yara': {
        const rules = await compileYara([{ name, text }]);
        await rules.close();
        return { entries: text.match(/^\s*(?:(?:global|private)\s+)*rule\s+\w+/gm)?.length ?? 0, refused: [] };
      }
    }
  } catch (cause) {
    throw scanFault(
      'scan.rules-invalid',
      { name, why: cause instanceof Error ? cause.message : String(cause) },
      { cause },
    );
  }
}

function ofJars({ size, refused = [], refusedCount = 0 }: JavaIndex): {
  entries: number;
  refused: readonly RefusedRule[];
} {
  const lines = refused.map(({ line }) => ({ rule: `line ${line}`, why: `it is ${NO_ARCHIVE}` }));
  const more = refusedCount - refused.length;
  return {
    entries: size ?? 0,
    refused: more > 0 ? [...lines, { rule: `${more} more lines`, why: `they are ${NO_ARCHIVE}` }] : lines,
  };
}

/** As people read it: what readers say is English, and stored as they said it. */
export function tellRefused(refused: readonly RefusedRule[]): readonly ToldRefusal[] {
  return refused.map(({ rule, why }) => ({ rule, why: whyText(why) }));
}

const COLUMNS = [
  'id',
  'project',
  'kind',
  'name',
  'version',
  'digest',
  'size_bytes',
  'entries',
  'refused',
  'state',
  'uploaded_by',
  'uploaded_at',
] as const;

function toRecord(row: Omit<ScanTables['scan_rule_files'], 'body'>): RuleFileRecord {
  return {
    id: row.id,
    project: row.project === '' ? null : row.project,
    kind: row.kind as RuleFileKind,
    name: row.name,
    version: row.version,
    digest: row.digest,
    sizeBytes: row.size_bytes,
    entries: row.entries,
    refused: tellRefused(JSON.parse(row.refused) as readonly RefusedRule[]),
    state: row.state as RuleFileRecord['state'],
    uploadedBy: row.uploaded_by,
    uploadedAt: row.uploaded_at,
  };
}
