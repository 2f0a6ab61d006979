import { Suspense, use } from 'react';
import type { Fact, Json } from '../../api/types.ts';
import { addresses } from '../addresses.ts';
import { fillWords, type Language } from '../catalogue.ts';
import { shortDigest } from '../format.ts';
import { type Translate, useLanguage, useWords } from '../language.tsx';
import { Link, loadPatiently } from '../router.tsx';
import { actorWords } from './actor-words.ts';
import { State } from './states.tsx';

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

function nameActor(t: Translate<keyof typeof actorWords.en>, actor: string): string {
  if (actor === 'platform' || actor === 'builder') return t(actor);
  const [, kind = '', name = ''] = /^(user|agent|robot|token|policy):(.+)$/.exec(actor) ?? [];
  if (kind === 'user') return name;
  if (kind === 'agent' || kind === 'policy') return t(kind, { name });
  return kind === '' ? actor : t('robot', { name });
}

/** Who acted, as one says it: `user:ana` is ana, `agent:vm` is the agent of vm. */
export function Actor({ actor }: { actor: string }) {
  return nameActor(useWords(actorWords), actor);
}

/** What a fact speaks of, without what the sentence around it says already. */
function nameSubject(t: Translate<keyof typeof actorWords.en>, subject: string): string {
  const [, place, number] = /^(.+) release (\d+)$/.exec(subject) ?? [];
  if (place !== undefined && number !== undefined) return t('release', { place, number });
  return subject
    .replace(/^(user|token):/, '')
    .replace(/^incident (?=\d+$)/, '')
    .replace(/^(remote|mirror|watch|replication|robot|policy|playbook) (?=\S+$)/, '')
    .replace(/sha(256|512):[0-9a-f]{13,}/g, shortDigest);
}

/** Where a thing that changed has arrived: the state or decision in the body of its fact. */
function outcomeOf({ kind, body }: Fact): string | null {
  if (!['workload.changed', 'workload.judged', 'promotion.requested', 'promotion.decided'].includes(kind)) return null;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return null;
  const outcome: Json | undefined = body['state'] ?? body['decision'];
  return typeof outcome === 'string' ? outcome : null;
}

type Sentences = Readonly<Record<string, string | undefined>>;

const SENTENCES: Readonly<Record<Language, () => Promise<Sentences>>> = {
  en: async () => (await import('./fact-words-en.ts')).factsEn,
  es: async () => (await import('./fact-words-es.ts')).factsEs,
};
const loading = new Map<Language, Promise<Sentences>>();

/** The sentences of one language, which are many: fetched when the first fact is told. */
function sentencesIn(language: Language): Promise<Sentences> {
  const known = loading.get(language);
  if (known !== undefined) return known;
  const started = loadPatiently(SENTENCES[language]);
  loading.set(language, started);
  return started;
}

/** A fact as a sentence: who did what to what. */
export function FactLine({ fact }: { fact: Fact }) {
  return (
    <Suspense fallback={<span className="fact-line">…</span>}>
      <ToldFact fact={fact} />
    </Suspense>
  );
}

function ToldFact({ fact }: { fact: Fact }) {
  const { language } = useLanguage();
  const sentence = use(sentencesIn(language))[fact.kind] ?? `${fact.kind} {subject}`;
  const [before = '', after = ''] = sentence.split('{subject}');
  const to = factAddress(fact);
  const t = useWords(actorWords);
  const subject = nameSubject(t, fact.subject);
  const outcome = outcomeOf(fact);
  const named = sentence.includes('{subject}') && (
    <span title={subject === fact.subject ? undefined : fact.subject}>
      {to === null ? <b className="subject">{subject}</b> : <Link to={to}>{subject}</Link>}
    </span>
  );
  return (
    <span className="fact-line">
      <strong>{nameActor(t, fact.actor)}</strong> {fillWords(language, before, {})}
      {named}
      {after}
      {outcome === null ? null : (
        <>
          {' '}
          <State state={outcome} />
        </>
      )}
    </span>
  );
}
