import type { Verdict } from '../../api/types.ts';
import { useText, useWords } from '../language.tsx';
import { ToneGlyph } from './badge.tsx';
import { State, stateTone } from './states.tsx';
import { Until, When } from './surface.tsx';
import { verdictWords } from './verdict-words.ts';

const DOORS = ['ci', 'push', 'pull', 'promote', 'start'] as const;

/** At which door a verdict was given; one this console does not know is shown by its name. */
export function DoorName({ door }: { door: string }) {
  const t = useWords(verdictWords);
  const known = DOORS.find((name) => name === door);
  return known === undefined ? door : t(known);
}

type Reason = Verdict['reasons'][number];

/** The same reason for several containers is one reason: read once, with all it speaks of. */
function joinReasons(reasons: readonly Reason[]): readonly (readonly [Reason, readonly string[]])[] {
  const joined = new Map<string, [Reason, string[]]>();
  for (const reason of reasons) {
    const key = `${reason.rule} ${reason.effect} ${reason.message.en}`;
    const known = joined.get(key);
    const subjects = reason.subject === null ? [] : [reason.subject];
    if (known === undefined) joined.set(key, [reason, subjects]);
    else known[1].push(...subjects);
  }
  const rank = ([reason]: [Reason, string[]]) => (reason.effect === 'refuse' ? 0 : 1);
  return [...joined.values()].sort((a, b) => rank(a) - rank(b));
}

type Joined = ReturnType<typeof joinReasons>[number];

/** What one rule says again and again with one way out stands together: the first, and the others when somebody asks. */
function groupReasons(joined: readonly Joined[]): readonly (readonly [Joined, ...Joined[]])[] {
  const groups = new Map<string, [Joined, ...Joined[]]>();
  for (const one of joined) {
    const [{ rule, effect, remedy }, subjects] = one;
    const key = [rule, effect, remedy?.en ?? '', ...subjects].join(' ');
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [one]);
    else known.push(one);
  }
  return [...groups.values()];
}

/** Reasons of a verdict, the gravest first: what, the way out, the rule, and on what. */
export function Reasons({ reasons }: { reasons: readonly Reason[] }) {
  const t = useWords(verdictWords);
  const text = useText();
  return (
    <ul className="reasons">
      {groupReasons(joinReasons(reasons)).map(([[reason, subjects], ...others]) => (
        <li key={`${reason.rule}-${reason.message.en}`} className={`tone-${stateTone(reason.effect)}`}>
          <ToneGlyph tone={stateTone(reason.effect)} />
          <div>
            <p>{text(reason.message)}</p>
            {others.length === 0 ? null : (
              <details>
                <summary>{t('alike', { count: others.length })}</summary>
                {others.map(([other]) => (
                  <p key={other.message.en}>{text(other.message)}</p>
                ))}
              </details>
            )}
            {reason.remedy === null ? null : (
              <p className="remedy">
                <span>{t('remedy')}:</span> {text(reason.remedy)}
              </p>
            )}
            <p className="reason-source">
              <span className="mono">{reason.rule}</span>
              {subjects.length === 0 ? null : <span className="mono"> · {subjects.join(', ')}</span>}
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}

/** A verdict with every reason: the rule, what it says, on what, and the way out. */
export function VerdictCard({ verdict }: { verdict: Verdict | null }) {
  const t = useWords(verdictWords);
  if (verdict === null) return <p className="quiet-text">{t('none')}</p>;
  return (
    <div className="verdict">
      <p className="verdict-head">
        <State state={verdict.decision} />
        <span>
          {t('policy')} <strong>{verdict.policy.name}</strong> v{verdict.policy.version}
        </span>
        {verdict.environment === null ? null : <span className="chip">{verdict.environment}</span>}
        <span className="chip">
          <DoorName door={verdict.door} />
        </span>
        <span className="quiet-text">
          <When at={verdict.at} />
          {verdict.expiresAt === null ? null : (
            <>
              {' · '}
              {t('expires')} <Until at={verdict.expiresAt} />
            </>
          )}
        </span>
      </p>
      {verdict.reasons.length === 0 ? (
        <p className="quiet-text">{t('noReasons')}</p>
      ) : (
        <Reasons reasons={verdict.reasons} />
      )}
    </div>
  );
}
