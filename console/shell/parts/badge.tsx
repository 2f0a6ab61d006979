import type { ReactNode } from 'react';
import type { Decision, Risk } from '../../api/types.ts';
import { useWords } from '../language.tsx';
import { words } from '../words.ts';

/** The five steps of severity, told apart by shape and word as well as by colour. */
export type Level = 'critical' | 'high' | 'medium' | 'low' | 'none';
export type Tone = 'ok' | 'warn' | 'bad' | 'pending' | 'absent';

const LEVEL_SHAPES: Readonly<Record<Level, ReactNode>> = {
  critical: <rect className="solid" x="1" y="1" width="10" height="10" rx="1.5" />,
  high: <path className="solid" d="M6 1 11.3 10.5H.7z" />,
  medium: <path className="solid" d="M6 .8 11.2 6 6 11.2.8 6z" />,
  low: <circle className="line" cx="6" cy="6" r="4.2" />,
  none: <path className="line" d="M2 6h8" />,
};

const TONE_SHAPES: Readonly<Record<Tone, ReactNode>> = {
  ok: (
    <>
      <circle className="solid" cx="6" cy="6" r="5.5" />
      <path className="cut" d="M3.4 6.2l1.8 1.8 3.4-3.7" />
    </>
  ),
  warn: (
    <>
      <path className="solid" d="M6 .6 11.8 11H.2z" />
      <path className="cut" d="M6 4.3v3.2M6 9.3v.2" />
    </>
  ),
  bad: (
    <>
      <path className="solid" d="M3.7.5h4.6l3.2 3.2v4.6l-3.2 3.2H3.7L.5 8.3V3.7z" />
      <path className="cut" d="M4.1 4.1l3.8 3.8M7.9 4.1 4.1 7.9" />
    </>
  ),
  pending: <circle className="line turning" cx="6" cy="6" r="4.5" />,
  absent: <circle className="line dotted" cx="6" cy="6" r="4.5" />,
};

function Glyph({ className, children }: { className: string; children: ReactNode }) {
  return (
    <svg
      className={`glyph ${className}`}
      width="12"
      height="12"
      viewBox="0 0 12 12"
      aria-hidden="true"
      focusable="false"
    >
      {children}
    </svg>
  );
}

export function ToneGlyph({ tone }: { tone: Tone }) {
  return <Glyph className={`tone-${tone}`}>{TONE_SHAPES[tone]}</Glyph>;
}

export function LevelGlyph({ level }: { level: Level }) {
  return <Glyph className={`level-${level}`}>{LEVEL_SHAPES[level]}</Glyph>;
}

/** A state: shape, word and colour. */
export function StateBadge({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <span className={`badge tone-${tone}`}>
      <ToneGlyph tone={tone} />
      {children}
    </span>
  );
}

export function LevelBadge({ level, children }: { level: Level; children: ReactNode }) {
  return (
    <span className={`badge level-${level}`}>
      <LevelGlyph level={level} />
      {children}
    </span>
  );
}

/** A neutral word in a frame: a kind, a role, a tag. */
export function Chip({ children, mono = false }: { children: ReactNode; mono?: boolean }) {
  return <span className={mono ? 'chip mono' : 'chip'}>{children}</span>;
}

export const RISKS: readonly Risk[] = ['act-now', 'high', 'medium', 'low', 'unknown'];

const RISK_LEVELS: Readonly<Record<Risk, Level>> = {
  'act-now': 'critical',
  high: 'high',
  medium: 'medium',
  low: 'low',
  unknown: 'none',
};

const RISK_WORDS = { 'act-now': 'actNow', high: 'high', medium: 'medium', low: 'low', unknown: 'unknown' } as const;

export function RiskBadge({ risk }: { risk: Risk }) {
  const t = useWords(words);
  return <LevelBadge level={RISK_LEVELS[risk] ?? 'none'}>{t(RISK_WORDS[risk] ?? 'unknown')}</LevelBadge>;
}

/** Counts by risk in a row, zeros left out, each readable without its colour. */
export function RiskCounts({ byRisk }: { byRisk: Partial<Readonly<Record<Risk, number>>> }) {
  const t = useWords(words);
  const present = RISKS.filter((risk) => (byRisk[risk] ?? 0) > 0);
  return (
    <span className="risk-counts">
      {present.map((risk) => (
        <span key={risk} className={`risk-count level-${RISK_LEVELS[risk]}`} title={t(RISK_WORDS[risk])}>
          <LevelGlyph level={RISK_LEVELS[risk]} />
          {byRisk[risk]}
          <span className="hidden-text"> {t(RISK_WORDS[risk])}</span>
        </span>
      ))}
    </span>
  );
}

export const DECISION_TONES: Readonly<Record<Decision, Tone>> = { allow: 'ok', warn: 'warn', refuse: 'bad' };
