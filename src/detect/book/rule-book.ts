/** The rules in force: those that come with the platform, those of one's own, and what is known harmless. */
import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Journal } from '../../journal/index.ts';
import { type Clock, newId } from '../../system/index.ts';
import { loadDraft } from '../draft.ts';
import { liveFields, RuleEngine, type RuleText } from '../engine.ts';
import { detectFault, unknownRule } from '../errors.ts';
import { FilterError } from '../filter-ast.ts';
import { inBothLanguages, sayEscaped, sayFinding } from '../finding-words.ts';
import { escapeControls } from '../output.ts';
import type { Finding } from '../rule-file.ts';
import type { Priority } from '../rules.ts';
import { EVERYWHERE, type RuleScope, readTuningCondition, type Tuning } from '../tuning.ts';
import { ENDED_TUNINGS_SHOWN, RULE_FILES_MAX, RULE_TEXT_BYTES_MAX, TUNINGS_MAX } from './limits.ts';

interface RuleFileRow {
  name: string;
  text: string;
  project: string | null;
  environment: string | null;
  author: string;
  applied_at: string;
  /** Files are read in the order in which they were first applied. */
  place: number;
}

interface TuningRow {
  id: string;
  rule: string;
  project: string | null;
  environment: string | null;
  workload: string | null;
  condition: string | null;
  until: string | null;
  reason: string;
  author: string;
  made_at: string;
  ended_at: string | null;
  ended_by: string | null;
}

export interface DetectTables {
  detect_rule_files: RuleFileRow;
  detect_tunings: TuningRow;
}

/** A rule file of one's own. */
export interface RuleFile extends RuleScope {
  readonly name: string;
  readonly text: string;
  readonly author: string;
  readonly appliedAt: string;
}

export interface KeptTuning extends Tuning {
  readonly reason: string;
  readonly author: string;
  readonly madeAt: string;
  readonly endedAt: string | null;
  readonly endedBy: string | null;
}

export interface RuleInForce extends RuleScope {
  readonly name: string;
  readonly description: string;
  readonly priority: Priority;
  readonly tags: readonly string[];
  /** `shipped` comes with the platform. */
  readonly origin: 'shipped' | 'own';
  readonly file: string;
  /** Why it does not run, or null when it does. */
  readonly off: string | null;
  readonly offSpanish: string | null;
}

/** What hosts are given. */
export interface RuleOrder {
  /** Names this set and no other. */
  readonly revision: string;
  readonly files: readonly RuleText[];
  readonly tunings: readonly Tuning[];
}

export interface RuleBookOptions {
  readonly db: Kysely<DetectTables>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly clock: Clock;
  /** The rules that come with the platform. */
  readonly shipped: readonly RuleText[];
  /** Told after what is in force has changed. */
  readonly changed: () => void;
}

export class RuleBook {
  readonly #options: RuleBookOptions;
  #files: readonly RuleFile[] = [];
  #tunings: readonly KeptTuning[] = [];

  private constructor(options: RuleBookOptions) {
    this.#options = options;
  }

  static async open(options: RuleBookOptions): Promise<RuleBook> {
    const book = new RuleBook(options);
    await book.#read();
    return book;
  }

  files(): readonly RuleFile[] {
    return this.#files;
  }

  /** Those in force first, then the last that have ended. */
  async tunings(): Promise<readonly KeptTuning[]> {
    const ended = await this.#options.db
      .selectFrom('detect_tunings')
      .selectAll()
      .where('ended_at', 'is not', null)
      .orderBy('ended_at', 'desc')
      .limit(ENDED_TUNINGS_SHOWN)
      .execute();
    return [...this.#tunings, ...ended.map(toTuning)];
  }

  rules(): { readonly rules: readonly RuleInForce[]; readonly findings: readonly Finding[] } {
    const engine = RuleEngine.load([...this.#options.shipped, ...this.#ownTexts()]);
    const own = new Map(this.#files.map((file) => [file.name, file]));
    const rules = engine.states.map(({ rule, offReason }): RuleInForce => {
      const file = own.get(rule.place.file);
      return {
        name: rule.name,
        description: rule.description,
        priority: rule.priority,
        tags: rule.tags,
        origin: file === undefined ? 'shipped' : 'own',
        file: rule.place.file,
        project: file?.project ?? null,
        environment: file?.environment ?? null,
        off: offReason,
        offSpanish: offReason === null ? null : sayFinding(offReason).es,
      };
    });
    return { rules, findings: engine.findings };
  }

  order(): RuleOrder {
    const files = this.#ownTexts();
    const tunings = this.#tunings.map(
      ({ reason: _reason, author: _author, madeAt: _made, endedAt: _ended, endedBy: _by, ...tuning }) => tuning,
    );
    const revision = createHash('sha256')
      .update(JSON.stringify([files, tunings]))
      .digest('hex')
      .slice(0, 16);
    return { revision, files, tunings };
  }

  /**
   * Takes a file in, or a new text of one; hosts are told at once.
   *
   * @returns the warnings
   * @throws Fault detect.rules-invalid with its findings, detect.too-many-rules
   */
  async apply(
    file: Pick<RuleFile, 'name' | 'text' | 'project' | 'environment'>,
    author: string,
  ): Promise<readonly Finding[]> {
    const { db, journal, clock } = this.#options;
    const others = this.#files.filter(({ name }) => name !== file.name);
    const all = this.#with(file);
    const bytes = all.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
    if (bytes > RULE_TEXT_BYTES_MAX || others.length >= RULE_FILES_MAX) {
      throw detectFault('detect.too-many-rules', {
        mebibytes: RULE_TEXT_BYTES_MAX / 1024 / 1024,
        files: RULE_FILES_MAX,
      });
    }
    const findings = this.#check(all.map(toText));
    const row: Omit<RuleFileRow, 'place'> = {
      name: file.name,
      text: file.text,
      project: file.project,
      environment: file.environment,
      author,
      applied_at: clock.now().toISOString(),
    };
    await db.transaction().execute(async (tx) => {
      const rows = await tx.selectFrom('detect_rule_files').select(['name', 'place']).execute();
      const place =
        rows.find(({ name }) => name === file.name)?.place ?? Math.max(0, ...rows.map((one) => one.place)) + 1;
      await tx.deleteFrom('detect_rule_files').where('name', '=', file.name).execute();
      await tx
        .insertInto('detect_rule_files')
        .values({ ...row, place })
        .execute();
      await journal.record<DetectTables>(tx, {
        kind: 'rules.applied',
        actor: author,
        project: file.project,
        subject: file.name,
        digest: null,
        body: {
          environment: file.environment,
          sha256: createHash('sha256').update(file.text).digest('hex'),
          bytes: Buffer.byteLength(file.text),
        },
      });
    });
    journal.committed();
    await this.#changed();
    return findings.filter((one) => one.file === file.name);
  }

  /** @throws Fault detect.rule-file-unknown; detect.rules-invalid when other files need it */
  async remove(name: string, author: string): Promise<RuleFile> {
    const { db, journal } = this.#options;
    const file = this.file(name);
    this.#check(this.#files.filter((one) => one.name !== name).map(toText));
    await db.transaction().execute(async (tx) => {
      await tx.deleteFrom('detect_rule_files').where('name', '=', name).execute();
      await journal.record<DetectTables>(tx, {
        kind: 'rules.removed',
        actor: author,
        project: file.project,
        subject: name,
        digest: null,
        body: { environment: file.environment },
      });
    });
    journal.committed();
    await this.#changed();
    return file;
  }

  /** @throws Fault detect.rule-file-unknown */
  file(name: string): RuleFile {
    const file = this.#files.find((one) => one.name === name);
    if (file === undefined) throw detectFault('detect.rule-file-unknown', { file: name });
    return file;
  }

  /**
   * Says what of a rule is known harmless.
   *
   * @throws Fault detect.rule-unknown, detect.condition-invalid, detect.tuning-past, detect.too-many-tunings
   */
  async tune(wanted: Omit<Tuning, 'id'> & { readonly reason: string }, author: string): Promise<KeptTuning> {
    const { db, journal, clock } = this.#options;
    const names = this.rules().rules.map(({ name }) => name);
    if (!names.includes(wanted.rule)) {
      throw unknownRule(wanted.rule, names);
    }
    if (this.#tunings.length >= TUNINGS_MAX) throw detectFault('detect.too-many-tunings', { most: TUNINGS_MAX });
    if (wanted.until !== null && Date.parse(wanted.until) <= clock.now().getTime()) {
      throw detectFault('detect.tuning-past', { until: wanted.until });
    }
    try {
      if (wanted.condition !== null) readTuningCondition(wanted.condition, liveFields);
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      throw detectFault('detect.condition-invalid', { why: sayEscaped(error), at: error.at + 1 });
    }
    const tuning: KeptTuning = {
      ...wanted,
      id: newId(clock),
      author,
      madeAt: clock.now().toISOString(),
      endedAt: null,
      endedBy: null,
    };
    await db.transaction().execute(async (tx) => {
      await tx.insertInto('detect_tunings').values(toRow(tuning)).execute();
      await journal.record<DetectTables>(tx, factOf('rules.tuned', tuning, author));
    });
    journal.committed();
    await this.#changed();
    return tuning;
  }

  /** @throws Fault detect.tuning-unknown */
  async untune(id: string, author: string): Promise<KeptTuning> {
    const { db, journal, clock } = this.#options;
    const tuning = this.tuning(id);
    const ended: KeptTuning = { ...tuning, endedAt: clock.now().toISOString(), endedBy: author };
    await db.transaction().execute(async (tx) => {
      await tx
        .updateTable('detect_tunings')
        .set({ ended_at: ended.endedAt, ended_by: author })
        .where('id', '=', id)
        .execute();
      await journal.record<DetectTables>(tx, factOf('rules.untuned', tuning, author));
    });
    journal.committed();
    await this.#changed();
    return ended;
  }

  /** One in force. @throws Fault detect.tuning-unknown */
  tuning(id: string): KeptTuning {
    const tuning = this.#tunings.find((one) => one.id === id);
    if (tuning === undefined) throw detectFault('detect.tuning-unknown', { id });
    return tuning;
  }

  /** What the file would be beside those in force: its rules and those it changes, and what there is to say. Nothing changes. */
  draft(file: Pick<RuleFile, 'name' | 'text' | 'project' | 'environment'>): {
    readonly rules: readonly { readonly name: string; readonly priority: Priority; readonly off: string | null }[];
    readonly findings: readonly Finding[];
  } {
    const { engine, states } = loadDraft([...this.#options.shipped, ...this.#ownTexts()], toText(file));
    return {
      rules: states.map(({ rule, offReason }) => ({ name: rule.name, priority: rule.priority, off: offReason })),
      findings: engine.findings.filter((one) => one.file === file.name).map(inBothLanguages),
    };
  }

  /** @throws Fault detect.rules-invalid when the file could not be applied */
  requireSound(file: Pick<RuleFile, 'name' | 'text' | 'project' | 'environment'>): void {
    this.#check(this.#with(file).map(toText));
  }

  #with(file: Pick<RuleFile, 'name' | 'text' | 'project' | 'environment'>) {
    const isKnown = this.#files.some(({ name }) => name === file.name);
    return isKnown ? this.#files.map((one) => (one.name === file.name ? file : one)) : [...this.#files, file];
  }

  /** What there is to say of such files of one's own. @throws Fault detect.rules-invalid for errors that are not there now */
  #check(own: readonly RuleText[]): readonly Finding[] {
    const { findings } = RuleEngine.load([...this.#options.shipped, ...own]);
    const before = new Set(this.rules().findings.map(findingKey));
    const errors = findings.filter((one) => one.severity === 'error' && !before.has(findingKey(one)));
    const [first] = errors;
    if (first === undefined) return findings;
    const say = (message: string): string => escapeControls(`${first.line}:${first.column}: ${first.code}: ${message}`);
    const why = { en: say(first.message), es: say(inBothLanguages(first).spanish ?? first.message) };
    throw detectFault(
      'detect.rules-invalid',
      { file: first.file, errors: errors.length, why },
      {
        details: {
          findings: errors.map(inBothLanguages).map(({ hint, spanish, spanishHint, ...one }) => ({
            ...one,
            spanish: spanish ?? null,
            hint: hint ?? null,
            spanishHint: spanishHint ?? null,
          })),
        },
      },
    );
  }

  #ownTexts(): RuleText[] {
    return this.#files.map(toText);
  }

  async #changed(): Promise<void> {
    await this.#read();
    this.#options.changed();
  }

  async #read(): Promise<void> {
    const { db } = this.#options;
    const files = await db.selectFrom('detect_rule_files').selectAll().orderBy('place').execute();
    this.#files = files.map(({ applied_at, place: _place, ...file }) => ({ ...file, appliedAt: applied_at }));
    const tunings = await db
      .selectFrom('detect_tunings')
      .selectAll()
      .where('ended_at', 'is', null)
      .orderBy('id')
      .execute();
    this.#tunings = tunings.map(toTuning);
  }
}

function toText({
  name,
  text,
  project,
  environment,
}: Pick<RuleFile, 'name' | 'text' | 'project' | 'environment'>): RuleText {
  return { file: name, text, scope: project === null ? EVERYWHERE : { project, environment } };
}

function findingKey({ file, line, code, message }: Finding): string {
  return `${file}:${line}:${code}:${message}`;
}

function toTuning({ made_at, ended_at, ended_by, ...row }: TuningRow): KeptTuning {
  return { ...row, madeAt: made_at, endedAt: ended_at, endedBy: ended_by };
}

function toRow({ madeAt, endedAt, endedBy, ...tuning }: KeptTuning): TuningRow {
  return { ...tuning, made_at: madeAt, ended_at: endedAt, ended_by: endedBy };
}

function factOf(kind: string, tuning: KeptTuning, actor: string) {
  const { id, rule, project, environment, workload, condition, until, reason } = tuning;
  return {
    kind,
    actor,
    project,
    subject: rule,
    digest: null,
    body: { id, environment, workload, condition, until, reason },
  };
}
