/** The rules that come with the platform, and a page for each: for the person on duty, in both languages. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { parseYaml } from '../formats/index.ts';
import type { Language } from '../system/index.ts';
import type { RuleText } from './engine.ts';

const FOLDER = join(import.meta.dirname, '..', '..', 'rules');

const sentence = z.string().trim().min(1);
const shape = z.strictObject({
  title: sentence.optional(),
  what: sentence,
  innocent: sentence,
  first: z.array(sentence).min(1),
  misses: sentence,
});

export interface RulePage {
  /** The name of the rule in this language; rules themselves have English names. */
  readonly title: string;
  /** What happened when the rule held. */
  readonly what: string;
  /** When it is known to be innocent. */
  readonly innocent: string;
  /** What to do, in this order. */
  readonly first: readonly string[];
  /** What the rule does not see. */
  readonly misses: string;
}

/** Their files are called `shipped/…`, as no file of one's own can be. */
export function readShippedRules(): RuleText[] {
  const folder = join(FOLDER, 'detection');
  return readdirSync(folder)
    .sort()
    .map((name) => ({ file: `shipped/${name}`, text: readFileSync(join(folder, name), 'utf8') }));
}

/** By the names of rules. @throws Error when the pages of this installation are not well formed */
export function readRulePages(language: Language): ReadonlyMap<string, RulePage> {
  const { value } = parseYaml(readFileSync(join(FOLDER, 'pages', `${language}.yaml`), 'utf8'));
  const pages = z.record(z.string(), shape).parse(value);
  return new Map(Object.entries(pages).map(([rule, page]) => [rule, { ...page, title: page.title ?? rule }]));
}

/** Technique of MITRE ATT&CK that a tag names: its number and its page; undefined for other tags. */
export function techniqueOf(tag: string): { readonly id: string; readonly url: string } | undefined {
  const [, id, part] = /^(T\d{4})(?:\.(\d{3}))?$/.exec(tag) ?? [];
  if (id === undefined) return undefined;
  return { id: tag, url: `https://attack.mitre.org/techniques/${id}/${part === undefined ? '' : `${part}/`}` };
}
