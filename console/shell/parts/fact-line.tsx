import type { Fact } from '../../api/types.ts';
import { addresses } from '../addresses.ts';
import { type Entry, fillWords } from '../catalogue.ts';
import { useLanguage } from '../language.tsx';
import { Link } from '../router.tsx';
import { factWords } from './fact-words.ts';

/** The page a fact speaks of, where there is one. */
export function factAddress(fact: Fact): string | null {
  if (/^(incident|alert|action)\./.test(fact.kind)) {
    const number = /(\d+)$/.exec(fact.subject)?.[1];
    if (number !== undefined) return addresses.incident(Number(number));
  }
  if (fact.project === null) return null;
  if (fact.kind.startsWith('promotion.')) return addresses.project(fact.project, 'promotions');
  if (fact.kind.startsWith('release.')) return addresses.project(fact.project, 'releases');
  if (fact.digest !== null && fact.kind.startsWith('image.')) return addresses.image(fact.project, fact.digest);
  if (fact.kind.startsWith('workload.')) return addresses.project(fact.project, 'workloads');
  return addresses.project(fact.project);
}

/** `user:ana` → `ana`; what is not a person keeps its kind. */
export function shortActor(actor: string): string {
  return actor.startsWith('user:') ? actor.slice(5) : actor;
}

/** A fact as a sentence: who did what to what. */
export function FactLine({ fact }: { fact: Fact }) {
  const { language } = useLanguage();
  const catalogue: Readonly<Record<string, Entry | undefined>> = factWords[language];
  const template = catalogue[fact.kind];
  const sentence = typeof template === 'string' ? template : `${fact.kind} {subject}`;
  const [before = '', after = ''] = sentence.split('{subject}');
  const to = factAddress(fact);
  const named = sentence.includes('{subject}');
  return (
    <span className="fact-line">
      <strong>{shortActor(fact.actor)}</strong> {fillWords(language, before, {})}
      {named ? to === null ? <b className="subject">{fact.subject}</b> : <Link to={to}>{fact.subject}</Link> : null}
      {after}
    </span>
  );
}
