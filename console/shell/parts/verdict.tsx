import type { Verdict } from '../../api/types.ts';
import { useText, useWords } from '../language.tsx';
import { ToneGlyph } from './badge.tsx';
import { State, stateTone } from './states.tsx';
import { Until, When } from './surface.tsx';
import { verdictWords } from './verdict-words.ts';

/** A verdict with every reason: the rule, what it says, on what, and the way out. */
export function VerdictCard({ verdict }: { verdict: Verdict | null }) {
  const t = useWords(verdictWords);
  const text = useText();
  if (verdict === null) return <p className="quiet-text">{t('none')}</p>;
  return (
    <div className="verdict">
      <p className="verdict-head">
        <State state={verdict.decision} />
        <span>
          {t('policy')} <strong>{verdict.policy.name}</strong> v{verdict.policy.version}
        </span>
        {verdict.environment === null ? null : <span className="chip">{verdict.environment}</span>}
        <span className="chip">{verdict.door}</span>
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
        <ul className="reasons">
          {verdict.reasons.map((reason) => (
            <li key={`${reason.rule}-${reason.subject}`} className={`tone-${stateTone(reason.effect)}`}>
              <ToneGlyph tone={stateTone(reason.effect)} />
              <div>
                <p>{text(reason.message)}</p>
                {reason.remedy === null ? null : (
                  <p className="remedy">
                    <span>{t('remedy')}:</span> {text(reason.remedy)}
                  </p>
                )}
                <p className="reason-source">
                  <span className="mono">{reason.rule}</span>
                  {reason.subject === null ? null : <span className="mono"> · {reason.subject}</span>}
                </p>
              </div>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
