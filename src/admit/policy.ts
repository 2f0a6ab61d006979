import { FormatError, parseYaml, type YamlDocument, type YamlPath } from '../formats/index.ts';
import { DECISIONS } from '../scan/index.ts';
import { fillTemplate, type Json, type Text } from '../system/index.ts';
import { DOORS, type Door } from './admission.ts';
import { admitFault } from './errors.ts';
import { compileCondition, compileSubjects, type Subject } from './expression.ts';
import { DEADLINE_HOURS_MAX, POLICY_BYTES_MAX, POLICY_RULES_MAX, VALID_HOURS_MAX } from './limits.ts';

export type Effect = 'warn' | 'refuse';

/** What a rule that cannot be evaluated does at a door: `closed` refuses, `open` warns. */
export type FailMode = 'closed' | 'open';

/** A policy that was read, checked and compiled. Frozen data and pure functions: it may be used from anywhere. */
export interface Policy {
  readonly name: string;
  readonly version: string;
  readonly description: Text;
  /** The doors it answers at; at any other it refuses. */
  readonly doors: Readonly<Partial<Record<Door, FailMode>>>;
  /** Hours for which its verdicts may be used again without asking. */
  readonly validHours: number;
  /** Hours in which findings of running images are to be gone, by decision; null: as is usual for the class. */
  readonly deadlines: Readonly<Partial<Record<(typeof DECISIONS)[number], number>>> | null;
  /** What becomes of restarts of what runs when a deadline has passed; new releases are refused then in any case. */
  readonly restarts: 'allow' | 'refuse';
  readonly rules: readonly PolicyRule[];
  /** The document as it was written. */
  readonly source: string;
}

export interface PolicyRule {
  readonly id: string;
  readonly doors: readonly Door[];
  readonly effect: Effect;
  /** The condition or list as written. */
  readonly expression: string;
  readonly message: Text;
  readonly remedy: Text | null;
  /** The subjects it speaks against now; one without a name for a plain condition; none when it is content. */
  readonly evaluate: (values: Record<string, unknown>) => readonly (Subject | null)[];
}

/** One thing that is wrong with a policy document. */
export interface PolicyProblem {
  readonly line: number;
  readonly column: number;
  readonly rule: string | null;
  readonly reason: string;
}

/**
 * Reads a policy. Every mistake is found at once, each with its place; a policy with one is not used at all.
 * @param name how to call the document in errors, such as its file name
 * @throws Fault admit.policy-invalid with all problems in `details`
 */
export function readPolicy(text: string, name: string): Policy {
  const problems: PolicyProblem[] = [];
  const policy = compilePolicy(text, problems);
  const [first] = problems;
  if (policy !== null && first === undefined) return policy;
  const place = first === undefined ? '' : `${first.line}:${first.column} `;
  const rule = first?.rule ? `rule "${first.rule}": ` : '';
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  throw admitFault(
    'admit.policy-invalid',
    { policy: name, reason: `${place}${rule}${first?.reason ?? 'it is empty'}${more}` },
    { details: problems.map((problem) => ({ ...problem })) },
  );
}

function compilePolicy(text: string, problems: PolicyProblem[]): Policy | null {
  let document: YamlDocument;
  try {
    document = parseYaml(text, { maxBytes: POLICY_BYTES_MAX, maxDepth: 12 });
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    problems.push({
      line: error.position?.line ?? 1,
      column: error.position?.column ?? 1,
      rule: null,
      reason: error.message,
    });
    return null;
  }
  const reader = new PolicyReader(document, problems);
  return reader.policy(text);
}

/** Walks the document, noting what is wrong and going on, so that one run shows everything. */
class PolicyReader {
  readonly #document: YamlDocument;
  readonly #problems: PolicyProblem[];
  #rule: string | null = null;

  constructor(document: YamlDocument, problems: PolicyProblem[]) {
    this.#document = document;
    this.#problems = problems;
  }

  policy(source: string): Policy {
    const value = this.#object(
      this.#document.value,
      [],
      [...['name', 'version', 'description', 'doors', 'validHours', 'deadlines', 'restarts', 'rules']],
    );
    const doors = this.#doors(value['doors']);
    const validHours = value['validHours'] ?? 168;
    if (typeof validHours !== 'number' || !(validHours > 0 && validHours <= VALID_HOURS_MAX)) {
      this.#problem(['validHours'], `expected hours from 1 to ${VALID_HOURS_MAX}, got ${JSON.stringify(validHours)}`);
    }
    const known = Object.keys(doors) as Door[];
    return {
      name: this.#name(value['name'], ['name']),
      version: this.#string(value['version'], ['version']),
      description: this.#text(value['description'], ['description']),
      doors,
      validHours: Number(validHours),
      deadlines: this.#deadlines(value['deadlines']),
      restarts: this.#restarts(value['restarts']),
      rules: this.#rules(value['rules'], known),
      source,
    };
  }

  #deadlines(value: Json | undefined): Policy['deadlines'] {
    if (value === undefined) return null;
    const entries = Object.entries(this.#object(value, ['deadlines'], DECISIONS));
    for (const [decision, hours] of entries) {
      if (typeof hours !== 'number' || !(hours > 0 && hours <= DEADLINE_HOURS_MAX)) {
        const reason = `expected hours from 1 to ${DEADLINE_HOURS_MAX}, got ${JSON.stringify(hours)}`;
        this.#problem(['deadlines', decision], reason);
      }
    }
    return Object.fromEntries(entries.map(([decision, hours]) => [decision, Number(hours)]));
  }

  #restarts(value: Json | undefined): Policy['restarts'] {
    if (value === 'refuse') return value;
    if (value !== undefined && value !== 'allow') {
      this.#problem(['restarts'], `expected allow or refuse, got ${JSON.stringify(value)}`);
    }
    return 'allow';
  }

  #doors(value: Json | undefined): Partial<Record<Door, FailMode>> {
    const doors: Partial<Record<Door, FailMode>> = {};
    for (const [door, mode] of Object.entries(this.#object(value ?? null, ['doors'], DOORS))) {
      if (mode !== 'closed' && mode !== 'open') {
        this.#problem(['doors', door], `expected closed or open on failure, got ${JSON.stringify(mode)}`);
        continue;
      }
      doors[door as Door] = mode;
    }
    if (Object.keys(doors).length === 0) this.#problem(['doors'], 'the policy answers at no door');
    return doors;
  }

  #rules(value: Json | undefined, doors: readonly Door[]): PolicyRule[] {
    if (!Array.isArray(value) || value.length === 0) {
      this.#problem(['rules'], 'expected a list of rules');
      return [];
    }
    if (value.length > POLICY_RULES_MAX) {
      this.#problem(['rules'], `expected at most ${POLICY_RULES_MAX} rules, got ${value.length}`);
      return [];
    }
    const seen = new Set<string>();
    return value.map((rule, index) => {
      const read = this.#readRule(rule, ['rules', index], doors);
      if (seen.has(read.id)) this.#problem(['rules', index, 'id'], `rule "${read.id}" is there twice`);
      seen.add(read.id);
      this.#rule = null;
      return read;
    });
  }

  #readRule(value: Json, path: YamlPath, doors: readonly Door[]): PolicyRule {
    const named = typeof value === 'object' && value !== null && !Array.isArray(value) ? value['id'] : null;
    this.#rule = typeof named === 'string' ? named : null;
    const rule = this.#object(value, path, ['id', 'doors', 'when', 'each', 'effect', 'message', 'remedy']);
    const id = this.#name(rule['id'], [...path, 'id']);
    const { effect } = rule;
    if (effect !== 'warn' && effect !== 'refuse') {
      this.#problem([...path, 'effect'], `expected warn or refuse, got ${JSON.stringify(effect ?? null)}`);
    }
    const message = this.#text(rule['message'], [...path, 'message']);
    const remedy = rule['remedy'] === undefined ? null : this.#text(rule['remedy'], [...path, 'remedy']);
    return {
      id,
      doors: this.#ruleDoors(rule['doors'], [...path, 'doors'], doors),
      effect: effect === 'warn' ? 'warn' : 'refuse',
      message,
      remedy,
      ...this.#expression(rule, path),
    };
  }

  #ruleDoors(value: Json | undefined, path: YamlPath, doors: readonly Door[]): readonly Door[] {
    if (value === undefined) return doors;
    if (!Array.isArray(value) || value.length === 0 || !value.every((door) => doors.includes(door as Door))) {
      this.#problem(path, `expected some of the doors of the policy (${doors.join(', ')})`);
      return doors;
    }
    return value as Door[];
  }

  #expression(rule: Record<string, Json>, path: YamlPath): Pick<PolicyRule, 'expression' | 'evaluate'> {
    const { when, each } = rule;
    const none = { expression: '', evaluate: () => [null] };
    if ((when === undefined) === (each === undefined)) {
      this.#problem(path, 'expected either "when" (true or false) or "each" (a list)');
      return none;
    }
    const field = when === undefined ? 'each' : 'when';
    const text = when ?? each;
    if (typeof text !== 'string') {
      this.#problem([...path, field], 'expected an expression as text');
      return none;
    }
    if (field === 'when') {
      const compiled = compileCondition(text);
      if (compiled.ok) return { expression: text, evaluate: (values) => (compiled.evaluate(values) ? [null] : []) };
      this.#problem(
        [...path, field],
        `${compiled.problem.reason} (character ${compiled.problem.offset + 1} of "${field}")`,
      );
      return none;
    }
    const compiled = compileSubjects(text);
    if (compiled.ok) return { expression: text, evaluate: compiled.evaluate };
    this.#problem(
      [...path, field],
      `${compiled.problem.reason} (character ${compiled.problem.offset + 1} of "${field}")`,
    );
    return none;
  }

  #text(value: Json | undefined, path: YamlPath): Text {
    const text = this.#object(value ?? null, path, ['en', 'es']);
    return { en: this.#string(text['en'], [...path, 'en']), es: this.#string(text['es'], [...path, 'es']) };
  }

  #name(value: Json | undefined, path: YamlPath): string {
    const name = this.#string(value, path);
    if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
      this.#problem(path, `expected lower-case letters, digits and dashes, got ${JSON.stringify(name)}`);
    }
    return name;
  }

  #string(value: Json | undefined, path: YamlPath): string {
    if (typeof value === 'string' && value.trim() !== '' && value.length <= 2000) return value.trim();
    if (typeof value === 'number') return String(value);
    this.#problem(path, 'expected text');
    return '';
  }

  #object(value: Json, path: YamlPath, members: readonly string[]): Record<string, Json> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.#problem(path, `expected ${members.join(', ')}`);
      return {};
    }
    for (const name of Object.keys(value)) {
      if (!members.includes(name))
        this.#problem([...path, name], `"${name}" is not known here; expected ${members.join(', ')}`);
    }
    return Object.fromEntries(
      members.filter((name) => Object.hasOwn(value, name)).map((name) => [name, value[name] ?? null]),
    );
  }

  #problem(path: YamlPath, reason: string): void {
    this.#problems.push({ ...this.#document.locate(path), rule: this.#rule, reason });
  }
}

/** The message for one subject. */
export function fillMessage(text: Text, label: string): Text {
  return { en: fillTemplate(text.en, { subject: label }), es: fillTemplate(text.es, { subject: label }) };
}
